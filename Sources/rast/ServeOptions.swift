// Where the options of `rast serve` come from: flags, then the environment, then a file.
internal import Glibc
internal import JSON
internal import Server

/// The options of `serve` that may also stand in the environment and in `--config FILE`.
enum ServeOptions {
    static let valued = [
        "id", "listen", "advertise", "peers", "data", "heartbeat", "election-timeout", "max-value-size",
        "segment-size", "snapshot-bytes", "snapshot-entries", "log-tail", "disk-reserve", "history-events",
        "history-bytes", "max-connections",
        "max-connection-memory", "head-time", "idle-time", "allow-origin", "allow-host", "redirect",
        "slow-request", "log-level", "log-format",
    ]
    static let flags = ["insecure-peers"]

    /// The arguments of `serve`, with what they leave out and the environment or the file has.
    static func completed(_ arguments: [String]) throws(UsageError) -> [String] {
        var all = arguments
        for name in valued + flags + ["config"] where !isGiven(name, in: all) {
            let variable = "RAST_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
            guard let value = getenv(variable).map({ String(cString: $0) }), !value.isEmpty else { continue }
            try add(name, value, from: variable, to: &all)
        }
        guard let path = value(of: "config", in: all) else { return all }
        for (name, value) in try file(path) where !isGiven(name, in: all) {
            try add(name, value, from: path, to: &all)
        }
        return all
    }

    private static func isGiven(_ name: String, in arguments: [String]) -> Bool {
        arguments.contains { $0 == "--\(name)" || $0.hasPrefix("--\(name)=") }
    }

    private static func value(of name: String, in arguments: [String]) -> String? {
        for (place, argument) in arguments.enumerated() {
            if argument.hasPrefix("--\(name)=") { return String(argument.dropFirst(name.count + 3)) }
            if argument == "--\(name)", place + 1 < arguments.count { return arguments[place + 1] }
        }
        return nil
    }

    private static func add(
        _ name: String, _ value: String, from source: String, to arguments: inout [String]
    ) throws(UsageError) {
        guard flags.contains(name) else {
            arguments.append("--\(name)=\(value)")
            return
        }
        switch value {
        case "true", "1", "yes": arguments.append("--\(name)")
        case "false", "0", "no": return
        default: throw UsageError("\(source): \(name) expects true or false, not \"\(value)\".")
        }
    }

    /// The options in a file: one JSON object of strings, numbers and booleans.
    private static func file(_ path: String) throws(UsageError) -> [(name: String, value: String)] {
        let bytes = try read(path)
        var scanner = Scanner()
        do {
            guard case .objectStart = try scanner.next(in: bytes.span) else {
                throw UsageError("--config \(path) expects one JSON object of options.")
            }
            var found: [(name: String, value: String)] = []
            while case .name(let text) = try scanner.next(in: bytes.span) {
                let name = string(text, in: bytes)
                guard valued.contains(name) || flags.contains(name) else {
                    throw UsageError("--config \(path): there is no option \"\(name)\" for a file.")
                }
                guard !found.contains(where: { $0.name == name }) else {
                    throw UsageError("--config \(path): \"\(name)\" is there twice.")
                }
                found.append((name, try option(name, &scanner, bytes, path)))
            }
            _ = try scanner.next(in: bytes.span)
            return found
        } catch let error as SyntaxError {
            throw UsageError("--config \(path) is no JSON: \(error.problem.message) at byte \(error.offset).")
        } catch let error as UsageError {
            throw error
        } catch {
            throw UsageError("--config \(path): \(error).")
        }
    }

    private static func option(
        _ name: String, _ scanner: inout Scanner, _ bytes: [UInt8], _ path: String
    ) throws -> String {
        switch try scanner.next(in: bytes.span) {
        case .string(let text): return string(text, in: bytes)
        case .number(let range): return String(decoding: bytes[range], as: UTF8.self)
        case .boolean(let value): return value ? "true" : "false"
        case .objectStart, .objectEnd, .arrayStart, .arrayEnd, .name, .null, .end:
            throw UsageError("--config \(path): \"\(name)\" expects a string, a number or a boolean.")
        }
    }

    private static func string(_ text: Text, in bytes: [UInt8]) -> String {
        var decoded: [UInt8] = []
        text.append(from: bytes.span, to: &decoded)
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func read(_ path: String) throws(UsageError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw UsageError("--config \(path) cannot be read: \(String(cString: strerror(errno))).")
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            if got < 0 && errno == EINTR { continue }
            if got < 0 {
                throw UsageError("--config \(path) cannot be read: \(String(cString: strerror(errno))).")
            }
            if got == 0 { return Array(bytes[..<count]) }
            count += got
        }
        throw UsageError("--config \(path) is larger than any file of options.")
    }
}
