#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table on a terminal: it fits, nothing wraps or jumps, and its figures are the log's."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading

from flowrig_test import (FLOWCTL, Daemon, FlowLog, case, expect, flowctl, hosts, main, note,
                          temp_dir)

SIZES = ((80, 24), (120, 40), (200, 50))
BOLD, PLAIN = "\033[1m", "\033[0m"


def on_terminal(width, height, *arguments, env=None, status=0, stderr=subprocess.PIPE):
    """What flowctl writes to a terminal of that size, as lines, with escapes."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm", **(env or {})}
    process = subprocess.Popen([FLOWCTL] + [str(a) for a in arguments], stdin=slave, stdout=slave,
                               stderr=stderr or slave, env=environment)
    os.close(slave)
    text = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(master)
    error = process.stderr.read().decode() if stderr else ""
    assert process.wait(60) == status, error
    return text.decode().replace("\r\n", "\n").split("\n")


def plain(lines):
    return [line.replace(BOLD, "").replace(PLAIN, "") for line in lines]


class Table:
    """The rows below the heads, read by the places where columns end."""

    def __init__(self, lines):
        self.lines = plain(lines)
        self.heads = [i for i, line in enumerate(self.lines) if re.match(r" +time +flow", line)]
        self.blank = self.lines.index("")
        self.rows = [line for line in self.lines[self.heads[0] + 2:self.blank]
                     if re.match(r" *\d+\.\d ", line)]
        head = self.lines[self.heads[0]]
        self.ends = [m.end() for m in re.finditer(r"\S+( \S+)*", head)]
        self.names = re.findall(r"\S+(?: \S+)*", head)
        self.units = self.lines[self.heads[0] + 1]

    def cells(self, line):
        begin, cells = 0, []
        for end in self.ends:
            cells.append(line[begin:end].strip())
            begin = end
        return dict(zip(self.names, cells))


@case
def fits_every_terminal():
    """1, 8 and 300 flows at 80x24, 120x40 and 200x50: no line is wider, columns stay where they are"""
    one, two = Daemon(), Daemon()
    for width, height in SIZES:
        for flows in (1, 8, 300):
            lines = on_terminal(width, height, "-H", hosts(one, two), "-n", flows, "-T", "s=2",
                                "-R", "s=400kbit", "-S", "s=1000", "-i", "0.5")
            for line in plain(lines):
                assert len(line) <= width, f"{len(line)} characters at {width}: {line}"
                assert "\t" not in line
            table = Table(lines)
            lengths = {len(row) for row in table.rows}
            assert len(lengths) == 1, f"rows of {lengths} characters\n" + "\n".join(table.rows)
            if flows < 300:
                assert len(table.rows) == 2 * flows, "\n".join(table.lines)
                shown = [(table.cells(r)["time"], table.cells(r)["flow"]) for r in table.rows]
                assert shown == [(t, str(f)) for t in ("1.0", "2.0") for f in range(flows)], shown
            else:
                assert len(table.rows) == 2 and all(r.split()[1] == "300" for r in table.rows)
                assert "300 directions of flows share a row" in table.lines
            note(f"{width}x{height}, {flows} flows: {max(map(len, plain(lines)))} characters")


@case
def says_what_is_left_out():
    """Columns that do not fit are named; a wide terminal has them all"""
    narrow = Table(on_terminal(60, 24, "--embedded", "-T", "s=1", "-A", "s"))
    wide = Table(on_terminal(200, 24, "--embedded", "-T", "s=1", "-A", "s"))
    left = next(line for line in narrow.lines if line.startswith("not shown: "))
    assert not [line for line in wide.lines if line.startswith("not shown")]
    missing = [name for name in wide.names if name not in narrow.names]
    assert missing and all(name in left for name in missing), (missing, left)
    assert narrow.names[:3] == ["time", "flow", "goodput"] and "srtt" in narrow.names


@case
def figures_of_the_log():
    """A row has the receiver's goodput, and the sender's retransmissions, over its second"""
    path = os.path.join(temp_dir(), "flow.log")
    one, two = Daemon(), Daemon()
    table = Table(on_terminal(120, 40, "-H", hosts(one, two), "-T", "s=2.4", "-i", "0.2", "-R",
                              "s=80Mbit", f"--log-file={path}"))
    log = FlowLog(path)
    assert table.units.split()[:2] == ["s", "Mbit/s"], table.units
    assert [table.cells(r)["time"] for r in table.rows] == ["1.0", "2.0", "2.4"], table.rows
    for number, row in enumerate(table.rows):
        cells = table.cells(row)
        mine = {end: [r for r in log.of(end) if min(int((r["begin"] + r["end"]) / 2), 2) == number]
                for end in "SD"}
        rate = sum(r["rx_bytes"] for r in mine["D"]) * 8e-6 / sum(r["end"] - r["begin"]
                                                                 for r in mine["D"])
        assert abs(float(cells["goodput"]) - rate) <= 0.001 * rate, (cells, rate)
        assert int(cells["retrans"]) == sum(r["total_retrans"] for r in mine["S"])
        assert int(cells["cwnd"]) == mine["S"][-1]["cwnd"], cells
        assert abs(float(cells["srtt"]) - mine["S"][-1]["rtt"]) <= 0.001 * mine["S"][-1]["rtt"] + 5e-4


@case
def datagrams_have_columns_of_their_own():
    """UDP: lost, loss and jitter instead of what only TCP has; rows and summary are the log's"""
    path = os.path.join(temp_dir(), "flow.log")
    # A receive buffer that is far too small loses some.
    lines = plain(on_terminal(80, 24, "--embedded", "--udp", "-T", "s=1.5", "-i", "0.25", "-R", "s=0",
                              "-W", "d=4000", f"--log-file={path}"))
    table, log = Table(lines), FlowLog(path)
    assert table.names == ["time", "flow", "goodput", "lost", "loss", "jitter"], table.names
    final = log.finals["D", 0]
    sent, distinct = final["datagrams_peer_sent"], final["datagrams_distinct"]
    in_rows = sum(int(table.cells(row)["lost"]) for row in table.rows)
    assert in_rows == log.total("D", "udp_lost", 0), (in_rows, lines)
    for row in table.rows:
        cells = table.cells(row)
        # Trains of datagrams have no jitter to speak of.
        assert float(cells["loss"]) > 0 and cells["jitter"] == "-", cells
    lost = sent - distinct
    said = f"lost {lost:.0f} of {sent:.0f} datagrams ({100 * lost / sent:.4f} %)"
    assert lost > 0 and said in lines, (said, lines)
    summary = lines[lines.index(next(line for line in lines if re.search(r"jitter$", line)
                                     and "to" in line)) + 2]
    assert summary.split()[4:6] == [f"{lost:.0f}", f"{100 * lost / sent:.4f}"], summary


@case
def tcp_beside_udp():
    """Flows of both kinds: each has the figures that it can have, and '-' for the others"""
    table = Table(on_terminal(130, 24, "--embedded", "-n", 2, "-T", "s=1", "-R", "s=8Mbit", "-F", 1,
                              "--udp"))
    tcp, udp = (table.cells(row) for row in table.rows[:2])
    assert tcp["lost"] == tcp["jitter"] == "-" != tcp["srtt"], tcp
    assert udp["srtt"] == udp["cwnd"] == "-" != udp["lost"] and float(udp["jitter"]) >= 0, udp


@case
def two_directions():
    """A flow in both directions has a row for each, and the total names both"""
    lines = plain(on_terminal(120, 40, "--embedded", "-T", "s=1,d=1", "-R", "b=8Mbit"))
    table = Table(lines)
    assert [table.cells(r)["flow"] for r in table.rows] == ["0 >", "0 <"], table.rows
    total = next(line for line in lines if line.startswith("total: "))
    found = re.match(r"total: 1 flow, goodput ([\d.]+) [kM]bit/s \(from sources ([\d.]+) \+ from "
                     r"destinations ([\d.]+)\), [\d.]+ MB received$", total)
    assert found and abs(float(found[2]) + float(found[3]) - float(found[1])) < 0.15 * float(found[1]), total


@case
def summary_rows():
    """The summary has a row for each direction: from, to, algorithm, goodput as the log's final row"""
    path = os.path.join(temp_dir(), "flow.log")
    lines = plain(on_terminal(120, 40, "--embedded", "-n", 2, "-T", "s=0.5", "-O",
                              "s=TCP_CONGESTION=reno", "-R", "s=8Mbit", f"--log-file={path}"))
    log = FlowLog(path)
    at = next(i for i, line in enumerate(lines) if line.startswith("flow "))
    assert lines[at].split()[:5] == ["flow", "from", "to", "algorithm", "goodput"]
    assert lines[at + 1].split()[0] == "kbit/s" or lines[at + 1].split()[0] == "Mbit/s"
    scale = {"kbit/s": 1e3, "Mbit/s": 1e6}[lines[at + 1].split()[0]]
    for flow in (0, 1):
        words = lines[at + 2 + flow].split()
        final = log.finals["D", flow]
        assert words[:4] == [str(flow), "localhost", "localhost", "reno"], words
        rate = final["rx_bytes"] * 8e9 / final["rx_time"]
        assert abs(float(words[4]) * scale - rate) <= 0.001 * rate, (words, rate)
    assert lines[at + 4] == "" and lines[at + 5].startswith("total: 2 flows, goodput ")
    # Flows with a rate get what they ask for: that is no question of fairness.
    assert not [line for line in lines if "fairness" in line]


@case
def fairness_of_unlimited_flows():
    """Several unlimited flows have Jain's index; one flow has none"""
    several = plain(on_terminal(80, 24, "--embedded", "-n", 2, "-T", "s=0.3"))
    assert [line for line in several if "fairness" in line and "(Jain)" in line], several
    one = plain(on_terminal(80, 24, "--embedded", "-T", "s=0.3"))
    assert not [line for line in one if "fairness" in line or "median" in line], one


@case
def forms_of_the_summary():
    """--summary=full|table|total, below the table and below flowgrind's rows"""
    full = plain(on_terminal(80, 24, "--embedded", "-T", "s=0.2", "--summary=full"))
    assert [line for line in full if line.startswith("ID   0 S: localhost/")]
    total = plain(on_terminal(80, 24, "--embedded", "-T", "s=0.2", "--summary=total"))
    assert not [line for line in total if line.startswith("flow ")]
    assert [line for line in total if line.startswith("total: 1 flow, ")]
    rows = expect(flowctl("--embedded", "-T", "s=0.2", "-Q", "--summary=table")).out.splitlines()
    assert [line for line in rows if line.startswith("# flow  from ")], rows
    assert all(line.startswith("#") or not line for line in rows), rows
    only = expect(flowctl("--embedded", "-T", "s=0.2", "-Q", "--summary=total")).out.splitlines()
    assert re.match(r"# total: 1 flow, goodput [\d.]+ [GMk]bit/s", only[2]), only


@case
def failures_are_told():
    """Flows of a daemon that dies have the reason below the table, in lines that fit"""
    one, two = Daemon(), Daemon()
    killer = threading.Timer(1.5, two.kill_hard)
    killer.start()
    lines = plain(on_terminal(60, 24, "-H", hosts(one, two), "-T", "s=30", "-i", "0.1", status=2))
    killer.join()
    assert all(len(line) <= 60 for line in lines), lines
    text = " ".join(" ".join(lines).split())
    assert f"flow 0, destination: flowd at {two.control} is lost: " in text, text
    assert "total: 1 flow, 1 failed, goodput unknown" in text, text


@case
def flowgrind_when_asked():
    """-c, -p, -s byte and --style=flowgrind have flowgrind's rows, on a terminal, too"""
    for arguments in (["-c", "interval,through"], ["-p"], ["-s", "byte"], ["--style=flowgrind"]):
        lines = on_terminal(80, 24, "--embedded", "-T", "s=0.1", "-i", "0.1", *arguments)
        assert lines[0].startswith("# Date: "), (arguments, lines[0])
        assert [line for line in lines if line.startswith("S   0")], lines
    piped = expect(flowctl("--embedded", "-T", "s=0.1", "-i", "0.1")).out
    assert piped.startswith("# Date: ")


@case
def colour():
    """Heads are bold on a terminal; with NO_COLOR, TERM=dumb or in a pipe there is no escape"""
    coloured = on_terminal(80, 24, "--embedded", "-T", "s=1")
    assert [line for line in coloured if line.startswith(BOLD) and line.endswith(PLAIN)]
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        lines = on_terminal(80, 24, "--embedded", "-T", "s=1", env=env)
        assert not [line for line in lines if "\033" in line], env
    piped = expect(flowctl("--embedded", "-T", "s=1", "--style=table")).out
    assert "\033" not in piped and re.search(r"^ +time +flow +goodput", piped, re.M), piped


@case
def status_line():
    """-Q: a line on standard error says how far the run is, fits, and is gone at the end"""
    text = "\n".join(on_terminal(80, 24, "--embedded", "-T", "s=3.5", "-Q", stderr=None))
    shown = re.findall(r"\r\033\[K([^\r\n]*)", text)
    assert "preparing 1 flow on 2 daemons" in shown, shown
    assert [s for s in shown if re.fullmatch(r"[0-3] of 3 s", s)], shown
    assert all(len(s) < 80 for s in shown)
    # What follows a status is its erasure: no other text stands in its line.
    assert shown[-1] == "" or shown[-1].startswith(("run ", "flow", "total")), shown
    quiet = "\n".join(on_terminal(80, 24, "--embedded", "-T", "s=1.5", "-q", stderr=None))
    assert "\033" not in quiet, quiet


@case
def no_status_line_elsewhere():
    """Where standard error is no terminal there is no status line"""
    result = flowctl("--embedded", "-T", "s=1.5", "-Q")
    assert result.status == 0 and "\033" not in result.err and "\r" not in result.err, result.err


@case
def histograms_are_short():
    """--histogram on a terminal: a few rows with bars for each kind of value, whose shares add up; nothing wraps"""
    for width, height in SIZES:
        lines = plain(on_terminal(width, height, "--embedded", "-n", 2, "-T", "s=0.5", "-S", "s=300", "-A", "s",
                                  "-R", "s=4Mbit", "--histogram"))
        assert not [line for line in lines if len(line) > width], width
        heads = [i for i, line in enumerate(lines) if re.match(r"[\w -]+, \d+ values?$", line)]
        names = [lines[i].split(",")[0] for i in heads]
        assert names == ["RTT", "IAT", "RTT from scheduled send time", "hold"], names
        for i in heads:
            assert re.fullmatch(r"  median [\d.]+, p90 [\d.]+, p99 [\d.]+, p99\.9 [\d.]+ (ns|us|ms|s)", lines[i + 1]), lines[i + 1]
            rows = lines[i + 2:lines.index("", i)]
            shares = [re.fullmatch(r" +([\d.-]+) to +([\d.-]+) +(<?[\d.]+) %(  #+|  \.)?", row) for row in rows]
            assert 1 <= len(rows) <= 20 and all(shares), rows
            assert all(a[2] == b[1] for a, b in zip(shares, shares[1:])), rows
            told = sum(float(share[3].lstrip("<")) for share in shares)
            assert abs(told - 100) < 0.1 * len(rows), (told, rows)


main()
