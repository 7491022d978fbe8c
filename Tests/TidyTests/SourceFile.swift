// What the rules look at: the files of the package, read from disk, and what they find in them.
import Foundation

/// A file that a rule is broken in, and where.
struct Finding: Equatable, CustomStringConvertible {
    let path: String
    let line: Int
    let problem: String
    var description: String { "\(path):\(line): \(problem)" }
}

/// A Swift file of the package.
struct SourceFile {
    /// From the root of the package: `Sources/Wire/Block.swift`.
    let path: String
    let lines: [Substring]
    let tokens: [Token]

    init(path: String, text: String) {
        self.path = path
        // A final newline ends the last line, and does not begin another.
        lines = (text.hasSuffix("\n") ? text.dropLast() : text[...])
            .split(separator: "\n", omittingEmptySubsequences: false)
        tokens = TidyTests.tokens(of: text)
    }

    /// The room of a file in `Sources`, the test target of one in `Tests`.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    func finding(_ line: Int, _ problem: String) -> Finding {
        Finding(path: path, line: line, problem: problem)
    }
}

/// The checkout that these tests were built from.
enum Checkout {
    /// Links are followed, so that a package that borrows these sources is judged by their own manifest.
    static let root = URL(filePath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The paths of everything below a folder, from the root of the package, sorted.
    static func paths(below folder: String) -> [String] {
        let names = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
        return (names?.compactMap { $0 as? String } ?? []).map { "\(folder)/\($0)" }.sorted()
    }

    static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: root.appending(path: path)), as: UTF8.self)
    }

    static func swiftFiles(below folder: String) throws -> [SourceFile] {
        try paths(below: folder).filter { $0.hasSuffix(".swift") }
            .map { SourceFile(path: $0, text: try text($0)) }
    }
}
