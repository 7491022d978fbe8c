// A peer whose next entries are gone gets the snapshot, piece after piece (§7; rule 26).
public import Consensus
internal import Wire

/// A snapshot on its way to one peer.
struct Sending: Sendable {
    let peer: NodeID
    let snapshot: StoredSnapshot
    /// What the peer holds of it, as far as it has said.
    var offset: UInt64 = 0
    /// A piece is being read, or is on its way: one at a time.
    var isUnderWay = false
    /// Since when.
    var underWaySince = Instant(nanoseconds: 0)
    /// Whether the peer was once sent all of it.
    var wasSent = false
    /// The next piece leaves no earlier: the rate is bounded, and a peer that takes nothing is not pressed.
    var resumeAt: Instant
    var lastAnswer: Instant

    /// Whether what is sent must stay on disk: a peer that is gone holds up nothing.
    func isLively(at now: Instant) -> Bool { now - lastAnswer <= .milliseconds(10_000) }
}

extension Replica {
    mutating func beginSending(to peer: NodeID) {
        guard let snapshot, trust == .trusted else { return }
        if let at = sending.firstIndex(where: { $0.peer == peer }) {
            // Asked for again after a lost connection: it goes on where it was, unless that file is old.
            if sending[at].snapshot == snapshot || sending[at].isLively(at: now) { return }
            sending.remove(at: at)
        }
        sending.append(Sending(peer: peer, snapshot: snapshot, resumeAt: now, lastAnswer: now))
        effects.append(.notice(.sendsSnapshot(snapshot.id, to: peer)))
    }

    /// The next piece of each, if its time has come.
    mutating func goOnSending() {
        if sending.isEmpty { return }
        // One that has got on by itself, or belongs to the cluster no more.
        sending.removeAll { !raft.needsSnapshot($0.peer) && !wrongPeers.contains($0.peer) }
        for at in sending.indices where sending[at].resumeAt <= now {
            // An answer may be lost, and nobody told: asked again, the peer says what it holds.
            let patience = 4 * settings.electionTimeout.nanoseconds
            guard !sending[at].isUnderWay || (now - sending[at].underWaySince).nanoseconds > patience else {
                continue
            }
            let one = sending[at]
            // A peer that has it all, and has not said that it is installed, is asked by the last piece.
            // What it holds may have come in pieces of another size, from the leader before.
            let offset =
                one.offset < one.snapshot.bytes
                ? one.offset : one.snapshot.bytes - min(pieceBytes, one.snapshot.bytes)
            sending[at].isUnderWay = true
            sending[at].underWaySince = now
            effects.append(
                .loadPiece(
                    one.snapshot.id, offset: offset, count: Int(min(pieceBytes, one.snapshot.bytes - offset)),
                    for: one.peer))
        }
    }

    private var pieceBytes: UInt64 { UInt64(settings.pieceBytes) }

    /// A piece that was asked for by `.loadPiece`; nil if it could not be read.
    public mutating func loadedPiece(
        _ bytes: [UInt8]?, of snapshot: EntryID, offset: UInt64, for peer: NodeID
    ) {
        guard let at = sending.firstIndex(where: { $0.peer == peer && $0.snapshot.id == snapshot }),
            sending[at].isUnderWay, raft.role == .leader
        else { return }
        let one = sending[at]
        guard let bytes, UInt64(bytes.count) == min(pieceBytes, one.snapshot.bytes - offset) else {
            // The file is gone or short: another is taken, and sent in its place.
            sending.remove(at: at)
            mustTakeSnapshot = true
            step(.lost(to: peer))
            return
        }
        if offset + UInt64(bytes.count) == one.snapshot.bytes { sending[at].wasSent = true }
        let piece = Message.Piece(
            snapshot: snapshot, sum: one.snapshot.sum, bytes: one.snapshot.bytes, offset: offset)
        send(
            Message(from: settings.node, to: peer, boot: raft.boot, term: raft.term, body: .piece(piece)),
            [Piece(bytes)])
    }

    /// What the peer holds by now, or that it stands where the snapshot ends.
    mutating func pieced(_ peer: NodeID, _ snapshot: EntryID, next: UInt64, isInstalled: Bool) {
        guard let at = sending.firstIndex(where: { $0.peer == peer && $0.snapshot.id == snapshot }) else {
            return
        }
        if isInstalled {
            sending.remove(at: at)
            return
        }
        let pause = Interval(nanoseconds: pieceBytes * 1_000_000_000 / settings.pieceBytesPerSecond)
        // From when this piece was due, not from its answer: turns are far apart where nothing else happens.
        // What a heartbeat's time would have carried may be made up for, and no more.
        let credit = min(now.nanoseconds, settings.heartbeat.nanoseconds)
        let due = max(sending[at].resumeAt, Instant(nanoseconds: now.nanoseconds - credit))
        let goesOn = next > sending[at].offset
        // Having all of it, the peer reads it back before it stands on it.
        let isOpening = next == sending[at].snapshot.bytes
        sending[at].isUnderWay = false
        sending[at].lastAnswer = now
        sending[at].resumeAt =
            isOpening ? now + settings.electionTimeout : goesOn ? due + pause : now + settings.heartbeat
        sending[at].offset = min(next, sending[at].snapshot.bytes)
        if next == 0, sending[at].wasSent {
            // It had all of it and could not use it: what is on this disk may have rotted. What is in memory
            // makes a new one.
            sending.remove(at: at)
            mustTakeSnapshot = true
            step(.lost(to: peer))
        }
    }

    /// The lane to that peer broke: it is asked again what it holds.
    mutating func lostPiece(to peer: NodeID) {
        guard let at = sending.firstIndex(where: { $0.peer == peer }) else { return }
        sending[at].isUnderWay = false
        sending[at].resumeAt = now + settings.heartbeat
    }
}
