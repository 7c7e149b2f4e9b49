#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The letters of the column `status`: what each direction of a flow is doing, as flowgrind's page
has them. Each letter is made to happen, and in every row of every run l and n are told apart by
what moved in it."""
import os
import signal
import time

from flowrig_lab import attempts
from flowrig_test import (Daemon, FlowLog, case, hosts, main, note, run_logged,
                          start_flowctl, temp_dir, wait_for)

# Unlimited flows may well stand still for a row; these have a block each millisecond.
STEADY = ("-S", "b=1000", "-R", "b=8Mbit", "-O", "b=TCP_NODELAY")
MARGIN = 0.03  # s; a row that ends so near to a change may show either state


def letters(log, flow=0):
    """{S|D: [(end, sending, receiving)]}, with what holds of every row checked."""
    found = {"S": [], "D": []}
    for row in log.rows:
        sending, receiving = row["status"].split("/")
        for letter, moved in ((sending, row["tx_bytes"]), (receiving, row["rx_bytes"])):
            assert letter in "cdflno", row["status"]
            assert letter not in "do" or moved == 0, (row["end"], row["status"], moved)
            assert letter != "l" or moved == 0, (row["end"], row["status"], moved)
            assert letter != "n" or moved > 0, (row["end"], row["status"], moved)
        if row["id"] == flow:
            found[row["S|D"]].append((row["end"], sending, receiving))
    assert found["S"] and found["D"]
    return found


def run_and_check(options, source, destination):
    """Runs a flow with these options. `source` is [(until, sending, receiving)] of the source's
    rows; the destination's likewise."""
    return attempts(lambda _: run_logged("--embedded", "-i", "0.1", *options)[1],
                    lambda log: check_phases(log, source, destination))


def check_phases(log, source, destination):
    found = letters(log)
    for end, expected in (("S", source), ("D", destination)):
        for at, *seen in found[end]:
            if min(abs(at - until) for until, _, _ in expected) >= MARGIN:
                wanted = next([s, r] for until, s, r in expected if at < until)
                assert seen == wanted, (end, at, seen, wanted)
        assert found[end][-1][1:] == expected[-1][1:], (end, found[end])
        shown = {tuple(row[1:]) for row in found[end]}
        assert shown == {phase[1:] for phase in expected}, (end, shown)
    return log


@case
def one_direction():
    """n while data moves, c when it is over, o for the direction without a duration"""
    log = run_and_check(("-T", "s=0.5", *STEADY), [(0.47, "n", "o"), (9, "c", "o")],
                [(0.47, "o", "n"), (9, "o", "c")])
    assert [log.finals[end, 0]["status"] for end in "SD"] == ["c/o", "o/c"]


@case
def delayed():
    """d until the initial delay is over, at both ends; each direction by itself"""
    run_and_check(("-T", "s=0.6,d=0.5", "-Y", "s=0.25,d=0.55", *STEADY),
          [(0.25, "d", "d"), (0.55, "n", "d"), (0.85, "n", "n"), (1.02, "c", "n"),
                (9, "c", "c")],
          [(0.25, "d", "d"), (0.55, "d", "n"), (0.85, "n", "n"), (1.02, "n", "c"), (9, "c", "c")])


@case
def half_closed():
    """c for the direction that is over, n for the one that goes on"""
    run_and_check(("-T", "s=0.25,d=0.65", *STEADY), [(0.25, "n", "n"), (0.62, "c", "n"), (9, "c", "c")],
          [(0.25, "n", "n"), (0.62, "n", "c"), (9, "c", "c")])


@case
def low_rate():
    """l in rows in which nothing was due, n in those with a block"""
    # 16 kbit/s in blocks of 500 B: one each 0.25 s.
    _, log = run_logged("--embedded", "-T", "s=1", "-i", "0.05", "-S", "s=500", "-R", "s=16kbit")
    found = letters(log)
    for end, place, other in (("S", 1, 2), ("D", 2, 1)):
        seen = [row[place] for row in found[end]]
        assert seen.count("l") >= 12 and seen.count("n") >= 3, seen
        assert seen[-1] == "c" and {row[other] for row in found[end]} == {"o"}, found[end]


@case
def responses():
    """A direction in which only responses travel is at work as long as the peer asks"""
    run_and_check(("-T", "s=0.6", "-Y", "s=0.25", "-A", "s", "-R", "s=2Mbit", "-S", "s=200"),
          [(0.25, "d", "d"), (0.83, "n", "n"), (9, "c", "c")],
          [(0.25, "d", "d"), (0.83, "n", "n"), (9, "c", "c")])


@case
def no_room_at_the_peer():
    """l while the peer's window is closed: a destination that is held up, and goes on later"""
    one, two = Daemon(), Daemon()

    def measure(_):
        path = os.path.join(temp_dir(), "flow.log")
        process = start_flowctl("-H", hosts(one, two), "-q", f"--log-file={path}", "-T", "s=3", "-i",
                                "0.05", "-B", "s=50000", "-W", "d=20000")
        wait_for(lambda: os.path.exists(path) and "\nS 0 " in open(path, encoding="utf-8").read(),
                 20, "rows")
        two.signal(signal.SIGSTOP)
        time.sleep(1)
        two.signal(signal.SIGCONT)
        assert process.wait(60) == 0, process.err
        return FlowLog(path)

    def check(log):
        letters(log)
        closed = [row for row in log.of("S") if row["status"] == "l/o"]
        assert len(closed) >= 10, [row["status"] for row in log.of("S")]
        # what the kernel says of these rows: all is sent and waits for the peer
        assert all(row["tx_bytes"] == 0 and row["tcp_state"] == "established" for row in closed)
        assert [row for row in closed if row["rwnd_limited"] > 0], "not limited by the window"
        assert [row["status"] for row in log.of("S")].count("n/o") >= 10
        note(f"{len(closed)} rows of l, {sum(row['rwnd_limited'] for row in closed):.0f} ms without "
             "room")

    attempts(measure, check)


@case
def failed():
    """f in the last row and the final report of an end whose peer is gone"""
    one, two = Daemon(), Daemon()
    path = os.path.join(temp_dir(), "flow.log")
    process = start_flowctl("-H", hosts(one, two), "-q", f"--log-file={path}", "-T", "s=60", "-i",
                            "0.05")
    wait_for(lambda: os.path.exists(path) and open(path, encoding="utf-8").read().count("\nS 0 ") > 5,
             20, "rows")
    two.kill_hard()
    assert process.wait(60) == 2, process.err
    log = FlowLog(path)
    seen = [row["status"] for row in log.of("S")]
    assert seen[-1] == "f/f" and set(seen[:-1]) <= {"n/o", "l/o"}, seen
    assert log.finals["S", 0]["status"] == "f/f"


@case
def stopped():
    """A flow that is stopped before its time has completed"""
    daemon = Daemon()
    path = os.path.join(temp_dir(), "flow.log")
    process = start_flowctl("-H", hosts(daemon), "-q", f"--log-file={path}", "-T", "s=60", "-i",
                            "0.05")
    wait_for(lambda: os.path.exists(path) and open(path, encoding="utf-8").read().count("\nS 0 ") > 5,
             20, "rows")
    process.signal(signal.SIGINT)
    assert process.wait(60) == 130
    log = FlowLog(path)
    assert log.of("S")[-1]["status"] == "c/o" and log.of("D")[-1]["status"] == "o/c"
    assert set(row["status"] for row in log.of("S")[:-1]) <= {"n/o", "l/o"}


main()
