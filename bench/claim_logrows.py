# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows through the controller: packed reports to files, on one core, by CPU time of all threads."""
import os
import subprocess
import tempfile
from statistics import median

from measure import limited
from tools import BUILD

ROWS = 300000
LOG, JSONL = "log:rows.log", "jsonl:rows.jsonl"
# What the rows have, where they go, and the goal in rows per CPU second.
CASES = (
    ("rows of bulk flows to the log", "bulk", (LOG,), 500000),
    ("rows of bulk flows to jsonl", "bulk", (JSONL,), 250000),
    ("rows of bulk flows to log and jsonl", "bulk", (LOG, JSONL), 200000),
    ("rows with every column to the log", "every", (LOG,), 100000),
)


def one(folder, columns, outputs):
    command = [os.path.join(BUILD, "bench", "logrows"), str(ROWS), columns, *outputs]
    return float(subprocess.run(command, check=True, text=True, capture_output=True,
                                cwd=folder).stdout)


def claims():
    with tempfile.TemporaryDirectory() as folder:
        rates = [[one(folder, columns, outputs) for _, columns, outputs, _ in CASES]
                 for _ in range(5)]
    return [limited(f"{name}, per CPU second", median(rate), "rows/s", goal, more=True)
            for (name, _, _, goal), rate in zip(CASES, zip(*rates))]
