// The fields that describe a request's content: of a value to be stored, of a peer's message (Interface §2,
// rule 3).
internal import HTTP
internal import KeyValue

extension Request {
    /// The fields of a PUT.
    mutating func readContentFields(_ head: borrowing RequestHead, in bytes: Span<UInt8>) throws(Refusal) {
        guard head.framing != .none else {
            throw Refusal(
                411, .lengthRequired, "A PUT needs content, with Content-Length or chunked; it may be empty.")
        }
        guard head[.contentEncoding] == nil else {
            throw Refusal(
                415, .unsupportedEncoding, "Values are stored as they are: leave out Content-Encoding.")
        }
        guard head[.contentRange] == nil else {
            throw Refusal.badRequest("A value is stored whole: leave out Content-Range.")
        }
        guard let range = head[.contentType] else { return }
        let type = bytes.extracting(range)
        guard isMediaType(type) else {
            throw Refusal.badRequest(
                "Content-Type is not a media type of at most \(Command.contentTypeBytesMax) ASCII characters."
            )
        }
        // What curl says of itself unasked describes no value.
        if !type.equalsIgnoringCase("application/x-www-form-urlencoded") { contentType = range }
    }

    /// The fields of a request about many keys, leases or members: it has no tag that a condition could be
    /// about, and none is ignored.
    func readManyFields(_ head: borrowing RequestHead) throws(Refusal) {
        guard head[.ifMatch] == nil, head[.ifNoneMatch] == nil else {
            throw Refusal.badRequest(
                "If-Match and If-None-Match are for one key; the conditions of POST /txn are for many.")
        }
        guard action == .transaction || action == .grant else { return }
        let what = action == .grant ? "A lease" : "A transaction"
        guard head.framing != .none else {
            throw Refusal(411, .lengthRequired, "\(what) is content, with Content-Length or chunked.")
        }
        guard head[.contentEncoding] == nil else {
            throw Refusal(415, .unsupportedEncoding, "\(what) is JSON: leave out Content-Encoding.")
        }
    }

    /// A web page cannot send these types elsewhere, so none can speak as a peer.
    func checkPeerContent(_ head: borrowing RequestHead, in bytes: Span<UInt8>) throws(Refusal) {
        guard let range = head[.contentType],
            bytes.extracting(range).equalsIgnoringCase("application/x-ndjson")
                || bytes.extracting(range).equalsIgnoringCase("application/json")
        else {
            throw Refusal.badRequest(
                "A peer's message has the Content-Type application/x-ndjson or application/json.")
        }
    }
}

/// Whether the bytes are a media type that may be kept (RFC 9110 §8.3.1): type, slash, subtype, and whatever
/// visible ASCII follows a semicolon.
func isMediaType(_ text: Span<UInt8>) -> Bool {
    guard text.count <= Command.contentTypeBytesMax else { return false }
    let slash = tokenEnd(text, from: 0)
    guard slash > 0, slash < text.count, text[slash] == UInt8(ascii: "/") else { return false }
    var end = tokenEnd(text, from: slash + 1)
    guard end > slash + 1 else { return false }
    for index in end..<text.count where text[index] < 0x20 || text[index] > 0x7E { return false }
    while end < text.count, text[end] == 0x20 { end += 1 }
    return end == text.count || text[end] == UInt8(ascii: ";")
}
