// Documents that the node carries with it: openapi.yaml and the dashboard (Interface §7).
internal import JSON

extension Answer {
    /// `200` with `openapi.yaml`.
    public func append(openapi content: Span<UInt8>, to out: inout [UInt8]) {
        begin("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/yaml\r\n", to: &out)
        end(content, to: &out)
    }

    /// `200` with the dashboard; `policy` is what the page may do, for Content-Security-Policy.
    public func append(dashboard content: Span<UInt8>, policy: Span<UInt8>, to out: inout [UInt8]) {
        begin(
            """
            HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: text/html; charset=utf-8\r\n\
            X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n
            """, to: &out)
        out.append(literal: "Content-Security-Policy: ")
        out.append(bytes: policy)
        out.append(literal: "\r\n")
        end(content, to: &out)
    }

    /// `200` with a text in Prometheus's format, version 0.0.4.
    public func append(metrics content: Span<UInt8>, to out: inout [UInt8]) {
        begin(
            """
            HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n\
            Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n
            """, to: &out)
        end(content, to: &out)
    }
}
