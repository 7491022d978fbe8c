// Availability under cuts: few changes of leader, and writes are served on the good side.
import Foundation
import Testing

extension Failures {
    @Suite("Cuts", .serialized)
    struct Cuts {
        /// How long a cut lasts; 60 s by script.
        private static let seconds = Setting.number("NEMESIS_CUT_SECONDS", 6)
        private static let isLong = seconds >= 30

        /// A cut that is not whole, and who can go on meanwhile.
        enum Shape: String, CaseIterable {
            /// Nothing that it says arrives; nothing arrives at it.
            case muteFollower, deafFollower, muteLeader, deafLeader
            /// The two ends do not reach each other, and both reach the middle.
            case chainFromLeader, chainAroundLeader
        }

        @Test(
            "one-way and chained cuts: at most two changes of leader, and the good side goes on",
            arguments: isLong ? Shape.allCases : [.deafLeader, .chainFromLeader])
        func partial(shape: Shape) throws {
            try withCluster(hasWeather: true) { cluster in
                let leader = try cluster.newLeader()
                let others = cluster.ids.filter { $0 != leader }
                let forecast = Forecast(ids: cluster.ids)
                let (passages, good): ([Way: Passage], [Int])
                switch shape {
                case .muteFollower: (passages, good) = (forecast.mute(others[0]), [leader, others[1]])
                case .deafFollower: (passages, good) = (forecast.deaf(others[0]), [leader, others[1]])
                case .muteLeader: (passages, good) = (forecast.mute(leader), others)
                case .deafLeader: (passages, good) = (forecast.deaf(leader), others)
                case .chainFromLeader:
                    (passages, good) = (forecast.chain(leader, others[0]), [leader, others[1]])
                case .chainAroundLeader:
                    (passages, good) = (forecast.chain(others[0], others[1]), cluster.ids)
                }
                let traffic = Traffic(cluster, ids: good)
                traffic.start()
                try #require(traffic.waitFor(writes: 50))
                let before = try #require(cluster.status(good[0], "cluster", "term") as? Int)
                try cluster.weather?.set(passages)
                let cut = Clock.now
                var leaders: [String] = []
                _ = Clock.poll(seconds: Self.seconds, every: 50_000) {
                    for id in good {
                        guard let term = cluster.status(id, "cluster", "term") as? Int,
                            let leader = cluster.status(id, "cluster", "leader", "id") as? Int
                        else { continue }
                        let name = "\(leader) in term \(term)"
                        if !leaders.contains(name) { leaders.append(name) }
                    }
                    return false
                }
                let after = good.compactMap { cluster.status($0, "cluster", "term") as? Int }.max() ?? 0
                let end = Clock.now
                // A short cut is mostly the time that an election takes, and who stalls then costs another.
                var part = 0.0
                _ = Clock.poll(seconds: Self.isLong ? 0 : 12, every: 100_000) {
                    part = traffic.servedPart(from: Self.isLong ? cut : Clock.now - 3)
                    return part >= 0.95
                }
                let pause = traffic.longestPause(from: cut, to: end)
                print(
                    String(
                        format: "%@: %.1f %% of writes served, at most %.2f s without one; ", shape.rawValue,
                        100 * part, pause) + leaders.joined(separator: ", then "))
                try #require(after - before <= 2, "terms \(before) to \(after): \(leaders)")
                try #require(leaders.count <= 3, "\(leaders)")
                try #require(part >= 0.95, "\(part)")
                try cluster.weather?.set([:])
                try cluster.ready()
                try traffic.verify(cluster)
            }
        }

        @Test("a node that comes back after a long cut changes neither leader nor term")
        func comesBack() throws {
            // What passes between the nodes passes through this process, which may stall as they may.
            try withCluster(hasWeather: true, electionTimeout: "2s") { cluster in
                let leader = try cluster.newLeader()
                let term = try #require(cluster.status(leader, "cluster", "term") as? Int)
                let away = try #require(cluster.ids.first { $0 != leader })
                let traffic = Traffic(cluster, ids: cluster.ids.filter { $0 != away })
                traffic.start()
                try cluster.weather?.set(Forecast(ids: cluster.ids).split([away]))
                let isCut = Clock.poll(seconds: 10) { cluster.get(away, "/readyz")?.status == 503 }
                try #require(isCut, "node \(away) does not notice that it is cut off")
                // Long enough for it to stand more than once.
                let end = Clock.now + Self.seconds
                _ = Clock.poll(seconds: Self.seconds + 1) { Clock.now >= end }
                try cluster.weather?.set([:])
                try cluster.ready()
                // A higher term shows once the others hear of it; a while longer, for what comes of it.
                var seen: Set<Int> = []
                _ = Clock.poll(seconds: 2) {
                    for id in cluster.ids {
                        if let term = cluster.status(id, "cluster", "term") as? Int { seen.insert(term) }
                    }
                    return false
                }
                try #require(seen == [term], "terms \(seen.sorted()), and it was \(term)")
                try #require(cluster.leader() == leader)
                try traffic.verify(cluster)
            }
        }
    }
}
