// Nodes that stand still and come back: a paused leader must not answer with what is old.
import Foundation
import Testing

extension Failures {
    @Suite("Pauses", .serialized)
    struct Pauses {
        @Test("a leader paused and woken, again and again: no stale read, nothing lost")
        func leader() throws {
            try withCluster { cluster in
                let load = Load(cluster, milliseconds: 700)
                load.start()
                for _ in 0..<3 {
                    try #require(load.waitFor(writes: 50))
                    let leader = try cluster.newLeader()
                    let paused = Clock.now
                    cluster.signal(leader, SIGSTOP)
                    try #require(
                        load.untilAcknowledged(after: paused) != nil, "no write beside a paused leader")
                    try #require(load.waitFor(writes: 20))
                    cluster.signal(leader, SIGCONT)
                    try cluster.ready()
                }
                let history = load.stop()
                print("leader paused: \(history.summary)")
                try history.verify(cluster)
            }
        }

        @Test("a follower paused and woken changes neither leader nor term")
        func follower() throws {
            try withCluster(electionTimeout: "3s") { cluster in
                let first = try cluster.newLeader()
                let follower = try #require(cluster.ids.first { $0 != first })
                // It alone has the usual election timeout, which its pauses are longer than.
                cluster.kill(follower)
                cluster.options = []
                try cluster.start(follower)
                try cluster.ready()
                let leader = try cluster.newLeader()
                let term = try #require(cluster.status(leader, "cluster", "term") as? Int)
                let load = Load(cluster, ids: cluster.ids.filter { $0 != follower })
                load.start()
                for _ in 0..<2 {
                    let paused = Clock.now
                    cluster.signal(follower, SIGSTOP)
                    let isLong = Clock.poll(seconds: 20, every: 20_000) {
                        Clock.now - paused > 1.1 && load.acknowledged(after: paused) >= 200
                    }
                    try #require(isLong)
                    cluster.signal(follower, SIGCONT)
                    try cluster.ready()
                }
                let history = load.stop()
                try #require(cluster.leader() == leader)
                try #require(cluster.status(leader, "cluster", "term") as? Int == term)
                try history.verify(cluster)
            }
        }

        @Test(
            "two of three gone: livez 200, readyz 503 and why; writes 504 unknown, then 503 not applied",
            arguments: [SIGSTOP, SIGKILL])
        func two(signal: Int32) throws {
            // For so long it accepts what it cannot commit.
            try withCluster(electionTimeout: "1500ms") { cluster in
                let leader = try cluster.newLeader()
                let others = cluster.ids.filter { $0 != leader }
                try cluster.store(leader, "before")
                for id in others { cluster.signal(id, signal) }

                // Accepted before the leader can know: it may yet be applied, and the answer says so.
                var early = Call.put(cluster.url(leader, "/kv/early?timeout=2s"), "1")
                early.milliseconds = 6_000
                let accepted = cluster.ask(early)
                guard case .response(let answer) = accepted else {
                    throw Unexpected("a write that was accepted before: \(accepted)")
                }
                try #require(answer.status == 504, "\(answer)")
                try #require(answer.member("outcome") == "unknown", "\(answer)")
                try #require(answer.member("code") == "timeout", "\(answer)")

                let isUnready = Clock.poll(seconds: 10) { cluster.get(leader, "/readyz")?.status == 503 }
                try #require(isUnready, "readyz stays 200 without a quorum")
                let readiness = try #require(cluster.get(leader, "/readyz"))
                try #require(readiness.member("code") == "not_ready", "\(readiness)")
                try #require(readiness.fields["retry-after"] != nil)
                try #require(cluster.get(leader, "/livez")?.status == 200)
                try #require(cluster.get(leader, "/healthz")?.status == 200)

                let refused = cluster.ask(.put(cluster.url(leader, "/kv/late"), "1"))
                guard case .response(let refusal) = refused else { throw Unexpected("\(refused)") }
                try #require(refusal.status == 503, "\(refusal)")
                try #require(refusal.member("code") == "no_leader", "\(refusal)")
                try #require(["no_quorum", "election"].contains(refusal.member("reason")), "\(refusal)")
                try #require(refusal.fields["retry-after"] != nil)
                try #require(
                    cluster.get(leader, "/kv/before")?.status == 503, "a linearizable read is served")
                try #require(cluster.get(leader, "/kv/before?consistency=local")?.text == "1")
                try #require((cluster.status(leader, "node", "id") as? Int) == leader)

                for id in others {
                    if signal == SIGSTOP {
                        cluster.signal(id, SIGCONT)
                    } else {
                        cluster.kill(id)
                        try cluster.start(id)
                    }
                }
                try cluster.ready()
                // The first may be there or not; the second must not be.
                let late = cluster.settled(.get(cluster.url(leader, "/kv/late")))
                try #require(late.status == 404, "a refused write is there: \(late)")
                try cluster.store(leader, "after")
            }
        }

        @Test("all nodes paused for longer than an election: they go on as if nothing had been")
        func all() throws {
            try withCluster { cluster in
                let load = Load(cluster, milliseconds: 500)
                load.start()
                try #require(load.waitFor(writes: 100))
                for id in cluster.ids { cluster.signal(id, SIGSTOP) }
                let before = load.count
                // Until every client has given up on what it had under way, more than once.
                try #require(Clock.poll(seconds: 10) { load.count >= before + 12 })
                for id in cluster.ids { cluster.signal(id, SIGCONT) }
                try #require(load.waitFor(writes: 100))
                let history = load.stop()
                try cluster.ready()
                try history.verify(cluster)
            }
        }
    }
}

/// Something came that must not.
struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
