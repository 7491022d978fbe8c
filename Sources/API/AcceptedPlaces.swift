// Which origins and hosts a request may name: web pages of others must not act here in a visitor's name
// (Interface §11).
internal import HTTP

/// The origins and hosts that a node accepts.
public struct AcceptedPlaces: Sendable {
    /// Origins besides the node's own, in lower case: `https://kv.example.com`.
    private var origins: [[UInt8]] = []
    /// Names as which the node may be asked, in lower case, with or without a port; empty: any.
    private var hosts: [[UInt8]] = []

    public init() {}

    /// Accepts an origin besides the node's own: scheme, `://`, host, and a port where it is not the
    /// scheme's. False: it is none.
    public mutating func accept(origin: String) -> Bool {
        let bytes = Array(origin.utf8)
        guard let start = AcceptedPlaces.hostOffset(bytes.span), start < bytes.count,
            AcceptedPlaces.isHost(bytes.span.extracting(start..<bytes.count))
        else { return false }
        origins.append(AcceptedPlaces.lowercased(bytes.span))
        return true
    }

    /// Accepts a name as which the node is asked; from then on, only those that were named are, and
    /// addresses. Without a port it goes with every one. False: it is no name.
    public mutating func accept(host: String) -> Bool {
        let bytes = Array(host.utf8)
        guard !bytes.isEmpty, AcceptedPlaces.isHost(bytes.span) else { return false }
        hosts.append(AcceptedPlaces.lowercased(bytes.span))
        return true
    }

    /// Refuses a request whose Host is not accepted, or whose Origin is neither accepted nor the node's own.
    func check(_ head: borrowing RequestHead, in bytes: Span<UInt8>) throws(Refusal) {
        if !hosts.isEmpty, let host = head.host, !accepts(host: bytes.extracting(host)) {
            throw Refusal(403, .crossOrigin, "The Host field has no name that this node goes by.")
        }
        guard let range = head[.origin] else { return }
        let origin = bytes.extracting(range)
        if let host = head.host, let start = AcceptedPlaces.hostOffset(origin), start == 7,
            AcceptedPlaces.areAlike(origin.extracting(7..<origin.count), bytes.extracting(host))
        {
            return
        }
        for accepted in origins where AcceptedPlaces.areAlike(origin, accepted.span) { return }
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
