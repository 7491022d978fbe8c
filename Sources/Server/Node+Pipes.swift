// Answers that another thread compresses: backups and lists piece by piece, pages and documents in one
// (Interface §2, §5, §8).
internal import API
internal import HTTP
internal import KeyValue
internal import Network
internal import Snapshot

/// What another thread compresses for one connection. One piece is under way at a time.
struct Pipe {
    enum Kind {
        case backup
        case list
        /// The whole content; the head goes out with it, for only then is its length known.
        case whole(LargeAnswer)
    }
    let source: any PieceSource
    let kind: Kind
    /// What it holds from its beginning to its end.
    let bytesHeld: Int
    /// A piece is being made.
    var isAwaited = false

    /// What a piece may come to that does not compress.
    var pieceBytes: Int {
        switch kind {
        case .backup: 3 << 19
        case .list: CompressedList.pieceBytes
        case .whole: 0
        }
    }
    /// What zlib keeps.
    static let deflaterBytes = 256 << 10
}

/// A list of lines as one gzip member, at whose end browsers stop. Each piece can be inflated when it comes.
final class CompressedList: PieceSource, @unchecked Sendable {
    private var walk: ListWalk
    private let store: Store
    /// Cluster time when it began.
    private let now: ClusterTime
    private var deflater = Deflater()
    private var isOver = false
    /// So much is compressed at a time: two milliseconds.
    static let pieceBytes = 192 << 10

    init(_ walk: ListWalk, of store: Store, now: ClusterTime) {
        self.walk = walk
        self.store = store
        self.now = now
    }

    func next() -> [UInt8]? {
        if isOver { return nil }
        // Not kept: a client may rest for long between two pieces.
        var lines: [UInt8] = []
        walk.appendLines(from: store, now: now, bytesMax: Self.pieceBytes, to: &lines)
        isOver = walk.isOver
        return deflater.part(lines, isLast: isOver)
    }
}

/// A content that is there as a whole.
private final class CompressedContent: PieceSource, @unchecked Sendable {
    private var content: [UInt8]?

    init(_ content: [UInt8]) { self.content = content }

    func next() -> [UInt8]? {
        guard let content = content.take() else { return nil }
        var deflater = Deflater()
        return deflater.member(content)
    }
}

extension Node {
    /// Answers with a content that may be large: at once as it is, or once it is compressed.
    mutating func answer(_ slot: Int, _ large: LargeAnswer, _ content: [UInt8]) {
        let coding = clients[slot].request?.coding ?? .identity
        guard coding.compresses(contentBytes: content.count) else {
            answer(slot) { $0.append(large, content.span, to: &$1) }
            return
        }
        let bytes = content.count + Pipe.deflaterBytes
        guard hasRoom(slot, for: bytes) else {
            refuse(slot, .crowded)
            return
        }
        begin(slot, Pipe(source: CompressedContent(content), kind: .whole(large), bytesHeld: bytes))
        _ = pipeOn(slot)
    }

    /// A connection is being sent what this pipe makes.
    mutating func begin(_ slot: Int, _ pipe: Pipe) {
        clients[slot].pipe = pipe
        clients[slot].stage = .streaming
        streams += 1
        weigh(slot)
    }

    /// What was written is with the kernel: the next piece is asked for, and none before that.
    mutating func pipeOn(_ slot: Int) -> Next {
        guard let pipe = clients[slot].pipe, !pipe.isAwaited else { return .rest }
        switch pipe.kind {
        case .whole: compressor.makeNext(of: pipe.source, for: clients.token(at: slot))
        case .backup, .list:
            guard clients[slot].outbound.isEmpty else { return .rest }
            guard hasRoom(slot, for: min(pipe.pieceBytes, configuration.connectionBytesMax)) else {
                starve(slot)
                return .rest
            }
            let thread = if case .backup = pipe.kind { backupThread } else { compressor }
            thread.makeNext(of: pipe.source, for: clients.token(at: slot))
        }
        clients[slot].pipe?.isAwaited = true
        return .rest
    }

    /// A piece was made, or there is none after the last.
    mutating func compressed(_ piece: [UInt8]?, client: UInt64) {
        let token = Token(rawValue: client)
        guard clients.contains(token), let pipe = clients[Int(token.slot)].pipe else { return }
        let slot = Int(token.slot)
        clients[slot].pipe?.isAwaited = false
        setDeadline(slot, after: configuration.idleTime)
        touch(slot)
        switch (pipe.kind, piece) {
        case (.whole(let large), _):
            endPipe(slot)
            weigh(slot)
            let content = piece ?? []
            answer(slot) { $0.append(large, content.span, isGzip: true, to: &$1) }
            makeRunnable(slot)
        case (_, let piece?):
            Writer.appendChunk(piece.span, to: &clients[slot].outbound.bytes)
            sendIfLarge(slot)
        case (_, nil):
            Writer.appendLastChunk(to: &clients[slot].outbound.bytes)
            endPipe(slot)
            finish(slot)
            makeRunnable(slot)
        }
    }

    /// The pipe of a connection is over, or the connection is.
    mutating func endPipe(_ slot: Int) {
        guard let pipe = clients[slot].pipe else { return }
        clients[slot].pipe = nil
        streams -= 1
        switch pipe.kind {
        case .backup:
            backups -= 1
            backupThread.release(pipe.source)
        case .list, .whole: compressor.release(pipe.source)
        }
    }
}
