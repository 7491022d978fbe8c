// What clients saw, held against what the cluster holds: nothing acknowledged is lost, nothing refused there.
import Foundation
import Testing

/// All calls of a load.
struct History {
    let records: [Record]
    /// What was wrong already while it ran.
    let problems: [String]

    var writes: [Record] { records.filter { $0.kind != .read } }
    var summary: String {
        let acknowledged = writes.count(where: \.isAcknowledged)
        let unknown = writes.count { $0.outcome == .unknown }
        return "\(acknowledged) writes acknowledged, \(writes.count - acknowledged - unknown) refused, "
            + "\(unknown) unknown, \(records.count - writes.count) reads"
    }

    /// Reads every key of the history from the cluster, and fails where one is not as it must be.
    func verify(_ cluster: Cluster, _ place: SourceLocation = #_sourceLocation) throws {
        let isWritten = writes.contains(where: \.isAcknowledged)
        try #require(isWritten, "nothing was written", sourceLocation: place)
        var held: [String: Response] = [:]
        for key in Set(writes.map(\.key)).sorted() {
            let answer: Response = try #require(
                Self.read(key, cluster), "\(key) cannot be read", sourceLocation: place)
            held[key] = answer
        }
        var found = contradictions(held)
        found += try Self.differences(cluster, Array(held.keys.sorted().prefix(100)))
        let few = found.prefix(20).joined(separator: "\n")
        try #require(
            found.isEmpty, "\(found.count) contradictions (\(summary)):\n\(few)", sourceLocation: place)
    }

    /// What cannot be, given that the cluster now answers `held` for each key.
    func contradictions(_ held: [String: Response]) -> [String] {
        problems + uniques(held) + creates(held) + registers(held) + order()
    }

    private static func read(_ key: String, _ cluster: Cluster) -> Response? {
        var response: Response?
        _ = Clock.poll(seconds: 10) {
            for node in cluster.nodes where node.process != nil {
                if case .response(let answer) = cluster.follow(.get(node.url + "/kv/" + key)),
                    [200, 404].contains(answer.status)
                {
                    response = answer
                    return true
                }
            }
            return false
        }
        return response
    }

    private func uniques(_ held: [String: Response]) -> [String] {
        writes.filter { $0.kind == .unique }.compactMap { write in
            guard let answer = held[write.key] else { return nil }
            let isThere = answer.status == 200
            if isThere && answer.text != write.value { return "\(write.key) holds what nobody wrote" }
            switch write.outcome {
            case .acknowledged(let revision):
                if !isThere { return "\(write.key) was acknowledged and is lost" }
                return answer.fields["etag"] == "\"\(revision)\"" ? nil : "\(write.key) has another revision"
            case .refused: return isThere ? "\(write.key) was refused and is there" : nil
            case .unknown: return nil
            }
        }
    }

    private func creates(_ held: [String: Response]) -> [String] {
        Dictionary(grouping: writes.filter { $0.kind == .create }, by: \.key).compactMap { key, tries in
            let winners = tries.filter(\.isAcknowledged)
            let possible = winners.isEmpty ? tries.filter { $0.outcome == .unknown } : winners
            if winners.count > 1 { return "\(key) was created \(winners.count) times" }
            guard let answer = held[key] else { return nil }
            if answer.status == 404 { return winners.isEmpty ? nil : "\(key) was created and is lost" }
            return possible.contains { $0.value == answer.text } ? nil : "\(key) holds what was refused"
        }
    }

    private func registers(_ held: [String: Response]) -> [String] {
        var found: [String] = []
        for (key, all) in Dictionary(grouping: writes.filter { $0.kind == .register }, by: \.key) {
            let last = all.filter(\.isAcknowledged).compactMap { $0.value.flatMap { Int($0) } }.max() ?? 0
            let possible = all.filter { $0.isAcknowledged || $0.outcome == .unknown }.map(\.value)
            func check(_ value: String?, atLeast floor: Int, _ who: String) {
                let number = value.flatMap { Int($0) } ?? 0
                if number < floor {
                    found.append("\(key): \(who) \(number), though \(floor) was acknowledged")
                }
                if value != nil && !possible.contains(value) {
                    found.append("\(key): \(who) \(number), which nobody wrote, or was refused")
                }
            }
            check(held[key].flatMap { $0.status == 200 ? $0.text : nil }, atLeast: last, "it holds")
            for read in records where read.kind == .read && read.key == key {
                check(read.value, atLeast: read.floor, "a read answered")
            }
        }
        return found
    }

    /// The order of revisions must agree with real time, and each read with the write whose revision it names
    /// (rule 27).
    private func order() -> [String] {
        var found: [String] = []
        var written: [UInt64: Record] = [:]
        for write in writes {
            guard case .acknowledged(let revision) = write.outcome else { continue }
            if let other = written[revision] {
                found.append("\(write.key), \(other.key): both revision \(revision)")
            }
            written[revision] = write
        }
        for read in records where read.kind == .read {
            guard let revision = read.keyRevision, let write = written[revision] else { continue }
            let isSame = write.key == read.key && write.value == read.value
            if !isSame { found.append("\(read.key): revision \(revision) is \(write.key)'s") }
        }
        return found + Self.timeTravel(records)
    }

    /// Replies whose revision is lower than one that was seen before they began.
    private static func timeTravel(_ records: [Record]) -> [String] {
        struct Event {
            let revision: UInt64
            let isRead: Bool
            let record: Record
        }
        let events: [Event] = records.compactMap { record in
            switch record.outcome {
            case .acknowledged(let revision):
                Event(revision: revision, isRead: record.kind == .read, record: record)
            case .refused(let revision?): Event(revision: revision, isRead: true, record: record)
            case .refused(nil), .unknown: nil
            }
        }.sorted { ($0.revision, $0.isRead ? 1 : 0) < ($1.revision, $1.isRead ? 1 : 0) }
        var found: [String] = []
        // The latest start among all of lower order: whoever follows must not have ended before it.
        var latest = -Double.infinity
        var pending = -Double.infinity
        var current: (UInt64, Bool) = (0, false)
        for event in events {
            if (event.revision, event.isRead) != current {
                current = (event.revision, event.isRead)
                latest = max(latest, pending)
            }
            if event.record.end < latest {
                found.append("\(event.record.key): revision \(event.revision) ended before a lower one began")
            }
            pending = max(pending, event.record.start)
        }
        return found
    }

    /// Where nodes that have applied the same entries hold different things.
    private static func differences(_ cluster: Cluster, _ keys: [String]) throws -> [String] {
        let ids = cluster.nodes.filter { $0.process != nil }.map(\.id)
        let areEqual = Clock.poll(seconds: 10) {
            Set(ids.map { cluster.status($0, "raft", "appliedIndex") as? Int ?? -1 }).count == 1
        }
        try #require(areEqual, "the nodes do not come to the same index")
        return keys.flatMap { key in
            let answers = ids.map { id -> String in
                let answer = cluster.get(id, "/kv/\(key)?consistency=local")
                let value = answer?.status == 200 ? answer?.text : nil
                return "\(answer?.fields["etag"] ?? "-") \(value ?? "absent")"
            }
            return Set(answers).count == 1 ? [] : ["\(key) differs between nodes: \(answers)"]
        }
    }
}
