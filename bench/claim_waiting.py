# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs to wait: a daemon without work, flows that have not begun, and slow flows."""
import tempfile
import time
from functools import partial

from measure import CPU, Group, LOOPBACK, Pairs, cpu_so_far, limited
from tools import flowrig, iperf3, start_daemons

FLOWS, SECONDS, SIZE = 100, 10.0, 1000
# Of one core; less than this cannot be told from nothing.
NOTHING = 0.1


def share(processes, settle=1.0, seconds=5.0):
    """How much of a core the processes use together, in per cent."""
    time.sleep(settle)
    before, began = sum(map(cpu_so_far, processes)), time.monotonic()
    time.sleep(seconds)
    return 100 * (sum(map(cpu_so_far, processes)) - before) / (time.monotonic() - began)


def idle():
    with Group() as group, tempfile.TemporaryDirectory() as folder:
        return share([daemon for daemon, _ in start_daemons(group, folder, LOOPBACK)])


def waiting(flows):
    """They are connected, and are to send when the measurement is over. Whatever their number,
    the controller goes on comparing clocks."""
    return flowrig("-Y", "s=9", flows=flows, seconds=1.0, interval=20,
                   meanwhile=lambda daemons: share(daemons, settle=3.0)).found


def claims():
    slow = partial(flowrig, "-R", "s=100kbit", "-S", f"s={SIZE}", flows=FLOWS, seconds=SECONDS)
    peer = partial(iperf3, "-b", "100000", "-l", SIZE, "-i", 1, flows=FLOWS, seconds=SECONDS)
    alone = waiting(1)
    more = waiting(1000) - alone
    print(f"  one flow that waits, and its controller's calls: {alone:.3f} % of a core", flush=True)
    return [limited("two idle daemons", idle(), "% of a core", NOTHING),
            limited("1,000 flows that wait, over one", more, "% of a core", NOTHING),
            Pairs(slow, peer, pairs=3).claim("100 flows at 100 kbit/s", 1, CPU)]
