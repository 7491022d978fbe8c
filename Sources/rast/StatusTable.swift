// The table of `rast status`: which columns, what stands in them, and in which colour.
internal import Client
internal import Glibc

/// A look at the cluster as lines of text.
struct StatusTable {
    private enum Colour: String {
        case none = ""
        case bold = "\u{1B}[1m"
        case green = "\u{1B}[32m"
        case yellow = "\u{1B}[33m"
        case red = "\u{1B}[31m"
    }
    private struct Cell {
        let text: String
        var colour = Colour.none
        var isNumber = false
    }

    private let view: ClusterView
    private let isColoured: Bool

    init(_ view: ClusterView, isColoured: Bool) {
        self.view = view
        self.isColoured = isColoured
    }

    /// A terminal that takes colours, and nobody who asks for none (no-color.org).
    static var mayColour: Bool {
        let terminal = getenv("TERM").map { String(cString: $0) } ?? "dumb"
        let refusal = getenv("NO_COLOR").map { String(cString: $0) } ?? ""
        return isatty(1) == 1 && terminal != "dumb" && refusal.isEmpty
    }

    /// The lines, each cut to so many columns.
    func lines(columns: Int) -> [String] {
        let rows = [header] + view.rows.map(cells)
        let widths = header.indices.map { column in rows.map { $0[column].text.count }.max() ?? 0 }
        return [painted([Cell(text: summary)], widths: [0], columns: columns)]
            + rows.map { painted($0, widths: widths, columns: columns) }
    }

    private var summary: String {
        guard let status = view.leader ?? view.rows.compactMap(\.status).max(by: { $0.term < $1.term }) else {
            return "No member answers."
        }
        let cluster = status.clusterID.map { "Cluster \(clean($0))" } ?? "No cluster yet"
        let leader = view.leader.map { "led by node \($0.id)" } ?? "NO LEADER"
        let keys = status.keys == 1 ? "1 key" : "\(status.keys) keys"
        return "\(cluster), \(leader), term \(status.term), revision \(status.revision), \(keys)"
    }

    private var header: [Cell] {
        ["ID", "ROLE", "URL"].map { Cell(text: $0, colour: .bold) }
            + ["TERM", "COMMIT", "APPLIED", "LAG", "RTT"].map {
                Cell(text: $0, colour: .bold, isNumber: true)
            } + ["CONDITION", "HEALTHY"].map { Cell(text: $0, colour: .bold) }
    }

    private func cells(_ row: ClusterView.Row) -> [Cell] {
        let isLeader = row.id != nil && row.id == view.leader?.id
        let lag = isLeader ? nil : row.member?.lag
        return [
            Cell(text: row.id.map(String.init) ?? "?"),
            role(row, isLeader: isLeader),
            Cell(text: clean(row.url)),
            number(row.status?.term),
            number(row.status?.commitIndex),
            number(row.status?.appliedIndex),
            number(lag, colour: (lag ?? 0) > 0 ? .yellow : .none),
            Cell(text: roundTrip(row).map { "\(clean($0)) ms" } ?? "-", isNumber: true),
            condition(row),
            health(row),
        ]
    }

    private func role(_ row: ClusterView.Row, isLeader: Bool) -> Cell {
        guard let status = row.status else { return Cell(text: "unreachable", colour: .red) }
        // The leader's word goes before its own: it may not have heard yet.
        if row.member?.isVoter == false || status.role == "learner" {
            return Cell(text: "learner", colour: .yellow)
        }
        return Cell(text: clean(status.role), colour: isLeader ? .green : .none)
    }

    /// Of one that does not answer the leader, the last one says nothing.
    private func roundTrip(_ row: ClusterView.Row) -> String? {
        row.member?.isHealthy == false ? nil : row.member?.roundTrip
    }

    /// Its own word, and that its disk is full as the leader knows it: a node may lack more than one thing.
    private func condition(_ row: ClusterView.Row) -> Cell {
        var words = [row.status?.condition].compactMap { $0 }.filter { $0 != "whole" }
        if row.member?.isFull == true, !words.contains("disk_full") { words.append("disk_full") }
        guard words.isEmpty else { return Cell(text: clean(words.joined(separator: ", ")), colour: .red) }
        return Cell(text: row.status?.condition == nil ? "-" : "whole")
    }

    /// The leader's word; where a node does not answer us, why.
    private func health(_ row: ClusterView.Row) -> Cell {
        if let isHealthy = row.member?.isHealthy {
            let reason = row.status == nil ? row.trouble.map { " (\(clean($0)))" } ?? "" : ""
            return Cell(text: (isHealthy ? "yes" : "no") + reason, colour: isHealthy ? .green : .red)
        }
        return Cell(text: row.trouble.map { "- (\(clean($0)))" } ?? "-")
    }

    private func number(_ number: UInt64?, colour: Colour = .none) -> Cell {
        Cell(text: number.map(String.init) ?? "-", colour: colour, isNumber: true)
    }

    /// What a node sent must not move the cursor.
    private func clean(_ text: String) -> String { printable(Array(text.utf8)) }

    private func painted(_ cells: [Cell], widths: [Int], columns: Int) -> String {
        var line = ""
        var used = 0
        for (place, cell) in cells.enumerated() {
            let isLast = place == cells.count - 1
            let filling = String(repeating: " ", count: max(0, widths[place] - cell.text.count))
            let before = (place > 0 ? "  " : "") + (cell.isNumber ? filling : "")
            let after = cell.isNumber || isLast ? "" : filling
            let start = String(before.prefix(columns - used))
            used += start.count
            let text = String(cell.text.prefix(columns - used))
            used += text.count
            let end = String(after.prefix(columns - used))
            used += end.count
            let isPainted = isColoured && cell.colour != .none && !text.isEmpty
            line += start + (isPainted ? "\(cell.colour.rawValue)\(text)\u{1B}[0m" : text) + end
        }
        return line
    }
}
