// What /status, /readyz and /cluster/members answer (Interface §7, §8).
internal import JSON

extension Answer {
    /// `200` where every check is fine, else `503` `not_ready` with the checks.
    public func append(_ readiness: Readiness, isVerbose: Bool, to out: inout [UInt8]) {
        guard readiness.isReady else {
            appendNotReady(readiness, to: &out)
            return
        }
        var content: [UInt8] = []
        if isVerbose {
            for check in readiness.checks {
                content.append(literal: "[+]")
                content.append(text: check.name)
                content.append(literal: " ok")
                if !check.detail.isEmpty { content.append(text: ", but " + check.detail) }
                content.append(literal: "\n")
            }
        }
        content.append(literal: "ok\n")
        begin(Answer.plainText, to: &out)
        end(content.span, to: &out)
    }

    private func appendNotReady(_ readiness: Readiness, to out: inout [UInt8]) {
        var members: [UInt8] = []
        members.append(literal: ",\"checks\":[")
        for (index, check) in readiness.checks.enumerated() {
            if index > 0 { members.append(UInt8(ascii: ",")) }
            members.append(literal: "{\"name\":")
            members.append(jsonText: check.name)
            members.append(literal: ",\"ok\":")
            members.append(literal: check.isOK ? "true" : "false")
            if !check.detail.isEmpty {
                members.append(literal: ",\"detail\":")
                members.append(jsonText: check.detail)
            }
            members.append(UInt8(ascii: "}"))
        }
        members.append(UInt8(ascii: "]"))
        let failed = readiness.checks.filter { !$0.isOK }
        let detail = failed.map { $0.detail.isEmpty ? "\($0.name) is not ok" : $0.detail }.joined(
            separator: "; ")
        append(Refusal(503, .notReady, detail), members: members.span, to: &out)
    }

    /// `200` with the snapshot that is durable now.
    public func append(snapshotIndex index: UInt64, bytes: UInt64, to out: inout [UInt8]) {
        var content: [UInt8] = []
        content.append(literal: "{\"index\":")
        content.append(decimal: index)
        content.append(literal: ",\"bytes\":")
        content.append(decimal: bytes)
        content.append(UInt8(ascii: "}"))
        begin(Answer.object, to: &out)
        end(content.span, to: &out)
    }

    /// `200` with the node's state.
    public func append(_ status: Status, to out: inout [UInt8]) {
        var content: [UInt8] = []
        content.append(status: status)
        content.append(UInt8(ascii: "\n"))
        begin(Answer.object, to: &out)
        end(content.span, to: &out)
    }

    /// `200` with the members of the cluster.
    public func append(members: [Status.Member], to out: inout [UInt8]) {
        var content: [UInt8] = []
        content.append(literal: "{")
        content.append(members: members)
        content.append(literal: "}\n")
        begin(Answer.object, to: &out)
        end(content.span, to: &out)
    }
}

extension [UInt8] {
    /// Appends the object of `GET /status`.
    mutating func append(status: Status) {
        append(literal: "{\"node\":{")
        append(place: status.node)
        append(literal: ",\"version\":")
        append(jsonText: status.version)
        append(member: ",\"uptimeSeconds\":", status.uptimeSeconds)
        append(literal: ",\"role\":")
        append(jsonText: status.role)
        append(literal: ",\"condition\":")
        append(jsonText: status.condition.rawValue)
        append(literal: "},\"cluster\":{")
        if let id = status.clusterID {
            append(literal: "\"id\":")
            append(jsonText: id)
            append(UInt8(ascii: ","))
        }
        if let leader = status.leader {
            append(literal: "\"leader\":{")
            append(place: leader)
            append(literal: "},")
        }
        append(member: "\"term\":", status.term)
        append(member: "},\"raft\":{\"commitIndex\":", status.commitIndex)
        append(member: ",\"appliedIndex\":", status.appliedIndex)
        append(member: ",\"firstIndex\":", status.firstIndex)
        append(member: ",\"lastIndex\":", status.lastIndex)
        append(member: ",\"snapshotIndex\":", status.snapshotIndex)
        append(member: ",\"lastLeaderContactMs\":", status.lastLeaderContactMilliseconds)
        append(member: "},\"store\":{\"revision\":", status.revision)
        append(member: ",\"keys\":", status.keys)
        append(member: ",\"bytes\":", status.bytes)
        append(member: ",\"leases\":", status.leases)
        append(member: ",\"watchers\":", status.watchers)
        append(member: "},\"disk\":{\"logBytes\":", status.logBytes)
        append(member: ",\"snapshotBytes\":", status.snapshotBytes)
        append(member: ",\"freeBytes\":", status.freeBytes)
        append(member: ",\"reserveBytes\":", status.reserveBytes)
        append(literal: "},")
        append(members: status.members)
        append(UInt8(ascii: "}"))
    }

    fileprivate mutating func append(members: [Status.Member]) {
        append(literal: "\"members\":[")
        for (index, member) in members.enumerated() {
            if index > 0 { append(UInt8(ascii: ",")) }
            append(member: member)
        }
        append(UInt8(ascii: "]"))
    }

    private mutating func append(place: Status.Place) {
        append(member: "\"id\":", place.id)
        append(literal: ",\"url\":")
        append(jsonText: place.url)
    }

    /// Appends a member of an object, name and all, unless it is nil.
    private mutating func append(member name: StaticString, _ number: UInt64?) {
        guard let number else { return }
        append(literal: name)
        append(decimal: number)
    }

    private mutating func append(member: Status.Member) {
        append(literal: "{")
        append(place: Status.Place(id: member.id, url: member.url))
        append(literal: ",\"peerUrl\":")
        append(jsonText: member.peerURL)
        append(literal: member.isVoter ? ",\"role\":\"voter\"" : ",\"role\":\"learner\"")
        append(literal: member.isSelf ? ",\"self\":true" : ",\"self\":false")
        if let isHealthy = member.isHealthy {
            append(literal: isHealthy ? ",\"healthy\":true" : ",\"healthy\":false")
        }
        if let isFull = member.isFull {
            append(literal: isFull ? ",\"full\":true" : ",\"full\":false")
        }
        append(member: ",\"matchIndex\":", member.matchIndex)
        append(member: ",\"lag\":", member.lag)
        if let time = member.roundTripMicroseconds {
            append(member: ",\"rttMs\":", time / 1_000)
            append(UInt8(ascii: "."))
            for power: UInt64 in [100, 10, 1] {
                append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: time / power % 10))
            }
        }
        append(literal: "}")
    }
}
