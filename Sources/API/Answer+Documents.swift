// Answers that may be large, and go out compressed to whoever takes that (Interface §2, §5, §7): pages of
// lists, and the documents that the node carries with it.
public import HTTP
internal import JSON
public import KeyValue

/// An answer that may go out compressed: what its head says of it, but for length and coding.
///
/// None of them has an entity tag, so no two codings share one (RFC 9110 §8.8.3.3). The value of a key has a
/// strong tag, which is its revision and which `If-Match` names: it is never compressed.
public enum LargeAnswer: Sendable {
    /// A page of a list, at this revision.
    case page(Revision, Age?)
    /// A page of the leases, at this revision.
    case leases(Revision)
    /// `openapi.yaml`.
    case openapi
    /// The dashboard, and what the page may do, for Content-Security-Policy.
    case dashboard(policy: [UInt8])
    /// A text in Prometheus's format, version 0.0.4.
    case metrics

    /// What is shorter goes in three packets, and takes longer to compress than that saves.
    public static let compressedBytesMin = 4 << 10
}

extension ContentCoding {
    /// Whether a content of that length is compressed for such a client.
    public func compresses(contentBytes count: Int) -> Bool {
        self == .onlyGzip || self == .gzip && count >= LargeAnswer.compressedBytesMin
    }
}

extension Answer {
    /// `200` with this content, which `isGzip` says is compressed.
    public func append(
        _ large: LargeAnswer, _ content: Span<UInt8>, isGzip: Bool = false, to out: inout [UInt8]
    ) {
        appendHead(of: large, contentBytes: content.count, isGzip: isGzip, to: &out)
        if !manner.isHead { out.append(bytes: content) }
    }

    func appendHead(of large: LargeAnswer, contentBytes: Int, isGzip: Bool, to out: inout [UInt8]) {
        switch large {
        case .page(let revision, let age):
            begin(
                """
                HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/json\r\n\
                Vary: Accept, Accept-Encoding\r\n
                """, to: &out)
            field("Rast-Revision: ", revision.rawValue, to: &out)
            appendFields(of: age, to: &out)
        case .leases(let revision):
            begin(
                """
                HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/json\r\n\
                Vary: Accept-Encoding\r\n
                """, to: &out)
            field("Rast-Revision: ", revision.rawValue, to: &out)
        case .openapi:
            begin(
                """
                HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/yaml\r\n\
                Vary: Accept-Encoding\r\n
                """, to: &out)
        case .dashboard(let policy):
            begin(
                """
                HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: text/html; charset=utf-8\r\n\
                Vary: Accept-Encoding\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n
                """, to: &out)
            out.append(literal: "Content-Security-Policy: ")
            out.append(bytes: policy.span)
            out.append(literal: "\r\n")
        case .metrics:
            begin(
                """
                HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n\
                Content-Type: text/plain; version=0.0.4; charset=utf-8\r\nVary: Accept-Encoding\r\n
                """, to: &out)
        }
        if isGzip { out.append(literal: "Content-Encoding: gzip\r\n") }
        end(contentBytes: contentBytes, to: &out)
    }
}
