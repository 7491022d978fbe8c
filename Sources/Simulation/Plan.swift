// What is run: a seed, how many nodes, for how long, under which faults, and what is broken on purpose.
#if PlantedFaults
    public import Consensus
#endif

/// One run of a simulated cluster. Everything in it follows from these values.
public struct Plan: Hashable, Sendable {
    public var seed: UInt64
    /// How many members the cluster has.
    public var nodes: Int
    /// For how long it runs, in simulated milliseconds: under faults most of that time, then without any.
    public var milliseconds: UInt64 = 60_000
    /// The kinds of faults that are injected.
    public var faults = FaultSet.all
    /// What the simulator does wrong on purpose, to see whether its checks notice.
    public var sabotage: Sabotage?
    #if PlantedFaults
        /// What the product does wrong on purpose.
        public var planted: Planted?
    #endif

    public init(seed: UInt64, nodes: Int, sabotage: Sabotage? = nil) {
        self.seed = seed
        self.nodes = nodes
        self.sabotage = sabotage
    }

    /// The plan of one seed among many: mostly three and five nodes, sometimes four, or one alone.
    ///
    /// What else a seed decides, it decides by its lowest bits: 19 sizes meet all of that.
    public static func mixed(seed: UInt64) -> Plan {
        let counts = [3, 5, 3, 4, 5, 3, 3, 5, 4, 3, 5, 3, 1, 3, 5, 4, 3, 5, 3]
        return Plan(seed: seed, nodes: counts[Int(seed % UInt64(counts.count))])
    }

    /// The command that runs exactly this again.
    public var command: String {
        var words = ["rast simulate --seed \(seed) --nodes \(nodes)"]
        if milliseconds != 60_000 { words.append("--minutes \(Double(milliseconds) / 60_000)") }
        if faults != .all {
            words += Fault.injected.filter { faults.contains($0) }.map { "--fault \($0)" }
            if faults == .none { words.append("--fault none") }
        }
        if let sabotage { words.append("--sabotage \(sabotage.rawValue)") }
        #if PlantedFaults
            if let planted { words.append("--planted \(planted.rawValue)") }
        #endif
        return words.joined(separator: " ")
    }
}
