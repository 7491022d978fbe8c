// A client that sends exactly the bytes it is told, for what no proper client would do.
import Glibc
import HTTP
import Network
import Testing

struct Response {
    let status: Int
    /// The status line and the fields, as they came.
    let head: String
    let content: [UInt8]

    var text: String { String(decoding: content, as: UTF8.self) }
    func has(_ field: String) -> Bool { head.lowercased().contains("\r\n\(field.lowercased())") }
}

/// A blocking connection; nothing on it takes longer than thirty seconds.
final class Caller {
    private let socket: Int32
    private var bytes: [UInt8] = []
    /// The stream that is open, and what of it was decoded and not read.
    private var decoder: ContentDecoder?
    private var streamed: [UInt8] = []

    init(_ port: UInt16, receiveBufferBytes: Int32? = nil) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var time = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        // Contents go out at once, and do not wait until the head is acknowledged.
        var yes: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        if var size = receiveBufferBytes {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result != 0 { throw Trouble(description: "connect: errno \(errno)") }
    }

    deinit { close(socket) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        if try sendSome(bytes) < bytes.count { throw Trouble(description: "the connection takes no more") }
    }

    /// Sends until the other end takes no more; answers how much it took.
    func sendSome(_ bytes: [UInt8]) throws -> Int {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    socket, $0.baseAddress.map { $0 + done }, $0.count - done, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return done }
            done += count
        }
        return done
    }

    func endSending() { shutdown(socket, Int32(SHUT_WR)) }

    /// One request with content, and its response.
    func ask(
        _ method: String, _ target: String, _ content: [UInt8]? = nil, _ fields: String = ""
    ) throws -> Response {
        let length = content.map { "Content-Length: \($0.count)\r\n" } ?? ""
        try send("\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n\(fields)\(length)\r\n")
        if let content { try send(content) }
        return try response(isHead: method == "HEAD")
    }

    /// The next response, an interim one too.
    func response(isHead: Bool = false) throws -> Response {
        let end = Array("\r\n\r\n".utf8)
        while bytes.firstRange(of: end) == nil { try receive() }
        guard let mark = bytes.firstRange(of: end) else { throw Trouble(description: "no head") }
        let head = String(decoding: bytes[..<mark.upperBound], as: UTF8.self)
        let status = Int(head.split(separator: " ")[1]) ?? 0
        var length = 0
        for line in head.split(separator: "\r\n") where line.hasPrefix("Content-Length: ") {
            length = Int(line.dropFirst(16)) ?? 0
        }
        if isHead || status < 200 || status == 204 || status == 304 { length = 0 }
        let total = mark.upperBound + length
        while bytes.count < total { try receive() }
        let content = Array(bytes[mark.upperBound..<total])
        bytes.removeFirst(total)
        return Response(status: status, head: head, content: content)
    }

    /// The next response, whose content comes in chunks; `pause` is called before each further read.
    func streamed(pause: () -> Void = {}) throws -> Response {
        let head = try response()
        guard head.has("Transfer-Encoding: chunked") else { throw Trouble(description: "no stream: \(head)") }
        var decoder = ContentDecoder(.chunked, contentBytesMax: .max)
        var content: [UInt8] = []
        var offset = 0
        while true {
            let held = bytes
            let step = try decoder.next(held.span, at: &offset)
            switch step {
            case .content(let range): content += bytes[range]
            case .needMore:
                bytes.removeFirst(offset)
                offset = 0
                pause()
                try receive()
            case .complete:
                bytes.removeFirst(offset)
                return Response(status: head.status, head: head.head, content: content)
            }
        }
    }

    /// Asks for a stream, and reads its head, or the whole answer where it is none.
    func open(_ target: String, _ fields: String = "") throws -> Response {
        try send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n")
        let head = try response()
        guard head.has("Transfer-Encoding: chunked") else { return head }
        decoder = ContentDecoder(.chunked, contentBytesMax: .max)
        return head
    }

    /// The next line of the stream that is open; nil: it was cut, as one must be that has no end.
    func line() throws -> String? {
        while true {
            if let end = streamed.firstIndex(of: 0x0A) {
                let line = String(decoding: streamed[..<end], as: UTF8.self)
                streamed.removeFirst(end + 1)
                return line
            }
            guard try decode() else { return nil }
        }
    }

    /// Decodes what has come, and waits for more where nothing has. False: the other end has closed.
    private func decode() throws -> Bool {
        guard var decoder = self.decoder else { throw Trouble(description: "no stream is open") }
        var offset = 0
        let held = bytes
        while true {
            switch try decoder.next(held.span, at: &offset) {
            case .content(let range):
                streamed += held[range]
                continue
            case .complete: throw Trouble(description: "the stream ended as if it were whole")
            case .needMore: break
            }
            break
        }
        self.decoder = decoder
        bytes.removeFirst(offset)
        if offset > 0 { return true }
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(socket, &chunk, chunk.count, 0)
        if count < 0, errno != ECONNRESET { throw Trouble(description: "no event: errno \(errno)") }
        if count > 0 { bytes.append(contentsOf: chunk[..<count]) }
        return count > 0
    }

    /// What the other end has answered by now, if it has; the connection may be over.
    func statusSoFar() -> Int? {
        var chunk = [UInt8](repeating: 0, count: 4_096)
        let count = recv(socket, &chunk, chunk.count, Int32(MSG_DONTWAIT))
        if count > 0 { bytes.append(contentsOf: chunk[..<count]) }
        let words = String(decoding: bytes.prefix(64), as: UTF8.self).split(separator: " ")
        return words.count > 1 ? Int(words[1]) : nil
    }

    /// Whether the other end closes, having sent nothing more.
    func isClosed() -> Bool {
        var byte: UInt8 = 0
        return bytes.isEmpty && recv(socket, &byte, 1, 0) == 0
    }

    private func receive() throws {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(socket, &chunk, chunk.count, 0)
        if count == 0 { throw Trouble(description: "closed after \(bytes.count) bytes of a response") }
        if count < 0 { throw Trouble(description: "no answer: errno \(errno)") }
        bytes.append(contentsOf: chunk[..<count])
    }
}

/// Asks again and again until `isTrue` says so, for 20 s at most.
func until(_ isTrue: () throws -> Bool) throws {
    let deadline = monotonicNanoseconds() + 20_000_000_000
    while try !isTrue() {
        try #require(monotonicNanoseconds() < deadline, "what was waited for does not come")
        usleep(5_000)
    }
}
