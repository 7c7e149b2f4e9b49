# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand flows of one block of 1 kB per 100 ms between one pair of daemons."""
import time

from measure import kernel_memory, limited, memory_of, tcp_sockets, wait_until
from tools import flowrig

FLOWS, SECONDS, BLOCKS, SIZE = 10000, 10.0, 10, 1000


def grown(daemons):
    """Bytes that the daemons and the kernel's objects have grown by in the middle of the run."""
    before = sum(map(memory_of, daemons)), kernel_memory()
    wait_until(lambda: tcp_sockets() >= 2 * FLOWS, "the flows are not connected")
    time.sleep(SECONDS / 2)
    return sum(map(memory_of, daemons)) - before[0], kernel_memory() - before[1]


def claims():
    name = "10,000 flows"
    run = flowrig("-R", f"s={8 * BLOCKS * SIZE}bit", "-S", f"s={SIZE}", flows=FLOWS,
                  seconds=SECONDS, meanwhile=grown)
    asked = BLOCKS * SIZE * SECONDS
    bytes_seen = run.log.figures("S", "tx_bytes") + run.log.figures("D", "rx_bytes")
    off = max(abs(n / asked - 1) for n in bytes_seen)
    rows = 2 * FLOWS * SECONDS
    per_endpoint = run.found[0] / (2 * FLOWS) / 1024
    print(f"  started after {run.started:.2f} s, drained {run.log.drained - SECONDS:.3f} s after "
          f"the end, wall time {run.wall:.2f} s, {run.cpu:.2f} s of CPU; the kernel's objects "
          f"take {run.found[1] / (2 * FLOWS) / 1024:.1f} KiB for each endpoint, and with reports "
          f"that wait user memory was at most {run.memory / (2 * FLOWS) / 1024:.1f}", flush=True)
    return [limited(f"{name}: established", FLOWS - run.log.of_total("failed"), "flows", FLOWS,
                    more=True, of="asked"),
            limited(f"{name}: worst rate, both ends", 100 * off, "% off", 1),
            limited(f"{name}: rows at 1 s", len(run.log.rows), "rows", rows, more=True,
                    of="asked"),
            limited(f"{name}: user memory of an endpoint", per_endpoint, "KiB", 16)]
