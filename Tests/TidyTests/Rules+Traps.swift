// Constructs that stop the process, swallow an error, or let in what a pure room must not know.

extension Rules {
    /// `try!` and `as!`.
    static func forced(_ file: SourceFile) -> [Finding] {
        zip(file.tokens, file.tokens.dropFirst()).compactMap { word, mark in
            guard ["try", "as"].contains(word.text), word.kind == .word, mark.text == "!", mark.isAdjacent
            else { return nil }
            return file.finding(word.line, "\(word.text)!")
        }
    }

    static func fatalErrors(_ file: SourceFile) -> [Finding] {
        words(["fatalError"], in: file).map { file.finding($0.line, "fatalError") }
    }

    static func testable(_ file: SourceFile) -> [Finding] {
        zip(file.tokens, file.tokens.dropFirst()).filter { $0.text == "@" && $1.text == "testable" }
            .map { file.finding($1.line, "@testable: tests use what is public") }
    }

    /// A `catch` that does nothing: an error is handled, mapped or said.
    static func silentCatch(_ file: SourceFile) -> [Finding] {
        let tokens = file.tokens
        return tokens.indices.compactMap { index in
            guard tokens[index].text == "catch", tokens[index].kind == .word,
                let open = tokens[index...].firstIndex(where: { $0.kind == .symbol && $0.text == "{" }),
                open + 1 < tokens.count, tokens[open + 1].kind == .symbol, tokens[open + 1].text == "}"
            else { return nil }
            return file.finding(tokens[index].line, "a catch that does nothing")
        }
    }

    /// A `default:`, which would let a new case of a state machine pass unseen.
    static func defaults(_ file: SourceFile) -> [Finding] {
        zip(file.tokens, file.tokens.dropFirst())
            .filter { $0.kind == .word && $0.text == "default" && $1.text == ":" }
            .map { word, _ in file.finding(word.line, "default: in a state machine") }
    }

    /// Notes of what is still to be done: they belong to the issues.
    static func notesToSelf(_ file: SourceFile) -> [Finding] {
        file.lines.enumerated().filter { _, line in
            line.split(whereSeparator: { !$0.isLetter }).contains {
                ["TODO", "FIXME", "XXX", "HACK"].contains($0)
            }
        }.map { file.finding($0.offset + 1, "a note of what is still to be done") }
    }

    /// Clocks, chance, threads and terminals in a pure room.
    static func impurities(_ file: SourceFile) -> [Finding] {
        let banned: Set = [
            "ContinuousClock", "SuspendingClock", "SystemRandomNumberGenerator", "randomElement", "shuffled",
            "hashValue", "Task", "async", "await", "print", "debugPrint", "readLine",
        ]
        let ungiven = file.tokens.indices.filter { index in
            // `.random(in: range)` draws from the system; `.random(in: range, using: &given)` does not.
            guard file.tokens[index].text == "random", index + 1 < file.tokens.count,
                file.tokens[index + 1].text == "("
            else { return false }
            return !file.tokens[index..<closing(of: index + 1, in: file.tokens)].contains {
                $0.text == "using"
            }
        }.map { file.tokens[$0] }
        return (words(banned, in: file) + ungiven).map {
            file.finding($0.line, "\($0.text) in a pure room")
        }
    }

    private static func words(_ wanted: Set<String>, in file: SourceFile) -> [Token] {
        file.tokens.filter { $0.kind == .word && wanted.contains($0.text) }
    }
}
