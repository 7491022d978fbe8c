// `rast bench`: load on a cluster, and how long its answers take.
internal import ArgumentParser
internal import Client
internal import Consensus
internal import Glibc
internal import Load
internal import Network
internal import Server

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put load on a cluster and measure how long answers take.",
        discussion: """
            Writes keys of its own, asks for them for a while, says how many answers came and how long \
            they took, and removes the keys. Writes go to the leader, and follow it where it changes. Each \
            of --connections asks again as soon as it has an answer; with --rate, requests start at fixed \
            moments whatever became of those before, and each one's time counts from its moment, so that a \
            stall shows in the figures. --duration begins after --warm-up; an answer that takes longer \
            than --timeout is an error. Ctrl-C ends it early, with the figures so far.

            EXAMPLES:
              rast bench                                half reads, half writes; 10 s
              rast bench --reads 0 --connections 256    writes alone
              rast bench --reads 1 --consistency local  each node's own state, of all
              rast bench --rate 5000 --duration 1m      no more requests, and no fewer
              rast bench --distribution zipfian --keys 1000000 --value-size 1024
              rast bench --output json | jq .writes.latencyMs.p99
              rast bench --prefix b/ --keep             and then: --no-preload

            EXIT STATUS: 0 done, with errors or without; 1 nothing was answered, or the nodes refuse;
            2 usage; 3 no leader or unreachable.
            """)

    enum Readers: String, ExpressibleByArgument, CaseIterable {
        case leader, all, endpoints

        var inPlan: LoadPlan.Readers {
            switch self {
            case .leader: .leader
            case .all: .all
            case .endpoints: .endpoints
            }
        }
    }
    enum Choice: String, ExpressibleByArgument, CaseIterable {
        case uniform, zipfian
    }

    @Option(help: ArgumentHelp("Clients that ask, each on a connection of its own.", valueName: "count"))
    var connections = 64
    @Option(help: ArgumentHelp("Requests that a client has under way at a time.", valueName: "count"))
    var pipeline = 1
    @Option(
        help: ArgumentHelp(
            "Requests that start each second, over all connections; as many as can be, if not given.",
            valueName: "count"))
    var rate: Int?
    @Option(help: ArgumentHelp("How long it is measured.", valueName: "time"))
    var duration = "10s"
    @Option(help: ArgumentHelp("How long it runs before that.", valueName: "time"))
    var warmUp = "1s"
    @Option(help: ArgumentHelp("The share of the requests that are reads, 0 to 1.", valueName: "share"))
    var reads = 0.5
    @Option(help: "What reads may see; local: the state of whichever node answers, however old.")
    var consistency = Get.Consistency.linearizable
    @Option(
        help: ArgumentHelp(
            "Which nodes are read from: the leader (default), all members (default of local reads), or the "
                + "endpoints alone.", valueName: "nodes"))
    var readFrom: Readers?
    @Option(help: ArgumentHelp("How many keys there are.", valueName: "count"))
    var keys = 10_000
    @Option(help: "Which keys are asked for: each as often, or few of them far more often than others.")
    var distribution = Choice.uniform
    @Option(help: ArgumentHelp("How large the values are.", valueName: "bytes"))
    var valueSize = 64
    @Option(
        help: ArgumentHelp(
            "What the keys begin with; bench/ and a number of its own, if not given.", valueName: "prefix"))
    var prefix: String?
    @Flag(inversion: .prefixedNo, help: "Whether each key is written once before it begins.")
    var preload = true
    @Flag(help: "Leave the keys where they are.")
    var keep = false
    @Option(help: ArgumentHelp("Threads that ask; a slow client measures itself.", valueName: "count"))
    var threads = 1
    @Option(help: "text: a table; json: an object.")
    var output = OutputForm.text
    @OptionGroup(title: "Cluster") var options: ClientOptions

    func run() throws {
        let plan = try checkedPlan()
        let places = try ClientOptions.places(options.endpoints)
        let wanted = plan.sockets + Self.otherFiles
        let limit = raiseOpenFilesLimit(to: wanted)
        guard limit >= wanted else {
            throw UsageError(
                "\(plan.sockets) connections need \(wanted) open files, and this process may have \(limit): "
                    + "raise that with `ulimit -n \(wanted)`, or take fewer --connections.")
        }
        let load: LoadRun
        do throws(LoadFailure) {
            load = try LoadRun(plan, endpoints: places)
        } catch {
            complain(error.description)
            throw ExitCode(error.exitStatus)
        }
        try refuseOtherKeys(plan)
        // Before the threads are there, and no sooner: until now Ctrl-C ends all and leaves nothing.
        let signals = try SignalInbox()
        try measure(load, plan, signals)
    }

    /// What the process has open beside its connections.
    private static let otherFiles = 64

    private func measure(_ load: LoadRun, _ plan: LoadPlan, _ signals: borrowing SignalInbox) throws {
        var progress = BenchProgress(plan)
        var interruptions = 0
        func watch(_ state: LoadProgress, loadingKeys: Bool) -> Bool {
            while signals.next() != nil { interruptions += 1 }
            progress.show(state, loadingKeys: loadingKeys)
            if interruptions > 1 {
                progress.clear()
                complain("ended at once. \(Self.cure(plan))")
                Glibc.exit(130)
            }
            return interruptions == 0
        }
        var failure: LoadFailure?
        var tally: Tally?
        do throws(LoadFailure) {
            if preload { _ = try load.preload { watch($0, loadingKeys: true) } }
            if interruptions == 0 { tally = try load.measure { watch($0, loadingKeys: false) } }
        } catch {
            failure = error
        }
        progress.clear()
        if let tally {
            let report = BenchReport(
                plan: plan, tally: tally, leader: load.leaderURL, isInterrupted: interruptions > 0)
            try putLine(output == .json ? report.json : report.text)
        }
        if !keep {
            progress.show("removing the keys …")
            let trouble = removeKeys(plan)
            progress.clear()
            if let trouble { complain("the keys were not removed: \(trouble) \(Self.cure(plan))") }
        }
        try end(failure, tally)
    }

    /// What the outcome exits with.
    private func end(_ failure: LoadFailure?, _ tally: Tally?) throws {
        if let failure {
            complain(failure.description)
            throw ExitCode(failure.exitStatus)
        }
        guard let tally else { throw failed("ended before anything was measured.") }
        guard tally.answered == 0 else { return }
        let why = tally.foremost.map { " (\($0.sentence))" } ?? ""
        complain("no request was answered as it should be\(why): see `rast status`.")
        let isRefused = tally.foremost.map { ($0.status ?? 503) < 500 } ?? true
        throw ExitCode(isRefused ? 1 : 3)
    }

    // Keys ------------------------------------------------------------------------------------------------

    /// Deletes all keys, in parts that are small enough. Answers what stood in the way.
    private func removeKeys(_ plan: LoadPlan) -> String? {
        do {
            var cluster = try options.cluster()
            for part in plan.parts {
                var call = Call(.delete, path: "/kv")
                appendParameter("start", part.start, to: &call.query)
                appendParameter("end", part.end, to: &call.query)
                call.tellsTimeout = true
                call.giveName()
                let response = try cluster.call(call)
                guard response.isSuccess else { return "\(response.endpoint): \(response.trouble)" }
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// How the keys are removed by hand.
    private static func cure(_ plan: LoadPlan) -> String {
        let most = plan.parts.count > 1 ? ", at most 10,000 at a time" : ""
        return "Keys may remain under \(quoted(plan.prefix)): DELETE /kv?prefix=… removes them\(most)."
    }

    /// Keys that are somebody else's are neither written over nor removed.
    private func refuseOtherKeys(_ plan: LoadPlan) throws {
        guard prefix != nil, preload else { return }
        var call = Call(.get, path: "/kv")
        appendParameter("prefix", plan.prefix, to: &call.query)
        appendParameter("limit", Array("1".utf8), to: &call.query)
        appendParameter("keys", to: &call.query)
        call.tellsTimeout = true
        var cluster = try options.cluster()
        let response = try ask(&cluster, call)
        guard response.isSuccess else { throw refused(response) }
        guard Document(response.content)?["entries"]?.elements?.isEmpty == true else {
            throw failed(
                "there are keys under \(quoted(plan.prefix)) already: name another --prefix, or, if they are "
                    + "another run's with as many --keys, use them with --no-preload.")
        }
    }

    // What is asked for -----------------------------------------------------------------------------------

    private func checkedPlan() throws -> LoadPlan {
        var plan = LoadPlan(prefix: try prefix.map { try argumentBytes($0, "--prefix") } ?? Self.ownPrefix())
        plan.connections = try within(1...LoadPlan.connectionsMax, connections, "--connections")
        plan.pipeline = try within(1...LoadPlan.pipelineMax, pipeline, "--pipeline")
        plan.rate = try rate.map { try within(1...LoadPlan.rateMax, $0, "--rate") }
        plan.threads = try within(1...LoadPlan.threadsMax, threads, "--threads")
        plan.keys = try within(1...LoadPlan.keysMax, keys, "--keys")
        plan.valueBytes = try within(0...LoadPlan.valueBytesMax, valueSize, "--value-size")
        plan.distribution = distribution == .zipfian ? .zipfian : .uniform
        guard reads >= 0, reads <= 1 else {
            throw UsageError(
                "--reads expects a share from 0 (writes alone) to 1 (reads alone), not \(reads).")
        }
        plan.reads = reads
        plan.isLocal = consistency == .local
        plan.readers = readFrom?.inPlan ?? (plan.isLocal ? .all : .leader)
        plan.durationNanoseconds = try time(duration, "--duration", from: 1_000_000)
        plan.warmUpNanoseconds = try time(warmUp, "--warm-up", from: 0)
        plan.timeoutNanoseconds = try ClientOptions.nanoseconds(options.timeout)
        plan.seed = UInt64.random(in: 0 ... .max)
        let underWay = plan.connections * plan.pipeline
        guard underWay <= LoadPlan.underWayMax else {
            throw UsageError(
                "--connections times --pipeline expects at most \(LoadPlan.underWayMax), not \(underWay).")
        }
        guard plan.threads <= plan.connections else {
            throw UsageError("--threads expects no more than there are connections (\(plan.connections)).")
        }
        guard !plan.prefix.isEmpty else { throw UsageError("--prefix expects at least one byte.") }
        guard preload || prefix != nil else {
            throw UsageError("--no-preload goes with --prefix: that of an earlier run with --keep.")
        }
        guard plan.prefix.count + plan.digits <= Self.keyBytesMax else {
            throw UsageError("--prefix expects at most \(Self.keyBytesMax - plan.digits) bytes.")
        }
        return plan
    }
    private static let keyBytesMax = 1_024

    /// Unlike any other run's, so that what is removed afterwards is its own.
    private static func ownPrefix() -> [UInt8] {
        Array("bench/\(String(UInt32.random(in: 0x1000_0000 ... .max), radix: 16))/".utf8)
    }

    private func within(_ range: ClosedRange<Int>, _ value: Int, _ name: String) throws(UsageError) -> Int {
        guard range.contains(value) else {
            throw UsageError("\(name) expects \(range.lowerBound) to \(range.upperBound), not \(value).")
        }
        return value
    }

    private func time(_ text: String, _ name: String, from least: UInt64) throws(UsageError) -> UInt64 {
        guard let time = interval(text), time.nanoseconds >= least, time.nanoseconds <= Self.timeMax else {
            throw UsageError("\(name) expects a time up to 24 hours, such as 10s or 5m, not \"\(text)\".")
        }
        return time.nanoseconds
    }
    private static let timeMax: UInt64 = 86_400_000_000_000
}
