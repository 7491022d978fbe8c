// The line before a request that is sent on: exactly one form, and where the request begins.
import Consensus
import Testing
import Wire

@Suite struct ForwardingTests {
    private let forwarding = Forwarding(
        cluster: ClusterID(high: 1, low: 0xABC), from: NodeID(2), boot: Boot(5), to: NodeID(1), term: Term(7))
    private let line = """
        {"cluster":"00000000000000010000000000000abc","from":2,"boot":5,"to":1,"term":7}

        """

    private func read(_ bytes: [UInt8]) throws(WireError) -> (forwarding: Forwarding, request: Int) {
        try Forwarding.read(bytes.span)
    }

    @Test("what is written is read again, and the request follows it")
    func bothWays() throws {
        var bytes: [UInt8] = []
        forwarding.encode(into: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == line)
        let (found, request) = try read(bytes + Array("GET".utf8))
        #expect(found == forwarding && request == bytes.count)
    }

    @Test("cut or changed anywhere it is refused, or says something else, and never traps")
    func damage() {
        let bytes = Array(line.utf8)
        for count in 0..<bytes.count {
            #expect(throws: WireError.self) { try read(Array(bytes[..<count])) }
        }
        for place in bytes.indices {
            for byte in [UInt8(ascii: " "), UInt8(ascii: "9"), 0, 0xFF] where bytes[place] != byte {
                var changed = bytes
                changed[place] = byte
                let found = try? read(changed)
                #expect(found?.forwarding != forwarding)
            }
        }
    }

    @Test(
        "numbers out of range are refused",
        arguments: ["\"from\":0", "\"from\":9007199254740992", "\"to\":0", "\"term\":-1", "\"boot\":05"])
    func numbers(part: String) {
        let name = part.prefix { $0 != ":" }
        let old = line.split(separator: ",").first { $0.hasPrefix(name) } ?? ""
        let text = line.replacing(old.hasSuffix("}\n") ? old.dropLast(2) : old, with: part)
        #expect(text != line)
        #expect(throws: WireError.self) { try read(Array(text.utf8)) }
    }
}
