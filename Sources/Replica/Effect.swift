// What one member asks of its shell: effects, in the order in which they were decided.
public import Consensus
public import KeyValue
public import Wire

/// The name of one waiting client: the shell's own number, with a generation in it, so that an answer never
/// reaches another client on a reused descriptor.
public struct Ticket: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public var description: String { "t\(rawValue)" }
}

/// Which of a peer's connections a request takes: heartbeats and rounds never queue behind entries or a disk.
public enum Lane: UInt8, Hashable, Sendable, CaseIterable {
    case appends, votes, quick
    /// Pieces of snapshots: large, and in no hurry.
    case snapshots
}

/// A request to a peer: its route and its body, which is `head` and then `body`.
public struct Parcel: Sendable {
    public let to: NodeID
    public let lane: Lane
    public let route: PeerRoute
    public let head: [UInt8]
    public let body: [Piece]
    public init(to: NodeID, lane: Lane, route: PeerRoute, head: [UInt8], body: [Piece] = []) {
        self.to = to
        self.lane = lane
        self.route = route
        self.head = head
        self.body = body
    }
    public var count: Int { body.reduce(head.count) { $0 + $1.count } }
}

/// Whether a write that got no answer may still take effect.
public enum Outcome: Hashable, Sendable { case unknown, notApplied }

/// Why there is nobody to take a request.
public enum Absence: Hashable, Sendable {
    /// An election is under way.
    case election
    /// No majority has been heard for an election timeout.
    case noQuorum
    /// The first start: these nodes have not answered yet.
    case starting(waitingFor: [NodeID])
    /// This node's disk is empty while its peers have a history: it must not vote.
    case wiped
    /// This node's log is damaged, and not repaired yet.
    case damaged
    /// This node's state is not what a majority of the members made of the same log (rule 25).
    case wrongState
    /// On the leader: no majority of the members has the same state.
    case statesSplit
    /// A sync has failed: this process writes nothing more.
    case diskFailed
    /// This node is shutting down.
    case closing
}

/// Why a request got no answer from the store.
public enum Failure: Error, Hashable, Sendable {
    /// Somebody else leads; certainly not applied.
    case notLeader(NodeID)
    /// Nobody is known to lead; certainly not applied.
    case noLeader(Absence)
    /// The deadline passed.
    case timedOut(Outcome)
    /// Too much is under way; certainly not applied.
    case overloaded
    /// There is no room for it, here or on too many others; certainly not applied.
    case diskFull
    /// A snapshot could not be written.
    case snapshotFailed
}

/// Why a peer's request is refused without a protocol answer.
public enum PeerRefusal: Hashable, Sendable {
    /// `400`: the body is not what the route takes, and where.
    case malformed(String)
    /// `409` `wrong_cluster`: meant for another cluster or another receiver.
    case wrongCluster(String)
    /// `503` `not_ready`: this node cannot answer yet (it has no identity, or must stay mute).
    case notReady(String)
}

public enum Effect: Sendable {
    /// A write was applied; `revision` is the store's after it.
    case replied(Ticket, Reply, revision: Revision)
    /// The store may now be read for this client, linearizably, while this turn's effects are carried out.
    case readable(Ticket)
    case failed(Ticket, Failure)
    /// A request to a peer. Its answer comes back through `answered(by:route:body:)`, and a broken connection
    /// through `lost(_:_:)`.
    case send(Parcel)
    /// The answer (`200`) to a peer's request.
    case answer(Exchange, [UInt8])
    case refuse(Exchange, PeerRefusal)
    /// Entries for the journal: `pieces` are the lines of `first` to `last`.
    case persist(WriteID, [Piece], first: LogIndex, last: EntryID)
    case storeVote(HardState)
    case storeIdentity(ClusterID)
    /// This node was wiped, and is about to be let in: it must not be forgotten before it counts again.
    case storeWiped
    case clearDamage
    /// A peer told where clients reach it.
    case learnURL(NodeID, [UInt8])
    /// Lines after `after` up to `through` are wanted from disk, for a peer; answered by `loaded` or
    /// `damaged`.
    case load(after: LogIndex, through: LogIndex, for: NodeID)
    /// Write a snapshot of this frozen store, on a thread of its own; answered by `snapshotTaken` or
    /// `snapshotFailed`.
    ///
    /// (Indirect, as the other one with a store: effects are copied often, and these are rare and large.)
    indirect case takeSnapshot(SnapshotHead, Store)
    /// The snapshot that a client asked for is durable.
    case snapshotted(Ticket, StoredSnapshot)
    /// What is older than this durable snapshot may go; answered by `compacted(through:)`.
    case compact(EntryID)
    /// Bytes of a durable snapshot are wanted, for a peer; answered by `loadedPiece`.
    case loadPiece(EntryID, offset: UInt64, count: Int, for: NodeID)
    /// Bytes of a snapshot that is being received, for the journal; answered by `received(upTo:)`.
    case receivePiece([UInt8], offset: UInt64, isLast: Bool)
    /// What was received is to be read back and verified, on a thread of its own; answered by `opened`.
    case openSnapshot(EntryID)
    /// The received snapshot is this node's state from now on: for the journal, as the write named.
    case installSnapshot(EntryID, discardsLog: Bool, WriteID)
    /// A store that is no longer needed: freeing a large one takes a while.
    indirect case release(Store)
    /// This node was wiped, and has been let in anew: what it votes from now on counts.
    case rejoined(HardState)
    /// Something people should read in the log.
    case notice(Notice)
}

/// What a member tells its operator.
public enum Notice: Hashable, Sendable {
    case became(Role, Term, leader: NodeID?)
    case waitingFor([NodeID])
    case joinedCluster(ClusterID)
    /// A peer answered from another cluster than this node's.
    case otherCluster(NodeID, ClusterID)
    /// This node's disk is empty while a peer has a history, or its term and vote are lost.
    case wiped
    /// This node leads, and its disk has finished nothing for a while: it hands over.
    case diskStalls
    /// On the leader: whether a majority of the members has no room any more, where this node has.
    case othersLackRoom(Bool)
    /// A hand-over of leadership is over: whether another node took it.
    case transferred(Bool)
    case whole
    /// A peer's message was not understood, or not meant for this node.
    case refusedPeer(NodeID?, String)
    /// A damaged entry was met while it was read for a peer.
    case damagedEntry(LogIndex)
    /// This node's state after that entry is not what a majority has.
    case wrongState(at: LogIndex)
    /// It is again, and so is what is on its disk.
    case rightState
    /// A peer says that its state is not what a majority has.
    case wrongPeer(NodeID)
    /// No majority has the same state after that entry.
    case statesSplit(at: LogIndex)
    case snapshotTaken(EntryID, bytes: UInt64)
    /// A peer lacks what the log no longer has.
    case sendsSnapshot(EntryID, to: NodeID)
    case receivesSnapshot(EntryID, from: NodeID, bytes: UInt64)
    case installedSnapshot(EntryID, bytes: UInt64)
    /// What was received is not the snapshot that was announced.
    case badSnapshot(EntryID)
    /// A node without data has asked to be let in: a member that lost its disk, or one that is only named.
    case admits(NodeID, isMember: Bool)
    /// This node was wiped, and follows from now on; it votes once it has caught up and was promoted.
    case admitted
    /// It has come as far as where it was let in.
    case rejoined
    case membership(Membership, isCommitted: Bool)
}
