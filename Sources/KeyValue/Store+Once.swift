// Writes under an idempotency key: applied once, and answered the same for as long as that is kept
// (Interface §6).

extension Store {
    /// How many answers are forgotten for each that is kept: more than one, so that they grow fewer.
    private static let forgottenMax = 4

    /// Applies a write if its key is new, and keeps what comes of it; otherwise gives the answer that is
    /// kept.
    mutating func apply(_ once: Once, _ at: ClusterTime, _ write: (inout Store) -> Reply) -> Reply {
        let now = max(clusterTime, at)
        answers.forget(by: now, limit: Store.forgottenMax)
        #if PlantedFaults
            if unsafe Store.ignoresNames { answers = Answers() }
        #endif
        if let kept = answers.kept(once.key) {
            advance(to: at)
            guard kept.request == once.request, let reply = Reply(kept) else {
                return finish(.refused, .keyReused)
            }
            return finish(.replayed, .replayed(reply, revision: kept.revision))
        }
        let replyBytesMax = Once.answerBytesMax + TransactionReply.keptBytesMore
        guard answers.hasRoom(for: Answers.bytes(key: once.key.count, reply: replyBytesMax)) else {
            advance(to: at)
            return finish(.refused, .keysFull)
        }
        let reply = write(&self)
        guard reply.isKept else { return reply }
        var json: [UInt8] = []
        reply.append(to: &json)
        answers.keep(
            once.key,
            KeptAnswer(
                index: appliedIndex, at: clusterTime, request: once.request, revision: revision, reply: json))
        return reply
    }
}

extension Reply {
    /// Whether it was decided by the store's content, and so is what a retry is to hear too.
    fileprivate var isKept: Bool {
        switch self {
        case .written, .deleted, .conditionFailed, .transacted, .granted, .leaseExists, .leaseNotFound,
            .revoked:
            true
        case .tooManyKeys, .leaseFull, .answerTooLarge, .replayed, .keyReused, .keysFull, .none, .malformed:
            false
        }
    }
}
