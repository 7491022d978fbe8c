// What is fed with bytes of any kind: each decoder of what comes from outside, and what must hold of it.

/// One decoder, or some that belong together, with the properties that any input must leave true.
///
/// A trap is found by the fuzzer itself. What would go unnoticed (two readings of the same bytes, a range out
/// of bounds, a log that is another after a restart) is a ``Contradiction``.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// Request heads and contents, in pieces of any size, and what they ask for.
    case requests
    /// Response heads and contents, as peers and the command line read them.
    case responses
    /// The JSON scanner, the meaning of strings, and the writer.
    case json
    /// Commands as the store applies them.
    case commands
    /// Transactions and leases as clients write them, and the commands that they become.
    case contents
    /// A data directory of valid and damaged pieces: vote, identity, segments, batches, entries.
    case journal
    /// Snapshots and backups.
    case snapshots
    /// The bodies of peers' requests and answers.
    case peers
    /// One member among peers that say anything.
    case member
    /// Requests of clients that another member sends on.
    case proposals

    public func feed(_ bytes: [UInt8]) throws(Contradiction) {
        switch self {
        case .requests: try feedRequests(bytes)
        case .responses: try feedResponses(bytes)
        case .json: try feedJSON(bytes)
        case .commands: try feedCommands(bytes)
        case .contents: try feedContents(bytes)
        case .journal: try feedJournal(bytes)
        case .snapshots: try feedSnapshots(bytes)
        case .peers: try feedPeers(bytes)
        case .member: try feedMember(bytes)
        case .proposals: try feedProposals(bytes)
        }
    }
}

/// Something that must hold for every input did not.
public struct Contradiction: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}

/// Throws where `isTrue` is not.
func expect(_ isTrue: Bool, _ what: @autoclosure () -> String) throws(Contradiction) {
    if !isTrue { throw Contradiction(what()) }
}

/// Reads an input as a program: numbers and pieces, one after the other, and zeros after its end.
struct Draw {
    private let bytes: [UInt8]
    private var place = 0
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { place >= bytes.count }

    mutating func byte() -> UInt8 {
        guard place < bytes.count else { return 0 }
        defer { place += 1 }
        return bytes[place]
    }

    mutating func below(_ bound: Int) -> Int { Int(byte()) % bound }
    mutating func isTrue() -> Bool { byte() & 1 == 1 }

    /// Mostly a small number; seldom a large one, also one that is over the limit of what is a number here.
    mutating func number() -> UInt64 {
        let first = byte()
        if first < 0xF0 { return UInt64(first & 0x3F) }
        switch first {
        case 0xF0: return (1 << 53) - 1
        case 0xF1: return 1 << 53
        case 0xF2: return .max
        case 0xF3..<0xF8: return UInt64(byte()) << 8 | UInt64(byte())
        default: return (UInt64(byte()) << 8 | UInt64(byte())) << UInt64(byte() % 40)
        }
    }

    /// Some of the bytes that follow, at most `limit`.
    mutating func piece(_ limit: Int = 255) -> [UInt8] {
        let count = min(Int(byte()), limit, bytes.count - min(place, bytes.count))
        defer { place += count }
        return Array(bytes[place..<place + count])
    }

    mutating func rest() -> [UInt8] {
        defer { place = bytes.count }
        return place < bytes.count ? Array(bytes[place...]) : []
    }
}
