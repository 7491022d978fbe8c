// Every file of the public JSONTestSuite: y_ is accepted, n_ refused, i_ either, and nothing crashes or
// hangs.
import Foundation
import JSON
import Testing

/// JSONTestSuite beside the project, at `../shared/data`; nil where it is absent.
private let suiteFolder: URL? = {
    var folder = URL(filePath: #filePath)
    while folder.path != "/" {
        folder.deleteLastPathComponent()
        let suite = folder.appending(path: "shared/data/JSONTestSuite")
        if FileManager.default.fileExists(atPath: suite.path) { return suite }
    }
    return nil
}()

@Test(
    "JSONTestSuite: y_ accepted, n_ refused, i_ either",
    .enabled(if: suiteFolder != nil, "../shared/data/JSONTestSuite is absent"))
func suite() throws {
    let folder = try #require(suiteFolder)
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        .filter { $0.pathExtension == "json" }
    #expect(files.count > 300)
    for file in files {
        let bytes = [UInt8](try Data(contentsOf: file))
        let found = problem(of: bytes)
        let name = file.lastPathComponent
        if name.hasPrefix("y_") { #expect(found == nil, "\(name) must be accepted") }
        if name.hasPrefix("n_") { #expect(found != nil, "\(name) must be refused") }
        if let found { #expect(found.offset >= 0 && found.offset <= bytes.count, "\(name)") }

        // skipValue accepts the same texts.
        var scanner = Scanner()
        var skipped = true
        do {
            try scanner.skipValue(in: bytes.span)
            skipped = try scanner.next(in: bytes.span) == .end
        } catch {
            skipped = false
        }
        #expect(skipped == (found == nil), "\(name) by skipValue")
    }
}

@Test(
    "a file of JSONTestSuite cut at any byte, or with any byte changed, never crashes",
    .enabled(if: suiteFolder != nil, "../shared/data/JSONTestSuite is absent"))
func mutilated() throws {
    let folder = try #require(suiteFolder)
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        .filter { $0.lastPathComponent.hasPrefix("y_") }
    for file in files {
        let bytes = [UInt8](try Data(contentsOf: file))
        for cut in bytes.indices {
            _ = problem(of: bytes[..<cut])
            var changed = bytes
            changed[cut] ^= 0x80
            if let found = problem(of: changed) { #expect(found.offset <= changed.count) }
        }
    }
}
