// What is broken on purpose in the simulator's own glue: does it see what a wrong shell would do?

/// A fault built into the simulator's glue between a member and its disk and network: what a wrong shell
/// could do. Every one of them must be noticed, or the checks prove nothing.
public enum Sabotage: String, CaseIterable, Hashable, Sendable {
    /// Entries are reported durable as soon as they are handed to the disk.
    case acknowledgeBeforeSync
    /// A vote is reported durable as soon as it is handed to the disk.
    case voteBeforeSync
    /// A restart forgets whom it voted for and in which term.
    case forgetVote
    /// A restart forgets the last entry of the log.
    case forgetTail
    /// Reads are answered at once from this node's store.
    case readWithoutRound
    /// A write is given to the leader twice.
    case writeTwice
    /// A write whose outcome is unknown is called not applied.
    case claimNotApplied
    /// A refused write is called done.
    case claimApplied
    /// A node that was wiped is given the cluster's id and may vote.
    case reviveWiped
    /// A node with damage is taken for whole.
    case ignoreDamage
    /// Syncs return at once and do nothing.
    case skipSync
    /// The names in folders are never synced.
    case skipFolderSync
    /// A restart applies one committed entry less than it should.
    case skipEntry
    /// A restart keeps the old boot number.
    case keepBoot
}
