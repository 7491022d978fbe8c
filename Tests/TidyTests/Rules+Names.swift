// Names that say nothing of what a thing is.

extension Rules {
    private static let emptyFolders: Set = [
        "Utils", "Util", "Utilities", "Helpers", "Helper", "Common", "Misc",
    ]
    private static let emptySuffixes = ["Manager", "Helper", "Handler", "Impl", "Base", "Data"]

    /// A folder is named for a thing, not for "the rest".
    static func folderNames(_ paths: [String]) -> [Finding] {
        paths.filter { path in path.split(separator: "/").contains { emptyFolders.contains(String($0)) } }
            .map { Finding(path: $0, line: 1, problem: "a folder whose name says nothing") }
    }

    /// A type is a noun of the paper or the RFC.
    static func typeNames(_ file: SourceFile) -> [Finding] {
        let declaring: Set = ["struct", "class", "enum", "actor", "protocol", "typealias"]
        return file.tokens.indices.dropLast().compactMap { index in
            guard file.tokens[index].kind == .word, declaring.contains(file.tokens[index].text) else {
                return nil
            }
            let name = file.tokens[index + 1]
            guard emptySuffixes.contains(where: name.text.hasSuffix) else { return nil }
            return file.finding(name.line, "a type name that says nothing: \(name.text)")
        }
    }
}
