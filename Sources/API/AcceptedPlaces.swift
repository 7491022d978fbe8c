// Which origins and hosts a request may name: web pages of others must not act here in a visitor's name
// (Interface §11).
internal import HTTP

/// The origins and hosts that a node accepts besides its own and any.
///
/// A class only so that limits stay small to hand on; it never changes.
public final class AcceptedPlaces: Sendable {
    /// In lower case: `https://kv.example.com`.
    private let origins: [[UInt8]]
    /// In lower case, with or without a port; empty: any host is accepted.
    private let hosts: [[UInt8]]

    /// Accepts these origins besides the node's own, and, where a host is named, no other hosts but addresses
    /// and `localhost`. A host without a port goes with every one.
    public init(origins: [String], hosts: [String]) {
        self.origins = origins.map { AcceptedPlaces.lowercased(Array($0.utf8).span) }
        self.hosts = hosts.map { AcceptedPlaces.lowercased(Array($0.utf8).span) }
    }

    /// Whether it is an origin of the web: scheme, `://`, host, and a port where it is not the scheme's.
    public static func isOrigin(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let start = hostOffset(bytes.span), start < bytes.count else { return false }
        return isHost(bytes.span.extracting(start..<bytes.count))
    }

    /// Whether it is a name, with or without a port.
    public static func isHost(_ text: String) -> Bool { !text.isEmpty && isHost(Array(text.utf8).span) }

    /// Refuses a request whose Host is not accepted.
    func checkHost(_ head: borrowing RequestHead, in bytes: Span<UInt8>) throws(Refusal) {
        if hosts.isEmpty { return }
        if let host = head.host, !accepts(host: bytes.extracting(host)) {
            throw Refusal(403, .crossOrigin, "The Host field has no name that this node goes by.")
        }
    }

    /// Refuses a request whose Origin, `origin`, is neither the node's own nor accepted by `places`.
    static func checkOrigin(
        _ origin: Span<UInt8>, _ head: borrowing RequestHead, in bytes: Span<UInt8>, _ places: AcceptedPlaces?
    ) throws(Refusal) {
        if let host = head.host, let start = hostOffset(origin), start == 7,
            areAlike(origin.extracting(7..<origin.count), bytes.extracting(host))
        {
            return
        }
        for accepted in places?.origins ?? [] where areAlike(origin, accepted.span) { return }
        throw Refusal(403, .crossOrigin, "The Origin field does not name this node.")
    }

    /// A page reaches a node by a name that it had resolved to the node's address (DNS rebinding), but never
    /// by the address itself: those are always accepted, and so is `localhost`.
    private func accepts(host: Span<UInt8>) -> Bool {
        let name = host.extracting(0..<AcceptedPlaces.nameEnd(host))
        if AcceptedPlaces.isAddress(name) || AcceptedPlaces.areAlike(name, Array("localhost".utf8).span) {
            return true
        }
        for accepted in hosts {
            let span = accepted.span
            let hasPort = AcceptedPlaces.nameEnd(span) < span.count
            if AcceptedPlaces.areAlike(hasPort ? host : name, span) { return true }
        }
        return false
    }

    /// Where the host of an origin begins; nil: it is no origin of the web.
    private static func hostOffset(_ origin: Span<UInt8>) -> Int? {
        for (scheme, count) in [("http://" as StaticString, 7), ("https://", 8)] where origin.count >= count {
            if origin.extracting(0..<count).equalsIgnoringCase(scheme) { return count }
        }
        return nil
    }

    /// Where the name ends and a port may begin.
    private static func nameEnd(_ host: Span<UInt8>) -> Int {
        var index = host.count
        while index > 0, host[index - 1] &- 0x30 < 10 { index -= 1 }
        return index > 0 && host[index - 1] == UInt8(ascii: ":") ? index - 1 : host.count
    }

    /// Whether it is an IPv4 address, or an IPv6 address in brackets: no name of the DNS looks like them.
    private static func isAddress(_ name: Span<UInt8>) -> Bool {
        if name.count > 2, name[0] == UInt8(ascii: "["), name[name.count - 1] == UInt8(ascii: "]") {
            return true
        }
        var dots = 0
        var digits = 0
        for index in name.indices {
            if name[index] == UInt8(ascii: "."), digits > 0 {
                dots += 1
                digits = 0
            } else if name[index] &- 0x30 < 10, digits < 3 {
                digits += 1
            } else {
                return false
            }
        }
        return dots == 3 && digits > 0
    }

    private static func isHost(_ text: Span<UInt8>) -> Bool {
        for index in text.indices {
            switch text[index] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"):
                continue
            default: return false
            }
        }
        return true
    }

    /// Whether the bytes are the same, whatever the case of their ASCII letters.
    private static func areAlike(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
        guard one.count == other.count else { return false }
        for index in one.indices where lowercased(one[index]) != lowercased(other[index]) { return false }
        return true
    }

    private static func lowercased(_ bytes: Span<UInt8>) -> [UInt8] {
        var lower: [UInt8] = []
        for index in bytes.indices { lower.append(lowercased(bytes[index])) }
        return lower
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
}
