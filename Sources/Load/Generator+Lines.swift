// Connections: made, written to, given up, and made again, to wherever the leader is.
internal import Glibc
internal import Network

extension Generator {
    // Connecting ------------------------------------------------------------------------------------------

    /// Goes through the lines that rest: connects those that have no connection, as many as may be at a time.
    mutating func resume(_ now: UInt64) {
        if resting.isEmpty { return }
        var kept: [Int] = []
        let waiting = resting
        resting = []
        for line in waiting {
            let isRoom = lines[line].stage != .closed || connecting < Self.connectingMax
            if lines[line].resumeAt > now || !isRoom {
                kept.append(line)
            } else if lines[line].stage == .closed {
                dial(line, now)
            } else {
                markDirty(line)
            }
        }
        // Those whose connection failed at once stand there already.
        resting = kept + resting
    }

    private mutating func dial(_ line: Int, _ now: UInt64) {
        let aim = aims[lines[line].aim]
        lines[line].generation &+= 1
        lines[line].number = aim.number
        lines[line].since = now
        do throws(SystemError) {
            let socket = try Descriptor.dial(aim.target.address, from: nil)
            let token = Token(slot: UInt32(line), generation: lines[line].generation)
            try poller.add(socket, as: token, for: .changes)
            lines[line].descriptor = socket
            lines[line].stage = .connecting
            connecting += 1
        } catch {
            close(line, .notConnected(error.reason), now)
        }
    }

    /// What the poller has to say of a line.
    mutating func take(_ event: Readiness, _ now: inout UInt64) {
        if event.token == Self.bell {
            controls.wake.quieten()
            return
        }
        let line = Int(event.token.slot)
        guard lines[line].generation == event.token.generation else { return }
        switch lines[line].stage {
        case .closed: break
        case .connecting:
            guard event.isWritable else { return }
            if let failure = lines[line].descriptor.connectFailure() {
                close(line, .notConnected(failure.reason), now)
                return
            }
            connecting -= 1
            lines[line].stage = .open
            settle(line)
            markDirty(line)
        case .open:
            if event.isReadable { receive(line, &now) }
            if event.isWritable, lines[line].stage == .open { sendRest(line, now) }
        }
    }

    private mutating func settle(_ line: Int) {
        if lines[line].isSettled { return }
        lines[line].isSettled = true
        unsettled -= 1
    }

    /// Ends a connection; what was written on it and has no answer has come to nothing.
    ///
    /// `trouble`: nil where nobody is to blame.
    mutating func close(_ line: Int, _ trouble: Trouble?, _ now: UInt64) {
        if lines[line].stage == .connecting { connecting -= 1 }
        settle(line)
        for _ in 0..<lines[line].written {
            let request = takeOldest(of: line)
            fail(request, trouble ?? .lost, now)
        }
        if let trouble, case .notConnected = trouble {
            lastTrouble = trouble
            if now >= countedFrom { tally.recordUnmade(trouble) }
        }
        lines[line].stage = .closed
        lines[line].descriptor = .none
        lines[line].scanner = ResponseScanner()
        lines[line].unsent = []
        lines[line].unsentStart = 0
        if trouble == nil {
            // To where it leads now at once; to a node that ended it, in a moment.
            let isStale = lines[line].number != aims[lines[line].aim].number
            lines[line].resumeAt = isStale ? now : now + Line.pauseMin
        } else {
            lines[line].rest(from: now)
            if lines[line].aim == 0 {
                // One that is stopped takes connections all the same: the scout's word is awaited.
                if trouble == .timedOut { lines[line].resumeAt = now + Line.silence }
                doubt()
            } else {
                // The next node may do better.
                lines[line].aim = 1 + lines[line].aim % (aims.count - 1)
            }
        }
        resting.append(line)
    }

    // Who leads -------------------------------------------------------------------------------------------

    /// The leader may be another one by now.
    mutating func doubt() {
        if isDoubting { return }
        isDoubting = true
        scout.look(beyond: findingNumber)
    }

    /// Goes by the scout's last finding.
    mutating func learn(_ now: UInt64) {
        let finding = scout.latest
        guard finding.number != findingNumber else { return }
        findingNumber = finding.number
        isDoubting = false
        let isOther = finding.leader != aims[0].target
        if isOther {
            aims[0] = Aim(finding.leader, number: aims[0].number + 1, isLeader: true, plan)
        }
        for line in 0..<linesCount where lines[line].aim == 0 {
            // Those that rest, rest no longer; those that lead elsewhere are led here.
            if lines[line].resumeAt > now { lines[line].resumeAt = now }
            if isOther, lines[line].stage != .closed { markDirty(line) }
        }
    }

    // Writing ---------------------------------------------------------------------------------------------

    /// Writes what is to be written on a line: one call for all of it, as far as the kernel takes it.
    mutating func write(to line: Int, _ now: UInt64) {
        lines[line].isDirty = false
        guard lines[line].stage != .closed else { return }
        if lines[line].number != aims[lines[line].aim].number {
            // What was asked of a former leader may yet be answered; nothing more is asked of it.
            if lines[line].written == 0 || lines[line].stage == .connecting { close(line, nil, now) }
            return
        }
        guard lines[line].stage == .open, lines[line].resumeAt <= now, lines[line].unsent.isEmpty else {
            return
        }
        let aim = aims[lines[line].aim]
        while lines[line].written < lines[line].count {
            if lines[line].written == 0 { lines[line].since = now }
            let used = fill(line, aim)
            let sent = send(UnsafeRawBufferPointer(rebasing: scratch[..<used]), on: line)
            if sent == used { continue }
            if sent < 0 {
                breakOff(line, now)
            } else {
                lines[line].unsent = Array(scratch[sent..<used])
                lines[line].unsentStart = 0
            }
            return
        }
    }

    /// Puts requests into the scratch buffer until none is left or it is full. Answers how many bytes.
    private mutating func fill(_ line: Int, _ aim: Aim) -> Int {
        guard let out = scratch.baseAddress else { return 0 }
        let base = line * plan.pipeline
        var used = 0
        while lines[line].written < lines[line].count {
            var place = lines[line].head + lines[line].written
            if place >= plan.pipeline { place -= plan.pipeline }
            let next = pending[base + place]
            let size = next.isRead ? aim.read.count : aim.write.count
            if used + size > scratch.count { break }
            let value = next.isRead ? values.first : values.next(&chance)
            used +=
                next.isRead
                ? aim.read.write(key: next.key, value: value, to: out + used)
                : aim.write.write(key: next.key, value: value, to: out + used)
            lines[line].written += 1
        }
        return used
    }

    /// How many bytes the kernel took; negative: the connection is broken.
    private mutating func send(_ bytes: UnsafeRawBufferPointer, on line: Int) -> Int {
        var done = 0
        while done < bytes.count {
            let count = Glibc.send(
                lines[line].descriptor.raw, bytes.baseAddress.map { $0 + done }, bytes.count - done,
                Int32(MSG_NOSIGNAL))
            if count > 0 {
                done += count
            } else if errno == EAGAIN {
                return done
            } else if errno != EINTR {
                return -1
            }
        }
        return done
    }

    /// Ends a connection that takes no more; an answer may have come before that, with the reason.
    private mutating func breakOff(_ line: Int, _ now: UInt64) {
        var moment = now
        receive(line, &moment)
        if lines[line].stage == .open { close(line, .lost, moment) }
    }

    private mutating func sendRest(_ line: Int, _ now: UInt64) {
        if lines[line].unsent.isEmpty { return }
        let unsent = lines[line].unsent
        let sent = unsent.withUnsafeBytes {
            send(UnsafeRawBufferPointer(rebasing: $0[lines[line].unsentStart...]), on: line)
        }
        if sent < 0 {
            breakOff(line, now)
            return
        }
        lines[line].since = now
        lines[line].unsentStart += sent
        guard lines[line].unsentStart == unsent.count else { return }
        lines[line].unsent = []
        markDirty(line)
    }
}
