// Lists and range deletes under faults: what is asked for, and what must be answered.
internal import Consensus
internal import KeyValue
internal import Replica

extension Cluster {
    func nextShelfWish(_ keeper: Keeper) -> Wish {
        if keeper.walk?.last != nil { return .page }
        let draw = keeper.random.index(100)
        if draw < 45 { return .shelve(keeper.random.index(ShelfWalk.keysCount)) }
        if draw < 52 { return .clear(tens: keeper.random.index(ShelfWalk.keysCount / 10)) }
        keeper.walk = ShelfWalk(limit: 1 + keeper.random.index(4), isReverse: keeper.random.happens(300_000))
        return .page
    }

    static func range(ofTens tens: Int) -> KeyRange {
        KeyRange(prefix: ShelfWalk.prefix + Array("\(tens)".utf8))
    }

    /// So many keys went at this revision: as many as there were before.
    func checkCleared(_ count: Int, tens: Int, at revision: Revision) throws(Violation) {
        let before = count > 0 ? Revision(revision.rawValue - 1) : revision
        let prefix = ShelfWalk.prefix + Array("\(tens)".utf8)
        let there = try shelf(at: before).filter { $0.starts(with: prefix) }.count
        let left = try shelf(at: revision).filter { $0.starts(with: prefix) }.count
        guard count == there, left == 0 else {
            throw Violation(
                "list: \(count) of \(there) keys were deleted at revision \(revision), and \(left) are left")
        }
    }

    /// A page has come: nothing is skipped, and nothing comes twice.
    func check(page bytes: [UInt8], for keeper: Keeper) throws(Violation) {
        guard let walk = keeper.walk, let page = ShelfPage(bytes) else {
            throw Violation("list: \(String(decoding: bytes, as: UTF8.self)) is no page")
        }
        try told(keeper, of: page.revision, isChange: false)
        if let problem = walk.problem(with: page, of: try shelf(at: page.revision)) {
            throw Violation("list: \(problem)")
        }
        pagesCount += 1
        keeper.walk?.last = page.keys.last
        keeper.walk?.cursor = page.next
        if page.next == nil { keeper.walk = nil }
    }

    private func shelf(at revision: Revision) throws(Violation) -> [[UInt8]] {
        truth.advance(through: table)
        guard let shelf = truth.shelf(at: revision) else {
            throw Violation("list: revision \(revision) is answered, and has not happened")
        }
        return shelf
    }
}
