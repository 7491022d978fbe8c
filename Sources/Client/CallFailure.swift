// Why a call came to nothing, in one line with what to do, and what a command exits with (Interface §12).

/// One endpoint that had no answer.
public struct Miss: Error, Sendable {
    public enum Kind: Int, Sendable {
        // In the order of how much they tell.
        case unreachable, lost, malformed, timedOut, failed, overloaded, noLeader
    }
    public let endpoint: Endpoint
    public let kind: Kind
    /// Part of a sentence, or what the node said.
    public let reason: String
    /// The members that it misses.
    public let missing: [UInt64]

    init(_ endpoint: Endpoint, _ kind: Kind, _ reason: String, missing: [UInt64] = []) {
        self.endpoint = endpoint
        self.kind = kind
        self.reason = reason
        self.missing = missing
    }

    init(_ endpoint: Endpoint, _ kind: Kind, _ response: Response) {
        self.init(endpoint, kind, response.trouble, missing: response.problem?.missing ?? [])
    }

    init(_ endpoint: Endpoint, _ failure: ExchangeFailure) {
        let kind: Kind =
            switch failure.kind {
            case .unreachable: .unreachable
            case .lost: .lost
            case .timedOut: .timedOut
            case .malformed: .malformed
            }
        self.init(endpoint, kind, failure.reason)
    }
}

/// Why a call came to no answer, after everything that could safely be tried.
public enum CallFailure: Error, Sendable, CustomStringConvertible {
    /// No endpoint could be reached.
    case unreachable([Miss])
    /// A node was reached, and the time went by.
    case timedOut(Miss, isWrite: Bool, timeoutNanoseconds: UInt64)
    /// A node was reached, and none leads.
    case noLeader(Miss, isWrite: Bool, timeoutNanoseconds: UInt64)
    /// A node was reached, and refused for now.
    case refused(Miss, isWrite: Bool)
    /// The request was sent, and what became of it is not known.
    case outcomeUnknown(Miss)
    /// The answer was cut after its beginning.
    case cut(Miss)

    init(_ misses: [Miss], isWrite: Bool, timeoutNanoseconds: UInt64) {
        guard let telling = misses.max(by: { $0.kind.rawValue < $1.kind.rawValue }) else {
            self = .unreachable([])
            return
        }
        switch telling.kind {
        case .unreachable, .lost, .malformed: self = .unreachable(misses)
        case .timedOut:
            self = .timedOut(telling, isWrite: isWrite, timeoutNanoseconds: timeoutNanoseconds)
        case .noLeader:
            self = .noLeader(telling, isWrite: isWrite, timeoutNanoseconds: timeoutNanoseconds)
        case .failed, .overloaded: self = .refused(telling, isWrite: isWrite)
        }
    }

    /// 3 where nobody could decide, 1 where somebody refused.
    public var exitStatus: Int32 {
        switch self {
        case .unreachable, .timedOut, .noLeader, .outcomeUnknown, .cut: 3
        case .refused(let miss, _): miss.kind == .overloaded ? 1 : 3
        }
    }

    public var description: String {
        switch self {
        case .unreachable(let misses):
            let each = misses.map { "\($0.endpoint): \($0.reason)" }.joined(separator: "; ")
            return
                "no node answers (\(each.isEmpty ? "none is named" : each)): start one, or name others with "
                + "--endpoints or RAST_ENDPOINTS."
        case .timedOut(let miss, let isWrite, let timeout):
            let cure = "ry again, or wait longer with --timeout."
            return "no answer within \(seconds(timeout)): \(miss.endpoint): \(sentence(miss.reason)) "
                + (isWrite ? "Nothing was changed: t\(cure)" : "T\(cure)")
        case .noLeader(let miss, let isWrite, let timeout):
            let missing = miss.missing.map(String.init).joined(separator: ", ")
            let cure =
                missing.isEmpty
                ? "try again, or wait longer with --timeout"
                : "Start the missing members (\(missing)), or wait longer with --timeout"
            return "no leader within \(seconds(timeout))\(isWrite ? ", so nothing was changed" : ""): "
                + "\(miss.endpoint) says: \(sentence(miss.reason)) \(cure)."
        case .refused(let miss, let isWrite):
            let end = isWrite ? "Nothing was changed: try again later." : "Try again later."
            return "\(miss.endpoint) refuses for now: \(sentence(miss.reason)) \(end)"
        case .outcomeUnknown(let miss):
            return "outcome unknown: \(miss.endpoint): \(sentence(miss.reason)) "
                + "The change may have been made, or may yet be: look before you try again."
        case .cut(let miss):
            return "cut short: \(miss.endpoint): \(sentence(miss.reason)) Try again."
        }
    }
}

/// So many nanoseconds as people write them.
private func seconds(_ nanoseconds: UInt64) -> String {
    let milliseconds = nanoseconds / 1_000_000
    return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000) s" : "\(milliseconds) ms"
}

private func sentence(_ text: String) -> String {
    text.hasSuffix(".") ? text : text + "."
}
