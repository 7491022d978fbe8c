# One run of wrk with load.lua: many keys, and a line of JSON at the end.
import json
import os
import shutil
import subprocess

import contenders as field

HERE = os.path.dirname(os.path.abspath(__file__))


def is_missing():
    return not shutil.which("wrk")


def wrk(contender, request, connections, seconds, arguments, first=None):
    """One run of wrk: its line of JSON. `first`: keys in order from this one on; otherwise by chance.

    Of `arguments`: `threads` of wrk, and the number of `keys`.
    """
    method, path, body, headers = request
    threads = 1 if first is not None else min(connections, arguments.threads)
    command = ["wrk", "-t", str(threads), "-c", str(connections), "-d", f"{max(1, round(seconds))}s"]
    command += ["-s", os.path.join(HERE, "load.lua"), f"http://127.0.0.1:{contender.port}", "--"]
    # What is made once must fit: 100,000 small requests, or 64 MB of large ones.
    most = max(1, min(100_000, (64 << 20) // max(1, len(body or ""))))
    # No argument may be as long as a large value: `@` and a number are so many bytes.
    content = f"@{len(body)}" if body and len(body) > 65_536 else body or "-"
    command += [method, path, content, str(arguments.keys), "-" if first is None else str(first), str(most)]
    command += [f"{name}: {value}" for name, value in headers.items()]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=field.die_with_parent)
    lines = [line for line in done.stdout.split("\n") if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise SystemExit(f"wrk failed: {done.stdout} {done.stderr}")
    return json.loads(lines[-1])
