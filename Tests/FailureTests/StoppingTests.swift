// A leader that is told to end while the one that should take over hangs (Interface §12).
import Foundation
import Testing

extension Failures {
    @Suite("Stopping", .serialized)
    struct Stopping {
        /// Whether the leader knows `id` to hold more of the log than each of `others`.
        private func isAhead(_ id: Int, of others: [Int], by leader: Int, in cluster: Cluster) -> Bool {
            guard let members = cluster.status(leader, "members") as? [[String: Any]] else { return false }
            func match(_ id: Int) -> Int {
                let member = members.first { $0["id"] as? Int == id }
                return member?["matchIndex"] as? Int ?? 0
            }
            return others.allSatisfy { match($0) < match(id) }
        }

        @Test("SIGTERM to a leader whose successor hangs: another one is asked, and takes over")
        func hungSuccessor() throws {
            try withCluster(of: 5) { cluster in
                let load = Load(cluster, milliseconds: 700)
                load.start()
                try #require(load.waitFor(writes: 100))
                let leader = try cluster.newLeader()
                let hung = try #require(cluster.ids.first { $0 != leader })
                let others = cluster.ids.filter { $0 != leader && $0 != hung }
                // All that is written now goes to one, which so becomes the first to be asked. It takes much
                // less time than an election; where the machine is so busy that it does not, there is one.
                for id in others { cluster.signal(id, SIGSTOP) }
                _ = Clock.poll(seconds: 0.2, every: 2_000) {
                    isAhead(hung, of: others, by: leader, in: cluster)
                }
                cluster.signal(hung, SIGSTOP)
                let told = Clock.now
                cluster.signal(leader, SIGTERM)
                let words = "handing leadership over to node"
                _ = Clock.poll(seconds: 0.2, every: 2_000) { cluster.log(leader).contains(words) }
                for id in others { cluster.signal(id, SIGCONT) }

                let pause = try #require(load.untilAcknowledged(after: told))
                let isAsked = cluster.log(leader).contains("\(words) \(hung)")
                print(
                    String(format: "leader told to end: %.3f s until a write is acknowledged; ", pause)
                        + "the node that hung was \(isAsked ? "" : "not ")asked")
                // After 5 s it would have ended, and left it to an election.
                try #require(pause < 5, "\(pause) s")
                try #require(cluster.ended(leader, seconds: 20) == 0, "it does not exit 0")
                cluster.signal(hung, SIGCONT)
                try #require(load.waitFor(writes: 50))
                let history = load.stop()
                try cluster.start(leader)
                try cluster.ready()
                try history.verify(cluster)
            }
        }
    }
}
