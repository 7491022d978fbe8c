// A start that has much to read: probes are answered meanwhile (Interface §7).
import Foundation
import Testing

extension Failures {
    @Suite("Long starts")
    struct LongStarts {
        /// Starts the node: the parts of the way that it told of until it was ready.
        private func start(_ cluster: Cluster) throws -> [Int] {
            try cluster.start(1)
            var told: [Int] = []
            let isReady = Clock.poll(seconds: 20, every: 1_000) {
                guard let answer = cluster.get(1, "/readyz") else { return false }
                let words = answer.text.components(separatedBy: "has come to ")
                if answer.status == 503, words.count > 1 {
                    told.append(Int(words[1].prefix { $0.isNumber }) ?? -1)
                    // (Who comes when one hands over to the other may have to come again.)
                    let lives = (0..<3).contains { _ in cluster.get(1, "/livez")?.status == 200 }
                    if !lives { told.append(-1) }
                }
                return answer.status == 200
            }
            try #require(isReady)
            try #require(told == told.sorted() && told.allSatisfy { (0..<100).contains($0) }, "\(told)")
            return told
        }

        @Test("a node that reads a large snapshot lives, is not ready, and says how far it is")
        func progress() throws {
            try withCluster(of: 1) { cluster in
                let value = String(repeating: "x", count: 1 << 20)
                for key in 0..<96 {
                    try #require(cluster.ask(.put(cluster.url(1, "/kv/\(key)"), value)).status == 201)
                }
                let run = try Run("curl", ["-sf", "-X", "POST", cluster.url(1, "/cluster/snapshot")])
                try #require(run.end == 0, "\(run)")
                var told: [Int] = []
                // A start takes less than a second: who stalls for all of one sees the next.
                for _ in 0..<3 where !told.contains(where: { (5..<95).contains($0) }) {
                    cluster.kill(1)
                    told = try start(cluster)
                }
                // Nearly all that is read is the snapshot, and it is on its way for most of the time.
                try #require(told.contains { (5..<95).contains($0) }, "\(told)")
            }
        }
    }
}
