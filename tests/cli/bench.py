#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""bench/: how claims are reckoned from runs, with tools whose figures are known."""
import glob
import os
import re
import subprocess
import sys
from functools import partial

from flowrig_test import FLOWCTL, case, main, temp_dir

SOURCE = os.environ.get("FLOWRIG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
BENCH = os.path.join(SOURCE, "bench")
sys.path.insert(0, BENCH)

from measure import (CPU_PER_GIGABYTE, RATE, Failed, Group, Missing, Pairs, Run,  # noqa: E402
                     best_of, limited, name_of)
from tools import Log  # noqa: E402


def same(found, wanted):
    assert found == wanted, f"{found} is not {wanted}"


def scripted(name, rates):
    """A tool whose runs give these rates in turn; an exception is raised."""
    left = list(rates)

    def tool(*_, **__):
        rate = left.pop(0)
        if isinstance(rate, Exception):
            raise rate
        return Run(rate=rate * 1e9, cpu=rate, seconds=1.0)
    tool.__name__ = name
    return partial(tool)


@case
def ratios_are_medians_of_pairs():
    """A ratio is the median of those of the pairs, not the ratio of medians"""
    peer = scripted("peer", [1, 10, 2])
    claim = Pairs(scripted("ours", [3, 10, 8]), peer, pairs=3).claim("x", 2.5, peer=peer)
    same((claim.ratio, claim.ours, claim.peer_figure, claim.met),
           ("3.00", "8 Gbit/s", "2 Gbit/s", True))


@case
def goals_not_reached_are_not_met():
    """What misses its goal is not met, whether more is better or less"""
    peer = scripted("peer", [1])
    runs = Pairs(scripted("ours", [1.4]), peer, pairs=1)
    same([runs.claim("x", goal).met for goal in (1.3, 1.5)], [True, False])
    # As many CPU seconds as gigabits: 8 for a gigabyte, with both.
    same([runs.claim("x", goal, CPU_PER_GIGABYTE).met for goal in (1.1, 0.9)], [True, False])
    same([limited("x", 5, "", limit, more=more).met
            for limit, more in ((4, True), (6, True), (6, False), (4, False))],
           [True, False, True, False])


@case
def the_best_peer_counts():
    """Without a name a claim is against the best peer, and options are chosen by short runs"""
    slow, fast = scripted("slow", [5, 6]), scripted("fast", [7, 9])
    same(Pairs(scripted("ours", [8, 8]), slow, fast, pairs=2).claim("x", 1).peer, "fast")
    slow, fast = scripted("slow", [5, 6]), scripted("fast", [7, 9])
    assert best_of([slow, fast]) is fast
    same(name_of(partial(slow.func, "-l", 1, flows=2)), "slow -l 1 (2 flows)")


@case
def failures_of_peers():
    """A peer is tried twice; a pair without it does not count; without any the claim is not met"""
    flaky = scripted("flaky", [Failed("once"), 2, Failed("a"), Failed("b"), 2])
    claim = Pairs(scripted("ours", [4, 100, 4]), flaky, pairs=3).claim("x", 1, peer=flaky)
    same((claim.ratio, claim.met), ("2.00", True))
    absent = scripted("absent", [Missing("not installed")] * 2)
    claim = Pairs(scripted("ours", [4, 4]), absent, pairs=2).claim("x", 1, peer=absent)
    same((claim.ratio, claim.peer, claim.met), ("-", "absent", False))


@case
def cpu_is_the_systems():
    """CPU time is that of the process and of those that it has waited for"""
    burn = "import time\nwhile time.process_time() < 0.2: pass\n"
    both = burn + f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}])\n"
    with Group() as group:
        _, alone, _ = group.run([sys.executable, "-c", burn])
        _, together, _ = group.run([sys.executable, "-c", both])
    assert 0.2 <= alone < 2 and 0.4 <= together < 4, (alone, together)
    assert abs(group.cpu - alone - together) < 1e-9


@case
def failures_of_commands():
    """A command that fails says why"""
    with Group() as group:
        try:
            group.run(["sh", "-c", "echo because >&2; exit 3"])
        except Failed as reason:
            assert "exit status 3" in str(reason) and "because" in str(reason), reason
        else:
            raise AssertionError("no failure")


@case
def logs_are_read():
    """Rows, final rows and totals of a real log"""
    path = os.path.join(temp_dir(), "log")
    subprocess.run([FLOWCTL, "--embedded", "-q", "-n", "3", "-T", "s=0.5", "-i", "0.1", "-R",
                    "s=800kbit", "-S", "s=1000", f"--log-file={path}"], check=True,
                   stderr=subprocess.DEVNULL)
    log = Log(path)
    same((len(log.rows), len(log.finals), log.of_total("failed")), (30, 6, 0))
    same(sum(log.figures("D", "rx_bytes")) > 0, True)
    same(sum(log.figures("S", "rx_bytes")), 0)
    assert 0.5 <= log.drained < 6, log.drained
    with open(path, encoding="ascii") as lines:
        goodput = re.search(r"goodput = ([\d.]+)", lines.read())[1]
    same(log.of_total("goodput"), float(goodput))


@case
def unknown_claims():
    """A claim that is not there is refused in one sentence that names those that are"""
    done = subprocess.run([sys.executable, os.path.join(BENCH, "run.py"), "nonsense"], text=True,
                          capture_output=True)
    same((done.returncode, done.stdout), (1, ""))
    wanted = r"there is no claim nonsense; there are bulk .*\n"
    assert re.fullmatch(wanted, done.stderr), done.stderr


@case
def all_are_distributed():
    """Every file of bench/ is in the distribution"""
    with open(os.path.join(BENCH, "automake.mk"), encoding="ascii") as file:
        listed = set(re.findall(r"bench/(\w+\.\w+)", file.read()))
    found = {os.path.basename(path) for kind in ("py", "c", "h")
             for path in glob.glob(os.path.join(BENCH, f"*.{kind}"))}
    same(sorted(listed), sorted(found))


main()
