// What Accept-Encoding says of gzip, as a table (RFC 9110 §12.5.3).
import HTTP
import Testing

/// The coding for a request with these lines of the field.
private func coding(_ lines: [String]) throws -> ContentCoding {
    let bytes = wire("GET / HTTP/1.1|Host: a|" + lines.map { "Accept-encoding: \($0)|X: y|" }.joined() + "|")
    return ContentCoding(acceptedBy: try head(bytes), in: bytes.span)
}

@Test(
    "gzip only where it is liked as well as no coding, or no coding is not spoken of",
    arguments: [
        ("gzip", .gzip), ("GZip", .gzip), ("x-gzip", .gzip), ("gzip, deflate, br", .gzip),
        ("deflate, gzip;q=1.0, *;q=0.5", .gzip), ("gzip;q=0.001", .gzip), ("br;q=1, gzip;q=0.2", .gzip),
        ("*", .gzip), ("*;q=0.1", .gzip), ("identity, gzip", .gzip), ("gzip;q=0.5, identity;q=0.5", .gzip),
        ("gzip ; q=0.8 , identity;Q=0.5", .gzip), ("deflate,\tx-gzip", .gzip), ("gzip;q=0, x-gzip", .gzip),
        ("", .identity), ("identity", .identity), ("deflate, br", .identity), ("gzip;q=0", .identity),
        ("gzip;q=0.000", .identity), ("gzip;q=0, *", .identity), ("*;q=0", .identity),
        ("gzip;q=0.5, identity", .identity), ("gzip;q=0.5, identity;q=0.501", .identity),
        ("gzip;q=0.4, *;q=0.5", .identity), ("gzipped", .identity), ("zip", .identity), ("*zip", .identity),
        ("identity;q=0", .identity), ("identity;q=0, gzip;q=0", .identity), ("br, *;q=0", .identity),
        ("gzip, identity;q=0", .onlyGzip), ("gzip;q=0.1, *;q=0", .onlyGzip), ("*, identity;q=0", .onlyGzip),
        ("gzip;q=2", .identity), ("gzip;q=", .identity), ("gzip;q=0.1234", .identity),
        ("gzip;q=x", .identity),
        ("gzip q=1", .identity), (",, ;, gzip", .gzip), ("gzip;x=\"a,b\"", .gzip),
    ] as [(String, ContentCoding)])
func negotiation(value: String, expected: ContentCoding) throws {
    #expect(try coding([value]) == expected)
}

@Test("no field is no coding; several lines are one list")
func lines() throws {
    #expect(try coding([]) == .identity)
    #expect(try coding(["br", "gzip"]) == .gzip)
    #expect(try coding(["identity;q=0", "", "deflate", "gzip"]) == .onlyGzip)
    #expect(try coding(["gzip", "identity;q=1, gzip;q=0"]) == .gzip)
}
