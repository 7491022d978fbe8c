// Snapshots, lost disks and wrong states with real processes, under load (rules 1, 25, 26).
import Consensus
import Foundation
import KeyValue
import Snapshot
import Testing
import Wire

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
                load.start()
                try #require(load.waitFor(writes: 200))
                let (leader, follower) = try follower(cluster)
                let last = number(cluster, follower, "raft", "lastIndex")
                cluster.kill(follower)
                let isForgotten = Clock.poll(seconds: 60, every: 100_000) {
                    number(cluster, leader, "raft", "firstIndex") > last + 1
                }
                try #require(isForgotten, "the log is not compacted beyond \(last)")
                try cluster.start(follower)
                try #require(cluster.logs(follower, "is this node's state from now on", seconds: 30))
                try cluster.ready()
                let history = load.stop()
                try history.verify(cluster)
                // It stands on its own feet: also after a start, and as one of two.
                cluster.kill(follower)
                try cluster.start(follower)
                try cluster.ready()
                cluster.kill(leader)
                _ = try cluster.newLeader(after: leader)
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
                try #require(cluster.follow(.put(cluster.url(1, "/kv/kept"), "right")).status == 201)
                let load = Load(cluster)
                load.start()
                try #require(load.waitFor(writes: 900))
                let (_, follower) = try follower(cluster)
                let hasSnapshot = Clock.poll(seconds: 30, every: 100_000) {
                    number(cluster, follower, "raft", "snapshotIndex") > 0
                }
                try #require(hasSnapshot)
                cluster.kill(follower)
                try Self.falsify(cluster[follower].data)
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

        /// Writes another value into the newest snapshot of a directory, with checksums that hold.
        private static func falsify(_ data: String) throws {
            let folder = URL(fileURLWithPath: data + "/snapshot")
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            let newest = try #require(
                names.filter { $0.hasSuffix(".ndjson") }.max {
                    (Int($0.prefix { $0 != "-" }) ?? 0) < (Int($1.prefix { $0 != "-" }) ?? 0)
                })
            let file = folder.appendingPathComponent(newest)
            var decoder = SnapshotDecoder()
            try decoder.feed([UInt8](try Data(contentsOf: file)).span)
            let decoded = try decoder.finish()
            var store = Restoration(
                revision: decoded.store.revision, clusterTime: decoded.store.clusterTime,
                appliedIndex: decoded.store.appliedIndex, hash: decoded.store.hash ^ 1)
            let wrong = Array("wrong".utf8)
            decoded.store.forEach(in: .all) { record in
                record.withKey { key in
                    record.withValue { value in
                        record.withContentType { contentType in
                            let isKept = String(decoding: Array(copying: key), as: UTF8.self) == "kept"
                            return store.add(
                                key: key, value: isKept ? wrong.span : value, contentType: contentType,
                                revision: record.revision, createdRevision: record.createdRevision,
                                version: record.version, hold: record.hold)
                        }
                    }
                }
            }
            let other = store.finish()
            let head = decoded.head
            var encoder = SnapshotEncoder(
                head: SnapshotHead(
                    cluster: head.cluster, last: head.last, configuration: head.configuration, of: other),
                store: other)
            var bytes: [UInt8] = []
            while let piece = encoder.next() { bytes += piece }
            try Data(bytes).write(to: file)
        }
    }
}

extension [UInt8] {
    fileprivate init(copying span: Span<UInt8>) {
        self = []
        for place in span.indices { append(span[place]) }
    }
}
