// No order of a hash table reaches an output: Swift seeds hashing anew in each process, so nothing walks one.

extension Rules {
    /// Members that walk the table, in whatever order it has today.
    private static let walking: Set = [
        "keys", "values", "map", "flatMap", "compactMap", "mapValues", "compactMapValues", "forEach",
        "reduce",
        "filter", "first", "sorted", "min", "max", "enumerated", "makeIterator", "popFirst", "allSatisfy",
        "joined", "lazy", "prefix", "suffix", "dropFirst", "description",
    ]

    /// The walks over dictionaries and sets in a room.
    ///
    /// A heuristic by name: a stored property counts in all files of the room, since extensions see it; a
    /// local or a parameter in its own file.
    static func hashOrder(_ files: [SourceFile]) -> [Finding] {
        let declared = files.map { hashTables(declaredIn: $0.tokens) }
        let stored = declared.reduce(into: Set<String>()) { $0.formUnion($1.stored) }
        return zip(files, declared).flatMap { file, own in
            walks(over: stored.union(own.local), in: file)
        }
    }

    private static func walks(over names: Set<String>, in file: SourceFile) -> [Finding] {
        let tokens = file.tokens
        return tokens.indices.compactMap { index in
            guard tokens[index].kind == .word, names.contains(tokens[index].text) else { return nil }
            var next = index + 1
            if next < tokens.count, ["?", "!"].contains(tokens[next].text) { next += 1 }
            let after = next < tokens.count ? tokens[next].text : ""
            let member = next + 1 < tokens.count ? tokens[next + 1].text : ""
            let isWalkedByMember = after == "." && walking.contains(member)
            let isWalkedWhole = !["[", ".", "(", ":", "="].contains(after) && isWhole(index, in: tokens)
            guard isWalkedByMember || isWalkedWhole else { return nil }
            return file.finding(tokens[index].line, "walks over the hash table \(tokens[index].text)")
        }
    }

    /// Whether the path that ends at `index` is what a `for` loop runs over, or what an array is made of.
    private static func isWhole(_ index: Int, in tokens: [Token]) -> Bool {
        var start = index
        while start >= 2, tokens[start - 1].text == ".", tokens[start - 2].kind == .word { start -= 2 }
        guard start >= 2 else { return false }
        if tokens[start - 1].text == "(" {
            return ["Array", "ContiguousArray"].contains(tokens[start - 2].text)
        }
        guard tokens[start - 1].text == "in", tokens[start - 1].kind == .word else { return false }
        // The `in` of a closure has its brace between it and any `for` before.
        for token in tokens[..<(start - 1)].reversed() where token.line >= tokens[start - 1].line - 2 {
            if token.kind == .word, token.text == "for" { return true }
            if token.text == "{" { return false }
        }
        return false
    }

    /// The names declared as dictionaries or sets: by their written type, or by what they begin as.
    private static func hashTables(declaredIn tokens: [Token]) -> (stored: Set<String>, local: Set<String>) {
        var stored: Set<String> = []
        var local: Set<String> = []
        var isTypeBody: [Bool] = []
        var opensType = false
        let declaring: Set = ["struct", "class", "enum", "actor", "extension", "protocol"]
        for (index, token) in tokens.enumerated() {
            switch (token.kind, token.text) {
            case (.word, let word) where declaring.contains(word): opensType = true
            case (.symbol, "{"):
                isTypeBody.append(opensType)
                opensType = false
            case (.symbol, "}"): _ = isTypeBody.popLast()
            case (.word, let name)
            where index + 2 < tokens.count && [":", "="].contains(tokens[index + 1].text):
                guard isHashTable(at: index + 2, in: tokens) else { continue }
                let word = index > 0 ? tokens[index - 1].text : ""
                if isTypeBody.last == true, ["let", "var"].contains(word) {
                    stored.insert(name)
                } else {
                    local.insert(name)
                }
            default: continue
            }
        }
        return (stored, local)
    }

    /// Whether `[K: V]`, `Dictionary`, `Set` or a literal of a dictionary stands here.
    private static func isHashTable(at index: Int, in tokens: [Token]) -> Bool {
        let modifiers: Set = ["inout", "borrowing", "consuming", "sending"]
        var start = index
        while start < tokens.count, modifiers.contains(tokens[start].text) { start += 1 }
        guard start < tokens.count else { return false }
        if tokens[start].kind == .word {
            return ["Dictionary", "Set"].contains(tokens[start].text)
        }
        guard tokens[start].text == "[", tokens[start].kind == .symbol else { return false }
        var next = start + 1
        var angles = 0
        while next < tokens.count {
            switch (tokens[next].kind, tokens[next].text) {
            case (.symbol, ":") where angles == 0: return true
            case (.symbol, ",") where angles == 0: return false
            case (.symbol, "]"), (.symbol, "?"): return false
            case (.symbol, "<"), (.symbol, ">"):
                angles += tokens[next].text == "<" ? 1 : -1
                next += 1
            case (.symbol, "("), (.symbol, "["), (.symbol, "{"): next = closing(of: next, in: tokens)
            default: next += 1
            }
        }
        return false
    }
}
