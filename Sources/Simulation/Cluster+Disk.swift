// The disk thread of each node: one operation after the other, each taking its time, some of them failing.
internal import Consensus
internal import Journal
internal import Replica
internal import Wire

extension Cluster {
    /// Begins the next operation if none is under way.
    func startDisk(_ node: SimulatedNode) {
        guard !node.isDiskBusy, let operation = node.operations.first, node.isUp else { return }
        node.isDiskBusy = true
        var time = node.random.longTailed(odds.diskTime)
        if case .rename = operation.action { time /= 4 }
        if isChaos, node.random.happens(odds.slowSync) {
            counts.count(.syncSlow)
            time = node.random.draw(20 * Self.millisecond...1_500 * Self.millisecond)
        }
        if node.diskStalledUntil > now { time += node.diskStalledUntil - now }
        queue.add(.disk(node.place, life: node.life), at: after(time))
        if node.crashesInOperation {
            node.crashesInOperation = false
            let isPower = node.random.happens(600_000) && plan.faults.contains(.powerLost)
            queue.add(
                .crash(node.place, life: node.life, isPower: isPower),
                at: after(node.random.next(below: time + 1)))
        }
    }

    func diskIsDone(_ node: SimulatedNode, _ life: Int, _ event: Event) throws(Violation) {
        guard isAwake(node, life: life, else: event), node.isDiskBusy else { return }
        node.isDiskBusy = false
        let operation = node.operations.removeFirst()
        let failure = node.hasDiskFailed ? Self.failure(.failed) : drawFailure(node, operation)
        if let failure {
            fail(operation, by: failure, node)
        } else {
            perform(operation.action, node)
            try believe(operation.action, node)
        }
        trace.begin(now)
        trace.node(node.place)
        trace.text(failure == nil ? "did " : "failed to ")
        trace.operation(operation.action)
        trace.end()
        tell(node)
        var completions: [Completion] = []
        node.process?.journal.completed(
            operation.id, failure: failure, into: &completions, operations: &node.operations)
        for completion in completions { try take(completion, node) }
        startDisk(node)
        try takeTurn(node)
    }

    private static func failure(_ reason: DiskFailure.Reason) -> DiskFailure {
        DiskFailure(reason: reason, message: "simulated: \(reason)")
    }

    private func drawFailure(_ node: SimulatedNode, _ operation: Operation) -> DiskFailure? {
        guard isChaos else { return nil }
        switch operation.action {
        case .write(.incoming, _, _, _) where node.random.happens(odds.full / 8):
            counts.count(.diskFull)
            return Self.failure(.full)
        case .write:
            guard node.isStarted, node.random.happens(odds.failSync) else { return nil }
            counts.count(.syncFailed)
            return Self.failure(.failed)
        case .prepare:
            guard node.random.happens(odds.full) else { return nil }
            counts.count(.diskFull)
            return Self.failure(.full)
        case .rename, .remove, .syncFolder: return nil
        }
    }

    /// What the failed operation leaves: the bytes are readable, and never get to the disk.
    private func fail(_ operation: Operation, by failure: DiskFailure, _ node: SimulatedNode) {
        switch operation.action {
        case .write(let file, let offset, let pieces, _) where operation.action.mayFail(by: failure):
            // Some of it is there.
            let total = pieces.reduce(0) { $0 + $1.count }
            node.disk.write(file, at: Int(offset), pieces, limit: node.random.index(total + 1))
        case .write(let file, let offset, let pieces, _):
            guard !node.hasDiskFailed else { return }
            node.hasDiskFailed = true
            node.maybe = node.durable
            // The state that these bytes would make, should they be read at the next start.
            _ = try? node.maybe?.take(operation.action)
            if let id = node.maybe?.snapshot { node.maybe?.stand(on: id, table) }
            node.disk.write(file, at: Int(offset), pieces)
            node.disk.failSync(file)
        case .prepare, .rename, .remove, .syncFolder: return
        }
    }

    /// Carries out a whole operation.
    func perform(_ action: Operation.Action, _ node: SimulatedNode) {
        switch action {
        case .write(let file, let offset, let pieces, let isSynced):
            node.disk.write(file, at: Int(offset), pieces)
            if isSynced, sabotage != .skipSync { node.disk.sync(file) }
        case .prepare(let file, let offset, let bytes):
            node.disk.writeZeros(file, at: Int(offset), count: Int(bytes))
            node.disk.sync(file)
        case .rename(let file, let other): _ = node.disk.rename(file, to: other)
        case .remove(let file): node.disk.remove(file)
        case .syncFolder(let folder):
            if sabotage != .skipFolderSync { node.disk.sync(folder) }
        }
    }

    /// What is durable from now on, by the bytes of the operation that is done.
    func believe(_ action: Operation.Action, _ node: SimulatedNode) throws(Violation) {
        guard node.isStarted else { return }
        switch action {
        case .write(let file, _, _, true):
            guard node.disk.isNameSynced(file) else { return }
            let first = try node.durable.take(action)
            if let id = node.durable.snapshot { node.durable.stand(on: id, table) }
            if node.health == .whole { try checkStated(node.durable.stated, by: node) }
            guard let first else { return }
            for index in first...max(first, node.durable.log.count) where index <= node.durable.log.count {
                try table.becameDurable(node.durable.log[index - 1], at: index, on: node.place)
            }
        case .rename(_, let other): node.noteRenamed(to: other)
        case .syncFolder(let folder): try believeNames(in: folder, node)
        case .write, .prepare, .remove: return
        }
    }

    /// Names are durable: that of a snapshot, or of a log file that begins after one.
    private func believeNames(in folder: Folder, _ node: SimulatedNode) throws(Violation) {
        switch folder {
        case .root: return
        case .snapshot:
            let named = node.named
            node.named = []
            for id in named {
                node.durable.stand(on: id, table)
                for index in 0..<Int(id.index.rawValue) {
                    try table.becameDurable(node.durable.log[index], at: index + 1, on: node.place)
                }
            }
        case .log:
            guard let base = node.opened else { return }
            node.opened = nil
            node.durable.begin(after: base)
        }
    }

    private func take(_ completion: Completion, _ node: SimulatedNode) throws(Violation) {
        switch completion {
        case .started:
            try started(node)
            node.process?.replica.started()
        case .persisted(let write): node.process?.replica.persisted(write)
        case .stored(let hard):
            if node.isRejoining, hard.count >= node.rejoinsWith {
                // From now on its disk says so too.
                node.isRejoining = false
                if node.health == .wiped { node.health = .whole }
            }
            node.process?.replica.stored(hard)
        case .storedIdentity: node.process?.replica.storedIdentity()
        case .received(let next): node.process?.replica.received(upTo: next)
        case .notReceived: node.process?.replica.notReceived()
        case .compacted(let index): node.process?.replica.compacted(through: index)
        case .storedDamage, .notRemoved, .stopped: return
        case .clearedDamage:
            try checkRepaired(node)
            if node.health == .damaged { node.health = .whole }
            node.process?.replica.clearedDamage()
        case .failed:
            node.hasDiskFailed = true
            node.process?.replica.diskFailed()
        }
    }
}
