// The store's settings and its history, as the rooms above see them (rules 20, 24).
internal import JSON

extension Store {
    /// Limits that change what `apply` comes to, and are therefore state: changed by a command, and kept in
    /// snapshots (rule 20).
    public struct Settings: Hashable, Sendable {
        /// So many events are kept at most.
        public var historyEvents: Int
        /// So many bytes of keys, content types and values are kept in events at most.
        public var historyBytes: Int

        public init(historyEvents: Int, historyBytes: Int) {
            self.historyEvents = historyEvents
            self.historyBytes = historyBytes
        }

        /// What holds until a command says otherwise.
        public static let usual = Settings(historyEvents: 100_000, historyBytes: 64 << 20)

        /// Bounds that a node of any usual size can hold.
        public static let historyEventsRange = 1...10_000_000
        public static let historyBytesRange = 1...(16 << 30)

        /// Whether every limit is one that there may be.
        public var isPossible: Bool {
            Self.historyEventsRange.contains(historyEvents) && Self.historyBytesRange.contains(historyBytes)
        }
    }

    public var settings: Settings { history.limits }

    mutating func apply(_ settings: Settings, _ at: ClusterTime) -> Reply {
        advance(to: at)
        history.limits = settings
        history.trim()
        chain.mix(.settings, index: appliedIndex, at: clusterTime)
        chain.mix(UInt64(settings.historyEvents))
        chain.mix(UInt64(settings.historyBytes))
        return .none
    }
}

extension Command {
    /// Appends a command that sets the store's limits.
    public static func append(_ settings: Store.Settings, at: ClusterTime, to out: inout [UInt8]) {
        append(at: at, to: &out)
        out.append(literal: ",\"settings\":{\"historyEvents\":")
        out.append(decimal: UInt64(settings.historyEvents))
        out.append(literal: ",\"historyBytes\":")
        out.append(decimal: UInt64(settings.historyBytes))
        out.append(literal: "}}")
    }
}

extension CommandReader {
    /// All limits, each once.
    mutating func readSettings(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Store.Settings {
        var events: UInt64?
        var most: UInt64?
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            if name.equals("historyEvents", in: bytes), events == nil {
                events = try number(bytes)
            } else if name.equals("historyBytes", in: bytes), most == nil {
                most = try number(bytes)
            } else {
                throw MalformedCommand()
            }
        }
        guard let events, let most else { throw MalformedCommand() }
        // Numbers in JSON are at most 2^53−1.
        let settings = Store.Settings(historyEvents: Int(events), historyBytes: Int(most))
        guard settings.isPossible else { throw MalformedCommand() }
        return settings
    }
}
