// Why a request is not served: what becomes a problem body (RFC 9457, Interface §5).
public import HTTP
internal import KeyValue

/// What programs match on in a problem (Interface §5).
public enum Code: String, Sendable, CaseIterable {
    case notLeader = "not_leader"
    case badRequest = "bad_request"
    case badKey = "bad_key"
    case badJSON = "bad_json"
    case unknownParameter = "unknown_parameter"
    case duplicateKey = "duplicate_key"
    case answerTooLarge = "answer_too_large"
    case crossOrigin = "cross_origin"
    case keyNotFound = "key_not_found"
    case leaseNotFound = "lease_not_found"
    case leaseExists = "lease_exists"
    case memberNotFound = "member_not_found"
    case noRoute = "no_route"
    case methodNotAllowed = "method_not_allowed"
    case requestTimeout = "request_timeout"
    case notCaughtUp = "not_caught_up"
    case changeInProgress = "change_in_progress"
    case wrongCluster = "wrong_cluster"
    case compacted
    case lengthRequired = "length_required"
    case conditionFailed = "condition_failed"
    case tooLarge = "too_large"
    case headTooLarge = "head_too_large"
    case unsupportedEncoding = "unsupported_encoding"
    case badExpect = "bad_expect"
    case tooManyKeys = "too_many_keys"
    case idempotencyKeyReused = "idempotency_key_reused"
    case overloaded
    case idempotencyFull = "idempotency_full"
    case noMethod = "no_method"
    case notImplemented = "not_implemented"
    case noLeader = "no_leader"
    case notReady = "not_ready"
    case shuttingDown = "shutting_down"
    case tooManyConnections = "too_many_connections"
    case timeout
    case badVersion = "bad_version"
    case diskFull = "disk_full"
}

/// A request that is answered with a problem and nothing else.
public struct Refusal: Error, Equatable, Sendable {
    public let status: Int
    public let code: Code
    /// What is wrong and where, for people.
    public let detail: String
    /// The route whose methods the Allow field names.
    public let allowing: Route?
    /// The seconds of a Retry-After field; on every 429 and 503.
    public let retryAfterSeconds: Int?

    public init(
        _ status: Int, _ code: Code, _ detail: String, allowing: Route? = nil, retryAfterSeconds: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.allowing = allowing
        self.retryAfterSeconds = retryAfterSeconds ?? (status == 429 || status == 503 ? 1 : nil)
    }

    /// A message that could not be read. Its connection is to be closed after the answer.
    ///
    /// - Parameters:
    ///   - error: what is wrong with it.
    ///   - limits: those that its head was read with.
    ///   - contentBytesMax: how much of content is taken.
    public init(_ error: MessageError, limits: Limits = Limits(), contentBytesMax: Int? = nil) {
        let code: Code =
            switch error.status {
            case 413: .tooLarge
            case 414, 431: .headTooLarge
            case 505: .badVersion
            default: .badRequest
            }
        let most: String? =
            switch error.flaw {
            case .requestLineTooLong: "\(limits.requestLineBytesMax) bytes"
            case .headTooLarge: "\(limits.fieldBytesMax) bytes"
            case .tooManyFields: "\(limits.fieldCountMax)"
            case .contentTooLarge: contentBytesMax.map { "\($0) bytes" }
            default: nil
            }
        let limit = most.map { ", which is \($0) at most" } ?? ""
        self.init(error.status, code, "At byte \(error.offset): \(error.message)\(limit).")
    }

    /// The message did not arrive in time. Its connection is to be closed after the answer.
    public static let requestTimeout = Refusal(408, .requestTimeout, "The request did not arrive in time.")
    /// A bound of the queue or of memory is reached; certainly not applied.
    public static let overloaded = Refusal(
        429, .overloaded, "Too many requests are under way; nothing was applied.")
    /// Connections hold as much as they may together; certainly not applied.
    public static let crowded = Refusal(
        429, .overloaded, "Contents and answers take as much memory as they may; nothing was applied.")
    /// As many backups as there may be at a time are under way.
    public static let tooManyBackups = Refusal(
        429, .overloaded, "Four backups are under way on this node; try again when one is done.")
    /// This node is on its way down.
    public static let shuttingDown = Refusal(503, .shuttingDown, "This node is shutting down.")
    /// No further connection is taken.
    public static let tooManyConnections = Refusal(
        503, .tooManyConnections, "This node has too many connections.")
    /// The write was refused before it was proposed.
    public static let diskFull = Refusal(507, .diskFull, "The disk is full; nothing was applied.")

    /// A range delete or a transaction was too large to be applied: so many keys would change.
    static func tooManyKeys(_ count: Int) -> Refusal {
        let most = Transaction.changesMax
        return Refusal(
            422, .tooManyKeys,
            "\(count) keys would change at once, and at most \(most) may: delete in parts. "
                + "Nothing was changed.")
    }
    /// A transaction was not applied, for it reads too much.
    public static let answerTooLarge = Refusal(
        400, .answerTooLarge,
        "The answer would be larger than \(Transaction.answerBytesMax) bytes. Nothing was changed.")

    /// A transaction with an idempotency key was not applied, for its answer cannot be kept.
    public static let answerTooLargeToKeep = Refusal(
        400, .answerTooLarge,
        "With an Idempotency-Key an answer has at most \(Once.answerBytesMax) bytes. Nothing was changed.")
    /// A lease has as many keys as it may.
    public static let leaseFull = Refusal(
        422, .tooManyKeys, "The lease holds \(Lease.keysMax) keys already; nothing was changed.")
    /// A write names a lease that is not there.
    public static let noSuchLease = Refusal(
        409, .leaseNotFound, "There is no such lease: it has expired, or was revoked. Nothing was changed.")
    /// The lease that the request is about is not there.
    public static let leaseAbsent = Refusal(
        404, .leaseNotFound, "There is no such lease: it has expired, was revoked, or never was.")
    public static let leaseExists = Refusal(409, .leaseExists, "There is a lease of this id.")
    /// The idempotency key was used for another request.
    public static let keyReused = Refusal(
        422, .idempotencyKeyReused, "This Idempotency-Key was used for another request; nothing was changed.")
    /// As many idempotency keys are kept as may be.
    public static let keysFull = Refusal(
        429, .idempotencyFull,
        "No further Idempotency-Key can be kept before older ones are ten minutes old; nothing was applied.",
        retryAfterSeconds: 60)

    /// A content that is larger than it may be.
    public static func tooLarge(bytesMax: Int) -> Refusal {
        Refusal(413, .tooLarge, "The content is larger than the \(bytesMax) bytes that this node takes.")
    }

    /// What the contract has and this version does not.
    public static func notBuilt(_ what: String) -> Refusal {
        Refusal(501, .notImplemented, "\(what) is not built yet.")
    }

    /// `409`: a peer's message that is meant for another cluster or another receiver.
    public static func wrongCluster(_ detail: String) -> Refusal { Refusal(409, .wrongCluster, detail) }

    /// `503`: this node cannot answer yet.
    public static func notReady(_ detail: String) -> Refusal { Refusal(503, .notReady, detail) }

    /// `400`.
    public static func badRequest(_ detail: String) -> Refusal { Refusal(400, .badRequest, detail) }
}
