#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flowctl runs, show and compare: what a database of runs says."""
import json
import os
import re
import sqlite3

from flowrig_test import case, expect, flowctl, main, shared, temp_dir


class Database:
    """Two slow runs, two fast ones, and a log and records of the last."""

    def __init__(self):
        directory = temp_dir()
        self.path, self.log, self.jsonl = (os.path.join(directory, name) for name in ("lab.db", "r.log", "r.jsonl"))
        for title, rate in (("slow", 4), ("slow", 4), ("fast", 8), ("fast", 8)):
            expect(flowctl("--embedded", "-n", 2, "-T", "s=0.4", "-i", "0.1", "-q", "-o", "-R", f"s={rate}Mbit", "-S", "s=1000", "--title", title,
                           f"--log-file={self.log}", "--output", f"jsonl:{self.jsonl}", "--output", f"sqlite:{self.path}"), 0)


database = shared(Database)


def made(goodputs, name="made.db"):
    """A database with a run for each of these goodputs, in Mbit/s, as flowrig writes one."""
    path = os.path.join(temp_dir(), name)
    with open(database().path, "rb") as source, open(path, "wb") as file:
        file.write(source.read())
    connection = sqlite3.connect(path)
    for table in ("run", "row"):
        connection.execute(f"DELETE FROM {table}")
    for number, goodput in enumerate(goodputs, 1):
        direction = {"sender": "source", "goodput_bits_per_second": goodput * 1e6, "sent_bytes": 1000, "retransmitted_bytes": 0, "min_rtt_seconds": 0.02}
        total = {"flows": 1, "failed": 0, "goodput_bits_per_second": goodput * 1e6}
        summary = {"type": "end", "complete": True, "status": 0, "total": total, "flows": [{"flow": 0, "directions": [direction]}]}
        connection.execute("INSERT INTO run(id, uuid, start, title, flows, status, complete, goodput, summary) VALUES (?, ?, ?, ?, 1, 0, 1, ?, ?)",
                           (number, f"{number:032x}", f"2026-01-0{number}T10:00:00.000000000Z", "t", goodput * 1e6, json.dumps(summary)))
    connection.commit()
    connection.close()
    return path


def out(*arguments, width=80):
    result = expect(flowctl(*arguments, env={**os.environ, "COLUMNS": str(width)}), 0)
    assert result.err == "", result.err
    return result.out


@case
def lists():
    """runs lists every run, as a table that fits and as JSON"""
    lines = out("runs", database().path).splitlines()
    assert re.fullmatch(r"run  start \(UTC\) +title +flows +goodput +retransmitted +status", lines[0]), lines
    for number, line in enumerate(lines[1:5], 1):
        title = "slow" if number < 3 else "fast"
        assert re.fullmatch(rf" +{number}  \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  {title} +2 +[\d.]+ [kM]bit/s +\S+ % +complete", line), line
    assert lines[5:] == ["(a wider terminal also shows: identifier)"] and max(map(len, lines)) <= 80, lines
    records = [json.loads(line) for line in out("runs", "--json", database().path).splitlines()]
    assert [(r["number"], r["title"], r["flows"], r["status"]) for r in records] == \
        [(1, "slow", 2, 0), (2, "slow", 2, 0), (3, "fast", 2, 0), (4, "fast", 2, 0)], records
    assert len({r["run"] for r in records}) == 4
    for record in records:
        about = json.loads(out("show", "--json", f"{database().path}:{record['number']}"))
        assert record["goodput_bits_per_second"] == about["end"]["total"]["goodput_bits_per_second"] > 0, record


@case
def shows():
    """show says the same of a run whichever file it is read from"""
    path = database().path
    texts = [out("show", file) for file in (database().jsonl, path, f"{path}:4")]
    assert texts[0] == texts[1] == texts[2], texts
    assert re.search(r"^title       fast\nrun         [0-9a-f]{32}\nstart       .*\n.*\n.*\nstatus      complete\n\nflow  from ", texts[0]), texts[0]
    assert re.search(r"^   1  localhost  localhost +[\d.]+ [kM]bit/s +\S+ % +[\w ()]+ \d+ %$", texts[0], re.M), texts[0]
    of_log = out("show", database().log)
    assert re.search(r"^   1  localhost  localhost +[\d.]+ [kM]bit/s", of_log, re.M), of_log
    figures = [re.findall(r"([\d.]+ [kM]bit/s)", text) for text in (texts[0], of_log)]
    assert figures[0] == figures[1] and len(figures[0]) == 3, figures
    about = json.loads(out("show", "--json", f"{path}:2"))
    assert about["run"]["title"] == "slow" and len(about["flows"]) == 2 and about["end"]["complete"] is True
    assert out("show", f"{path}:{about['run']['run'][:9]}") == out("show", f"{path}:2")


TABLE = """\
A: 1-3 (3 runs)
B: 4,5,6 (3 runs)
Means of the runs; B less A, relative to A.

                          A             B  difference     95 % interval  rank test
goodput        100.0 Mbit/s  95.00 Mbit/s     -5.00 %  -7.27 to -2.73 %  p = 0.100
retransmitted           0 %           0 %         0 %        0 % to 0 %  p = 1.000
min_rtt            20.00 ms      20.00 ms     +0.00 %  +0.00 to +0.00 %  p = 1.000
(a wider terminal also shows: samples)
"""


@case
def compares():
    """compare gives the difference, its interval by Welch and Satterthwaite, and the exact rank test"""
    path = made([100, 101, 99, 95, 94, 96])
    # Standard error sqrt(1/3 + 1/3), 4 degrees of freedom, t = 2.776445: half an interval of 2.267. The lowest three of
    # six ranks: two of twenty arrangements are as far out.
    text = out("compare", path, "1-3", "4,5,6", width=84)
    assert text == TABLE, text
    narrow = out("compare", path, "1-3", "4,5,6", width=80)
    assert all(len(line) <= 80 for line in narrow.splitlines()), narrow
    whole = json.loads(out("compare", "--json", path, "1-3", "4-6"))
    goodput = whole["figures"]["goodput"]
    assert whole["sample"] == "run" and goodput["a"]["samples"] == 3 and goodput["b"]["mean"] == 95e6, whole
    assert abs(goodput["interval_low"] + 7.26696e6) < 10 and abs(goodput["relative_difference"] + 0.05) < 1e-12
    assert abs(goodput["p"] - 0.1) < 1e-12 and goodput["u"] == 0
    single = json.loads(out("compare", "--json", path, "1", "4"))["figures"]["goodput"]
    assert "p" not in single and "interval_low" not in single and single["difference"] == -5e6, single


@case
def compares_real_runs():
    """Groups by title, and the flows of one run each"""
    path = database().path
    whole = json.loads(out("compare", "--json", path, "title=slow", "title=fast"))
    rates = [json.loads(line)["goodput_bits_per_second"] for line in out("runs", "--json", path).splitlines()]
    slow, fast = (rates[0] + rates[1]) / 2, (rates[2] + rates[3]) / 2
    assert abs(whole["figures"]["goodput"]["relative_difference"] - (fast - slow) / slow) < 1e-9, whole
    # Of six arrangements of two and two ranks, U is 0 or 4 in one each, 1 or 3 in one each, 2 in two.
    assert min(abs(whole["figures"]["goodput"]["p"] - part / 3) for part in (1, 2, 3)) < 1e-9, whole
    assert whole["figures"]["rtt"]["a"]["mean"] > 0, whole
    text = out("compare", path, "1", "3")
    assert "Means of the flows of one run each" in text and "they are not independent samples" in text, text


@case
def gates():
    """--fail-if: exit status 4 if a condition holds, 2 if it can't be judged, and a sentence for each"""
    path = made([100, 100, 94, 94])

    def gate(status, sentence, *conditions, groups=("1,2", "3-4")):
        result = expect(flowctl("compare", path, *groups, *(f"--fail-if={c}" for c in conditions)), status)
        assert result.err == (f"flowctl: compare: {sentence}\n" if sentence else ""), result.err
        assert result.out.startswith("A: "), result.out
    gate(4, "'goodput < -5%' holds: the difference is -6.00 %", "goodput < -5%")
    gate(4, "'goodput<-5%' holds: the difference is -6.00 %", "goodput<-5%", "min_rtt > 1%")
    gate(0, "", "goodput < -7%", "goodput > 1%", "retransmitted > 0%")
    gate(4, "'goodput > 6%' holds: the difference is +6.38 %", "goodput > 6%", groups=("3-4", "1-2"))
    gate(2, "'lost > 1%' can't be judged: the runs lack the figure", "lost > 1%")


@case
def refusals():
    """One sentence for what is no database, no run, no condition"""
    path = database().path

    def refuses(sentence, *arguments):
        result = expect(flowctl(*arguments), 1)
        assert result.out == "" and result.err == f"flowctl: {sentence}\n", result.err
    log = database().log
    refuses("runs: the database /nonexistent can't be opened: unable to open database file", "runs", "/nonexistent")
    refuses(f"runs: {log} is not a flowrig database", "runs", log)
    refuses("compare: the database has no run '9'", "compare", path, "1", "9")
    refuses("compare: the database has no run with the title 'x'", "compare", path, "1", "title=x")
    refuses("compare: option --fail-if: 'goodput' is not a condition such as 'goodput < -5%'", "compare", "--fail-if=goodput", path, "1", "2")
    refuses("compare: option --fail-if: 'speed' is not a figure; expected one of: goodput, retransmitted, rtt, min_rtt, lost, jitter, fairness",
            "compare", "--fail-if", "speed < 1%", path, "1", "2")
    refuses("show: /nonexistent: No such file or directory", "show", "/nonexistent")


main()
