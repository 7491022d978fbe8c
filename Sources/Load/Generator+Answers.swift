// Answers: read, counted, and what follows from a refusal; and what is looked after now and then.
internal import Client
internal import Glibc
internal import Network
internal import Synchronization

extension Generator {
    // Answers ---------------------------------------------------------------------------------------------

    /// Reads what has come. `now` moves on to when it was read.
    mutating func receive(_ line: Int, _ now: inout UInt64) {
        while true {
            let count = recv(lines[line].descriptor.raw, buffer.baseAddress, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN { return }
            guard count > 0 else {
                // A node may end a connection that nothing is asked on.
                close(line, lines[line].written == 0 && count == 0 ? nil : .lost, now)
                return
            }
            now = monotonicNanoseconds()
            guard takeAnswers(UnsafeRawBufferPointer(rebasing: buffer[..<count]), line, now) else { return }
            if count < buffer.count { return }
        }
    }

    /// False: the connection is at its end.
    private mutating func takeAnswers(_ bytes: UnsafeRawBufferPointer, _ line: Int, _ now: UInt64) -> Bool {
        var offset = 0
        while true {
            switch lines[line].scanner.next(bytes, at: &offset) {
            case .needMore: return true
            case .malformed:
                close(line, .malformed, now)
                return false
            case .answer(let status):
                guard lines[line].written > 0 else {
                    // Said without being asked: a node that takes no more connections, for one.
                    close(line, refusal(status, on: line), now)
                    return false
                }
                takeAnswer(status, line, now)
                guard lines[line].scanner.keepsAlive else {
                    close(line, lines[line].written == 0 && status < 300 ? nil : .lost, now)
                    return false
                }
            }
        }
    }

    private mutating func takeAnswer(_ status: Int, _ line: Int, _ now: UInt64) {
        let request = takeOldest(of: line)
        lines[line].since = now
        if status < 300 {
            lastAnswer = now
            keysDone += work == .eachKey ? 1 : 0
            if now >= countedFrom { tally.record(isRead: request.isRead, now - request.start) }
            if lines[line].pause != Line.pauseMin { lines[line].pause = Line.pauseMin }
        } else {
            let trouble = refusal(status, on: line)
            fail(request, trouble, now)
            // What is refused for good is refused each time: there is nothing to measure.
            if work == .eachKey, 400..<500 ~= status, status != 408, status != 429 {
                (end, drainUntil) = (now, now)
            }
            if status < 400 || status == 429 || status >= 500 {
                if lines[line].resumeAt <= now { resting.append(line) }
                lines[line].rest(from: now)
                if lines[line].aim == 0 && status != 429 && status != 507 { doubt() }
            }
        }
        // The last one of a former leader's.
        if lines[line].number != aims[lines[line].aim].number { markDirty(line) }
    }

    private func refusal(_ status: Int, on line: Int) -> Trouble {
        let code = String(decoding: lines[line].scanner.refusal, as: UTF8.self)
        return .refused(status: status, code: code)
    }

    /// Takes the oldest request off a line, and gives its client another one to spare.
    mutating func takeOldest(of line: Int) -> Pending {
        let request = pending[line * plan.pipeline + lines[line].head]
        lines[line].head += 1
        if lines[line].head == plan.pipeline { lines[line].head = 0 }
        lines[line].count -= 1
        lines[line].written -= 1
        underWay -= 1
        spare.append(UInt32(client(of: line)))
        return request
    }

    mutating func fail(_ request: Pending, _ trouble: Trouble, _ now: UInt64) {
        lastTrouble = trouble
        if work == .eachKey { again.append(request.key) }
        if now >= countedFrom { tally.record(trouble) }
    }

    // Now and then ----------------------------------------------------------------------------------------

    mutating func tick(_ now: UInt64) {
        learn(now)
        resume(now)
        if processorBefore == nil, now >= countedFrom { processorBefore = threadNanoseconds() }
        guard now >= nextCheck else { return }
        nextCheck = now + Self.checkNanoseconds
        for line in 0..<linesCount {
            switch lines[line].stage {
            case .closed: break
            case .connecting:
                if now - min(now, lines[line].since) > plan.timeoutNanoseconds {
                    close(line, .notConnected("no answer in time"), now)
                }
            case .open:
                if lines[line].written > 0, now - min(now, lines[line].since) > plan.timeoutNanoseconds {
                    close(line, .timedOut, now)
                }
            }
        }
        // Nobody answers any more: what is to be written will not be.
        if work == .eachKey, now > lastAnswer + plan.timeoutNanoseconds * 2 + Self.stallNanoseconds {
            end = now
            drainUntil = now
        }
        publish(now)
    }
    private static var stallNanoseconds: UInt64 { 1_000_000_000 }

    private mutating func publish(_ now: UInt64) {
        guard now >= published + Self.publishNanoseconds else { return }
        var progress = LoadProgress()
        progress.isMeasuring = now >= countedFrom
        progress.nanoseconds = progress.isMeasuring ? now - countedFrom : 0
        progress.answered = tally.answered
        progress.failed = tally.failed
        let seconds = Double(now - published) / 1e9
        progress.rate = published == 0 ? 0 : Double(tally.answered - publishedAnswers) / seconds
        let all = tally.all
        progress.p50 = all.percentile(50)
        progress.p99 = all.percentile(99)
        if let pace, now < end {
            let due = pace.count(before: now)
            progress.behind = due > paceNumber ? due - paceNumber : 0
        }
        progress.leader = aims[0].target.endpoint.description
        published = now
        publishedAnswers = tally.answered
        controls.progress.withLock { $0 = progress }
    }

    /// The end of all: what is still under way has come to nothing.
    mutating func finish(at now: UInt64) {
        let last = work == .eachKey ? now : max(end, lastAnswer)
        tally.nanoseconds = last > countedFrom ? last - countedFrom : 0
        tally.leader = aims[0].target.endpoint.description
        if let before = processorBefore { tally.processorNanoseconds = threadNanoseconds() - before }
        if let pace {
            let due = pace.count(before: end)
            tally.unsent = due > paceNumber ? due - paceNumber : 0
        }
        for line in 0..<linesCount where lines[line].count > 0 {
            lines[line].written = lines[line].count
            while lines[line].count > 0 {
                _ = takeOldest(of: line)
                if work == .chance, countedFrom != .max { tally.record(.timedOut) }
            }
        }
    }
}
