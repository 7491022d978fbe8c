// Where a watch begins: after the last event that its client knows, on whichever node it asks (rule 24).
internal import Consensus
public import KeyValue

extension Replica {
    /// The place from which on a client is told of events that knows all up to `id`; nil: some that follow
    /// are gone. A node that has not come as far as `id` waits there, and tells nothing before it.
    public func watchPlace(after id: EventID) -> EventID? {
        #if PlantedFaults
            if Planted.is(.eventLostAtReconnect) { return max(id, .end(of: store.revision)) }
        #endif
        return store.history.holds(after: id) ? id : nil
    }
}
