#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs over the loopback interface: good ones of many kinds, and what happens when something
breaks."""
import http.client
import http.server
import math
import os
import re
import signal
import socket
import subprocess
import threading
import time
import xmlrpc.client

from flowrig_api import Session, destination
from flowrig_test import (FLOWCTL, FLOWD, SANITIZED, Daemon, FlowLog, Skip, at_end, case,
                          expect, flowctl, hosts, long_case, main, need_program, need_root, note,
                          run_logged, start_flowctl, temp_dir, wait_for)

NO_NAME = "a" * 64  # the resolver refuses it without asking anybody


def whole(value, tail):
    return value.get(tail[0], 0) + value.get(tail[1], 0)


def check_rows(log, flow, duration, interval, ends="SD"):
    """Exactly one row for every interval that was begun, each where the one before ended."""
    # Exact in whole nanoseconds: 0.3 / 0.1 is not 3 for a computer.
    count = -(-round(duration * 1e9) // round(interval * 1e9))
    for end in ends:
        rows = log.of(end, flow)
        assert len(rows) == count, f"flow {flow} {end}: {len(rows)} rows, not {count}"
        for before, after in zip(rows, rows[1:]):
            assert before["end"] == after["begin"], (before["end"], after["begin"])
        for number, row in enumerate(rows[:-1], 1):
            assert row["end"] >= number * interval - 1e-6, (number, row["end"])
        assert rows[-1]["end"] >= duration - 1e-6, rows[-1]["end"]


def check_bytes(log, flow, sender="S"):
    """What one end sent has arrived at the other; rows add up to the final reports."""
    receiver = "D" if sender == "S" else "S"
    sent, received = log.finals[sender, flow], log.finals[receiver, flow]
    assert whole(sent, ("tx_bytes", "tx_tail")) == whole(received, ("rx_bytes", "rx_tail")) > 0
    assert log.total(sender, "tx_bytes", flow) == sent["tx_bytes"]
    assert log.total(receiver, "rx_bytes", flow) == received["rx_bytes"]


def alive(pids):
    """Those of the processes that live."""
    return [pid for pid in pids if os.path.exists(f"/proc/{pid}") and
            not open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].startswith(" Z")]


def children(pid):
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(entry))
    return found


def sessions(daemon):
    return daemon.rpc().flowd.status({})["sessions"]


def rows_come(process, count=3):
    wait_for(lambda: process.out.count("\nS ") >= count or not process.running(), 30, "rows")
    assert process.running(), process.err


def total_bytes(result):
    return int(re.search(r"\((\d+) B at the receivers\)", result.out)[1])


# ---- good runs


@case
def two_hundred_flows():
    """200 flows between two daemons: each moves data, and the sum is exactly the receivers'"""
    one, two = Daemon(), Daemon()
    result, log = run_logged("-H", hosts(one, two), "-n", 200, "-T", "s=2", "-i", "0.5", "-q")
    assert ", failed = 0, " in log.comment("total:")[0]
    for flow in range(200):
        check_rows(log, flow, 2, 0.5)
        check_bytes(log, flow)
        assert log.finals["D", flow]["rx_bytes"] > 0 and log.finals["S", flow]["tx_bytes"] > 0, flow
    received = sum(log.finals["D", flow]["rx_bytes"] for flow in range(200))
    result.out = log.comment("total:")[0]
    assert total_bytes(result) == received == log.total("D", "rx_bytes"), (
        total_bytes(result), received, log.total("D", "rx_bytes"))
    assert sessions(one) == sessions(two) == []


@case
def four_workers():
    """500 flows over four workers on each side, with bytes that are thrown away and that are touched"""
    one, two = Daemon("--workers", 4), Daemon("--workers", 4)
    seconds = 6 if SANITIZED else 1  # until each flow has had its turn, of a megabyte
    for options in ((), ("--touch-data",), ("-S", "s=500", "-R", "s=80k", "-A", "s")):
        _, log = run_logged("-H", hosts(one, two), "-n", 500, "-T", f"s={seconds}", "-i", seconds / 4, "-q",
                            *options)
        assert ", failed = 0, " in log.comment("total:")[0]
        for flow in range(500):
            check_rows(log, flow, seconds, seconds / 4)
            check_bytes(log, flow)
            assert whole(log.finals["D", flow], ("rx_bytes", "rx_tail")) > 0, flow
    assert sessions(one) == sessions(two) == []


class Between:
    """Stands between flowctl and a daemon, and notes which methods are called, and each call as
    (method, asked, answered)."""

    def __init__(self, daemon):
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked = time.monotonic()
                method = re.search(rb"<methodName>(.*?)</methodName>", body)[1].decode()
                between.methods.append(method)
                connection = http.client.HTTPConnection(daemon.host, daemon.port, timeout=60)
                connection.request("POST", self.path, body, {"Content-Type": "text/xml"})
                answer = connection.getresponse().read()
                connection.close()
                between.calls.append((method, asked, time.monotonic()))
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.methods, self.calls = [], []
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.control = f"127.0.0.1:{server.server_port}"
        at_end(server.server_close)
        at_end(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()


@case
def few_calls():
    """Preparing 200 flows on two daemons takes a handful of calls to each"""
    ends = [Between(Daemon()), Between(Daemon())]
    expect(flowctl("-H", hosts(*ends), "-n", 200, "-T", "s=0.3", "-i", "0.1", "-q"))
    for end in ends:
        before = end.methods[:end.methods.index("session.start")]
        calls = [name for name in before if name != "flowd.clock"]
        note(f"{calls}, and {before.count('flowd.clock')} exchanges of clocks")
        assert len(calls) <= 8, calls
        assert calls.count("session.prepare") == 1, calls


@case
def both_ends_at_a_time():
    """900 flows are prepared in parts: sources while later destinations are not there yet"""
    ends = [Between(Daemon()), Between(Daemon())]
    _, log = run_logged("-H", hosts(*ends), "-n", 900, "-T", "s=0.3", "-i", "0.3", "-R",
                        "s=80kbit", "-S", "s=1000")
    assert len(log.finals) == 1800 and "failed = 0" in log.comment("total:")[0]
    prepared = [[call for call in end.calls if call[0] == "session.prepare"] for end in ends]
    assert [len(calls) for calls in prepared] == [5, 5], prepared
    first_asked, last_answered = prepared[0][0][1], prepared[1][-1][2]
    assert first_asked < last_answered, (first_asked, last_answered)


@case
def messages():
    """Message mode: requests and responses are counted alike on both sides"""
    one, two = Daemon(), Daemon()
    _, log = run_logged("-H", hosts(one, two), "-n", 3, "-T", "s=1", "-i", "0.1", "-A", "s", "-F", 0,
                        "-S", "s=64", "-R", "s=1Mbit", "-F", 1, "-S", "s=100000", "-F", 2, "-T", "d=1",
                        "-A", "d", "-S", "b=1000", "-R", "b=800k")
    for flow in range(3):
        check_rows(log, flow, 1, 0.1)
        check_bytes(log, flow)
        s, d = log.finals["S", flow], log.finals["D", flow]
        for out, into in ((s, d), (d, s)) if flow == 2 else ((s, d),):
            requests = whole(out, ("tx_requests", "tx_requests_tail"))
            assert requests == whole(into, ("rx_requests", "rx_requests_tail")) > 0, (flow, s, d)
            assert requests == whole(into, ("tx_responses", "tx_responses_tail"))
            assert requests == whole(out, ("rx_responses", "rx_responses_tail"))
            assert out["rtt_count"] == requests and 0 < out["rtt_min"] <= out["rtt_max"]
        assert log.total("S", "requ", flow) == s["tx_requests"]
        assert log.total("D", "requ_in", flow) == d["rx_requests"]
        assert log.total("D", "resp", flow) == d["tx_responses"]
        assert log.total("S", "resp_in", flow) == s["rx_responses"]
        assert whole(d, ("tx_bytes", "tx_tail")) == whole(s, ("rx_bytes", "rx_tail")) > 0
    # 1 Mbit/s of 64 bytes for a second: 1953; an endpoint that has fallen behind never catches up
    # beyond what is due.
    assert log.finals["S", 0]["tx_requests"] <= 1 + 1e6 / 8 / 64, log.finals["S", 0]["tx_requests"]
    assert log.finals["S", 0]["tx_requests"] > 100
    for row in log.of("S", 0):
        if row["resp_in"]:
            assert 0 < row["minRTT"] <= row["avgRTT"] <= row["maxRTT"] < math.inf
    assert all(row["avgRTT"] == math.inf for row in log.of("D", 0)), "the destination asks for nothing"


@case
def both_directions():
    """-T s=0.6,d=1: one connection in both directions, each for its own time"""
    _, log = run_logged("--embedded", "-T", "s=0.6,d=1", "-i", "0.1")
    check_rows(log, 0, 1, 0.1)
    check_bytes(log, 0, "S")
    check_bytes(log, 0, "D")
    sent = [row["tx_bytes"] for row in log.of("S")]
    every = any if SANITIZED else all  # a turn may take longer than an interval there
    assert every(sent[:5]) and sum(sent[8:]) == 0, sent
    assert every(row["tx_bytes"] for row in log.of("D")[:9])
    # Sending may have begun a moment after the instant that it ends by.
    times = log.finals["S", 0]["tx_time"] / 1e9, log.finals["D", 0]["tx_time"] / 1e9
    assert 0.55 <= times[0] < times[1] and times[1] >= 0.95, times


@case
def from_the_destination():
    """-T s=0,d=0.5: only the destination sends, over a connection that the source makes"""
    result, log = run_logged("--embedded", "-T", "s=0,d=0.5", "-i", "0.1")
    check_rows(log, 0, 0.5, 0.1)
    check_bytes(log, 0, "D")
    assert log.finals["S", 0]["tx_bytes"] == log.total("D", "rx_bytes") == 0
    assert total_bytes(result) == log.finals["S", 0]["rx_bytes"]
    assert log.finals["S", 0]["connect_time"] > 0 and "connect_time" not in log.finals["D", 0]


@case
def flows_of_all_kinds():
    """-F: each flow has its own settings, length included; -i and -Q are for all"""
    one, two = Daemon(), Daemon()
    _, log = run_logged("-H", hosts(one, two), "-n", 4, "-T", "s=0.6", "-F", 1, "-T",
                        "s=1.1", "-i", "0.1", "-S", "s=500", "-R", "s=80k", "-F", 2, "-O",
                        "s=TCP_CONGESTION=reno,d=TCP_NODELAY", "-B", "s=50000", "-F", "3", "-H",
                        hosts(two, one))
    for flow, duration in enumerate((0.6, 1.1, 0.6, 0.6)):
        check_rows(log, flow, duration, 0.1)
    for flow in range(3):
        check_bytes(log, flow)
    assert log.finals["S", 2]["congestion_control"] == "reno"
    assert log.finals["S", 0]["congestion_control"] == log.finals["S", 1]["congestion_control"]
    assert log.finals["S", 2]["send_buffer"] == 100000, "the kernel doubles what is asked for"
    assert log.finals["D", 1]["rx_bytes"] % 500 in range(500) and log.finals["D", 1]["rx_bytes"] < 20000
    assert log.finals["D", 3]["rx_bytes"] > 0


@case
def delayed():
    """-Y: nothing is sent before the delay, everything after"""
    _, log = run_logged("--embedded", "-n", 2, "-T", "s=0.5", "-i", "0.1", "-F", 1, "-Y", "s=0.5")
    check_rows(log, 0, 0.5, 0.1)
    check_rows(log, 1, 1, 0.1)
    check_bytes(log, 1)
    for end, name in (("S", "tx_bytes"), ("D", "rx_bytes")):
        early = [row[name] for row in log.of(end, 1) if row["end"] < 0.5]
        late = [row[name] for row in log.of(end, 1) if row["begin"] >= 0.5]
        assert sum(early) == 0 and sum(late) > 0, (end, early, late)
    assert log.of("S", 1)[0]["status"] == "d/o", log.of("S", 1)[0]["status"]
    assert log.of("S", 1)[-2]["status"] == "n/o"
    assert 0.45e9 <= log.finals["S", 1]["tx_time"] < 1e9


@case
def late_connect():
    """-L: the connection is made at its time, and is no part of the measured time"""
    _, log = run_logged("--embedded", "-n", 2, "-T", "s=0.5", "-i", "0.1", "-L", "-F", 1, "-Y", "s=0.4")
    check_rows(log, 0, 0.5, 0.1)
    check_bytes(log, 0)
    check_bytes(log, 1)
    for flow, delay in ((0, 0), (1, 0.4)):
        for end in "SD":
            assert log.begins[end, flow]["begin"] >= delay, (end, flow, log.begins[end, flow]["begin"])
            assert len(log.of(end, flow)) == 5 and log.of(end, flow)[0]["begin"] >= delay
        final = log.finals["S", flow]
        assert final["connect_time"] > 0 and final["exchange_time"] > 0 and final["tx_time"] >= 0.45e9
    assert "late connecting" in log.comment("ID   0 S:")[0]


@case
def shutdown():
    """-N: the direction is closed at the end of its time; the run ends well, responses owed or not"""
    result, log = run_logged("--embedded", "-n", 2, "-T", "s=0.5", "-i", "0.1", "-N", "-F", 1, "-A",
                             "s", "-S", "s=100000")
    assert ", failed = 0, " in result.out and result.out.count("calling shutdown") == 4
    check_rows(log, 0, 0.5, 0.1)
    check_bytes(log, 0)
    s, d = log.finals["S", 1], log.finals["D", 1]
    assert whole(d, ("tx_responses", "tx_responses_tail")) <= whole(d, ("rx_requests", "rx_requests_tail"))
    assert whole(s, ("rx_responses", "rx_responses_tail")) <= whole(s, ("tx_requests", "tx_requests_tail"))


@case
def no_intervals():
    """-Q: no rows, and the final figures all the same"""
    result, log = run_logged("--embedded", "-n", 2, "-T", "s=0.5", "-F", 1, "-A", "s", "-Q")
    assert log.rows == [] and not result.rows
    assert len(log.finals) == len(log.begins) == 4
    for flow in range(2):
        s, d = log.finals["S", flow], log.finals["D", flow]
        assert whole(s, ("tx_bytes", "tx_tail")) == whole(d, ("rx_bytes", "rx_tail")) > 0
    assert log.finals["S", 1]["rtt_count"] > 0
    assert total_bytes(result) == sum(log.finals["D", flow]["rx_bytes"] for flow in range(2))


@case
def runs_one_after_the_other():
    """Where flowctl has ended, the daemon has let go of its flows: the next run finds their places free"""
    flows = 200 if SANITIZED else 1200
    daemon = Daemon("--max-flows", 2 * flows)
    for _ in range(3):
        expect(flowctl("-H", hosts(daemon), "-n", flows, "-T", "s=0.2", "-q", "-R", "s=10kbit", "-S", "s=100"))
        assert daemon.rpc().flowd.status({})["flows"] == 0


@case
def cpu_use():
    """worker_cpu and host_cpu: shares of the time, more for a flow that copies than for an idle one"""
    used = {}
    for name, options in (("busy", ["--touch-data"]), ("idle", ["-R", "s=80kbit", "-S", "s=1000"])):
        result, log = run_logged("-H", hosts(Daemon("--workers", 1)), "-T", "s=0.9", "-i", "0.3", *options)
        for end in "SD":
            final, rows = log.finals[end, 0], log.of(end, 0)
            elapsed = (final["end"] - final["begin"]) * 1e9
            assert 0 < final["worker_cpu"] <= elapsed * 1.01, (final["worker_cpu"], elapsed)
            assert 0 <= final["host_cpu"] <= 1000000
            for row in rows:
                assert 0 <= row["worker_cpu"] <= 101, row["worker_cpu"]
                assert math.isnan(row["host_cpu"]) or 0 <= row["host_cpu"] <= 100
            in_rows = sum(row["worker_cpu"] / 100 * (row["end"] - row["begin"]) * 1e9 for row in rows)
            assert in_rows <= final["worker_cpu"] * 1.01 + 1e6, (in_rows, final["worker_cpu"])
            shown = re.search(r", CPU = ([\d.]+)/([\d.]+) \[%\] \(worker/host\)", log.comment(f"ID   0 {end}:")[0])
            assert abs(float(shown[1]) - 100 * final["worker_cpu"] / elapsed) < 0.1, shown[0]
            assert abs(float(shown[2]) - final["host_cpu"] / 1e4) < 0.1, shown[0]
        used[name] = log.finals["S", 0]["worker_cpu"]
    assert used["idle"] < used["busy"], used


@case
def crooked_durations():
    """Durations that are no multiple of the interval: one short row at the end, and no empty one"""
    one, two = Daemon(), Daemon()
    for interval, durations in ((0.1, (0.25, 0.3, 0.999, 0.1)), (0.3, (1, 0.05)),
                                (0.011, (0.33, ))):
        arguments = ["-H", hosts(one, two), "-n", len(durations), "-R", "s=1Mbit", "-S", "s=100",
                     "-i", interval]
        for flow, duration in enumerate(durations):
            arguments += ["-F", flow, "-T", f"s={duration}"]
        _, log = run_logged(*arguments)
        for flow, duration in enumerate(durations):
            check_rows(log, flow, duration, interval)


@case
def small_intervals():
    """-i 0.001: every row, in order, through a thousandth of a second"""
    one, two = Daemon(), Daemon()
    _, log = run_logged("-H", hosts(one, two), "-n", 4, "-T", "s=1", "-i", "0.001", "-q")
    for flow in range(4):
        check_rows(log, flow, 1, 0.001)
        check_bytes(log, flow)


@case
def both_framings():
    """--framing: the same flow with and without headers"""
    _, log = run_logged("--embedded", "-n", 2, "-T", "s=0.5", "-i", "0.1", "-F", 0, "--framing", "stream",
                        "-F", 1, "--framing", "message", "-S", "s=1000")
    assert log.comment("flow 0 ")[0].endswith("mode=stream")
    assert log.comment("flow 1 ")[0].endswith("mode=message")
    for flow in range(2):
        check_rows(log, flow, 0.5, 0.1)
        check_bytes(log, flow)
    d = log.finals["D", 1]
    assert whole(d, ("rx_requests", "rx_requests_tail")) * 1000 == whole(d, ("rx_bytes", "rx_tail"))
    s = log.finals["S", 0]
    assert s["tx_requests"] == s["tx_bytes"] // 8192, "blocks follow from bytes"
    assert {row["minIAT"] for row in log.of("D", 0)} == {math.inf}, "stream mode knows no single block"
    assert all(row["minIAT"] < math.inf for row in log.of("D", 1) if row["requ_in"] > 1)


@case
def touched_data():
    """--touch-data: every byte is counted as without, in both modes"""
    _, log = run_logged("--embedded", "-n", 3, "-T", "s=0.5", "-i", "0.1", "--touch-data", "-F", 1,
                        "-S", "s=1000000", "--framing", "message", "-F", 2, "-A", "s", "-S", "s=64k")
    for flow in range(3):
        check_rows(log, flow, 0.5, 0.1)
        check_bytes(log, flow)
        assert log.finals["D", flow]["rx_bytes"] > 0


@case
def ipv6():
    """Control and data over ::1"""
    one, two = Daemon(), Daemon()
    if "listening at [::1]:" not in one.err:
        raise Skip("there is no IPv6")
    _, log = run_logged("-H", f"s=::1/[::1]:{one.port},d=[::1]/[::1]:{two.port}", "-T", "s=0.4", "-i",
                        "0.1")
    check_rows(log, 0, 0.4, 0.1)
    check_bytes(log, 0)
    for end in "SD":
        info = " ".join(f"{k}={v}" for k, v in log.finals[end, 0].items())
        assert re.search(r"local=\[?::1", info) and re.search(r"(peer|remote)=\[?::1", info), info


@case
def crossing():
    """Flows in opposite directions between two daemons, and from a daemon to itself"""
    one, two = Daemon(), Daemon()
    _, log = run_logged("-n", 3, "-T", "s=0.4", "-i", "0.1", "-F", 0, "-H", hosts(one, two), "-F", 1,
                        "-H", hosts(two, one), "-F", 2, "-H", hosts(one))
    for flow in range(3):
        check_rows(log, flow, 0.4, 0.1)
        check_bytes(log, flow)
    heads = [line.split()[2] for line in log.comment("daemon ")]
    assert heads == [one.control, two.control], heads


@case
def names_of_hosts():
    """Daemons and test addresses given as a name"""
    one = Daemon()
    _, log = run_logged("-H", f"b=localhost/localhost:{one.port}", "-T", "s=0.2", "-i", "0.1")
    check_rows(log, 0, 0.2, 0.1)
    check_bytes(log, 0)


@case
def two_controllers():
    """Two flowctl at once at the same daemons: both get all of theirs"""
    one, two = Daemon(), Daemon()
    paths = [os.path.join(temp_dir(), "flow.log") for _ in range(2)]
    running = [start_flowctl("-H", hosts(one, two), "-n", count, "-T", "s=1.5", "-i", "0.05", "-q",
                             f"--log-file={path}") for count, path in zip((2, 3), paths)]
    wait_for(lambda: len(sessions(one)) == 2, 20, "two sessions at once")
    for process in running:
        assert process.wait(60) == 0, process.err
    for path, count in zip(paths, (2, 3)):
        log = FlowLog(path)
        for flow in range(count):
            check_rows(log, flow, 1.5, 0.05)
            check_bytes(log, flow)


@case
def one_after_another():
    """Twenty runs in a row at the same daemons leave nothing behind"""
    one, two = Daemon(), Daemon()
    count = 5 if SANITIZED else 20

    def files():
        return [len(os.listdir(f"/proc/{daemon.pid}/fd")) for daemon in (one, two)]

    before = files()
    for _ in range(count):
        expect(flowctl("-H", hosts(one, two), "-n", 3, "-T", "s=0.02", "-i", "0.01", "-q"))
        assert sessions(one) == sessions(two) == []
    wait_for(lambda: all(a <= b + 4 for a, b in zip(files(), before)), 10,
             f"{files()} open files to be {before} again")
    assert [daemon.rpc().flowd.status({})["flows"] for daemon in (one, two)] == [0, 0]


# ---- private daemons


@case
def embedded():
    """--embedded: two private daemons, named on standard error, gone afterwards"""
    process = start_flowctl("--embedded", "-T", "s=1", "-i", "0.1")
    rows_come(process)
    pids = children(process.pid)
    assert len(pids) == 2, pids
    assert process.wait(30) == 0
    said = [line for line in process.err_lines if line.startswith("flowctl:")]
    assert len(said) == 1 and re.fullmatch(
        r"flowctl: using private flowds at 127\.0\.0\.1:(\d+) and 127\.0\.0\.1:(\d+) for this run\n",
        said[0]), process.err
    assert not alive(pids), "a private daemon lives on"


@case
def private_daemons_let_in_nobody():
    """Nobody but its flowctl commands a private daemon, not even the same user: nor reads, nor stops"""
    process = start_flowctl("--embedded", "-T", "s=6", "-i", "0.1", "-R", "s=8Mbit")
    rows_come(process)
    ports = re.findall(r"127\.0\.0\.1:(\d+)", process.err)
    assert len(ports) == 2, process.err
    for port in ports:
        # Each failure holds the next answer back longer: so few are tried.
        for user, method in (("", "dumps.list"), ("", "flowd.stop_all"),
                             ("flowctl:wrong-but-long-enough@", "flowd.stop_all")):
            rpc = xmlrpc.client.ServerProxy(f"http://{user}127.0.0.1:{port}/RPC2", allow_none=True)
            try:
                raise AssertionError(f"let in: {getattr(rpc, method)({})}")
            except xmlrpc.client.ProtocolError as refusal:
                assert refusal.errcode == 401, refusal
    secret = open(f"/proc/{children(process.pid)[0]}/environ", "rb").read()
    assert b"FLOWRIG_TOKEN_FD=4" in secret  # the number, and not the secret
    assert process.wait(60) == 0, process.err
    assert re.search(r"duration = (5\.99\d|6\.\d+)/6\.000", process.out), process.out


@case
def passed_token_that_is_none():
    """A daemon that was to be guarded by a token that it can't read does not start"""
    for number in ("x", "2", "77", "-1", ""):
        done = subprocess.run([FLOWD, "-d", "-p", "0"], env=dict(os.environ, FLOWRIG_TOKEN_FD=number),
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, (number, done)


def in_a_namespace(command):
    """The command where nobody listens anywhere: in a network namespace of its own."""
    need_root()
    need_program("unshare")
    need_program("ip")
    return ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"] + command


@case
def private_daemon():
    """No daemon named and none at localhost:5999: a private one, told on standard error"""
    done = subprocess.run(in_a_namespace([FLOWCTL, "-T", "s=0.3", "-i", "0.1"]), text=True,
                          capture_output=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if line.startswith("flowctl:")]
    assert done.returncode == 0, done.stderr
    assert len(said) == 1 and re.fullmatch(
        r"flowctl: no flowd answers on localhost; using a private one at 127\.0\.0\.1:\d+ for this run",
        said[0]), done.stderr
    rows = [line for line in done.stdout.splitlines() if line[:2] in ("S ", "D ")]
    assert len(rows) == 6


@case
def named_daemon_is_not_replaced():
    """A daemon that is named and does not answer is an error, even at localhost"""
    done = subprocess.run(in_a_namespace([FLOWCTL, "-H", "s=localhost", "-T", "s=0.3"]), text=True,
                          capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == ("flowctl: no flowd can be reached at localhost:5999: Connection refused; -H names no "
                           "destination (d=HOST), so it defaults to localhost\n"), \
        done.stderr


@case
def daemon_at_home():
    """No daemon named and one at localhost:5999: that one is used"""
    script = (f"'{FLOWD}' -d -p 5999 2>/dev/null & daemon=$!; sleep 0.5; "
              f"'{FLOWCTL}' -T s=0.3 -i 0.1; status=$?; '{FLOWCTL}' status localhost; "
              "kill $daemon; wait $daemon; exit $status")
    done = subprocess.run(in_a_namespace(["sh", "-c", script]), text=True, capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert re.search(r"^localhost: up \d+ s, 0 sessions, 0 flow endpoints$", done.stdout, re.M), done.stdout


@case
def private_daemon_of_a_killed_controller():
    """A flowctl that is killed takes its private daemons with it"""
    process = start_flowctl("--embedded", "-T", "s=300", "-i", "0.1")
    rows_come(process)
    pids = children(process.pid)
    assert len(pids) == 2
    process.kill()
    wait_for(lambda: not alive(pids), 30, "the end of the private daemons")


@case
def no_flowd_to_start():
    """Without a flowd to start: one sentence that says where it was looked for"""
    result = flowctl("--embedded", "-T", "s=1", env={"FLOWRIG_FLOWD": "/missing/flowd"})
    assert (result.status, result.out) == (3, "")
    assert result.err == ("flowctl: no flowd at /missing/flowd: install it, or set "
                          "FLOWRIG_FLOWD\n"), result.err


# ---- signals and death


@case
def stopped_controller():
    """A flowctl that stands still for 5 s at -i 0.01 loses no row"""
    one, two = Daemon(), Daemon()
    path = os.path.join(temp_dir(), "flow.log")
    process = start_flowctl("-H", hosts(one, two), "-n", 2, "-T", "s=6.5", "-i", "0.01", "-q",
                            f"--log-file={path}")
    wait_for(lambda: os.path.exists(path) and "\nS " in open(path, encoding="utf-8").read(), 20, "a row")
    process.signal(signal.SIGSTOP)
    time.sleep(5)
    process.signal(signal.SIGCONT)
    assert process.wait(60) == 0, process.err
    log = FlowLog(path)
    for flow in range(2):
        check_rows(log, flow, 6.5, 0.01)
        check_bytes(log, flow)
    assert ", failed = 0, " in log.comment("total:")[0]


@case
def stopped_controller_and_little_memory():
    """The same with too little report memory: the exact number of lost reports, exit status 2"""
    one = Daemon("--report-memory", "1M")
    path = os.path.join(temp_dir(), "flow.log")
    process = start_flowctl("-H", hosts(one), "-T", "s=30", "-i", "0.001", f"--log-file={path}")
    rows_come(process)
    process.signal(signal.SIGSTOP)
    wait_for(lambda: sessions(one)[0]["state"] == "failed" and not sessions(one)[0]["running"], 30,
             "the end of the memory")
    process.signal(signal.SIGCONT)
    assert process.wait(60) == 2, process.err
    form = (rf"flowd at {re.escape(one.control)}: (\d+) reports did not fit in the daemon's report "
            r"memory of 1048576 bytes \(--report-memory\), and the flows were stopped")
    told = re.findall(form, process.err)
    assert told, process.err
    logged = re.search(rf"^# error: {form}$", "\n".join(FlowLog(path).lines), re.M)
    assert logged and logged[1] == told[-1], (told, logged)
    log = FlowLog(path)
    lost = int(logged[1])
    assert lost > 0
    for end in "SD":
        rows = log.of(end)
        assert rows and all(a["end"] == b["begin"] for a, b in zip(rows, rows[1:])), "a gap in mid-log"


@case
def interrupted():
    """Ctrl-C once: the flows stop, final reports and summary come, exit status 130"""
    one, two = Daemon(), Daemon()
    path = os.path.join(temp_dir(), "flow.log")
    process = start_flowctl("-H", hosts(one, two), "-n", 3, "-T", "s=300", "-i", "0.05",
                            f"--log-file={path}")
    rows_come(process)
    process.signal(signal.SIGINT)
    assert process.wait(30) == 130, process.err
    assert process.err == "flowctl: flowctl was interrupted (SIGINT): stopping the flows; a second signal quits immediately\n"
    log = FlowLog(path)
    assert len(log.finals) == 6 and ", failed = 0, " in log.comment("total:")[0]
    for flow in range(3):
        check_bytes(log, flow)
        for end in "SD":
            assert log.of(end, flow)[-1]["end"] <= log.finals[end, flow]["end"] < 60
    assert process.out.splitlines()[-1] == log.lines[-1]
    assert sessions(one) == sessions(two) == []


@case
def interrupted_twice():
    """Ctrl-C twice: at once, whatever is under way"""
    one = Daemon()
    process = start_flowctl("-H", hosts(one), "-T", "s=300", "-i", "0.05")
    rows_come(process)
    one.signal(signal.SIGSTOP)  # so that the first Ctrl-C can't come to its end
    process.signal(signal.SIGINT)
    wait_for(lambda: "a second signal quits immediately" in process.err, 10, "the warning")
    time.sleep(1.1)
    assert process.running(), "it waits for the final reports"
    process.signal(signal.SIGINT)
    assert process.wait(5) == 130
    assert "# total:" not in process.out
    one.kill_hard()


@case
def terminated():
    """SIGTERM and SIGHUP are Ctrl-C, too"""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup(1) flowctl would ignore it, as it should
    for number in (signal.SIGTERM, signal.SIGHUP):
        process = start_flowctl("--embedded", "-T", "s=300", "-i", "0.05")
        rows_come(process)
        process.signal(number)
        assert process.wait(30) == 130 and "\n# total: " in process.out


@case
def interrupted_before_the_start():
    """Ctrl-C while a daemon does not answer: exit status 130, nothing is left behind"""
    one = Daemon()
    silent = socket.create_server(("127.0.0.1", 0))
    at_end(silent.close)
    directory = temp_dir()
    process = start_flowctl("-H", f"s=127.0.0.1/{one.control},d=127.0.0.1/127.0.0.1:"
                                  f"{silent.getsockname()[1]}", "-w", cwd=directory)
    time.sleep(1)
    assert process.running()
    process.signal(signal.SIGINT)
    assert process.wait(15) == 130
    assert os.listdir(directory) == [] and process.out == ""
    wait_for(lambda: not sessions(one), 20, "the end of the session")


@case
def killed_daemon():
    """A daemon killed in mid-run: the others go on, its flows end with an error line, exit status 2"""
    one, two, three = Daemon("--lease", 3), Daemon("--lease", 3), Daemon("--lease", 3)
    path = os.path.join(temp_dir(), "flow.log")
    process = start_flowctl("-n", 2, "-T", "s=4", "-i", "0.1", "-F", 0, "-H", hosts(one, two), "-F", 1,
                            "-H", hosts(one, three), f"--log-file={path}")
    rows_come(process, 10)
    two.kill_hard()
    assert process.wait(60) == 2, process.err
    log = FlowLog(path)
    check_rows(log, 1, 4, 0.1)
    check_bytes(log, 1)
    place = re.escape(two.control)
    form = rf"flowd at {place} is lost: no flowd can be reached at {place}: Connection refused"
    assert re.search(rf"^flowctl: {form}; its flows end here$", process.err, re.M), process.err
    assert len(log.comment("error:")) == 1 and re.fullmatch(f"# error: {form}", log.comment("error:")[0])
    assert re.search(rf"^# ID   0 D: .*, error: {form}$", process.out, re.M), process.out[-2000:]
    assert re.search(r"^# total: flows = 2, failed = 1, ", process.out, re.M)
    assert len(log.of("D", 0)) >= 3, "what was received stays"
    assert ("D", 0) not in log.finals and ("S", 0) in log.finals and ("D", 1) in log.finals
    assert one.running() and three.running() and not sessions(one)


@case
def killed_controller():
    """A controller killed: its flows end with the lease; the daemons take the next run at once"""
    one, two = Daemon("--lease", 1), Daemon("--lease", 1)
    process = start_flowctl("-H", hosts(one, two), "-n", 2, "-T", "s=300", "-i", "0.1")
    rows_come(process)
    process.kill()
    result, log = run_logged("-H", hosts(one, two), "-T", "s=0.3", "-i", "0.1")
    check_rows(log, 0, 0.3, 0.1)
    check_bytes(log, 0)
    assert ", failed = 0, " in result.out
    for daemon in (one, two):
        wait_for(lambda: not [s for s in sessions(daemon) if s["running"]], 30, "the end by the lease")
        left = sessions(daemon)
        assert len(left) == 1 and left[0]["state"] == "ended" and left[0]["rows"] > 0, left
        assert left[0]["failed"] == 0, "a lease that ends is no fault of the flows"
    for daemon in (one, two):
        wait_for(lambda: daemon.rpc().flowd.status({})["flows"] == 0, 20, "the connections' end")
    for daemon in (one, two):  # both at once: each waits a while for a controller to collect
        daemon.signal(signal.SIGTERM)
    for daemon in (one, two):
        assert daemon.wait(30) == 0, daemon.err
        daemon.killed = True


@case
def terminated_daemon():
    """SIGTERM to a daemon in mid-run: its final reports are still collected, it exits with 0"""
    one, two = Daemon(), Daemon()
    path = os.path.join(temp_dir(), "flow.log")
    process = start_flowctl("-H", hosts(one, two), "-n", 2, "-T", "s=300", "-i", "0.1",
                            f"--log-file={path}")
    rows_come(process)
    two.signal(signal.SIGTERM)
    assert two.wait(30) == 0, two.err
    two.killed = True
    status = process.wait(60)
    log = FlowLog(path)
    for flow in range(2):
        assert ("D", flow) in log.finals, f"the final report of flow {flow} is lost"
        assert log.total("D", "rx_bytes", flow) == log.finals["D", flow]["rx_bytes"] > 0
        assert ("S", flow) in log.finals
    assert status == 2, "the sources were cut short"
    assert one.running() and not sessions(one)


@case
def terminated_idle_daemon():
    """SIGTERM to a daemon with an open, unused session: it ends at once, with 0"""
    one = Daemon()
    session = Session(one)
    session.prepare(destination(0))
    one.signal(signal.SIGTERM)
    assert one.wait(30) == 0
    one.killed = True


@case
def stopped_by_others():
    """flowctl status tells of a run; flowctl stop ends it, with its reports"""
    one, two = Daemon(), Daemon()
    process = start_flowctl("-H", hosts(one, two), "-n", 2, "-T", "s=300", "-i", "0.1")
    rows_come(process)
    result = expect(flowctl("status", one.control, two.control))
    form = (r"{}: up \d+ s, 1 session, 2 flow endpoints\n"
            r"  run [0-9a-f]{{8}} of \S+: started, 2 endpoints \(2 running, 0 failed\), open for \d+\.\d s, "
            r"lease \d+\.\d s, \d+ reports kept \(\d+ B\)\n")
    places = [re.escape(one.control), re.escape(two.control)]
    assert re.fullmatch("".join(form.format(place) for place in places), result.out), result.out
    result = expect(flowctl("stop", one.control, two.control))
    assert result.out == "".join(f"{daemon.control}: stopped 2 flow endpoints of 1 session\n"
                                 for daemon in (one, two)), result.out
    assert process.wait(60) == 2, process.err
    assert re.search(r"^# total: flows = 2, failed = 0, stopped = 2, ", process.out, re.M)
    link = os.path.join(temp_dir(), "flowctl-stop")
    os.symlink(FLOWCTL, link)
    by_name = subprocess.run([link, one.control], text=True, capture_output=True, timeout=30)
    nobody = subprocess.run([link], text=True, capture_output=True, timeout=30)
    assert nobody.returncode == 1 and "usage: flowctl-stop [OPTION]... HOST" in nobody.stderr, nobody
    result = expect(flowctl("stop", one.control))
    assert (by_name.returncode, by_name.stdout) == (0, result.out), by_name
    assert result.out == f"{one.control}: stopped 0 flow endpoints of 0 sessions\n"


# ---- what can't be


def refused(sentence, status, *arguments, **keywords):
    """flowctl fails before the start with one sentence (a form where it is compiled)."""
    result = flowctl(*arguments, **keywords)
    assert (result.status, result.out) == (status, ""), (result.status, result.err, result.out[-500:])
    if isinstance(sentence, re.Pattern):
        assert sentence.fullmatch(result.err), f"{result.err}\nnot\n{sentence.pattern}"
    else:
        assert result.err == f"flowctl: {sentence}\n", f"{result.err}\nnot\n{sentence}"


def closed_port():
    """A port that is taken, and where nobody listens."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    at_end(held.close)
    return held.getsockname()[1]


@case
def unreachable():
    """Daemons that can't be reached: exit status 3, and 2 where another one was"""
    port = closed_port()
    refused(f"no flowd can be reached at 127.0.0.1:{port}: Connection refused", 3, "-H",
            f"b=127.0.0.1/127.0.0.1:{port}")
    refused(f"the host name '{NO_NAME}' is not known", 3, "-H", f"b={NO_NAME}")
    one = Daemon()
    refused(f"no flowd can be reached at 127.0.0.1:{port}: Connection refused", 2, "-H",
            f"s=127.0.0.1/{one.control},d=127.0.0.1/127.0.0.1:{port}")
    refused(f"the host name '{NO_NAME}' is not known", 2, "-H", f"s=127.0.0.1/{one.control},d={NO_NAME}")
    assert not sessions(one)


@case
def unknown_test_address():
    """A test address that the daemon does not know: the sentence names flow, endpoint and daemon"""
    one = Daemon()
    refused(re.compile(rf"flowctl: flow 1, destination {NO_NAME} \(flowd at {re.escape(one.control)}\): "
                       rf"the host name '{NO_NAME}' is not known: .*\n"), 2, "-n", 2, "-H", hosts(one), "-F", 1, "-H",
            f"d={NO_NAME}/{one.control}")
    assert not sessions(one)


@case
def refused_congestion_control():
    """A congestion control that is not there: flow, endpoint, host, and which ones there are"""
    one, two = Daemon(), Daemon()
    known = ", ".join(one.rpc().flowd.describe({})["congestion_controls"])
    why = f"congestion control 'nope' is not available on this host (available: {known})"
    refused(f"flow 0, source 127.0.0.1 (flowd at {one.control}): {why}", 2, "-H", hosts(one, two), "-O",
            "s=TCP_CONGESTION=nope")
    refused(f"flow 2, destination 127.0.0.1 (flowd at {two.control}): {why}", 2, "-n", 3, "-H",
            hosts(one, two), "-F", 2, "-O", "d=TCP_CONGESTION=nope")
    assert not sessions(one) and not sessions(two)
    expect(flowctl("-H", hosts(one, two), "-q", "-T", "s=0.1"))


@case
def port_range_used_up():
    """--data-ports: flows with equal options share a port; when none is left, a sentence"""
    with socket.socket() as probe:  # one that is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one = Daemon("--data-ports", f"{port}-{port}")
    expect(flowctl("-H", hosts(one), "-n", 20, "-T", "s=0.1", "-q"))
    refused(f"flow 1, destination 127.0.0.1 (flowd at {one.control}): all data ports from {port} to {port} are in "
            "use there (--data-ports)", 2, "-H", hosts(one), "-n", 2, "-F", 1, "-B", "d=100000")
    assert not sessions(one)
    expect(flowctl("-H", hosts(one), "-n", 2, "-B", "d=100000", "-T", "s=0.1", "-q"))


def taken_before_free():
    """A listening socket at a port behind which the next one is free."""
    while True:
        taken = socket.create_server(("127.0.0.1", 0))
        try:
            with socket.create_server(("", taken.getsockname()[1] + 1)):
                return taken
        except (OSError, OverflowError):
            taken.close()


@case
def data_port_in_use():
    """A data port that another program has: the next of the range is taken"""
    with taken_before_free() as taken:
        port = taken.getsockname()[1]
        one = Daemon("--data-ports", f"{port}-{port + 1}")
        _, log = run_logged("-H", hosts(one), "-T", "s=0.2", "-i", "0.1")
        assert f":{port + 1}" in " ".join(f"{k}={v}" for k, v in log.finals["D", 0].items())


@case
def too_many_flows():
    """--max-flows: the sentence has the figures and the remedy"""
    one = Daemon("--max-flows", 6)
    refused(f"flowd at {one.control} allows 6 flow endpoints at once and has 0, but 8 are requested: start it "
            "with --max-flows 8", 2, "-H", hosts(one), "-n", 4)
    expect(flowctl("-H", hosts(one), "-n", 3, "-T", "s=0.1", "-q"))
    session = Session(one)
    session.prepare(destination(0))
    refused(f"flowd at {one.control} allows 6 flow endpoints at once and has 1, but 6 are requested: start it "
            "with --max-flows 7", 2, "-H", hosts(one), "-n", 3)


@case
def too_many_sessions():
    """--max-sessions: a sentence"""
    one = Daemon("--max-sessions", 1)
    session = Session(one)
    refused(f"flowd at {one.control}: the daemon has 1 sessions, which is the limit "
            "(--max-sessions)", 2, "-H", hosts(one))
    session.close()
    expect(flowctl("-H", hosts(one), "-T", "s=0.1", "-q"))


@case
def too_many_open_files():
    """ulimit -n: the limit is checked before, and the sentence says what it is and should be"""
    one = Daemon(wrap=["sh", "-c", 'ulimit -n 130; exec "$@"', "sh"])
    refused(re.compile(rf"flowctl: flowd at {re.escape(one.control)} may have 130 open files, but 120 flow "
                       r"endpoints need (\d+): raise its limit \(ulimit -n \1\)\n"), 2, "-H", hosts(one),
            "-n", 60)
    assert not sessions(one)
    expect(flowctl("-H", hosts(one), "-n", 5, "-T", "s=0.1", "-q"))


@case
def few_ports_and_a_short_backlog():
    """Local ports and somaxconn: looked at before the run, and counted in flows"""
    need_root()
    name = f"fr{os.getpid()}.ports"
    subprocess.run(["ip", "netns", "add", name], check=True)
    at_end(lambda: subprocess.run(["ip", "netns", "del", name], check=True))
    inside = ["ip", "netns", "exec", name]
    subprocess.run(inside + ["ip", "link", "set", "lo", "up"], check=True)
    for path, value in ("ipv4/ip_local_port_range", "60000 60039"), ("core/somaxconn", "16"):
        subprocess.run(inside + ["sh", "-c", f"echo {value} > /proc/sys/net/{path}"], check=True)
    one, other = Daemon(netns=name), Daemon(netns=name)
    refused(f"41 flows go from {one.control} to one host, which has 40 local ports for them: raise "
            "net.ipv4.ip_local_port_range there", 2, "-H", hosts(one, other), "-n", 41, netns=name)
    result = expect(flowctl("-H", hosts(one, other), "-n", 17, "-T", "s=0.1", "-q", netns=name))
    assert result.err == (f"flowctl: net.core.somaxconn of {other.control} is 16: connections of 17 flows "
                          "may be slow to set up; 4096 is a good value\n"), result.err
    result = expect(flowctl("-H", hosts(one, other), "-n", 16, "-T", "s=0.1", "-q", netns=name))
    assert not result.err, result.err


@case
def not_a_flowd():
    """Something else answers where flowd should be"""

    class Handler(http.server.BaseHTTPRequestHandler):
        answer = (404, b"nothing here")

        def do_POST(self):  # noqa: N802
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(self.answer[0])
            self.send_header("Content-Length", str(len(self.answer[1])))
            self.end_headers()
            self.wfile.write(self.answer[1])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    at_end(server.server_close)
    at_end(server.shutdown)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"127.0.0.1:{server.server_port}"
    start = f"the server at {place} is not a flowd that this flowctl understands: "
    good = xmlrpc.client.dumps(({"product": "flowrig", "version": "9.9", "api": 2},), methodresponse=True)
    bomb = b'<!DOCTYPE a [<!ENTITY a "aaaa">]>' + good.encode()
    for answer, sentence in (
            ((404, b"nothing here"), f"the server at {place} is a web server, not a flowd"),
            ((200, b"hello"), start + "syntax error"),
            ((200, b""), start + "no element found"),
            ((200, bomb), start + "it has a document type"),
            ((200, good.replace("<int>2</int>", "<i8>zwei</i8>").encode()),
             start + "malformed integer, or out of the 64-bit range"),
            ((200, b"<methodResponse><params/></methodResponse>"), None),
            ((200, xmlrpc.client.dumps((3,), methodresponse=True).encode()), start + "a struct is expected"),
            ((200, xmlrpc.client.dumps(xmlrpc.client.Fault(7, "go away")).encode()),
             f"flowd at {place}: go away")):
        Handler.answer = answer
        result = flowctl("-H", f"b=127.0.0.1/{place}", "-T", "s=1")
        assert (result.status, result.out) == (2, ""), (answer, result.status, result.err)
        assert len(result.err.splitlines()) == 1 and result.err.startswith("flowctl: "), result.err
        assert sentence is None or result.err == f"flowctl: {sentence}\n", (result.err, sentence)


@case
def other_version():
    """A daemon of another version of the API: the sentence names both"""
    import xmlrpc.server
    real = Daemon()
    described = dict(real.rpc().flowd.describe({}), api=2, version="9.9")
    answers = {"flowd.describe": described, "reports.schema": real.rpc().reports.schema({})}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802
            _, method = xmlrpc.client.loads(self.rfile.read(int(self.headers["Content-Length"])))
            marshalled = re.sub(r"<int>(-?\d+)</int>", r"<i8>\1</i8>",
                                xmlrpc.client.dumps((shorten(answers[method]),), methodresponse=True))
            self.send_response(200)
            self.send_header("Content-Length", str(len(marshalled)))
            self.end_headers()
            self.wfile.write(marshalled.encode())

        def log_message(self, *_):
            pass

    def shorten(value):
        if isinstance(value, dict):
            return {name: shorten(item) for name, item in value.items()}
        return min(value, 1 << 30) if isinstance(value, int) else value

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    at_end(server.server_close)
    at_end(server.shutdown)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"127.0.0.1:{server.server_port}"
    refused(re.compile(rf"flowctl: flowrig at {re.escape(place)} speaks version 2 of the protocol, this "
                       r"flowctl \(\S+\) speaks version 1: install the same version of flowrig on both\n"),
            2, "-H", f"b=127.0.0.1/{place}", "-T", "s=1")


@long_case
def silent_daemon():
    """A host that accepts the connection and says nothing: a sentence, in the end"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        refused(f"flowd at {place} did not answer in time", 2, "-H", f"b=127.0.0.1/{place}", "-T", "s=1")


@case
def no_way_to_the_destination():
    """A destination that the source's daemon can't reach: flow, endpoint, host, daemon and why"""
    script = (f"'{FLOWD}' -d -p 5999 2>/dev/null & daemon=$!; sleep 0.5; "
              f"'{FLOWCTL}' -H s=127.0.0.1,d=192.0.2.1/127.0.0.1 -T s=1; status=$?; "
              f"'{FLOWCTL}' status 127.0.0.1; kill $daemon; wait $daemon; exit $status")
    done = subprocess.run(in_a_namespace(["sh", "-c", script]), text=True, capture_output=True, timeout=60)
    assert done.returncode == 2, done
    assert re.fullmatch(r"flowctl: flow 0, source 127\.0\.0\.1 \(flowd at 127\.0\.0\.1:5999\): can't connect "
                        r"to 192\.0\.2\.1:\d+: Network is unreachable\n", done.stderr), done.stderr
    assert ", 0 sessions, " in done.stdout, done.stdout


# ---- the background


def free_port():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Background:
    """A flowd that has gone to the background."""

    def __init__(self, *options, redirect="", directory=None):
        self.port = free_port()
        self.pid_file = os.path.join(temp_dir(), "pid")
        at_end(self.kill)
        command = ["sh", "-c", f'exec "$@" {redirect}', "sh", FLOWD, "-p", str(self.port), "--pid-file",
                   self.pid_file] + [str(option) for option in options]
        # A file, not a pipe: a daemon that keeps the pipe would hold this up.
        with open(os.path.join(temp_dir(), "said"), "w+", encoding="utf-8") as said:
            self.started = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                          timeout=30, cwd=directory)
            said.seek(0)
            self.said = said.read()

    @property
    def pid(self):
        with open(self.pid_file, encoding="ascii") as file:
            return int(file.read())

    @property
    def control(self):
        return f"127.0.0.1:{self.port}"

    def gone(self):
        return not os.path.exists(self.pid_file)

    def kill(self):
        if os.path.exists(self.pid_file):
            try:
                os.kill(self.pid, signal.SIGTERM)
            except ProcessLookupError:
                return
            wait_for(self.gone, 20, "the end of the daemon in the background")


@case
def background():
    """Without -d flowd goes to the background when it listens, and SIGTERM ends it"""
    daemon = Background()
    assert daemon.started.returncode == 0 and daemon.said == "", daemon.said
    pid = daemon.pid
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    assert int(fields[3]) == pid and fields[4] == "0", "a session of its own, without a terminal"
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)} == {"/dev/null"}
    result = expect(flowctl("-H", hosts(daemon), "-T", "s=0.2", "-i", "0.1"))
    assert len(result.rows) == 4
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") or not alive([pid]), 20, "its end")
    assert daemon.gone(), "the file with its number is left behind"


@case
def background_without_streams():
    """flowd goes to the background even where standard streams are closed"""
    for redirect in ("<&-", ">&- 2>&-", "<&- >&- 2>&-"):
        try:
            daemon = Background(redirect=redirect)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"flowd {redirect} does not come back") from None
        assert daemon.started.returncode == 0, redirect
        expect(flowctl("status", daemon.control))
        expect(flowctl("-H", hosts(daemon), "-T", "s=0.1", "-q"))
        daemon.kill()


@case
def background_files():
    """The number's file may be named relative to where flowd was started"""
    directory = temp_dir()
    path = os.path.join(directory, "flowd.pid")
    port = free_port()
    done = subprocess.run([FLOWD, "-p", str(port), "--pid-file", "flowd.pid"], cwd=directory, timeout=30,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert done.returncode == 0
    with open(path, encoding="ascii") as file:
        pid = int(file.read())
    expect(flowctl("status", f"127.0.0.1:{port}"))
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(path), 20, "that the file is removed")


@case
def restarted_at_once():
    """A daemon can be started again at its port at once, also after flows and a hard end"""
    port = free_port()
    for hard in (True, False, True):
        daemon = Daemon(port=port)
        process = start_flowctl("-H", hosts(daemon), "-T", "s=300", "-i", "0.1")
        rows_come(process)
        if hard:
            daemon.kill_hard()
        else:
            daemon.signal(signal.SIGTERM)
            assert daemon.wait(30) == 0
            daemon.killed = True
        process.kill()
    expect(flowctl("-H", hosts(Daemon(port=port)), "-T", "s=0.1", "-q"))


@case
def without_threads_for_all():
    """--workers 1 carries both ends of a flow, and many flows"""
    daemon = Daemon("--workers", 1)
    _, log = run_logged("-H", hosts(daemon), "-n", 10, "-T", "b=0.5", "-i", "0.1", "-q")
    for flow in range(10):
        check_rows(log, flow, 0.5, 0.1)
        check_bytes(log, flow, "S")
        check_bytes(log, flow, "D")


@case
def bound_to_a_cpu():
    """-c binds the daemon to a CPU"""
    cpu = min(os.sched_getaffinity(0))
    daemon = Daemon("-c", cpu)
    assert os.sched_getaffinity(daemon.pid) == {cpu}
    assert daemon.rpc().flowd.describe({})["workers"] == 1
    expect(flowctl("-H", hosts(daemon), "-T", "s=0.1", "-q"))


main()
