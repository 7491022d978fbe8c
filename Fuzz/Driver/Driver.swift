// The fuzzer's main function: `driver TARGET [libFuzzer's own arguments]`.
import FuzzTargets
import Glibc

/// libFuzzer's entry, of which no header is installed with Swift.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ feed: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// Set once, before the fuzzer's first input.
nonisolated(unsafe) private var chosen = FuzzTarget.json

private func feed(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    do throws(Contradiction) {
        try chosen.feed(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
        say("contradiction: \(error)")
        abort()
    }
    return 0
}

private func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
}

@main
enum Driver {
    static func main() {
        let given = CommandLine.arguments
        guard given.count > 1, let target = FuzzTarget(rawValue: given[1]) else {
            let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
            say("usage: driver TARGET [arguments of libFuzzer]; targets: \(names)")
            exit(2)
        }
        chosen = target
        // For the process's life.
        let words = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: given.count)
        words[0] = strdup(given[0])
        for place in 2..<given.count { words[place - 1] = strdup(given[place]) }
        words[given.count - 1] = nil
        var count = Int32(given.count - 1)
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = words
        exit(runFuzzer(&count, &arguments, feed))
    }
}
