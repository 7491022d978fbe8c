// Counts instructions of user code, under callgrind: see Benchmarks/instructions, which runs this.
import CCallgrind
import Glibc

@main
struct Instructions {
    static let keys = 4_000
    static let requests = 3_200
    /// As many as a turn has at 64 connections.
    static let batch = 32
    static let value = String(repeating: "v", count: 64)
    /// Whether each head is parsed twice: what the check must notice.
    static let isSlowed = CommandLine.arguments.contains("--slowed")
    /// A part of the names of what alone is counted; nil: everything is.
    static let only = CommandLine.arguments.dropFirst().first { $0 != "--slowed" }

    static func main() throws {
        guard callgrind_is_counting() != 0 else {
            print("Instructions counts only under callgrind: run Benchmarks/instructions")
            exit(2)
        }
        var trio = try Trio()
        try trio.elect()
        let puts = (0..<keys).map(put)
        for start in stride(from: 0, to: keys, by: batch) {
            try trio.serve(Array(puts[start..<min(start + batch, keys)]), expecting: "HTTP/1.1 201")
        }
        try count("PUT, on the leader, in turns of \(batch)", .leader, &trio, put) {
            try $0.serve($1, expecting: "HTTP/1.1 200")
        }
        try count("PUT, on a follower, in turns of \(batch)", .follower, &trio, put) {
            try $0.serve($1, expecting: "HTTP/1.1 200")
        }
        try count("PUT, on the leader, alone", .leader, &trio, size: 1, put) {
            try $0.serve($1, expecting: "HTTP/1.1 200")
        }
        try count("GET, linearizable, on the leader, in turns of \(batch)", .leader, &trio, get) {
            try $0.serve($1, expecting: "HTTP/1.1 200")
        }
        try count("GET, local", .leader, &trio, local) { try $0.serve($1, expecting: "HTTP/1.1 200") }
        try count("PUT, parsed only", .leader, &trio, put) { try $0.parse($1) }
        try count("GET, parsed only", .leader, &trio, get) { try $0.parse($1) }
        try countSteps()
    }

    private static func countSteps() throws {
        var steps = Steps()
        for start in stride(from: 0, to: Steps.keys, by: batch) {
            let puts = (start..<min(start + batch, Steps.keys)).map(put)
            try steps.turn(puts, expecting: "HTTP/1.1 201")
        }
        for step in Step.allCases {
            try count(step.rawValue, keys: Steps.keys, put) { requests, isCounting in
                steps.counted = isCounting ? step : nil
                try steps.turn(requests, expecting: "HTTP/1.1 200")
            }
        }
    }

    /// As ``count(_:keys:size:_:_:)``, of what one member of `trio` does.
    private static func count(
        _ name: String, _ counted: Trio.Counted, _ trio: inout Trio, size: Int = batch,
        _ request: (Int) -> [UInt8], _ serve: (inout Trio, [[UInt8]]) throws -> Void
    ) throws {
        try count(name, size: size, request) { requests, isCounting in
            trio.counted = isCounting ? counted : .nobody
            try serve(&trio, requests)
            trio.counted = .nobody
        }
    }

    /// Serves requests, counts what is done meanwhile, and writes the count under `name`.
    private static func count(
        _ name: String, keys: Int = keys, size: Int = batch, _ request: (Int) -> [UInt8],
        _ serve: (_ requests: [[UInt8]], _ isCounting: Bool) throws -> Void
    ) throws {
        if let only, !name.contains(only) { return }
        // Once without counting: what is made at the first use is made.
        let count = size == 1 ? requests / batch : requests
        for isCounting in [false, true] {
            var number = 0
            for _ in stride(from: 0, to: isCounting ? count : size, by: size) {
                var batch: [[UInt8]] = []
                for _ in 0..<size {
                    // Keys in an order that is neither theirs nor chance.
                    batch.append(request(number * 1_237 % keys))
                    number += 1
                }
                try serve(batch, isCounting)
            }
        }
        callgrind_write("\(name)|\(count)")
    }

    // What curl and wrk send.

    private static func put(_ key: Int) -> [UInt8] {
        Array(
            """
            PUT /kv/k\(key) HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nContent-Type: text/plain\r\n\
            Content-Length: \(value.utf8.count)\r\n\r\n\(value)
            """.utf8)
    }

    private static func get(_ key: Int) -> [UInt8] {
        Array("GET /kv/k\(key) HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n\r\n".utf8)
    }

    private static func local(_ key: Int) -> [UInt8] {
        Array("GET /kv/k\(key)?consistency=local HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n\r\n".utf8)
    }
}
