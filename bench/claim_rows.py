# SPDX-License-Identifier: GPL-3.0-or-later
"""Interval reports: every row that was asked for is in the log, taken when it was due."""
from functools import partial
from statistics import median

from measure import Figure, Pairs, limited
from tools import flowrig, sleeper

SECONDS = 3.0


def errors(run, interval):
    """How late each row was taken after its deadline, in seconds, sorted; the last row of an
    endpoint ends with its flow."""
    numbers, late = {}, []
    for end, flow, _, until in run.log.rows:
        number = numbers[end, flow] = numbers.get((end, flow), 0) + 1
        late.append(until - number * interval)
    return sorted(late)


def p99(values):
    return values[len(values) * 99 // 100]


def timed(*options, **keywords):
    run = flowrig(*options, **keywords)
    run.errors = errors(run, keywords["interval"])
    return run


def claims():
    fast = partial(timed, "-R", "s=1M", "-S", "s=1000", flows=10, seconds=SECONDS, interval=0.001)
    runs = Pairs(fast, partial(sleeper, seconds=SECONDS))
    skipped = sum(sum(run.log.figures(end, "rows_skipped")) for run in runs.mine for end in "SD")
    if skipped:
        print(f"  {skipped} rows were skipped: flowd stood still for more than 1,000 intervals",
              flush=True)
    asked = 2 * 10 * SECONDS / 0.001
    found = [limited("rows at 1 ms, 10 flows", min(len(run.log.rows) for run in runs.mine), "rows",
                     asked, more=True, of="asked"),
             runs.claim("rows at 1 ms: p99 of how late", 1.5,
                        Figure(of=lambda run: 1e6 * p99(run.errors), unit="us", more=False)),
             limited("rows at 1 ms: flowctl's CPU",
                     100 * median(run.controller_cpu / SECONDS for run in runs.mine), "% of a core",
                     25)]
    many = flowrig("-R", "s=1M", "-S", "s=1000", flows=1000, seconds=SECONDS, interval=0.05)
    return found + [limited("rows at 50 ms, 1,000 flows", len(many.log.rows), "rows",
                            2 * 1000 * SECONDS / 0.05, more=True, of="asked")]
