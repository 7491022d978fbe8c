// What `rast simulate` tells of a seed that fails: enough to see it again.
import Foundation
import Testing

extension Failures {
    @Suite("Simulate")
    struct Simulating {
        @Test("a seed that fails is told with its last events and the command that runs it again")
        func again() throws {
            let flags = ["--sabotage", "acknowledgeBeforeSync", "--seeds", "100", "--until-failure"]
            let run = try Run(Cluster.program, ["simulate"] + flags, seconds: 60)
            try #require(run.end == 1, "\(run)")
            let mark = try #require(run.output.range(of: "run it again: rast "), "\(run)")
            let command = run.output[mark.upperBound...].prefix { $0 != "\n" }
            // Seed, moment, invariant, events.
            let told = run.output[..<mark.lowerBound]
            #expect(told.hasPrefix("seed ") && told.contains(" ms: "))
            #expect(told.contains("\nthe last events:\n"))
            #expect(told.split(separator: "\n").count > 5, "\(told)")
            let again = try Run(Cluster.program, command.split(separator: " ").map(String.init))
            #expect(again.end == 1)
            #expect(again.output.hasPrefix(told), "\(again)")
        }
    }
}
