// Parts of one gzip member: all of them are one, and each can be inflated when it comes (RFC 1952).
import CZlib
import Snapshot
import Testing

/// What zlib makes of the first `count` bytes of a member; whether it ends there.
private func inflated(_ bytes: [UInt8], room: Int) -> (bytes: [UInt8], isEnded: Bool) {
    var bytes = bytes
    var stream = z_stream()
    inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    defer { inflateEnd(&stream) }
    var code: Int32 = 0
    let out = [UInt8](unsafeUninitializedCapacity: room) { target, count in
        bytes.withUnsafeMutableBufferPointer { source in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(room)
            code = inflate(&stream, Z_NO_FLUSH)
            count = room - Int(stream.avail_out)
        }
    }
    return (out, code == Z_STREAM_END && stream.avail_in == 0)
}

@Suite struct GzipTests {
    private static func noise(_ count: Int) -> [UInt8] {
        var state: UInt64 = 7
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }

    @Test("whatever the parts hold: nothing, text, noise, more than one output buffer")
    func parts() {
        let text = [UInt8](repeating: 0x61, count: 500_000)
        let parts = [[], text, [], Self.noise(200_000), [1], Self.noise(32 << 10), [], text, []]
        var deflater = Deflater()
        var (plain, coded): ([UInt8], [UInt8]) = ([], [])
        for (place, part) in parts.enumerated() {
            plain += part
            coded += deflater.part(part, isLast: place == parts.count - 1)
            let so = inflated(coded, room: 2 << 20)
            #expect(so.bytes == plain && so.isEnded == (place == parts.count - 1))
        }
        #expect(coded.count < 240_000)
    }

    @Test("a member of nothing is one")
    func empty() {
        var deflater = Deflater()
        let coded = deflater.part([], isLast: true)
        #expect(coded.count == 20)
        let whole = inflated(coded, room: 16)
        #expect(whole.bytes.isEmpty && whole.isEnded)
    }
}
