// POST /txn and DELETE /kv: what is read, what is refused and where, what is answered (Interface §1, §2).
import API
import Foundation
import HTTP
import JSON
import KeyValue
import Testing

private func read(_ text: String) throws -> Transaction {
    try Transaction(reading: Array(text.utf8).span, valueBytesMax: 10)
}

private func problem(_ text: String) -> Refusal? {
    do {
        _ = try read(text)
        return nil
    } catch {
        return error as? Refusal
    }
}

private func key(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite("Transactions as clients send them")
struct TransactionTests {
    @Test("all that there is: conditions, operations, both branches")
    func whole() throws {
        #expect(try read("{}") == Transaction())
        #expect(try read(#" {"else":[],"if":[],"then":[]} "#) == Transaction())
        let transaction = try read(
            #"""
            {"if":[{"key":"a","exists":false},{"revision":5,"key":"a"},{"key":"a","createdRevision":{"gt":2}},
              {"key":"a","version":{"ge":1,"le":9,"ne":3}},{"key":"a","value":"x"},
              {"key":"a","value":{"base64":"/w=="}},{"key":"a","value":{"ne":{"base64":"/w=="},"lt":"b"}},
              {"key":"a","lease":"7"},{"key":"a","lease":{"ne":"9223372036854775807"}}],
             "then":[{"put":{"key":"a\u0000","value":"\u00e4"}},
              {"put":{"base64":"/w==","contentType":"text/plain","key":"b"}},
              {"put":{"key":"c","value":"","contentType":"application/octet-stream"}},
              {"get":{"key":"a"}},{"list":{"prefix":""}},{"list":{"limit":10000,"prefix":{"base64":"/w=="}}}],
             "else":[{"delete":{"key":"a"}},{"delete":{"prefix":"a/"}}]}
            """#)
        let a = key("a")
        #expect(
            transaction.comparisons == [
                Comparison(key: a, .exists(false)), Comparison(key: a, .number(.revision, [.init(.eq, 5)])),
                Comparison(key: a, .number(.createdRevision, [.init(.gt, 2)])),
                Comparison(key: a, .number(.version, [.init(.ge, 1), .init(.le, 9), .init(.ne, 3)])),
                Comparison(key: a, .value([.init(.eq, key("x"))])),
                Comparison(key: a, .value([.init(.eq, [0xFF])])),
                Comparison(key: a, .value([.init(.ne, [0xFF]), .init(.lt, key("b"))])),
                Comparison(key: a, .number(.lease, [.init(.eq, 7)])),
                Comparison(key: a, .number(.lease, [.init(.ne, UInt64(Int64.max))])),
            ])
        #expect(
            transaction.then == [
                .put(key: key("a\0"), value: key("ä"), contentType: []),
                .put(key: key("b"), value: [0xFF], contentType: key("text/plain")),
                .put(key: key("c"), value: [], contentType: []), .get(key: a),
                .list(prefix: [], limit: 1_000), .list(prefix: [0xFF], limit: 10_000),
            ])
        #expect(transaction.otherwise == [.delete(key: a), .deleteAll(prefix: key("a/"))])
    }

    /// What is wrong, its code, and the place that the answer names.
    static let flaws: [(String, Code, String)] = [
        ("", .badJSON, "byte 0:"), ("[]", .badJSON, "byte 0:"), ("null", .badJSON, "byte 0:"),
        ("{} x", .badJSON, "byte 3:"), ("\u{FEFF}{}", .badJSON, "byte 0:"),
        (#"{"then":[}"#, .badJSON, "byte 9:"),
        (#"{"then":[{"put":{"key":"\ud800","value":""}}]}"#, .badJSON, "byte 24:"),
        (#"{"do":[]}"#, .badJSON, "/do:"), (#"{"a/b~c":[]}"#, .badJSON, "/a~1b~0c:"),
        (#"{"then":[],"then":[]}"#, .badJSON, "/then:"), (#"{"if":null}"#, .badJSON, "/if:"),
        (#"{"if":{}}"#, .badJSON, "/if:"), (#"{"then":[7]}"#, .badJSON, "/then/0:"),
        (#"{"then":[{}]}"#, .badJSON, "/then/0:"),
        (#"{"then":[{"get":{"key":"a"}},{"take":1}]}"#, .badJSON, "/then/1/take:"),
        (#"{"else":[{"get":{"key":"a"},"delete":{"key":"b"}}]}"#, .badJSON, "/else/0/delete:"),
        (#"{"then":[{"put":7}]}"#, .badJSON, "/then/0/put:"),
        (#"{"then":[{"put":{"value":""}}]}"#, .badJSON, "/then/0/put:"),
        (#"{"then":[{"put":{"key":"a"}}]}"#, .badJSON, "/then/0/put:"),
        (#"{"then":[{"put":{"key":7,"value":""}}]}"#, .badJSON, "/then/0/put/key:"),
        (#"{"then":[{"put":{"key":"","value":""}}]}"#, .badKey, "/then/0/put/key:"),
        (#"{"then":[{"put":{"key":null,"value":""}}]}"#, .badJSON, "/then/0/put/key:"),
        (#"{"then":[{"put":{"key":"a","key":"a","value":""}}]}"#, .badJSON, "/then/0/put/key:"),
        (#"{"then":[{"put":{"key":"a","value":"","base64":""}}]}"#, .badJSON, "/then/0/put/base64:"),
        (#"{"then":[{"put":{"key":"a","base64":"x"}}]}"#, .badJSON, "/then/0/put/base64:"),
        (
            #"{"then":[{"put":{"key":"a","value":"","contentType":"text"}}]}"#, .badRequest,
            "/then/0/put/contentType:"
        ),
        (#"{"then":[{"put":{"key":"a","value":"12345678901"}}]}"#, .tooLarge, "/then/0/put/value:"),
        (#"{"then":[{"put":{"key":"a","value":"","ttl":"900ms"}}]}"#, .badJSON, "/then/0/put/ttl:"),
        (#"{"then":[{"put":{"key":"a","value":"","ttl":315360001}}]}"#, .badJSON, "/then/0/put/ttl:"),
        (#"{"then":[{"put":{"key":"a","value":"","ttl":true}}]}"#, .badJSON, "/then/0/put/ttl:"),
        (#"{"then":[{"put":{"key":"a","value":"","lease":1}}]}"#, .badJSON, "/then/0/put/lease:"),
        (#"{"then":[{"put":{"key":"a","value":"","lease":"0"}}]}"#, .badJSON, "/then/0/put/lease:"),
        (#"{"then":[{"put":{"key":"a","lease":"1","value":"","ttl":1}}]}"#, .badJSON, "/then/0/put/ttl:"),
        (#"{"then":[{"get":{}}]}"#, .badJSON, "/then/0/get:"),
        (#"{"then":[{"get":{"prefix":"a"}}]}"#, .badJSON, "/then/0/get/prefix:"),
        (#"{"then":[{"list":{}}]}"#, .badJSON, "/then/0/list:"),
        (#"{"then":[{"list":{"prefix":"","limit":0}}]}"#, .badJSON, "/then/0/list/limit:"),
        (#"{"then":[{"list":{"prefix":"","limit":10001}}]}"#, .badJSON, "/then/0/list/limit:"),
        (#"{"then":[{"list":{"prefix":{"base64":"!"}}}]}"#, .badJSON, "/then/0/list/prefix/base64:"),
        (#"{"then":[{"delete":{}}]}"#, .badJSON, "/then/0/delete:"),
        (#"{"then":[{"delete":{"key":"a","prefix":"a"}}]}"#, .badJSON, "/then/0/delete/prefix:"),
        (#"{"then":[{"delete":{"prefix":""}}]}"#, .badRequest, "/then/0/delete/prefix:"),
        (#"{"if":[{"key":"a"}]}"#, .badJSON, "/if/0:"), (#"{"if":[{"exists":true}]}"#, .badJSON, "/if/0:"),
        (#"{"if":[{"key":"a","exists":1}]}"#, .badJSON, "/if/0/exists:"),
        (#"{"if":[{"key":"a","exists":true,"version":1}]}"#, .badJSON, "/if/0/version:"),
        (#"{"if":[{"key":"a","version":-1}]}"#, .badJSON, "/if/0/version:"),
        (#"{"if":[{"key":"a","version":1.0}]}"#, .badJSON, "/if/0/version:"),
        (#"{"if":[{"key":"a","version":"1"}]}"#, .badJSON, "/if/0/version:"),
        (#"{"if":[{"key":"a","version":{}}]}"#, .badJSON, "/if/0/version:"),
        (#"{"if":[{"key":"a","version":{"is":1}}]}"#, .badJSON, "/if/0/version/is:"),
        (#"{"if":[{"key":"a","version":{"eq":1,"eq":1}}]}"#, .badJSON, "/if/0/version/eq:"),
        (#"{"if":[{"key":"a","revision":9007199254740992}]}"#, .badJSON, "/if/0/revision:"),
        (#"{"if":[{"key":"a","value":7}]}"#, .badJSON, "/if/0/value:"),
        (#"{"if":[{"key":"a","value":{"base64":"","eq":""}}]}"#, .badJSON, "/if/0/value/eq:"),
        (#"{"if":[{"key":"a","value":{"ne":{"base64":"/w="}}}]}"#, .badJSON, "/if/0/value/ne/base64:"),
        (#"{"if":[{"key":"a","lease":7}]}"#, .badJSON, "/if/0/lease:"),
        (#"{"if":[{"key":"a","lease":"07"}]}"#, .badJSON, "/if/0/lease:"),
        (#"{"if":[{"key":"a","lease":"9223372036854775808"}]}"#, .badJSON, "/if/0/lease:"),
        (#"{"if":[{"key":"a","lease":{"gt":"7"}}]}"#, .badJSON, "/if/0/lease/gt:"),
        (
            #"{"then":[{"put":{"key":"a","value":""}},{"get":{"key":"a"}},{"put":{"key":"a","value":""}}]}"#,
            .duplicateKey, "/then/2/put/key:"
        ),
        (
            #"{"else":[{"put":{"key":"a/b","value":""}},{"delete":{"prefix":"a"}}]}"#, .duplicateKey,
            "/else/1/delete/prefix:"
        ),
        (
            #"{"then":[{"delete":{"key":"a"}},{"put":{"key":"a","value":""}}]}"#, .duplicateKey,
            "/then/1/put/key:"
        ),
    ]

    @Test("every flaw is refused with its code and its place", arguments: flaws.indices)
    func flaw(index: Int) {
        let (text, code, place) = Self.flaws[index]
        let refusal = problem(text)
        #expect(refusal?.code == code, "\(text)")
        #expect(refusal?.status == (code == .tooLarge ? 413 : code == .notImplemented ? 501 : 400))
        #expect(refusal?.detail.hasPrefix("At \(place) ") ?? false, "\(text): \(refusal?.detail ?? "")")
    }

    @Test("every cut of a transaction is refused")
    func cuts() {
        let text = #"{"if":[{"key":"a","value":{"ne":"x"}}],"then":[{"put":{"key":"a","value":"x"}}]}"#
        for count in 0..<text.utf8.count { #expect(problem(String(text.prefix(count)))?.code == .badJSON) }
        #expect(problem(text) == nil)
    }

    @Test("1,000 operations in both branches, 1,000 conditions, keys of 1,024 bytes, and no more")
    func limits() {
        func many(_ count: Int) -> String {
            Array(repeating: #"{"get":{"key":"a"}}"#, count: count).joined(separator: ",")
        }
        #expect(problem(#"{"then":[\#(many(600))],"else":[\#(many(400))]}"#) == nil)
        let split = problem(#"{"then":[\#(many(600))],"else":[\#(many(401))]}"#)
        #expect(split?.code == .badRequest && split?.detail.hasPrefix("At /else/400: ") ?? false)
        #expect(problem(#"{"then":[\#(many(1_001))]}"#)?.detail.hasPrefix("At /then/1000: ") ?? false)
        let conditions = Array(repeating: #"{"key":"a","exists":true}"#, count: 1_001)
        #expect(problem(#"{"if":[\#(conditions.dropLast().joined(separator: ","))]}"#) == nil)
        #expect(
            problem(#"{"if":[\#(conditions.joined(separator: ","))]}"#)?.detail.hasPrefix("At /if/1000: ")
                ?? false)
        let long = String(repeating: "k", count: 1_024)
        #expect(problem(#"{"then":[{"get":{"key":"\#(long)"}}]}"#) == nil)
        #expect(problem(#"{"then":[{"get":{"key":"\#(long)k"}}]}"#)?.code == .badKey)
    }

    @Test("the head of a transaction: content is needed, conditions of one key are not taken")
    func head() throws {
        let asked = try Asked("POST /txn?timeout=2s&redirect=no", "Content-Length: 4194304|")
        #expect(asked.request.action == .transaction && !asked.request.mayRedirect)
        #expect(asked.request.timeoutMilliseconds == 2_000)
        #expect(try refusal("POST /txn", "Content-Length: 4194305|")?.status == 413)
        #expect(try refusal("POST /txn")?.code == .lengthRequired)
        let length = "Content-Length: 2|"
        #expect(try refusal("POST /txn", length + "Content-Encoding: gzip|")?.status == 415)
        #expect(try refusal("POST /txn", length + "If-Match: *|")?.code == .badRequest)
        #expect(try refusal("POST /txn?prefix=a", length)?.code == .unknownParameter)
        #expect(try refusal("POST /txn", length + "Idempotency-Key: a|") == nil)
        #expect(try Asked("POST /txn", length + "Authorization: Bearer x|").request.mayRedirect == false)
    }

    @Test("a range delete says what; everything only when it is said")
    func ranges() throws {
        func range(_ query: String) throws -> KeyRange? {
            let request = try Asked("DELETE /kv?\(query)").request
            #expect(request.action == .deleteRange)
            return request.listing?.range
        }
        #expect(try range("prefix=a%2F") == KeyRange(start: key("a/"), end: key("a0")))
        #expect(try range("start=b&end=d") == KeyRange(start: key("b"), end: key("d")))
        #expect(try range("start=b&all=true") == KeyRange(start: key("b")))
        #expect(try range("prefix=a&start=ab&timeout=1s") == KeyRange(start: key("ab"), end: key("b")))
        #expect(try range("prefix=&all=true") == .all)
        #expect(try range("all&start=") == .all)
        for query in [
            "", "?all=true", "?prefix=", "?prefix", "?start=", "?prefix=&all=false", "?start=%00", "?end=z",
            "?prefix=&start=a", "?start=&end=b",
        ] {
            #expect(try refusal("DELETE /kv\(query)")?.code == .badRequest, "\(query)")
        }
        for query in ["prefix=a&limit=1", "prefix=a&reverse", "prefix=a&cursor=x", "prefix=a&prefix=b"] {
            #expect(try refusal("DELETE /kv?\(query)")?.code == .unknownParameter, "\(query)")
        }
        #expect(try refusal("GET /kv?all")?.code == .unknownParameter)
        #expect(try refusal("DELETE /kv?prefix=a", "If-Match: \"5\"|")?.code == .badRequest)
    }

    @Test("the answer has a result for each operation, and the store's revision")
    func answers() throws {
        let reply = TransactionReply(
            succeeded: true, revision: Revision(11), at: .zero,
            results: [
                .put(record("a", revision: 11, created: 5, version: 3)), .got(nil),
                .got(record("b\"", [0xFF])),
                .listed([record("c", type: "text/plain")], isMore: true), .listed([], isMore: false),
                .deleted(2),
            ])
        let answer = try response {
            $0.appendReply(.transacted(reply), key: [UInt8]().span, storeRevision: Revision(12), to: &$1)
        }
        #expect(answer.status == 200 && answer["Rast-Revision"] == "11" && answer["ETag"] == nil)
        #expect(answer["Content-Type"] == "application/json" && answer["Cache-Control"] == "no-store")
        let numbers = #""revision":7,"createdRevision":5,"version":2"#
        #expect(
            String(decoding: answer.content, as: UTF8.self)
                == #"{"succeeded":true,"revision":11,"results":["#
                + #"{"put":{"key":"a","revision":11,"createdRevision":5,"version":3}},{"get":null},"#
                + #"{"get":{"key":"b\"","value":"/w==","encoding":"base64","#
                + #""contentType":"application/octet-stream",\#(numbers)}},"#
                + #"{"list":{"count":1,"entries":[{"key":"c","value":"x","encoding":"utf-8","#
                + #""contentType":"text/plain",\#(numbers)}],"more":true}},"#
                + #"{"list":{"count":0,"entries":[],"more":false}},{"delete":{"deleted":2}}]}"# + "\n")
        let deleted = try response {
            $0.appendReply(
                .deleted(count: 12, revision: Revision(10)), key: [UInt8]().span, storeRevision: Revision(10),
                to: &$1)
        }
        #expect(String(decoding: deleted.content, as: UTF8.self) == "{\"deleted\":12,\"revision\":10}\n")
    }

    @Test(
        "an operation that could not be done is named by its place, and keys that are too many by their count"
    )
    func places() throws {
        typealias Place = Transaction.Place
        let missing = "there is no such lease: it has expired, or was revoked. Nothing was changed."
        let full = "the lease holds 10000 keys already; nothing was changed."
        let many =
            "12345 keys would change at once, and at most 10000 may: delete in parts. Nothing was changed."
        let large = "the answer would be larger than 16777216 bytes. Nothing was changed."
        for (reply, status, detail, count): (Reply, Int, String, Int?) in [
            (.tooManyKeys(count: 12_345, at: nil), 422, many, 12_345),
            (
                .tooManyKeys(count: 12_345, at: Place(isThen: true, number: 2, .deleteAll)), 422,
                "At /then/2/delete/prefix: " + many, 12_345
            ),
            (
                .tooManyKeys(count: 12_345, at: Place(isThen: false, number: 0, .delete)), 422,
                "At /else/0/delete/key: " + many, 12_345
            ),
            (
                .tooManyKeys(count: 12_345, at: Place(isThen: true, number: 999, .put)), 422,
                "At /then/999/put/key: " + many, 12_345
            ),
            (
                .leaseFull(at: Place(isThen: true, number: 1, .put)), 422,
                "At /then/1/put/lease: " + full, 10_001
            ),
            (.leaseFull(at: nil), 422, "T" + full.dropFirst(), 10_001),
            (
                .leaseNotFound(at: Place(isThen: true, number: 1, .put)), 409,
                "At /then/1/put/lease: " + missing, nil
            ),
            (
                .answerTooLarge(at: Place(isThen: false, number: 3, .list)), 400, "At /else/3/list: " + large,
                nil
            ),
            (.answerTooLarge(at: Place(isThen: true, number: 0, .get)), 400, "At /then/0/get: " + large, nil),
        ] {
            let refused = try response {
                $0.appendReply(
                    reply, key: [UInt8]().span, route: .transaction, storeRevision: Revision(9), to: &$1)
            }
            #expect(refused.status == status && refused["Rast-Revision"] == "9")
            #expect(try refused.object["detail"] as? String == detail)
            #expect(try refused.object["count"] as? Int == count)
        }
    }
}
