// What `rast bench` found, as a table for people or as one JSON object.
internal import Client
internal import Load

/// The figures of one run.
struct BenchReport {
    let plan: LoadPlan
    let tally: Tally
    let leader: String
    let isInterrupted: Bool

    private static let percentiles: [(title: String, name: String, percent: Double)] = [
        ("p50", "p50", 50), ("p90", "p90", 90), ("p99", "p99", 99), ("p99.9", "p999", 99.9),
        ("p99.99", "p9999", 99.99),
    ]

    private var seconds: Double { Double(tally.nanoseconds) / 1e9 }
    private var hasOtherLeader: Bool { !tally.leader.isEmpty && tally.leader != leader }
    private func rate(_ count: UInt64) -> Double { seconds > 0 ? Double(count) / seconds : 0 }

    private var kinds: [(name: String, latencies: LatencyHistogram)] {
        var kinds: [(name: String, latencies: LatencyHistogram)] = []
        if plan.reads > 0 { kinds.append(("reads", tally.reads)) }
        if plan.reads < 1 { kinds.append(("writes", tally.writes)) }
        if kinds.count > 1 { kinds.append(("all", tally.all)) }
        return kinds
    }

    // Text ------------------------------------------------------------------------------------------------

    var text: String {
        var lines = [heading, ""]
        lines += table
        lines.append("")
        lines += troubles
        if tally.unsent > 0 {
            lines.append(
                "never sent: \(grouped(tally.unsent)) requests that were due: the rate is too high."
            )
        }
        if isInterrupted { lines.append("ended early, by a signal.") }
        if tally.answered > 0 { lines.append("processor time of this client: \(processor)") }
        return lines.joined(separator: "\n")
    }

    private var heading: String {
        let share = decimal(plan.reads * 100, digits: 1)
        let kind = plan.isLocal ? "local" : "linearizable"
        let what =
            plan.reads <= 0
            ? "writes" : plan.reads >= 1 ? "\(kind) reads" : "writes and \(share) % \(kind) reads"
        let pace = plan.rate.map { "\(grouped(UInt64($0))) a second" } ?? "as fast as they are answered"
        let depth = plan.pipeline > 1 ? " with \(plan.pipeline) requests under way" : ""
        let first =
            "\(decimal(seconds, digits: 1)) s of \(what), \(pace), "
            + "over \(plan.connections) connections\(depth)"
        let second =
            "\(grouped(UInt64(plan.keys))) keys (\(plan.distribution.rawValue)) with \(plan.valueBytes) "
            + "bytes each; leader \(leader)"
            + (hasOtherLeader ? ", at the end \(tally.leader)" : "")
        return "\(first)\n\(second)"
    }

    private var table: [String] {
        let titles =
            ["", "answers", "a second", "mean"] + Self.percentiles.map(\.title) + ["max"]
        let rows = kinds.map { name, latencies in
            [name, grouped(latencies.count), grouped(UInt64(rate(latencies.count).rounded()))]
                + [duration(latencies.mean)]
                + Self.percentiles.map { duration(latencies.percentile($0.percent)) }
                + [duration(latencies.max)]
        }
        let all = [titles] + rows
        let widths = titles.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            row.enumerated().map { column, cell in
                let filling = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + filling : filling + cell
            }.joined(separator: "  ")
        }
    }

    private var troubles: [String] {
        let requests = tally.answered + tally.failed
        if tally.troubles.isEmpty { return ["errors: none"] }
        let share = requests > 0 ? Double(tally.failed) / Double(requests) * 100 : 0
        let head =
            "errors: \(grouped(tally.failed)) of \(grouped(requests)) requests"
            + (tally.failed > 0 ? " (\(decimal(share, digits: 2)) %)" : "")
        return [head]
            + tally.troubles.sorted { $0.count > $1.count }.map { row in
                let what = row.trouble.detail == nil ? "" : " (connections, not requests)"
                return "  \(grouped(row.count))  \(row.trouble.sentence)\(what)"
            }
    }

    private var processorMicroseconds: Double {
        Double(tally.processorNanoseconds) / 1e3 / Double(max(1, tally.answered + tally.failed))
    }
    private var cores: Double {
        tally.nanoseconds > 0 ? Double(tally.processorNanoseconds) / Double(tally.nanoseconds) : 0
    }

    private var processor: String {
        let busy = decimal(cores, digits: 2)
        let warning =
            cores > 0.9 * Double(plan.threads)
            ? "; it is the bound: give it --threads \(plan.threads + 1), if there are cores to spare" : ""
        return "\(decimal(processorMicroseconds, digits: 1)) µs a request, \(busy) cores\(warning)"
    }

    // JSON ------------------------------------------------------------------------------------------------

    var json: String {
        var members = [
            "\"connections\":\(plan.connections)", "\"pipeline\":\(plan.pipeline)",
            "\"threads\":\(plan.threads)", "\"rate\":\(plan.rate.map(String.init) ?? "null")",
            "\"keys\":\(plan.keys)", "\"valueBytes\":\(plan.valueBytes)",
            "\"distribution\":\"\(plan.distribution.rawValue)\"",
            "\"readShare\":\(decimal(plan.reads, digits: 4))",
            "\"consistency\":\"\(plan.isLocal ? "local" : "linearizable")\"",
            "\"readFrom\":\"\(plan.readers.rawValue)\"",
            "\"leader\":\(string(leader))",
            "\"leaderAtEnd\":\(string(hasOtherLeader ? tally.leader : leader))",
            "\"interrupted\":\(isInterrupted)",
            "\"seconds\":\(decimal(seconds, digits: 3))",
            "\"requests\":\(tally.answered + tally.failed)", "\"failed\":\(tally.failed)",
            "\"unsent\":\(tally.unsent)",
        ]
        members += figures(tally.all)
        for (name, latencies) in kinds where name != "all" {
            members.append("\"\(name)\":{\(figures(latencies).joined(separator: ","))}")
        }
        let errors = tally.troubles.map { row in
            let status = row.trouble.status.map { ",\"status\":\($0)" } ?? ""
            let detail = row.trouble.detail.map { ",\"detail\":\(string($0))" } ?? ""
            return "{\"code\":\(string(row.trouble.code))\(status)\(detail),\"count\":\(row.count)}"
        }
        members.append("\"errors\":[\(errors.joined(separator: ","))]")
        members.append(
            "\"cpu\":{\"microsecondsPerRequest\":\(decimal(processorMicroseconds, digits: 2)),"
                + "\"cores\":\(decimal(cores, digits: 3))}")
        return "{\(members.joined(separator: ","))}"
    }

    private func figures(_ latencies: LatencyHistogram) -> [String] {
        func milliseconds(_ nanoseconds: UInt64) -> String { decimal(Double(nanoseconds) / 1e6, digits: 4) }
        let percentiles = Self.percentiles.map {
            "\"\($0.name)\":\(milliseconds(latencies.percentile($0.percent)))"
        }
        let all =
            ["\"mean\":\(milliseconds(latencies.mean))"] + percentiles
            + ["\"max\":\(milliseconds(latencies.max))"]
        return [
            "\"answered\":\(latencies.count)", "\"perSecond\":\(decimal(rate(latencies.count), digits: 1))",
            "\"latencyMs\":{\(all.joined(separator: ","))}",
        ]
    }

    private func string(_ text: String) -> String { String(decoding: jsonString(text), as: UTF8.self) }
}

/// A number with so many decimals, without zeros at its end.
func decimal(_ number: Double, digits: Int) -> String {
    guard number.isFinite, abs(number) < 1e15 else { return "0" }
    let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
    let whole = Int((number * Double(scale)).rounded())
    var fraction = String(abs(whole) % scale + scale).dropFirst()
    while fraction.last == "0" { fraction = fraction.dropLast() }
    let sign = whole < 0 ? "-" : ""
    return "\(sign)\(abs(whole) / scale)\(fraction.isEmpty ? "" : ".\(fraction)")"
}

/// `1234567` as `1,234,567`.
func grouped(_ number: UInt64) -> String {
    var text = ""
    for (place, digit) in String(number).reversed().enumerated() {
        if place > 0 && place % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return String(text.reversed())
}

/// A time with three digits, as people read it: `812 µs`, `3.21 ms`, `1.07 s`.
func duration(_ nanoseconds: UInt64) -> String {
    let (number, unit) =
        nanoseconds < 999_500
        ? (Double(nanoseconds) / 1e3, "µs")
        : nanoseconds < 999_500_000
            ? (Double(nanoseconds) / 1e6, "ms") : (Double(nanoseconds) / 1e9, "s")
    // Three digits, zeros among them: columns of figures are read by their lengths.
    let digits = number < 9.995 ? 2 : number < 99.95 ? 1 : 0
    let scaled = Int((number * (digits == 2 ? 100 : digits == 1 ? 10 : 1)).rounded())
    switch digits {
    case 2: return "\(scaled / 100).\(scaled % 100 / 10)\(scaled % 10) \(unit)"
    case 1: return "\(scaled / 10).\(scaled % 10) \(unit)"
    default: return "\(scaled) \(unit)"
    }
}
