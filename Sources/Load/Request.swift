// Requests as bytes, made once: only the key's digits and the value are another's each time.
internal import Client
internal import Glibc
internal import HTTP

/// A read or a write to one node, for any key.
struct Request: Sendable {
    private let bytes: [UInt8]
    /// Where the last digit of the key ends.
    private let digitsEnd: Int
    private let digits: Int
    private let valueBytes: Int

    /// How many bytes one takes.
    var count: Int { bytes.count + valueBytes }

    static func read(_ plan: LoadPlan, at endpoint: Endpoint, isLeader: Bool) -> Request {
        // A follower that is asked for the newest state finds it out by itself rather than redirect.
        let query = plan.isLocal ? "?consistency=local" : isLeader ? "" : "?redirect=no"
        return Request(plan, "GET", query, at: endpoint, valueBytes: nil)
    }

    static func write(_ plan: LoadPlan, at endpoint: Endpoint) -> Request {
        Request(plan, "PUT", "", at: endpoint, valueBytes: plan.valueBytes)
    }

    private init(
        _ plan: LoadPlan, _ method: StaticString, _ query: String, at endpoint: Endpoint, valueBytes: Int?
    ) {
        digits = plan.digits
        self.valueBytes = valueBytes ?? 0
        let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: digits)
        let path = keyPath(plan.prefix + zeros)
        var head: [UInt8] = []
        Writer.appendRequestLine(
            method, target: (path + Array(query.utf8)).span, host: Array(endpoint.authority.utf8).span,
            to: &head)
        if let valueBytes { Writer.appendField("Content-Length", valueBytes, to: &head) }
        Writer.appendEnd(to: &head)
        bytes = head
        // The method, a space, and the path, which ends with the digits: they are never escaped.
        digitsEnd = method.utf8CodeUnitCount + 1 + path.count
    }

    /// Writes the request for a key; `value`: where the value's bytes lie. Answers how many bytes it wrote.
    func write(key: UInt32, value: UnsafePointer<UInt8>, to out: UnsafeMutableRawPointer) -> Int {
        bytes.withUnsafeBytes { head in
            if let base = head.baseAddress { memcpy(out, base, head.count) }
        }
        var place = digitsEnd
        var rest = key
        while rest > 0 {
            place -= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            out.storeBytes(of: 0x30 | UInt8(truncatingIfNeeded: digit), toByteOffset: place, as: UInt8.self)
            rest = quotient
        }
        memcpy(out + bytes.count, value, valueBytes)
        return count
    }
}

/// Printable bytes from which values are cut, each from another place.
///
/// They are written once, before any thread has them.
final class Values: @unchecked Sendable {
    private let start: UnsafeMutablePointer<UInt8>
    private static let places = 4_096

    init(bytes: Int, seed: UInt64) {
        var chance = Chance(seed: seed)
        start = .allocate(capacity: bytes + Self.places)
        for place in 0..<bytes + Self.places {
            (start + place).initialize(to: UInt8(0x61 + chance.below(26)))
        }
    }

    deinit { start.deallocate() }

    var first: UnsafePointer<UInt8> { UnsafePointer(start) }

    /// A value's bytes: of the size that was asked for.
    func next(_ chance: inout Chance) -> UnsafePointer<UInt8> {
        UnsafePointer(start + Int(chance.below(UInt64(Self.places))))
    }
}
