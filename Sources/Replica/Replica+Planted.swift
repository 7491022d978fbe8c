// What a member does wrong while one of its faults is planted (package trait PlantedFaults).

#if PlantedFaults
    internal import Consensus
    internal import DequeModule
    internal import KeyValue

    extension Replica {
        /// ``Planted/applyTwice``, ``Planted/skipAtApply``, ``Planted/divergeAtApply``,
        /// ``Planted/transactionHalfApplied``
        ///
        /// Returns the reply, if the entry was applied wrongly.
        mutating func applyPlanted(_ index: LogIndex) -> Reply? {
            if Planted.is(.transactionHalfApplied) {
                var reply: Reply?
                _ = cache.withCommand(at: index) { reply = store.applyHalf($0, index: index.rawValue) }
                if reply != nil { applied = index }
                return reply
            }
            let isSkipped =
                Planted.is(.skipAtApply) || Planted.is(.divergeAtApply) && raft.role != .leader
            guard Planted.is(.applyTwice) || isSkipped && index.rawValue % 101 == 0 else { return nil }
            var reply = Reply.none
            var whole = store
            _ = cache.withCommand(at: index) { reply = whole.apply($0, index: index.rawValue) }
            if isSkipped {
                let nothing = Array(#"{"at":0,"none":true}"#.utf8)
                _ = store.apply(nothing.span, index: index.rawValue)
            } else {
                store = whole
                _ = cache.withCommand(at: index) { reply = store.apply($0, index: index.rawValue) }
            }
            applied = index
            return reply
        }

        /// ``Planted/cutMeansNotApplied``
        mutating func refuseWrites(after index: LogIndex) {
            for write in waiting.writes where write.index > index && !write.isOver {
                effects.append(.failed(write.ticket, .timedOut(.notApplied)))
            }
        }

        /// ``Planted/proposeTwice``: the entry at `place`, and the same once more.
        mutating func proposeTwice(_ key: Span<UInt8>, _ value: Span<UInt8>, at place: EntryID) {
            let time = stamp.time(at: now)
            let none = Precondition.none
            func append(_ place: EntryID, _ key: Span<UInt8>, _ value: Span<UInt8>) {
                cache.append(index: place.index, term: place.term) {
                    Command.appendPut(
                        key: key, value: value, contentType: Span(), precondition: none, at: time, to: &$0)
                }
            }
            append(place, key, value)
            raft.step(.propose(count: 1), into: &outputs)
            guard case .appended(let index, _, let term) = outputs.removeLast() else { return }
            append(EntryID(term: term, index: index), key, value)
        }
    }
#endif
