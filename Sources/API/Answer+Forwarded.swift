// Answers on their way through another node: the leader leaves out what the node that was asked says of
// itself (Interface §5).
internal import JSON

extension Context {
    /// Of an answer that another node passes on: neither date nor node.
    public static let bare = Context()
}

extension Answer {
    /// Appends another node's whole answer, written with the context ``Context/bare``, with this one's date,
    /// node and manner. Nil: it is none; otherwise its status.
    public func append(forwarded answer: Span<UInt8>, to out: inout [UInt8]) -> Int? {
        // HTTP/1.1 200 OK
        guard answer.count > 15, answer.begins(with: "HTTP/1.1 ") else { return nil }
        var end = 9
        while end < answer.count, answer[end] != 0x0A { end += 1 }
        guard end < answer.count else { return nil }
        var status = 0
        for index in 9..<12 {
            guard answer[index] &- 0x30 < 10 else { return nil }
            status = status * 10 + Int(answer[index] - 0x30)
        }
        guard status >= 200 else { return nil }
        out.append(bytes: answer.extracting(0...end))
        begin("", to: &out)
        out.append(bytes: answer.extracting(end + 1..<answer.count))
        return status
    }
}
