// A bar on a terminal that says how far something is; nothing at all where standard error is none.
internal import Glibc

/// One line on standard error, written anew at most ten times a second.
struct ProgressBar {
    private let isTerminal = isatty(2) == 1
    private let start = ContinuousClock.now
    private var next = ContinuousClock.now
    private let what: String
    private static let width = 30

    /// `what`: what is done, as the line begins.
    init(_ what: String) { self.what = what }

    /// - Parameters:
    ///   - share: how much is done, from 0 to 1; nil: that is not known.
    ///   - bytes: how many bytes have gone through.
    mutating func show(_ share: Double?, bytes: UInt64) {
        let now = ContinuousClock.now
        guard isTerminal, now >= next else { return }
        next = now.advanced(by: .milliseconds(100))
        let seconds = max(0.001, (now - start) / .seconds(1))
        var line = "\r\u{1B}[K\(what) "
        if let share {
            let filled = Int(share * Double(Self.width))
            line += "[\(String(repeating: "#", count: filled))"
            line += "\(String(repeating: ".", count: Self.width - filled))] \(Int(share * 100)) % "
        }
        line += "\(readable(bytes: bytes)), \(readable(bytes: UInt64(Double(bytes) / seconds)))/s"
        write(line)
    }

    /// Takes the line away.
    func clear() { if isTerminal { write("\r\u{1B}[K") } }

    private func write(_ text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }
}

/// Bytes as people read them: `17 B`, `1.5 KiB`, `177.0 MiB`.
func readable(bytes: UInt64) -> String {
    guard bytes >= 1_024 else { return "\(bytes) B" }
    var tenths = bytes * 10 / 1_024
    for unit in ["KiB", "MiB", "GiB"] {
        if tenths < 10_240 { return "\(tenths / 10).\(tenths % 10) \(unit)" }
        tenths /= 1_024
    }
    return "\(tenths / 10).\(tenths % 10) TiB"
}
