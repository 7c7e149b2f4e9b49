# SPDX-License-Identifier: GPL-3.0-or-later
"""Bulk transfer over loopback, default options: goodput, and CPU seconds for a gigabyte, both ends
and the controller together."""
from functools import partial

from measure import CPU_PER_GIGABYTE, Pairs, best_of
from tools import flowgrind, flowrig, iperf, iperf3, nuttcp


def claims():
    plain = partial(iperf3)
    sending_files = best_of([partial(iperf3, "-Z", "-l", length)
                             for length in ("128K", "256K", "512K", "1M")])
    threaded, classic = best_of([partial(iperf), partial(iperf, "-l", "1M")]), partial(flowgrind)
    single = best_of([partial(nuttcp), partial(nuttcp, "-l128K"), partial(nuttcp, "-l1M")])
    runs = Pairs(partial(flowrig), plain, sending_files, threaded, classic, single)
    name = "bulk, one flow"
    return [runs.claim(name, 1.5, peer=plain), runs.claim(name, 1, peer=sending_files),
            runs.claim(name, 7, peer=classic), runs.claim(name, 1, peer=threaded),
            runs.claim(name, 1, peer=single),
            runs.claim("bulk, one flow: CPU", 0.5, CPU_PER_GIGABYTE, plain)]
