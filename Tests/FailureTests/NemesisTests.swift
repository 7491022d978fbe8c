// Every fault on real processes, and a checker that decides on the history: bounded, and by script.
import Foundation
import Testing

/// What the environment says of a run (`scripts/nemesis` sets it).
enum Setting {
    static func number(_ name: String, _ usual: Double) -> Double {
        ProcessInfo.processInfo.environment[name].flatMap { Double($0) } ?? usual
    }
    static func isSet(_ name: String) -> Bool { ProcessInfo.processInfo.environment[name] != nil }
}

extension Failures {
    @Suite("Nemesis", .serialized)
    struct Storms {
        /// The seed decides which faults come in which order; what they hit is the machine's doing too.
        private func run(nodes: Int, seconds: Double, seed: UInt64, kinds: [Fault]) throws {
            try withCluster(of: nodes, isStarted: false, hasWeather: true) { cluster in
                cluster.options = Cluster.oftenSnapshots
                try cluster.mountDisks()
                defer {
                    cluster.kill(cluster.ids)
                    cluster.unmountDisks()
                }
                try cluster.start()
                try cluster.ready(seconds: 30)
                let traffic = Traffic(cluster, seed: seed)
                traffic.start()
                let nemesis = Nemesis(cluster, traffic, seed: seed, kinds: kinds)
                var lastTold = 0.0
                var toldCount = 0
                do {
                    try nemesis.rage(seconds: seconds) { passed in
                        guard passed - lastTold > 15 else { return }
                        lastTold = passed
                        let faults = nemesis.seen.counts.values.reduce(0, +)
                        print(nemesis.told[toldCount...].joined(separator: "; "))
                        toldCount = nemesis.told.count
                        print(String(format: "%4.0f s: %d faults; %@", passed, faults, traffic.summary))
                        fflush(nil)
                    }
                    try traffic.verify(cluster)
                } catch {
                    let told = nemesis.told + nemesis.seen.lines + [traffic.summary]
                    print("nemesis of seed \(seed), \(nodes) nodes:\n" + told.joined(separator: "\n"))
                    throw error
                }
                print("nemesis of seed \(seed), \(nodes) nodes: \(traffic.summary); linearizable")
                print(nemesis.seen.lines.joined(separator: "\n"))
                try Self.require(nemesis.seen)
            }
        }

        /// A fault that never showed was none.
        private static func require(_ seen: Sightings) throws {
            for (fault, what) in Nemesis.showing {
                // Once nobody may be up who feels it or can be asked, or too little be in the log.
                let count = seen.counts[fault] ?? 0
                try #require(
                    count <= 3 || seen.count(of: fault, what) > 0,
                    "\(fault), \(count) times: never seen: \(what)")
            }
        }

        @Test(
            "three nodes, and five: any fault after any other, and the history is linearizable",
            arguments: [3, 5])
        func bounded(nodes: Int) throws {
            guard !Setting.isSet("NEMESIS_MINUTES") else { return }
            // What takes long to be over is for the long run.
            let long: [Fault] = [.damage, .damageSnapshot, .wrongState, .wipe, .fullDisk, .end]
            let kinds = Fault.allCases.filter { !long.contains($0) }
            try run(
                nodes: nodes, seconds: 14, seed: UInt64.random(in: 1...1_000_000), kinds: kinds)
        }

        @Test("as long as is asked for", .enabled(if: Setting.isSet("NEMESIS_MINUTES"), "scripts/nemesis"))
        func long() throws {
            let chosen = ProcessInfo.processInfo.environment["NEMESIS_FAULTS"]?.split(separator: ",").map {
                Fault(rawValue: String($0))
            }
            let kinds = try (chosen ?? Fault.allCases).map { try #require($0, "no such fault") }
            try run(
                nodes: Int(Setting.number("NEMESIS_NODES", 5)),
                seconds: 60 * Setting.number("NEMESIS_MINUTES", 10),
                seed: UInt64(Setting.number("NEMESIS_SEED", Double(Int.random(in: 1...1_000_000)))),
                kinds: kinds)
        }
    }
}
