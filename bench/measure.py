# SPDX-License-Identifier: GPL-3.0-or-later
"""How claims are measured: flowrig and its peers in turn (A B A B ...), with the CPU time of all
processes on both sides as the system accounts it, and medians of the ratios of pairs. tools.py
says how each is run."""
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import types

PAIRS = 5
SECONDS = 3.0

# The machine's default may pace loopback (bbr does): everybody gets the same.
CONGESTION = os.environ.get("BENCH_CC", "cubic")


class Missing(Exception):
    """The peer is not installed."""


class Failed(Exception):
    """A run gave no result."""


# ---- a network of our own


def enter_own_network():
    """Starts the program anew in a network namespace: no port is taken, its counts of sockets are
    ours alone, and its routes set the congestion control from the first packet on. An option does
    less where the default is bbr: iperf3 sets its own after connect(), and goes on being paced."""
    if os.environ.get("BENCH_NETWORK") != "own":
        root = [] if os.geteuid() == 0 else ["--map-root-user"]
        environment = dict(os.environ, BENCH_NETWORK="own")
        os.execvpe("unshare", ["unshare", *root, "--net", sys.executable, *sys.argv], environment)
    ip("link", "set", "lo", "up")
    for prefix in "127.0.0.0/8", "127.0.0.1":
        ip("route", "replace", "local", prefix, "dev", "lo", "table", "local", "proto", "kernel",
           "scope", "host", "src", "127.0.0.1", "congctl", CONGESTION)


def ip(*words, inside=()):
    subprocess.run([*inside, "ip", *words], check=True)


class Path:
    """Where the two sides of a run are: on one host, or joined by a pair of virtual Ethernet
    devices. `inside` begins the commands of the far side."""

    def __init__(self, near, far, inside=()):
        self.near, self.far, self.inside = near, far, list(inside)


LOOPBACK = Path("127.0.0.1", "127.0.0.1")


class Veth(Path):
    """A second network namespace behind a pair of devices; a context manager."""

    def __init__(self, mtu):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        super().__init__("10.9.0.1", "10.9.0.2", ["nsenter", "-t", str(self.holder.pid), "-n"])
        wait_until(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") !=
                   os.readlink("/proc/self/ns/net"), "a network namespace can't be made")
        ip("link", "add", "near", "type", "veth", "peer", "name", "far", "netns",
           str(self.holder.pid))
        ip("link", "set", "lo", "up", inside=self.inside)
        for name, address, inside in (("near", self.near, []), ("far", self.far, self.inside)):
            ip("addr", "add", f"{address}/24", "dev", name, inside=inside)
            ip("link", "set", name, "mtu", str(mtu), "up", inside=inside)
            ip("route", "replace", "10.9.0.0/24", "dev", name, "congctl", CONGESTION, inside=inside)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The devices would outlive the namespace by a moment: the next pair has the same names.
        ip("link", "del", "near")
        self.holder.kill()
        self.holder.wait()


# ---- processes


class Run(types.SimpleNamespace):
    """What one run gave: `rate` in bits per second at the receiver, `cpu` seconds of all its
    processes, `seconds` that it was to take, and whatever else its tool tells."""

    @property
    def cpu_per_gigabyte(self):
        return self.cpu / (self.rate * self.seconds / 8 / 1e9)


def wait_until(condition, what, seconds=20):
    """Waits until the condition is true, or fails with the sentence `what`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(what)
        time.sleep(0.005)


def is_running(process):
    """Whether the process goes on; if not, it still waits to be reaped."""
    return not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)


def wait_port(process, port):
    """Waits until somebody listens at the port in the network of the process, without connecting
    to it."""
    wanted = f":{port:04X} "

    def listens():
        if not is_running(process):
            raise Failed(f"{process.args[0]} has ended")
        for table in "tcp", "tcp6":
            with open(f"/proc/{process.pid}/net/{table}", encoding="ascii") as lines:
                if any(wanted in line and " 0A " in line for line in lines):
                    return True
        return False
    wait_until(listens, f"nothing listens at port {port}")


def tcp_sockets():
    """TCP sockets in use in our network, of both ends."""
    with open("/proc/net/sockstat", encoding="ascii") as lines:
        return int(re.search(r"TCP: inuse (\d+)", lines.read())[1])


def until_connected(flows, others=0, alive=None):
    """Seconds until our network has both sockets of every flow and `others`, more than now; fails
    when the process `alive` ends."""
    before, began = tcp_sockets(), time.monotonic()

    def connected():
        if alive and not is_running(alive):
            raise Failed(f"{alive.args[0]} has ended")
        return tcp_sockets() - before >= 2 * flows + others
    wait_until(connected, f"there are not {flows} connections after 20 s")
    return time.monotonic() - began


def memory_of(process, what="VmRSS"):
    """Bytes of the process in memory: VmRSS now, VmHWM at most so far."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as lines:
        return int(re.search(rf"{what}:\s+(\d+) kB", lines.read())[1]) * 1024


def kernel_memory():
    """Bytes of the kernel's objects, of the whole machine."""
    with open("/proc/meminfo", encoding="ascii") as lines:
        return int(re.search(r"Slab:\s+(\d+) kB", lines.read())[1]) * 1024


def cpu_so_far(process):
    """CPU seconds of a process that runs, to the nanosecond, all threads together."""
    total, tasks = 0, f"/proc/{process.pid}/task"
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/schedstat", encoding="ascii") as line:
            total += int(line.read().split()[0])
    return total / 1e9


class Group:
    """Processes that are measured together; a context manager that lets none survive."""

    def __init__(self):
        self.processes, self.cpu = [], 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGKILL)

    def start(self, command, inside=(), **keywords):
        keywords = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | keywords
        process = subprocess.Popen([*inside, *map(str, command)], stdin=subprocess.DEVNULL,
                                   **keywords)
        self.processes.append(process)
        return process

    def reap(self, process, seconds=120):
        """Waits for the process, adds its CPU time, and gives that."""
        deadline = time.monotonic() + seconds
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                raise Failed(f"{process.args[0]} does not end")
            time.sleep(0.002)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.processes.remove(process)
        cpu = usage.ru_utime + usage.ru_stime
        self.cpu += cpu
        return cpu

    def end(self, number=signal.SIGTERM):
        for process in list(self.processes):
            os.kill(process.pid, number) # send_signal() might reap it, and lose its CPU time
            self.reap(process)

    def run(self, command, meanwhile=lambda: None):
        """Runs a command to its end; gives what it printed, its CPU seconds, and what
        `meanwhile` gave."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            process = self.start(command, stdout=out, stderr=errors)
            found = meanwhile()
            cpu = self.reap(process)
            out.seek(0)
            errors.seek(0)
            if process.returncode:
                words = (errors.read() or out.read()).strip().splitlines()[-3:]
                raise Failed(f"{' '.join(process.args)}: exit status {process.returncode}\n    "
                             + "\n    ".join(words))
            return out.read(), cpu, found


# ---- comparing


class Figure(types.SimpleNamespace):
    """What of a run is compared: `of(run)` in `unit`; `more` is better, or less."""


RATE = Figure(of=lambda run: run.rate / 1e9, unit="Gbit/s", more=True)
CPU_PER_GIGABYTE = Figure(of=lambda run: run.cpu_per_gigabyte, unit="s/GB", more=False)
CPU = Figure(of=lambda run: run.cpu, unit="s", more=False)


class Claim:
    """A line of the table."""

    def __init__(self, name, ours, peer, peer_figure, ratio, goal, met):
        self.name, self.ours, self.peer, self.peer_figure = name, ours, peer, peer_figure
        self.ratio, self.goal, self.met = ratio, goal, met


def shown(value, unit):
    return f"{value:.0f} {unit}" if abs(value) >= 1000 else f"{value:.4g} {unit}"


def limited(name, value, unit, limit, more=False, of="limit"):
    """A claim of one figure against a limit, without a peer."""
    met = value >= limit if more else value <= limit
    return Claim(name, shown(value, unit), of, shown(limit, unit), f"{value / limit:.2f}",
                 ">= 1" if more else "<= 1", met)


def name_of(tool):
    """`tool` is a functools.partial of one of tools.py: the program with its options."""
    flows = tool.keywords.get("flows", 1)
    words = [tool.func.__name__, *map(str, tool.args)]
    return " ".join(words) + (f" ({flows} flows)" if flows > 1 else "")


def best_of(tools, figure=RATE, rounds=2):
    """The one of `tools` that does best in short runs: how a peer's options are chosen."""
    results = {}
    for _ in range(rounds):
        for i, tool in enumerate(tools):
            try:
                results.setdefault(i, []).append(figure.of(tool(seconds=1.0)))
            except (Missing, Failed) as reason:
                print(f"  {name_of(tool)}: {reason}", flush=True)
    if not results:
        raise Failed("no peer runs here")
    choose = max if figure.more else min
    return tools[choose(results, key=lambda i: statistics.median(results[i]))]


class Pairs:
    """Runs of `ours` and of each peer in turn."""

    def __init__(self, ours, *peers, pairs=PAIRS):
        self.mine, self.theirs = [], {name_of(peer): [] for peer in peers}
        for number in range(pairs):
            self.mine.append(ours())
            for peer in peers:
                self._run_peer(peer, number)
        for name in [name for name, runs in self.theirs.items() if not any(runs)]:
            del self.theirs[name]

    def _run_peer(self, peer, number):
        result = None
        for _ in range(2): # some of them fail now and then
            try:
                result = peer()
                break
            except Missing as reason:
                print(f"  {name_of(peer)}: {reason}", flush=True)
                break
            except Failed as reason:
                print(f"  {name_of(peer)}, pair {number + 1}: {reason}", flush=True)
        self.theirs[name_of(peer)].append(result)

    def _valid(self, name):
        return [(a, b) for a, b in zip(self.mine, self.theirs[name]) if b]

    def _median(self, name, figure):
        return statistics.median(figure.of(b) for _, b in self._valid(name))

    def best(self, figure):
        """The peer whose median is best."""
        choose = max if figure.more else min
        return choose(self.theirs, key=lambda name: self._median(name, figure))

    def claim(self, name, goal, figure=RATE, peer=None):
        """One line: the median over pairs of our figure over that of `peer` (a tool; without it
        the best one) is at least `goal`, or at most where less is better."""
        if not self.theirs or (peer and name_of(peer) not in self.theirs):
            return Claim(name, "-", name_of(peer) if peer else "-", "-", "-", "-", False)
        other = name_of(peer) if peer else self.best(figure)
        ratio = statistics.median(figure.of(a) / figure.of(b) for a, b in self._valid(other))
        ours = statistics.median(figure.of(a) for a in self.mine)
        met = ratio >= goal if figure.more else ratio <= goal
        return Claim(name, shown(ours, figure.unit), other,
                     shown(self._median(other, figure), figure.unit), f"{ratio:.2f}",
                     f"{'>=' if figure.more else '<='} {goal:g}", met)
