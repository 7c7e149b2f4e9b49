# SPDX-License-Identifier: GPL-3.0-or-later
"""Message mode: every block with a header, its round trip measured. With -P as many blocks in a
turn as the socket takes. iperf sends blocks of that size without headers or round trips."""
from functools import partial

from measure import Pairs
from tools import flowgrind, flowrig, iperf


def one(size, pushy, goal):
    options = [*pushy, "-A", "s", "-S", f"s={size}"]
    blocks, classic = partial(iperf, "-l", str(size)), partial(flowgrind, *options)
    runs = Pairs(partial(flowrig, *options), blocks, classic)
    name = " ".join([f"blocks of {size // 1024} KiB with RTT", *pushy[:1]])
    return [runs.claim(name, 1, peer=blocks), runs.claim(name, goal, peer=classic)]


def claims():
    return [claim for size, goal in ((8192, 3), (131072, 1)) for pushy in ([], ["-P", "s"])
            for claim in one(size, pushy, goal)]
