# SPDX-License-Identifier: GPL-3.0-or-later
"""How claims are measured: flowrig and its peers in turn (A B A B ...), on loopback, each run with
the receiver's goodput and the CPU time of all processes on both sides as the system accounts it."""
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("FLOWRIG_BUILD", os.path.join(HERE, "..", "build"))
FLOWD = os.path.join(BUILD, "daemon", "flowd")
FLOWCTL = os.path.join(BUILD, "controller", "flowctl")

# The machine's default may pace loopback (bbr does): everybody gets the same.
CONGESTION = os.environ.get("BENCH_CC", "cubic")


class Missing(Exception):
    """The peer is not installed, or does not run here."""


class Run:
    """What one run gave: bits per second at the receiver, CPU seconds of all its processes."""

    def __init__(self, rate, cpu, seconds, **more):
        self.rate, self.cpu, self.seconds = rate, cpu, seconds
        self.more = more

    @property
    def cpu_per_gigabyte(self):
        return self.cpu / (self.rate * self.seconds / 8 / 1e9)


def need(program):
    path = shutil.which(program)
    if not path:
        raise Missing(f"{program} is not installed")
    return path


def cpu_of(rusage):
    return rusage.ru_utime + rusage.ru_stime


class Group:
    """Processes that are measured together."""

    def __init__(self):
        self.processes, self.cpu = [], 0.0

    def start(self, command, **keywords):
        keywords.setdefault("stdout", subprocess.DEVNULL)
        keywords.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **keywords)
        self.processes.append(process)
        return process

    def reap(self, process):
        """Waits for the process and adds its CPU time."""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.processes.remove(process)
        self.cpu += cpu_of(usage)
        return process.returncode

    def end(self, number=signal.SIGTERM):
        for process in list(self.processes):
            process.send_signal(number)
            self.reap(process)

    def run(self, command):
        """Runs a command to its end and gives what it printed."""
        process = self.start(command, stdout=subprocess.PIPE, text=True)
        out = process.stdout.read()
        status = self.reap(process)
        if status:
            raise RuntimeError(f"{' '.join(command)}: exit status {status}\n{out}")
        return out


def wait_port(port):
    """Waits until somebody listens at the port, without connecting to it."""
    wanted = f":{port:04X} "
    for _ in range(200):
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            with open(table, encoding="ascii") as lines:
                if any(wanted in line and " 0A " in line for line in lines):
                    return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens at port {port}")


# ---- flowrig


def flowrig(*options, flows=1, seconds=3.0, interval=1):
    """One run with private daemons, one for each side."""
    group = Group()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "log")
        # flowctl waits for its daemons: the system adds their CPU time to its own.
        group.run([FLOWCTL, "--embedded", "-q", f"--log-file={path}", "-n", str(flows), "-T",
                   f"s={seconds}", "-i", str(interval), "-O",
                   f"b=TCP_CONGESTION={CONGESTION}", *map(str, options)])
        with open(path, encoding="ascii") as log:
            text = log.read()
    return Run(float(re.search(r"goodput = ([\d.]+)", text)[1]) * 1e6, group.cpu, seconds, log=text)


# ---- peers


def iperf3(*options, flows=1, seconds=3.0):
    program, port, group = need("iperf3"), 5301, Group()
    try:
        group.start([program, "-s", "-1", "-p", str(port), "--forceflush"])
        wait_port(port)
        out = group.run([program, "-c", "127.0.0.1", "-p", str(port), "-J", "-t", str(seconds),
                         "-P", str(flows), "-C", CONGESTION, *map(str, options)])
        group.reap(group.processes[0])
    finally:
        group.end(signal.SIGKILL)
    return Run(json.loads(out)["end"]["sum_received"]["bits_per_second"], group.cpu, seconds)


def iperf2(*options, flows=1, seconds=3.0):
    program, port, group = need("iperf"), 5302, Group()
    try:
        group.start([program, "-s", "-p", str(port), "-Z", CONGESTION])
        wait_port(port)
        out = group.run([program, "-c", "127.0.0.1", "-p", str(port), "-t", str(seconds), "-P",
                         str(flows), "-Z", CONGESTION, "-y", "C", *map(str, options)])
    finally:
        group.end(signal.SIGKILL)
    rows = [line.split(",") for line in out.splitlines() if line.count(",") >= 8]
    total = [r for r in rows if r[5] == "-1"] or rows
    return Run(float(total[-1][8]), group.cpu, seconds)


def flowgrind(*options, flows=1, seconds=3.0):
    program, port, group = need("flowgrindd"), 5303, Group()
    control = f"127.0.0.1/127.0.0.1:{port}"
    try:
        group.start([program, "-d", "-p", str(port)])
        wait_port(port)
        out = group.run([need("flowgrind"), "-n", str(flows), "-T", f"s={seconds}", "-i", "1", "-H",
                         f"b={control}", "-O", f"b=TCP_CONGESTION={CONGESTION}",
                         *map(str, options)])
    finally:
        group.end(signal.SIGTERM)
    received = [float(m[1]) for m in re.finditer(r"# ID +\d+ D:.*?through = [\d.]+/([\d.]+)", out)]
    if len(received) != flows:
        raise RuntimeError("flowgrind gave no result")
    return Run(sum(received) * 1e6, group.cpu, seconds)


# ---- comparing


def interleave(ours, peers, pairs=5):
    """Runs `ours` and each of `peers` (name: function) in turn. Gives our runs and theirs."""
    mine, theirs = [], {name: [] for name in peers}
    for _ in range(pairs):
        mine.append(ours())
        for name, function in list(peers.items()):
            try:
                theirs[name].append(function())
            except Missing as reason:
                print(f"  {name}: {reason}")
                del theirs[name], peers[name]
    return mine, theirs


def median_ratio(mine, theirs, figure):
    """The median over pairs of our figure over theirs."""
    return statistics.median(figure(a) / figure(b) for a, b in zip(mine, theirs))


class Claim:
    """A line of the table."""

    def __init__(self, name, ours, peer, peer_figure, ratio, goal, met):
        self.name, self.ours, self.peer, self.peer_figure = name, ours, peer, peer_figure
        self.ratio, self.goal, self.met = ratio, goal, met


def gigabits(run):
    return run.rate / 1e9


def compare(name, ours, peers, goals, figure=gigabits, unit="Gbit/s", more_is_better=True,
            pairs=5):
    """One claim per goal: `goals` maps a peer's name to the ratio that is wanted."""
    mine, theirs = interleave(ours, peers, pairs)
    claims = []
    for peer, wanted in goals.items():
        if peer not in theirs:
            continue
        ratio = median_ratio(mine, theirs[peer], figure)
        met = ratio >= wanted if more_is_better else ratio <= wanted
        claims.append(Claim(name, f"{statistics.median(map(figure, mine)):.2f} {unit}", peer,
                            f"{statistics.median(map(figure, theirs[peer])):.2f} {unit}",
                            f"{ratio:.2f}", f"{'>=' if more_is_better else '<='} {wanted}", met))
    return claims
