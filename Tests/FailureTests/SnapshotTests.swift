// Snapshots, lost disks and wrong states with real processes, under load (rules 1, 25, 26).
import Foundation
import Testing

extension Failures {
    @Suite("Snapshots", .serialized)
    struct Snapshots {
        private func withSnapshots(_ body: (Cluster) throws -> Void) throws {
            try withCluster(isStarted: false) { cluster in
                cluster.options = Cluster.oftenSnapshots
                try cluster.start()
                try cluster.ready()
                try body(cluster)
            }
        }

        private func number(_ cluster: Cluster, _ id: Int, _ path: String...) -> Int {
            var value: Any? = cluster.status(id)
            for name in path { value = (value as? [String: Any])?[name] }
            return value as? Int ?? -1
        }

        private func follower(_ cluster: Cluster) throws -> (leader: Int, follower: Int) {
            let leader = try cluster.newLeader()
            return (leader, try #require(cluster.ids.first { $0 != leader }))
        }

        @Test("who lacks what the log has forgotten catches up by snapshot, under load; nothing is lost")
        func catchesUp() throws {
            try withSnapshots { cluster in
                let load = Load(cluster)
                try cluster.store(1, "before", "here")
                load.start()
                try #require(load.waitFor(writes: 200))
                let (_, follower) = try follower(cluster)
                let others = cluster.ids.filter { $0 != follower }
                let last = number(cluster, follower, "raft", "lastIndex")
                cluster.kill(follower)
                // By both: after their pause either may lead.
                let isForgotten = Clock.poll(seconds: 60, every: 100_000) {
                    others.allSatisfy { number(cluster, $0, "raft", "firstIndex") > last + 1 }
                }
                try #require(isForgotten, "the log is not compacted beyond \(last)")
                // Until it has the leader's state, which nobody sends it yet, it serves its own.
                for id in others { cluster.signal(id, SIGSTOP) }
                try cluster.start(follower)
                let serves = Clock.poll(seconds: 20) {
                    let answer = cluster.get(follower, "/kv/before?consistency=local")
                    return answer?.status == 200 && answer?.text == "here"
                }
                for id in others { cluster.signal(id, SIGCONT) }
                try #require(serves, "it serves nothing before")
                let words = "is this node's state from now on"
                try #require(cluster.logs(follower, words, seconds: 30))
                try cluster.ready()
                let history = load.stop()
                try history.verify(cluster)
                // It stands on its own feet: also after a start, and as one of two.
                cluster.kill(follower)
                try cluster.start(follower)
                try cluster.ready()
                let leader = try cluster.newLeader()
                let away = leader == follower ? others[0] : leader
                cluster.kill(away)
                _ = try cluster.newLeader(after: away)
                try history.verify(cluster)
            }
        }

        @Test(
            "a node that lost its disk counts again once it has caught up; nothing is lost with the next disk"
        )
        func wiped() throws {
            try withSnapshots { cluster in
                let load = Load(cluster)
                load.start()
                try #require(load.waitFor(writes: 600))
                let (leader, follower) = try follower(cluster)
                cluster.kill(follower)
                try cluster.putAside(follower)
                try cluster.start(follower)
                try #require(cluster.logs(follower, "has no vote and no log"))
                let isBack = Clock.poll(seconds: 60, every: 100_000) {
                    cluster.isReady(follower) && cluster.isVoter(follower)
                }
                try #require(isBack, "it does not come back")
                let history = load.stop()
                // What was acknowledged is on two of three again: one of the others may go.
                cluster.kill(leader)
                _ = try cluster.newLeader(after: leader)
                try history.verify(cluster)
            }
        }

        @Test("a node whose snapshot is another state's finds out, serves nobody, and is repaired")
        func wrongState() throws {
            try withSnapshots { cluster in
                try cluster.store(1, "kept", "right")
                let load = Load(cluster)
                load.start()
                try #require(load.waitFor(writes: 900))
                let (_, follower) = try follower(cluster)
                let hasSnapshot = Clock.poll(seconds: 30, every: 100_000) {
                    number(cluster, follower, "raft", "snapshotIndex") > 0
                }
                try #require(hasSnapshot)
                cluster.kill(follower)
                try SnapshotFile.newest(in: cluster[follower].data).falsify("kept")
                try cluster.start(follower)
                let local = "/kv/kept?consistency=local"
                try #require(
                    cluster.logs(follower, "is not what a majority of the members made", seconds: 60))
                let isRight = Clock.poll(seconds: 60, every: 50_000) {
                    cluster.logs(follower, "state is the majority's again", seconds: 0)
                }
                try #require(isRight, "it is not repaired")
                try cluster.ready()
                try #require(cluster.get(follower, local)?.text == "right")
                let history = load.stop()
                try history.verify(cluster)
                // So is what it starts with.
                cluster.kill(follower)
                try cluster.start(follower)
                try cluster.ready()
                try #require(cluster.get(follower, local)?.text == "right")
                let words = cluster.log(follower).components(separatedBy: "is not what a majority of the")
                try #require(words.count == 2, "it was wrong again")
            }
        }
    }
}
