# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams over loopback: one flow as fast as it goes, in trains and one by one, against a loop of
nothing but the calls (udplimit.c) and iperf3; and one at 10,000 datagrams per second, against a loop
that sleeps."""
from functools import partial
from statistics import median

from measure import PAIRS, Pairs, limited
from tools import flowrig, iperf3, sleeper, udplimit

FREE = ("--udp", "-R", "s=0", "--late", 0.5, "--no-breaker", "-W", "d=8388608")


def share_lost(run):
    """Of what the source sent."""
    sent, got = sum(run.log.figures("S", "datagrams_sent")), sum(
        run.log.figures("D", "datagrams_distinct"))
    return 1 - got / sent


def fast():
    found = []
    mine, probe = partial(flowrig, *FREE, "-S", "s=1472"), partial(udplimit, "trains", 1472)
    peer = partial(iperf3, "-u", "-b", 0, "-l", 1472)
    runs = Pairs(mine, probe, peer)
    found += [runs.claim("datagrams of 1472 B in trains", 0.9, peer=probe),
              runs.claim("datagrams of 1472 B in trains", 1.3, peer=peer)]
    print(f"  lost: {median(map(share_lost, runs.mine)):.4%}", flush=True)
    for size in 64, 1472:
        mine = partial(flowrig, *FREE, "--gso", "off", "-S", f"s={size}")
        probe = partial(udplimit, "batches", size)
        found.append(Pairs(mine, probe).claim(f"datagrams of {size} B, no trains", 0.9, peer=probe))
    return found


def paced():
    """10,000 datagrams per second: how many were sent, and how late."""
    rates, late, slept = [], [], []
    for _ in range(PAIRS):
        run = flowrig("--udp", "-S", "s=1000", "-R", "s=80Mbit")
        time_, = run.log.figures("S", "tx_time")
        rates.append(1e9 * run.log.figures("S", "datagrams_sent")[0] / time_)
        late.append(run.log.figures("S", "lateness_p99")[0] / 1e3)
        errors = sleeper().errors
        slept.append(1e6 * errors[int(0.99 * len(errors))])
    return [limited("10,000 datagrams/s: rate off by", abs(median(rates) / 1e4 - 1) * 100, "%", 0.1),
            limited("10,000 datagrams/s: lateness p99", median(late), "us", 1.5 * median(slept),
                    of="1.5 x sleeper")]


def claims():
    return fast() + paced()
