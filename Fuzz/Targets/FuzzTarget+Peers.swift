// What peers send: decoders of requests, answers and hellos, entries, and requests that are sent on.
import API
import Consensus
import HTTP
import Wire

/// What a body was read as.
private enum Said {
    case hello(Hello)
    case message(Envelope, entries: Range<Int>, Block?)

    init(_ route: PeerRoute, isAnswer: Bool, _ body: [UInt8]) throws(WireError) {
        if route == .hello {
            self = .hello(try Hello(body.span))
        } else if isAnswer {
            self = .message(try Envelope.answer(route, body.span), entries: body.count..<body.count, nil)
        } else {
            let (envelope, entries) = try Envelope.request(route, body.span)
            var block: Block?
            if case .append(let append) = envelope.message.body {
                block = try Block(body.span, in: entries, after: append.after, runs: append.runs)
            }
            self = .message(envelope, entries: entries, block)
        }
    }
}

extension FuzzTarget {
    /// The first byte says which route, whether question or answer, and whether checksums are set right, for
    /// no chance ever would.
    func feedPeers(_ bytes: [UInt8]) throws(Contradiction) {
        guard let selector = bytes.first else { return }
        var body = Array(bytes.dropFirst())
        if selector & 0x20 != 0 { Self.seal(&body) }
        let routes = PeerRoute.allCases
        let route = routes[Int(selector & 0xF) % routes.count]
        let said: Said
        do throws(WireError) {
            said = try Said(route, isAnswer: selector & 0x10 != 0, body)
        } catch {
            try expect(error.offset >= 0 && error.offset <= body.count, "an error at \(error.offset)")
            return
        }
        var again: [UInt8] = []
        switch said {
        case .hello(let hello): hello.encode(into: &again)
        case .message(let envelope, let entries, let block):
            envelope.encode(into: &again)
            try expect(block.map { $0.bytes == Array(body[entries]) } ?? true, "other entries than were sent")
            body.removeSubrange(entries)
        }
        // The line's end may be left out.
        let isSame = again == body || again == body + [0x0A] || again + [0x0A] == body
        try expect(isSame, "read, and written as \(String(decoding: again, as: UTF8.self))")
    }

    /// Sets the checksum of each line that begins as an entry does.
    static func seal(_ bytes: inout [UInt8]) {
        let beginning = Array("{\"sum\":\"".utf8)
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
            if end - start > 20, bytes[start..<start + 8].elementsEqual(beginning) {
                let sum = checksum(bytes.span, in: start + 17..<end)
                for digit in 0..<8 {
                    let value = UInt8(truncatingIfNeeded: sum >> UInt32(28 - 4 * digit) & 0xF)
                    bytes[start + 8 + digit] = value < 10 ? 0x30 + value : 0x61 + value - 10
                }
            }
            start = end + 1
        }
    }

    /// A request that was sent on, as the leader takes it; and with another first byte, the leader's answer,
    /// as the follower passes it on.
    func feedProposals(_ bytes: [UInt8]) throws(Contradiction) {
        guard let selector = bytes.first else { return }
        let body = Array(bytes.dropFirst())
        if selector & 1 == 1 {
            var out: [UInt8] = []
            let status = Answer(Context(node: 1), Manner()).append(forwarded: body.span, to: &out)
            try expect(status != nil || out.isEmpty, "no answer, and yet something is passed on")
            return
        }
        let read: (forwarding: Forwarding, request: Int)
        do throws(WireError) {
            read = try Forwarding.read(body.span)
        } catch {
            try expect(error.offset >= 0 && error.offset <= body.count, "an error at \(error.offset)")
            return
        }
        var again: [UInt8] = []
        read.forwarding.encode(into: &again)
        try expect(again == Array(body[..<read.request]), "read, and written differently")
        try feedRequests(Array(body[read.request...]))
    }
}
