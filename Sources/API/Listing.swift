// What a list asks for: the range, the order, how much of it, and where it goes on (Interface §2, GET /kv).
internal import HTTP
public import KeyValue

/// The parameters of one list, and the form that its Accept field chose.
///
/// A class only so that a request without a list stays small; it never changes.
public final class Listing: Sendable {
    let parameters: ListParameters
    /// One entry a line, streamed, instead of a page.
    public let isStream: Bool
    /// Where the list goes on after an earlier page.
    let place: ListPlace?

    init(_ parameters: ListParameters, isStream: Bool, place: ListPlace?) {
        self.parameters = parameters
        self.isStream = isStream
        self.place = place
    }

    /// The most entries and prefixes that a page may be asked for.
    public static let limitMax = 10_000
    /// What a page has at most where nothing else is asked for.
    public static let limitDefault = 1_000
    /// A page ends at so many bytes, but not before its first entry.
    public static let pageBytesMax = 4 << 20

    /// The most items that are given at once; a stream has no bound but one that is asked for.
    var limit: Int { parameters.limit ?? (isStream ? .max : Listing.limitDefault) }

    /// The whole range.
    public var range: KeyRange { range(after: nil) ?? KeyRange(end: []) }

    /// What is left of the range after `place`; nil: nothing is.
    func range(after place: ListPlace?) -> KeyRange? {
        var range = KeyRange(prefix: parameters.prefix)
        if range.start.lexicographicallyPrecedes(parameters.start) { range.start = parameters.start }
        range.lower(to: parameters.end)
        switch place {
        case nil: break
        case .key(let key):
            if parameters.isReverse { range.lower(to: key) } else { range = range.after(key) }
        case .prefix(let prefix):
            if parameters.isReverse {
                range.lower(to: prefix)
            } else {
                // Keys are UTF-8, so that every prefix of one has an end.
                guard let next = KeyRange(prefix: prefix).end else { return nil }
                if range.start.lexicographicallyPrecedes(next) { range.start = next }
            }
        }
        return range
    }
}

/// The parameters of a list that decide what is in it; a cursor is bound to them.
struct ListParameters: Sendable, Equatable {
    var prefix: [UInt8] = []
    var start: [UInt8] = []
    var end: [UInt8]?
    var limit: Int?
    var hasValues = true
    var isReverse = false
    /// What follows its first place after the prefix is folded into one; empty: nothing is.
    var delimiter: [UInt8] = []
    var consistency = Consistency.linearizable
    /// Of a watch: whether a prefix is given, or which key, and the last event that is known.
    var hasPrefix = false
    var watchedKey: [UInt8]?
    var since: EventID?
    /// Said of a range delete: that it may be of everything.
    var isForAll = false
    /// Whether prefix, start or end was given, be it empty.
    var hasBounds = false

    /// Refuses a range delete that nobody can have meant.
    func checkDeletion() throws(Refusal) {
        // One bound alone may leave out next to nothing.
        let isPart = !prefix.isEmpty || !start.isEmpty && end != nil
        guard hasBounds && (isPart || isForAll) else {
            throw Refusal.badRequest(
                "A prefix, or start and end, says what is deleted; with less, all=true must be said too.")
        }
    }

    /// Mixes the parameters into a sum, each so that no two lists of them look alike.
    func mix(into sum: inout Sum) {
        sum.mix(prefix)
        sum.mix(start)
        sum.mix(byte: end == nil ? 0 : 1)
        sum.mix(end ?? [])
        sum.mix(number: UInt64(limit ?? 0))
        sum.mix(byte: hasValues ? 1 : 0)
        sum.mix(byte: isReverse ? 1 : 0)
        sum.mix(byte: consistency == .local ? 1 : 0)
        sum.mix(delimiter)
    }
}

/// Where a list stands: after this key, or after all keys that begin with this prefix.
enum ListPlace: Sendable, Equatable {
    case key([UInt8])
    case prefix([UInt8])
}

extension KeyRange {
    fileprivate mutating func lower(to bound: [UInt8]?) {
        guard let bound else { return }
        if let end, !bound.lexicographicallyPrecedes(end) { return }
        end = bound
    }
}

/// FNV-1a, 64 bits: tells a cursor of other parameters, or a garbled one; it is no proof against forgery, and
/// a forged cursor does no harm.
struct Sum {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func mix(byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }

    mutating func mix(number: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            mix(byte: UInt8(truncatingIfNeeded: number &>> shift))
        }
    }

    mutating func mix(_ bytes: [UInt8]) {
        mix(number: UInt64(bytes.count))
        for byte in bytes { mix(byte: byte) }
    }
}
