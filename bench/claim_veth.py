# SPDX-License-Identifier: GPL-3.0-or-later
"""Bulk transfer between two network namespaces, with real packet sizes."""
from functools import partial

from measure import CPU_PER_GIGABYTE, Pairs, Veth, best_of
from tools import flowrig, iperf, iperf3, nuttcp


def claims():
    found = []
    for mtu in 1500, 9000:
        with Veth(mtu) as path:
            files = best_of([partial(iperf3, "-Z", "-l", length, path=path)
                             for length in ("128K", "1M")])
            peers = [partial(tool, path=path) for tool in (iperf3, iperf, nuttcp)]
            runs = Pairs(partial(flowrig, path=path), files, *peers)
            found += [runs.claim(f"veth, MTU {mtu}", 1),
                      runs.claim(f"veth, MTU {mtu}: CPU", 1, CPU_PER_GIGABYTE)]
    return found
