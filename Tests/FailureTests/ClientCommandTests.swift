// The commands of a client against a real cluster: what they print, and what they exit with (Interface §12).
import Foundation
import Testing

extension Failures {
    @Suite("Client commands", .serialized)
    struct ClientCommands {
        @Test("keys, conditions, lists and leadership, each with its exit status")
        func sequence() throws {
            try withCluster { cluster in
                _ = try cluster.newLeader()
                let urls = cluster.ids.map { cluster[$0].url }.joined(separator: ",")
                func rast(_ arguments: String..., environment: [String]? = nil) throws -> Run {
                    try Run(
                        Cluster.program, arguments, environment: environment ?? ["RAST_ENDPOINTS=\(urls)"])
                }
                func expect(_ run: Run, _ end: Int32, _ output: String) throws {
                    try #require(run.end == end && run.output == output, "\(run)")
                }
                try expect(rast("put", "a", "one"), 0, "2\n")
                try expect(rast("get", "a"), 0, "one")
                try expect(
                    rast("put", "a", "two", "--if-absent"), 1,
                    "rast: nothing was stored: the key \"a\" is at revision 2.\n")
                try expect(rast("put", "a", "two", "--if-revision", "2"), 0, "3\n")
                try expect(
                    rast("get", "a", "--output", "json"), 0,
                    #"{"key":"a","value":"two","encoding":"utf-8","contentType":"application/octet-stream","#
                        + #""revision":3,"createdRevision":2,"version":2}"# + "\n")
                try expect(rast("put", "b", "line\nend"), 0, "4\n")
                try expect(rast("list"), 0, "a\t3\ttwo\nb\t4\tline\\nend\n")
                try expect(rast("list", "b", "--keys"), 0, "b\n")
                try expect(rast("delete", "a"), 0, "5\n")
                try expect(rast("get", "a"), 1, "rast: there is no key \"a\".\n")
                let target = try #require(cluster.ids.first { $0 != (try? cluster.newLeader()) })
                try expect(rast("transfer-leader", "\(target)"), 0, "Node \(target) leads.\n")
                let other = try rast("transfer-leader")
                try #require(
                    other.end == 0 && other.output.hasPrefix("Node ")
                        && other.output != "Node \(target) leads.\n",
                    "\(other)")
                try expect(rast("health", cluster[1].url, "--ready"), 0, "\(cluster[1].url) is ready\n")
                let status = try rast("status")
                try #require(status.end == 0 && status.output.contains("led by node "), "\(status)")
                // Two of three gone: nobody leads, which is no fault of the request.
                for id in cluster.ids.dropFirst() { cluster.kill(id) }
                let lone = cluster[cluster.ids[0]].url
                for arguments in [["get", "b"], ["put", "b", "x"], ["list"], ["status"]] {
                    let run = try Run(
                        Cluster.program, arguments + ["--endpoints", lone, "--timeout", "1500ms"])
                    try #require(run.end == 3, "\(arguments): \(run)")
                }
                try expect(
                    rast("get", "b", "--consistency", "local", "--endpoints", lone), 0, "line\nend")
                cluster.kill(cluster.ids[0])
                let nobody = try rast("health", lone)
                try #require(nobody.end == 1 && nobody.output.contains("is not reached"), "\(nobody)")
            }
        }

        @Test("completions for each shell", arguments: ["bash", "zsh", "fish"])
        func completions(shell: String) throws {
            let run = try Run(Cluster.program, ["--generate-completion-script", shell])
            try #require(run.end == 0)
            for word in ["transfer-leader", "linearizable"] {
                try #require(run.output.contains(word), "no \(word)")
            }
        }
    }
}
