# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and responses of 64 bytes in a closed loop: as many per second as there can be."""
import re
from functools import partial

from measure import Figure, Pairs
from tools import flowrig, sockperf

TRANSACTIONS = Figure(of=lambda run: run.transactions, unit="1/s", more=True)
P50 = Figure(of=lambda run: run.p50, unit="us", more=False)
P99 = Figure(of=lambda run: run.p99, unit="us", more=False)


def loops(flows=1):
    run = flowrig("-S", "s=64", "-A", "s", "--in-flight", "s=1", flows=flows)
    run.transactions = sum(run.log.figures("S", "rx_responses")) / run.seconds
    first = run.log.finals["S", 0]
    run.p50, run.p99 = (int(re.search(rf" rtt_{p}=(\d+)", first)[1]) / 1e3 for p in ("p50", "p99"))
    return run


def claims():
    runs = Pairs(partial(loops), partial(sockperf))
    hundred = Pairs(partial(loops, flows=100), partial(loops))
    return [runs.claim("transactions, one flow", 1, TRANSACTIONS),
            runs.claim("round trip, p50", 1, P50), runs.claim("round trip, p99", 1, P99),
            hundred.claim("transactions, 100 flows", 10, TRANSACTIONS)]
