// What every response says, and how it goes out (Interface §5).
public import HTTP
internal import JSON

/// The fields that stand on every response of a node, ready as bytes.
public struct Context: Sendable {
    /// `Date` and `Rast-Node`.
    @usableFromInline var lines: [UInt8] = []
    private let node: UInt64

    /// Says nothing.
    init() { node = 0 }

    /// - Parameter node: this node's id.
    public init(node: UInt64) {
        self.node = node
        setTime(secondsSince1970: 0)
    }

    /// Sets the time that responses carry; to be called once a second.
    public mutating func setTime(secondsSince1970: Int) {
        lines.removeAll(keepingCapacity: true)
        Writer.appendDate(secondsSince1970: secondsSince1970, to: &lines)
        lines.append(literal: "Rast-Node: ")
        lines.append(decimal: node)
        lines.append(literal: "\r\n")
    }
}

/// How a response goes out: with or without its content, and whether the connection goes on after it.
public struct Manner: Sendable, Equatable {
    /// The request was a HEAD: the same head, no content.
    public var isHead: Bool
    public var isVersion10: Bool
    /// Whether another request may follow.
    public var keepAlive: Bool

    public init(isHead: Bool = false, isVersion10: Bool = false, keepAlive: Bool = true) {
        self.isHead = isHead
        self.isVersion10 = isVersion10
        self.keepAlive = keepAlive
    }

    /// The manner that a request asks for.
    public init(_ head: borrowing RequestHead) {
        self.init(isHead: head.method == .head, isVersion10: head.isVersion10, keepAlive: head.keepAlive)
    }

    /// The same, and the end of the connection.
    public var closing: Manner { Manner(isHead: isHead, isVersion10: isVersion10, keepAlive: false) }
}
