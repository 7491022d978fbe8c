// What the store answers to one applied command; the same on every node.

/// The outcome of one applied command.
public enum Reply: Equatable, Sendable {
    /// The value was stored: whether the key was absent before, and the key's numbers from now on.
    case written(created: Bool, revision: Revision, createdRevision: Revision, version: UInt64)
    /// So many keys were removed; the store's revision after it, which is unchanged where none was.
    case deleted(count: Int, revision: Revision)
    /// A condition did not hold, and nothing changed; the key's revision, if it exists.
    case conditionFailed(current: Revision?)
    /// The entry asked for nothing: a new leader's first.
    case none
    /// The command could not be understood, and nothing changed.
    case malformed
}
