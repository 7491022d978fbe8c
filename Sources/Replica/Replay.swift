// What a start makes of its disk: the snapshot's store, then every committed entry after it (rule 11).
internal import Consensus
public import KeyValue
public import Wire

/// The applied state while a start reads it back.
public struct Replay: Sendable {
    public private(set) var store: Store
    /// The memberships that the entries hold, in order.
    private(set) var configurations: [Configuration] = []
    /// The entries' lines, in bytes.
    private(set) var bytes = 0
    private(set) var marks: StateMarks

    /// States are compared at every so manieth entry.
    public static let markInterval: UInt64 = 1_024

    /// - Parameters:
    ///   - store: the snapshot's; an empty one where there is none.
    ///   - interval: as ``Replica/Settings/markInterval``.
    public init(_ store: Store = Store(), marksEvery interval: UInt64 = markInterval) {
        self.store = store
        marks = StateMarks(every: interval)
    }

    /// Applies the committed entry whose line stands in `bytes`; each once, in order.
    public mutating func apply(_ bytes: Span<UInt8>, _ line: EntryLine) {
        let command = bytes.extracting(line.command)
        _ = store.apply(command, index: line.id.index.rawValue)
        self.bytes += line.line.count
        if marks.isMark(line.id.index) { marks.note(line.id.index, store.hash) }
        if let membership = MembershipCommand.membership(in: command) {
            configurations.append(Configuration(index: line.id.index, membership: membership))
        }
    }
}

extension Block {
    /// The memberships among its entries.
    var configurations: [Configuration] {
        var found: [Configuration] = []
        for place in starts.indices {
            let index = first + UInt64(place)
            withCommand(at: index) { command in
                guard let membership = MembershipCommand.membership(in: command) else { return }
                found.append(Configuration(index: index, membership: membership))
            }
        }
        return found
    }
}

extension MembershipCommand {
    /// The membership that a command holds. One that is not in the form that this version writes is none, on
    /// every node alike.
    static func membership(in command: Span<UInt8>) -> Membership? { (try? read(command)) ?? nil }
}

extension Message {
    /// The same append, and the memberships that are among its entries.
    func naming(_ configurations: [Configuration], in append: Append) -> Message {
        let named = Append(
            after: append.after, runs: append.runs, commit: append.commit, whole: append.whole,
            wholeFor: append.wholeFor, configurations: configurations)
        return Message(from: from, to: to, boot: boot, term: term, body: .append(named))
    }
}
