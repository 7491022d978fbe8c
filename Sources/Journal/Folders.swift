// What a start finds besides batches: headers, vote, identity, damage (rules 6, 9, 12).
internal import Consensus
internal import Wire

/// The small files of a data directory and the headers of its log files.
struct Folders {
    /// By number; the head is nil if it is not whole.
    private(set) var segments: [(number: UInt64, bytes: UInt64, head: SegmentHead?)] = []
    private(set) var spares: [UInt64] = []
    /// Snapshots, whole or not, and drafts.
    private(set) var snapshots: [File] = []
    private(set) var cluster: ClusterID?
    /// The headers tell the cluster's id, and the file that should does not.
    private(set) var mustStoreIdentity = false
    /// The highest boot of a header.
    private(set) var boot = Boot(0)
    /// The valid slot with the higher count, and which of the two it is.
    private(set) var slot: VoteSlot?
    private var slotPlace: UInt64 = 0
    private(set) var damage: Damage?

    init(_ storage: some Storage, node: NodeID) throws(RecoveryError) {
        try readIdentity(storage, node: node)
        try readSegments(storage, node: node)
        try readSnapshots(storage)
        try readVote(storage)
        if let bytes = try Self.read(storage, .damage, count: pageBytes + 1) {
            let unreadable = Damage(reason: .record, segment: 0, offset: 0, index: .zero)
            damage = (try? Damage(bytes.span)) ?? unreadable
        }
    }

    private static func read(
        _ storage: some Storage, _ file: File, count: Int
    ) throws(RecoveryError) -> [UInt8]? {
        do throws(DiskFailure) {
            return try storage.read(file, offset: 0, count: count)
        } catch {
            throw .disk(error)
        }
    }

    private mutating func readIdentity(_ storage: some Storage, node: NodeID) throws(RecoveryError) {
        guard let bytes = try Self.read(storage, .identity, count: pageBytes + 1) else { return }
        let identity: Identity
        do throws(WireError) {
            identity = try Identity(bytes.span)
        } catch {
            if error.problem == .format { throw .newer(.identity) }
            // The headers repeat it.
            return
        }
        guard identity.node == node else {
            throw .node(found: identity.node, expected: node, .identity)
        }
        cluster = identity.cluster
    }

    private mutating func readSegments(_ storage: some Storage, node: NodeID) throws(RecoveryError) {
        var files: [(file: File, bytes: UInt64)]
        do throws(DiskFailure) {
            files = try storage.logFiles()
        } catch {
            throw .disk(error)
        }
        var found: [(number: UInt64, bytes: UInt64)] = []
        for (file, bytes) in files {
            switch file {
            case .segment(let number): found.append((number, bytes))
            case .spare(let number): spares.append(number)
            case .vote, .identity, .identityDraft, .damage, .damageDraft, .snapshot, .snapshotDraft,
                .incoming:
                break
            }
        }
        spares.sort()
        found.sort { $0.number < $1.number }
        let stored = cluster
        for file in found {
            let head = try readHead(storage, file.number, node: node)
            segments.append((file.number, file.bytes, head))
        }
        mustStoreIdentity = stored == nil && cluster != nil
    }

    private mutating func readSnapshots(_ storage: some Storage) throws(RecoveryError) {
        do throws(DiskFailure) {
            snapshots = try storage.snapshotFiles().map(\.file)
        } catch {
            throw .disk(error)
        }
        snapshots.sort { $0.description < $1.description }
    }

    /// The first place from `begin` on at which the log can begin: what came before is covered by a snapshot
    /// up to `index`.
    func start(from begin: Int, coveredTo index: LogIndex) -> Int? {
        segments.indices.first { place in
            place >= begin && (segments[place].head.map { $0.base.index <= index } ?? false)
        }
    }

    /// What later headers declare void in the segment at `place` is behind this sequence.
    func limit(at place: Int) -> UInt64? { segments[(place + 1)...].compactMap(\.head?.after).min() }

    private mutating func readHead(
        _ storage: some Storage, _ number: UInt64, node: NodeID
    ) throws(RecoveryError) -> SegmentHead? {
        let file = File.segment(number)
        let page = try Self.read(storage, file, count: pageBytes) ?? []
        let head: SegmentHead
        do throws(WireError) {
            head = try SegmentHead(page.span, at: 0)
        } catch {
            if error.problem == .format { throw .newer(file) }
            return nil
        }
        guard head.node == node else {
            throw .node(found: head.node, expected: node, file)
        }
        if let cluster, cluster != head.cluster {
            throw .cluster(found: head.cluster, expected: cluster, file)
        }
        guard head.segment == number else { throw .inconsistent(segment: number, offset: 0) }
        cluster = head.cluster
        boot = max(boot, head.boot)
        return head
    }

    private mutating func readVote(_ storage: some Storage) throws(RecoveryError) {
        let bytes = try Self.read(storage, .vote, count: 2 * pageBytes) ?? []
        for place in 0..<2 {
            guard let found = try? VoteSlot(bytes.span, at: place * pageBytes) else { continue }
            if let slot, slot.count >= found.count { continue }
            slot = found
            slotPlace = UInt64(place)
        }
    }

    /// Term and vote as they hold, or wiped if they were lost.
    ///
    /// A boot and a term are in the slots before a header or a batch carries them. So if the slots know less
    /// than these, the newer slot was durable and is gone.
    func vote(loggedIn logged: Term, last: Term) -> Journal.Vote {
        let term = max(logged, last)
        guard let slot else {
            let isWiped = cluster != nil || !segments.isEmpty
            return Journal.Vote(
                held: HardState(term: term, vote: nil, count: 0), count: 0, slot: 0, isNew: true,
                isWiped: isWiped)
        }
        #if PlantedFaults
            if Planted.is(.loseVoteAtRecovery) {
                return Journal.Vote(
                    held: HardState(term: max(slot.term, term), vote: nil, count: slot.count),
                    count: slot.count,
                    slot: 1 - slotPlace, isNew: false, isWiped: slot.isWiped)
            }
        #endif
        let isStale = slot.boot < boot || slot.term < term
        let held =
            isStale
            ? HardState(term: max(slot.term, term), vote: nil, count: slot.count)
            : HardState(term: slot.term, vote: slot.vote, count: slot.count)
        return Journal.Vote(
            held: held, count: slot.count, slot: 1 - slotPlace, isNew: false,
            isWiped: slot.isWiped || isStale)
    }
}
