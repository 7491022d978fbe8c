// A cluster that begins as one node, and grows: every eighth seed of three nodes or more.
internal import Consensus

extension Cluster {
    /// The first node founds a cluster of its own. The others are empty.
    func beginAlone() {
        for node in nodes.dropFirst() { node.health = .wiped }
        queue.add(.restart(0), at: random.draw(0...500 * Self.millisecond))
        queue.add(.grow, at: random.draw(1_000 * Self.millisecond...3_000 * Self.millisecond))
    }

    /// The first node is started again with all of them named, and they with it. Whoever leads lets them in.
    /// In half of the runs they begin with a snapshot that names the first node alone.
    func grow() {
        let isReady = plan.seed % 16 == 2 ? nodes[0].durable.log.count > 1 : nodes[0].durable.snapshot != nil
        guard nodes[0].isUp, isReady else {
            return queue.add(.grow, at: after(100 * Self.millisecond))
        }
        isGrown = true
        trace.begin(now)
        trace.text("the others are named")
        trace.end()
        crash(nodes[0], isPower: false)
        for node in nodes.dropFirst() {
            queue.add(.restart(node.place), at: after(random.draw(0...3_000 * Self.millisecond)))
        }
    }
}
