// Whether this member may vote, stand and acknowledge, after its disk has failed it (rules 1, 10, 12).

extension Raft {
    /// Whether it may take entries and say so: a wiped node not before it is told where it was let in.
    var takesEntries: Bool {
        switch standing {
        case .whole, .damaged, .wiped(until: .some): true
        case .retired, .wiped(until: nil): false
        }
    }

    /// Told by a leader that has committed it: from that entry on, this node's lost votes and
    /// acknowledgements count nowhere.
    ///
    /// It joins the term in which that was decided: a leader of an older one may still count what this node's
    /// lost disk had acknowledged beside what it acknowledges now.
    mutating func admitted(at entry: EntryID, into out: inout [Output]) {
        switch standing {
        case .wiped: break
        // An empty node does not know that it was wiped before its peers tell; it took part in nothing.
        case .whole: guard term == .zero, log.lastIndex == .zero else { return }
        case .damaged, .retired: return
        }
        standing = .wiped(until: entry.index)
        #if PlantedFaults
            if Planted.is(.admittedInAnyTerm) { return maybeRecover(into: &out) }
        #endif
        if election != nil || entry.term > term { follow(nil, in: max(entry.term, term), into: &out) }
        maybeRecover(into: &out)
    }

    /// Damaged: whole once all is here again, as this term's leader has it. Wiped: as the others once the
    /// entry that let it in is durable and committed here: a candidate that lacks it is refused by the log.
    mutating func maybeRecover(into out: inout [Output]) {
        switch standing {
        case .whole, .retired, .wiped(until: nil): return
        case .damaged:
            guard wholeAt > .zero, min(verified, durable) >= wholeAt else { return }
            standing = .whole
            out.append(.whole)
        case .wiped(until: let index?):
            #if PlantedFaults
                let index = Planted.is(.admittedVotes) ? .zero : index
            #endif
            guard min(commit, durable) >= index else { return }
            standing = .whole
            out.append(.admitted)
            #if PlantedFaults
                if Planted.is(.rejoinsUnstored) { return }
            #endif
            // What it says from now on leaves once its disk says so too: by that the leader makes it a voter,
            // and one that is wiped still, after a crash, can neither vote nor be let in where it is needed.
            changeHardState(term: hard.term, vote: hard.vote, into: &out)
        }
    }

    mutating func trust(_ isTrusted: Bool, into out: inout [Output]) {
        self.isTrusted = isTrusted
        if !isTrusted, leadership != nil || election != nil { follow(nil, in: term, into: &out) }
    }

    mutating func retire(into out: inout [Output]) {
        standing = .retired
        follow(leader == id ? nil : leader, in: term, into: &out)
    }
}
