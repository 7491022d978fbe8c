// Where in a transaction an operation stands that could not be done, as its refusal names it (Interface §5).
internal import JSON
internal import KeyValue

extension Transaction.Place {
    /// The operation, as a JSON pointer (RFC 6901): `/then/3/put`.
    var text: String {
        let name =
            switch kind {
            case .put: "put"
            case .get: "get"
            case .list: "list"
            case .delete, .deleteAll: "delete"
            }
        return "/\(isThen ? "then" : "else")/\(number)/\(name)"
    }

    /// What names the lease that a put asks for.
    var ofLease: String { text + "/lease" }

    /// What names the keys that are written.
    var ofKeys: String {
        switch kind {
        case .put, .delete: text + "/key"
        case .deleteAll: text + "/prefix"
        case .get, .list: text
        }
    }
}

extension Refusal {
    /// The same, said of a place in the request.
    func at(_ place: String?) -> Refusal {
        guard let place, let first = detail.first else { return self }
        return Refusal(status, code, "At \(place): \(first.lowercased())\(detail.dropFirst())")
    }
}

extension Answer {
    /// `422`: with how many keys would change, or be the lease's (rule 23).
    func appendTooMany(_ refusal: Refusal, count: Int, _ revision: Revision, to out: inout [UInt8]) {
        var members: [UInt8] = []
        members.append(literal: ",\"count\":")
        members.append(decimal: UInt64(count))
        append(refusal, storeRevision: revision, members: members.span, to: &out)
    }
}
