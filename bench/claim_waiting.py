# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs to wait: a hundred slow flows, both ends and the controller together."""
from measure import compare, flowrig, iperf3

FLOWS, SECONDS, SIZE = 100, 10.0, 1000


def ours():
    return flowrig("-R", "s=100kbit", "-S", f"s={SIZE}", flows=FLOWS, seconds=SECONDS, interval=1)


def theirs():
    return iperf3("-b", "100000", "-l", SIZE, "-i", 1, flows=FLOWS, seconds=SECONDS)


def claims():
    return compare("CPU of 100 flows at 100 kbit/s", ours, {"iperf3 -P 100": theirs},
                   {"iperf3 -P 100": 1.0}, figure=lambda run: run.cpu, unit="s",
                   more_is_better=False, pairs=3)
