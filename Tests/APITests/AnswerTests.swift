// Answers, taken apart again: what stands on all of them, and each one's own (Interface §2, §5, §7).
import API
import Foundation
import HTTP
import KeyValue
import Testing

@Test("every answer has date, node and caching, and a HEAD has the same head without content")
func everyAnswer() throws {
    let asked = try Asked("GET /kv/a")
    let some = record()
    let answers: [(Answer, inout [UInt8]) throws -> Void] = [
        { $0.appendLive(to: &$1) },
        { $0.append(Readiness([.init("leader", isOK: true)]), isVerbose: true, to: &$1) },
        { $0.append(Readiness([.init("leader", isOK: false)]), isVerbose: true, to: &$1) },
        { $0.append(Status(node: .init(id: 1, url: "u"), version: "0", role: "leader"), to: &$1) },
        { $0.append(.overloaded, to: &$1) },
        {
            $0.append(NoLeader(reason: .election, reachable: [], missing: [2], lastLeader: nil), to: &$1)
        },
        { $0.appendTimeout(.unknown, to: &$1) },
        {
            $0.appendRedirect(
                leader: 2, url: Array("http://b".utf8).span, head: asked.head, in: asked.bytes.span, to: &$1
            )
        },
        { $0.appendRead(some, for: asked.request, storeRevision: Revision(9), to: &$1) },
        { $0.appendRead(nil, for: asked.request, storeRevision: Revision(9), to: &$1) },
        { $0.appendConditionFailed(current: nil, storeRevision: Revision(9), to: &$1) },
        { $0.appendPeerAnswer(Array("{}".utf8).span, to: &$1) },
    ]
    for answer in answers {
        let whole = try response(Manner(), answer)
        #expect(whole["Date"] == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(whole["Rast-Node"] == "1")
        #expect(
            whole["Cache-Control"]
                == (whole.status == 200 && whole["ETag"] != nil ? "no-cache" : "no-store"))
        #expect(whole["Connection"] == nil)
        #expect(whole["Server"] == nil)
        #expect(!whole.content.isEmpty)
        let head = try response(Manner(isHead: true), answer)
        #expect(head.head == whole.head)
        #expect(try response(Manner(keepAlive: false), answer)["Connection"] == "close")
        #expect(try response(Manner().closing, answer)["Connection"] == "close")
        #expect(try response(Manner(isVersion10: true), answer)["Connection"] == "keep-alive")
        if whole.status >= 300 {
            #expect(whole["Content-Type"] == "application/problem+json")
            let problem = try whole.object
            #expect(problem["type"] as? String == "about:blank")
            #expect(problem["status"] as? Int == whole.status)
            #expect((problem["title"] as? String)?.isEmpty == false)
            #expect((problem["detail"] as? String)?.isEmpty == false)
            #expect((problem["code"] as? String).flatMap(Code.init(rawValue:)) != nil)
        }
        #expect((whole["Retry-After"] != nil) == (whole.status == 429 || whole.status == 503))
    }
}

@Test(
    "a PUT's answer, for keys that need escapes and numbers of all lengths",
    arguments: ["a", "a\"b\\c\n\u{1}\u{8}é😀", String(repeating: "k", count: 1024)],
    [1, 9, 10, 99, 100, 9_007_199_254_740_991] as [UInt64])
func written(key: String, number: UInt64) throws {
    for isNew in [true, false] {
        let reply = Reply.written(
            created: isNew, revision: Revision(number), createdRevision: Revision(number / 2),
            version: number)
        let put = try response {
            $0.appendReply(reply, key: Array(key.utf8).span, storeRevision: Revision(number), to: &$1)
        }
        #expect(put.status == (isNew ? 201 : 200))
        #expect(put["ETag"] == "\"\(number)\"")
        #expect(put["Rast-Revision"] == "\(number)")
        #expect(put["Content-Type"] == "application/json")
        let expected: NSDictionary = [
            "key": key, "revision": number, "createdRevision": number / 2, "version": number,
        ]
        #expect(try put.object == expected)
    }
}

@Test("a DELETE's answer", arguments: ["a", "a\"\t\u{2}"], [0, 1] as [Int])
func deleted(key: String, count: Int) throws {
    let delete = try response {
        $0.appendReply(
            .deleted(count: count, revision: Revision(800)), key: Array(key.utf8).span,
            storeRevision: Revision(800),
            to: &$1)
    }
    #expect(delete.status == 200)
    #expect(delete["Rast-Revision"] == "800")
    #expect(try delete.object == ["key": key, "deleted": count, "revision": 800] as NSDictionary)
}

@Test("a condition that failed shows the current tag, if there is one")
func conditionFailed() throws {
    let present = try response {
        $0.appendReply(
            .conditionFailed(current: Revision(6)), key: [0x61].span, storeRevision: Revision(9), to: &$1)
    }
    #expect(present.status == 412)
    #expect(present["ETag"] == "\"6\"")
    #expect(present["Rast-Revision"] == "9")
    #expect(try present.object["code"] as? String == "condition_failed")
    let absent = try response {
        $0.appendReply(
            .conditionFailed(current: nil), key: [0x61].span, storeRevision: Revision(9), to: &$1)
    }
    #expect(absent.status == 412)
    #expect(absent["ETag"] == nil)
}

@Test("a GET gives the exact bytes with their type and numbers")
func readValue() throws {
    let value = (0...255).map(UInt8.init)
    let some = record("k", value, type: "image/png", revision: 7, created: 5, version: 2)
    let asked = try Asked("GET /kv/k")
    let get = try response {
        $0.appendRead(some, for: asked.request, storeRevision: Revision(9), to: &$1)
    }
    #expect(get.status == 200)
    #expect(get.content == value)
    #expect(get["Content-Type"] == "image/png")
    #expect(get["ETag"] == "\"7\"")
    #expect(get["Rast-Revision"] == "9")
    #expect(get["Rast-Created-Revision"] == "5")
    #expect(get["Rast-Version"] == "2")
    #expect(get["Rast-Lease"] == nil)
    #expect(get["Rast-Applied-Index"] == nil)
    #expect(get["Accept-Ranges"] == "none")
    #expect(get["X-Content-Type-Options"] == "nosniff")
    #expect(get["Content-Security-Policy"] == "sandbox")
    let plain = try response {
        $0.appendRead(record("k", []), for: asked.request, storeRevision: Revision(9), to: &$1)
    }
    #expect(plain["Content-Type"] == "application/octet-stream")
    #expect(plain["Content-Length"] == "0")
}

@Test(
    "conditions of a GET, with the key at revision 7 and absent",
    arguments: [
        ("", 200), ("If-None-Match: \"7\"|", 304), ("If-None-Match: W/\"7\"|", 304),
        ("If-None-Match: *|", 304),
        ("If-None-Match: \"6\"|", 200), ("If-Match: \"7\"|", 200), ("If-Match: W/\"7\"|", 412),
        ("If-Match: \"6\"|", 412),
        ("If-Match: *|", 200), ("If-Match: \"7\"|If-None-Match: \"7\"|", 304),
        ("If-Match: \"6\"|If-None-Match: \"7\"|", 412),
        ("If-Match: \"1\", \"7\"|", 200),
    ])
func readConditions(fields: String, status: Int) throws {
    let asked = try Asked("GET /kv/a", fields)
    let get = try response {
        $0.appendRead(record(), for: asked.request, storeRevision: Revision(9), to: &$1)
    }
    #expect(get.status == status)
    #expect(get["ETag"] == "\"7\"")
    #expect(get["Rast-Revision"] == "9")
    if status == 304 {
        #expect(get["Cache-Control"] == "no-cache")
        #expect(get["Rast-Created-Revision"] == "5")
        #expect(get["Rast-Version"] == "2")
        #expect(get.content.isEmpty)
        #expect(get["Content-Length"] == nil)
    }
    // Without a 200 there is nothing to be conditional about (RFC 9110 §13.2.1).
    let absent = try response {
        $0.appendRead(nil, for: asked.request, storeRevision: Revision(9), to: &$1)
    }
    #expect(absent.status == 404)
    #expect(absent["Rast-Revision"] == "9")
    #expect(try absent.object["code"] as? String == "key_not_found")
}

@Test("the JSON form: text as text, other bytes as base64, a weak tag")
func readJSON() throws {
    let asked = try Asked("GET /kv/a?format=json")
    let text = try response {
        $0.appendRead(
            record("a\"b", Array("x\n\"é".utf8), type: "text/plain", lease: 12), for: asked.request,
            storeRevision: Revision(9), to: &$1)
    }
    #expect(text["Content-Type"] == "application/json")
    #expect(text["ETag"] == "W/\"7\"")
    #expect(text["Rast-Lease"] == "12")
    let expected: NSDictionary = [
        "key": "a\"b", "value": "x\n\"é", "encoding": "utf-8", "contentType": "text/plain",
        "revision": 7,
        "createdRevision": 5, "version": 2, "lease": "12",
    ]
    #expect(try text.object == expected)
    let bytes = try response {
        $0.appendRead(
            record("a", [0xFF, 0x00]), for: asked.request, storeRevision: Revision(9), to: &$1)
    }
    let other: NSDictionary = [
        "key": "a", "value": "/wA=", "encoding": "base64", "contentType": "application/octet-stream",
        "revision": 7,
        "createdRevision": 5, "version": 2,
    ]
    #expect(try bytes.object == other)
    let matching = try Asked("GET /kv/a?format=json", "If-None-Match: W/\"7\"|")
    let unchanged = try response {
        $0.appendRead(record(), for: matching.request, storeRevision: Revision(9), to: &$1)
    }
    #expect(unchanged.status == 304)
    #expect(unchanged["ETag"] == "W/\"7\"")
}

@Test(
    "a redirect keeps path and query byte for byte",
    arguments: [
        ("PUT /kv/a%2Fb?timeout=1s&redirect=yes", "/kv/a%2Fb?timeout=1s&redirect=yes"),
        ("GET /kv/%41?", "/kv/%41?"), ("GET http://other/kv/a?timeout=2", "/kv/a?timeout=2"),
    ])
func redirect(line: String, target: String) throws {
    let asked = try Asked(line, "Content-Length: 0|")
    let moved = try response {
        $0.appendRedirect(
            leader: 2, url: Array("http://b:8002".utf8).span, head: asked.head, in: asked.bytes.span,
            to: &$1)
    }
    #expect(moved.status == 307)
    #expect(moved["Location"] == "http://b:8002" + target)
    #expect(moved["Rast-Leader"] == "2; url=\"http://b:8002\"")
    #expect(try moved.object["code"] as? String == "not_leader")
}

@Test("without a leader the answer says why, and whom it hears")
func noLeader() throws {
    for reason in Leaderless.allCases {
        let answer = try response {
            $0.append(NoLeader(reason: reason, reachable: [2, 4], missing: [3], lastLeader: 1), to: &$1)
        }
        #expect(answer.status == 503)
        let problem = try answer.object
        #expect(problem["code"] as? String == "no_leader")
        #expect(problem["reason"] as? String == reason.rawValue)
        #expect(problem["reachable"] as? [Int] == [2, 4])
        #expect(problem["missing"] as? [Int] == [3])
        #expect(problem["lastLeader"] as? Int == 1)
    }
    let fresh = try response {
        $0.append(NoLeader(reason: .starting, reachable: [], missing: [], lastLeader: nil), to: &$1)
    }
    #expect(try fresh.object["lastLeader"] == nil)
    #expect(try fresh.object["missing"] as? [Int] == [])
}

@Test("time that ran out: a write has an outcome, a read has none")
func timeout() throws {
    for outcome in [WriteOutcome.unknown, .notApplied] {
        let answer = try response { $0.appendTimeout(outcome, to: &$1) }
        #expect(answer.status == 504)
        #expect(try answer.object["code"] as? String == "timeout")
        #expect(try answer.object["outcome"] as? String == outcome.rawValue)
    }
    #expect(try response { $0.appendTimeout(nil, to: &$1) }.object["outcome"] == nil)
}

@Test("refusals carry what their status asks for")
func refusals() throws {
    let method = try response {
        $0.append(Refusal(405, .methodNotAllowed, "no", allowing: .list), to: &$1)
    }
    #expect(method["Allow"] == "GET, HEAD, DELETE, OPTIONS")
    let encoding = try #require(try refusal("PUT /kv/a", "Content-Length: 0|Content-Encoding: gzip|"))
    #expect(try response { $0.append(encoding, to: &$1) }["Accept-Encoding"] == "identity")
    let stored = try response { $0.append(.diskFull, storeRevision: Revision(4), to: &$1) }
    #expect(stored.status == 507)
    #expect(stored["Rast-Revision"] == "4")
    let quoted = try response { $0.append(.badRequest("a \"quoted\" \u{1}"), to: &$1) }
    #expect(try quoted.object["detail"] as? String == "a \"quoted\" \u{1}")
}

@Test(
    "a message that cannot be read is refused with its place",
    arguments: [
        (Flaw.secondHost, 400, Code.badRequest), (.requestLineTooLong, 414, .headTooLarge),
        (.tooManyFields, 431, .headTooLarge), (.unknownVersion, 505, .badVersion),
        (.contentTooLarge, 413, .tooLarge),
    ])
func messageErrors(flaw: Flaw, status: Int, code: Code) throws {
    let error = MessageError(flaw, at: 77)
    let answer = try response { $0.append(Refusal(error), to: &$1) }
    #expect(answer.status == status)
    #expect(try answer.object["code"] as? String == code.rawValue)
    #expect("\(error.code)" == code.rawValue)
    #expect((try answer.object["detail"] as? String)?.contains("77") == true)
}

@Test("probes: ok, a line a check, and what is missing")
func probes() throws {
    let live = try response { $0.appendLive(to: &$1) }
    #expect(live.status == 200)
    #expect(live.content == Array("ok\n".utf8))
    #expect(live["Content-Type"] == "text/plain; charset=utf-8")
    let good = Readiness([.init("leader", isOK: true), .init("applied", isOK: true)])
    #expect(try response { $0.append(good, isVerbose: false, to: &$1) }.content == Array("ok\n".utf8))
    let verbose = try response { $0.append(good, isVerbose: true, to: &$1) }
    #expect(verbose.content == Array("[+]leader ok\n[+]applied ok\nok\n".utf8))
    let bad = Readiness([
        .init("leader", isOK: false, detail: "no leader is known"), .init("applied", isOK: true),
    ])
    for isVerbose in [true, false] {
        let answer = try response { $0.append(bad, isVerbose: isVerbose, to: &$1) }
        #expect(answer.status == 503)
        #expect(try answer.object["code"] as? String == "not_ready")
        #expect(try answer.object["detail"] as? String == "no leader is known")
        let checks = try #require(try answer.object["checks"] as? [NSDictionary])
        #expect(
            checks == [
                ["name": "leader", "ok": false, "detail": "no leader is known"],
                ["name": "applied", "ok": true],
            ])
    }
}

@Test("the status, whole on a leader and bare at a start")
func status() throws {
    var status = Status(node: .init(id: 1, url: "http://a:1"), version: "0.1.0", role: "leader")
    status.uptimeSeconds = 12
    status.clusterID = "00ff"
    status.leader = .init(id: 1, url: "http://a:1")
    status.term = 3
    (status.commitIndex, status.appliedIndex, status.firstIndex, status.lastIndex) = (10, 9, 1, 11)
    status.lastLeaderContactMilliseconds = 0
    (status.revision, status.keys, status.bytes) = (8, 4, 100)
    (status.logBytes, status.freeBytes, status.reserveBytes) = (4096, 1 << 40, 64 << 20)
    var own = Status.Member(id: 1, url: "http://a:1", peerURL: "http://a:2", isSelf: true)
    own.isHealthy = true
    own.matchIndex = 11
    own.lag = 0
    var other = Status.Member(id: 2, url: "http://b:1", peerURL: "http://b:1", isVoter: false)
    other.isHealthy = false
    other.roundTripMicroseconds = 1_035
    status.members = [own, other]
    let answer = try response { $0.append(status, to: &$1) }
    #expect(answer.status == 200)
    #expect(answer["Content-Type"] == "application/json")
    let place: NSDictionary = ["id": 1, "url": "http://a:1"]
    let expected: NSDictionary = [
        "node": [
            "id": 1, "url": "http://a:1", "version": "0.1.0", "uptimeSeconds": 12, "role": "leader",
            "condition": "whole",
        ] as NSDictionary,
        "cluster": ["id": "00ff", "leader": place, "term": 3] as NSDictionary,
        "raft": [
            "commitIndex": 10, "appliedIndex": 9, "firstIndex": 1, "lastIndex": 11, "snapshotIndex": 0,
            "lastLeaderContactMs": 0,
        ] as NSDictionary,
        "store": ["revision": 8, "keys": 4, "bytes": 100, "leases": 0, "watchers": 0] as NSDictionary,
        "disk": ["logBytes": 4096, "snapshotBytes": 0, "freeBytes": 1 << 40, "reserveBytes": 64 << 20]
            as NSDictionary,
        "members": [
            [
                "id": 1, "url": "http://a:1", "peerUrl": "http://a:2", "role": "voter", "self": true,
                "healthy": true,
                "matchIndex": 11, "lag": 0,
            ] as NSDictionary,
            [
                "id": 2, "url": "http://b:1", "peerUrl": "http://b:1", "role": "learner", "self": false,
                "healthy": false, "rttMs": 1.035,
            ] as NSDictionary,
        ] as NSArray,
    ]
    #expect(try answer.object == expected)

    let bare = try response {
        $0.append(Status(node: .init(id: 1, url: "u"), version: "0", role: "follower"), to: &$1)
    }.object
    #expect(bare["cluster"] as? NSDictionary == ["term": 0])
    #expect((bare["raft"] as? NSDictionary)?["lastLeaderContactMs"] == nil)
}
