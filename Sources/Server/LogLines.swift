// The node's own log: one line an event on standard error, through a bounded queue to a writer thread.
internal import Glibc
internal import JSON
public import Logging
public import Network
internal import Synchronization

/// The writer of log lines. What does not fit its queue is dropped and counted: a slow terminal stops no
/// loop.
public final class LogWriter: Sendable {
    private let lines = Mailbox<String>(capacity: 4_096)
    private let dropped = Atomic<Int>(0)
    private let isDone = Atomic(false)

    let form: LogForm

    public init(form: LogForm = .text) throws(SystemError) {
        self.form = form
        try Thread(named: "log") { [self] in
            var taken: [String] = []
            while lines.take(into: &taken) {
                for line in taken { Self.write(line) }
                taken.removeAll(keepingCapacity: true)
                let lost = dropped.exchange(0, ordering: .relaxed)
                if lost > 0 { Self.write(form.line(.warning, "\(lost) log lines were dropped", [:])) }
            }
            isDone.store(true, ordering: .releasing)
        }.detach()
    }

    func put(_ line: String) {
        if !lines.put(line) { dropped.add(1, ordering: .relaxed) }
    }

    /// Writes what waits, half a second at most: the last words of a process.
    public func close() {
        lines.close()
        let deadline = monotonicNanoseconds() + 500_000_000
        while !isDone.load(ordering: .acquiring) && monotonicNanoseconds() < deadline { usleep(1_000) }
    }

    private static func write(_ line: String) {
        var line = line
        line.withUTF8 { bytes in
            var done = 0
            while done < bytes.count {
                let count = Glibc.write(2, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                if count < 0 && errno != EINTR { return }
                done += max(0, count)
            }
        }
    }

    /// The wall clock as `2026-11-23T10:23:32Z`.
    static func timestamp() -> String {
        let seconds = wallClockSeconds()
        let (year, month, day) = civilDate(daysSince1970: Int(seconds / 86_400))
        let rest = Int(seconds % 86_400)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return
            "\(year)-\(two(month))-\(two(day))T\(two(rest / 3_600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
    }

    /// Days to a date of the Gregorian calendar, by eras of 400 years that begin on 1 March.
    private static func civilDate(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }
}

/// How a line of the log is written.
public enum LogForm: String, Sendable, CaseIterable {
    /// `TIME LEVEL MESSAGE key=value …`
    case text
    /// `{"time":"…","level":"…","message":"…","key":"value",…}`
    case json

    /// One event is one line, whatever it quotes.
    func line(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata) -> String {
        let time = LogWriter.timestamp()
        let sorted = metadata.sorted { $0.key < $1.key }
        switch self {
        case .text:
            var line = "\(time) \(level) \(message)"
            for (key, value) in sorted { line += " \(key)=\(value)" }
            line.replace("\n", with: "\\n")
            return line + "\n"
        case .json:
            let all = [("time", time), ("level", "\(level)"), ("message", message)]
            var bytes: [UInt8] = []
            for (key, value) in all + sorted.map({ ($0.key, "\($0.value)") }) {
                bytes.append(literal: bytes.isEmpty ? "{" : ",")
                bytes.append(jsonString: Array(key.utf8).span)
                bytes.append(literal: ":")
                bytes.append(jsonString: Array(value.utf8).span)
            }
            return String(decoding: bytes, as: UTF8.self) + "}\n"
        }
    }
}

/// A swift-log backend over a ``LogWriter``.
public struct LogLines: LogHandler {
    private let writer: LogWriter
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]

    public init(_ writer: LogWriter, level: Logger.Level) {
        self.writer = writer
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, own in own }
        writer.put(writer.form.line(event.level, "\(event.message)", all))
    }
}
