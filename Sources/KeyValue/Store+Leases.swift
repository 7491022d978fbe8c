// Leases granted, revoked and run out; keys whose moment has come (Interface §4, rules 21 to 23).

extension Store {
    /// Grants a lease: under the id that is asked for, or the first free one from the entry's index on.
    mutating func grant(_ wanted: UInt64?, ttlMilliseconds: UInt64, _ at: ClusterTime) -> Reply {
        advance(to: at)
        var id = wanted ?? appliedIndex
        if wanted == nil {
            // Clients may have chosen ids that are indexes.
            while leases.lease(id) != nil, id < Lease.idMax { id += 1 }
        }
        guard leases.lease(id) == nil else { return finish(.refused, .leaseExists) }
        leases.grant(id, ttlMilliseconds: ttlMilliseconds)
        chain.mix(.grant, index: appliedIndex, at: clusterTime)
        chain.mix(id)
        chain.mix(ttlMilliseconds)
        return .granted(lease: id, ttlMilliseconds: ttlMilliseconds)
    }

    /// Ends a lease, and deletes its keys at one revision.
    mutating func revoke(_ id: UInt64, _ at: ClusterTime) -> Reply {
        guard revision < .largest else { return malformed() }
        advance(to: at)
        guard leases.lease(id) != nil else { return finish(.refused, .leaseNotFound(at: nil)) }
        var draft = Draft(revision: revision.next, now: clusterTime)
        lend(to: &draft)
        for key in draft.leases.keys(of: id) { draft.delete(key) }
        draft.leases.remove(id)
        lend(to: &draft)
        take(draft, .revoke)
        chain.mix(id)
        return .revoked(lease: id, deleted: draft.changes.count, revision: revision)
    }

    /// Ends the keys whose moment has come by this command's stamp, and leases of which the leader knows that
    /// they have run out, with their keys: all at one revision. Leases whose keys would be too many for it
    /// stay as they are, and so do keys: what is left is asked for again.
    mutating func expire(_ ids: [UInt64], _ at: ClusterTime) -> Reply {
        guard revision < .largest else { return malformed() }
        advance(to: at)
        var draft = Draft(revision: revision.next, now: clusterTime)
        lend(to: &draft)
        for key in draft.leases.ended(by: clusterTime, limit: Transaction.changesMax) { draft.expire(key) }
        var gone: [UInt64] = []
        for id in ids {
            guard let lease = draft.leases.lease(id),
                draft.changes.count + lease.keyCount <= Transaction.changesMax
            else { continue }
            for key in draft.leases.keys(of: id) { draft.expire(key) }
            draft.leases.remove(id)
            gone.append(id)
        }
        lend(to: &draft)
        take(draft, .expire)
        for id in gone { chain.mix(id) }
        return .none
    }
}
