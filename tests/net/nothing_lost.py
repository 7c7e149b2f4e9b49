#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports outlive what can happen to them: little memory, a full disk, nobody who fetches them."""
import os
import signal
import subprocess
import time

from flowrig_api import Session, prepare_flows
from flowrig_test import (Daemon, FlowLog, at_end, case, expect, flowctl, hosts, main, need_root,
                          note, small_disk, start_flowctl, temp_dir, wait_for)

MS = 10 ** 6


@case
def spilled_and_read_back():
    """What finds no room in memory goes to a file: every row comes, in order, and space is freed"""
    state = temp_dir()
    daemon = Daemon("--report-memory", "64k", "--state-dir", state)
    s = Session(daemon)
    prepare_flows(s, s, 2, source=3, settings={"interval": MS})
    s.start()
    wait_for(lambda: s.state()[0]["running"] == 0, 30, "the end")
    status = s.state()[0]
    note(f"{status['rows']} rows, {status['bytes']} B in memory, {status['spilled']} B in the file")
    assert status["state"] == "ended" and status["bytes"] <= 65536
    assert status["spilled"] > 20 * status["bytes"], status
    assert os.listdir(state) == ["daemon-id"], "the file has a name"
    s.collect(max_bytes=200000)
    assert s.last["lost"] == 0 and "failure" not in s.last
    for flow in range(2):
        for end in "sd":
            rows = s.of(flow, end)
            assert [row["number"] for row in rows] == list(range(len(rows)))
            finals = s.of(flow, end, "final")
            skipped = finals[0]["rows_skipped"] or 0
            assert len(rows) == 3002 - skipped, (len(rows), skipped)
    s.reports()  # acknowledges the last ones
    assert s.state()[0]["spilled"] == s.state()[0]["bytes"] == 0, s.state()


@case
def spilled_by_another_user():
    """--user: the file is opened where that user may not write, and takes reports all the same"""
    need_root()
    state = temp_dir()
    os.chmod(state, 0o700)
    daemon = Daemon("--report-memory", "64k", "--state-dir", state, "--user", "nobody")
    s = Session(daemon)
    prepare_flows(s, s, 2, source=1, settings={"interval": MS})
    s.start()
    wait_for(lambda: s.state()[0]["running"] == 0, 30, "the end")
    assert s.state()[0]["spilled"] > 0, s.state()
    s.collect()
    assert s.last["lost"] == 0 and "failure" not in s.last


@case
def spilled_while_it_is_read():
    """A controller that lags behind gets every row while more come"""
    daemon = Daemon("--report-memory", "64k", "--state-dir", temp_dir())
    s = Session(daemon)
    prepare_flows(s, s, 4, source=3, settings={"interval": 2 * MS})
    s.start()
    while not s.last or not s.last.get("finished"):
        rows = s.reports(wait_ms=500, max_bytes=60000)
        if rows:
            assert s.last["first"] == s.after + 1
        s.after += len(rows)
        s.rows += rows
        time.sleep(0.03)
    assert not s.last["lost"]
    for flow in range(4):
        for end in "sd":
            rows = s.of(flow, end)
            assert [row["number"] for row in rows] == list(range(len(rows))) and rows[-1].is_final


def overfill(state, *options):
    """300 flows make 1200 rows of some 300 bytes, and there is room for fewer. Gives the failure."""
    daemon = Daemon("--report-memory", "64k", "--state-dir", state, *options)
    s = Session(daemon)
    prepare_flows(s, s, 300, source=0.6, settings={"summarize_only": True})
    s.start()
    wait_for(lambda: s.state()[0]["running"] == 0, 30, "the end")
    assert s.state()[0]["state"] == "failed"
    s.collect()
    assert len(s.rows) > 260, "no more than memory alone would take"
    assert s.last["lost"] == 1200 - len(s.rows) > 0, (s.last["lost"], len(s.rows))
    begin = f"{s.last['lost']} reports did not fit in the daemon's report memory of 65536 bytes " \
            "(--report-memory) nor in its file "
    assert s.last["failure"].startswith(begin), s.last["failure"]
    s.close()
    # the daemon is as good as new
    expect(flowctl("-H", hosts(daemon), "-T", "s=0.3", "-q"))
    return s.last["failure"][len(begin):]


@case
def spill_that_is_full():
    """The file has reached its size: the session fails, and says exactly how many were lost"""
    assert overfill(temp_dir(), "--spill-size", "64k") == \
        "of 65536 bytes (--spill-size), and the flows were stopped"


@case
def disk_that_is_full():
    """The disk is full: the session fails, and says exactly how many were lost"""
    assert overfill(small_disk("64k")) == \
        "in the state directory (No space left on device), and the flows were stopped"


@case
def retained_by_size():
    """Reports of ended sessions that nobody fetches: the oldest go when they hold too much"""
    daemon = Daemon("--report-memory", "2M", "--retain-size", "64k", "--lease", 1)
    sessions = []
    for i in range(4):
        s = Session(daemon, key=f"k{i}", run=f"run{i}")
        prepare_flows(s, s, source=0.2, settings={"interval": 4 * MS})
        s.start()
        sessions.append(s)
        wait_for(lambda: s.state()[-1]["running"] == 0, 20, "the end")
    wait_for(lambda: not any(one["lease_left_ns"] for one in sessions[0].state()), 10,
             "the end of the leases")
    time.sleep(0.5)
    kept = [one["run"] for one in sessions[0].state()]
    held = sum(one["bytes"] for one in sessions[0].state())
    assert kept and kept == [f"run{i}" for i in range(4)][-len(kept):] and len(kept) < 4, kept
    assert held <= 64 * 1024, held
    assert "(--retain-size)" in daemon.err
    sessions[-1].collect()
    assert not sessions[-1].last["lost"]


@case
def daemon_that_stands_still():
    """A daemon stands still for 5 s: its rows show the gap with true times, and nothing is lost"""
    one, two = Daemon(), Daemon()
    path = os.path.join(temp_dir(), "flow.log")
    run = start_flowctl("-H", hosts(one, two), "-T", "s=8", "-i", "0.1", "-R", "s=1Mbit", "-S", "s=1000",
                        "-q", f"--log-file={path}")
    wait_for(lambda: os.path.exists(path) and os.path.getsize(path) > 20000, 20, "rows")
    began = time.monotonic()
    two.signal(signal.SIGSTOP)
    time.sleep(5)
    still = time.monotonic() - began
    two.signal(signal.SIGCONT)
    assert run.wait(30) == 0, run.err
    log = FlowLog(path)
    rows = log.of("D")
    assert all(a["end"] == b["begin"] for a, b in zip(rows, rows[1:])), "a time that no row covers"
    longest = max(row["end"] - row["begin"] for row in rows)
    note(f"stopped for {still:.2f} s; the longest row has {longest:.2f} s")
    assert still - 0.3 <= longest <= still + 0.6, longest
    final = log.finals["D", 0]
    # intervals that were over when it went on are short, or skipped and counted
    assert len(rows) + final["rows_skipped"] == 80, (len(rows), final["rows_skipped"])
    for name in ("rx_bytes", "rx_requests"):
        column = {"rx_requests": "requ_in"}.get(name, name)
        assert log.total("D", column) == final[name], name
    sent = log.finals["S", 0]
    assert sent["tx_bytes"] + sent["tx_tail"] == final["rx_bytes"] + final["rx_tail"]
    # the other one took all of its rows
    assert len(log.of("S")) == 80


main()
