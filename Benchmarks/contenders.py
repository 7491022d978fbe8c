# Who is compared: each starts its processes on loopback, says who leads, and how one writes and reads.
import atexit
import base64
import ctypes
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time

LIBC = ctypes.CDLL(None)
RUNNING = []


def die_with_parent():
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def end_all():
    for process in RUNNING:
        if process.poll() is None:
            process.kill()
            process.wait()


atexit.register(end_all)


GIVEN = set()


def free_port():
    """A port below those that the kernel gives to clients, so that no connection takes it meanwhile; none twice."""
    while True:
        port = random.randrange(10_000, 32_000)
        if port in GIVEN:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                GIVEN.add(port)
                return port
            except OSError:
                continue


def call(port, method, path, body=None, headers=None, timeout=5.0):
    """One request on a connection of its own: (status, headers, body)."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        link.request(method, path, body, headers or {})
        answer = link.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        link.close()


def wait_for(what, is_true, seconds=30.0, every=0.005):
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise SystemExit(f"compare: no {what} within {seconds:.0f} s")
        time.sleep(every)


class Contender:
    """Some processes. What is measured is asked of the node at `port`, which leads where one leads."""

    nodes = 3
    # Where a node is asked whether it leads, and what it answers then; without it the first is the one.
    LEADS = None

    def __init__(self, folder):
        self.folder = os.path.join(folder, self.name)
        self.processes = {}
        self.ports = []

    def spawn(self, place, command):
        with open(os.path.join(self.folder, f"{place}.log"), "ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent
            )
        RUNNING.append(process)
        self.processes[place] = process

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        for place in range(self.nodes):
            self.run(place)
        self.wait_until_ready()
        self.find_leader()

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes = {}
        shutil.rmtree(self.folder, ignore_errors=True)

    def pids(self):
        return [process.pid for process in self.processes.values()]

    def cpu_seconds(self):
        """User and system time of all nodes."""
        ticks = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        """Resident memory of each node."""
        sizes = []
        for pid in self.pids():
            with open(f"/proc/{pid}/statm") as file:
                sizes.append(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        return sizes

    def is_answering(self, place, path, needle=b""):
        try:
            status, _, body = call(self.ports[place], "GET", path, timeout=1.0)
            return status == 200 and needle in body
        except (OSError, http.client.HTTPException):
            return False

    def find_leader(self):
        def leads(place):
            return self.LEADS is None or self.is_answering(place, *self.LEADS)

        wait_for(f"leader of {self.name}", lambda: any(leads(place) for place in self.processes))
        self.leader = next(place for place in self.processes if leads(place))
        self.port = self.ports[self.leader]

    def turn_to_follower(self):
        """From now on another node than the leader is asked, where there is another."""
        self.port = self.ports[(self.leader + 1) % self.nodes]

    def counter(self):
        """Something that rises by one with each applied write; None where nothing counts."""
        return None

    # A request is (method, path, body, headers) for a key; `path` may hold the key's number as %d.

    def write(self, value):
        raise NotImplementedError

    def read(self):
        raise NotImplementedError

    def local(self):
        return None


class Rast(Contender):
    name = "rast"
    LEADS = "/status", b'"role":"leader"'

    def __init__(self, folder, binary):
        super().__init__(folder)
        self.binary = binary
        self.ports = [free_port() for _ in range(self.nodes)]

    @staticmethod
    def missing(binary):
        return None if os.access(binary, os.X_OK) else f"{binary} is not there: swift build -c release"

    def version(self):
        return subprocess.run([self.binary, "--version"], capture_output=True, text=True).stdout.strip()

    def run(self, place):
        peers = ",".join(f"{i + 1}=http://127.0.0.1:{port}" for i, port in enumerate(self.ports))
        self.spawn(
            place,
            [self.binary, "serve", "--id", str(place + 1), "--listen", f"127.0.0.1:{self.ports[place]}"]
            + ["--peers", peers, "--data", os.path.join(self.folder, str(place + 1))]
            # With 10,000 connections of a load, some of its last run are still closing.
            + ["--max-connections", "15000"],
        )

    def wait_until_ready(self):
        for place in self.processes:
            wait_for(f"ready node {place + 1} of rast", lambda: self.is_answering(place, "/readyz"))

    def counter(self):
        status = json.loads(call(self.port, "GET", "/status")[2])
        return status["store"]["revision"]

    def write(self, value):
        return "PUT", "/kv/k%d", value, {"Content-Type": "text/plain"}

    def read(self):
        return "GET", "/kv/k%d", None, {}

    def local(self):
        return "GET", "/kv/k%d?consistency=local", None, {}


class Etcd(Contender):
    name = "etcd v2"
    LEADS = "/v2/stats/self", b'"StateLeader"'

    def __init__(self, folder):
        super().__init__(folder)
        self.ports = [free_port() for _ in range(self.nodes)]
        self.peer_ports = [free_port() for _ in range(self.nodes)]

    @staticmethod
    def missing():
        return None if shutil.which("etcd") else "etcd is not there: apt-get install etcd-server"

    def version(self):
        return subprocess.run(["etcd", "--version"], capture_output=True, text=True).stdout.split("\n")[0]

    def run(self, place):
        cluster = ",".join(f"n{i}=http://127.0.0.1:{port}" for i, port in enumerate(self.peer_ports))
        own, peer = f"http://127.0.0.1:{self.ports[place]}", f"http://127.0.0.1:{self.peer_ports[place]}"
        self.spawn(
            place,
            ["etcd", "--name", f"n{place}", "--data-dir", os.path.join(self.folder, str(place))]
            + ["--listen-client-urls", own, "--advertise-client-urls", own, "--listen-peer-urls", peer]
            + ["--initial-advertise-peer-urls", peer, "--initial-cluster", cluster]
            + ["--enable-v2=true", "--logger=zap", "--log-level=error"],
        )

    def wait_until_ready(self):
        for place in self.processes:
            wait_for(f"healthy node {place} of etcd", lambda: self.is_answering(place, "/health", b'"true"'))

    def counter(self):
        return int(call(self.port, "GET", "/v2/keys/k0")[1]["X-Etcd-Index"])

    def write(self, value):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return "PUT", "/v2/keys/k%d", "value=" + value, form

    def read(self):
        return "GET", "/v2/keys/k%d?quorum=true", None, {}

    def local(self):
        return "GET", "/v2/keys/k%d", None, {}


class EtcdGateway(Etcd):
    name = "etcd v3 JSON"

    def counter(self):
        body = json.dumps({"key": base64.b64encode(b"k0").decode()})
        header = json.loads(call(self.port, "POST", "/v3/kv/range", body)[2])["header"]
        return int(header["revision"])

    # The key is base64 of one letter and the number in eight digits: what varies is 12 of its characters.
    def write(self, value):
        encoded = base64.b64encode(value.encode()).decode()
        return "POST", "/v3/kv/put", '{"key":"%s","value":"' + encoded + '"}', {"Content-Type": "application/json"}

    def read(self):
        return "POST", "/v3/kv/range", '{"key":"%s"}', {"Content-Type": "application/json"}

    def local(self):
        return "POST", "/v3/kv/range", '{"key":"%s","serializable":true}', {"Content-Type": "application/json"}


class GoRaft(Contender):
    """Benchmarks/go, built into the folder of the results."""

    name = "Go raft"
    LEADS = "/status", b'"leads":true'
    SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "go", "main.go")
    LIBRARIES = "/usr/share/gocode"
    PACKAGES = {
        "golang-github-hashicorp-raft-dev": "hashicorp/raft",
        "golang-github-hashicorp-raft-boltdb-dev": "hashicorp/raft-boltdb",
        "golang-github-boltdb-bolt-dev": "boltdb/bolt",
    }

    def __init__(self, folder, output):
        super().__init__(folder)
        self.ports = [free_port() for _ in range(self.nodes)]
        self.peers = [f"127.0.0.1:{free_port()}" for _ in range(self.nodes)]
        self.binary = os.path.join(output, "go-raft")
        self.build(os.path.join(output, "go-cache"))

    @staticmethod
    def missing():
        wanted = [] if shutil.which("go") else ["golang-go"]
        for package, path in GoRaft.PACKAGES.items():
            if not os.path.isdir(os.path.join(GoRaft.LIBRARIES, "src/github.com", path)):
                wanted.append(package)
        return f"what builds it is not there: apt-get install {' '.join(wanted)}" if wanted else None

    def build(self, cache):
        """Takes some seconds once; then Go sees that nothing has changed."""
        version = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", next(iter(self.PACKAGES))], capture_output=True, text=True
        ).stdout
        stamp = f"-X 'main.libraries=hashicorp/raft {version}'"
        done = subprocess.run(
            ["go", "build", "-ldflags", stamp, "-o", self.binary, self.SOURCE],
            # (Without cgo: no C compiler is wanted.)
            env=os.environ
            | {"GO111MODULE": "off", "GOPATH": self.LIBRARIES, "GOCACHE": cache, "GOFLAGS": "", "CGO_ENABLED": "0"},
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise SystemExit(f"compare: {self.SOURCE} does not build:\n{done.stderr}")

    def version(self):
        return subprocess.run([self.binary, "-version"], capture_output=True, text=True).stdout.strip()

    def run(self, place):
        self.spawn(
            place,
            [self.binary, "-listen", f"127.0.0.1:{self.ports[place]}", "-raft", self.peers[place]]
            + ["-peers", ",".join(self.peers), "-data", os.path.join(self.folder, str(place))],
        )

    def wait_until_ready(self):
        for place in self.processes:
            wait_for(f"leader for node {place} of Go", lambda: self.is_answering(place, "/status", b'"leader":"1'))

    def counter(self):
        return json.loads(call(self.port, "GET", "/status")[2])["applied"]

    # It is asked as rast is.
    write, read, local = Rast.write, Rast.read, Rast.local


class Nginx(Contender):
    name = "nginx"
    nodes = 1
    CONFIGURATION = """
    daemon off; master_process off; worker_processes 1; pid %(folder)s/pid; error_log %(folder)s/error.log crit;
    events { worker_connections 2048; }
    http {
        access_log off; keepalive_requests 100000000; client_body_temp_path %(folder)s/body;
        proxy_temp_path %(folder)s/p; fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u;
        scgi_temp_path %(folder)s/s;
        server { listen 127.0.0.1:%(port)d reuseport; location / { return 200 "ok"; } }
    }
    """

    def __init__(self, folder):
        super().__init__(folder)
        self.ports = [free_port()]

    @staticmethod
    def binary():
        return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")

    @staticmethod
    def missing():
        return None if Nginx.binary() else "nginx is not there: apt-get install nginx-light"

    def version(self):
        return subprocess.run([self.binary(), "-v"], capture_output=True, text=True).stderr.strip()

    def run(self, place):
        file = os.path.join(self.folder, "nginx.conf")
        with open(file, "w") as configuration:
            configuration.write(self.CONFIGURATION % {"folder": self.folder, "port": self.ports[0]})
        self.spawn(place, [self.binary(), "-c", file, "-p", self.folder])

    def wait_until_ready(self):
        wait_for("nginx", lambda: self.is_answering(0, "/"))

    def write(self, value):
        return "PUT", "/kv/k%d", value, {"Content-Type": "text/plain"}

    def read(self):
        return "GET", "/kv/k%d", None, {}

    def local(self):
        return self.read()


class Redis(Contender):
    """One node that syncs every write to its log. It speaks no HTTP: its own benchmark asks it, one request at a time."""

    name = "redis"
    nodes = 1

    def __init__(self, folder):
        super().__init__(folder)
        self.ports = [free_port()]

    @staticmethod
    def missing():
        found = shutil.which("redis-server") and shutil.which("redis-benchmark")
        return None if found else "redis is not there: apt-get install redis-server redis-tools"

    def version(self):
        said = subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout
        return said.split(" sha=")[0]

    def run(self, place):
        self.spawn(
            place,
            ["redis-server", "--port", str(self.ports[0]), "--bind", "127.0.0.1", "--dir", self.folder]
            + ["--appendonly", "yes", "--appendfsync", "always", "--save", ""],
        )

    def wait_until_ready(self):
        def is_there():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.ports[0])) == 0

        wait_for("redis", is_there)

    def load(self, test, connections, count, keys, value):
        """Like wrk's line of JSON; None where there is no such request."""
        if test not in ("put", "get"):
            return None
        began = time.monotonic()
        done = subprocess.run(
            ["redis-benchmark", "-p", str(self.ports[0]), "-t", "set" if test == "put" else "get", "--csv"]
            + ["-n", str(count), "-c", str(connections), "-d", str(value), "-r", str(keys)],
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=die_with_parent,
        )
        seconds = time.monotonic() - began
        names, values = (line.strip().strip('"').split('","') for line in done.stdout.strip().split("\n")[-2:])
        row = dict(zip(names, values))
        found = {"requests": count, "microseconds": count / float(row["rps"]) * 1e6, "seconds": seconds}
        found |= {key: float(row[f"{key}_latency_ms"]) * 1e3 for key in ("p50", "p99", "max")}
        return found | {"refused": 0, "broken": 0, "late": 0}
