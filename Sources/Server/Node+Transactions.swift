// Writes of many keys: transactions and range deletes go to the replica (Interface §2).
internal import API
internal import Consensus
internal import HTTP
internal import Journal
internal import KeyValue
internal import Network
internal import Replica

extension Node {
    mutating func transact(_ slot: Int, _ content: Range<Int>, isDecoded: Bool) {
        guard let request = clients[slot].request, mayWrite(slot) else { return }
        let valueBytesMax = requestLimits.valueBytesMax
        let transaction = read(slot, content, isDecoded: isDecoded) { bytes throws(API.Refusal) in
            try Transaction(reading: bytes, valueBytesMax: valueBytesMax)
        }
        guard let transaction else { return }
        let once = once(slot, content, isDecoded: isDecoded)
        clients[slot].stage = .waiting
        let ticket = Ticket(clients.token(at: slot).rawValue)
        replica.transact(transaction, once: once, for: ticket, until: deadline(request))
    }

    mutating func deleteRange(_ slot: Int) {
        guard let request = clients[slot].request, let listing = request.listing, mayWrite(slot) else {
            return
        }
        let once = once(slot, 0..<0, isDecoded: false)
        clients[slot].stage = .waiting
        let ticket = Ticket(clients.token(at: slot).rawValue)
        replica.delete(listing.range, once: once, for: ticket, until: deadline(request))
    }

    /// Whether the log has room; otherwise the client is told.
    mutating func mayWrite(_ slot: Int) -> Bool {
        guard replica.lacksRoom, replica.raft.role == .leader else { return true }
        refuse(slot, .diskFull)
        return false
    }
}
