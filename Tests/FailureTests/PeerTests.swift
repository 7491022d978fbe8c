// What strangers send: garbage on the peer routes and on the socket changes nothing, and the node lives on.
import Foundation
import Testing

extension Failures {
    @Suite("Strangers", .serialized)
    struct Strangers {
        private static let routes = [
            "hello", "append", "vote", "pre-vote", "heartbeat", "timeout-now", "read-index",
        ]

        /// Posts to a peer route; the answer must be one of a clear refusal.
        private func post(
            _ cluster: Cluster, _ route: String, _ body: String, type: String = "application/json"
        ) throws -> Response {
            let call = Call.post(cluster.url(1, "/raft/\(route)"), body, ["Content-Type: \(type)"])
            let answer = cluster.ask(call)
            guard case .response(let response) = answer else {
                throw Unexpected("/raft/\(route) \(body.prefix(80)): \(answer)")
            }
            return response
        }

        @Test("garbage on the peer routes gets a clear 4xx and changes nothing")
        func garbage() throws {
            try withCluster(electionTimeout: "3s") { cluster in
                let leader = try cluster.newLeader()
                let id = try #require(cluster.status(1, "cluster", "id") as? String)
                let term = try #require(cluster.status(leader, "cluster", "term") as? Int)
                func head(cluster: String = id, from: Int = 2, to: Int = 1, term: String = "1") -> String {
                    "{\"cluster\":\"\(cluster)\",\"from\":\(from),\"boot\":1,\"to\":\(to),\"term\":\(term)"
                }
                let vote = ",\"last\":[1,1],\"transfer\":false}\n"
                let beat = ",\"commit\":0,\"round\":1}\n"
                let big = "9007199254740992"
                let other = String(repeating: "0", count: 32)
                let cases: [(String, String, Int)] = [
                    ("vote", head(cluster: other, term: "\(term + 9)") + vote, 409),
                    ("vote", head(to: 3, term: "\(term + 9)") + vote, 409),
                    ("vote", head(from: 9, term: "\(term + 9)") + vote, 409),
                    ("vote", head(from: 1, term: "\(term + 9)") + vote, 409),
                    ("vote", head(term: big) + vote, 400),
                    ("vote", head(term: "-1") + vote, 400),
                    ("vote", head(term: "1.5") + vote, 400),
                    ("vote", head(term: "99999999999999999999999") + vote, 400),
                    ("vote", head() + ",\"last\":[1,\(big)],\"transfer\":false}\n", 400),
                    ("heartbeat", head() + ",\"commit\":\(big),\"round\":1}\n", 400),
                    ("heartbeat", head() + beat + "more", 400),
                    ("append", head() + ",\"after\":[0,0],\"runs\":[[1,1]],\"commit\":0,\"whole\":0}\n", 400),
                    (
                        "append",
                        head() + ",\"after\":[0,0],\"runs\":[[1,\(big)]],\"commit\":0,\"whole\":0}\n", 400
                    ),
                    (
                        "append",
                        head() + ",\"after\":[0,0],\"runs\":[[2,1],[1,1]],\"commit\":0,\"whole\":0}\n", 400
                    ),
                    ("pre-vote", head() + vote, 400),
                    ("hello", "{\"node\":0}", 400),
                ]
                for (route, body, status) in cases {
                    let type = route == "append" ? "application/x-ndjson" : "application/json"
                    let answer = try post(cluster, route, body, type: type)
                    try #require(answer.status == status, "/raft/\(route) \(body): \(answer)")
                    try #require(answer.member("code") == (status == 409 ? "wrong_cluster" : "bad_request"))
                    try #require(answer.member("detail")?.isEmpty == false)
                }
                let junk = [
                    "", "x", "{}", "[]", "{\"cluster\":", "\u{0}\u{1}\u{2}", "{\"cluster\":\"\(id)\"}",
                    "null",
                ]
                for route in Self.routes {
                    for body in junk {
                        let answer = try post(cluster, route, body, type: "application/x-ndjson")
                        try #require((400..<500).contains(answer.status), "/raft/\(route) \(body): \(answer)")
                    }
                    // A web page cannot post with the type of a peer.
                    let page = try post(cluster, route, head() + beat, type: "text/plain")
                    try #require((400..<500).contains(page.status), "/raft/\(route) from a page: \(page)")
                }
                try #require(cluster.leader() == leader)
                try #require(cluster.status(leader, "cluster", "term") as? Int == term, "the term was moved")
                try #require(cluster.follow(.put(cluster.url(1, "/kv/a"), "1")).status == 201)
            }
        }

        @Test("bytes without sense, and requests cut short, neither end a node nor hold up others")
        func noise() throws {
            try withCluster(of: 1) { cluster in
                let process = try #require(cluster[1].process?.id)
                var random = SplitMix64(state: 7)
                let beginnings = [
                    "", "GET /kv/a HTTP/1.1\r\nHost: a\r\n",
                    "PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
                    "PUT /kv/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
                    "POST /raft/append HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"
                        + "Content-Length: 99\r\n\r\n{",
                    "PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                    "GET / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                ]
                for round in 0..<300 {
                    var bytes = Array(beginnings[round % beginnings.count].utf8)
                    let count = Int(random.next() % 2_000)
                    if round % 2 == 0 {
                        for _ in 0..<count { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
                    }
                    try Raw.send(bytes, to: cluster[1].port)
                    if round % 50 == 0 {
                        try #require(cluster.get(1, "/livez")?.status == 200, "after \(round) rounds")
                    }
                }
                try #require(cluster.ask(.put(cluster.url(1, "/kv/after"), "1")).status == 201)
                try #require(cluster[1].process?.id == process && Glibc.kill(process, 0) == 0)
            }
        }

        @Test("a value over the limit is refused before it is read whole; keys that are none are named")
        func limits() throws {
            try withCluster(of: 1) { cluster in
                let head = "PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n"
                let answer = try Raw.exchange(Array(head.utf8), with: cluster[1].port)
                try #require(answer.hasPrefix("HTTP/1.1 413 "), "\(answer)")
                let largest = String(repeating: "v", count: 1 << 20)
                try #require(cluster.ask(.put(cluster.url(1, "/kv/large"), largest)).status == 201)
                try #require(cluster.ask(.put(cluster.url(1, "/kv/large"), largest + "v")).status == 413)
                let long = String(repeating: "k", count: 1_024)
                try #require(cluster.ask(.put(cluster.url(1, "/kv/" + long), "1")).status == 201)
                let cases: [(String, String, Int)] = [
                    ("PUT", "/kv/" + long + "k", 400), ("PUT", "/kv/", 400), ("PUT", "/kv/%ff", 400),
                    ("PUT", "/kv/%zz", 400), ("GET", "/kv/a?what=1", 400), ("GET", "/nowhere", 404),
                    ("POST", "/kv/a", 405), ("BREW", "/kv/a", 501), ("GET", "/kv", 200),
                    ("PUT", "/livez", 405), ("GET", "/watch?since=x", 400),
                ]
                for (method, path, status) in cases {
                    let call = Call(
                        method: method, url: cluster.url(1, path), body: method == "GET" ? nil : [0x31])
                    let answer = cluster.ask(call)
                    try #require(answer.status == status, "\(method) \(path.prefix(40)): \(answer)")
                }
                try #require(cluster.ask(.put(cluster.url(1, "/kv/a"), "1", ["If-Match: 5"])).status == 400)
            }
        }
    }
}

/// A bare socket.
enum Raw {
    private static func connect(_ port: UInt16) throws -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var time = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if code != 0 {
            close(socket)
            throw Unexpected("cannot connect to port \(port)")
        }
        return socket
    }

    /// Sends what the other side takes, and closes without reading.
    static func send(_ bytes: [UInt8], to port: UInt16) throws {
        let socket = try connect(port)
        _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        close(socket)
    }

    /// Sends, and reads until the other side closes or is silent for 5 s.
    static func exchange(_ bytes: [UInt8], with port: UInt16) throws -> String {
        let socket = try connect(port)
        defer { close(socket) }
        _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            if count <= 0 { return String(decoding: all, as: UTF8.self) }
            all += buffer[..<count]
        }
    }
}
