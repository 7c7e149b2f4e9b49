#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table and the summary on the screen."""
import os
import re
import resource
import shutil
import signal
import subprocess
import time

from flowrig_test import (FLOWCTL, Daemon, FlowLog, Skip, case, expect, flowctl, hosts, main,
                          need_program, note, run_logged, start_flowctl, temp_dir, wait_for)

HEADS = {
    "interval": ["begin", "end"],
    "through": ["through"],
    "transac": ["transac"],
    "iat": ["min IAT", "avg IAT", "max IAT"],
    "kernel": ["cwnd", "ssth", "uack", "sack", "lost", "retr", "tret", "fack", "reor", "bkof",
               "rtt", "rttvar", "rto", "ca state", "smss", "pmtu"],
    "blocks": ["requ", "resp", "requ_in", "resp_in"],
    "rtt": ["min RTT", "avg RTT", "max RTT"],
    "delay": ["min DLY", "avg DLY", "max DLY", "delay_bound", "delay_negative"],
    "status": ["status"],
    "goodput": ["rx_through", "tx_bytes", "rx_bytes"],
    "rate": ["min_rtt", "delivery_rate", "app_limited", "pacing_rate", "max_pacing_rate"],
    "bytes": ["bytes_acked", "bytes_received", "bytes_sent", "bytes_retrans", "notsent"],
    "limits": ["tx_blocked", "tx_idle", "busy", "rwnd_limited", "sndbuf_limited", "send_buffer",
               "receive_buffer", "receive_queue"],
    "rtt-percentiles": ["p50 RTT", "p90 RTT", "p99 RTT", "p99.9 RTT"],
    "iat-percentiles": ["p50 IAT", "p90 IAT", "p99 IAT", "p99.9 IAT"],
    "delay-percentiles": ["p50 DLY", "p90 DLY", "p99 DLY", "p99.9 DLY"],
    "due-percentiles": ["p50 RTT due", "p90 RTT due", "p99 RTT due", "p99.9 RTT due"],
    "hold-percentiles": ["p50 Hold", "p90 Hold", "p99 Hold", "p99.9 Hold"],
}
UNITS = {"begin": "[s]", "end": "[s]", "through": "[Mbit/s]", "transac": "[#/s]", "min IAT": "[ms]",
         "cwnd": "[#]", "rtt": "[ms]", "smss": "[B]", "pmtu": "[B]", "min RTT": "[ms]",
         "avg RTT": "[ms]", "max RTT": "[ms]", "avg IAT": "[ms]", "max IAT": "[ms]",
         "min DLY": "[ms]", "avg DLY": "[ms]", "max DLY": "[ms]", "ssth": "[#]", "rttvar": "[ms]",
         "rto": "[ms]", "requ": "[#]", "resp": "[#]", "p50 RTT": "[ms]", "p99.9 IAT": "[ms]"}
DEFAULT = ["interval", "through", "transac", "iat", "kernel"]
REAL = r"\d+\.\d+"


class Screen:
    """The table, read by the places of its heads."""

    def __init__(self, text):
        self.lines = text.splitlines()
        self.tables, self.comments = [], []  # of (head line, unit line, [row lines])
        at = 0
        while at < len(self.lines):
            line = self.lines[at]
            if re.match(r"# +ID( |$)", line) and not re.match(r"# ID +\d", line):
                self.tables.append((line, self.lines[at + 1], []))
                at += 1
            elif line[:2] in ("S ", "D "):
                self.tables[-1][2].append(line)
            else:
                self.comments.append(line)
            at += 1

    @staticmethod
    def heads(line):
        """Heads are at least two blanks apart; one blank may stand within."""
        return re.split(r" {2,}", line[1:].strip())

    @property
    def rows(self):
        """Each row as (endpoint, id, {head: value})."""
        found = []
        for head, _, lines in self.tables:
            names = self.heads(head)[1:]
            for line in lines:
                words = line.split()
                assert len(words) == len(names) + 2, f"{head}\n{line}"
                found.append((words[0], int(words[1]), dict(zip(names, words[2:]))))
        return found


def check_form(screen):
    """Every table is aligned, and none is begun without a reason."""
    widths_before = None
    for head, unit, lines in screen.tables:
        assert lines, "a head without rows"
        assert len(head) == len(unit), f"{head}\n{unit}"
        for line in lines:
            assert len(line) == len(head), f"{head}\n{line}"
            assert re.match(r"[SD] +\d+( |$)", line), line
            # each value ends where its head ends
            ends = [m.end() for m in re.finditer(r"\S+(?: \S+)*?(?=  |$)", head[1:])]
            assert [m.end() for m in re.finditer(r"\S+", line[1:])] == ends, f"{head}\n{line}"
        widths = [m.end() for m in re.finditer(r"\S+(?: \S+)*?(?=  |$)", head)]
        assert widths != widths_before or previous == 25, \
            f"a new head after {previous} rows, but nothing was wider"
        assert len(lines) <= 25
        widths_before, previous = widths, len(lines)


@case
def times_of_short_intervals():
    """Times on the screen are in ms, and where intervals are short in us as those of the log"""
    for interval, places in (("0.01", 3), ("0.0099", 6), ("0.0002", 6)):
        result, log = run_logged("--embedded", "-T", "s=0.02", "-i", interval, "-c", "interval,goodput")
        times = [line.split()[2:4] for line in result.out.splitlines() if line.startswith("D ")]
        rows = log.of("D", 0)
        assert len(times) == len(rows) > 0
        for shown, row in zip(times, rows):
            for text, name in zip(shown, ("begin", "end")):
                assert len(text.split(".")[1]) == places, (interval, text)
                assert abs(float(text) - row[name]) < 0.6 * 10 ** -places, (interval, text, row[name])


@case
def table():
    """The table: S or D, the flow's number, then the columns under their heads"""
    result = expect(flowctl("--embedded", "-n", 3, "-T", "s=0.5", "-i", "0.05"))
    screen = Screen(result.out)
    check_form(screen)
    heads = sum((HEADS[group] for group in DEFAULT), [])
    for head, unit, _ in screen.tables:
        assert Screen.heads(head) == ["ID"] + heads, head
        ends = {name: head.index(" " + name) + 1 + len(name) for name in ("begin", "through", "smss")}
        for name, end in ends.items():
            assert unit[:end].endswith(UNITS[name]), (name, unit)
    assert len(screen.tables) > 2, "60 rows need a third head"
    rows = screen.rows
    assert len(rows) == 60
    assert {(end, flow) for end, flow, _ in rows} == {(e, f) for e in "SD" for f in range(3)}
    for _, _, values in rows:
        for name, value in values.items():
            form = {"ca state": "open|disorder|cwr|recovery|loss"}.get(
                name, r"\d+(\.\d+)?|nan|inf|INT_MAX|USHRT_MAX")
            assert re.fullmatch(form, value), (name, value)


@case
def first_line():
    """The first line tells date, host, flows, interval and unit"""
    result = expect(flowctl("--embedded", "-n", 2, "-T", "s=0.2", "-i", "0.1"))
    assert re.fullmatch(r"# Date: \d{4}-\d\d-\d\d-\d\d:\d\d:\d\d, controlling host = \S+, number of "
                        r"flows = 2, reporting interval = 0\.1s, \[through\] = 10\*\*6 bit/second "
                        r"\(flowrig \S+\)", result.out.splitlines()[0]), result.out.splitlines()[0]


@case
def wide_numbers():
    """Numbers of flows with four digits are tokens of their own"""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4000:
        raise Skip("the limit of open files is below 4000")
    result = expect(flowctl("--embedded", "-n", 1001, "-T", "s=1", "-i", "0.5", "-R", "s=100k",
                            "-c", "interval,through"))
    screen = Screen(result.out)
    check_form(screen)
    rows = screen.rows
    assert len(rows) == 4 * 1001, len(rows)
    assert {flow for _, flow, _ in rows} == set(range(1001))
    assert all(re.match(r"[SD] +\d+ +\d", line) for _, _, lines in screen.tables for line in lines)
    summary = re.findall(r"^# ID +(\d+) ([SD]): ", result.out, re.M)
    assert [(int(n), e) for n, e in summary] == [(n, e) for n in range(1001) for e in "SD"]


@case
def groups():
    """-c shows the columns of each group, and no other"""
    for group, heads in HEADS.items():
        screen = Screen(expect(flowctl("--embedded", "-T", "s=0.1", "-i", "0.1", "-A", "s", "-c",
                                       group)).out)
        check_form(screen)
        for head, unit, _ in screen.tables:
            assert Screen.heads(head) == ["ID"] + heads, (group, head)
            for name in set(heads) & set(UNITS):
                end = head.index(" " + name) + 1 + len(name)
                assert unit[:end].endswith(UNITS[name]), (group, name, unit)
        assert len(screen.rows) == 2


@case
def order_of_columns():
    """-c: several groups and single columns come in the log's order, each once; -c adds up"""
    expected = ["ID", "begin", "end", "through", "min RTT", "avg RTT", "max RTT", "cwnd", "tx_bytes"]
    for arguments in (["-c", "tx_bytes,cwnd,rtt,interval,through,cwnd"],
                      ["-c", "rtt,tx_bytes", "-c", "cwnd,interval", "-c", "through"]):
        screen = Screen(expect(flowctl("--embedded", "-T", "s=0.1", "-i", "0.1", "-A", "s",
                                       *arguments)).out)
        assert [Screen.heads(head) for head, _, _ in screen.tables] == [expected] * len(screen.tables)


@case
def all_columns():
    """-c all shows every column of the log"""
    result, log = run_logged("--embedded", "-T", "s=0.1", "-i", "0.1", "-c", "all")
    screen = Screen(result.out)
    check_form(screen)
    heads = [h.replace(" ", "").replace("p99.9", "p999") for h in Screen.heads(screen.tables[0][0])]
    assert heads[1:] == [c.replace("ca_state", "castate") for c in log.columns[2:]], heads


@case
def round_trips_unasked():
    """With -A the round-trip times are shown without -c"""
    screen = Screen(expect(flowctl("--embedded", "-T", "s=0.1", "-i", "0.1", "-A", "s")).out)
    assert {"min RTT", "avg RTT", "max RTT"} < set(Screen.heads(screen.tables[0][0]))
    for end, _, values in screen.rows:
        assert (values["avg RTT"] == "inf") == (end == "D"), values
        if end == "S":
            assert float(values["min RTT"]) <= float(values["avg RTT"]) <= float(values["max RTT"])


@case
def symbols():
    """INT_MAX and the like in words, with -p in figures"""
    arguments = ("--embedded", "-T", "s=0.1", "-i", "0.1", "-c", "kernel")
    words = Screen(expect(flowctl(*arguments)).out).rows
    figures = Screen(expect(flowctl(*arguments, "-p")).out).rows
    by_end = [{end: values for end, _, values in rows} for rows in (words, figures)]
    # The destination of a flow in one direction never loses a segment: no threshold.
    assert by_end[0]["D"]["ssth"] == "INT_MAX" and by_end[1]["D"]["ssth"] == "2147483647", by_end
    for values in by_end[1].values():
        assert not [v for v in values.values() if v.endswith("_MAX")], values
    if by_end[1]["S"]["pmtu"] == "65535":
        assert by_end[0]["S"]["pmtu"] == "USHRT_MAX"
    assert all(values["ca state"] == "open" for values in by_end[1].values())


@case
def same_as_log():
    """Screen and log show the same figures; -m is in 2**20 bytes/s, -s byte has windows in bytes"""
    for arguments in ([], ["-m"], ["-s", "byte"], ["-s", "segment", "-p"]):
        result, log = run_logged("--embedded", "-T", "s=0.3", "-i", "0.1", "-c",
                                 "interval,through,goodput,kernel", *arguments)
        rows = Screen(result.out).rows
        assert len(rows) == 6
        head, unit, _ = Screen(result.out).tables[0]
        units = dict(zip([h for h in Screen.heads(head)[1:] if h != "ca state"], unit[1:].split()))
        assert units["through"] == units["rx_through"] == ("[MiB/s]" if "-m" in arguments else "[Mbit/s]")
        assert units["cwnd"] == units["ssth"] == ("[B]" if "byte" in arguments else "[#]")
        for (end, flow, shown), logged in zip(rows, log.rows):
            assert (end, flow) == (logged["S|D"], logged["id"])
            assert shown["begin"] == f"{round(logged['begin'] * 1000 + 1e-9) / 1000:.3f}" or \
                abs(float(shown["begin"]) - logged["begin"]) <= 0.000501
            for name in ("through", "rx_through"):
                factor = 1e6 / 8 / (1 << 20) if "-m" in arguments else 1
                assert abs(float(shown[name]) - logged[name] * factor) <= 1e-5 + logged[name] * 1e-9
            scale = logged["smss"] if "byte" in arguments else 1
            assert int(shown["cwnd"]) == logged["cwnd"] * scale, (shown["cwnd"], logged["cwnd"])
            if logged["ssth"] == float("inf"):
                assert shown["ssth"] == ("2147483647" if "-p" in arguments else "INT_MAX")
            else:
                assert int(shown["ssth"]) == logged["ssth"] * scale
            assert int(shown["tx_bytes"]) == logged["tx_bytes"]
            assert shown["ca state"] == logged["ca_state"]


def in_order(line, *forms):
    """The forms occur in the line, in this order."""
    at = 0
    for form in forms:
        found = re.compile(form).search(line, at)
        assert found, f"no {form!r} after place {at} of\n{line}"
        at = found.end()


@case
def summary():
    """Two lines per flow, then one over all flows; their figures are those of the final reports"""
    one, two = Daemon(), Daemon()
    result, log = run_logged("-H", hosts(one, two), "-n", 2, "-T", "s=0.4", "-i", "0.1", "-S",
                             "s=1000", "-B", "s=100000", "-W", "d=50000", "-F", 0, "-A", "s", "-F",
                             1, "-T", "d=0.2", "-O", "s=TCP_CONGESTION=reno")
    lines = [line for line in result.out.splitlines() if re.match(r"# (ID +\d|total:)", line)]
    assert [line[:9] for line in lines] == ["# ID   0 "] * 2 + ["# ID   1 "] * 2 + ["# total: "]
    assert [line[9] for line in lines[:4]] == ["S", "D"] * 2
    after = result.out.splitlines()
    assert after[after.index(lines[0]) - 1] == "" and after[-1] == lines[-1]
    for line, (end, flow), daemon in zip(lines, [("S", 0), ("D", 0), ("S", 1), ("D", 1)],
                                         [one, two] * 2):
        final = log.finals[end, flow]
        in_order(line, rf"127\.0\.0\.1/{re.escape(daemon.control)} \(Linux \S+\)",
                 rf", sbuf = {final['send_buffer']}/{100000 if end == 'S' else 0} \[B\] \(real/req\)",
                 rf", rbuf = {final['receive_buffer']}/{50000 if end == 'D' else 0} \[B\]",
                 rf", SMSS = {final['snd_mss']} \[B\]", rf", PMTU = {final['path_mtu']} \[B\]",
                 rf", Interface MTU = {final['interface_mtu']}",
                 rf", CC = {final['congestion_control']}",
                 rf", through = {REAL}/{REAL} \[Mbit/s\] \(out/in\)",
                 r", request blocks = \d+/\d+ \[#\] \(out/in\)")
        assert "error" not in line and "missing" not in line, line
        if end == "S":
            in_order(line, ", handshake = ", ", exchange = ",
                     rf", duration = {final['tx_time'] / 1e9:.3f}/0\.400 \[s\] \(real/req\)")
        if (end, flow) == ("S", 0):
            in_order(line, rf", transactions/s = {REAL} \[#\]",
                     r", response blocks = 0/\d+ \[#\] \(out/in\)",
                     rf", RTT = {final['rtt_min'] / 1e6:.3f}/{REAL}/{final['rtt_max'] / 1e6:.3f} \[ms\]")
        elif flow == 0:
            in_order(line, r", response blocks = \d+/0 \[#\] \(out/in\)",
                     rf", IAT = {final['iat_min'] / 1e6:.3f}/{REAL}/{REAL} \[ms\]")
        else:
            in_order(line, rf", IAT = {REAL} \[ms\] \(avg\)")
        found = re.search(rf"through = ({REAL})/({REAL})", line)
        for shown, name in ((found[1], "tx"), (found[2], "rx")):
            counted, took = final.get(f"{name}_bytes", 0), final.get(f"{name}_time", 0)
            expected = counted * 8e3 / took if took else 0
            assert abs(float(shown) - expected) < 1e-5, (shown, expected)
    assert log.finals["S", 1]["congestion_control"] == "reno" and "CC = reno" in lines[2]
    assert re.search(r"duration = 0\.(19|2\d)\d/0\.200 ", lines[3]), lines[3]
    assert "duration" not in lines[1], lines[1]


@case
def duration_of_an_end_that_answers_too():
    """An endpoint that sends for 0.2 s and answers for 0.6 s: its rate is over its own 0.2 s"""
    result, log = run_logged("--embedded", "-T", "s=0.6,d=0.2", "-A", "s", "-R", "b=8M", "-S",
                             "b=1000", "-i", "0.1")
    shown = re.search(rf"^# ID   0 D: .*, duration = ({REAL})/0\.200 \[s\]", result.out, re.M)
    # A daemon that begins late ends in time all the same.
    assert 0.1 <= float(shown[1]) < 0.4, f"the destination is said to have sent for {shown[1]} s"
    # 8M is 8388608 bit/s for 0.2 s; the answers of 40 bytes to 1000 add up to 4 % of the source's.
    lines = dict(re.findall(rf"^# ID   0 ([SD]): .*through = ({REAL}/{REAL}) ", result.out, re.M))
    source_in, destination_out = float(lines["S"].split("/")[1]), float(lines["D"].split("/")[0])
    for rate in (source_in, destination_out):
        assert 7.5 < rate < 11, f"8.4 Mbit/s for 0.2 s are shown as {rate} Mbit/s"


@case
def total_line():
    """The line over all flows: goodput at the receivers, spread, Jain's index, retransmissions, skew"""
    one, two = Daemon(), Daemon()
    result, log = run_logged("-H", hosts(one, two), "-n", 3, "-T", "s=0.4", "-Q", "-R", "s=8M",
                             "-F", 0, "-R", "s=16M", "-F", 2, "-T", "d=0.4")
    found = re.search(
        rf"^# total: flows = (\d+), failed = (\d+), goodput = ({REAL}) \[Mbit/s\] \((\d+) B at the "
        rf"receivers\), flow = ({REAL})/({REAL})/({REAL}) \[Mbit/s\] \(min/median/max\), fairness = "
        rf"({REAL}) \(Jain\), retransmitted = (\d+) \[B\], start skew = ({REAL}) \[ms\] \(clocks "
        rf"known to ({REAL}) ms\)$", result.out, re.M)
    assert found, result.out.splitlines()[-1]
    assert found[1] == "3" and found[2] == "0"
    received = {key: log.finals[key] for key in (("D", 0), ("D", 1), ("D", 2), ("S", 2))}
    rates = {key: v["rx_bytes"] * 8e3 / v["rx_time"] for key, v in received.items()}
    flows = sorted([rates["D", 0], rates["D", 1], rates["D", 2] + rates["S", 2]])
    close = lambda text, value: abs(float(text) - value) < 2e-6 * max(1, value)
    # What all receivers read, over the time from the first begin (0) to the last end.
    whole = sum(v["rx_bytes"] for v in received.values()) * 8e3 / max(
        v["rx_time"] for v in received.values())
    assert close(found[3], whole), (found[3], whole, rates)
    assert int(found[4]) == sum(v["rx_bytes"] for v in received.values())
    assert [close(found[5 + i], flows[i]) for i in range(3)] == [True] * 3, (found[0], flows)
    jain = sum(rates.values()) ** 2 / (4 * sum(r * r for r in rates.values()))
    assert close(found[8], jain), (found[8], jain)
    senders = [log.finals[key]["bytes_retrans"] for key in log.finals]
    assert int(found[9]) == sum(senders)
    # Each start by all that is known of the clocks at the end, near what its own clock said.
    starts = re.findall(rf"start = ([+-]{REAL})/({REAL}) \[ms\] \(offset", result.out)
    assert len(starts) == 6, starts
    skew = max(float(s) for s, _ in starts) - min(float(s) for s, _ in starts)
    assert abs(float(found[10]) - skew) < 0.0021, (found[10], starts)
    keys = [("S", 0), ("D", 0), ("S", 1), ("D", 1), ("S", 2), ("D", 2)]
    for key, (start, bound) in zip(keys, starts):
        # The instants were told by what was known then: eight exchanges.
        assert abs(float(start) - log.begins[key]["begin"] * 1e3) < float(bound) + 1, (key, start)
    note(result.out.splitlines()[-1])


@case
def only_the_summary():
    """-Q: no rows, and the summary all the same"""
    result = expect(flowctl("--embedded", "-T", "s=0.3", "-Q"))
    lines = [line for line in result.out.splitlines() if line]
    assert [line.split(":")[0] for line in lines] == ["# Date", "# ID   0 S", "# ID   0 D",
                                                      "# total"], result.out


@case
def quiet_complains():
    """-q: nothing on the screen, but errors are still said"""
    result = flowctl("-q", "-H", "b=127.0.0.1:1")
    assert (result.status, result.out) == (3, "")
    assert result.err == "flowctl: no flowd can be reached at 127.0.0.1:1: Connection refused\n"


def pipeline(text, timeout=60):
    """A pipeline of the manual page, in bash, with our flowctl; on its own port if one may."""
    need_program("bash")
    script = text.replace("flowctl ", f"'{FLOWCTL}' ")
    command = ["bash", "-c", "set -o pipefail; " + script]
    if os.geteuid() == 0 and shutil.which("unshare") and shutil.which("ip"):
        # Port 5999 of this machine may be in use; in a namespace of its own it is not.
        command = ["unshare", "-n", "bash", "-c", 'ip link set lo up; exec "$@"', "bash"] + command
    return subprocess.run(command, text=True, capture_output=True, timeout=timeout)


@case
def page_pipeline():
    """`flowctl -i 0.001 -T s=1 | egrep ^S | gnuplot ... using 3:5` draws a thousand values"""
    need_program("gnuplot")
    kept = os.path.join(temp_dir(), "rows")
    done = pipeline(f"flowctl -i 0.001 -T s=1 | grep -E ^S | tee {kept} | gnuplot -e 'set term dumb; "
                    "plot \"-\" using 3:5 with lines title \"Throughput\"'")
    assert done.returncode == 0, done
    others = [line for line in done.stderr.splitlines()
              if not re.match(r"flow(ctl|d): (no flowd answers on localhost; using a private one at "
                              r"127\.0\.0\.1:\d+ for this run|listening at )", line)]
    assert not others, done.stderr
    assert done.stdout.count("*") > 20, done.stdout
    with open(kept, encoding="utf-8") as file:
        rows = [line.split() for line in file]
    assert len(rows) == 1000, len(rows)
    for row, after in zip(rows, rows[1:]):
        assert row[3] == after[2] and float(row[2]) <= float(row[3]), (row, after)
        float(row[4])
    assert float(rows[-1][3]) >= 1


@case
def reader_that_leaves():
    """`| head -3` ends the run early, with its flows and its daemons"""
    began = time.monotonic()
    done = pipeline("flowctl --embedded -T s=300 -i 0.05 | head -3", timeout=100)
    took = time.monotonic() - began
    assert done.returncode == 2, done
    assert len(done.stdout.splitlines()) == 3 and took < 90
    said = [line for line in done.stderr.splitlines() if not line.startswith("flowd: ")
            and "using private" not in line]
    assert said == ["flowctl: the output was closed: stopping the flows"], done.stderr


@case
def reader_that_leaves_and_a_log():
    """`| head -3` does not end a run that writes a log"""
    path = os.path.join(temp_dir(), "flow.log")
    done = pipeline(f"flowctl --embedded -T s=1 -i 0.05 --log-file={path} | head -3")
    assert done.returncode == 0, done
    assert "the output was closed" not in done.stderr, done.stderr
    assert len(FlowLog(path).rows) == 40


@case
def full_screen():
    """A screen that can't be written to is one sentence"""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([FLOWCTL, "--embedded", "-T", "s=0.5", "-i", "0.05"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.stderr.count("can't write to the screen: No space left on device") == 1, done.stderr


@case
def slow_reader():
    """A reader that sleeps does not hold the run up: everything is measured, nothing is lost"""
    daemon = Daemon()
    read_end, write_end = os.pipe()
    process = subprocess.Popen([FLOWCTL, "-H", hosts(daemon), "-n", "4", "-T", "s=2", "-i", "0.005",
                                "-c", "all"], stdout=write_end, stderr=subprocess.PIPE, text=True)
    os.close(write_end)
    try:
        # All rows are fetched while the screen takes none: 3200 rows of 700 characters. The daemon
        # keeps those of the last answer, more on a busy machine, which the end of the session
        # acknowledges.
        wait_for(lambda: daemon.rpc().flowd.status({})["sessions"], 20, "the run")

        def fetched():
            sessions = daemon.rpc().flowd.status({})["sessions"]
            return not sessions or (sessions[0]["state"] == "ended" and sessions[0]["rows"] < 2700)

        wait_for(fetched, 120, "that all reports are fetched")
        with os.fdopen(read_end, encoding="utf-8") as stream:
            text = stream.read()
        assert process.wait(120) == 0, process.stderr.read()
    finally:
        process.kill()
        process.wait()
    assert len(Screen(text).rows) == 3200 and "\n# total: " in text


@case
def interrupted():
    """Ctrl-C in the middle: the summary comes, exit status 130"""
    process = start_flowctl("--embedded", "-T", "s=300", "-i", "0.05")
    wait_for(lambda: process.out.count("\nS ") > 3, 20, "rows")
    process.signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert "flowctl: flowctl was interrupted (SIGINT): stopping the flows; a second signal quits immediately\n" in process.err
    assert re.search(r"^# ID   0 S: .*duration = \d\.\d+/300\.000 \[s\]", process.out, re.M)
    assert process.out.splitlines()[-1].startswith("# total: flows = 1, failed = 0, ")


main()
