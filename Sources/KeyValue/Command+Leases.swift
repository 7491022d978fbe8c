// Leases and idempotency keys as the log carries them.
internal import JSON

extension Command {
    /// Appends a command that grants a lease.
    ///
    /// ```json
    /// {"at":123456,"grant":{"id":"7","ttl":30000}}
    /// ```
    /// - Parameters:
    ///   - lease: the id that is wanted, a positive number of 63 bits; nil: any.
    ///   - ttlMilliseconds: how long the lease lives without a keepalive.
    ///   - once: the client's own name for this write.
    ///   - at: the leader's cluster time.
    ///   - out: where one JSON object, without a newline, goes.
    public static func appendGrant(
        _ lease: UInt64?, ttlMilliseconds: UInt64, once: Once? = nil, at: ClusterTime, to out: inout [UInt8]
    ) {
        append(at: at, once, to: &out)
        out.append(literal: ",\"grant\":{")
        if let lease {
            out.append(literal: "\"id\":")
            append(lease: lease, to: &out)
            out.append(UInt8(ascii: ","))
        }
        out.append(literal: "\"ttl\":")
        out.append(decimal: ttlMilliseconds)
        out.append(literal: "}}")
    }

    /// Appends a command that ends a lease and its keys: `{"at":123456,"revoke":"7"}`.
    public static func appendRevoke(
        _ lease: UInt64, once: Once? = nil, at: ClusterTime, to out: inout [UInt8]
    ) {
        append(at: at, once, to: &out)
        out.append(literal: ",\"revoke\":")
        append(lease: lease, to: &out)
        out.append(UInt8(ascii: "}"))
    }

    /// Appends a command that ends these leases, which have run out by the leader's clock, and all keys whose
    /// moment has come: `{"at":123456,"expire":["7","9"]}`.
    public static func appendExpire(_ leases: [UInt64], at: ClusterTime, to out: inout [UInt8]) {
        append(at: at, to: &out)
        out.append(literal: ",\"expire\":[")
        for (place, lease) in leases.enumerated() {
            if place > 0 { out.append(UInt8(ascii: ",")) }
            append(lease: lease, to: &out)
        }
        out.append(literal: "]}")
    }

    /// Appends what every command of a client begins with.
    static func append(at: ClusterTime, _ once: Once?, to out: inout [UInt8]) {
        append(at: at, to: &out)
        guard let once else { return }
        out.append(literal: ",\"once\":{\"key\":")
        append(string: once.key.span, to: &out)
        out.append(literal: ",\"request\":\"")
        once.request.append(to: &out)
        out.append(literal: "\"}")
    }

    static func append(_ lifetime: Lifetime, to out: inout [UInt8]) {
        switch lifetime {
        case .unbounded: return
        case .ttl(let milliseconds):
            out.append(literal: ",\"ttl\":")
            out.append(decimal: milliseconds)
        case .lease(let id):
            out.append(literal: ",\"lease\":")
            append(lease: id, to: &out)
        }
    }

    /// An id has up to 63 bits, which a number of JSON does not carry exactly.
    private static func append(lease: UInt64, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        out.append(decimal: lease)
        out.append(UInt8(ascii: "\""))
    }
}

extension Once.Fingerprint {
    /// Appends 32 hexadecimal digits.
    public func append(to out: inout [UInt8]) {
        for word in [high, low] {
            out.append(hexadecimal8: UInt32(truncatingIfNeeded: word >> 32))
            out.append(hexadecimal8: UInt32(truncatingIfNeeded: word))
        }
    }
}
