// One key with its value and numbers, immutable, in a single allocation of exact size.
internal import JSON

/// A key as it stands in the store: bytes, content type, revisions, version, lease.
///
/// A record never changes: a new value is a new record, so frozen copies of the store and other threads may
/// hold it. Unchecked because `ManagedBuffer` is not `Sendable`; its memory is written in `init` only.
public struct Record: @unchecked Sendable {
    @usableFromInline let storage: RecordStorage

    /// The header, read without the check for exclusive access that `ManagedBuffer.header` makes.
    @inlinable @inline(__always) var numbers: RecordHeader {
        unsafe storage.withUnsafeMutablePointerToHeader { unsafe $0.pointee }
    }

    /// The revision at which the key came to be.
    @inlinable public var createdRevision: Revision { numbers.createdRevision }
    /// The revision of the last write; the key's entity tag.
    @inlinable public var revision: Revision { numbers.revision }
    /// 1 for the first write since the key came to be, and one more for each.
    @inlinable public var version: UInt64 { numbers.version }
    /// What the key's life hangs on.
    @inlinable public var hold: Hold { numbers.hold }
    /// The lease that keeps the key; 0 for none.
    @inlinable public var lease: UInt64 { numbers.hold.lease }
    /// The length of the key in bytes.
    @inlinable public var keyCount: Int { Int(numbers.keyCount) }
    /// The length of the value in bytes.
    @inlinable public var valueCount: Int { Int(numbers.valueCount) }
    /// The length of the content type in bytes; 0 stands for `application/octet-stream`.
    @inlinable public var contentTypeCount: Int { Int(numbers.contentTypeCount) }

    /// Copies a key, its content type and value into one allocation.
    ///
    /// Precondition: `key` has at most 1,032 bytes (a key's 1,024, and a number's 8 before it in the trees
    /// that lead to keys), `contentType` 255, `value` 2^32−1.
    public init(
        key: Span<UInt8>, value: Span<UInt8>, contentType: Span<UInt8>,
        revision: Revision, createdRevision: Revision, version: UInt64, hold: Hold = .none
    ) {
        precondition(key.count <= Command.keyBytesMax + 8, "a key is too long")
        let header = RecordHeader(
            createdRevision: createdRevision, revision: revision, version: version, hold: hold,
            valueCount: UInt32(value.count), keyCount: UInt16(key.count),
            contentTypeCount: UInt8(contentType.count))
        let byteCount = key.count + contentType.count + value.count
        let buffer = RecordStorage.create(minimumCapacity: byteCount) { _ in header }
        unsafe storage = unsafeDowncast(buffer, to: RecordStorage.self)
        unsafe storage.withUnsafeMutablePointerToElements { start in
            unsafe Record.copy(key, to: start)
            unsafe Record.copy(contentType, to: start + key.count)
            unsafe Record.copy(value, to: start + key.count + contentType.count)
        }
    }

    private static func copy(_ bytes: Span<UInt8>, to start: UnsafeMutablePointer<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let from = source.baseAddress else { return }
            unsafe start.initialize(from: from, count: source.count)
        }
    }

    /// Lends the key's bytes.
    @inlinable public func withKey<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try withBytes(from: 0, count: keyCount, body)
    }

    /// Lends the value's bytes.
    @inlinable public func withValue<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try withBytes(from: keyCount + contentTypeCount, count: valueCount, body)
    }

    /// Lends the content type; empty means `application/octet-stream`.
    @inlinable public func withContentType<R, E: Error>(
        _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        try withBytes(from: keyCount, count: contentTypeCount, body)
    }

    /// Appends the content type that the value is served with, the default too.
    public func appendContentType(to out: inout [UInt8]) {
        if contentTypeCount == 0 {
            out.append(literal: Command.contentTypeDefault)
        } else {
            withContentType { out.append(bytes: $0) }
        }
    }

    /// The key as an array of its own; where a copy is wanted anyway.
    public var key: [UInt8] { copy(from: 0, count: keyCount) }

    /// The value as an array of its own; where a copy is wanted anyway.
    public var value: [UInt8] { copy(from: keyCount + contentTypeCount, count: valueCount) }

    private func copy(from offset: Int, count: Int) -> [UInt8] {
        withBytes(from: offset, count: count) { bytes in
            unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
        }
    }

    @inlinable func withBytes<R, E: Error>(
        from offset: Int, count: Int, _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        try unsafe storage.withUnsafeMutablePointerToElements { start throws(E) -> R in
            let bytes = unsafe UnsafeBufferPointer(start: start + offset, count: count)
            return try body(unsafe Span(_unsafeElements: bytes))
        }
    }

    /// The key's bytes; valid while somebody holds this record.
    @inline(__always)
    var keyBytes: KeyBytes {
        unsafe storage.withUnsafeMutablePointers { header, start in
            unsafe KeyBytes(start: start, count: Int(header.pointee.keyCount))
        }
    }
}

/// A record's memory: a header, then key, content type and value without a gap.
@usableFromInline final class RecordStorage: ManagedBuffer<RecordHeader, UInt8> {}

/// A record's numbers.
@usableFromInline struct RecordHeader {
    @usableFromInline let createdRevision: Revision
    @usableFromInline let revision: Revision
    @usableFromInline let version: UInt64
    @usableFromInline let hold: Hold
    @usableFromInline let valueCount: UInt32
    @usableFromInline let keyCount: UInt16
    @usableFromInline let contentTypeCount: UInt8
}
