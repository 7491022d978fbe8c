// Events as lines of JSON, after the keys' rows of a snapshot, and read back (rules 24, 26).
internal import JSON
internal import KeyValue
internal import Wire

extension Row {
    /// Appends an event's row with its newline, in one of these exact forms:
    /// ```
    /// {"put":"a","revision":7}
    /// {"put":"a","value":"x","revision":5,"createdRevision":5,"version":1}
    /// {"delete":"b","revision":6}
    /// {"expire":"c","revision":8}
    /// ```
    /// The first: as the key still stands in the store. The place in the revision is that of the row.
    static func append(_ event: Event, of store: Store, to out: inout [UInt8]) {
        switch event.kind {
        case .put:
            let current = event.record.withKey { store.record($0)?.revision }
            if current != event.revision { return append("{\"put\":", event.record, to: &out) }
            out.append(literal: "{\"put\":")
        case .delete: out.append(literal: "{\"delete\":")
        case .expire: out.append(literal: "{\"expire\":")
        }
        event.record.withKey { out.append(jsonString: $0) }
        out.append(literal: ",\"revision\":")
        out.append(decimal: event.revision.rawValue)
        out.append(literal: "}\n")
    }
}

extension RowReader {
    /// Takes the event's row that begins here, with its newline.
    ///
    /// - Throws: as ``nextKey(_:into:)``.
    mutating func nextEvent(
        _ bytes: Span<UInt8>, into restoration: inout Restoration
    ) throws(WireError) {
        let start = place
        let kind: Event.Kind
        if takes("{\"put\":", bytes) {
            kind = .put
        } else if takes("{\"expire\":", bytes) {
            kind = .expire
        } else {
            try take("{\"delete\":", bytes)
            kind = .delete
        }
        let key = try string(bytes)
        let isAdded: Bool
        if kind == .put, !takes(",\"revision\":", bytes) {
            isAdded = try rest(bytes, of: key) { key, value, type, numbers in
                restoration.addPut(
                    key: key, value: value, contentType: type, revision: numbers.revision,
                    createdRevision: numbers.created, version: numbers.version, hold: numbers.hold)
            }
        } else {
            if kind != .put { try take(",\"revision\":", bytes) }
            let revision = Revision(try number(bytes))
            try take("}\n", bytes)
            isAdded = withPlain(key, bytes) { key in
                kind == .put
                    ? restoration.addPut(key: key, revision: revision)
                    : restoration.addGone(kind, key: key, revision: revision)
            }
        }
        guard isAdded else { throw WireError(offset: start, problem: .order) }
    }
}
