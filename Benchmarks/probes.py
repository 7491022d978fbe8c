# What the benchmarks ask beside the load: many keys, lists, leaders killed, and what disk and loopback take alone.
import base64
import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import threading
import time
import types

import contenders as field
from wrk import wrk


def fill(cluster, name, count, bytes_each, say=None):
    """Puts so many keys, named by a format that takes their number, by transactions of about a megabyte."""
    link = http.client.HTTPConnection("127.0.0.1", cluster.port)
    value = "v" * bytes_each
    each = max(1, min(500, 1_000_000 // (bytes_each + 100)))
    for first in range(0, count, each):
        steps = [
            {"put": {"key": name.format(number), "value": value}} for number in range(first, min(first + each, count))
        ]
        link.request("POST", "/txn", json.dumps({"then": steps}))
        answer = link.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"keys cannot be loaded: {answer.status} {text[:200]}")
        if say and first // 100_000 != (first + each) // 100_000:
            say(f"{first + each:,} keys are there")


def list_once(cluster, path):
    """Bytes of content, and seconds. (By curl, for Python would be the slower side.)"""
    command = ["curl", "-sf", "-o", "/dev/null", "-w", "%{size_download} %{time_total}"]
    command += ["-H", "Accept: application/x-ndjson", f"http://127.0.0.1:{cluster.port}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=field.die_with_parent)
    size, seconds = done.stdout.split()
    return int(size), float(seconds)


def failover(cluster, kills):
    """Seconds from killing the leader under load until a write is acknowledged, for each kill."""
    seconds = []
    method, path, body, headers = cluster.write("x")
    for _ in range(kills):
        cluster.wait_until_ready()
        cluster.find_leader()
        acknowledged, stop = [], threading.Event()

        def client(place):
            while not stop.is_set():
                port, began = cluster.ports[place], time.monotonic()
                try:
                    # As load.lua fills them in.
                    target = path.replace("%d", str(place))
                    content = body.replace("%s", base64.b64encode(f"k{place}".encode()).decode())
                    status, answer, _ = field.call(port, method, target, content, headers, timeout=0.5)
                    if status == 307:
                        port = int(answer["Location"].split(":")[2].split("/")[0])
                        status, _, _ = field.call(port, method, target, content, headers, timeout=0.5)
                    if 200 <= status < 300:
                        acknowledged.append((began, time.monotonic()))
                        continue
                except (OSError, http.client.HTTPException):
                    pass
                time.sleep(0.005)

        clients = [threading.Thread(target=client, args=(place % 3,), daemon=True) for place in range(9)]
        for one in clients:
            one.start()
        field.wait_for("writes before a kill", lambda: len(acknowledged) > 100)
        killed = time.monotonic()
        process = cluster.processes.pop(cluster.leader)
        process.kill()
        first = []

        def is_over():
            first[:] = [end for began, end in list(acknowledged) if began > killed]
            return first

        field.wait_for(f"write after a kill of {cluster.name}", is_over)
        seconds.append(min(first) - killed)
        stop.set()
        for one in clients:
            one.join()
        process.wait()
        cluster.run(cluster.leader)
    return seconds


def sync_seconds(folder, count=100, bytes_each=4096):
    """One synced write of so many bytes over blocks that exist."""
    file = os.open(os.path.join(folder, "sync"), os.O_CREAT | os.O_RDWR)
    for place in range(count):
        os.pwrite(file, bytes(bytes_each), bytes_each * place)
    os.fsync(file)
    times, content = [], bytes([1]) * bytes_each
    for place in range(count):
        began = time.monotonic()
        os.pwrite(file, content, place * bytes_each)
        os.fdatasync(file)
        times.append(time.monotonic() - began)
    os.close(file)
    return statistics.median(times)


def bare_server():
    """The port of a server that does nothing but read requests and answer them, one connection after the other."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            link, _ = listener.accept()
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # wrk ends with a request under way. Each is so small that it comes as a whole.
            with link, contextlib.suppress(ConnectionError):
                while link.recv(4096):
                    link.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def round_trip_seconds(port, seconds, arguments):
    """One HTTP round trip over one connection of wrk."""
    result = wrk(types.SimpleNamespace(port=port), ("GET", "/", None, {}), 1, seconds, arguments)
    return result["p50"] / 1e6
