// What a store does wrong while one of its faults is planted (package trait PlantedFaults).

#if PlantedFaults
    extension KeyRange {
        /// `Planted.cursorSkips`: what lies after a key begins one key later.
        nonisolated(unsafe) public static var afterSkips = false
    }

    extension Store {
        /// `Planted.namesIgnored`
        nonisolated(unsafe) public static var ignoresNames = false

        /// `Planted.answersForgottenAtSnapshot`
        public mutating func forgetAnswers() { answers = Answers() }

        /// `Planted.transactionHalfApplied`: nil, and nothing done, if the command is no transaction.
        public mutating func applyHalf(_ command: Span<UInt8>, index: UInt64) -> Reply? {
            guard let entry = try? CommandReader.read(command), case .transaction(var half) = entry.operation
            else { return nil }
            half.then.removeLast(half.then.count / 2)
            appliedIndex = index
            let most = Once.answerBytesMax
            guard let once = entry.once else { return apply(half, command, entry.at, answerBytesMax: most) }
            return apply(once, entry.at) { $0.apply(half, command, entry.at, answerBytesMax: most) }
        }
    }
#endif
