// The bytes of commands: what is written, and that what is written is what is applied.
import KeyValue
import Testing

@Suite("Commands")
struct CommandTests {
    private func text(_ command: [UInt8]) -> String { String(decoding: command, as: UTF8.self) }

    @Test("a put is one JSON object with its time, key, value, type and conditions")
    func put() {
        #expect(
            text(putCommand([UInt8]("a"), [UInt8]("x"), at: 5))
                == #"{"at":5,"put":{"key":"a","value":"x"}}"#)
        let precondition = Precondition(ifMatch: .list([Revision(5), Revision(6)]), ifNoneMatch: .any)
        #expect(
            text(putCommand([UInt8]("a/b"), [], type: [UInt8]("text/plain"), if: precondition, at: 123_456))
                == #"{"at":123456,"put":{"key":"a/b","value":"","type":"text/plain","#
                + #""ifMatch":[5,6],"ifNoneMatch":"*"}}"#)
    }

    @Test("the default content type is left out, whether it is named or not")
    func defaultType() {
        let named = putCommand([UInt8]("a"), [], type: [UInt8]("application/octet-stream"))
        #expect(named == putCommand([UInt8]("a"), []))
        #expect(!text(named).contains("type"))
    }

    @Test("a value that is not UTF-8, or that escapes would blow up, is base64")
    func base64() {
        #expect(text(putCommand([UInt8]("a"), [0xFF])) == #"{"at":0,"put":{"key":"a","base64":"/w=="}}"#)
        #expect(text(putCommand([UInt8]("a"), [0, 0, 0])) == #"{"at":0,"put":{"key":"a","base64":"AAAA"}}"#)
        #expect(
            text(putCommand([UInt8]("a"), [UInt8]("line 1\n\"line\" 2")))
                == #"{"at":0,"put":{"key":"a","value":"line 1\n\"line\" 2"}}"#)
        for byte: UInt8 in 0...255 {
            let value = [UInt8](repeating: byte, count: 3_000)
            #expect(putCommand([UInt8]("a"), value).count < 4_100, "byte \(byte)")
        }
    }

    @Test("a delete and an empty entry are one JSON object each")
    func others() {
        #expect(text(deleteCommand([UInt8]("a"), at: 7)) == #"{"at":7,"delete":{"key":"a"}}"#)
        #expect(
            text(deleteCommand([UInt8]("a"), if: Precondition(ifMatch: .one(Revision(3)))))
                == #"{"at":0,"delete":{"key":"a","ifMatch":[3]}}"#)
        #expect(
            text(deleteCommand([UInt8]("a"), if: Precondition(ifMatch: .list([]))))
                == #"{"at":0,"delete":{"key":"a","ifMatch":[]}}"#)
        #expect(text(noneCommand(at: 9)) == #"{"at":9,"none":true}"#)
    }

    @Test("commands are appended to what is there")
    func appending() {
        var out = [UInt8]("before")
        Command.appendNone(at: ClusterTime(milliseconds: 1), to: &out)
        #expect(text(out) == #"before{"at":1,"none":true}"#)
        let none: [UInt8] = []
        Command.appendPut(
            key: [UInt8]("a").span, value: none.span, contentType: none.span, precondition: .none,
            at: ClusterTime(milliseconds: 20), to: &out)
        #expect(text(out) == #"before{"at":1,"none":true}{"at":20,"put":{"key":"a","value":""}}"#)
    }

    @Test("every cluster time that JSON carries exactly comes back from the log")
    func times() {
        for at: UInt64 in [0, 9, 10, 99, 100, 1_234_567_890, (1 << 53) - 1] {
            var store = Store()
            #expect(store.apply(putCommand([UInt8]("a"), [], type: [UInt8]("t/t"), at: at)) != .malformed)
            #expect(store.clusterTime == ClusterTime(milliseconds: at))
        }
    }

    /// Keys that JSON must escape, or that look alike where bytes are not compared as bytes.
    static let keys: [String] = [
        "a", "with space", "quote\"", "back\\slash", "nul\0inside", "\u{1}\u{1F}\u{7F}", "line\nfeed\r\t",
        "ä", "a\u{308}", "日本語", "😀", "\u{10FFFF}", "\u{FFFF}", "\u{2028}", "/", "../..",
        String(repeating: "k", count: 1_024), String(repeating: "\0", count: 1_024),
    ]

    @Test("every key comes back from the log byte for byte", arguments: keys)
    func keysRoundTrip(key: String) {
        var store = Store()
        let bytes = Array(key.utf8)
        #expect(
            store.apply(putCommand(bytes, [UInt8]("x")))
                == .written(created: true, revision: Revision(2), createdRevision: Revision(2), version: 1))
        #expect(store.row(bytes)?.key == bytes)
        #expect(store.row(bytes)?.value == [UInt8]("x"))
        #expect(store.apply(deleteCommand(bytes)) == .deleted(count: 1, revision: Revision(3)))
        #expect(store.count == 0)
        #expect(store.bytes == 0)
    }

    @Test("every value and content type comes back from the log byte for byte")
    func valuesRoundTrip() {
        var random = SplitMix64(seed: 11)
        var values: [[UInt8]] = [[], [0], [0xFF], Array(0...255), [0xED, 0xA0, 0x80], [0xC0, 0x80]]
        values += CommandTests.keys.map { Array($0.utf8) }
        for _ in 0..<300 { values.append(random.bytes(count: random.below(70))) }
        for _ in 0..<100 {
            values.append((0..<random.below(70)).map { _ in UInt8(random.below(128)) })
        }
        let types: [[UInt8]] = [
            [], [UInt8]("text/plain"), [UInt8](#"text/plain; charset="utf-8""#), [UInt8](#"a/b; c="\\""#),
        ]
        var store = Store()
        for value in values {
            let type = types[random.below(types.count)]
            #expect(store.apply(putCommand([UInt8]("k"), value, type: type)) != .malformed)
            #expect(store.row("k")?.value == value)
            #expect(store.row("k")?.type == type)
            #expect(store.bytes == 1 + value.count)
        }
    }

    @Test("a value of 1 MiB comes back byte for byte", arguments: ["plain", "escaped", "binary"])
    func largeValues(kind: String) {
        var random = SplitMix64(seed: 12)
        let count = 1 << 20
        let value: [UInt8] =
            switch kind {
            case "plain": [UInt8](repeating: UInt8(ascii: "x"), count: count)
            case "escaped": (0..<count).map { $0 % 10 == 0 ? UInt8(ascii: "\n") : UInt8(ascii: "x") }
            default: random.bytes(count: count)
            }
        var store = Store()
        #expect(store.apply(putCommand([UInt8]("k"), value)) != .malformed)
        #expect(store.row("k")?.value == value)
    }
}
