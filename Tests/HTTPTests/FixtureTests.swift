// The request cases of nodejs/llhttp's tests, read from ../shared/data where they are present.
import Foundation
import HTTP
import Testing

private struct Fixture: Decodable {
    let file: String
    let name: String
    let raw: String
    let verdict: String

    var bytes: [UInt8] {
        let digits = Array(raw.utf8)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
    }
}

private let fixtureFile: URL? = {
    var folder = URL(filePath: #filePath)
    while folder.path != "/" {
        folder.deleteLastPathComponent()
        let file = folder.appending(path: "shared/data/llhttp/fixtures.jsonl")
        if FileManager.default.fileExists(atPath: file.path) { return file }
    }
    return nil
}()

/// What llhttp's strict mode accepts, and RFC 9112 or this server refuses, besides a missing Host.
private let refusedHere: Set<String> = [
    // HTTP/0.9 has no version (RFC 9112 does not know it any more).
    "No HTTP version",
    // Other protocols.
    "SOURCE request with ICE", "OPTIONS request with RTSP", "ANNOUNCE request with RTSP",
    // Codings other than chunked are not understood, so the content's end is in doubt (§6.1).
    "POST with `chunked` as last transfer-encoding",
    "POST with `chunked` as last transfer-encoding (multiple headers)",
    // A fragment is never sent (RFC 9110 §7.1), nor user and password (§4.2.4).
    "Fragment in URI", "`host:port` and basic auth",
    // The asterisk is for OPTIONS alone (§3.2.4).
    "M-SEARCH request",
]

/// What llhttp refuses, and RFC 9110 leaves to the one who answers: a method that is unknown is 501.
private let acceptedHere: Set<String> = ["Invalid method", "HTTP protocol and ANNOUNCE method"]

/// The flaw of the first request, or nil, after giving it a Host if it has none.
///
/// llhttp does not ask for one; its cases would all end there.
private func flawWithHost(_ bytes: [UInt8]) -> Flaw? {
    let found = flaw(bytes)
    guard found == .missingHost, let end = bytes.firstIndex(of: 0x0A) else { return found }
    // After an empty line at the beginning the request line is the second one.
    guard let line = end < 2 ? bytes[(end + 1)...].firstIndex(of: 0x0A) : end else { return found }
    return flaw(Array(bytes[...line]) + Array("Host: a\r\n".utf8) + Array(bytes[(line + 1)...]))
}

@Test(
    "llhttp's cases: what it completes is accepted, what it refuses is refused; exceptions by name",
    .enabled(if: fixtureFile != nil, "../shared/data/llhttp is absent"))
func fixtures() throws {
    let file = try #require(fixtureFile)
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    #expect(lines.count > 100)
    var seen: Set<String> = []
    for line in lines {
        let fixture = try JSONDecoder().decode(Fixture.self, from: Foundation.Data(line.utf8))
        let found = flawWithHost(fixture.bytes)
        seen.insert(fixture.name)
        if refusedHere.contains(fixture.name) {
            #expect(found != nil, "\(fixture.name)")
        } else if acceptedHere.contains(fixture.name) {
            #expect(found == nil, "\(fixture.name): \(String(describing: found))")
        } else if fixture.verdict == "complete" || fixture.verdict == "partial" {
            #expect(found == nil, "\(fixture.name): \(String(describing: found))")
        } else if fixture.verdict == "error", !isAboutWhatFollows(fixture.name) {
            // Some cases stop before the end of the line at fault; here a line is judged when it has come.
            let completed = found ?? flawWithHost(fixture.bytes + Array("\r\n\r\n".utf8))
            #expect(completed != nil, "\(fixture.name)")
        }
    }
    #expect(refusedHere.union(acceptedHere).isSubset(of: seen))
}

/// llhttp refuses these for bytes after a last request, which are the connection's matter here: it stops
/// reading.
private func isAboutWhatFollows(_ name: String) -> Bool {
    name.hasPrefix("No restart when keep-alive is off")
        || name.hasPrefix("CRLF between requests, explicit `close`")
}
