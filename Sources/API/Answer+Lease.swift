// What is answered about leases (Interface §4).
internal import JSON
public import KeyValue

extension Answer {
    /// The most bytes that a lease with its keys takes: each key with quotes and a comma, and each byte of it
    /// escaped as `\u0001`; and 256 for the rest.
    public static let leaseBytesMax = Lease.keysMax * (6 * Command.keyBytesMax + 3) + 256

    /// `201`: a lease was granted.
    func appendGranted(
        _ id: UInt64, ttlMilliseconds: UInt64, _ revision: Revision, to out: inout [UInt8]
    ) {
        begin(
            "HTTP/1.1 201 Created\r\nCache-Control: no-store\r\nContent-Type: application/json\r\n", to: &out)
        out.append(literal: "Location: /leases/")
        out.append(decimal: id)
        out.append(literal: "\r\n")
        field("Rast-Revision: ", revision.rawValue, to: &out)
        var content: [UInt8] = []
        content.append(lease: id, ttlMilliseconds: ttlMilliseconds, remainingMilliseconds: ttlMilliseconds)
        content.append(literal: ",\"keys\":[]}\n")
        end(content.span, to: &out)
    }

    /// `200`: a lease and its keys.
    ///
    /// - Parameters:
    ///   - lease: the lease.
    ///   - remainingMilliseconds: how long it lives without a further keepalive.
    ///   - keys: the keys that it holds.
    ///   - revision: the store's.
    ///   - out: where the response goes.
    public func append(
        _ lease: Lease, remainingMilliseconds: UInt64, keys: [[UInt8]], storeRevision revision: Revision,
        to out: inout [UInt8]
    ) {
        var content: [UInt8] = []
        content.append(
            lease: lease.id, ttlMilliseconds: lease.ttlMilliseconds,
            remainingMilliseconds: remainingMilliseconds)
        content.append(literal: ",\"keys\":[")
        for (place, key) in keys.enumerated() {
            if place > 0 { content.append(UInt8(ascii: ",")) }
            content.append(jsonString: key.span)
        }
        content.append(literal: "]}\n")
        append(object: content, revision: revision, to: &out)
    }

    /// The content of a page of the leases, without their keys, for ``append(_:_:isGzip:to:)``.
    ///
    /// - Parameters:
    ///   - listing: where the page begins, and how much is on it.
    ///   - store: the store.
    ///   - remainingMilliseconds: how long a lease lives without a further keepalive.
    /// - Returns: an object with `revision`, `count`, `leases` and, while there are more, `next`.
    public func leasesContent(
        _ listing: Listing, of store: borrowing Store, remainingMilliseconds: (UInt64) -> UInt64
    ) -> [UInt8] {
        var after: UInt64 = 0
        if case .key(let id) = listing.place { after = Lease.id(decimal: id.span) ?? 0 }
        var count = 0
        var next: UInt64?
        var leases: [UInt8] = []
        store.forEachLease(after: after) { lease in
            if count == listing.limit {
                next = after
                return false
            }
            if count > 0 { leases.append(UInt8(ascii: ",")) }
            leases.append(
                lease: lease.id, ttlMilliseconds: lease.ttlMilliseconds,
                remainingMilliseconds: remainingMilliseconds(lease.id))
            leases.append(UInt8(ascii: "}"))
            count += 1
            after = lease.id
            return true
        }
        var content: [UInt8] = []
        content.append(literal: "{\"revision\":")
        content.append(decimal: store.revision.rawValue)
        content.append(literal: ",\"count\":")
        content.append(decimal: UInt64(count))
        content.append(literal: ",\"leases\":[")
        content.append(bytes: leases.span)
        content.append(UInt8(ascii: "]"))
        if let next {
            content.append(literal: ",\"next\":\"")
            Cursor.append(.key(Array("\(next)".utf8)), of: listing.parameters, to: &content)
            content.append(UInt8(ascii: "\""))
        }
        content.append(literal: "}\n")
        return content
    }

    /// `200`: a lease has ended, and its keys.
    func appendRevoked(_ id: UInt64, deleted: Int, _ revision: Revision, to out: inout [UInt8]) {
        var content: [UInt8] = []
        content.append(literal: "{\"id\":\"")
        content.append(decimal: id)
        content.append(literal: "\",\"deleted\":")
        content.append(decimal: UInt64(deleted))
        content.append(literal: ",\"revision\":")
        content.append(decimal: revision.rawValue)
        content.append(literal: "}\n")
        append(object: content, revision: revision, to: &out)
    }
}

extension [UInt8] {
    /// Appends an object that is not ended yet. What is left is in seconds, rounded up.
    fileprivate mutating func append(
        lease id: UInt64, ttlMilliseconds: UInt64, remainingMilliseconds: UInt64
    ) {
        append(literal: "{\"id\":\"")
        append(decimal: id)
        append(literal: "\",\"ttl\":")
        append(secondsOf: ttlMilliseconds)
        append(literal: ",\"remaining\":")
        append(decimal: (remainingMilliseconds + 999) / 1_000)
    }

    /// Appends a time in seconds, with as many decimals as it has.
    private mutating func append(secondsOf milliseconds: UInt64) {
        append(decimal: milliseconds / 1_000)
        var rest = milliseconds % 1_000
        if rest == 0 { return }
        append(UInt8(ascii: "."))
        var unit: UInt64 = 100
        while rest > 0 {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / unit))
            rest %= unit
            unit /= 10
        }
    }
}
