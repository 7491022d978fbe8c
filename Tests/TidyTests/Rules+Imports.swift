// Which room imports what: the arrows of the house, in the manifest and in the sources.

enum Rules {}

extension Rules {
    /// The modules that a file imports, each with its line.
    static func imports(in file: SourceFile) -> [(module: String, line: Int)] {
        let tokens = file.tokens
        let kinds: Set = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
        return tokens.indices.compactMap { index in
            guard tokens[index].text == "import", tokens[index].kind == .word else { return nil }
            var name = index + 1
            if name < tokens.count, kinds.contains(tokens[name].text) { name += 1 }
            return name < tokens.count ? (tokens[name].text, tokens[name].line) : nil
        }
    }

    /// A room imports only the rooms below it, and a pure one nothing of the system.
    static func arrows(_ file: SourceFile, in room: Room) -> [Finding] {
        imports(in: file).filter { module, _ in
            !room.standsOn.contains(module) && !room.systemModules.contains(module)
        }.map { module, line in file.finding(line, "\(room.name) must not import \(module)") }
    }

    /// The manifest draws no arrow that the house does not have.
    static func manifestArrows(_ declared: [String: Set<String>], house: [Room]) -> [Finding] {
        house.flatMap { room in
            (declared[room.name] ?? []).subtracting(room.standsOn).sorted().map { other in
                manifest("\(room.name) must not depend on \(other)")
            }
        }
    }

    /// What a room imports, the manifest names; what the manifest names, some file of the room imports.
    static func agreement(
        _ room: Room, declared: [String: Set<String>], files: [SourceFile]
    ) -> [Finding] {
        guard !files.isEmpty else { return [] }
        guard let declared = declared[room.name] else { return [manifest("no target \(room.name)")] }
        let imported = Set(files.flatMap { imports(in: $0).map(\.module) }).subtracting(room.systemModules)
        return imported.subtracting(declared).sorted().map {
            manifest("\(room.name) imports \($0) and does not name it")
        }
            + declared.subtracting(imported).sorted().map {
                manifest("\(room.name) names \($0) and does not import it")
            }
    }

    private static func manifest(_ problem: String) -> Finding {
        Finding(path: "Package.swift", line: 1, problem: problem)
    }
}
