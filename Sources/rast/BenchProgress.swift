// How far `rast bench` is: one line on a terminal, and nothing at all where standard error is none.
internal import Glibc
internal import Load

/// One line on standard error, written anew a few times a second.
struct BenchProgress {
    private let plan: LoadPlan
    private let isTerminal = isatty(2) == 1
    private var next = ContinuousClock.now

    init(_ plan: LoadPlan) { self.plan = plan }

    /// `what`: what is being done, where it is not the measurement.
    mutating func show(_ progress: LoadProgress, loadingKeys: Bool) {
        let now = ContinuousClock.now
        guard isTerminal, now >= next else { return }
        next = now.advanced(by: .milliseconds(200))
        write("\r\u{1B}[K" + cut(loadingKeys ? keys(progress) : figures(progress)))
    }

    mutating func show(_ text: String) {
        if isTerminal { write("\r\u{1B}[K" + cut(text)) }
    }

    /// Takes the line away.
    func clear() { if isTerminal { write("\r\u{1B}[K") } }

    private func keys(_ progress: LoadProgress) -> String {
        "writing keys: \(grouped(progress.answered)) of \(grouped(UInt64(plan.keys)))"
    }

    private func figures(_ progress: LoadProgress) -> String {
        guard progress.isMeasuring else { return "warming up …" }
        let whole = decimal(Double(plan.durationNanoseconds) / 1e9, digits: 1)
        let tenths = min(progress.nanoseconds, plan.durationNanoseconds) / 100_000_000
        var line = "\(tenths / 10).\(tenths % 10) of \(whole) s  \(grouped(UInt64(progress.rate)))/s"
        if progress.answered > 0 { line += "  p50 \(duration(progress.p50))  p99 \(duration(progress.p99))" }
        line += "  \(grouped(progress.failed)) failed"
        if progress.behind > 0 { line += "  \(grouped(progress.behind)) behind" }
        return line
    }

    /// A line that does not fit would not be taken away whole.
    private func cut(_ text: String) -> String {
        var size = winsize()
        let isKnown = ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return String(text.prefix(isKnown ? Int(size.ws_col) - 1 : 79))
    }

    private func write(_ text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }
}
