// What a backup is answered with: a gzip file as a stream (Interface §8).
internal import HTTP
internal import JSON
public import KeyValue

extension Answer {
    /// `200` and the head of a backup; its pieces follow as chunks, and then the last chunk.
    public func appendBackupHead(storeRevision: Revision, age: Age? = nil, to out: inout [UInt8]) {
        begin(
            """
            HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/gzip\r\n\
            X-Accel-Buffering: no\r\n
            """, to: &out)
        field("Rast-Revision: ", storeRevision.rawValue, to: &out)
        appendFields(of: age, to: &out)
        out.append(literal: "Content-Disposition: attachment; filename=\"rast-")
        out.append(decimal: storeRevision.rawValue)
        out.append(literal: ".ndjson.gz\"\r\nTransfer-Encoding: chunked\r\n\r\n")
    }
}
