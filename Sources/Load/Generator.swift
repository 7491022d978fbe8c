// One thread's load: its connections, who of its clients may ask next, and the loop that turns.
internal import Client
internal import Glibc
internal import Network
internal import Synchronization

/// What is asked for.
enum Work: Sendable {
    /// Requests by chance, until the time is over.
    case chance
    /// Each key once, until all are written.
    case eachKey
}

/// The places that connections lead to: who leads, and then those who are read from.
struct Aim {
    let target: Target
    /// Another one, another node.
    var number: Int
    let read: Request
    let write: Request

    init(_ target: Target, number: Int, isLeader: Bool, _ plan: LoadPlan) {
        self.target = target
        self.number = number
        read = .read(plan, at: target.endpoint, isLeader: isLeader)
        write = .write(plan, at: target.endpoint)
    }
}

/// Many clients in one thread. A client asks when it has a request to spare: at once in a closed loop, at the
/// next intended moment at a fixed rate.
struct Generator: ~Copyable {
    let plan: LoadPlan
    let work: Work
    let share: Int
    let clients: Int
    let scout: Scout
    let controls: Controls
    let values: Values

    var poller: Poller
    var lines = Slots<Line>()
    let linesCount: Int
    /// `plan.pipeline` places a line.
    var pending: [Pending]
    var aims: [Aim]
    /// The number of the scout's finding that is gone by.
    var findingNumber: Int
    var isDoubting = false

    /// The clients that have a request to spare, once for each.
    var spare: Ring
    var chance: Chance
    let choice: KeyChoice
    var nextKey = 0
    var again: [UInt32] = []
    var keysDone = 0
    var pace: Pace?
    var paceNumber: UInt64 = 0

    /// Lines with something to be written, and lines that rest or have no connection.
    var dirty: [Int] = []
    var resting: [Int] = []
    var connecting = 0
    var unsettled: Int
    var underWay = 0

    /// What is answered from here on counts, whenever it was meant to start: at a rate that is more than is
    /// answered, what comes was due long ago, and that is the figure.
    var countedFrom = UInt64.max
    var end = UInt64.max
    var drainUntil = UInt64.max
    var lastAnswer: UInt64 = 0
    var lastTrouble: Trouble?
    var processorBefore: UInt64?
    var nextCheck: UInt64 = 0
    var published: UInt64 = 0
    var publishedAnswers: UInt64 = 0
    var tally = Tally()

    let buffer: UnsafeMutableRawBufferPointer
    let scratch: UnsafeMutableRawBufferPointer

    static let bufferBytes = 256 << 10
    static let connectingMax = 256
    static let checkNanoseconds: UInt64 = 100_000_000
    static let publishNanoseconds: UInt64 = 250_000_000
    static let drainNanosecondsMax: UInt64 = 5_000_000_000
    static let bell = Token(slot: .max, generation: 1)

    init(_ setting: Setting, _ plan: LoadPlan, _ work: Work, share: Int) throws(SystemError) {
        let poller = try Poller()
        try poller.add(setting.controls[share].wake.descriptor, as: Self.bell, for: .reading)
        self.poller = poller
        self.plan = plan
        self.work = work
        self.share = share
        clients = plan.connections / plan.threads + (share < plan.connections % plan.threads ? 1 : 0)
        scout = setting.scout
        controls = setting.controls[share]
        values = setting.values
        let finding = scout.latest
        findingNumber = finding.number
        aims =
            [Aim(finding.leader, number: 0, isLeader: true, plan)]
            + setting.readers.map { Aim($0, number: 0, isLeader: false, plan) }
        spare = Ring(capacity: clients * plan.pipeline)
        for _ in 0..<plan.pipeline { for client in 0..<clients { spare.append(UInt32(client)) } }
        chance = Chance(seed: plan.seed &+ UInt64(share) &* 0x1_0000_0001)
        choice = KeyChoice(plan.distribution, count: plan.keys)
        linesCount = clients * (plan.isSplit ? 2 : 1)
        pending = [Pending](repeating: Pending(), count: linesCount * plan.pipeline)
        unsettled = linesCount
        let requestBytes = max(aims[0].read.count, aims[0].write.count) + 1_024
        scratch = .allocate(byteCount: max(Self.bufferBytes, requestBytes), alignment: 16)
        buffer = .allocate(byteCount: Self.bufferBytes, alignment: 16)
        for place in 0..<linesCount {
            let aim = aim(ofLine: place)
            resting.append(Int(lines.insert(Line(aim: aim)).slot))
        }
    }

    deinit {
        buffer.deallocate()
        scratch.deallocate()
    }

    /// Where a line leads: its reads to one of the readers where there are some, its writes to the leader.
    private func aim(ofLine place: Int) -> Int {
        let isReading = plan.isSplit ? place & 1 == 0 : plan.reads == 1
        guard isReading, aims.count > 1 else { return 0 }
        let client = plan.isSplit ? place / 2 : place
        return 1 + (client * plan.threads + share) % (aims.count - 1)
    }

    func line(of client: Int, isRead: Bool) -> Int {
        plan.isSplit ? client * 2 + (isRead ? 0 : 1) : client
    }

    func client(of line: Int) -> Int { plan.isSplit ? line / 2 : line }

    // The loop --------------------------------------------------------------------------------------------

    /// Runs until the time is over, or all is done, or it is told to end.
    mutating func run() throws(LoadFailure) -> Tally {
        var now = monotonicNanoseconds()
        lastAnswer = now
        let settleBy = now + plan.timeoutNanoseconds
        do throws(SystemError) {
            while !isDone(at: now) {
                let count = try poller.wait(preciselyUntil: wakesAt(now))
                now = monotonicNanoseconds()
                for place in 0..<count {
                    take(poller[place], &now)
                    feed(now)
                }
                if countedFrom == .max, unsettled == 0 || now >= settleBy { try begin(at: now) }
                tick(now)
                feed(now)
            }
        } catch {
            throw .system(error)
        }
        finish(at: now)
        return tally
    }

    private mutating func isDone(at now: UInt64) -> Bool {
        if controls.isEnding.load(ordering: .relaxed), end > now { finishEarly(at: now) }
        if work == .eachKey, keysDone == plan.keys { return true }
        return now >= end && (underWay == 0 || now >= drainUntil)
    }

    private mutating func finishEarly(at now: UInt64) {
        end = now
        drainUntil = now + min(plan.timeoutNanoseconds, 1_000_000_000)
    }

    /// All connections are there, or were tried: from now on it counts.
    private mutating func begin(at now: UInt64) throws(SystemError) {
        pace = plan.rate.map { Pace(perSecond: $0, from: now, share: share, of: plan.threads) }
        countedFrom = work == .eachKey ? now : now + plan.warmUpNanoseconds
        guard end == .max else { return }
        end = work == .eachKey ? .max - 1 : countedFrom + plan.durationNanoseconds
        if work == .chance {
            drainUntil = end + min(plan.timeoutNanoseconds, Self.drainNanosecondsMax)
        }
        lastAnswer = now
    }

    /// Until when nothing is to be done by itself.
    private func wakesAt(_ now: UInt64) -> UInt64 {
        var moment = nextCheck
        if now < end {
            moment = min(moment, end)
            if let pace, spare.count > 0 { moment = min(moment, pace.moment(paceNumber)) }
        }
        if connecting < Self.connectingMax {
            for line in resting.prefix(64) { moment = min(moment, lines[line].resumeAt) }
        }
        return moment
    }

    // Who asks next ---------------------------------------------------------------------------------------

    /// Gives requests to the clients that have one to spare, as far as any are due, and writes them.
    mutating func feed(_ now: UInt64) {
        if countedFrom != .max, now < end {
            while spare.count > 0, let next = draw(now) {
                let client = Int(spare.removeFirst())
                let line = line(of: client, isRead: next.isRead)
                give(next, to: line)
            }
        }
        while let line = dirty.popLast() { write(to: line, now) }
    }

    private mutating func draw(_ now: UInt64) -> Pending? {
        switch work {
        case .eachKey:
            if let key = again.popLast() { return Pending(start: now, key: key, isRead: false) }
            guard nextKey < plan.keys else { return nil }
            nextKey += 1
            return Pending(start: now, key: UInt32(nextKey - 1), isRead: false)
        case .chance:
            var start = now
            if let pace {
                start = pace.moment(paceNumber)
                guard start <= now, start < end else { return nil }
                paceNumber += 1
            }
            let isRead = plan.reads > 0 && (plan.reads >= 1 || chance.share() < plan.reads)
            return Pending(start: start, key: UInt32(choice.next(&chance)), isRead: isRead)
        }
    }

    private mutating func give(_ next: Pending, to line: Int) {
        var place = lines[line].head + lines[line].count
        if place >= plan.pipeline { place -= plan.pipeline }
        pending[line * plan.pipeline + place] = next
        lines[line].count += 1
        underWay += 1
        markDirty(line)
    }

    mutating func markDirty(_ line: Int) {
        if lines[line].isDirty { return }
        lines[line].isDirty = true
        dirty.append(line)
    }
}
