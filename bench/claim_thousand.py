# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand bulk flows between one pair of daemons: prepared, started together, finished. They run
for longer than other claims: until the kernel has opened a thousand receive windows takes most of a
second, which two flows do not need."""
from functools import partial
from statistics import median

from measure import Figure, Pairs, limited, until_connected
from tools import flowrig, iperf_start

FLOWS = 1000
LONG = 10  # seconds
# The daemons listen, and hold connections to the controller.
OTHERS = 8
CONNECTED = Figure(of=lambda run: run.found, unit="s", more=False)


def connected(_):
    """How long it takes from the command until every connection is there, at both ends."""
    return until_connected(FLOWS, OTHERS)


def claims():
    thousand = partial(flowrig, flows=FLOWS, seconds=LONG, meanwhile=connected)
    two, start = partial(flowrig, flows=2, seconds=LONG), partial(iperf_start, flows=FLOWS)
    runs = Pairs(thousand, two, start)
    logs = [run.log for run in runs.mine]
    return [runs.claim("1,000 bulk flows: sum", 0.9, peer=two),
            runs.claim("1,000 bulk flows: until connected", 1 / 3, CONNECTED, start),
            limited("1,000 bulk flows: that moved data",
                    min(sum(n > 0 for n in log.figures("D", "rx_bytes")) for log in logs),
                    "flows", FLOWS, more=True, of="asked"),
            limited("1,000 bulk flows: Jain's index",
                    median(log.of_total("fairness") for log in logs), "", 0.9, more=True),
            limited("1,000 bulk flows: wall time over asked and drain",
                    median(run.wall - run.log.drained for run in runs.mine), "s", 0.5)]
