# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows through the controller: packed reports to the flow log, every column, on one core."""
import os
import subprocess
import tempfile
from statistics import median

from measure import limited
from tools import BUILD

ROWS, GOAL = 500000, 100000


def one(folder):
    command = [os.path.join(BUILD, "bench", "logrows"), str(ROWS), os.path.join(folder, "rows.log")]
    return float(subprocess.run(command, check=True, text=True, capture_output=True).stdout)


def claims():
    with tempfile.TemporaryDirectory() as folder:
        rate = median(one(folder) for _ in range(5))
    return [limited("rows to the log, per CPU second", rate, "rows/s", GOAL, more=True)]
