// Commands and records as tests write them: strings in, bytes out.
import KeyValue

extension [UInt8] {
    init(_ text: StaticString) { self = text.withUTF8Buffer { Array($0) } }
}

func putCommand(
    _ key: [UInt8], _ value: [UInt8], type: [UInt8] = [], if precondition: Precondition = .none,
    at: UInt64 = 0
) -> [UInt8] {
    var out: [UInt8] = []
    Command.appendPut(
        key: key.span, value: value.span, contentType: type.span, precondition: precondition,
        at: ClusterTime(milliseconds: at), to: &out)
    return out
}

func deleteCommand(_ key: [UInt8], if precondition: Precondition = .none, at: UInt64 = 0) -> [UInt8] {
    var out: [UInt8] = []
    Command.appendDelete(
        key: key.span, precondition: precondition, at: ClusterTime(milliseconds: at), to: &out)
    return out
}

func noneCommand(at: UInt64) -> [UInt8] {
    var out: [UInt8] = []
    Command.appendNone(at: ClusterTime(milliseconds: at), to: &out)
    return out
}

/// A record's fields, comparable.
struct Row: Equatable {
    let key: [UInt8]
    let value: [UInt8]
    let type: [UInt8]
    let revision: Revision
    let createdRevision: Revision
    let version: UInt64

    init(_ record: Record) {
        key = record.key
        value = record.value
        type = record.withContentType { bytes in bytes.withUnsafeBufferPointer { Array($0) } }
        revision = record.revision
        createdRevision = record.createdRevision
        version = record.version
    }
}

extension Store {
    /// Applies a command as the log's next entry.
    mutating func apply(_ command: [UInt8]) -> Reply { apply(command.span, index: appliedIndex + 1) }

    mutating func apply(_ command: String) -> Reply { apply(Array(command.utf8)) }

    mutating func put(_ key: String, _ value: String, if precondition: Precondition = .none) -> Reply {
        apply(putCommand(Array(key.utf8), Array(value.utf8), if: precondition))
    }

    mutating func delete(_ key: String, if precondition: Precondition = .none) -> Reply {
        apply(deleteCommand(Array(key.utf8), if: precondition))
    }

    func row(_ key: [UInt8]) -> Row? { record(key.span).map { Row($0) } }

    func row(_ key: String) -> Row? { row(Array(key.utf8)) }

    func rows() -> [Row] {
        var rows: [Row] = []
        forEach(in: .all) { record in
            rows.append(Row(record))
            return true
        }
        return rows
    }
}
