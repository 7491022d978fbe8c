// What a list is answered with: a page as one object, or a stream of lines (Interface §2, GET /kv).
internal import HTTP
internal import JSON
public import KeyValue

extension Answer {
    /// `200` with one page of a list; `429` as soon as it turns out larger than `bytesMax`.
    public func appendPage(
        _ listing: Listing, of store: borrowing Store, age: Age? = nil, bytesMax: Int = .max,
        to out: inout [UInt8]
    ) {
        var page = Page(hasValues: listing.parameters.hasValues, bytesMax: bytesMax, now: now)
        var walk = ListWalk(listing)
        walk.forEach(in: store) { page.take($0) }
        if page.isTooLarge {
            append(.crowded, to: &out)
            return
        }
        var front: [UInt8] = []
        front.append(literal: "{\"revision\":")
        front.append(decimal: store.revision.rawValue)
        front.append(literal: ",\"count\":")
        front.append(decimal: UInt64(page.count))
        front.append(literal: ",\"entries\":[")
        page.prefixes.append(UInt8(ascii: "]"))
        if !walk.isOver, let place = walk.place {
            page.prefixes.append(literal: ",\"next\":\"")
            Cursor.append(place, of: listing.parameters, to: &page.prefixes)
            page.prefixes.append(UInt8(ascii: "\""))
        }
        page.prefixes.append(literal: "}\n")
        begin(
            """
            HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/json\r\nVary: Accept\r\n
            """, to: &out)
        field("Rast-Revision: ", store.revision.rawValue, to: &out)
        appendFields(of: age, to: &out)
        let middle: StaticString = "],\"prefixes\":["
        end(
            contentBytes: front.count + page.entries.count + middle.utf8CodeUnitCount + page.prefixes.count,
            to: &out)
        if manner.isHead { return }
        out.append(bytes: front.span)
        out.append(bytes: page.entries.span)
        out.append(literal: middle)
        out.append(bytes: page.prefixes.span)
    }

    /// `200` and the head of a stream of lines; the lines follow as chunks, and then the last chunk.
    public func appendStreamHead(storeRevision: Revision, age: Age? = nil, to out: inout [UInt8]) {
        begin(
            """
            HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/x-ndjson\r\n\
            Vary: Accept\r\nX-Accel-Buffering: no\r\n
            """, to: &out)
        field("Rast-Revision: ", storeRevision.rawValue, to: &out)
        appendFields(of: age, to: &out)
        out.append(literal: "Transfer-Encoding: chunked\r\n\r\n")
    }
}

/// A page on its way: what is taken ends before it passes a page's size.
private struct Page {
    let hasValues: Bool
    /// There is room for so much; more than that is not made.
    let bytesMax: Int
    let now: ClusterTime
    var entries: [UInt8] = []
    var prefixes: [UInt8] = []
    var count = 0
    var isTooLarge = false

    init(hasValues: Bool, bytesMax: Int, now: ClusterTime) {
        self.now = now
        self.hasValues = hasValues
        self.bytesMax = bytesMax
    }

    /// False: the item belongs to the next page, or there is no room for this one.
    mutating func take(_ item: ListWalk.Item) -> Bool {
        let (entriesEnd, prefixesEnd) = (entries.count, prefixes.count)
        switch item {
        case .entry(let record):
            isTooLarge = entriesEnd + prefixesEnd + (hasValues ? record.valueCount : 0) > bytesMax
            if isTooLarge { return false }
            if entriesEnd > 0 { entries.append(UInt8(ascii: ",")) }
            entries.append(record: record, hasValue: hasValues, now: now)
        case .prefix(let prefix):
            isTooLarge = entriesEnd + prefixesEnd > bytesMax
            if isTooLarge { return false }
            if prefixesEnd > 0 { prefixes.append(UInt8(ascii: ",")) }
            prefixes.append(jsonString: prefix.span)
        }
        if count > 0, entries.count + prefixes.count > Listing.pageBytesMax {
            entries.removeLast(entries.count - entriesEnd)
            prefixes.removeLast(prefixes.count - prefixesEnd)
            return false
        }
        count += 1
        return true
    }
}

extension ListWalk {
    /// Appends the next lines as one chunk, about `bytesMax` of them and one at least; at the end of the list
    /// the last chunk. `lines` is overwritten.
    public mutating func appendChunk(
        from store: borrowing Store, now: ClusterTime, bytesMax: Int, lines: inout [UInt8],
        to out: inout [UInt8]
    ) {
        lines.removeAll(keepingCapacity: true)
        let hasValues = listing.parameters.hasValues
        forEach(in: store) { item in
            guard lines.count < bytesMax else { return false }
            switch item {
            case .entry(let record): lines.append(record: record, hasValue: hasValues, now: now)
            case .prefix(let prefix):
                lines.append(literal: "{\"prefix\":")
                lines.append(jsonString: prefix.span)
                lines.append(UInt8(ascii: "}"))
            }
            lines.append(UInt8(ascii: "\n"))
            return true
        }
        Writer.appendChunk(lines.span, to: &out)
        if isOver { Writer.appendLastChunk(to: &out) }
    }
}
