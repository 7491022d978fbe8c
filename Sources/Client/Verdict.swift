// What an answer means for a client that can ask again (RFC 9110 §9.2.2, Interface §5).

/// What is to be done with an answer.
enum Verdict {
    /// It is the caller's.
    case final
    /// Another endpoint is to be asked for that target.
    case follow(Endpoint, target: [UInt8])
    /// Nothing was applied, or it was a read: it may be asked again, but not before so many seconds.
    case again(Miss.Kind, afterSeconds: UInt64)
    /// A write that may have been applied, or may yet be.
    case unknown(Miss.Kind)

    /// The refusals that say for certain that nothing was applied, and that may be taken back soon.
    private static let notApplied: Set = [
        "no_leader", "not_ready", "shutting_down", "too_many_connections", "overloaded", "idempotency_full",
    ]

    init(_ response: Response, isWrite: Bool) {
        switch response.status {
        case 307, 308:
            guard let location = response.field("Location"),
                let (endpoint, target) = response.endpoint.following(location)
            else {
                self = .final
                return
            }
            self = .follow(endpoint, target: target)
        case 429, 503:
            // A proxy's word is not rast's: it may have sent the request on before it gave up.
            let code = response.problem?.code
            guard !isWrite || code.map(Self.notApplied.contains) == true else {
                self = .unknown(.failed)
                return
            }
            if response.status == 429 {
                // Overload is not cured by haste; an election is over when it is over, whoever asks.
                self = .again(.overloaded, afterSeconds: min(response.number("Retry-After") ?? 1, 60))
            } else {
                self = .again(code == "no_leader" ? .noLeader : .failed, afterSeconds: 0)
            }
        case 504:
            if response.problem?.outcome == "not_applied" || !isWrite {
                self = .again(.timedOut, afterSeconds: 0)
            } else {
                self = .unknown(.timedOut)
            }
        case 500, 502:
            self = isWrite ? .unknown(.failed) : .again(.failed, afterSeconds: 0)
        default:
            self = .final
        }
    }
}
