// The cluster as a client sees it: several endpoints, one of which leads; who is asked, and who next.
internal import Glibc

/// Asks a cluster, wherever its leader is, for as long as it is told to.
///
/// A request is sent again only while that is safe: a read always, and a write that has a name; any other
/// write only where the node was not reached, or has said for certain that nothing was applied.
public struct Cluster {
    public let endpoints: [Endpoint]
    /// How long a call may take in all, in nanoseconds.
    public var timeoutNanoseconds: UInt64
    /// How long an answer that is taken as it comes may rest between two pieces; nil: as long as a call may
    /// take.
    public var silenceNanosecondsMax: UInt64?
    /// Who answered last: asked first, before the others.
    private var preferred: Endpoint?

    /// The most redirects of one attempt: while a leader is elected, nodes may point at each other.
    static let redirectsMax = 4
    private static let backOffMin: UInt64 = 50_000_000
    private static let backOffMax: UInt64 = 500_000_000
    /// The end of the time, a tenth and no more than this, in which nothing is begun any more.
    private static let marginMax: UInt64 = 500_000_000
    /// A node that is one of several gets that long to take a connection or to answer a read, and twice as
    /// long each time that all have been asked.
    private static let patienceMin: UInt64 = 1_000_000_000
    private static let patienceMax: UInt64 = 60_000_000_000
    /// A write is sent again under its name for so long: nodes remember names for ten minutes.
    private static let namedMax: UInt64 = 540_000_000_000

    /// `endpoints`: one at least, or every call fails.
    public init(_ endpoints: [Endpoint], timeoutNanoseconds: UInt64) {
        self.endpoints = endpoints
        self.timeoutNanoseconds = timeoutNanoseconds
    }

    /// Makes the call and gives the answer of whoever could give one: a success, or a refusal that no other
    /// node would take back.
    ///
    /// - Parameters:
    ///   - call: what is asked.
    ///   - sink: who takes a success's content as it comes. It takes one answer's at most, and the time
    ///     begins anew with each piece.
    /// - Returns: the answer; a success's content is in it only where there is no sink.
    /// - Throws: `CallFailure` where nobody gave an answer that counts.
    public mutating func call(
        _ call: Call, to sink: (any ContentSink)? = nil
    ) throws(CallFailure) -> Response {
        let start = Moment.now
        let waitUntil = start.advanced(by: call.waitNanoseconds)
        let deadline = waitUntil.advanced(by: timeoutNanoseconds)
        // A write that is begun with no time left for its answer would end as unknown for nothing.
        let margin = min(timeoutNanoseconds / 10, Self.marginMax)
        let lastBegin = waitUntil.advanced(by: timeoutNanoseconds - margin)
        var backOff = Self.backOffMin
        var patience = Self.patienceMin
        var doubt: Miss?
        // The last of each that is asked again: a round that the time cuts short does not ask everyone.
        var misses: [Endpoint: Miss] = [:]
        let asked = candidates
        while true {
            var waitNanoseconds: UInt64 = 0
            for endpoint in candidates {
                if let doubt, call.isWrite, Moment.now.since(start) >= Self.namedMax {
                    throw .outcomeUnknown(doubt)
                }
                let waiting = waitUntil.since(.now)
                switch attempt(
                    call, waiting: waiting, to: sink, at: endpoint, patience: patience, until: deadline)
                {
                case .answered(let response):
                    preferred = response.endpoint
                    // That this attempt was not applied says nothing of the one that got no answer.
                    let code = response.problem?.code
                    if let doubt, code == "disk_full" || code == "answer_too_large" {
                        throw .outcomeUnknown(doubt)
                    }
                    return response
                case .missed(let miss, let seconds):
                    misses[endpoint] = miss
                    waitNanoseconds = max(waitNanoseconds, seconds * 1_000_000_000)
                case .unknown(let miss):
                    guard call.isRepeatable else { throw .outcomeUnknown(miss) }
                    doubt = miss
                case .cut(let miss): throw .cut(miss)
                }
                if Moment.now >= lastBegin { break }
            }
            preferred = nil
            // Half of it fixed and half drawn, so that many clients do not come back together.
            let wait = max(waitNanoseconds, backOff / 2 + UInt64.random(in: 0...backOff / 2))
            let next = Moment.now.advanced(by: wait)
            if next < lastBegin { pause(until: next) }
            // A pause may end later than it was to.
            guard max(next, Moment.now) < lastBegin else {
                if let doubt { throw .outcomeUnknown(doubt) }
                throw CallFailure(
                    asked.compactMap { misses[$0] }, isWrite: call.isWrite,
                    timeoutNanoseconds: timeoutNanoseconds)
            }
            misses = misses.filter { endpoints.contains($0.key) }
            backOff = min(backOff * 2, Self.backOffMax)
            patience = min(patience * 2, Self.patienceMax)
        }
    }

    /// Asks each of the endpoints once and at the same time; neither redirects nor retries.
    public static func ask(
        _ call: Call, each endpoints: [Endpoint], timeoutNanoseconds: UInt64
    ) -> [Result<Response, Miss>] {
        let deadline = Moment.now.advanced(by: timeoutNanoseconds)
        let target = call.target(waiting: timeoutNanoseconds)
        let exchanges = endpoints.map {
            Exchange(call, target: target, at: $0, connectBy: deadline, deadline: deadline)
        }
        Exchange.run(exchanges)
        return exchanges.map { exchange in
            switch exchange.result {
            case .success(let response): return .success(response)
            case .failure(let failure): return .failure(Miss(exchange.endpoint, failure))
            case nil: return .failure(Miss(exchange.endpoint, .timedOut, "it did not answer in time"))
            }
        }
    }

    private var candidates: [Endpoint] {
        guard let preferred else { return endpoints }
        return [preferred] + endpoints.filter { $0 != preferred }
    }

    private enum Attempt {
        case answered(Response)
        /// Certainly nothing was applied, or it was a read: others may be asked, but not before so many
        /// seconds.
        case missed(Miss, afterSeconds: UInt64)
        case unknown(Miss)
        /// Part of the content has been taken.
        case cut(Miss)
    }

    /// Asks one endpoint, and those that it redirects to.
    private func attempt(
        _ call: Call, waiting wait: UInt64, to sink: (any ContentSink)?, at first: Endpoint,
        patience: UInt64, until deadline: Moment
    ) -> Attempt {
        let start = Moment.now
        var until = deadline
        var connectBy = deadline
        if candidates.count > 1 {
            connectBy = start.advanced(by: min(deadline.since(start) / 2, patience))
            // What hangs can be had elsewhere, if it may be sent again.
            if call.isRepeatable { until = connectBy.advanced(by: wait) }
        }
        var endpoint = first
        // A node counts the time for its answer from the end of the wait.
        let time = until.since(start)
        var target = call.target(waiting: time - min(wait, time), wait: wait)
        for _ in 0...Self.redirectsMax {
            let exchange = Exchange(
                call, target: target, at: endpoint, connectBy: connectBy, deadline: until, to: sink,
                patience: silenceNanosecondsMax ?? timeoutNanoseconds)
            Exchange.run([exchange])
            switch exchange.result {
            case .success(let response):
                switch Verdict(response, isWrite: call.isWrite) {
                case .final: return .answered(response)
                case .follow(let next, let nextTarget): (endpoint, target) = (next, nextTarget)
                case .again(let kind, let seconds):
                    return .missed(Miss(endpoint, kind, response), afterSeconds: seconds)
                case .unknown(let kind): return .unknown(Miss(endpoint, kind, response))
                }
            case .failure(let failure):
                let miss = Miss(endpoint, failure)
                if exchange.hasBegun { return .cut(miss) }
                return call.isWrite && failure.wasSent ? .unknown(miss) : .missed(miss, afterSeconds: 0)
            case nil:
                let miss = Miss(endpoint, .timedOut, "it did not answer in time")
                return call.isWrite ? .unknown(miss) : .missed(miss, afterSeconds: 0)
            }
        }
        let reason = "the nodes redirect to each other: a leader is being elected"
        return .missed(Miss(endpoint, .noLeader, reason), afterSeconds: 0)
    }
}
