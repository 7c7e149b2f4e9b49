# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows through the controller: packed reports to the flow log, every column, on one core."""
import os
import subprocess
import tempfile

from measure import BUILD, Claim

ROWS, GOAL = 500000, 100000


def claims():
    with tempfile.TemporaryDirectory() as folder:
        rates = sorted(float(subprocess.run([os.path.join(BUILD, "bench", "logrows"), str(ROWS),
                                             os.path.join(folder, "rows.log")], check=True, text=True,
                                            capture_output=True).stdout) for _ in range(5))
    rate = rates[2]
    return [Claim("rows to the log, per CPU second", f"{rate:.0f}", "goal", str(GOAL),
                  f"{rate / GOAL:.2f}", ">= 1", rate >= GOAL)]
