# SPDX-License-Identifier: GPL-3.0-or-later
"""Two bulk flows over loopback: against peers, and against what the machine can do with the ends
placed on CPUs in the same way."""
from functools import partial

from measure import Pairs, best_of
from tools import flowrig, iperf, iperf3, limit, nuttcp


def claims():
    peers = [partial(tool, flows=2) for tool in (iperf3, iperf, nuttcp)]
    found = [Pairs(partial(flowrig, flows=2), *peers).claim("bulk, two flows", 1.8)]
    apart = partial(flowrig, "--cpu", "s=0,d=1", flows=2)
    together = partial(flowrig, "--cpu", "b=0", "-F", "1", "--cpu", "b=1", flows=2)
    ours = best_of([apart, together])
    most = best_of([partial(limit, "apart"), partial(limit, "together")])
    placed = "apart" if ours is apart else "together"
    return found + [Pairs(ours, most).claim(f"bulk, two flows, placed {placed}", 0.9)]
