// Weather by the kernel's rules: each node has an address of its own, and packets are dropped.
import Foundation

/// Rules of nftables, in a network namespace that this process has for itself (`scripts/nemesis` sees to it).
///
/// What real packets do differs from a proxy: nothing is acknowledged, sending again is put off further and
/// further, and a connection that is gone on one side is not on the other. A delay alone is none of what
/// these rules can do: while a way is late, its connections are reset, and what is dialed anew is led through
/// a proxy that holds the bytes back.
final class PacketRules: Weather {
    private let nodes: [(id: Int, host: String, port: UInt16)]
    private let proxy: FaultProxy
    private var isLate = false

    /// The address of a node: outgoing connections come from it too, so a rule knows who sends.
    static func host(of id: Int) -> String { "127.0.0.\(10 + id)" }

    init(_ nodes: [(id: Int, host: String, port: UInt16)]) throws {
        self.nodes = nodes
        proxy = try FaultProxy(nodes)
        try set([:])
    }

    func url(_ way: Way, of port: UInt16, at host: String) -> String { "http://\(host):\(port)" }
    func source(_ id: Int) -> String? { Self.host(of: id) }
    func end() { proxy.end() }

    func set(_ passages: [Way: Passage]) throws {
        let wasLate = isLate
        isLate = passages.values.contains { $0.delay > 0 }
        proxy.set(passages)
        try run("nft", reading: rules(passages))
        // Who is still led through the proxy would not notice the next cut of a rule.
        if wasLate && !isLate { proxy.breakAll() }
    }

    /// The table stays, and what it says is changed: were it made anew, translated connections would be lost.
    private func rules(_ passages: [Way: Passage]) -> String {
        let table = "inet nemesis"
        var rules = """
            table \(table) {
            chain divert { type nat hook output priority -100; policy accept; }
            chain passage { type filter hook input priority 0; policy accept; }
            }
            flush chain \(table) divert
            flush chain \(table) passage
            add rule \(table) passage ct status dnat accept

            """
        for (way, passage) in passages.sorted(by: { ($0.key.from, $0.key.to) < ($1.key.from, $1.key.to) }) {
            let pair = "ip saddr \(Self.host(of: way.from)) ip daddr \(Self.host(of: way.to))"
            let match = "add rule \(table) passage \(pair)"
            if passage.isCut { rules += "\(match) counter drop\n" }
            if passage.lostPercent > 0 {
                rules += "\(match) numgen random mod 100 < \(passage.lostPercent) counter drop\n"
            }
            if let rate = passage.bytesPerSecond {
                rules += "\(match) limit rate over \(rate) bytes/second counter drop\n"
            }
        }
        // A connection has two ways: where one is late, the proxy has to have both.
        for way in passages.filter({ $0.value.delay > 0 }).keys.flatMap({ [$0, $0.reversed] }) {
            guard let node = nodes.first(where: { $0.id == way.to }), let port = proxy.ports[way] else {
                continue
            }
            let pair = "ip saddr \(Self.host(of: way.from)) ip daddr \(node.host)"
            rules += """
                add rule \(table) divert \(pair) tcp dport \(node.port) dnat ip to 127.0.0.1:\(port)
                add rule \(table) passage \(pair) tcp flags & rst == 0 ct status & dnat == 0 \
                reject with tcp reset

                """
        }
        return rules
    }

    var hits: Int {
        let listed = (try? Run("nft", ["list", "chain", "inet", "nemesis", "passage"]))?.output ?? ""
        let packets = listed.components(separatedBy: "counter packets ").dropFirst()
            .compactMap { Int($0.prefix(while: \.isNumber)) }.reduce(0, +)
        return packets + proxy.hits
    }

    private func run(_ program: String, reading rules: String) throws {
        let folder = try Folder()
        defer { folder.remove() }
        let file = folder.path + "/rules"
        try rules.write(toFile: file, atomically: false, encoding: .utf8)
        let run = try Run(program, ["-f", file])
        if run.end != 0 { throw Unexpected("\(program): \(run.output)") }
    }
}
