// The bytes of one answer as they arrive: interim heads, the final head, the content (RFC 9112 §4, §6).
internal import HTTP

/// Reads one answer from bytes that come in any pieces.
struct ResponseReading {
    enum Step {
        case needMore
        /// `100 Continue`: the content that was offered is wanted.
        case goAhead
        /// ``status``, ``head`` and ``content`` are the answer.
        case whole
        /// Whoever takes the content wants no more of it.
        case stopped
    }

    /// Who takes a success's content as it comes; nil: it is kept in ``content``.
    private let sink: (any ContentSink)?

    private var parser = ResponseParser()
    private var unread: [UInt8] = []
    private var decoder: ContentDecoder?
    private(set) var status = 0
    private(set) var head: [UInt8] = []
    private(set) var content: [UInt8] = []
    /// The sink has the content, or part of it.
    private(set) var hasBegun = false

    init(to sink: (any ContentSink)? = nil) { self.sink = sink }

    /// More than any answer of rast has; memory is bounded whoever answers.
    private static let contentBytesMax = 1 << 30

    mutating func take(_ bytes: ArraySlice<UInt8>) throws(MessageError) -> Step {
        unread += bytes
        var step = Step.needMore
        while decoder == nil {
            let bytes = unread
            guard case .head(let found) = try parser.parse(bytes.span, limits: Limits()) else { return step }
            if found.isInterim {
                if found.status == 100 { step = .goAhead }
            } else {
                status = found.status
                head = Array(unread[..<found.count])
                hasBegun = sink != nil && (200..<300).contains(found.status)
                decoder = ContentDecoder(
                    found.framing, contentBytesMax: hasBegun ? .max : Self.contentBytesMax)
            }
            unread.removeFirst(found.count)
        }
        return try takeContent() ?? step
    }

    /// Decodes what has come; nil where there is more to come.
    private mutating func takeContent() throws(MessageError) -> Step? {
        guard var decoder else { return nil }
        var offset = 0
        while true {
            switch try decoder.next(unread.span, at: &offset) {
            case .content(let range):
                if hasBegun, let sink {
                    guard sink.take(unread[range]) else { return .stopped }
                } else {
                    content += unread[range]
                }
            case .needMore:
                unread.removeAll(keepingCapacity: true)
                self.decoder = decoder
                return nil
            case .complete: return .whole
            }
        }
    }
}
