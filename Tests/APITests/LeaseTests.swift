// Leases, lives of keys and idempotency keys as HTTP has them (Interface §2, §4, §6).
import API
import Foundation
import HTTP
import KeyValue
import Testing

private func once(_ line: String, _ fields: String, _ content: String = "x") throws -> Once? {
    let asked = try Asked(line, fields)
    return asked.request.once(asked.head, in: asked.bytes.span, content: Array(content.utf8).span)
}

private func answer(
    _ reply: Reply, _ route: Route = .key, key: String = "a", isKeyed: Bool = false, now: UInt64 = 0
) throws -> Response {
    var out: [UInt8] = []
    let revision = Revision(9)
    Answer(context, Manner(), now: ClusterTime(milliseconds: now)).appendReply(
        reply, key: Array(key.utf8).span, route: route, storeRevision: revision, isKeyed: isKeyed, to: &out)
    return try Response(out)
}

@Suite("Leases over HTTP")
struct LeaseTests {
    @Test("a PUT says how long its key is to live")
    func lifetimes() throws {
        for (query, lifetime): (String, Lifetime) in [
            ("", .unbounded), ("?ttl=30s", .ttl(milliseconds: 30_000)), ("?ttl=1", .ttl(milliseconds: 1_000)),
            ("?ttl=1.5s", .ttl(milliseconds: 1_500)), ("?ttl=87600h", .ttl(milliseconds: 315_360_000_000)),
            ("?lease=7&timeout=1s", .lease(7)), ("?lease=9223372036854775807", .lease(Lease.idMax)),
        ] {
            #expect(try Asked("PUT /kv/a\(query)", "Content-Length: 1|").request.lifetime == lifetime)
        }
    }

    @Test("the id of a lease is in its path; what is none is no lease")
    func ids() throws {
        for (path, id): (String, UInt64) in [
            ("7", 7), ("7?timeout=1s", 7), ("9223372036854775807", Lease.idMax), ("0", 0), ("07", 0),
            ("a", 0),
            ("9223372036854775808", 0), ("%37", 0),
        ] {
            #expect(try Asked("GET /leases/\(path)").request.lease == id)
            #expect(try Asked("DELETE /leases/\(path)").request.action == .revoke)
        }
        #expect(try Asked("POST /leases/12/keepalive").request.lease == 12)
        #expect(try Asked("POST /leases/12/keepalive").request.action == .keepAlive)
    }

    @Test("the content of POST /leases")
    func wishes() throws {
        for (text, id, ttl): (String, UInt64?, UInt64) in [
            (#"{"ttl":"30s"}"#, nil, 30_000), (#"{"ttl":1.5}"#, nil, 1_500),
            (#"{"ttl":"24h"}"#, nil, 86_400_000),
            (#" { "id" : "7" , "ttl" : 1 } "#, 7, 1_000),
        ] {
            let wish = try LeaseWish(reading: Array(text.utf8).span)
            #expect(wish.id == id && wish.ttlMilliseconds == ttl, "\(text)")
        }
        for (text, place) in [
            ("", "byte 0"), ("[]", "byte 0"), ("{}", "ttl is missing"), (#"{"ttl":"1s"}{}"#, "byte 12"),
            (#"{"ttl":"1s","ttl":"1s"}"#, "/ttl"), (#"{"ttl":0.5}"#, "/ttl"), (#"{"ttl":"25h"}"#, "/ttl"),
            (#"{"ttl":null}"#, "/ttl"), (#"{"ttl":"1s","id":7}"#, "/id"), (#"{"ttl":"1s","id":"0"}"#, "/id"),
            (#"{"ttl":"1s","keys":[]}"#, "/keys"), (#"{"ttl":"\u0031s"}"#, "/ttl"),
        ] {
            do {
                _ = try LeaseWish(reading: Array(text.utf8).span)
                Issue.record("\(text) is a lease")
            } catch {
                #expect(error.status == 400 && error.code == .badJSON, "\(text)")
                #expect(error.detail.contains(place), "\(text): \(error.detail)")
            }
        }
        #expect(try refusal("POST /leases")?.status == 411)
        #expect(try refusal("POST /leases", "Content-Length: 2|If-Match: *|")?.status == 400)
        for line in [
            "DELETE /leases/7", "POST /leases/7/keepalive", "GET /leases/7", "GET /leases", "GET /kv",
            "HEAD /kv",
            "GET /kv?prefix=a", "GET /watch", "GET /backup", "GET /cluster/members",
        ] {
            #expect(try refusal(line) == nil, "\(line)")
            for field in ["If-Match: \"5\"|", "If-Match: *|", "If-None-Match: *|", "If-None-Match: W/\"5\"|"]
            {
                #expect(try refusal(line, field)?.code == .badRequest, "\(line) \(field)")
            }
        }
    }

    @Test("what is answered about leases")
    func answers() throws {
        let granted = try answer(.granted(lease: 7, ttlMilliseconds: 30_000), .leases, key: "")
        #expect(
            granted.status == 201 && granted["Location"] == "/leases/7" && granted["Rast-Revision"] == "9")
        #expect(try granted.object == ["id": "7", "ttl": 30, "remaining": 30, "keys": [] as [String]])
        let odd = try answer(.granted(lease: 7, ttlMilliseconds: 1_050), .leases, key: "")
        #expect(String(decoding: odd.content, as: UTF8.self).contains(#""ttl":1.05,"remaining":2,"#))
        let revoked = try answer(.revoked(lease: 7, deleted: 3, revision: Revision(9)), .lease, key: "")
        #expect(revoked.status == 200)
        #expect(try revoked.object == ["id": "7", "deleted": 3, "revision": 9])
        for (reply, route, status, code): (Reply, Route, Int, String) in [
            (.leaseNotFound(at: nil), .lease, 404, "lease_not_found"),
            (.leaseNotFound(at: nil), .key, 409, "lease_not_found"),
            (.leaseNotFound(at: nil), .transaction, 409, "lease_not_found"),
            (.leaseExists, .leases, 409, "lease_exists"), (.leaseFull(at: nil), .key, 422, "too_many_keys"),
            (.tooManyKeys(count: 10_001, at: nil), .list, 422, "too_many_keys"),
            (.keyReused, .key, 422, "idempotency_key_reused"), (.keysFull, .key, 429, "idempotency_full"),
        ] {
            let problem = try answer(reply, route)
            #expect(problem.status == status)
            #expect(try problem.object["code"] as? String == code)
            #expect((problem["Retry-After"] != nil) == (status == 429))
        }
        var store = Store()
        for id: UInt64 in 1...5 {
            var command: [UInt8] = []
            Command.appendGrant(id, ttlMilliseconds: 2_000, at: .zero, to: &command)
            _ = store.apply(command.span, index: id)
        }
        var path = "/leases?limit=2"
        var found: [String] = []
        while true {
            let listing = try #require(try Asked("GET \(path)").request.listing)
            let page = try response {
                let content = $0.leasesContent(listing, of: store, remainingMilliseconds: { $0 * 300 })
                $0.append(.leases(store.revision), content.span, to: &$1)
            }
            #expect(page["Vary"] == "Accept-Encoding" && page["Rast-Revision"] == "\(store.revision)")
            let leases = try page.object["leases"] as? [NSDictionary] ?? []
            #expect(try page.object["count"] as? Int == leases.count && leases.count <= 2)
            #expect(leases.allSatisfy { $0["keys"] == nil })
            found += leases.map { "\($0["id"] ?? "") \($0["remaining"] ?? "")" }
            guard let next = try page.object["next"] as? String else { break }
            path = "/leases?limit=2&cursor=\(next)"
        }
        #expect(found == ["1 1", "2 1", "3 1", "4 2", "5 2"])
        #expect(try refusal("GET /kv?limit=2&cursor=\(path.split(separator: "=").last ?? "")")?.status == 400)
    }

    @Test("what is left of a key's life, in seconds, rounded up")
    func remaining() throws {
        let record = Record(
            key: Array("a".utf8).span, value: Array("x".utf8).span, contentType: Span(),
            revision: Revision(5), createdRevision: Revision(5), version: 1,
            hold: Hold(end: ClusterTime(milliseconds: 10_000)))
        for (now, left): (UInt64, Int) in [
            (0, 10), (8_999, 2), (9_000, 1), (9_999, 1), (10_000, 0), (20_000, 0),
        ] {
            for query in ["", "?format=json"] {
                let asked = try Asked("GET /kv/a\(query)")
                var out: [UInt8] = []
                Answer(context, Manner(), now: ClusterTime(milliseconds: now)).appendRead(
                    record, for: asked.request, storeRevision: Revision(5), to: &out)
                let answer = try Response(out)
                #expect(answer["Rast-TTL"] == "\(left)" && answer["Rast-Lease"] == nil)
                if !query.isEmpty { #expect(try answer.object["ttl"] as? Int == left) }
            }
        }
    }
}

@Suite("Idempotency keys over HTTP")
struct OnceTests {
    private let length = "Content-Length: 1|"

    @Test("K and \"K\" are the same; the name has 1 to 128 printable ASCII characters")
    func names() throws {
        let plain = try #require(try once("PUT /kv/a", length + "Idempotency-Key: K k|"))
        #expect(plain.key == Array("K k".utf8))
        #expect(try once("PUT /kv/a", length + "Idempotency-Key: \"K k\"|") == plain)
        #expect(try once("PUT /kv/a", length) == nil)
        let longest = String(repeating: "k", count: 128)
        #expect(try once("PUT /kv/a", length + "Idempotency-Key: \(longest)|")?.key.count == 128)
        #expect(try refusal("PUT /kv/a", length + "Idempotency-Key: \(longest)k|")?.status == 400)
        for line in ["GET /leases", "GET /kv", "POST /leases/7/keepalive", "GET /leases/7"] {
            #expect(try refusal(line, "Idempotency-Key: k|")?.status == 400)
        }
    }

    @Test("what makes another request, and what does not")
    func fingerprints() throws {
        let key = "Content-Length: 1|Idempotency-Key: K|"
        let first = try #require(try once("PUT /kv/a?ttl=5s", key + "If-Match: \"5\"|"))
        for (line, fields) in [
            ("PUT /kv/a?ttl=5s&timeout=1s", "If-Match: \"5\"|"),
            ("PUT /kv/a?redirect=no&ttl=5s", "If-Match: \"5\"|"),
            ("PUT /kv/a?ttl=5s", "If-Match: \"5\"|User-Agent: other|"),
        ] {
            #expect(try once(line, key + fields) == first, "\(line) \(fields)")
        }
        for (line, fields, content) in [
            ("PUT /kv/b?ttl=5s", "If-Match: \"5\"|", "x"), ("PUT /kv/a?ttl=6s", "If-Match: \"5\"|", "x"),
            ("PUT /kv/a?lease=5", "If-Match: \"5\"|", "x"), ("PUT /kv/a", "If-Match: \"5\"|", "x"),
            ("DELETE /kv/a", "If-Match: \"5\"|", "x"), ("PUT /kv/a?ttl=5s", "If-Match: \"6\"|", "x"),
            ("PUT /kv/a?ttl=5s", "If-None-Match: \"5\"|", "x"), ("PUT /kv/a?ttl=5s", "", "x"),
            ("PUT /kv/a?ttl=5s", "If-Match: \"5\"|Content-Type: text/plain|", "x"),
            ("PUT /kv/a?ttl=5s", "If-Match: \"5\"|If-Match: \"5\"|", "x"),
            ("PUT /kv/a?ttl=5s", "If-Match: \"5\"|", "y"), ("PUT /kv/a?ttl=5s", "If-Match: \"5\"|", ""),
            ("PUT /kv/a?ttl=5s", "If-Match: \"5\"|", "\0x"),
        ] {
            let other = try #require(try once(line, key + fields, content))
            #expect(other.key == first.key && other.request != first.request, "\(line) \(fields) \(content)")
        }
    }

    @Test("what was answered before is answered again, and says so")
    func replays() throws {
        let written = Reply.written(
            created: true, revision: Revision(5), createdRevision: Revision(5), version: 1)
        let first = try answer(written)
        let again = try answer(.replayed(written, revision: Revision(5)), isKeyed: true)
        #expect(again.status == 201 && again.content == first.content && again["ETag"] == first["ETag"])
        #expect(again["Rast-Revision"] == "5")
        #expect(again["Idempotency-Replayed"] == "true" && first["Idempotency-Replayed"] == nil)
        let failed = try answer(
            .replayed(.conditionFailed(current: Revision(3)), revision: Revision(4)), isKeyed: true)
        #expect(failed.status == 412 && failed["ETag"] == "\"3\"" && failed["Rast-Revision"] == "4")
        #expect(failed["Idempotency-Replayed"] == "true")
        let place = Transaction.Place(isThen: true, number: 2, .get)
        let large = try answer(.answerTooLarge(at: place), .transaction, key: "", isKeyed: true)
        #expect(try (large.object["detail"] as? String)?.contains("65536") == true)
    }
}
