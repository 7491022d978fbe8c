// A server of the tests' own: one thread, a loopback port of the system's choice, answers by script.
import Glibc
import Synchronization

/// Plays the part of a node: each connection gets the next answer of the script, the last one again and
/// again.
final class StandIn: Sendable {
    enum Answer: Sendable {
        /// Sent as soon as the request is whole, in pieces of so many bytes.
        case bytes(String, piece: Int = .max)
        /// Sent after the head alone, whatever content was to come.
        case early(String)
        /// `100 Continue` after the head, and this after the content.
        case continued(String)
        /// The request is read whole, and the connection closed.
        case hangUp
        /// The request is read, and nothing said until the client goes.
        case silence
        /// Each of these is sent so many milliseconds after the one before; then nothing until the client
        /// goes.
        case paced([String], milliseconds: Int)
    }

    let port: UInt16
    private let listener: Int32
    private let script: Mutex<[Answer]>
    private let taken = Mutex<[String]>([])

    var url: String { "http://127.0.0.1:\(port)" }
    /// The requests so far, whole.
    var requests: [String] { taken.withLock { $0 } }

    /// An answer with that content, a Content-Length, and those field lines.
    static func answer(_ status: String, _ content: String = "", _ fields: String...) -> Answer {
        let lines = fields.map { $0 + "\r\n" }.joined()
        return .bytes("HTTP/1.1 \(status)\r\nContent-Length: \(content.utf8.count)\r\n\(lines)\r\n\(content)")
    }

    /// An answer as rast refuses: a problem with that code.
    static func problem(_ status: String, _ code: String, _ more: String = "", _ fields: String...) -> Answer
    {
        let content = "{\"detail\":\"This is \(code).\",\"code\":\"\(code)\"\(more)}"
        let lines = fields.map { $0 + "\r\n" }.joined()
        return .bytes("HTTP/1.1 \(status)\r\nContent-Length: \(content.utf8.count)\r\n\(lines)\r\n\(content)")
    }

    init(_ script: [Answer] = []) throws {
        self.script = Mutex(script)
        (listener, port) = try Self.listen()
        let me = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<StandIn>.fromOpaque(argument).takeRetainedValue().serve()
                return nil
            }, me.toOpaque())
        guard code == 0 else { throw StandInError(call: "pthread_create", code: code) }
        pthread_detach(thread)
    }

    /// Another script, for answers in which ports stand that are known late.
    func play(_ script: [Answer]) { self.script.withLock { $0 = script } }

    /// Ends the thread. What connects from now on is refused.
    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    /// A port at which nobody listens, for as long as the answer is held.
    static func refusingPort() throws -> (hold: Int32, port: UInt16) {
        // Bound and not listening: the system gives it to nobody else.
        try bound()
    }

    private static func listen() throws -> (Int32, UInt16) {
        let (descriptor, port) = try bound()
        guard Glibc.listen(descriptor, 16) == 0 else { throw StandInError(call: "listen", code: errno) }
        return (descriptor, port)
    }

    private static func bound() throws -> (Int32, UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw StandInError(call: "bind", code: errno) }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private func serve() {
        var place = 0
        while true {
            let connection = accept(listener, nil, nil)
            if connection < 0 { break }
            let script = script.withLock { $0 }
            if !script.isEmpty { play(script[min(place, script.count - 1)], on: connection) }
            place += 1
            close(connection)
        }
        close(listener)
    }

    private func play(_ answer: Answer, on connection: Int32) {
        var request: [UInt8] = []
        guard let head = receiveHead(from: connection, into: &request) else { return }
        let text = String(decoding: request[..<head], as: UTF8.self).lowercased()
        var length = 0
        if let field = text.range(of: "\r\ncontent-length: ") {
            length = Int(text[field.upperBound...].prefix { $0.isNumber }) ?? 0
        }
        if case .early(let bytes) = answer {
            taken.withLock { $0.append(String(decoding: request, as: UTF8.self)) }
            send(bytes, piece: .max, to: connection)
            // Its end of the connection is closed once the client has read.
            drain(connection)
            return
        }
        if case .continued = answer { send("HTTP/1.1 100 Continue\r\n\r\n", piece: .max, to: connection) }
        while request.count < head + length {
            guard receive(from: connection, into: &request) else { return }
        }
        taken.withLock { $0.append(String(decoding: request, as: UTF8.self)) }
        switch answer {
        case .bytes(let bytes, let piece): send(bytes, piece: piece, to: connection)
        case .continued(let bytes): send(bytes, piece: .max, to: connection)
        case .hangUp, .early: break
        case .silence: drain(connection)
        case .paced(let pieces, let milliseconds):
            for piece in pieces {
                poll(nil, 0, Int32(milliseconds))
                send(piece, piece: .max, to: connection)
            }
            drain(connection)
        }
    }

    /// Where the head ends; nil if the client went before.
    private func receiveHead(from connection: Int32, into request: inout [UInt8]) -> Int? {
        while true {
            for end in request.indices.dropFirst(3)
            where request[(end - 3)...end].elementsEqual("\r\n\r\n".utf8) {
                return end + 1
            }
            guard receive(from: connection, into: &request) else { return nil }
        }
    }

    private func receive(from connection: Int32, into request: inout [UInt8]) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(connection, &buffer, buffer.count, 0)
        if count > 0 { request += buffer[..<count] }
        return count > 0
    }

    private func drain(_ connection: Int32) {
        var rest: [UInt8] = []
        while receive(from: connection, into: &rest) { rest.removeAll() }
    }

    private func send(_ text: String, piece: Int, to connection: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let next = Array(bytes.prefix(piece))
            let count = Glibc.send(connection, next, next.count, Int32(MSG_NOSIGNAL))
            if count <= 0 { return }
            bytes = bytes.dropFirst(count)
        }
    }
}

struct StandInError: Error {
    let call: String
    let code: Int32
}

extension String {
    /// Where `words` stand first.
    fileprivate func range(of words: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(words) { return start..<index(start, offsetBy: words.count) }
            start = index(after: start)
        }
        return nil
    }
}
