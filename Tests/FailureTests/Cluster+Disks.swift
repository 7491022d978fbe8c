// What is done to nodes' disks: calls that fail or wait, file systems that fill up, bytes that flip.
import Foundation
import Testing

extension Cluster {
    /// Whether strace may attach to a process that is no child of its own.
    static let canTrace: Bool = {
        guard getuid() == 0, let child = try? Child("sleep", ["20"], log: "/dev/null") else { return false }
        var sleeper = child
        defer { sleeper.killNow() }
        let attempt = try? Run(
            "timeout", ["-s", "INT", "0.5", "strace", "-f", "-o", "/dev/null", "-p", "\(sleeper.id)"])
        // Interrupted while it watched, and not refused.
        return attempt.map { !$0.output.contains("strace: attach") && $0.end != 1 && $0.end != 127 } ?? false
    }()

    /// While `body` runs, node `id`'s calls are tampered with as strace's `inject=` says.
    func tracing(_ id: Int, _ injection: String, _ body: () throws -> Void) throws {
        let process = try #require(self[id].process?.id, "node \(id) does not run")
        let call = injection.prefix { $0 != ":" }
        let log = folder.path + "/strace.log"
        var tracer = try Child(
            "strace",
            [
                "-f", "-o", "/dev/null", "-e", "trace=\(call)", "-e", "inject=\(injection)", "-p",
                "\(process)",
            ],
            log: log)
        defer {
            // It lets go of the node before it ends; if it were killed, so might be the node.
            tracer.send(SIGINT)
            if tracer.wait(seconds: 10) == nil { tracer.killNow() }
        }
        let isAttached = Clock.poll(seconds: 10) {
            (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8))?
                .contains("TracerPid:\t\(tracer.id)") ?? false
        }
        try #require(isAttached, "strace does not attach")
        try body()
    }

    // A file system for each node --------------------------------------------------------------------------

    /// Whether each node's data stands on a small file system of its own (`scripts/nemesis` has mounts that
    /// nobody else sees).
    var hasOwnDisks: Bool { ProcessInfo.processInfo.environment["NEMESIS_DISKS"] == "own" }

    func mountDisks() throws {
        guard hasOwnDisks else { return }
        for node in nodes {
            try FileManager.default.createDirectory(atPath: node.data, withIntermediateDirectories: true)
            try run("mount", ["-t", "tmpfs", "-o", "size=2g", "rast-\(node.id)", node.data])
        }
    }

    func unmountDisks() {
        guard hasOwnDisks else { return }
        for node in nodes { _ = try? Run("umount", ["-l", node.data]) }
    }

    /// From now on there is no room but for a few blocks.
    func fill(_ id: Int) throws {
        // What is used rises while the node writes: then it is looked at again.
        var refusal = ""
        for _ in 0..<20 {
            let used = try run("df", ["-k", "--output=used", self[id].data]).split(separator: "\n").last
            let kilobytes = try #require(used.flatMap { Int($0.filter(\.isNumber)) }) + 32
            let attempt = try Run("mount", ["-o", "remount,size=\(kilobytes)k", self[id].data])
            if attempt.end == 0 { return }
            refusal = attempt.output
        }
        throw Unexpected("the file system of node \(id) cannot be made small: \(refusal)")
    }

    func empty(_ id: Int) throws { try run("mount", ["-o", "remount,size=2g", self[id].data]) }

    @discardableResult
    private func run(_ program: String, _ arguments: [String]) throws -> String {
        let run = try Run(program, arguments)
        if run.end != 0 { throw Unexpected("\(program) \(arguments): \(run.output)") }
        return run.output
    }

    // Bytes ------------------------------------------------------------------------------------------------

    /// Flips one bit of an entry in the older half of what a node that does not run has logged since its
    /// snapshot: there later heads state it to be durable. What a start has written again stands twice, and
    /// the first of these counts no more, so neither is taken. Answers where; nil if there are too few.
    func flip(_ id: Int, _ random: inout SplitMix64) throws -> String? {
        let log = self[id].data + "/log/"
        let covered = (try? SnapshotFile.newest(in: self[id].data).index) ?? 0
        var entries: [(index: Int, file: String, place: Int, byte: UInt8)] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: log) where name.hasSuffix(".ndjson") {
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: log + name)))
            for entry in bytes.ranges(of: Array("\",\"index\":".utf8)) {
                let digits = bytes[entry.upperBound...].prefix { (0x30...0x39).contains($0) }
                let index = Int(String(decoding: digits, as: UTF8.self)) ?? 0
                // In the command: after the term.
                let place = digits.endIndex + 24 + Int(random.next() % 12)
                if index > covered { entries.append((index, name, place, bytes[place])) }
            }
        }
        let copies = Dictionary(grouping: entries, by: \.index)
        entries.removeAll { copies[$0.index]?.count != 1 }
        guard entries.count > 20 else { return nil }
        entries.sort { $0.index < $1.index }
        let entry = entries[Int(random.next() % UInt64(entries.count / 2))]
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: log + entry.file))
        try handle.seek(toOffset: UInt64(entry.place))
        try handle.write(contentsOf: [entry.byte ^ 0x04])
        try handle.close()
        return "\(id)/\(entry.file), entry \(entry.index), byte \(entry.place)"
    }

    /// Moves what a node has away, so that it starts with an empty disk.
    func putAside(_ id: Int) throws {
        let aside = folder.path + "/\(id).aside"
        try? FileManager.default.removeItem(atPath: aside)
        try FileManager.default.createDirectory(atPath: aside, withIntermediateDirectories: true)
        try move(from: self[id].data, to: aside)
    }

    private func move(from: String, to: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: from) {
            try FileManager.default.moveItem(atPath: from + "/" + name, toPath: to + "/" + name)
        }
    }
}
