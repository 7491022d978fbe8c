// How large a line, a function and a file may be, and how each file begins.

extension Rules {
    static let lineColumnsMax = 110
    static let functionLinesMax = 60
    static let fileLinesMax = 400

    /// The first line says the file's job.
    static func firstLine(_ file: SourceFile) -> [Finding] {
        let line = file.lines.first ?? ""
        let words = line.dropFirst(3).split(separator: " ")
        let isJob = line.hasPrefix("// ") && words.count >= 3 && !line.hasSuffix(".swift")
        return isJob ? [] : [file.finding(1, "the first line is not a comment that says the file's job")]
    }

    static func lineWidth(_ file: SourceFile) -> [Finding] {
        file.lines.enumerated().filter { $0.element.count > lineColumnsMax }.map { number, line in
            file.finding(number + 1, "\(line.count) columns, more than \(lineColumnsMax)")
        }
    }

    static func fileLength(_ file: SourceFile) -> [Finding] {
        guard file.lines.count > fileLinesMax else { return [] }
        return [file.finding(fileLinesMax + 1, "\(file.lines.count) lines, more than \(fileLinesMax)")]
    }

    /// Functions, initializers, subscripts and computed properties, counted from the word that declares
    /// them to their closing brace.
    static func functionLength(_ file: SourceFile) -> [Finding] {
        file.tokens.indices.compactMap { index in
            guard let open = body(declaredAt: index, in: file.tokens) else { return nil }
            let first = file.tokens[index].line
            let last = file.tokens[closing(of: open, in: file.tokens) - 1].line
            guard last - first + 1 > functionLinesMax else { return nil }
            return file.finding(first, "a body of \(last - first + 1) lines, more than \(functionLinesMax)")
        }
    }

    /// Where the body begins of what the word at `index` declares, if it declares something with a body.
    private static func body(declaredAt index: Int, in tokens: [Token]) -> Int? {
        let word = tokens[index]
        let declaring: Set = ["func", "init", "deinit", "subscript", "var"]
        let ending: Set = ["func", "init", "deinit", "subscript", "var", "let", "case", "static", "mutating"]
        guard word.kind == .word, declaring.contains(word.text) else { return nil }
        if index > 0, tokens[index - 1].text == "." { return nil }
        var next = index + 1
        while next < tokens.count {
            let token = tokens[next]
            // Without a body, as in a protocol or a stored property, the next declaration or statement comes.
            if token.kind == .word, ending.contains(token.text) { return nil }
            if word.text == "var", token.line != tokens[next - 1].line { return nil }
            if token.kind == .symbol {
                switch token.text {
                case "{": return next
                case "}": return nil
                case "=" where word.text == "var": return nil
                case "(", "[":
                    next = closing(of: next, in: tokens)
                    continue
                default: break
                }
            }
            next += 1
        }
        return nil
    }
}
