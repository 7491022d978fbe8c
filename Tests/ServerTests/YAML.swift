// The part of YAML in which openapi.yaml is written: block and flow collections, anchors, literal text.

/// A value of a YAML document. Those that an alias names are one.
final class YAML {
    enum Content {
        case mapping([(name: String, value: YAML)])
        case sequence([YAML])
        case text(String)
        /// Not in quotes: null, true, false, a number, or text.
        case plain(String)
    }
    var content: Content
    /// The first line is 1.
    let line: Int

    init(_ content: Content, line: Int) {
        self.content = content
        self.line = line
    }

    /// The member of that name; nil where there is none, or this is no mapping.
    subscript(_ name: String) -> YAML? { members.first { $0.name == name }?.value }

    var members: [(name: String, value: YAML)] {
        if case .mapping(let members) = content { members } else { [] }
    }

    /// The text of a scalar.
    var text: String? {
        switch content {
        case .text(let text), .plain(let text): text
        case .mapping, .sequence: nil
        }
    }
}

/// Reads a document line by line; throws ``Trouble`` with the line's number.
struct YAMLReader {
    private var lines: [(indent: Int, text: Substring)]
    private var place = 0
    private var anchors: [String: YAML] = [:]

    static func read(_ text: String) throws -> YAML {
        var reader = YAMLReader(text)
        let value = try reader.block(reader.nextIndent() ?? 0)
        guard reader.nextIndent() == nil else { throw reader.trouble("more than one value") }
        return value
    }

    private init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            (line.prefix { $0 == " " }.count, line.drop { $0 == " " })
        }
    }

    private func trouble(_ what: String) -> Trouble {
        Trouble(description: "line \(place + 1): \(what)")
    }

    /// Goes on to the next line that says something. Answers how far it stands in; nil at the end.
    private mutating func nextIndent() -> Int? {
        while place < lines.count, lines[place].text.isEmpty || lines[place].text.hasPrefix("#") {
            place += 1
        }
        return place < lines.count ? lines[place].indent : nil
    }

    // Block style ------------------------------------------------------------------------------------------

    /// The collection whose lines stand in so far.
    private mutating func block(_ indent: Int) throws -> YAML {
        let line = place + 1
        guard nextIndent() == indent else { throw trouble("an indent that fits nothing") }
        if lines[place].text.hasPrefix("- ") {
            var items: [YAML] = []
            while nextIndent() == indent, lines[place].text.hasPrefix("- ") {
                let rest = lines[place].text.dropFirst(2)
                if Self.entry(rest) != nil {
                    // A mapping that begins behind the hyphen.
                    lines[place] = (indent + 2, rest)
                    items.append(try block(indent + 2))
                } else {
                    items.append(try value(rest, indent))
                }
            }
            return YAML(.sequence(items), line: line)
        }
        var members: [(name: String, value: YAML)] = []
        while nextIndent() == indent, !lines[place].text.hasPrefix("- ") {
            guard let (name, rest) = Self.entry(lines[place].text) else { throw trouble("no name") }
            guard !members.contains(where: { $0.name == name }) else { throw trouble("\(name) again") }
            members.append((name, try value(rest, indent)))
        }
        if let next = nextIndent(), next > indent { throw trouble("an indent that fits nothing") }
        return YAML(.mapping(members), line: line)
    }

    /// A line as a name and what follows its colon; nil where it is no such line.
    private static func entry(_ line: Substring) -> (String, Substring)? {
        if let quote = line.first, quote == "'" || quote == "\"" {
            guard let end = line.dropFirst().firstIndex(of: quote) else { return nil }
            let rest = line[line.index(after: end)...]
            guard rest.hasPrefix(":") else { return nil }
            return (String(line[line.index(after: line.startIndex)..<end]), rest.dropFirst())
        }
        if let first = line.first, "{[&*|>".contains(first) { return nil }
        var place = line.startIndex
        while let colon = line[place...].firstIndex(of: ":") {
            let next = line.index(after: colon)
            if next == line.endIndex || line[next] == " " { return (String(line[..<colon]), line[next...]) }
            place = next
        }
        return nil
    }

    /// What stands behind a name or a hyphen, in this line or those below.
    private mutating func value(_ text: Substring, _ indent: Int) throws -> YAML {
        var rest = text.drop { $0 == " " }
        let line = place + 1
        var anchor: String?
        if rest.hasPrefix("&") {
            anchor = String(rest.dropFirst().prefix { $0 != " " })
            rest = rest.drop { $0 != " " }.drop { $0 == " " }
        }
        let value: YAML
        if rest.isEmpty || rest.hasPrefix("#") {
            place += 1
            // A sequence may stand no further in than its name.
            if let next = nextIndent(), next > indent || next == indent && lines[place].text.hasPrefix("- ") {
                value = try block(next)
            } else {
                value = YAML(.plain(""), line: line)
            }
        } else if rest.hasPrefix("|") || rest.hasPrefix(">") {
            value = YAML(.text(literal(rest, indent)), line: line)
        } else {
            var flow = Flow(rest, line: line, anchors: anchors)
            value = try flow.line()
            anchors = flow.anchors
            place += 1
        }
        if let anchor { anchors[anchor] = value }
        return value
    }

    /// Text in lines of their own, as `|` keeps or `>` folds them; with `-` no line's end at the end.
    private mutating func literal(_ mark: Substring, _ indent: Int) -> String {
        place += 1
        var taken: [String] = []
        let inset = place < lines.count ? lines[place].indent : 0
        while place < lines.count, lines[place].text.isEmpty || lines[place].indent > indent {
            let (own, text) = lines[place]
            taken.append(text.isEmpty ? "" : String(repeating: " ", count: max(0, own - inset)) + text)
            place += 1
        }
        while taken.last == "" { taken.removeLast() }
        let text = taken.joined(separator: mark.hasPrefix(">") ? " " : "\n")
        return mark.hasSuffix("-") ? text : text + "\n"
    }
}

/// What stands in one line: a scalar, an alias, or a collection in brackets.
private struct Flow {
    private let characters: [Character]
    private let number: Int
    private var place = 0
    var anchors: [String: YAML]

    init(_ text: Substring, line: Int, anchors: [String: YAML]) {
        characters = Array(text)
        number = line
        self.anchors = anchors
    }

    private var next: Character? { place < characters.count ? characters[place] : nil }

    private func trouble(_ what: String) -> Trouble { Trouble(description: "line \(number): \(what)") }

    private mutating func skipSpaces() { while next == " " { place += 1 } }

    /// The whole line.
    mutating func line() throws -> YAML {
        let value = try value(isInside: false)
        skipSpaces()
        guard next == nil || next == "#" else { throw trouble("more than one value") }
        return value
    }

    private mutating func value(isInside: Bool) throws -> YAML {
        skipSpaces()
        switch next {
        case "&":
            let anchor = word()
            let value = try value(isInside: isInside)
            anchors[anchor] = value
            return value
        case "*":
            let name = word()
            guard let value = anchors[name] else { throw trouble("no anchor \(name)") }
            return value
        case "{": return try mapping()
        case "[": return try sequence()
        case "'", "\"": return YAML(.text(try quoted()), line: number)
        default: return YAML(.plain(plain(isInside: isInside)), line: number)
        }
    }

    /// The name of an anchor.
    private mutating func word() -> String {
        place += 1
        let start = place
        while let next, !" ,]}".contains(next) { place += 1 }
        return String(characters[start..<place])
    }

    private mutating func mapping() throws -> YAML {
        var members: [(name: String, value: YAML)] = []
        try items("}") { reader in
            let name =
                reader.next == "'" || reader.next == "\"" ? try reader.quoted() : reader.plain(isInside: true)
            guard reader.next == ":" else { throw reader.trouble("no colon after \(name)") }
            guard !members.contains(where: { $0.name == name }) else { throw reader.trouble("\(name) again") }
            reader.place += 1
            members.append((name, try reader.value(isInside: true)))
        }
        return YAML(.mapping(members), line: number)
    }

    private mutating func sequence() throws -> YAML {
        var items: [YAML] = []
        try self.items("]") { items.append(try $0.value(isInside: true)) }
        return YAML(.sequence(items), line: number)
    }

    private mutating func items(_ end: Character, _ take: (inout Flow) throws -> Void) throws {
        place += 1
        while true {
            skipSpaces()
            if next == end { break }
            try take(&self)
            skipSpaces()
            guard next == "," || next == end else { throw trouble("neither a comma nor \(end)") }
            if next == "," { place += 1 }
        }
        place += 1
    }

    private mutating func quoted() throws -> String {
        let quote = characters[place]
        var text = ""
        place += 1
        while let character = next {
            place += 1
            if character == quote {
                guard quote == "'", next == "'" else { return text }
                place += 1
                text.append("'")
            } else if character == "\\", quote == "\"", let escaped = next {
                place += 1
                guard let meant = ["n": "\n", "t": "\t", "\"": "\"", "\\": "\\"][escaped] else {
                    throw trouble("an escape that is not known: \(escaped)")
                }
                text.append(meant)
            } else {
                text.append(character)
            }
        }
        throw trouble("a quote without an end")
    }

    private mutating func plain(isInside: Bool) -> String {
        let start = place
        while let character = next {
            let after = place + 1 < characters.count ? characters[place + 1] : " "
            if character == ":", after == " " || isInside && ",]}".contains(after) { break }
            if isInside, ",]}[{".contains(character) { break }
            if character == "#", place > start, characters[place - 1] == " " { break }
            place += 1
        }
        var end = place
        while end > start, characters[end - 1] == " " { end -= 1 }
        return String(characters[start..<end])
    }
}
