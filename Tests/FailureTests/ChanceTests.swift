// Faults drawn by chance, one after the other and several at once, for as long as one likes.
import Foundation
import Testing

extension Failures {
    @Suite("Chance", .serialized)
    struct Chance {
        private static func setting(_ name: String, _ usual: Int) -> Int {
            ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? usual
        }

        /// `FAILURE_SECONDS=600 FAILURE_SEED=7 swift test -c release --filter Chance` runs it for longer, or
        /// again. The seed decides the faults; when they fall is the machine's.
        @Test("kills, pauses and ends by chance, of one node or of all: nothing lost, no stale read")
        func storm() throws {
            let seconds = Self.setting("FAILURE_SECONDS", 15)
            let seed = Self.setting("FAILURE_SEED", Int.random(in: 1...1_000_000))
            var random = SplitMix64(state: UInt64(seed))
            var told: [String] = []
            try withCluster { cluster in
                let load = Load(cluster, milliseconds: 700)
                load.start()
                let deadline = Clock.now + Double(seconds)
                do {
                    while Clock.now < deadline {
                        told.append(try Self.fault(cluster, &random))
                        // Mostly until it is whole again, sometimes with the next fault on top.
                        if random.next() % 4 > 0 {
                            try #require(load.waitFor(writes: 10), "no writes any more")
                        }
                    }
                    try Self.heal(cluster)
                    let history = load.stop()
                    print("storm of seed \(seed): \(told.count) faults, \(history.summary)")
                    try history.verify(cluster)
                } catch {
                    print("storm of seed \(seed): \(told.joined(separator: ", "))")
                    throw error
                }
            }
        }

        /// One fault, and mostly its end.
        private static func fault(_ cluster: Cluster, _ random: inout SplitMix64) throws -> String {
            let id = Int(random.next() % UInt64(cluster.nodes.count)) + 1
            let microseconds = UInt32(random.next() % 900_000)
            switch random.next() % 8 {
            case 0...2:
                cluster.kill(id)
                usleep(microseconds)
                try cluster.start(id)
                return "kill \(id)"
            case 3, 4:
                cluster.signal(id, SIGSTOP)
                usleep(microseconds * 2)
                cluster.signal(id, SIGCONT)
                return "pause \(id)"
            case 5:
                cluster.signal(id, SIGTERM)
                // In its first moments it does not know yet that it should hand over.
                let end = cluster.ended(id)
                try #require(end == 0 || end == -SIGTERM, "node \(id) does not end on SIGTERM")
                try cluster.start(id)
                return "end \(id)"
            case 6:
                cluster.kill(cluster.ids)
                try cluster.start()
                return "kill all"
            default:
                let other = id % cluster.nodes.count + 1
                cluster.signal(id, SIGSTOP)
                cluster.kill(other)
                usleep(microseconds)
                try cluster.start(other)
                cluster.signal(id, SIGCONT)
                return "pause \(id) and kill \(other)"
            }
        }

        private static func heal(_ cluster: Cluster) throws {
            try cluster.start()
            try cluster.ready()
        }
    }
}
