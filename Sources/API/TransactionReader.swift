// The content of POST /txn: strict JSON, and every error names its place (Interface §1, §2).
internal import JSON
public import KeyValue

extension Transaction {
    /// Reads a transaction as a client writes it.
    ///
    /// - Parameters:
    ///   - content: the whole content of the request.
    ///   - valueBytesMax: the largest value that may be put.
    /// - Throws: a refusal that says what is wrong and where: a byte, or a path such as `/then/3/put/key`.
    public init(reading content: Span<UInt8>, valueBytesMax: Int) throws(Refusal) {
        var reader = TransactionReader(valueBytesMax: valueBytesMax)
        self = try reader.read(content)
    }
}

/// Reads a transaction, and knows where in it it is.
struct TransactionReader {
    private var scanner = Scanner()
    let valueBytesMax: Int
    /// The names and places that lead to what is being read.
    private var path: [Part] = []

    enum Part {
        case name(StaticString)
        case place(Int)
        case unknown(String)
    }

    init(valueBytesMax: Int) { self.valueBytesMax = valueBytesMax }

    mutating func read(_ content: Span<UInt8>) throws(Refusal) -> Transaction {
        var transaction = Transaction()
        var seen = Names()
        guard try next(content) == .objectStart else {
            throw bad("an object such as {\"if\":[…],\"then\":[…],\"else\":[…]} was expected")
        }
        while let name = try nextName(content, of: ["if", "then", "else"], &seen) {
            switch name {
            case 0:
                transaction.comparisons = try elements(content) { reader throws(Refusal) in
                    try reader.comparison(content)
                }
            case 1: transaction.then = try steps(content)
            default: transaction.otherwise = try steps(content)
            }
            leave()
        }
        // Whatever follows the object is an error of its own.
        _ = try next(content)
        try checkCounts(transaction)
        try check(transaction.then, "then")
        try check(transaction.otherwise, "else")
        return transaction
    }

    private mutating func steps(_ content: Span<UInt8>) throws(Refusal) -> [Transaction.Step] {
        try elements(content) { reader throws(Refusal) in try reader.step(content) }
    }

    private mutating func checkCounts(_ transaction: Transaction) throws(Refusal) {
        let most = Transaction.operationsMax
        if transaction.comparisons.count > most {
            path = [.name("if"), .place(most)]
            throw bad("a transaction has at most \(most) conditions", .badRequest)
        }
        let (first, second) = (transaction.then.count, transaction.otherwise.count)
        guard first + second > most else { return }
        path = first > most ? [.name("then"), .place(most)] : [.name("else"), .place(most - first)]
        throw bad("a transaction has at most \(most) operations in all", .badRequest)
    }

    private mutating func check(_ steps: [Transaction.Step], _ branch: StaticString) throws(Refusal) {
        guard let place = Transaction.conflict(in: steps) else { return }
        path = [.name(branch), .place(place)]
        switch steps[place] {
        case .put: path += [.name("put"), .name("key")]
        case .delete: path += [.name("delete"), .name("key")]
        case .deleteAll: path += [.name("delete"), .name("prefix")]
        case .get, .list: break
        }
        throw bad("an operation before it writes the same key", .duplicateKey)
    }

    // MARK: Parts that the rest is made of

    /// Which names of an object have been there.
    struct Names {
        fileprivate var seen: UInt32 = 0
        func has(_ place: Int) -> Bool { seen & 1 << UInt32(place) != 0 }
        mutating func add(_ place: Int) { seen |= 1 << UInt32(place) }
    }

    /// What is wrong with what is being read.
    func bad(_ what: String, _ code: Code = .badJSON, status: Int = 400) -> Refusal {
        var place = ""
        for part in path {
            switch part {
            case .name(let name): place += "/\(name)"
            case .place(let number): place += "/\(number)"
            case .unknown(let name):
                // RFC 6901 §3.
                place += "/" + name.prefix(64).replacing("~", with: "~0").replacing("/", with: "~1")
            }
        }
        return Refusal(status, code, "At \(place.isEmpty ? "byte 0" : place): \(what).")
    }

    mutating func next(_ content: Span<UInt8>) throws(Refusal) -> Token {
        do throws(SyntaxError) {
            return try scanner.next(in: content)
        } catch {
            throw Refusal(400, .badJSON, "At byte \(error.offset): \(error.problem.message).")
        }
    }

    mutating func expectObject(_ content: Span<UInt8>, _ example: StaticString) throws(Refusal) {
        guard try next(content) == .objectStart else {
            throw bad("an object such as \(example) was expected")
        }
    }

    /// The place, among `names`, of the object's next member, whose value is read next and is then left with
    /// ``leave()``; nil: the object ends.
    mutating func nextName(
        _ content: Span<UInt8>, of names: [StaticString], _ seen: inout Names
    ) throws(Refusal) -> Int? {
        guard case .name(let text) = try next(content) else { return nil }
        for place in names.indices where text.equals(names[place], in: content) {
            path.append(.name(names[place]))
            guard !seen.has(place) else { throw bad("the name is given twice") }
            seen.add(place)
            return place
        }
        var name: [UInt8] = []
        text.append(from: content, to: &name)
        path.append(.unknown(String(decoding: name, as: UTF8.self)))
        let known = names.map { "\($0)" }.joined(separator: ", ")
        throw bad("the name is not known here; known are \(known)")
    }

    /// The value of a member has been read.
    mutating func leave() { path.removeLast() }

    /// The elements of an array of objects.
    private mutating func elements<Element>(
        _ content: Span<UInt8>, _ read: (inout TransactionReader) throws(Refusal) -> Element
    ) throws(Refusal) -> [Element] {
        guard try next(content) == .arrayStart else { throw bad("an array was expected") }
        var elements: [Element] = []
        while true {
            path.append(.place(elements.count))
            switch try next(content) {
            case .arrayEnd:
                leave()
                return elements
            case .objectStart: elements.append(try read(&self))
            case .objectEnd, .arrayStart, .name, .string, .number, .boolean, .null, .end:
                throw bad("an object was expected")
            }
            leave()
        }
    }

    mutating func string(_ content: Span<UInt8>) throws(Refusal) -> [UInt8] {
        guard case .string(let text) = try next(content) else { throw bad("a string was expected") }
        var bytes: [UInt8] = []
        text.append(from: content, to: &bytes)
        return bytes
    }

    mutating func base64(_ content: Span<UInt8>) throws(Refusal) -> [UInt8] {
        guard case .string(let text) = try next(content) else { throw bad("a string was expected") }
        var bytes: [UInt8] = []
        guard text.appendBase64Decoded(from: content, to: &bytes) else {
            throw bad("this is not base64 (RFC 4648 §4, padded)")
        }
        return bytes
    }

    mutating func key(_ content: Span<UInt8>) throws(Refusal) -> [UInt8] {
        let key = try string(content)
        guard !key.isEmpty else { throw bad("the key is empty", .badKey) }
        guard key.count <= Command.keyBytesMax else {
            throw bad("the key has \(key.count) bytes; at most \(Command.keyBytesMax) are taken", .badKey)
        }
        return key
    }

    mutating func number(_ content: Span<UInt8>) throws(Refusal) -> UInt64 {
        guard case .number(let digits) = try next(content), let number = unsignedInteger(digits, in: content)
        else { throw bad("an integer from 0 to 9007199254740991 was expected") }
        return number
    }
}
