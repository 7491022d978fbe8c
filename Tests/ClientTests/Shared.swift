// What several suites use: a stand-in for the length of a test, and calls.
import Client
import Glibc

/// Runs `body` against a stand-in that plays that script, and ends it.
func withStandIn<R>(_ script: StandIn.Answer..., body: (StandIn) throws -> R) throws -> R {
    let server = try StandIn(script)
    defer { server.stop() }
    return try body(server)
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

let read = Call(.get, path: "/kv/a")

func write(_ content: String) -> Call {
    var call = Call(.put, path: "/kv/a")
    call.content = bytes(content)
    return call
}

func cluster(_ urls: String..., seconds: Double = 5) throws -> Cluster {
    Cluster(try urls.map { try Endpoint($0) }, timeoutNanoseconds: UInt64(seconds * 1e9))
}

/// What a call that must fail fails with.
func whyNot(_ call: Call, in cluster: Cluster) -> CallFailure? {
    var cluster = cluster
    do throws(CallFailure) {
        _ = try cluster.call(call)
        return nil
    } catch {
        return error
    }
}

/// What a call fails with that is refused for as long as it may take. A process or a node that rests during
/// the last attempt spoils it, rightly: then the call is made anew, up to five times in all.
func whyNotToTheEnd(_ call: Call, in cluster: Cluster) -> CallFailure? {
    for _ in 0..<4 {
        guard let failure = whyNot(call, in: cluster) else { return nil }
        if case .outcomeUnknown = failure { continue }
        if !failure.description.contains(": no answer") { return failure }
    }
    return whyNot(call, in: cluster)
}

/// Looks again and again, for ten seconds at most: a stand-in may note a request late.
func comesTrue(_ isTrue: () -> Bool) -> Bool {
    let end = secondsNow() + 10
    while !isTrue() && secondsNow() < end { poll(nil, 0, 1) }
    return isTrue()
}

func secondsNow() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
