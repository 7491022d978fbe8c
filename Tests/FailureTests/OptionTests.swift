// Where options come from: a flag before the environment, that before a file (Interface §12).
import Foundation
import Testing

extension Failures {
    @Suite("Options", .serialized)
    struct Options {
        /// What a node says that starts with these, and ends for the last of them is wrong.
        private func complaint(
            _ arguments: [String], environment: [String] = []
        ) throws -> (end: Int32?, output: String) {
            let run = try Run(Cluster.program, ["serve"] + arguments, environment: environment)
            return (run.end, run.output)
        }

        @Test("a flag goes before the environment, and that before the file")
        func order() throws {
            let folder = try Folder()
            defer { folder.remove() }
            let file = "\(folder.path)/options.json"
            try #"{"listen":"of-the-file","data":"x","insecure-peers":false}"#.write(
                toFile: file, atomically: true, encoding: .utf8)
            let byFile = try complaint(["--config", file])
            #expect(byFile.end == 2 && byFile.output.contains("of-the-file"), "\(byFile)")
            let byVariable = try complaint(
                [], environment: ["RAST_CONFIG=\(file)", "RAST_LISTEN=of-the-environment"])
            #expect(byVariable.end == 2 && byVariable.output.contains("of-the-environment"), "\(byVariable)")
            let byFlag = try complaint(
                ["--listen", "of-the-flag"],
                environment: ["RAST_CONFIG=\(file)", "RAST_LISTEN=of-the-environment"])
            #expect(byFlag.end == 2 && byFlag.output.contains("of-the-flag"), "\(byFlag)")
        }

        @Test(
            "a file that is none is refused with what is wrong in it",
            arguments: [
                (#"{"lisen":"x"}"#, "lisen"), (#"{"listen":["x"]}"#, "listen"), (#"{"listen":"#, "byte"),
                (#"{"data":"a","data":"b"}"#, "twice"), ("[]", "object"),
                (#"{"insecure-peers":"maybe"}"#, "insecure-peers"),
            ])
        func wrongFile(text: String, word: String) throws {
            let folder = try Folder()
            defer { folder.remove() }
            let file = "\(folder.path)/options.json"
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let said = try complaint(["--config", file, "--data", "\(folder.path)/data"])
            #expect(said.end == 2 && said.output.contains(word), "\(said)")
        }

        @Test("--log-format json: each line of the log is one JSON object")
        func jsonLog() throws {
            let folder = try Folder()
            defer { folder.remove() }
            let log = "\(folder.path)/log"
            var node = try Child(
                Cluster.program,
                [
                    "serve", "--listen", "127.0.0.1:0", "--data", "\(folder.path)/data", "--log-format",
                    "json",
                ],
                log: log)
            defer { node.killNow() }
            func lines() -> [Substring] {
                ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").split(separator: "\n")
            }
            try #require(Clock.poll(seconds: 20) { lines().contains { $0.contains("leader in term") } })
            node.send(SIGTERM)
            try #require(node.wait(seconds: 20) == 0)
            for line in lines() {
                let object = try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String], "\(line)")
                #expect(object["time"] != nil && object["level"] != nil && object["message"] != nil)
                #expect(object["node"] == "1")
            }
        }

        @Test("a file that is not there is named")
        func noFile() throws {
            let said = try complaint(["--config", "/nowhere/options.json"])
            #expect(said.end == 2 && said.output.contains("/nowhere/options.json"), "\(said)")
        }
    }
}
