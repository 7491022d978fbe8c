# What compare prints and writes: a Markdown table with ratios, and a chart.
import statistics


def spread(values, form="{:,.0f}"):
    """Median and range."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{form.format(middle)} ({form.format(low)}–{form.format(high)})"


def ratio(results, contender, other, test, connections):
    """The median of the ratios of each round, or None."""
    mine = results.get((contender, test, connections))
    theirs = results.get((other, test, connections))
    if not mine or not theirs or other == contender:
        return None
    return statistics.median(a["rate"] / b["rate"] for a, b in zip(mine, theirs))


TESTS = {"put": "durable PUT", "get": "linearizable GET", "local": "local GET"}


def table(results, contenders, connections, reference="nginx"):
    """Markdown: one row a test, number of connections and contender."""
    others = [name for name in contenders if name != "rast"]
    head = ["test", "connections", "contender", "req/s: median (min–max)", "p50 ms", "p99 ms", "CPU of all nodes, µs"]
    head += [f"rast against {name}" for name in others]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    for test, title in TESTS.items():
        for number in connections:
            for name in contenders:
                rounds = results.get((name, test, number))
                if not rounds:
                    continue
                row = [title, str(number), name, spread([r["rate"] for r in rounds])]
                row += [f"{statistics.median(r[key] for r in rounds):.2f}" for key in ("p50", "p99")]
                row.append(f"{statistics.median(r['cpu'] for r in rounds):.1f}")
                for other in others:
                    value = ratio(results, name, other, test, number) if name == "rast" else None
                    row.append(f"**{value:.2f} ×**" if value else "")
                lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


COLOURS = {"rast": "#d9480f", "etcd v2": "#1c7ed6", "etcd v3 JSON": "#74c0fc", "nginx": "#adb5bd", "redis": "#f783ac"}


def chart(results, contenders, connections):
    """An SVG of bars: requests a second, one group a test and number of connections."""
    groups = [
        (test, number)
        for test in TESTS
        for number in connections
        if any(results.get((name, test, number)) for name in contenders)
    ]
    rates = {key: statistics.median(r["rate"] for r in rounds) for key, rounds in results.items() if rounds}
    largest = max(rates.values(), default=1)
    bar, left, width = 18, 210, 460
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
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 190}" height="{y}"'
        ' font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        '<text x="8" y="24" font-size="15">Requests a second, medians; all nodes and the client on one machine</text>'
        + "".join(parts)
        + "</svg>\n"
    )
