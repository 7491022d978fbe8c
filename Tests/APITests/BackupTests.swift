// Backups (Interface §8): what is asked, and the head of the answer.
import API
import KeyValue
import Testing

@Test("a backup is asked like a list of everything, and takes none of a list's parameters")
func askedBackup() throws {
    let plain = try Asked("GET /backup").request
    #expect(plain.action == .backup && plain.consistency == .linearizable && plain.mayRedirect)
    #expect(try Asked("HEAD /backup").request.action == .backup)
    let local = try Asked(
        "GET /backup?consistency=local&min-revision=7&timeout=2s&redirect=no"
    ).request
    #expect(local.consistency == .local && local.revisionMin == Revision(7))
    #expect(local.timeoutMilliseconds == 2_000 && !local.mayRedirect)
    #expect(!(try Asked("GET /backup", "Authorization: Bearer x|").request.mayRedirect))
    for parameter in ["prefix=a", "limit=3", "keys", "cursor=x", "format=json", "verbose", "wait=1s"] {
        #expect(try refusal("GET /backup?\(parameter)")?.code == .unknownParameter, "\(parameter)")
    }
    #expect(try refusal("GET /backup", "Idempotency-Key: a|")?.status == 400)
    #expect(try refusal("POST /backup")?.allowing == .backup)
}

@Test("the head names a gzip file, and the revision that it is of")
func backupHead() throws {
    func head(_ age: Age?) -> String {
        var head: [UInt8] = []
        Answer(context, Manner()).appendBackupHead(storeRevision: Revision(9), age: age, to: &head)
        return String(decoding: head, as: UTF8.self)
    }
    let text = head(nil)
    #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.hasSuffix("Transfer-Encoding: chunked\r\n\r\n"))
    for line in [
        "Content-Type: application/gzip", "Cache-Control: no-store", "X-Accel-Buffering: no",
        "Rast-Revision: 9", "Content-Disposition: attachment; filename=\"rast-9.ndjson.gz\"",
    ] { #expect(text.contains("\r\n\(line)\r\n"), "\(line)") }
    #expect(!text.contains("Content-Encoding") && !text.contains("Rast-Applied-Index"))
    let aged = head(Age(appliedIndex: 12, leaderContactMilliseconds: 30))
    #expect(aged.contains("\r\nRast-Applied-Index: 12\r\n"))
}
