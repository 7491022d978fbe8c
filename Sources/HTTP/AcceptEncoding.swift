// The Accept-Encoding field: whether content may, or must, go out compressed (RFC 9110 §12.5.3).

/// How a client wants content coded, of the codings that this server has: none, and gzip.
public enum ContentCoding: UInt8, Sendable, Equatable {
    /// As it is.
    case identity
    /// With gzip, where that pays.
    case gzip
    /// With gzip, however small it is: as it is, the client would not take it.
    case onlyGzip

    /// What the request's Accept-Encoding says; without the field, or with an empty one, as it is.
    ///
    /// Gzip goes where it is liked as well as no coding, or where only one of the two is spoken of and taken.
    /// What takes neither gets the content as it is. Members of the list that are malformed say nothing.
    public init(acceptedBy head: borrowing RequestHead, in bytes: Span<UInt8>) {
        var gzip: Quality?
        var identity: Quality?
        var others: Quality?
        var line = head.fields.next(named: "accept-encoding", after: 0, in: bytes)
        while let value = line {
            var start = value.lowerBound
            while start < value.upperBound {
                let end = memberEnd(start..<value.upperBound, in: bytes)
                if let member = WeightedName(start..<end, in: bytes) {
                    let name = member.name
                    if matches("gzip", name, in: bytes) || matches("x-gzip", name, in: bytes) {
                        gzip = max(gzip ?? Quality.none, member.quality)
                    } else if matches("identity", name, in: bytes) {
                        identity = max(identity ?? Quality.none, member.quality)
                    } else if matches("*", name, in: bytes) {
                        others = max(others ?? Quality.none, member.quality)
                    }
                }
                start = end + 1
            }
            line = head.fields.next(named: "accept-encoding", after: value.upperBound, in: bytes)
        }
        let compressed = gzip ?? others ?? Quality.none
        // No coding is acceptable unless it is said not to be, and liked least unless it is said how much.
        switch identity ?? others {
        case _ where compressed == Quality.none: self = .identity
        case nil: self = .gzip
        case .some(let plain):
            self = plain == Quality.none ? .onlyGzip : compressed >= plain ? .gzip : .identity
        }
    }
}

extension Fields {
    /// The value of the first line of a field of this name that begins after `offset`, or nil. The name is in
    /// lower case. It reads the head again, so it is for fields that few requests are asked for.
    func next(named name: StaticString, after offset: Int, in bytes: Span<UInt8>) -> Range<Int>? {
        var lines = Lines()
        lines.start = start
        lines.scanned = start
        while let line = try? lines.next(in: bytes), !line.isEmpty {
            guard line.lowerBound > offset else { continue }
            let colon = colonOffset(line, in: bytes)
            guard colon < line.upperBound, matches(name, line.lowerBound..<colon, in: bytes) else { continue }
            return trimmed(colon + 1..<line.upperBound, in: bytes)
        }
        return nil
    }
}
