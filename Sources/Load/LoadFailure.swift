// Why there was nothing to measure, in one line with what to do.
internal import Client
internal import Network

/// What keeps a run from being made.
public enum LoadFailure: Error, Sendable, CustomStringConvertible {
    /// No node answered: each with its reason.
    case unreachable([String])
    /// Nodes answered, and none leads.
    case noLeader(seconds: Double)
    /// The keys could not be written: how many were, and what went wrong most often.
    case notPreloaded(written: Int, of: Int, foremost: Trouble?)
    /// The system refuses something.
    case refusedBySystem(String)

    static func system(_ error: SystemError) -> LoadFailure { .refusedBySystem(error.description) }

    /// What a command exits with (Interface §12).
    public var exitStatus: Int32 {
        switch self {
        case .unreachable, .noLeader: 3
        case .notPreloaded(_, _, .some(.refused(let status, _))): status == 503 || status == 504 ? 3 : 1
        case .notPreloaded: 3
        case .refusedBySystem: 1
        }
    }

    public var description: String {
        switch self {
        case .unreachable(let reasons):
            return "no node answers (\(reasons.joined(separator: "; "))): start one, or name others with "
                + "--endpoints or RAST_ENDPOINTS."
        case .noLeader(let seconds):
            return "no leader within \(seconds) s: a majority of the members must run and reach each other; "
                + "`rast status` shows them."
        case .notPreloaded(let written, let count, let trouble):
            let why = trouble.map { " (\($0.sentence))" } ?? ""
            return
                "only \(written) of \(count) keys could be written\(why): see `rast status`, and try again."
        case .refusedBySystem(let text): return "\(text): try fewer --connections or --threads."
        }
    }
}

extension Trouble {
    /// For people, within a sentence.
    public var sentence: String {
        let detail = detail.map { ": \($0)" } ?? ""
        return "\(status.map { "\($0) " } ?? "")\(printable(Array((code + detail).utf8), charactersMax: 80))"
    }
}
