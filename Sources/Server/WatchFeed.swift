// What the live watchers of a topic are sent: written once, and taken by each in its turn (Interface §3).
internal import DequeModule
internal import HTTP
internal import KeyValue
internal import Network

/// The live watchers of one topic in one form, and the events that not all of them have yet.
///
/// Who joins has all that was written before. From then on each takes what is new since its last turn, all
/// of it at once; a piece goes when everybody has taken it.
final class WatchFeed {
    private(set) var members: [Token] = []
    /// Whose turn comes next.
    private var next = 0
    private var pieces: Deque<Piece> = []
    /// The number of the first piece; they are counted from 0.
    private var first = 0
    /// The pieces of a range, put together.
    private var joined: (range: Range<Int>, bytes: [UInt8])?
    /// What is being written for the next piece.
    var out: [UInt8] = []
    /// It is among those that are served.
    var isActive = false

    private struct Piece {
        let bytes: [UInt8]
        /// Who has what was written before has everything up to here.
        let before: Revision
        /// So many have not taken it.
        var left: Int
    }

    /// The number of the piece that is written next.
    var end: Int { first + pieces.count }

    /// One member more, which has everything up to ``end``. Answers its place.
    func join(_ token: Token) -> Int {
        members.append(token)
        return members.count - 1
    }

    /// One member less. Answers which one has its place now.
    func leave(_ place: Int) -> Token? {
        members.swapAt(place, members.count - 1)
        members.removeLast()
        return place < members.count ? members[place] : nil
    }

    /// What was written of the revisions after `before` is a piece for all who are members now. Answers its
    /// size.
    func close(after before: Revision) -> Int {
        var chunk: [UInt8] = []
        chunk.reserveCapacity(out.count + 16)
        Writer.appendChunk(out.span, to: &chunk)
        out.removeAll(keepingCapacity: out.capacity <= Self.keptBytesMax)
        pieces.append(Piece(bytes: chunk, before: before, left: members.count))
        return chunk.count
    }
    private static let keptBytesMax = 4 << 10

    /// Whose turn it is; nil: everybody has everything.
    func takeTurn() -> Token? {
        if pieces.isEmpty { return nil }
        if next >= members.count { next = 0 }
        next += 1
        return members[next - 1]
    }

    /// Up to where a member that takes on at `position` has everything; nil: it has all that there is.
    func revision(before position: Int) -> Revision? {
        position < end ? pieces[position - first].before : nil
    }

    /// The size of the pieces from `position` on.
    func count(from position: Int) -> Int {
        if let joined, joined.range == position..<end { return joined.bytes.count }
        var count = 0
        for index in position - first..<pieces.count { count += pieces[index].bytes.count }
        return count
    }

    private static let joinedBytesMax = 32 << 10

    /// Appends the pieces from `position` on, which have `count` bytes.
    ///
    /// Those who had their turn together mostly have it together again, and are all sent the same: many small
    /// pieces are put together for the first of them.
    func append(from position: Int, count: Int, to outbound: inout Outbound) {
        if let joined, joined.range == position..<end { return outbound.append(whole: joined.bytes) }
        guard position + 1 < end, count <= Self.joinedBytesMax, outbound.isEmpty else {
            for index in position - first..<pieces.count { outbound.append(whole: pieces[index].bytes) }
            return
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for index in position - first..<pieces.count { bytes += pieces[index].bytes }
        joined = (position..<end, bytes)
        outbound.append(whole: bytes)
    }

    /// A member has the pieces from `position` on, or no longer wants them. Answers how much is not held any
    /// more.
    func taken(from position: Int) -> Int {
        for index in position - first..<pieces.count { pieces[index].left -= 1 }
        var freed = 0
        while let oldest = pieces.first, oldest.left == 0 {
            freed += oldest.bytes.count
            pieces.removeFirst()
            first += 1
        }
        // Nobody is that far behind any more.
        if let joined, joined.range.lowerBound < first { self.joined = nil }
        return freed
    }
}
