// The rules of the house, held against the package as it stands on disk.
import Testing

@Suite("The house keeps its rules")
struct HouseTests {
    let sources: [SourceFile]
    let tests: [SourceFile]
    let declared: [String: Set<String>]

    init() throws {
        sources = try Checkout.swiftFiles(below: "Sources")
        tests = try ["Tests", "Fuzz/Targets", "Fuzz/Driver"].flatMap(Checkout.swiftFiles)
        declared = manifestDependencies(in: tokens(of: try Checkout.text("Package.swift")))
    }

    private func files(of room: Room) -> [SourceFile] { sources.filter { $0.target == room.name } }

    private func expectNone(_ findings: [Finding], _ place: SourceLocation = #_sourceLocation) {
        for finding in findings { Issue.record("\(finding)", sourceLocation: place) }
    }

    @Test("the files and the manifest are found at all")
    func somethingIsRead() {
        #expect(sources.contains { $0.path == "Sources/Consensus/Names.swift" })
        #expect(tests.contains { $0.path == "Tests/TidyTests/HouseTests.swift" })
        #expect(declared["Wire"]?.contains("CZlib") == true)
        #expect(declared["rast"]?.contains("ArgumentParser") == true)
    }

    @Test("every folder of Swift files in Sources is a room of the house")
    func noUnknownRooms() {
        #expect(Set(sources.map(\.target)).subtracting(house.map(\.name)).sorted() == [])
    }

    @Test("a room imports only the rooms below it, and a pure one nothing of the system")
    func arrows() {
        for room in house { expectNone(files(of: room).flatMap { Rules.arrows($0, in: room) }) }
    }

    @Test("the manifest draws the same arrows as the imports")
    func manifest() {
        expectNone(Rules.manifestArrows(declared, house: house))
        for room in house {
            expectNone(Rules.agreement(room, declared: declared, files: files(of: room)))
        }
    }

    @Test("the package that fuzzes draws the same arrows")
    func fuzzing() throws {
        let fuzzed = manifestDependencies(in: tokens(of: try Checkout.text("Fuzz/Package.swift")))
        #expect(fuzzed["Replica"] != nil && fuzzed["Snapshot"] != nil)
        for room in house {
            if let arrows = fuzzed[room.name] { #expect(arrows == declared[room.name], "\(room.name)") }
        }
    }

    @Test("the image's build sees every folder that the manifest names")
    func image() throws {
        let manifest = tokens(of: try Checkout.text("Package.swift"))
        let named = manifest.indices.dropFirst(2).filter { place in
            manifest[place].kind == .string && manifest[place - 1].text == ":"
                && manifest[place - 2].text == "path"
        }
        #expect(named.count > 3)
        let folders = Set(["Sources"] + named.compactMap { manifest[$0].text.split(separator: "/").first })
        let lines = try Checkout.text(".dockerignore").split(separator: "\n")
        for folder in folders.sorted() { #expect(lines.contains("!\(folder)"), "\(folder)") }
    }

    @Test("pure rooms know no clock, no chance, no thread and no terminal")
    func purity() {
        for room in house where room.isPure { expectNone(files(of: room).flatMap(Rules.impurities)) }
    }

    @Test("pure rooms walk over no hash table")
    func order() {
        for room in house where room.isPure { expectNone(Rules.hashOrder(files(of: room))) }
    }

    @Test("the switches of the state machines name every case")
    func exhaustiveSwitches() {
        let machines: Set = ["Consensus", "Replica", "Journal"]
        expectNone(sources.filter { machines.contains($0.target) }.flatMap(Rules.defaults))
    }

    @Test("a file's first line says its job")
    func firstLines() { expectNone((sources + tests).flatMap(Rules.firstLine)) }

    @Test("lines have at most 110 columns")
    func lineWidths() { expectNone((sources + tests).flatMap(Rules.lineWidth)) }

    @Test("files have at most 400 lines, functions at most 60")
    func sizes() {
        expectNone(sources.flatMap(Rules.fileLength))
        expectNone(sources.flatMap(Rules.functionLength))
    }

    @Test("folders and types have names that say something")
    func names() {
        expectNone(Rules.folderNames(["Sources", "Tests", "Benchmarks"].flatMap(Checkout.paths)))
        expectNone(sources.flatMap(Rules.typeNames))
    }

    @Test("nothing is left to be done later")
    func finished() { expectNone(sources.flatMap(Rules.notesToSelf)) }

    @Test("nothing is forced, no error is swallowed, and tests see only what is public")
    func traps() {
        expectNone(sources.flatMap(Rules.forced))
        expectNone(sources.flatMap(Rules.silentCatch))
        expectNone(sources.filter { $0.target != "rast" }.flatMap(Rules.fatalErrors))
        expectNone((sources + tests).flatMap(Rules.testable))
    }
}
