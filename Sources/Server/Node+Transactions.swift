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
        let transaction: Transaction
        do throws(API.Refusal) {
            let bytes = clients[slot].inbound.bytes
            let decoded = isDecoded ? clients[slot].content : []
            let span = bytes.span.extracting(clients[slot].inbound.unread)
            transaction = try Transaction(
                reading: isDecoded ? decoded.span : span.extracting(content),
                valueBytesMax: requestLimits.valueBytesMax)
        } catch {
            refuse(slot, error)
            return
        }
        clients[slot].stage = .waiting
        let ticket = Ticket(clients.token(at: slot).rawValue)
        replica.transact(transaction, for: ticket, until: deadline(request))
    }

    mutating func deleteRange(_ slot: Int) {
        guard let request = clients[slot].request, let listing = request.listing, mayWrite(slot) else {
            return
        }
        clients[slot].stage = .waiting
        let ticket = Ticket(clients.token(at: slot).rawValue)
        replica.delete(listing.range, for: ticket, until: deadline(request))
    }

    /// Whether the log has room; otherwise the client is told.
    private mutating func mayWrite(_ slot: Int) -> Bool {
        guard replica.lacksRoom, replica.raft.role == .leader else { return true }
        refuse(slot, .diskFull)
        return false
    }
}
