// The faults of disks, and of what stands on them: each must be noticed by the node, and be over in the end.
import Foundation
import Testing

extension Nemesis {
    func disk(_ fault: Fault, _ id: Int) throws {
        // One bad disk at a time, and only where the others are well: more is more than a majority survives.
        try cluster.ready(seconds: 60)
        note(fault, "\(id)")
        switch fault {
        case .slowDisk:
            let delay = 20_000 + random.next() % 400_000
            try cluster.tracing(id, "fdatasync:delay_exit=\(delay)") { hold() }
        case .failedSync: try failedSync(id)
        case .fullDisk: try fullDisk(id)
        case .damage: try damage(id)
        case .damageSnapshot: try damageSnapshot(id)
        case .wrongState: try wrongState(id)
        default: try wipe(id)
        }
        try cluster.ready(seconds: 60)
    }

    /// Waits until a node shows what it must show of a fault.
    private func see(
        _ fault: Fault, _ what: String, of id: Int, seconds: Double = 60, until isTrue: () -> Bool
    ) throws {
        let start = Clock.now
        let isSeen = Clock.poll(seconds: seconds, every: 20_000, until: isTrue)
        try #require(isSeen, "node \(id), \(fault): \(what) is not to be seen within \(seconds) s")
        seen.add(fault, "\(what), after s", Clock.now - start)
    }

    private func failedSync(_ id: Int) throws {
        try cluster.tracing(id, "fdatasync:error=EIO:when=1") {
            try see(.failedSync, "disk_failed", of: id, seconds: 20) {
                guard let answer = cluster.get(id, "/readyz") else { return false }
                return answer.status == 503 && answer.text.contains("disk")
            }
            hold()
        }
        cluster.kill(id)
        try cluster.start(id)
    }

    /// A node without room says so everywhere, the others go on, and with room again so does it.
    private func fullDisk(_ id: Int) throws {
        try cluster.fill(id)
        try see(.fullDisk, "disk_full", of: id) { cluster.condition(id) == "disk_full" }
        let metrics = cluster.get(id, "/metrics")?.text ?? ""
        try #require(
            metrics.contains("rast_condition{condition=\"disk_full\"} 1"), "node \(id): not in /metrics")
        try see(.fullDisk, "ten writes meanwhile", of: id) { [begin = Clock.now] in
            traffic.served(after: begin) >= 10
        }
        hold()
        try cluster.empty(id)
        try see(.fullDisk, "whole again", of: id) { cluster.condition(id) == "whole" }
        try see(.fullDisk, "ten writes afterwards", of: id) { [begin = Clock.now] in
            traffic.served(after: begin) >= 10
        }
    }

    /// A bit of the log that is durable and that no snapshot covers: not noticed, it would be served.
    private func damage(_ id: Int) throws {
        // So much was logged since the last snapshot that an entry in the middle is stated to be durable.
        _ = Clock.poll(seconds: 20, every: 50_000) {
            let last = cluster.status(id, "raft", "lastIndex") as? Int ?? 0
            return last > 100 + (cluster.status(id, "raft", "snapshotIndex") as? Int ?? last)
        }
        cluster.kill(id)
        let told = cluster.log(id).utf8.count
        let place = try cluster.flip(id, &random)
        try cluster.start(id)
        self.told.append("flipped \(place ?? "nothing: too few entries")")
        if place == nil { return }
        try see(.damage, "told", of: id) {
            cluster.log(id, since: told).contains("damaged: log/")
        }
        try see(.damage, "whole again", of: id) { cluster.log(id, since: told).contains("whole again") }
        try #require(cluster.condition(id) == "whole", "\(cluster.condition(id) ?? "no answer")")
    }

    /// A bit anywhere in the newest snapshot (rule 26).
    private func damageSnapshot(_ id: Int) throws {
        try waitForSnapshot(id)
        cluster.kill(id)
        let told = cluster.log(id).utf8.count
        let file = try SnapshotFile.newest(in: cluster[id].data)
        let place = try file.flip(&random)
        try cluster.start(id)
        self.told.append("flipped \(id)/\(file.name), byte \(place)")
        try see(.damageSnapshot, "told", of: id) {
            cluster.log(id, since: told).contains("snapshot/\(file.name): ")
        }
        try see(.damageSnapshot, "whole", of: id) {
            cluster.isReady(id) && cluster.condition(id) == "whole"
        }
        // With the log from its beginning a node misses nothing but the file.
        if cluster.log(id, since: told).contains("whole again") {
            seen.add(.damageSnapshot, "was damaged", 1)
        }
        try see(.damageSnapshot, "a whole snapshot", of: id) {
            (try? SnapshotFile.newest(in: cluster[id].data).isWhole) == true
        }
    }

    /// The same log, and another state (rule 25). Only a key that the clients do not use differs: until the
    /// next comparison nobody can know, and what they are told is to be right.
    private func wrongState(_ id: Int) throws {
        try waitForSnapshot(id)
        cluster.kill(id)
        let told = cluster.log(id).utf8.count
        let file = try SnapshotFile.newest(in: cluster[id].data)
        try file.falsify(Traffic.witness)
        try cluster.start(id)
        func log() -> String { cluster.log(id, since: told) }
        let local = "/kv/\(Traffic.witness)?consistency=local"
        // Compared is every 1,024th entry, and those have to be written first.
        try see(.wrongState, "told, or overtaken by a snapshot", of: id, seconds: 120) {
            log().contains("is this node's state from now on")
                || log().contains("is not what a majority of the members made")
        }
        if !log().contains("is not what a majority of the members made") {
            self.told.append("overtaken by a snapshot")
            return
        }
        try see(.wrongState, "right again", of: id) { log().contains("state is the majority's again") }
        try see(.wrongState, "whole", of: id) {
            cluster.isReady(id) && cluster.condition(id) == "whole"
        }
        let held = cluster.get(id, local)
        try #require(held?.text == traffic.witnessText, "node \(id) holds \(held?.description ?? "nothing")")
    }

    private func waitForSnapshot(_ id: Int) throws {
        let hasSnapshot = Clock.poll(seconds: 60, every: 50_000) {
            (cluster.status(id, "raft", "snapshotIndex") as? Int ?? 0) > 0
        }
        try #require(hasSnapshot, "node \(id) takes no snapshot")
    }

    /// The disk is empty after a kill: the node must not vote, nor acknowledge, until it is let in again.
    private func wipe(_ id: Int) throws {
        cluster.kill(id)
        let told = cluster.log(id).utf8.count
        try cluster.putAside(id)
        try cluster.start(id)
        try see(.wipe, "told", of: id) { cluster.log(id, since: told).contains("has no vote and no log") }
        // It is let in as a learner, and is a voter again once it has caught up.
        try see(.wipe, "a voter", of: id) { cluster.isReady(id) && cluster.isVoter(id) }
    }
}
