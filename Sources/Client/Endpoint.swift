// Where a node is reached: its URL, and what a Location field names (RFC 3986 §3.2, RFC 9110 §10.2.2).

/// A node as clients reach it: `http://host:port`.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name or an IP address, without brackets.
    public let host: String
    public let port: UInt16

    /// Why a text is no endpoint; a sentence for people, without its beginning.
    public struct Flaw: Error, Equatable, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Reads `http://host:port`; without a port it is 80. A slash may follow, and nothing else.
    public init(_ url: String) throws(Flaw) {
        let expected = "a URL such as http://127.0.0.1:8001, not \"\(url)\""
        guard !url.hasPrefix("https://") else { throw Flaw(description: "\(expected): TLS is not built yet") }
        guard url.hasPrefix("http://") else { throw Flaw(description: expected) }
        var authority = url.dropFirst(7)
        if authority.hasSuffix("/") { authority = authority.dropLast() }
        guard let endpoint = Endpoint(authority: authority) else { throw Flaw(description: expected) }
        self = endpoint
    }

    /// Reads `URL,URL,…`.
    public static func list(_ text: String) throws(Flaw) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let endpoint = try Endpoint(String(part.drop { $0 == " " }))
            if !endpoints.contains(endpoint) { endpoints.append(endpoint) }
        }
        return endpoints
    }

    private init?(authority: Substring) {
        var host = authority
        var port: UInt16 = 80
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            let digits = authority[authority.index(after: colon)...]
            guard digits.utf8.allSatisfy({ $0 &- 0x30 < 10 }), let number = UInt16(digits), number > 0 else {
                return nil
            }
            host = authority[..<colon]
            port = number
        }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        let isNamed = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"):
                true
            case UInt8(ascii: ":"), UInt8(ascii: "%"): isBracketed
            default: false
            }
        }
        guard isNamed, !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = port
    }

    /// `host:port`, as in the Host field.
    public var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    public var description: String { "http://\(authority)" }

    /// What a Location field of this endpoint's answer names: an endpoint, and the target to ask it for; nil
    /// if that cannot be asked for here.
    func following(_ location: [UInt8]) -> (endpoint: Endpoint, target: [UInt8])? {
        // The field becomes a request line.
        guard !location.isEmpty, location.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let target = location.prefix { $0 != UInt8(ascii: "#") }
        if target.first == UInt8(ascii: "/") {
            return target.starts(with: "//".utf8) ? nil : (self, Array(target))
        }
        guard target.starts(with: "http://".utf8) else { return nil }
        let rest = target.dropFirst(7)
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        let authority = String(decoding: rest[..<end], as: UTF8.self)
        guard let endpoint = Endpoint(authority: authority[...]) else { return nil }
        var path = Array(rest[end...])
        if path.first != UInt8(ascii: "/") { path.insert(UInt8(ascii: "/"), at: 0) }
        return (endpoint, path)
    }
}
