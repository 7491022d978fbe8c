// Faults planted on purpose, to see that the simulator notices each (package trait PlantedFaults).
//
// Without the trait nothing of this is compiled, neither here nor where it is asked for: every seam stands in
// an `#if` of its own. Each case says what the product does wrong while that fault is planted.

#if PlantedFaults
    public enum Planted: String, CaseIterable, Sendable {
        // Elections.

        /// A member votes for every candidate of its term, not only for the first.
        case voteTwice
        /// A vote and the messages of a new term leave before they are on disk.
        case voteWithoutPersisting
        /// A member votes for a candidate whose log is behind its own (§5.4.1).
        case voteForShorterLog
        /// An answer that comes twice counts as two votes.
        case countVotesTwice
        /// Half of an even number of members counts as a majority.
        case wrongMajorityForEven
        /// A damaged member votes and stands as if it were whole.
        case damagedVotes
        /// A damaged member counts as whole at the first append that it takes.
        case wholeTooEarly
        /// Who hears no leader stands at once, in a new term, without asking first (thesis §9.6).
        case preVoteOff
        /// A leader that hears nobody goes on leading (thesis §6.2).
        case checkQuorumOff
        /// A member that hears a live leader grants votes and pre-votes all the same (thesis §4.2.3).
        case stickinessOff
        /// All members wait equally long before they stand (§5.2).
        case timeoutsNotRandom
        /// A candidate does not give way to the leader of its term.
        case candidateIgnoresLeader

        // Replication and commitment.

        /// A leader commits what it alone holds.
        case commitWithoutMajority
        /// Entries of an older term are committed by counting (§5.4.2).
        case commitOlderTerm
        /// A leader counts its own entries before they are on its disk.
        case countOwnBeforeSync
        /// A follower acknowledges entries that are not on its disk yet.
        case acknowledgeBeforeSync
        /// The completion of an old write vouches for entries that have been replaced since.
        case lateCompletionCounts
        /// Every append cuts the log after its place, conflict or none.
        case truncateWithoutConflict
        /// A heartbeat commits what no append of its term has verified.
        case heartbeatCommitsUnverified
        /// An append commits beyond its last entry.
        case appendCommitsUnverified
        /// Appends of leaders of older terms are taken.
        case appendOfOlderTerm
        /// A leader believes that a peer still holds what it held before it started anew (rule 2).
        case keepMatchAcrossBoots
        /// A rejected append changes nothing: the next index is never walked back.
        case rejectionIgnored

        // Reads.

        /// A leader answers reads without asking anybody.
        case readWithoutRound
        /// Reads are answered before the first entry of the leader's term is committed.
        case readBeforeFirstEntry
        /// A read takes part in a round that was sent before it came: after a pause, another may lead by now.
        case readJoinsOldRound
        /// A leader takes answers of a newer term for its own, and goes on serving reads.
        case staleLeaderServes
        /// A read is answered before its index is applied.
        case readBeforeApplied

        // Who waits, and what is applied.

        /// A client gets the reply of whatever entry is applied at its index.
        case answerWrongWaiter
        /// A write whose entry is cut from this node's log is called not applied.
        case cutMeansNotApplied
        /// A write whose deadline passes is called not applied.
        case timeoutMeansNotApplied
        /// A write is proposed twice.
        case proposeTwice
        /// A committed entry is applied twice.
        case applyTwice
        /// Some entries change nothing when they are applied, on every node alike.
        case skipAtApply
        /// Some entries change nothing where this node does not lead.
        case divergeAtApply

        // Leases, names of writes, transactions.

        /// A new leader lets leases run out before their whole time is over.
        case leaseCutShort
        /// A leader's cluster time goes faster than its clock.
        case timeRunsFast
        /// A snapshot lacks the answers that are kept under idempotency keys.
        case answersForgottenAtSnapshot
        /// Names of writes are forgotten at once, on every node alike.
        case namesIgnored
        /// The second half of a transaction is left out.
        case transactionHalfApplied
        /// A list goes on one key too late.
        case cursorSkips

        // The first start, and nodes without their disk.

        /// A node with an empty disk takes part although its peers have a history.
        case wipedVotes
        /// A node that lost its disk votes as soon as it is let in, before it has caught up.
        case admittedVotes
        /// A node that lost its disk takes entries of any term once it is let in.
        case admittedInAnyTerm
        /// A node that was let in says what makes it count again before its disk knows that it does.
        case rejoinsUnstored
        /// A node refuses a leader that is not in its log yet, though it was named to it (thesis §4.1).
        case unknownLeaderRefused
        /// The first start does not wait for every named node.
        case firstStartWithoutAll
        /// The cluster's id is told before it is on disk.
        case identityBeforeSync
        /// A start keeps the boot number of the one before.
        case bootNotRaised

        // The disk.

        /// The checksum of an entry is not compared.
        case ignoreEntryChecksum
        /// The checksum of a batch is not compared.
        case ignoreBatchChecksum
        /// A start forgets whom it voted for.
        case loseVoteAtRecovery
        /// Damage to what was durable is taken for a torn tail, and cut.
        case damageTakenForTornTail
        /// A log whose files are all gone is taken for an empty one.
        case lostLogBelieved
        /// The last committed entry is called applied, and is not in the store that a start makes.
        case appliedIndexApart
        /// What is not stated to be durable is not written again at a start (rule 10).
        case noRewriteAtStart
        /// The folder is not synced after a segment got its name.
        case noDirectorySync
        /// Batches are written and never synced.
        case noBatchSync
        /// Votes are written and never synced.
        case noVoteSync
        /// Every vote is written to the same slot.
        case voteSlotNotAlternated
        /// A failed sync is tried again and believed (rule 10).
        case failedSyncBelieved
        /// A head states a commit index of entries that still wait.
        case commitStatedAhead
        /// A snapshot lacks what its last entry did.
        case skipEntryAtSnapshot
        /// A snapshot older than what is committed here takes the place of the log and the state.
        case installOlderSnapshot
        /// A snapshot gets its name before it is synced.
        case noSnapshotSync
        /// The log's beginning is removed before the snapshot that covers it is written.
        case compactBeforeSnapshot
        /// A watch goes on with what its new node applies from then on, not after its last event.
        case eventLostAtReconnect
        /// A state that is read from a snapshot lacks the events, and claims to have them.
        case historyForgotten
        /// Hashes of states are compared, and nothing is done where they differ (rule 25).
        case wrongStateIgnored

        /// The one that is planted in this process; chosen before anything runs.
        nonisolated(unsafe) private static var planted: Planted?

        public static func choose(_ fault: Planted?) { unsafe planted = fault }

        /// Whether this one is planted.
        public static func `is`(_ fault: Planted) -> Bool { unsafe planted == fault }
    }

    extension Raft {
        /// ``Planted/readJoinsOldRound``
        mutating func joinRoundUnderWay(_ id: ReadID) {
            guard var rounds = leadership?.rounds else { return }
            let isUnderWay = rounds.sent > rounds.done && rounds.inRound == rounds.waiting.count
            rounds.waiting.append(
                Rounds.Waiting(
                    asker: .own(id), index: isUnderWay ? commit : .zero,
                    round: isUnderWay ? rounds.sent : 0))
            if isUnderWay { rounds.inRound += 1 }
            leadership?.rounds = rounds
        }

        /// ``Planted/readBeforeFirstEntry``
        mutating func readInNextRound(_ id: ReadID, into out: inout [Output]) {
            guard var rounds = leadership?.rounds, rounds.inRound == rounds.waiting.count else {
                return out.append(.unreadable(id))
            }
            rounds.waiting.append(Rounds.Waiting(asker: .own(id), index: commit, round: rounds.sent + 1))
            rounds.inRound += 1
            leadership?.rounds = rounds
            startRound(into: &out)
        }
    }
#endif
