// Goes through a run operation by operation, and lays out every disk that a crash may leave.
import Consensus
import Glibc
import Journal
import Testing
import Wire

enum Enumeration {
    /// What a run does: each act is carried out by the disk before the next.
    typealias Act = (name: String, body: (inout Member) -> Void)

    /// How many random subsets of what was not synced are tried at each moment: `RAST_TEST_SUBSETS=100` for a
    /// longer run.
    static let subsets = getenv("RAST_TEST_SUBSETS").flatMap { Int(String(cString: $0)) } ?? 24

    /// Runs all acts, handing the node to `body` before each operation of its disk, and after each
    /// act.
    static func run(
        _ member: inout Member, _ acts: [Act], worksFirst: Bool = false,
        _ body: (Member, String) throws -> Void
    ) throws {
        for act in acts {
            act.body(&member)
            // Turns go on until what was asked for is on disk.
            for _ in 0..<200 {
                while member.next(worksFirst: worksFirst) != nil {
                    try body(member, act.name)
                    member.carryOutNext(worksFirst: worksFirst)
                }
                if member.persisted == member.states.count - 1 { break }
                member.endTurn()
            }
            #expect(member.persisted == member.states.count - 1, "\(act.name) does not come to its end")
            try body(member, "after " + act.name)
        }
    }

    /// Each disk that a crash at this moment may leave.
    static func disks(
        _ member: Member, worksFirst: Bool = false, subsets: Int = subsets, _ chance: inout Chance
    ) -> [(disk: MemoryDisk, kept: String)] {
        var found: [(disk: MemoryDisk, kept: String)] = []
        let next = member.next(worksFirst: worksFirst)
        for isBegun in next == nil ? [false] : [false, true] {
            var disk = member.disk
            if isBegun, let next { disk.begin(next) }
            for kept in MemoryDisk.Kept.allCases {
                let count = kept == .some ? subsets : kept == .anyNames ? (subsets + 3) / 4 : 1
                for _ in 0..<count {
                    var left = disk
                    left.losePower(keeping: kept, &chance)
                    found.append((left, "\(kept)\(isBegun ? ", the next one begun" : "")"))
                }
            }
        }
        return found
    }

    /// Crashes everywhere, starts again from what is left, and crashes at every operation of that start.
    ///
    /// - Returns: how many recoveries that was.
    static func twice(_ member: inout Member, _ acts: [Act]) throws -> Int {
        var chance = Chance(seed: 12)
        var recoveries = 0
        try run(&member, acts) { member, act in
            for kept in [MemoryDisk.Kept.all, .synced] {
                var disk = member.disk
                if let next = member.next(worksFirst: false) { disk.begin(next) }
                disk.losePower(keeping: kept, &chance)
                var next = try Member(disk)
                member.check(next.opened, "\(describe(member, act)), kept \(kept)")
                var place = 0
                while !next.queue.isEmpty {
                    for again in MemoryDisk.Kept.allCases {
                        var left = next.disk
                        if again != .synced { left.begin(next.queue[0]) }
                        left.losePower(keeping: again, &chance)
                        recoveries += 1
                        member.check(
                            try open(left).opened,
                            "\(describe(member, act)), kept \(kept); then operation \(place) of the start, "
                                + "kept \(again)")
                    }
                    next.carryOutNext()
                    place += 1
                }
            }
        }
        return recoveries
    }

    static func describe(_ member: Member, _ act: String) -> String {
        let next = member.next(worksFirst: false).map { "\($0.action)".prefix(70) } ?? "nothing"
        return "\(act), before \(next)"
    }
}
