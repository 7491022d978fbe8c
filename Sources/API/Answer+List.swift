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
        guard let page = Page(listing, of: store, now: now, bytesMax: bytesMax) else {
            append(.crowded, to: &out)
            return
        }
        appendHead(of: .page(store.revision, age), contentBytes: page.bytes, isGzip: false, to: &out)
        if !manner.isHead { page.append(to: &out) }
    }

    /// The content of one page of a list, for ``append(_:_:isGzip:to:)``; nil as soon as it turns out larger
    /// than `bytesMax`.
    public func pageContent(_ listing: Listing, of store: borrowing Store, bytesMax: Int) -> [UInt8]? {
        guard let page = Page(listing, of: store, now: now, bytesMax: bytesMax) else { return nil }
        var content: [UInt8] = []
        content.reserveCapacity(page.bytes)
        page.append(to: &content)
        return content
    }

    /// `200` and the head of a stream of lines; the lines follow as chunks, compressed where `isGzip` says
    /// so, and then the last chunk.
    public func appendStreamHead(
        storeRevision: Revision, age: Age? = nil, isGzip: Bool = false, to out: inout [UInt8]
    ) {
        begin(
            """
            HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/x-ndjson\r\n\
            Vary: Accept, Accept-Encoding\r\nX-Accel-Buffering: no\r\n
            """, to: &out)
        if isGzip { out.append(literal: "Content-Encoding: gzip\r\n") }
        field("Rast-Revision: ", storeRevision.rawValue, to: &out)
        appendFields(of: age, to: &out)
        out.append(literal: "Transfer-Encoding: chunked\r\n\r\n")
    }
}

/// A page on its way: what is taken ends before it passes a page's size.
private struct Page {
    private static let middle: StaticString = "],\"prefixes\":["
    let hasValues: Bool
    /// There is room for so much; more than that is not made.
    let bytesMax: Int
    let now: ClusterTime
    var entries: [UInt8] = []
    var prefixes: [UInt8] = []
    var count = 0
    var isTooLarge = false
    var front: [UInt8] = []

    /// Nil: there is no room for it.
    init?(_ listing: Listing, of store: borrowing Store, now: ClusterTime, bytesMax: Int) {
        self.now = now
        self.bytesMax = bytesMax
        hasValues = listing.parameters.hasValues
        var walk = ListWalk(listing)
        walk.forEach(in: store) { take($0) }
        if isTooLarge { return nil }
        front.append(literal: "{\"revision\":")
        front.append(decimal: store.revision.rawValue)
        front.append(literal: ",\"count\":")
        front.append(decimal: UInt64(count))
        front.append(literal: ",\"entries\":[")
        prefixes.append(UInt8(ascii: "]"))
        if !walk.isOver, let place = walk.place {
            prefixes.append(literal: ",\"next\":\"")
            Cursor.append(place, of: listing.parameters, to: &prefixes)
            prefixes.append(UInt8(ascii: "\""))
        }
        prefixes.append(literal: "}\n")
    }

    /// How long it is as a whole.
    var bytes: Int { front.count + entries.count + Page.middle.utf8CodeUnitCount + prefixes.count }

    func append(to out: inout [UInt8]) {
        out.append(bytes: front.span)
        out.append(bytes: entries.span)
        out.append(literal: Page.middle)
        out.append(bytes: prefixes.span)
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
        appendLines(from: store, now: now, bytesMax: bytesMax, to: &lines)
        Writer.appendChunk(lines.span, to: &out)
        if isOver { Writer.appendLastChunk(to: &out) }
    }

    /// Appends the next lines to what is there, until that is about `bytesMax` long.
    public mutating func appendLines(
        from store: borrowing Store, now: ClusterTime, bytesMax: Int, to lines: inout [UInt8]
    ) {
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
    }
}
