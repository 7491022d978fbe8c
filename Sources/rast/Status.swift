// `rast status`: all members of the cluster at a glance, once or refreshed.
internal import ArgumentParser
internal import Client
internal import Glibc
internal import Server

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show all members of the cluster.",
        discussion: """
            Asks the endpoints, and every member that they name. CONDITION is a node's own word of its disk \
            and its state (and the leader's, where it is full); LAG (entries behind the leader), RTT and \
            HEALTHY are the leader's alone. With --watch it refreshes each second until Ctrl-C. Colours \
            come on a terminal only, and not where NO_COLOR is set.

            EXAMPLES:
              rast status
              rast status --watch --endpoints http://10.0.0.1:8001,http://10.0.0.2:8001
              rast status --output json | jq -r 'select(.status) | .status.raft.appliedIndex'

            EXIT STATUS: 0 done, 2 usage, 3 no member answers, or none leads.
            """)

    private static let endpointDefault = ClientOptions.endpointDefault

    @Flag(help: "Refresh each second, until Ctrl-C.")
    var watch = false
    @Option(help: "text: a table; json: an object a node, one a line.")
    var output = OutputForm.text
    @Option(
        help: ArgumentHelp(
            "The cluster's nodes, any or all of them; else RAST_ENDPOINTS, else \(Self.endpointDefault).",
            valueName: "url,url"))
    var endpoints: String?
    @Option(help: ArgumentHelp("How long a node may take to answer.", valueName: "time"))
    var timeout = "1s"

    func run() throws {
        let places = try ClientOptions.places(endpoints)
        let time = try ClientOptions.nanoseconds(timeout)
        guard watch else {
            try once(ClusterView(of: places, timeoutNanoseconds: time))
            return
        }
        stopOnSignals()
        // Members are remembered, so that a lost endpoint does not hide the others.
        var known = places
        var drawn = 0
        while true {
            let view = ClusterView(of: known, timeoutNanoseconds: time)
            known = places + view.members.filter { !places.contains($0) }
            if output == .json {
                try put(lines(of: view))
            } else {
                drawn = try redraw(view, over: drawn)
            }
            sleep(1)
        }
    }

    private func once(_ view: ClusterView) throws {
        if output == .json {
            try put(lines(of: view))
        } else {
            let table = StatusTable(view, isColoured: StatusTable.mayColour)
            try put(Array(table.lines(columns: .max).map { $0 + "\n" }.joined().utf8))
        }
        guard view.leader == nil else { return }
        if view.rows.allSatisfy({ $0.status == nil }) {
            complain("no member answers: start one, or name others with --endpoints or RAST_ENDPOINTS.")
        } else {
            complain("no member leads: a majority of the members must run and reach each other.")
        }
        throw ExitCode(3)
    }

    private func lines(of view: ClusterView) -> [UInt8] {
        var lines: [UInt8] = []
        for row in view.rows {
            lines += "{".utf8
            if let id = row.id { lines += "\"id\":\(id),".utf8 }
            lines += "\"url\":".utf8 + jsonString(row.url)
            if let document = row.document {
                lines += ",\"status\":".utf8
                lines += document.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
            } else {
                lines += ",\"error\":".utf8 + jsonString(row.trouble ?? "not asked")
            }
            lines += "}\n".utf8
        }
        return lines
    }

    /// Draws over the lines that were drawn before, and says how many there are now: no flicker, and what
    /// stood above stays.
    private func redraw(_ view: ClusterView, over drawn: Int) throws -> Int {
        guard isatty(1) == 1 else {
            let table = StatusTable(view, isColoured: false).lines(columns: .max)
            try put(Array((table + [""]).map { $0 + "\n" }.joined().utf8))
            return 0
        }
        let (columns, rows) = terminalSize()
        let table = StatusTable(view, isColoured: StatusTable.mayColour).lines(columns: columns)
        let lines = (table + ["Ctrl-C ends."]).prefix(max(1, rows - 1))
        // Cursor hidden and moved up; each line is cleared to its end, and what is below the last one too.
        let start = "\u{1B}[?25l\r" + (drawn > 0 ? "\u{1B}[\(drawn)A" : "")
        let body = lines.map { $0 + "\u{1B}[K\n" }.joined()
        try put(Array("\(start)\(body)\u{1B}[J".utf8))
        return lines.count
    }
}

/// Ctrl-C and SIGTERM end a watch at once, with the cursor shown again and exit status 0.
private func stopOnSignals() {
    for number in [SIGINT, SIGTERM] {
        signal(number) { _ in
            // Only what is safe in a signal's handler.
            if isatty(1) == 1 {
                let end: StaticString = "\r\u{1B}[K\u{1B}[?25h"
                _ = write(1, end.utf8Start, end.utf8CodeUnitCount)
            }
            _exit(0)
        }
    }
}

/// The terminal's columns and rows; what is usual where it does not say.
private func terminalSize() -> (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
}
