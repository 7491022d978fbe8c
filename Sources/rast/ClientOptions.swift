// What the client commands share: which cluster, how long, in which form, and what failures exit with.
internal import ArgumentParser
internal import Client
internal import Consensus
internal import Glibc
internal import Server

/// Which cluster is asked, and for how long.
struct ClientOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The cluster's nodes, any or all of them; else RAST_ENDPOINTS, else \(Self.endpointDefault).",
            valueName: "url,url"))
    var endpoints: String?
    @Option(help: ArgumentHelp("How long to try, over all nodes and retries.", valueName: "time"))
    var timeout = "5s"

    static let endpointDefault = "http://127.0.0.1:8001"

    func cluster() throws(UsageError) -> Cluster {
        Cluster(try Self.places(endpoints), timeoutNanoseconds: try Self.nanoseconds(timeout))
    }

    /// The endpoints by flag, before environment, before default.
    static func places(_ flag: String?) throws(UsageError) -> [Endpoint] {
        let variable = getenv("RAST_ENDPOINTS").map { String(cString: $0) }
        let text = flag ?? variable.flatMap { $0.isEmpty ? nil : $0 } ?? endpointDefault
        do throws(Endpoint.Flaw) {
            return try Endpoint.list(text)
        } catch {
            throw UsageError("\(flag != nil ? "--endpoints" : "RAST_ENDPOINTS") expects \(error).")
        }
    }

    /// The value of --timeout.
    static func nanoseconds(_ timeout: String) throws(UsageError) -> UInt64 {
        guard let time = interval(timeout), time.nanoseconds > 0, time.nanoseconds <= 3_600_000_000_000 else {
            throw UsageError("--timeout expects a time such as 500ms or 5s, not \"\(timeout)\".")
        }
        return time.nanoseconds
    }
}

/// How an answer is printed.
enum OutputForm: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// What a command that asks the cluster does around its call.
extension ParsableCommand {
    /// Makes the call; a failure is told in one line and becomes the exit status.
    func ask(_ cluster: inout Cluster, _ call: Call) throws -> Response {
        do throws(CallFailure) {
            return try cluster.call(call)
        } catch {
            complain(error.description)
            throw ExitCode(error.exitStatus)
        }
    }

    /// A refusal that no other node would take back: told, with exit status 1.
    func failed(_ text: String) -> ExitCode {
        complain(text)
        return ExitCode(1)
    }

    /// As ``failed(_:)``, with what the node said.
    func refused(_ response: Response) -> ExitCode {
        failed("\(response.endpoint): \(response.trouble)")
    }
}

/// The bytes of an argument.
///
/// The parser repairs what is not UTF-8, so such an argument would silently become another one.
func argumentBytes(_ text: String, _ what: String) throws(UsageError) -> [UInt8] {
    for place in 1..<max(1, Int(CommandLine.argc)) {
        guard let start = CommandLine.unsafeArgv[place], String(validatingCString: start) == nil,
            String(cString: start).hasSuffix(text)
        else { continue }
        throw UsageError("\(what) is not UTF-8; a value of any bytes is read from standard input.")
    }
    return Array(text.utf8)
}

/// The key that an argument names.
func keyBytes(_ text: String) throws(UsageError) -> [UInt8] {
    guard !text.isEmpty else { throw UsageError("KEY expects at least one byte.") }
    let bytes = try argumentBytes(text, "KEY")
    guard bytes.count <= 1_024 else {
        throw UsageError("KEY expects at most 1024 bytes, not \(bytes.count).")
    }
    return bytes
}

/// A key as it is named in messages.
func quoted(_ key: [UInt8]) -> String { "\"\(printable(key, charactersMax: 100))\"" }

/// Writes all bytes to standard output. A reader that has gone ends the process, as it ends any other
/// program.
func put(_ bytes: [UInt8]) throws {
    var done = 0
    while done < bytes.count {
        let count = bytes.withUnsafeBytes { write(1, $0.baseAddress.map { $0 + done }, $0.count - done) }
        if count > 0 {
            done += count
        } else if errno != EINTR {
            throw StartFailure("Standard output: \(String(cString: strerror(errno))).")
        }
    }
}

/// Writes a line to standard output.
func putLine(_ text: String) throws { try put(Array(text.utf8) + [0x0A]) }

/// All of standard input.
func standardInput() throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = read(0, &buffer, buffer.count)
        if count == 0 { return bytes }
        if count > 0 {
            bytes += buffer[..<count]
        } else if errno != EINTR {
            throw StartFailure("Standard input: \(String(cString: strerror(errno))).")
        }
    }
}
