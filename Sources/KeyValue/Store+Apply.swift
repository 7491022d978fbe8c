// One entry of the log applied to the store (rule 20): deterministic, and never trapping.
internal import JSON

extension Store {
    /// Applies the command of the log's entry `index`. Never traps, whatever the bytes are.
    ///
    /// A command that cannot be understood changes no key, no revision and no clock; all nodes see it alike.
    ///
    /// Precondition: `index` lies after ``appliedIndex``; entries that are not commands may be left out.
    public mutating func apply(_ command: Span<UInt8>, index: UInt64) -> Reply {
        precondition(index > appliedIndex, "an entry is applied once, and in order")
        appliedIndex = index
        if let (at, put) = CommandReader.readUsualPut(command) { return apply(put, command, at) }
        let read: CommandReader.Entry
        do throws(MalformedCommand) {
            read = try CommandReader.read(command)
        } catch {
            return malformed()
        }
        guard let once = read.once else { return apply(read.operation, command, read.at) }
        return apply(once, read.at) { store in
            store.apply(read.operation, command, read.at, answerBytesMax: Once.answerBytesMax)
        }
    }

    private mutating func apply(
        _ operation: Operation, _ command: Span<UInt8>, _ at: ClusterTime,
        answerBytesMax: Int = Transaction.answerBytesMax
    ) -> Reply {
        switch operation {
        case .none:
            advance(to: at)
            return finish(.none, .none)
        case .put(let put): return apply(put, command, at)
        case .delete(let delete): return apply(delete, command, at)
        case .deleteRange(let range): return apply(range, at)
        case .transaction(let branches): return apply(branches, command, at, answerBytesMax: answerBytesMax)
        case .settings(let settings): return apply(settings, at)
        case .grant(let id, let ttl): return grant(id, ttlMilliseconds: ttl, at)
        case .revoke(let id): return revoke(id, at)
        case .expire(let leases): return expire(leases, at)
        }
    }

    /// Takes over the stamp of a command that is well formed; the clock never goes back (rule 21).
    mutating func advance(to at: ClusterTime) { clusterTime = max(clusterTime, at) }

    mutating func malformed() -> Reply { finish(.malformed, .malformed) }

    /// Mixes an entry that changed no key into the hash.
    mutating func finish(_ effect: StateHash.Effect, _ reply: Reply) -> Reply {
        chain.mix(effect, index: appliedIndex, at: clusterTime)
        return reply
    }
}

// MARK: - Put

extension Store {
    private mutating func apply(_ put: Operation.Put, _ command: Span<UInt8>, _ at: ClusterTime) -> Reply {
        if put.isPlain {
            return self.put(
                key: command.extracting(put.key.range), value: command.extracting(put.value.range),
                contentType: command.extracting(put.contentType?.range ?? 0..<0), put.precondition,
                put.lifetime, at)
        }
        var plain = takeScratch()
        put.key.append(from: command, to: &plain)
        let keyEnd = plain.count
        put.contentType?.append(from: command, to: &plain)
        let typeEnd = plain.count
        if !put.isBase64 {
            put.value.append(from: command, to: &plain)
        } else if !put.value.appendBase64Decoded(from: command, to: &plain) {
            return malformed()
        }
        let reply = self.put(
            key: plain.span.extracting(0..<keyEnd), value: plain.span.extracting(typeEnd..<plain.count),
            contentType: plain.span.extracting(keyEnd..<typeEnd), put.precondition, put.lifetime, at)
        giveBack(&plain)
        return reply
    }

    private mutating func put(
        key: Span<UInt8>, value: Span<UInt8>, contentType: Span<UInt8>, _ precondition: Precondition,
        _ lifetime: Lifetime, _ at: ClusterTime
    ) -> Reply {
        guard isKey(key), contentType.count <= Command.contentTypeBytesMax, value.count <= Int(UInt32.max),
            revision < .largest
        else { return malformed() }
        advance(to: at)
        if !precondition.isEmpty {
            let current = tree.record(key)?.revision
            guard precondition.holds(current: current) else {
                return finish(.conditionFailed, .conditionFailed(current: current))
            }
        }
        var hold = Hold.none
        if lifetime != .unbounded {
            switch leases.hold(lifetime, for: tree.record(key), now: clusterTime) {
            case .success(let asked): hold = asked
            case .failure(.leaseNotFound): return finish(.refused, .leaseNotFound(at: nil))
            case .failure(.leaseFull): return finish(.refused, .leaseFull(at: nil))
            }
        }
        let revision = self.revision.next
        self.revision = revision
        var reply = Reply.none
        tree.put(key) { current in
            let record = Record(
                key: key, value: value, contentType: contentType, revision: revision,
                createdRevision: current?.createdRevision ?? revision, version: (current?.version ?? 0) + 1,
                hold: hold)
            if (current?.hold ?? .none) != hold { leases.move(from: current, to: record) }
            bytes += value.count - (current?.valueCount ?? -key.count)
            chain.mix(.put, index: appliedIndex, at: clusterTime)
            chain.mix(record)
            history.append(record)
            reply = .written(
                created: current == nil, revision: revision, createdRevision: record.createdRevision,
                version: record.version)
            return record
        }
        return reply
    }

    private func isKey(_ key: Span<UInt8>) -> Bool { !key.isEmpty && key.count <= Command.keyBytesMax }
}

// MARK: - Delete

extension Store {
    private mutating func apply(
        _ delete: Operation.Delete, _ command: Span<UInt8>, _ at: ClusterTime
    ) -> Reply {
        if !delete.key.isEscaped {
            return self.delete(key: command.extracting(delete.key.range), delete.precondition, at)
        }
        var plain = takeScratch()
        delete.key.append(from: command, to: &plain)
        let reply = self.delete(key: plain.span, delete.precondition, at)
        giveBack(&plain)
        return reply
    }

    private mutating func delete(key: Span<UInt8>, _ precondition: Precondition, _ at: ClusterTime) -> Reply {
        guard isKey(key), revision < .largest else { return malformed() }
        advance(to: at)
        let current = tree.record(key)
        guard precondition.holds(current: current?.revision) else {
            return finish(.conditionFailed, .conditionFailed(current: current?.revision))
        }
        guard let current else { return finish(.none, .deleted(count: 0, revision: revision)) }
        tree.remove(key)
        leases.move(from: current, to: nil)
        revision = revision.next
        bytes -= current.keyCount + current.valueCount
        chain.mix(.delete, index: appliedIndex, at: clusterTime)
        chain.mix(revision.rawValue)
        chain.mix(key)
        history.append(.delete, key: key, at: revision)
        return .deleted(count: 1, revision: revision)
    }
}

// MARK: - Scratch

extension Store {
    /// The most a scratch buffer keeps between two commands.
    private static let scratchBytesMax = 64 << 10

    /// The scratch buffer, out of the store while spans of it are in use.
    private mutating func takeScratch() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &scratch)
        return taken
    }

    private mutating func giveBack(_ buffer: inout [UInt8]) {
        guard buffer.capacity <= Store.scratchBytesMax else { return }
        buffer.removeAll(keepingCapacity: true)
        swap(&buffer, &scratch)
    }
}
