# SPDX-License-Identifier: GPL-3.0-or-later
"""The same work as other tools do: every byte is written from memory and read into memory."""
from functools import partial

from measure import CPU_PER_GIGABYTE, Pairs
from tools import flowrig, iperf, iperf3, nuttcp


def claims():
    peers = [partial(iperf3), partial(iperf)]
    runs = Pairs(partial(flowrig, "--touch-data"), *peers, partial(nuttcp))
    return [*(runs.claim("--touch-data, one flow", 1, peer=peer) for peer in peers),
            runs.claim("--touch-data, one flow: CPU", 1, CPU_PER_GIGABYTE)]
