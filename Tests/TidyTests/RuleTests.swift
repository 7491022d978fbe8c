// Each rule can fail: a small source that breaks it, and one beside it that does not.
import Testing

@Suite("Each rule finds what it is for")
struct RuleTests {
    private func source(_ text: String, in target: String = "Room") -> SourceFile {
        SourceFile(path: "Sources/\(target)/File.swift", text: text)
    }

    private func lines(_ findings: [Finding]) -> [Int] { findings.map(\.line) }

    // MARK: Tokens

    @Test("comments are no tokens, and strings are one, whatever stands in them")
    func scanning() {
        let text = #"""
            let a = "x // \(f("}")) { \" y" /* one /* two */ { */ + b // }
            let c = """
                " { "
                """
            let d = UInt8(ascii: "\"")
            """#
        let found = tokens(of: text)
        #expect(
            found.map(\.text) == [
                "let", "a", "=", #"x // \(f("}")) { \" y"#, "+", "b",
                "let", "c", "=", "\n    \" { \"\n    ",
                "let", "d", "=", "UInt8", "(", "ascii", ":", #"\""#, ")",
            ])
        #expect(found.last?.line == 5)
        #expect(tokens(of: ##"#"a " \("# b"##).map(\.text) == [#"a " \("#, "b"])
    }

    @Test("a token knows whether it touches the one before")
    func adjacency() {
        #expect(tokens(of: "try! a !b").map(\.isAdjacent) == [false, true, false, false, true])
    }

    // MARK: Imports

    private let wire = Room(
        name: "Wire", isPure: true, standsOn: ["Consensus", "CZlib"], systemModules: [])

    @Test("an import of the system or of a room above is found, in every way to write it")
    func arrows() {
        let file = source(
            """
            // import Foundation
            public import Consensus
            internal import CZlib
            @preconcurrency import Glibc
            import struct Replica.Ticket
            let text = "import Dispatch"
            """)
        #expect(lines(Rules.arrows(file, in: wire)) == [4, 5])
    }

    @Test("the manifest is read: targets, their rooms and their products")
    func manifest() {
        let declared = manifestDependencies(
            in: tokens(
                of: """
                    .package(url: "https://example.org/x", from: "1.0.0"),
                    room("Wire", ["Consensus", "JSON"], settings: pure), // "Replica"
                    .executableTarget(
                        name: "rast",
                        dependencies: ["Server", .product(name: "Logging", package: "swift-log")]),
                    .target(name: "CLinux"),
                    """))
        #expect(declared == ["Wire": ["Consensus", "JSON"], "rast": ["Server", "Logging"], "CLinux": []])
    }

    @Test("an arrow that only the manifest has is found, and one that only the sources have")
    func agreement() {
        let files = [source("import Consensus\n")]
        let declared: [String: Set<String>] = ["Wire": ["CZlib", "Replica"]]
        #expect(Rules.manifestArrows(declared, house: [wire]).count == 1)
        #expect(
            Rules.agreement(wire, declared: declared, files: files).map(\.problem) == [
                "Wire imports Consensus and does not name it",
                "Wire names CZlib and does not import it",
                "Wire names Replica and does not import it",
            ])
        #expect(Rules.agreement(wire, declared: ["Wire": ["Consensus"]], files: files) == [])
    }

    // MARK: Sizes

    @Test("a first line that is not a comment, or says nothing, is found")
    func firstLine() {
        #expect(Rules.firstLine(source("// The bytes of entries, on disk and on the wire.\n")) == [])
        for text in [
            "import Wire\n", "\n// A job in words.\n", "//\n//  Block.swift\n", "// Block.swift\n", "",
        ] {
            #expect(lines(Rules.firstLine(source(text))) == [1])
        }
    }

    @Test("the 111th column and the 401st line are too many")
    func linesAndFiles() {
        let wide = String(repeating: "é", count: 110)
        #expect(lines(Rules.lineWidth(source("\n\(wide)\n\(wide)x\n"))) == [3])
        #expect(Rules.fileLength(source(String(repeating: "\n", count: 400))) == [])
        #expect(lines(Rules.fileLength(source(String(repeating: "\n", count: 401)))) == [401])
    }

    @Test(
        "a body of more than 60 lines is found, whatever it belongs to",
        arguments: [
            "func a<T>(_ b: [Int: (T) -> Void]) throws(E) -> [T] where T: P", "init?(a: Int)",
            "var a: Int", "subscript(a: Int) -> Int", "deinit",
        ])
    func functions(head: String) {
        func text(bodyLines: Int) -> String {
            "struct S {\n\(head) {\n" + String(repeating: "x\n", count: bodyLines) + "}\n}\n"
        }
        #expect(Rules.functionLength(source(text(bodyLines: 58))) == [])
        #expect(lines(Rules.functionLength(source(text(bodyLines: 59)))) == [2])
    }

    @Test("what has no body does not borrow the next one")
    func noBody() {
        let long = "{\n" + String(repeating: "x\n", count: 70) + "}\n"
        #expect(Rules.functionLength(source("protocol P {\nfunc a() -> Int\nvar b: Int { get }\n}\n")) == [])
        #expect(Rules.functionLength(source("var a: Int\nif b \(long)")) == [])
        #expect(Rules.functionLength(source("var a = list.map \(long)")) == [])
        #expect(Rules.functionLength(source("self.init(a)\nif b \(long)")) == [])
    }

    // MARK: Names

    @Test("folders and types whose names say nothing are found")
    func names() {
        let paths = ["Sources/Wire/Block.swift", "Sources/Wire/Utils/A.swift", "Tests/Common"]
        #expect(Rules.folderNames(paths).map(\.path) == Array(paths.dropFirst()))
        let file = source(
            """
            struct PeerManager {}
            enum Entry {}
            class Base {}
            final class LogHandler {}
            // struct AHelper
            """)
        #expect(lines(Rules.typeNames(file)) == [1, 3, 4])
    }

    // MARK: Traps

    @Test("forced tries and casts are found, and a negation after try is not")
    func forced() {
        #expect(lines(Rules.forced(source("try! a\nb as! C\ntry !a\n\"try!\"\ntry? a\n"))) == [1, 2])
    }

    @Test("fatalError and @testable are found")
    func words() {
        let file = source("@testable import A\nfatalError(\"x\")\n// fatalError\n")
        #expect(lines(Rules.testable(file)) == [1])
        #expect(lines(Rules.fatalErrors(file)) == [2])
    }

    @Test("a catch that does nothing is found, also with a comment in it")
    func silentCatch() {
        let file = source(
            """
            do { try a() } catch {}
            do { try a() } catch let error as E where error.b {
                // It cannot matter.
            }
            do { try a() } catch { return error }
            """)
        #expect(lines(Rules.silentCatch(file)) == [1, 2])
    }

    @Test("a default case is found, and a default argument or property is not")
    func defaults() {
        let file = source("case .a: 1\ndefault: 2\nlet default = 3\nf(\"default:\")\n")
        #expect(lines(Rules.defaults(file)) == [2])
    }

    @Test("a note to oneself is found, also in a comment")
    func notesToSelf() {
        let note = "TO" + "DO"
        #expect(lines(Rules.notesToSelf(source("let a = 1\n// \(note): b\nlet \(note)S = 2\n"))) == [2])
    }

    @Test("clocks, chance and threads are found in a pure room; chance that was given is not")
    func impurities() {
        let file = source(
            """
            let now = ContinuousClock.now
            let a = Int.random(in: 0..<9)
            let b = Int.random(in: 0..<9, using: &given)
            func c() async {}
            random.next()
            """)
        #expect(lines(Rules.impurities(file)).sorted() == [1, 2, 4])
    }

    // MARK: Order

    @Test(
        "a walk over a hash table is found",
        arguments: [
            "for a in seen {}", "for (a, b) in self.seen where a > 1 {}", "seen.forEach { use($0) }",
            "return seen.keys.sorted()", "seen?.values", "let a = Array(seen)", "peers.seen.map { $0 }",
            "let a = seen.first",
        ])
    func walks(use: String) {
        for declaration in [
            "var seen: [NodeID: Int]", "let seen: Set<Int>", "let seen = Set(ids)",
            "var seen: Dictionary<A, B>",
            "var seen: [Pair<A, B>: [Int]]", "var seen = [A: B]()", "var seen = [1: 2]",
        ] {
            #expect(lines(Rules.hashOrder([source("\(declaration)\n\(use)\n")])) == [2], "\(declaration)")
        }
        #expect(lines(Rules.hashOrder([source("func f(_ seen: inout [A: B]) {\n\(use)\n}\n")])) == [2])
        for declaration in ["var seen: [Int]", "let seen: [(a: A, b: B)]", "let seen = [a ? b : c]"] {
            #expect(Rules.hashOrder([source("\(declaration)\n\(use)\n")]) == [], "\(declaration)")
        }
    }

    @Test(
        "looking something up is no walk",
        arguments: [
            "seen[a] = b", "if seen.contains(a) {}", "seen.count", "for a in seen[b] {}", "seen.insert(a)",
            "list.map { a in seen[a] }", "seen = [:]", "a(in: seen)",
        ])
    func lookups(use: String) {
        #expect(Rules.hashOrder([source("var seen: [Int: Int]\n\(use)\n")]) == [])
    }

    @Test("a stored table is known in the other files of its room, a local one is not")
    func scope() {
        let use = SourceFile(path: "Sources/Room/Use.swift", text: "for a in seen {}\n")
        let stored = source("struct S {\n    var seen: [Int: Int]\n}\n")
        let local = source("struct S {\n    func f() {\n        var seen: [Int: Int]\n    }\n}\n")
        #expect(Rules.hashOrder([stored, use]).map(\.path) == [use.path])
        #expect(Rules.hashOrder([local, use]) == [])
    }
}
