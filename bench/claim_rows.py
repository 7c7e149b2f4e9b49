# SPDX-License-Identifier: GPL-3.0-or-later
"""Interval reports at a millisecond: every row that was asked for is in the log."""
from measure import Claim, flowrig

FLOWS, SECONDS = 10, 3.0


def claims():
    run = flowrig("-R", "s=1M", "-S", "s=1000", flows=FLOWS, seconds=SECONDS, interval=0.001)
    rows = sum(line[:2] in ("S ", "D ") for line in run.more["log"].splitlines())
    asked = int(2 * FLOWS * SECONDS * 1000)
    return [Claim("rows at 1 ms, 10 flows", str(rows), "asked", str(asked), f"{rows / asked:.4f}",
                  "== 1", rows == asked)]
