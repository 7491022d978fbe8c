// A message between members as it travels: one object of JSON, and after an append's the entries' lines.
public import Consensus
internal import JSON

/// A message and the cluster it belongs to.
public struct Envelope: Hashable, Sendable {
    public let cluster: ClusterID
    public let message: Message
    /// With a heartbeat or its answer: what members compare of their states.
    public let accord: Accord?

    /// At most so many entries come in one append.
    public static let entriesMax: UInt64 = 1_000_000
    /// At most so many terms come in one append.
    public static let runsMax = 10_000
    /// At most so many bytes of a snapshot come in one piece.
    public static let pieceBytesMax = 1 << 20

    public init(cluster: ClusterID, message: Message, accord: Accord? = nil) {
        self.cluster = cluster
        self.message = message
        self.accord = accord
    }

    /// The route of a request, or of the request that this answers.
    public var route: PeerRoute {
        switch message.body {
        case .append, .appended, .full, .rejected: .append
        case .heartbeat, .heard: .heartbeat
        case .preVote, .preVoted: .preVote
        case .vote, .voted: .vote
        case .timeoutNow, .noted: .timeoutNow
        case .readIndex, .readIndexed: .readIndex
        case .piece, .pieced: .snapshot
        }
    }

    /// Appends the object and a newline. An append's entries follow as lines, a piece's bytes as they are.
    public func encode(into out: inout [UInt8]) {
        out.append(literal: "{\"cluster\":\"")
        out.append(cluster: cluster)
        out.append(literal: "\",\"from\":")
        out.append(decimal: message.from.rawValue)
        out.append(literal: ",\"boot\":")
        out.append(decimal: message.boot.rawValue)
        out.append(literal: ",\"to\":")
        out.append(decimal: message.to.rawValue)
        out.append(literal: ",\"term\":")
        out.append(decimal: message.term.rawValue)
        message.body.encode(into: &out)
        switch message.body {
        case .heartbeat, .heard: accord?.encode(into: &out)
        default: break
        }
        out.append(literal: "}\n")
    }
}

extension Message.Body {
    fileprivate func encode(into out: inout [UInt8]) {
        switch self {
        case .append(let append):
            append.encode(into: &out)
        case .appended(let match):
            out.append(",\"match\":", match.rawValue)
        case .full(let last):
            out.append(",\"full\":", last)
        case .rejected(let after, let hint):
            out.append(",\"rejected\":", after.rawValue)
            out.append(",\"hint\":", hint)
        case .heartbeat(let commit, let round):
            out.append(",\"commit\":", commit.rawValue)
            out.append(",\"round\":", round)
        case .heard(let round, let isFull):
            out.append(",\"round\":", round)
            if isFull { out.append(literal: ",\"full\":true") }
        case .preVote(let last):
            out.append(",\"last\":", last)
        case .vote(let last, let isTransfer):
            out.append(",\"last\":", last)
            out.append(literal: isTransfer ? ",\"transfer\":true" : ",\"transfer\":false")
        case .preVoted(let granted), .voted(let granted):
            out.append(literal: granted ? ",\"granted\":true" : ",\"granted\":false")
        case .timeoutNow, .noted:
            break
        case .readIndex(let question):
            out.append(",\"question\":", question)
        case .readIndexed(let question, let index):
            out.append(",\"question\":", question)
            out.append(",\"index\":", index.rawValue)
        case .piece(let piece):
            out.append(",\"snapshot\":", piece.snapshot)
            out.append(literal: ",\"sum\":\"")
            out.append(hexadecimal8: piece.sum)
            out.append("\",\"bytes\":", piece.bytes)
            out.append(",\"offset\":", piece.offset)
        case .pieced(let snapshot, let next, let isInstalled):
            out.append(",\"snapshot\":", snapshot)
            out.append(",\"next\":", next)
            out.append(literal: isInstalled ? ",\"installed\":true" : ",\"installed\":false")
        }
    }
}

extension Message.Append {
    fileprivate func encode(into out: inout [UInt8]) {
        out.append(",\"after\":", after)
        out.append(literal: ",\"runs\":[")
        var isFirst = true
        for run in runs {
            out.append(isFirst ? "[" : ",[", run.term.rawValue)
            out.append(",", run.count)
            out.append(0x5D)
            isFirst = false
        }
        out.append("],\"commit\":", commit.rawValue)
        out.append(",\"whole\":[", wholeFor.rawValue)
        out.append(",", whole.rawValue)
        out.append(0x5D)
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ name: StaticString, _ number: UInt64) {
        append(literal: name)
        append(decimal: number)
    }

    fileprivate mutating func append(_ name: StaticString, _ entry: EntryID) {
        append(literal: name)
        append("[", entry.term.rawValue)
        append(",", entry.index.rawValue)
        append(0x5D)
    }
}
