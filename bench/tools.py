# SPDX-License-Identifier: GPL-3.0-or-later
"""flowrig and its peers: how each is started, and what it says. Each function is a tool, named as
its program; it runs both sides once along a path and gives a Run."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from measure import (CONGESTION, LOOPBACK, SECONDS, Failed, Group, Missing, Run, memory_of,
                     until_connected, wait_port)

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("FLOWRIG_BUILD", os.path.join(HERE, "..", "build"))
FLOWD = os.path.join(BUILD, "daemon", "flowd")
FLOWCTL = os.path.join(BUILD, "controller", "flowctl")


def need(program):
    path = shutil.which(program)
    if not path:
        raise Missing(f"{program} is not installed")
    return path


# ---- flowrig


class Log:
    """A flow log: what its total says, its rows as (end, flow, begin, end), and the final rows of
    (end, flow) as text."""

    def __init__(self, path):
        self.rows, self.finals = [], {}
        with open(path, encoding="ascii") as lines:
            for line in lines:
                if line.startswith(("S ", "D ")):
                    end, flow, begin, until, _ = line.split(" ", 4)
                    self.rows.append((end, int(flow), float(begin), float(until)))
                elif line.startswith("# final "):
                    _, _, end, flow, rest = line.split(" ", 4)
                    self.finals[end, int(flow)] = rest
                elif line.startswith("# start_ns "):
                    self.start = int(line.split()[2]) / 1e9
                elif line.startswith("# total: "):
                    self.total = line
        if not hasattr(self, "total"):
            raise Failed("flowctl wrote no total")

    def of_total(self, pattern):
        return float(re.search(pattern + r" = ([\d.]+)", self.total)[1])

    def figures(self, end, name):
        """The figure of every final row of that end, in order of flows; 0 where it is absent."""
        found = (re.search(rf" {name}=(\d+)", rest) for (e, _), rest in sorted(self.finals.items())
                 if e == end)
        return [int(match[1]) if match else 0 for match in found]

    @property
    def drained(self):
        """Seconds after the start by which the last flow had its final row."""
        return max(float(rest.split()[1]) for rest in self.finals.values())


def start_daemons(group, folder, path, options=(), both=False):
    """flowd for the sources and one for the destinations (or one for both); gives them with what
    -H needs."""
    found = []
    for port, address, inside in ((6001, path.near, []), (6002, path.far, path.inside))[:2 - both]:
        state = os.path.join(folder, str(port))
        os.mkdir(state, 0o700)
        with open(f"{state}.err", "w", encoding="utf-8") as errors:
            daemon = group.start([FLOWD, "-d", "-p", port, "-b", address, "--no-auth",
                                  "--log-level", "error", "--state-dir", state, *options], inside,
                                 stderr=errors)
        try:
            wait_port(daemon, port)
        except Failed as reason:
            with open(f"{state}.err", encoding="utf-8") as errors:
                raise Failed(f"{reason}: {errors.read().strip()}") from reason
        found.append((daemon, f"{address}/{address}:{port}"))
    return found


def flowrig(*options, flows=1, seconds=SECONDS, interval=1, path=LOOPBACK, daemon=(), both=False,
            meanwhile=None):
    """Daemons for one run, and the run. `meanwhile` is called with the daemons while it goes."""
    with Group() as group, tempfile.TemporaryDirectory() as folder:
        daemons = start_daemons(group, folder, path, daemon, both)
        processes = [process for process, _ in daemons]
        before = sum(map(memory_of, processes))
        log = os.path.join(folder, "log")
        congestion = () if "--udp" in options else ("-O", f"b=TCP_CONGESTION={CONGESTION}")
        began, launched = time.monotonic(), time.time()
        _, cpu, found = group.run(
            [FLOWCTL, "-q", f"--log-file={log}", "-n", flows, "-T", f"s={seconds}", "-i", interval,
             "-H", f"s={daemons[0][1]},d={daemons[-1][1]}", *congestion, *options],
            lambda: meanwhile(processes) if meanwhile else None)
        wall = time.monotonic() - began
        memory = sum(memory_of(process, "VmHWM") for process in processes) - before
        group.end(signal.SIGTERM)
        text = Log(log)
    return Run(rate=text.of_total("goodput") * 1e6, cpu=group.cpu, seconds=seconds, log=text,
               wall=wall, started=text.start - launched, memory=memory, controller_cpu=cpu,
               found=found)


# ---- peers


def iperf3(*options, flows=1, seconds=SECONDS, path=LOOPBACK):
    program, port = need("iperf3"), 5301
    with Group() as group:
        server = group.start([program, "-s", "-1", "-p", port], path.inside)
        wait_port(server, port)
        congestion = () if "-u" in options else ("-C", CONGESTION)
        out, _, _ = group.run([program, "-c", path.far, "-p", port, "-J", "-t", seconds, "-P",
                               flows, *congestion, *options])
        group.reap(server)
    end = json.loads(out)["end"]
    rate = (end.get("sum_received") or end["sum"])["bits_per_second"]
    return Run(rate=rate, cpu=group.cpu, seconds=seconds)


def iperf(*options, flows=1, seconds=SECONDS, path=LOOPBACK):
    """The server ends after so many connections, and says what it received from each."""
    program, port = need("iperf"), 5302
    sized = [w for pair in zip(options, options[1:]) if pair[0] == "-l" for w in pair]
    with Group() as group:
        server = group.start([program, "-s", "-P", flows, "-p", port, "-Z", CONGESTION, "-y", "C",
                              *sized], path.inside, stdout=subprocess.PIPE, text=True)
        wait_port(server, port)
        group.run([program, "-c", path.far, "-p", port, "-t", seconds, "-P", flows, "-Z",
                   CONGESTION, *options])
        group.reap(server, 20)
        out = server.stdout.read()
    rows = [line.split(",") for line in out.splitlines() if line.count(",") >= 8]
    rates = [float(row[8]) for row in rows if row[5] != "-1"]
    if len(rates) != flows:
        raise Failed(f"{len(rates)} of {flows} flows gave a result")
    return Run(rate=sum(rates), cpu=group.cpu, seconds=seconds)


def iperf_start(flows):
    """Only until every connection is there, at both ends."""
    program, port = need("iperf"), 5302
    with Group() as group:
        server = group.start([program, "-s", "-p", port, "-Z", CONGESTION])
        wait_port(server, port)
        group.start([program, "-c", "127.0.0.1", "-p", port, "-t", 20, "-P", flows, "-Z",
                     CONGESTION])
        found = until_connected(flows, alive=server)
    return Run(found=found)


def nuttcp(*options, flows=1, seconds=SECONDS, path=LOOPBACK):
    """It has no option for the congestion control: routes set it."""
    program, port = need("nuttcp"), 5305
    streams = [f"-N{flows}"] if flows > 1 else []
    with Group() as group:
        server = group.start([program, "-S", "--nofork", "--single-threaded", "-P", port],
                             path.inside)
        wait_port(server, port)
        out, _, _ = group.run([program, "-t", "-fparse", f"-T{round(seconds)}", "-P", port, "-p",
                               port + 5, *streams, *options, path.far])
        group.end(signal.SIGTERM)
    rate = re.search(r"rate_Mbps=([\d.]+)", out)
    if not rate or float(rate[1]) == 0:
        raise Failed("nuttcp gave no result")
    return Run(rate=float(rate[1]) * 1e6, cpu=group.cpu, seconds=seconds)


def flowgrind(*options, flows=1, seconds=SECONDS):
    program, port = need("flowgrindd"), 5303
    with Group() as group:
        server = group.start([program, "-d", "-p", port])
        wait_port(server, port)
        out, _, _ = group.run([need("flowgrind"), "-n", flows, "-T", f"s={seconds}", "-i", 1, "-H",
                               f"b=127.0.0.1/127.0.0.1:{port}", "-O",
                               f"b=TCP_CONGESTION={CONGESTION}", *options])
        group.end(signal.SIGTERM)
    received = [float(m[1]) for m in re.finditer(r"# ID +\d+ D:.*?through = [\d.]+/([\d.]+)", out)]
    if len(received) != flows:
        raise Failed("flowgrind gave no result")
    return Run(rate=sum(received) * 1e6, cpu=group.cpu, seconds=seconds)


def sockperf(seconds=SECONDS):
    """Ping-pong over TCP; it prints half the round trip."""
    program, port = need("sockperf"), 5304
    with Group() as group:
        server = group.start([program, "sr", "--tcp", "-i", "127.0.0.1", "-p", port])
        wait_port(server, port)
        out, _, _ = group.run([program, "pp", "--tcp", "-i", "127.0.0.1", "-p", port, "-t",
                               round(seconds), "-m", 64])
    took, count = re.search(r"Valid Duration\] RunTime=([\d.]+) sec;.*ReceivedMessages=(\d+)",
                            out).groups()
    p50, p99 = (2 * float(re.search(rf"percentile {p} = +([\d.]+)", out)[1])
                for p in ("50.000", "99.000"))
    return Run(cpu=group.cpu, seconds=float(took), transactions=int(count) / float(took), p50=p50,
               p99=p99)


# ---- what the machine can do


def limit(placement, flows=2, seconds=SECONDS):
    """splice from a memfd and recv(MSG_TRUNC), a thread for each end of each flow (limit.c)."""
    with Group() as group:
        out, _, _ = group.run([os.path.join(BUILD, "bench", "limit"), CONGESTION, flows, seconds,
                               placement])
    return Run(rate=float(out), cpu=group.cpu, seconds=seconds)


def udplimit(technique, size, seconds=SECONDS):
    """A process for each end, and nothing but the calls (udplimit.c)."""
    with Group() as group:
        out, _, _ = group.run([os.path.join(BUILD, "bench", "udplimit"), technique, size, seconds])
    return Run(rate=float(out.split()[0]), cpu=group.cpu, seconds=seconds)


def sleeper(seconds=SECONDS):
    """A loop of clock_nanosleep(TIMER_ABSTIME) each millisecond (sleeper.c)."""
    with Group() as group:
        out, _, _ = group.run([os.path.join(BUILD, "bench", "sleeper"), round(seconds * 1000)])
    return Run(cpu=group.cpu, seconds=seconds, errors=sorted(map(float, out.split())))
