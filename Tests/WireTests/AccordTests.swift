// What travels with heartbeats of the states: there and back, one exact form, and limits (rule 25).
import Consensus
import Testing
import Wire

@Suite("states are compared by heartbeats")
struct AccordTests {
    private func encoded(_ body: Message.Body, _ accord: Accord?) -> [UInt8] {
        var bytes: [UInt8] = []
        Envelope(cluster: sampleCluster, message: message(body, term: 7), accord: accord).encode(into: &bytes)
        return bytes
    }

    private let heartbeat = Message.Body.heartbeat(commit: LogIndex(9), round: 3)

    @Test("there and back", arguments: [nil, 0, 1, UInt64.max, 0x1_0000_0000])
    func roundTrip(hash: UInt64?) throws {
        let asked = Accord(index: LogIndex(1_024), hash: hash)
        #expect(try Envelope.request(.heartbeat, encoded(heartbeat, asked).span).envelope.accord == asked)
        for isWrong in [false, true] {
            let answer = Accord(index: LogIndex(1_024), hash: hash, isWrong: isWrong)
            let bytes = encoded(.heard(round: 3), answer)
            #expect(try Envelope.answer(.heartbeat, bytes.span).accord == answer)
        }
    }

    @Test("nothing asked is nothing written, and who is wrong says so though nothing was asked")
    func none() throws {
        #expect(encoded(.heard(round: 3), .nothing) == encoded(.heard(round: 3), nil))
        let wrong = Accord(index: .zero, hash: nil, isWrong: true)
        #expect(try Envelope.answer(.heartbeat, encoded(.heard(round: 3), wrong).span).accord == wrong)
        // Other messages carry none.
        let vote = Message.Body.voted(granted: true)
        #expect(encoded(vote, wrong) == encoded(vote, nil))
    }

    @Test("the form is exact")
    func form() throws {
        let asked = encoded(heartbeat, Accord(index: LogIndex(1_024), hash: 3 << 32 | 17))
        let text = String(decoding: asked, as: UTF8.self)
        #expect(text.hasSuffix(",\"commit\":9,\"round\":3,\"mark\":[1024,3,17]}\n"))
        for bad in [
            "\"mark\":[0,3,17]", "\"mark\":[1024,3]", "\"mark\":[1024,4294967296,1]",
            "\"mark\":[1024,1,4294967296]",
            "\"mark\":[1024,3,17,4]", "\"mark\":[]", "\"mark\":[1024,3,17],\"wrong\":true", "\"mark\":1024",
        ] {
            let bytes = Array(text.replacing("\"mark\":[1024,3,17]", with: bad).utf8)
            #expect(throws: WireError.self, "\(bad)") { try Envelope.request(.heartbeat, bytes.span) }
        }
        let answer = encoded(.heard(round: 3), Accord(index: LogIndex(1_024), hash: nil, isWrong: true))
        let words = String(decoding: answer, as: UTF8.self)
        #expect(words.hasSuffix(",\"round\":3,\"mark\":[1024],\"wrong\":true}\n"))
        for bad in ["\"wrong\":false", "\"wrong\":1"] {
            let bytes = Array(words.replacing("\"wrong\":true", with: bad).utf8)
            #expect(throws: WireError.self, "\(bad)") { try Envelope.answer(.heartbeat, bytes.span) }
        }
    }
}
