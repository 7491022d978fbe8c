# What compare prints and writes: a Markdown table with ratios, and a chart.
import html
import statistics

import machine


def summary(values):
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def spread(values, form="{:,.0f}", unit=""):
    """Median and range."""
    middle, low, high = (form.format(value) for value in summary(values).values())
    return f"{middle}{unit} ({low}–{high})"


def times(values):
    """Of ratios. With three places below one, for an eighth and a ninth to be two figures."""
    return spread(values, "{:.2f}" if statistics.median(values) >= 1 else "{:.3f}", " ×")


COMPARED = {"rate": "rate", "p99": "p99", "cpu": "CPU"}


def ratios(results, contender, test, connections):
    """Those of rast to a contender in each round, of what is compared; nothing for rast itself."""
    mine, theirs = (results.get((name, test, connections)) for name in ("rast", contender))
    if not mine or not theirs or contender == "rast":
        return {}
    pairs = list(zip(mine, theirs))
    return {key: [a[key] / b[key] for a, b in pairs] for key in COMPARED if all(b[key] for _, b in pairs)}


TESTS = {"put": "durable PUT", "get": "linearizable GET", "local": "local GET", "follower": "local GET, follower"}


def markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def table(results, contenders, connections):
    """Markdown: one row a test, number of connections and contender."""
    head = ["test", "connections", "contender", "rate", "p50, p99 ms", "CPU of all nodes, each µs"]
    head += [f"{title} against it" for title in COMPARED.values()]
    rows = []
    for test, title in TESTS.items():
        for number in connections:
            named = [title, str(number)]
            for name in contenders:
                rounds = results.get((name, test, number))
                if not rounds:
                    continue
                row = named + [f"**{name}**" if name == "rast" else name]
                row.append(spread([r["rate"] for r in rounds]))
                row.append(", ".join(f"{statistics.median(r[key] for r in rounds):.2f}" for key in ("p50", "p99")))
                row.append(f"{statistics.median(r['cpu'] for r in rounds):.1f}")
                against = ratios(results, name, test, number)
                rows.append(row + [times(against[key]) if key in against else "" for key in COMPARED])
                named = ["", ""]
    return markdown(head, rows)


def memory(contenders, resident):
    """Markdown: who was there, and what all processes of each took after the load."""
    rows = []
    for one in contenders:
        sizes = [size / 1e6 for size in resident[one.name]]
        rows.append([one.name, one.version(), str(one.nodes), f"{sum(sizes):,.0f}", f"{max(sizes):,.0f}"])
    return markdown(["contender", "version", "nodes", "resident after the load, all nodes: MB", "the largest: MB"], rows)


COLOURS = {
    "rast": "#d9480f",
    "etcd v2": "#1c7ed6",
    "etcd v3 JSON": "#74c0fc",
    "Go raft": "#37b24d",
    "nginx": "#adb5bd",
    "redis": "#f783ac",
}


def chart(results, contenders, connections, facts):
    """An SVG of bars: requests a second, one group a test and number of connections; below it, how they came about."""
    groups = [
        (test, number)
        for test in TESTS
        for number in connections
        if any(results.get((name, test, number)) for name in contenders)
    ]
    rates = {key: statistics.median(r["rate"] for r in rounds) for key, rounds in results.items() if rounds}
    largest = max(rates.values(), default=1)
    bar, left, width = 18, 240, 460
    parts, y = [], 44
    for test, number in groups:
        names = [name for name in contenders if (name, test, number) in rates]
        parts.append(f'<text x="8" y="{y + 14}">{TESTS[test]}, {number} connections</text>')
        for name in names:
            rate = rates[(name, test, number)]
            length = max(1, round(width * rate / largest))
            parts.append(f'<rect x="{left}" y="{y}" width="{length}" height="{bar - 4}" fill="{COLOURS[name]}"/>')
            parts.append(f'<text x="{left + length + 6}" y="{y + 12}">{rate:,.0f} {name}</text>')
            y += bar
        y += 12
    for line in (machine.line(facts), facts["command"]):
        parts.append(f'<text x="8" y="{y + 6}" font-size="10" fill="#495057">{html.escape(line)}</text>')
        y += 14
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 190}" height="{y + 6}"'
        ' font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        '<text x="8" y="24" font-size="15">Requests a second, medians; all nodes and the client on one machine</text>'
        + "".join(parts)
        + "</svg>\n"
    )
