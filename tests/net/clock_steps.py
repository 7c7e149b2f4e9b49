#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wall clocks that are set in mid-run bend nothing: intervals, delays, round-trip times and the end
go by clocks that nobody sets. The wall clock of a single program is set by a library that is
preloaded into it (tests/lab/clockstep.c)."""
import os
import statistics
import struct
import time

from flowrig_test import (HERE, Daemon, FlowLog, case, hosts, main, note, start_flowctl,
                          temp_dir, wait_for)

BUILD = os.environ.get("FLOWRIG_BUILD") or os.path.join(HERE, "..", "build")
HOUR = 3600
DURATION, INTERVAL = 4, 0.05
# Forth and back, by more than any time-out or lease, and by less than an interval.
STEPS = ((1, HOUR), (1.5, -2 * HOUR), (2, 0.02), (2.5, -0.02), (3, 400 * 24 * HOUR))


class SteppedClock:
    """The wall clock of the programs that are started with `env`."""

    def __init__(self):
        self.path = os.path.join(temp_dir(), "offset")
        self.step(0)
        library = os.path.join(BUILD, "tests", "lab", "clockstep.so")
        assert os.path.exists(library), library
        self.env = {"LD_PRELOAD": library, "CLOCKSTEP": self.path,
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def step(self, seconds):
        """Sets the clock so many seconds off the host's: what maps the file sees it at once."""
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as file:
            file.write(struct.pack("=q", round(seconds * 10**9)))


def wall_of(daemon):
    """How far the wall clock of a daemon is ahead of the host's."""
    return daemon.rpc().flowd.clock()["wall"] / 1e9 - time.time()


def has_rows(path):
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as file:
        return any(line[0] in "SD" for line in file)


def run_through_steps(one, two, clock, check, env=None):
    """A run while a clock is set; gives its log and what it wrote."""
    path = os.path.join(temp_dir(), "flow.log")
    process = start_flowctl("-H", hosts(one, two), "-T", f"b={DURATION}", "-S", "b=500",
                            "-R", "b=1Mbit", "-O", "b=TCP_NODELAY", "-A", "b", "-I", "-i", str(INTERVAL), f"--log-file={path}", env=env)
    wait_for(lambda: has_rows(path) or not process.running(), 30, "the first row")
    begin = time.monotonic()
    for at, offset in STEPS:
        time.sleep(max(0, begin + at - time.monotonic()))
        clock.step(offset)
        check(offset)
    assert process.wait(60) == 0, process.err
    assert process.err == "", process.err
    return FlowLog(path), process.out


def expect_straight(log, out):
    """Intervals follow on each other at their length, up to the end; times are of this world."""
    for end in "SD":
        rows, final = log.of(end), log.finals[(end, 0)]
        for row, after in zip(rows, rows[1:]):
            assert row["end"] == after["begin"], (row["end"], after["begin"])
        assert len(rows) + (final.get("rows_skipped") or 0) == DURATION / INTERVAL, len(rows)
        # One that is late is longer, and the next one as much shorter: the ends stay where they
        # belong. Half of them may be late where the machine is busy.
        late = [row["end"] % INTERVAL for row in rows]
        late = [min(value, abs(value - INTERVAL)) for value in late]
        assert statistics.median(late) < 0.01, late
        lengths = [row["end"] - row["begin"] for row in rows]
        assert 0 < min(lengths) and max(lengths) < 60, lengths
        assert abs(rows[-1]["end"] - DURATION) < 60 and abs(final["end"] - DURATION) < 60
        for column in ("minRTT", "maxRTT", "minDLY", "maxDLY"):
            values = [row[column] for row in rows if row[column] != float("inf")]
            assert len(values) > len(rows) / 2, (end, column, values)
            assert all(-1000 < value < 60000 for value in values), (end, column, values)
        note(f"{end}: {len(rows)} rows, the last ends at {rows[-1]['end']} s, intervals "
             f"{min(lengths):.6f} to {max(lengths):.6f} s, half of them end within "
             f"{statistics.median(late) * 1e3:.3f} ms; RTT {final['rtt_min'] / 1e6:.3f} to "
             f"{final['rtt_max'] / 1e6:.3f} ms")
    assert ", failed = 0, " in out, out


@case
def clock_of_a_daemon_is_set():
    """The wall clock of one daemon is set by hours, days and 20 ms: no interval, delay or RTT tells"""
    clock = SteppedClock()
    one, two = Daemon(), Daemon(env=clock.env)

    def check(offset):  # it really is set
        assert abs(wall_of(two) - offset) < 0.5 and abs(wall_of(one)) < 0.5, (offset, wall_of(two))
    expect_straight(*run_through_steps(one, two, clock, check))
    # Nothing that waited is stuck: the next run, and the end, which the case looks at.
    clock.step(-HOUR)
    expect_straight(*run_through_steps(two, one, clock, check))


@case
def clock_of_the_controller_is_set():
    """The same with flowctl's: it ends in time, and its log has the same times"""
    clock = SteppedClock()
    one, two = Daemon(), Daemon()
    before = time.time()
    log, out = run_through_steps(one, two, clock, lambda offset: None, env=clock.env)
    expect_straight(log, out)
    # The log's instant of the start was told before the first step.
    start = int(log.comment("start_ns")[0].split()[2]) / 1e9
    assert before < start < time.time(), start


@case
def lease_with_a_clock_that_is_set():
    """A lease of 3 s is neither cut short nor made longer, whatever the wall clock says"""
    clock = SteppedClock()
    daemon = Daemon(env=clock.env)
    session = daemon.rpc().session.open({"key": "one", "lease_s": 3})["session"]
    for offset in (HOUR, -HOUR, 30 * 24 * HOUR):
        clock.step(offset)
        time.sleep(1)
        daemon.rpc().session.renew({"session": session})
    clock.step(-HOUR)
    wait_for(lambda: not daemon.rpc().flowd.status()["sessions"], 30, "the end of the lease")


main()
