// Weather by the kernel's rules: each node has an address of its own, and packets are dropped.
import Foundation

/// Rules of nftables, in a network namespace that this process has for itself (`scripts/nemesis` sees to it).
///
/// What real packets do differs from a proxy: nothing is acknowledged, sending again is put off further and
/// further, and a connection that is gone on one side is not on the other.
final class PacketRules: Weather {
    /// The address of a node: outgoing connections come from it too, so a rule knows who sends.
    static func host(of id: Int) -> String { "127.0.0.\(10 + id)" }

    init() throws { try set([:]) }

    func url(_ way: Way, of port: UInt16, at host: String) -> String { "http://\(host):\(port)" }

    func set(_ passages: [Way: Passage]) throws {
        var rules = "table inet nemesis\ndelete table inet nemesis\ntable inet nemesis {\n"
        rules += "chain passage { type filter hook input priority 0; policy accept;\n"
        for (way, passage) in passages.sorted(by: { ($0.key.from, $0.key.to) < ($1.key.from, $1.key.to) }) {
            let match = "ip saddr \(Self.host(of: way.from)) ip daddr \(Self.host(of: way.to))"
            if passage.isCut { rules += "\(match) drop\n" }
            // A delay is none of what these rules can do; loss stands for it.
            let lost = max(passage.lostPercent, passage.delay > 0 ? 5 : 0)
            if lost > 0 { rules += "\(match) numgen random mod 100 < \(lost) drop\n" }
            if let rate = passage.bytesPerSecond {
                rules += "\(match) limit rate over \(rate) bytes/second drop\n"
            }
        }
        rules += "}\n}\n"
        let folder = try Folder()
        defer { folder.remove() }
        let file = folder.path + "/rules"
        try rules.write(toFile: file, atomically: false, encoding: .utf8)
        let run = try Run("nft", ["-f", file])
        if run.end != 0 { throw Unexpected("nft: \(run.output)") }
    }
}
