// Requests and responses: the same bytes mean the same, in whatever pieces they arrive (RFC 9112).
import API
import HTTP
import KeyValue

/// What some bytes were read as.
private struct Reading {
    var numbers: [Int] = []
    var ranges: [Range<Int>?] = []
    var content: [UInt8] = []
    /// Where the next message begins; 0 where this one is not whole.
    var end = 0
    var flaw: Flaw?
    var head: RequestHead?

    func isSame(as other: Reading) -> Bool {
        numbers == other.numbers && ranges == other.ranges && content == other.content && end == other.end
            && flaw == other.flaw
    }
}

extension FuzzTarget {
    func feedRequests(_ bytes: [UInt8]) throws(Contradiction) {
        try readAll(bytes, isRequest: true)
    }

    func feedResponses(_ bytes: [UInt8]) throws(Contradiction) {
        try readAll(bytes, isRequest: false)
    }

    /// Reads one message after the other, each at once, byte by byte, and in pieces of some bytes.
    private func readAll(_ bytes: [UInt8], isRequest: Bool) throws(Contradiction) {
        var start = 0
        for _ in 0..<8 where start < bytes.count {
            let unread = bytes.span.extracting(start..<bytes.count)
            let whole = Reading(unread, step: .max, isRequest: isRequest)
            try whole.check(count: unread.count)
            for step in [1, 5, 64] {
                let pieces = Reading(unread, step: step, isRequest: isRequest)
                // Limits are looked at where a piece ends, so the flaw may be another, but not its presence.
                try expect(
                    pieces.isSame(as: whole) || pieces.flaw != nil && whole.flaw != nil,
                    "in pieces of \(step): \(pieces); at once: \(whole)")
            }
            guard whole.end > 0 else { return }
            if let head = whole.head {
                try understand(head, unread.extracting(0..<head.count))
            }
            start += whole.end
        }
    }

    /// What a request asks for; and what a list is answered.
    func understand(_ head: RequestHead, _ bytes: Span<UInt8>) throws(Contradiction) {
        var scratch: [UInt8] = []
        var limits = RequestLimits()
        limits.valueBytesMax = 1_000
        let request: Request
        do throws(Refusal) {
            request = try Request(head, in: bytes, limits: limits, scratch: &scratch)
        } catch {
            var answer: [UInt8] = []
            Answer(Context(node: 1), Manner(head)).append(error, to: &answer)
            return
        }
        _ = Accept(head).quality(of: "application/json", in: bytes)
        request.withContentType(in: bytes) { _ in }
        if request.route == .key {
            let count = request.withKey(in: bytes, scratch: &scratch) { $0.count }
            try expect(count > 0 && count <= Command.keyBytesMax, "a key of \(count) bytes")
        }
        if let listing = request.listing {
            var answer: [UInt8] = []
            Answer(Context(node: 1), Manner(head)).appendPage(listing, of: Self.smallStore, to: &answer)
            var stream: [UInt8] = []
            var walk = ListWalk(listing)
            Answer(Context(node: 1), Manner(head)).appendStreamHead(storeRevision: Revision(3), to: &stream)
            for _ in 0..<8 where !walk.isOver {
                walk.appendChunk(
                    from: Self.smallStore, now: .zero, bytesMax: 100, lines: &scratch, to: &stream)
            }
        }
    }

    private static let smallStore: Store = {
        var store = Store()
        for (place, key) in ["a", "a/b", "a/b/c", "b", "b/ä", "c%2F", "z"].enumerated() {
            var command: [UInt8] = []
            let key = Array(key.utf8)
            Command.appendPut(
                key: key.span, value: key.span, contentType: [UInt8]().span, precondition: Precondition(),
                at: ClusterTime(milliseconds: 1), to: &command)
            _ = store.apply(command.span, index: UInt64(place) + 1)
        }
        return store
    }()
}

extension Reading {
    /// The limits are small, so that small inputs reach them.
    private static var limits: Limits {
        Limits(requestLineBytesMax: 256, fieldBytesMax: 512, fieldCountMax: 12)
    }
    private static let contentBytesMax = 4_096

    /// Reads the first message of `bytes`, which arrive `step` at a time.
    init(_ bytes: Span<UInt8>, step: Int, isRequest: Bool) {
        do throws(MessageError) {
            if isRequest {
                try readRequest(bytes, step)
            } else {
                try readResponse(bytes, step)
            }
        } catch {
            flaw = error.flaw
            end = 0
        }
    }

    private mutating func readRequest(_ bytes: Span<UInt8>, _ step: Int) throws(MessageError) {
        var parser = RequestParser()
        var arrived = 0
        while arrived < bytes.count {
            arrived = step < bytes.count - arrived ? arrived + step : bytes.count
            let part = bytes.extracting(0..<arrived)
            guard case .head(let head) = try parser.parse(part, limits: Self.limits) else { continue }
            self.head = head
            numbers = [
                Int(head.method.rawValue), Int(head.form.rawValue), head.isVersion10 ? 1 : 0,
                head.keepAlive ? 1 : 0, Int(head.expectation.rawValue), head.count,
            ]
            ranges = [head.methodName, head.target, head.path, head.query, head.host]
            ranges += Field.allCases.map { head[$0] }
            try readContent(head.framing, at: head.count, of: bytes, arrived, step)
            return
        }
    }

    private mutating func readResponse(_ bytes: Span<UInt8>, _ step: Int) throws(MessageError) {
        var parser = ResponseParser()
        var arrived = 0
        while arrived < bytes.count {
            arrived = step < bytes.count - arrived ? arrived + step : bytes.count
            let part = bytes.extracting(0..<arrived)
            guard case .head(let head) = try parser.parse(part, limits: Self.limits) else { continue }
            numbers = [
                head.status, head.isVersion10 ? 1 : 0, head.keepAlive ? 1 : 0, head.isInterim ? 1 : 0,
                head.count,
            ]
            ranges = Field.allCases.map { head[$0] }
            try readContent(head.framing, at: head.count, of: bytes, arrived, step)
            return
        }
    }

    private mutating func readContent(
        _ framing: Framing, at start: Int, of bytes: Span<UInt8>, _ arrived: Int, _ step: Int
    ) throws(MessageError) {
        var decoder = ContentDecoder(framing, contentBytesMax: Self.contentBytesMax)
        var arrived = arrived
        var place = start
        while true {
            switch try decoder.next(bytes.extracting(0..<arrived), at: &place) {
            case .content(let range):
                for place in range { content.append(bytes[place]) }
            case .needMore:
                guard arrived < bytes.count else { return }
                arrived = step < bytes.count - arrived ? arrived + step : bytes.count
            case .complete:
                end = place
                return
            }
        }
    }

    func check(count: Int) throws(Contradiction) {
        for case let range? in ranges {
            try expect(
                range.lowerBound >= 0 && range.upperBound <= count, "\(range) is not in \(count) bytes")
        }
        try expect(end >= 0 && end <= count, "a message ends at \(end) of \(count)")
        try expect(content.count <= Self.contentBytesMax, "more content than is taken")
    }
}
