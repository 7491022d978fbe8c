// Backups (Interface §8): there and back, as other programs read and make them, and damaged in every place.
import CZlib
import Consensus
import KeyValue
import Snapshot
import Testing
import Wire

/// The file that a store's backup is.
private func backup(_ store: Store) -> [UInt8] {
    var encoder = BackupEncoder(head: store.head(jointMembership), store: store)
    var file: [UInt8] = []
    while let piece = encoder.next() { file += piece }
    return file
}

private func restored(
    _ file: [UInt8], pieceBytes: Int = 1 << 20
) throws(BackupError) -> SnapshotDecoder.Decoded {
    var decoder = BackupDecoder()
    var place = 0
    while place < file.count {
        let end = min(place + pieceBytes, file.count)
        try decoder.feed(file.span.extracting(place..<end))
        place = end
    }
    return try decoder.finish()
}

private func backupRefusal(_ file: [UInt8], pieceBytes: Int = 1 << 20) -> BackupError? {
    do throws(BackupError) {
        _ = try restored(file, pieceBytes: pieceBytes)
        return nil
    } catch {
        return error
    }
}

/// What zlib makes of a whole file of gzip members.
private func inflated(_ file: [UInt8]) -> [UInt8] {
    var file = file
    var out = [UInt8](repeating: 0, count: 64 << 20)
    var stream = z_stream()
    inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    defer { inflateEnd(&stream) }
    let room = out.count
    var total = 0
    file.withUnsafeMutableBufferPointer { source in
        out.withUnsafeMutableBufferPointer { target in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(room)
            while inflate(&stream, Z_NO_FLUSH) == Z_STREAM_END, stream.avail_in > 0 { inflateReset(&stream) }
            total = room - Int(stream.avail_out)
        }
    }
    return Array(out[..<total])
}

/// One gzip member of these bytes, as any other program makes it.
private func gzipped(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    var out = [UInt8](repeating: 0, count: bytes.count + 1_000)
    var stream = z_stream()
    deflateInit2_(
        &stream, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    defer { deflateEnd(&stream) }
    let room = out.count
    var total = 0
    bytes.withUnsafeMutableBufferPointer { source in
        out.withUnsafeMutableBufferPointer { target in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(room)
            #expect(deflate(&stream, Z_FINISH) == Z_STREAM_END)
            total = room - Int(stream.avail_out)
        }
    }
    return Array(out[..<total])
}

private func sampleStore(_ count: Int, valueBytes: Int = 100, seed: UInt64 = 1) -> Store {
    var chance = Chance(seed: seed)
    var store = Store()
    for number in 0..<count {
        let isText = number % 3 > 0
        store.put(
            Array("key \(number)".utf8), chance.bytes(valueBytes, in: isText ? 0x20...0x7E : 0...255),
            type: isText ? Array("text/plain".utf8) : [])
    }
    return store
}

@Suite("Backups")
struct BackupTests {
    @Test("a store comes back the same, in pieces of any size")
    func roundTrip() throws {
        for store in [
            Store(), sampleStore(1), sampleStore(3_000, valueBytes: 500), sampleStore(2, valueBytes: 3 << 20),
        ] {
            let file = backup(store)
            for size in [100_000, 1 << 20, file.count] {
                let decoded = try restored(file, pieceBytes: size)
                #expect(decoded.head == store.head(jointMembership).ofBackup)
                #expect(decoded.store.rows() == store.rows())
                #expect(decoded.store.hash == store.hash)
                #expect(decoded.store.revision == store.revision)
            }
        }
        let store = sampleStore(30)
        let file = backup(store)
        for size in 1...file.count {
            #expect(try restored(file, pieceBytes: size).store.rows() == store.rows())
        }
    }

    @Test("inflated it is a header, a line for each key, and a last line")
    func lines() throws {
        var store = Store()
        store.put("a", "x", type: "text/plain")
        store.put(Array("b".utf8), [0xFF])
        let text = String(decoding: inflated(backup(store)), as: UTF8.self)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines[0].hasPrefix("{\"snapshot\":{\"sum\":"))
        #expect(
            lines[1] == """
                {"key":"a","value":"x","type":"text/plain","revision":2,"createdRevision":2,"version":1}
                """)
        #expect(
            lines[2]
                == "{\"key\":\"b\",\"base64\":\"/w==\",\"revision\":3,\"createdRevision\":3,\"version\":1}")
        #expect(lines[3].hasPrefix("{\"end\":{\"sum\":"))
        #expect(lines[3].contains("\"keys\":2"))
    }

    @Test("one that another program has inflated and compressed anew is taken, as one member or as many")
    func recompressed() throws {
        let store = sampleStore(5_000, valueBytes: 400)
        let text = inflated(backup(store))
        #expect(text.count > 2 << 20)
        #expect(try restored(gzipped(text)).store.rows() == store.rows())
        #expect(try restored(gzipped(text), pieceBytes: 1_000).store.rows() == store.rows())
        var parts: [UInt8] = []
        for start in stride(from: 0, to: text.count, by: 333_333) {
            parts += gzipped(Array(text[start..<min(start + 333_333, text.count)]))
        }
        #expect(try restored(parts + gzipped([])).store.rows() == store.rows())
    }

    @Test("output that ends with the room for it, and input with that, is not left behind")
    func exactlyFull() throws {
        // Highly compressible: the last byte of input brings more than one buffer of output.
        var store = Store()
        for count in [256 << 10, (256 << 10) - 1, 512 << 10, 1 << 20] {
            store.put("key \(count)", String(repeating: "v", count: count))
            let file = backup(store)
            for size in [1, 7, file.count] {
                #expect(try restored(file, pieceBytes: size).store.rows() == store.rows())
            }
        }
    }

    @Test("every bit flipped is refused, or changes nothing of what is restored")
    func flipped() {
        let store = sampleStore(12)
        let file = backup(store)
        var taken = 0
        for place in file.indices {
            for bit in 0..<8 {
                var changed = file
                changed[place] ^= 1 << bit
                do throws(BackupError) {
                    // Some bits of gzip's header mean nothing: time, system, flags of speed.
                    let decoded = try restored(changed)
                    #expect(decoded.store.rows() == store.rows())
                    taken += 1
                } catch {
                    #expect(error.offset <= UInt64(file.count))
                }
            }
        }
        // The time's four bytes, the system's, that of speed, and a few flags.
        #expect(taken > 0 && taken <= 8 * 6 + 8)
    }

    @Test("the place of damage is the part that holds it")
    func place() throws {
        let store = sampleStore(8_000, valueBytes: 600)
        let file = backup(store)
        let members = places(of: [0x1F, 0x8B, 0x08, 0], in: file)
        #expect(members.count > 3)
        for (start, end) in zip(members, members.dropFirst()) {
            var changed = file
            changed[(start + end) / 2] ^= 0x40
            let refused = backupRefusal(changed, pieceBytes: 10_000)
            #expect(refused?.member == UInt64(start))
            #expect(refused.map { $0.offset > UInt64(start) && $0.offset <= UInt64(end) + 10_000 } ?? false)
        }
    }

    @Test("every shorter file is refused as one that ends too early")
    func truncated() {
        let file = backup(sampleStore(12))
        for count in 0..<file.count {
            let refused = backupRefusal(Array(file[..<count]), pieceBytes: 1 + count / 3)
            #expect(refused?.problem == .end, "\(count) bytes")
            #expect(refused?.offset == UInt64(count))
        }
    }

    @Test("parts left out, twice, or behind the end are refused, and so is what is no gzip")
    func parts() {
        let file = backup(sampleStore(8_000, valueBytes: 600))
        let members = places(of: [0x1F, 0x8B, 0x08, 0], in: file)
        let (second, third) = (members[1], members[2])
        #expect(backupRefusal(Array(file[..<second] + file[third...])) != nil)
        #expect(backupRefusal(Array(file[..<third] + file[second...])) != nil)
        #expect(backupRefusal(Array(file[second...])) != nil)
        #expect(backupRefusal(file + file) != nil)
        #expect(backupRefusal(file + [0x00])?.problem == .end)
        #expect(backupRefusal(file + [0x00, 0x00])?.problem == .compression)
        #expect(
            backupRefusal(Array("{\"snapshot\":".utf8))?.description == "not gzip, from its first bytes on")
        #expect(backupRefusal([]) != nil)
    }

    @Test("a snapshot's blocks are none of a backup's rows")
    func blocks() {
        #expect(backupRefusal(gzipped(encoded(sampleStore(3)))) != nil)
    }
}
