// Watches and waiting reads: what is asked for, and the bytes of both forms of a stream (Interface §2, §3).
import API
import Foundation
import HTTP
import KeyValue
import Testing

/// The text that `body` appends.
private func text(_ body: (inout [UInt8]) -> Void) -> String {
    var out: [UInt8] = []
    body(&out)
    return String(decoding: out, as: UTF8.self)
}

/// The events of a store that did these commands.
private func events(_ commands: [String]) -> [Event] {
    var store = Store()
    for (place, command) in commands.enumerated() {
        _ = store.apply(Array(command.utf8).span, index: UInt64(place) + 1)
    }
    var events: [Event] = []
    store.history.forEach(after: .end(of: .empty)) { event in
        events.append(event)
        return true
    }
    return events
}

private func id(_ text: String) -> EventID? { EventID(text: Array(text.utf8).span) }

@Suite("Watches")
struct WatchTests {
    @Test("keys, since and the form are understood")
    func requests() throws {
        let all = try #require(try Asked("GET /watch").request.watch)
        #expect(all.keys == .prefix([]) && all.since == nil && all.form == .events)
        let prefix = try Asked("GET /watch?prefix=a%2Fb+c&since=11").request
        #expect(prefix.action == .watch && !prefix.mayRedirect)
        #expect(prefix.watch?.keys == .prefix(Array("a/b c".utf8)))
        #expect(prefix.watch?.since == .end(of: Revision(11)))
        let key = try Asked("HEAD /watch?key=%C3%A9&timeout=2s&since=11.3").request
        #expect(key.watch?.keys == .key(Array("é".utf8)) && key.timeoutMilliseconds == 2_000)
        #expect(key.watch?.since == EventID(Revision(11), place: 3))
        #expect(try Asked("GET /watch?prefix=").request.watch?.keys == .prefix([]))
        #expect(try Asked("GET /watch?prefix=%FF").request.watch?.keys == .prefix([0xFF]))
        // There is nothing before revision 1.
        #expect(try Asked("GET /watch?since=0").request.watch?.since == .end(of: Revision(1)))
    }

    @Test("Last-Event-ID goes before since")
    func lastEventID() throws {
        let field = "Last-Event-ID: 12.0|"
        #expect(
            try Asked("GET /watch?since=3", field).request.watch?.since == EventID(Revision(12), place: 0))
        #expect(
            try Asked("GET /watch?since=3", "Last-Event-ID: |").request.watch?.since
                == .end(of: Revision(3)))
        #expect(try refusal("GET /watch?since=3", "Last-Event-ID: x|")?.code == .badRequest)
    }

    @Test(
        "the form goes by Accept; server-sent events unless lines are liked better",
        arguments: [
            ("", WatchForm.events), ("*/*", .events), ("text/event-stream", .events),
            ("application/x-ndjson", .lines), ("application/x-ndjson, text/event-stream", .events),
            ("text/event-stream;q=0.5, application/x-ndjson", .lines), ("text/html", .events),
            ("application/*;q=0.9, */*;q=0.1", .lines),
        ])
    func forms(accept: String, form: WatchForm) throws {
        let field = accept.isEmpty ? "" : "Accept: \(accept)|"
        #expect(try Asked("GET /watch", field).request.watch?.form == form)
    }

    @Test(
        "what no watch has is refused",
        arguments: [
            ("GET /watch?prefix=a&key=b", Code.badRequest), ("GET /watch?prefix=&key=b", .badRequest),
            ("GET /watch?key=", .badKey), ("GET /watch?key", .badKey), ("GET /watch?key=%FF", .badKey),
            ("GET /watch?key=" + String(repeating: "k", count: 1_025), .badKey),
            ("GET /watch?since=", .badRequest), ("GET /watch?since=a", .badRequest),
            ("GET /watch?since=1.", .badRequest), ("GET /watch?since=.1", .badRequest),
            ("GET /watch?since=1.0.0", .badRequest), ("GET /watch?since=-1", .badRequest),
            ("GET /watch?since=9007199254740992", .badRequest),
            ("GET /watch?since=1.4294967295", .badRequest),
            ("GET /watch?redirect=no", .unknownParameter),
            ("GET /watch?limit=1", .unknownParameter), ("GET /watch?consistency=local", .unknownParameter),
            ("GET /kv?key=a", .unknownParameter), ("GET /kv/a?since=1", .unknownParameter),
            ("GET /watch?since=1&since=2", .unknownParameter), ("POST /watch", .methodNotAllowed),
        ])
    func refused(line: String, code: Code) throws {
        #expect(try refusal(line)?.code == code)
    }

    @Test("a stream needs HTTP/1.1")
    func version() throws {
        let bytes = wire("GET /watch HTTP/1.0|Host: a||")
        var parser = RequestParser()
        guard case .head(let head) = try parser.parse(bytes.span, limits: Limits()) else {
            throw Unfinished()
        }
        var scratch: [UInt8] = []
        do {
            _ = try Request(head, in: bytes.span, limits: RequestLimits(), scratch: &scratch)
            Issue.record("it was taken")
        } catch {
            #expect(error.status == 505 && error.code == .badVersion)
        }
    }

    @Test("a read waits for a time, and for changes after a revision")
    func waits() throws {
        #expect(try Asked("GET /kv/a").request.wait == nil)
        let wait = try #require(try Asked("GET /kv/a?wait=30s&after=7").request.wait)
        #expect(wait.milliseconds == 30_000 && wait.after == Revision(7))
        let now = try #require(try Asked("HEAD /kv/a?wait=10m&format=json").request.wait)
        #expect(now.milliseconds == 600_000 && now.after == nil)
        #expect(try Asked("GET /kv/a?wait=0").request.wait?.milliseconds == 0)
        for (line, code) in [
            ("GET /kv/a?wait=601s", Code.badRequest), ("GET /kv/a?wait=", .badRequest),
            ("GET /kv/a?wait=x", .badRequest), ("GET /kv/a?after=7", .badRequest),
            ("GET /kv/a?wait=1s&after=x", .badRequest), ("GET /kv?wait=1s", .unknownParameter),
            ("PUT /kv/a?wait=1s", .unknownParameter),
        ] {
            #expect(try refusal(line, "Content-Length: 0|")?.code == code, "\(line)")
        }
    }

    @Test("ids are a revision, or a revision and a place")
    func ids() {
        #expect(id("11") == .end(of: Revision(11)))
        #expect(id("11.0") == EventID(Revision(11), place: 0))
        #expect(id("11.4294967294") == EventID(Revision(11), place: .max - 1))
        for bad in ["", ".", "11.", ".0", "11.0.", "a", " 11", "11 ", "1e3"] {
            #expect(id(bad) == nil, "\(bad)")
        }
    }

    @Test("events as server-sent events and as lines, byte for byte")
    func bytes() throws {
        let all = events([
            #"{"at":1,"put":{"key":"a\n","value":"x\ny","type":"text/plain"}}"#,
            #"{"at":1,"txn":{"then":[{"put":{"key":"b","base64":"/w=="}},{"delete":{"key":"a\n"}}]}}"#,
        ])
        let put =
            #"{"event":"put","id":"2","revision":2,"key":"a\n","value":"x\ny","encoding":"utf-8","#
            + #""contentType":"text/plain","createdRevision":2,"version":1}"#
        let first =
            #"{"event":"put","id":"3.0","revision":3,"key":"b","value":"/w==","encoding":"base64","#
            + #""contentType":"application/octet-stream","createdRevision":3,"version":1}"#
        let last = #"{"event":"delete","id":"3","revision":3,"key":"a\n"}"#
        for form in WatchForm.allCases {
            let got = text { out in
                form.append(all[0], isLast: true, now: .zero, to: &out)
                form.append(all[1], isLast: false, now: .zero, to: &out)
                form.append(all[2], isLast: true, now: .zero, to: &out)
            }
            switch form {
            case .events:
                #expect(
                    got == "id: 2\nevent: put\ndata: \(put)\n\nid: 3.0\nevent: put\ndata: \(first)\n\n"
                        + "id: 3\nevent: delete\ndata: \(last)\n\n")
            case .lines: #expect(got == "\(put)\n\(first)\n\(last)\n")
            }
        }
        // A delete that another watcher sees before the put's end has an id of its own.
        let delete = text { WatchForm.lines.append(all[2], isLast: false, now: .zero, to: &$0) }
        #expect(delete.contains(#""id":"3.1""#))
    }

    @Test("progress and lagging say how far the stream is")
    func progress() {
        let whole = EventID.end(of: Revision(9))
        let part = EventID(Revision(9), place: 4)
        #expect(
            text { WatchForm.events.appendProgress(whole, isOpening: true, to: &$0) }
                == "retry: 1000\nid: 9\nevent: progress\n"
                + "data: {\"event\":\"progress\",\"id\":\"9\",\"revision\":9}\n\n")
        #expect(
            text { WatchForm.lines.appendProgress(part, isOpening: true, to: &$0) }
                == "{\"event\":\"progress\",\"id\":\"9.4\",\"revision\":8}\n")
        #expect(
            text { WatchForm.events.appendLagging(part, oldest: Revision(20), to: &$0) }
                == "event: lagging\n"
                + "data: {\"event\":\"lagging\",\"id\":\"9.4\",\"revision\":8,\"oldest\":20}\n\n")
    }

    @Test("the head of a stream, and the answer where events are gone")
    func heads() throws {
        for (form, type) in [
            (WatchForm.events, "text/event-stream"), (.lines, "application/x-ndjson"),
        ] {
            let head = try response { $0.appendWatchHead(form, storeRevision: Revision(4), to: &$1) }
            #expect(head.status == 200)
            #expect(head["Content-Type"] == type && head["Vary"] == "Accept")
            #expect(head["X-Accel-Buffering"] == "no" && head["Cache-Control"] == "no-store")
            #expect(head["Rast-Revision"] == "4" && head["Transfer-Encoding"] == "chunked")
        }
        let gone = try response {
            $0.appendCompacted(oldest: Revision(17), storeRevision: Revision(90), to: &$1)
        }
        #expect(gone.status == 410 && gone["Rast-Revision"] == "90")
        #expect(try gone.object["code"] as? String == "compacted")
        #expect(try gone.object["oldest"] as? Int == 17)
    }
}
