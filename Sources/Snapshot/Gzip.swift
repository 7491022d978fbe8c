// Gzip (RFC 1952) by zlib: compressed in members of their own, inflated in bounded pieces.
internal import CZlib

/// Compresses pieces. Each may become a gzip member: a file of members one after the other is a gzip file too
/// (§2.2), each member has a checksum of its own, and so damage has a place. Or they become the parts of one
/// member, for those who stop at its end, as browsers do.
///
/// Its state takes 256 KiB.
///
/// Unchecked because of the pointer: nobody but this value has it, and it cannot be copied.
@safe public struct Deflater: ~Copyable, @unchecked Sendable {
    /// Where zlib keeps its state; it must not move.
    private let stream: UnsafeMutablePointer<z_stream>

    /// Half the time of zlib's default level, and 5 to 8 % more bytes of a store's.
    public static let fast: Int32 = 1

    /// - Parameter level: from 1, fast, to 9, small.
    public init(level: Int32 = Deflater.fast) {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let code = unsafe deflateInit2_(
            stream, level, Z_DEFLATED, gzipWindowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(code == Z_OK, "zlib has memory")
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deinitialize(count: 1)
        unsafe stream.deallocate()
    }

    /// One member that holds these bytes, which are fewer than 2 GiB.
    public mutating func member(_ bytes: [UInt8]) -> [UInt8] {
        unsafe deflateReset(stream)
        let bound = unsafe Int(deflateBound(stream, UInt(bytes.count)))
        return unsafe bytes.withUnsafeBufferPointer { source in
            unsafe [UInt8](unsafeUninitializedCapacity: bound) { target, count in
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                unsafe stream.pointee.avail_in = UInt32(source.count)
                unsafe stream.pointee.next_out = target.baseAddress
                unsafe stream.pointee.avail_out = UInt32(bound)
                let code = unsafe deflate(stream, Z_FINISH)
                precondition(code == Z_STREAM_END, "the bound is one")
                count = unsafe bound - Int(stream.pointee.avail_out)
            }
        }
    }
}

extension Deflater {
    /// The next part of a member, from which all of these bytes can be inflated; `isLast` ends the member. A
    /// deflater is used for parts of one member alone.
    public mutating func part(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
        unsafe bytes.withUnsafeBufferPointer { source in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
            unsafe stream.pointee.avail_in = UInt32(source.count)
            var part = nextOutput(isLast: isLast)
            // A full output may not be all.
            while unsafe stream.pointee.avail_out == 0 { part += nextOutput(isLast: isLast) }
            return part
        }
    }

    private mutating func nextOutput(isLast: Bool) -> [UInt8] {
        let bytesMax = 32 << 10
        return unsafe [UInt8](unsafeUninitializedCapacity: bytesMax) { target, count in
            unsafe stream.pointee.next_out = target.baseAddress
            unsafe stream.pointee.avail_out = UInt32(bytesMax)
            let code = unsafe deflate(stream, isLast ? Z_FINISH : Z_SYNC_FLUSH)
            precondition(code != Z_STREAM_ERROR, "the state is whole")
            count = unsafe bytesMax - Int(stream.pointee.avail_out)
        }
    }
}

/// 2^15 bytes of history, in gzip's frame.
private let gzipWindowBits: Int32 = 15 + 16

/// Inflates the members of a gzip file, one after the other.
///
/// Unchecked for the same reason as ``Deflater``.
@safe struct Inflater: ~Copyable, @unchecked Sendable {
    private let stream: UnsafeMutablePointer<z_stream>
    private var out = [UInt8](repeating: 0, count: 256 << 10)
    /// How many bytes were taken.
    private(set) var offset: UInt64 = 0
    /// Where the member that is being read begins.
    private(set) var member: UInt64 = 0
    /// All that was taken are whole members.
    private(set) var isWhole = true
    /// The last output was as much as there was room for: there may be more though all was taken.
    private var mayHaveMore = false

    init() {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let code = unsafe inflateInit2_(
            stream, gzipWindowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(code == Z_OK, "zlib has memory")
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deinitialize(count: 1)
        unsafe stream.deallocate()
    }

    /// These bytes are not gzip, or were changed.
    struct Failure: Error {}

    /// Takes the next bytes from `place` on, which moves on, until about 256 KiB came out or all are used.
    ///
    /// - Returns: how many bytes came out; ``withOutput(_:_:)`` lends them. 0 where more must be given.
    mutating func next(_ bytes: Span<UInt8>, from place: inout Int) throws(Failure) -> Int {
        while place < bytes.count || mayHaveMore {
            if isWhole {
                // The next member begins.
                unsafe inflateReset(stream)
                member = offset
                isWhole = false
            }
            let start = place
            // Also where it fails: that is the place.
            defer { offset += UInt64(place - start) }
            let count = try unsafe bytes.withUnsafeBufferPointer { source throws(Failure) in
                let rest = unsafe UnsafeBufferPointer(rebasing: source[start...])
                return try unsafe inflate(rest, &place)
            }
            mayHaveMore = count == out.count && !isWhole
            if count > 0 { return count }
            guard place > start || start == bytes.count else { throw Failure() }
        }
        return 0
    }

    private mutating func inflate(
        _ source: UnsafeBufferPointer<UInt8>, _ place: inout Int
    ) throws(Failure) -> Int {
        let given = min(source.count, Int(Int32.max))
        let room = out.count
        let code = unsafe out.withUnsafeMutableBufferPointer { target in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
            unsafe stream.pointee.avail_in = UInt32(given)
            unsafe stream.pointee.next_out = target.baseAddress
            unsafe stream.pointee.avail_out = UInt32(room)
            return unsafe CZlib.inflate(stream, Z_NO_FLUSH)
        }
        place += unsafe given - Int(stream.pointee.avail_in)
        switch code {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isWhole = true
        default: throw Failure()
        }
        return unsafe room - Int(stream.pointee.avail_out)
    }

    /// Lends the first `count` bytes of what came out last.
    func withOutput<E: Error>(_ count: Int, _ body: (Span<UInt8>) throws(E) -> Void) throws(E) {
        try body(out.span.extracting(0..<count))
    }
}
