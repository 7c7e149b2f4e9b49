#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan files: what is refused and where, which runs they make, and what the runs have in common."""
import os
import re
import shlex
import signal
import sqlite3

from flowrig_test import case, expect, flowctl, main, start_flowctl, temp_dir, wait_for

SOURCE = os.environ.get("FLOWRIG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))

SHORT = """\
options: {embedded: true, quiet: true, duration: s=0.2}
sweep:
  product: {rate: [s=16Mbit, s=32Mbit]}
repeat: 2
"""


def plan(text, name="p.yaml"):
    path = os.path.join(temp_dir(), name)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return path


def dry(text, *arguments):
    return expect(flowctl("run", plan(text), "--dry-run", *arguments), 0).out.splitlines()


REFUSED = [
    ("", ": the file is empty"),
    ("- a\n", ":1:1: this item is a list, but a map of keys and values is expected"),
    ("hosts: {a: b\n", r":2:1: not valid YAML: did not find expected ',' or '}', while parsing a flow mapping"),
    ("flow: 1\n", ":1:1: 'flow' is not known here; did you mean 'flows'?"),
    ("zzzzzz: 1\n", ":1:1: 'zzzzzz' is not known here; allowed: hosts, groups, options, flows, sweep, repeat, order, seed"),
    ("repeat: 1\nrepeat: 2\n", ":2:1: 'repeat' is given twice, first in line 1"),
    ("repeat: 0\n", ":1:9: '0' is not a whole number within 1 to 100000"),
    ("repeat: 1_0\n", ":1:9: '1_0' is not a whole number within 1 to 100000"),
    ("order: any\n", ":1:8: order is interleaved, listed or random, not 'any'"),
    ("options:\n  raet: s=1M\n", ":2:3: 'raet' is not known here; did you mean 'rate'?"),
    ("options:\n  flows: 2\n", None),
    ("options:\n  rate: fast\n", ":2:9: option --rate: 'fast' does not say which endpoint it is for: write s= for the source, d= for the "
     "destination, or b= for both"),
    ("options: {embedded: 1}\n", ":1:21: 'embedded' is on or off: write true or false"),
    ("options: {rate: s=1M}\nflows:\n- {count: 2}\n- rate: s=x\n", ":4:9: option --rate: 'x' is not a number"),
    ("options: {duration: s=1}\nflows:\n- rate: s=1M\n- socket-option: s=TCP_NODELAX\n",
     ":4:18: option --socket-option: unknown socket option 'TCP_NODELAX'; did you mean TCP_NODELAY?"),
    ("hosts: {one: 127.0.0.1}\nflows: [{from: onne}]\n", ":2:16: 'onne' is neither in hosts nor in groups; did you mean 'one'?"),
    ("hosts: {a: 127.0.0.1, b: 127.0.0.1, c: 127.0.0.1}\nflows: [{from: [a, b], to: [a, b, c]}]\n",
     ":2:9: 'from' has 2 hosts and 'to' has 3: make them equal, or write pairs: all"),
    ("flows: [{couunt: 2}]\n", ":1:10: 'couunt' is not known here; did you mean 'count'?"),
    ("flows: [{quiet: true}]\n", None),
    ("sweep: {zip: {rate: [s=1M, s=2M], mptcp: [true]}}\n",
     ":1:42: 'mptcp' has 1 values, but 'rate' has 2: a zip needs as many of each"),
    ("sweep: {product: {rate: [s=1M, s=1x]}}\n", None),
    ("a: &x 1\n", ":1:4: anchors are not supported"),
    ("a: *x\n", ":1:4: aliases are not supported"),
    ("a: !!int 1\n", ":1:4: tags are not supported"),
    ("<<: {a: 1}\n", ":1:1: merge keys are not supported"),
    ("? [a]\n: 1\n", ":1:3: a key must be a plain text"),
    ("%YAML 1.1\n---\na: 1\n", ":1:1: directives (%) are not supported"),
    ("seed: 1\n---\nseed: 2\n", ":2:1: only one document is allowed in a file"),
    ("a: " + "[" * 17 + "]" * 17 + "\n", ":1:19: lists and maps are nested more than 16 deep"),
    ("a: [" + "1," * 100000 + "]\n", None),
    ("a: " + "x" * (1 << 20) + "\n", " is larger than 1048576 bytes"),
    ("a: \"x\\ny\"\n", ":1:4: a text has a control character or more than one line"),
    (b"a: \xff\n", None),
    ("repeat: 2\noptions: {log-file: x.log}\n", ": all runs would write the log x.log; log-file: true names one for each"),
    ("repeat: 2\noptions: {output: 'csv:x.csv'}\n", ": all runs would write x.csv; for several runs use a database, such as sqlite:FILE"),
    ("repeat: 100000\nsweep: {product: {rate: [s=1M, s=2M]}}\n", ": the plan has 200000 runs; at most 100000 are allowed"),
]


@case
def refusals():
    """What is wrong is refused in one line that names file, line and column"""
    for text, sentence in REFUSED:
        path = plan(text)
        result = expect(flowctl("run", path), 1)
        assert result.out == "" and result.err.count("\n") == 1, (text[:80], result.err)
        assert result.err.startswith((f"flowctl: {path}:", f"flowctl: {path} is")), (text[:80], result.err)
        if sentence is not None:
            assert result.err == f"flowctl: {path}{sentence}\n", (text[:80], result.err)
    assert "No such file" in expect(flowctl("run", "/nonexistent/p.yaml"), 1).err


@case
def sweeps():
    """A product and a zip make the cells that they say; each is the command line that it stands for"""
    lines = dry("sweep:\n  product: {rate: [s=1M, s=2M], mptcp: [false, true]}\n  zip: {block-size: [s=1k, s=2k, s=3k], delay: [s=1, s=2, s=3]}\n"
                "repeat: 2\norder: listed\n")
    assert lines[:4] == ["cells: 12", "repeats: 2", "runs: 24", "order: listed"], lines
    cells = [re.fullmatch(r"cell (\d+), (.*): flowctl (.*)", line).groups() for line in lines[4:16]]
    expected = [f"rate=s={rate}M mptcp={mptcp} block-size=s={size}k delay=s={size}"
                for rate in (1, 2) for mptcp in ("false", "true") for size in (1, 2, 3)]
    assert [cell[1] for cell in cells] == expected, cells
    for _, label, words in cells:
        values = [f"--{word}" for word in label.split() if not word.startswith("mptcp")]
        values += ["--mptcp"] if "mptcp=true" in label else []
        assert set(shlex.split(words)) == {f"--title={label}", *values}, words
        expect(flowctl(*shlex.split(words), "--dry-run"), 0)
    assert lines[16] == "sequence: " + " ".join(f"{cell} {cell}" for cell in range(1, 13)), lines[16]


@case
def orders():
    """Interleaved runs every cell before the next repeat; random shuffles each repeat by the seed"""
    text = "sweep: {product: {rate: [" + ", ".join(f"s={n}M" for n in range(1, 9)) + "]}}\nrepeat: 3\n"

    def sequence(more):
        return [int(word) for word in dry(text + more)[-1].split()[1:]]

    assert sequence("") == list(range(1, 9)) * 3
    first, again, other = sequence("order: random\n"), sequence("order: random\nseed: 1\n"), sequence("order: random\nseed: 2\n")
    assert first == again != other
    blocks = [first[i:i + 8] for i in (0, 8, 16)]
    assert all(sorted(block) == list(range(1, 9)) for block in blocks) and blocks[0] != blocks[1]


@case
def hosts_and_groups():
    """Flows are numbered in order, between the hosts that groups and pairs make"""
    hosts = "hosts: {a: 127.0.0.1, b: 127.0.0.2, c: '127.0.0.3/127.0.0.4:6000'}\ngroups: {two: [a, b]}\n"
    for flows, expected in (
            ("{from: two, to: c}", ["1>3", "2>3"]),
            ("{from: two, to: [b, c], pairs: all}", ["1>2", "1>3", "2>2", "2>3"]),
            ("{from: a, to: two, count: 2}", ["1>1", "1>1", "1>2", "1>2"])):
        line = dry(hosts + f"flows: [{flows}]\n")[4]
        words = shlex.split(line.split(": flowctl ")[1])
        shown = expect(flowctl(*words, "--dry-run"), 0).out
        found = re.findall(r"^flow \d+: s.host=127.0.0.(\d) .* d.host=127.0.0.(\d) d.daemon=(\S+)", shown, re.M)
        assert [f"{s}>{d}" for s, d, _ in found] == expected, shown
        assert all(daemon == "127.0.0.4:6000" for _, d, daemon in found if d == "3"), found


@case
def runs():
    """Every run is carried out; the table has mean, median and Student's interval of the database's"""
    database = os.path.join(temp_dir(), "runs.db")
    result = expect(flowctl("run", plan(SHORT), "--output", f"sqlite:{database}", env={**os.environ, "COLUMNS": "100"}), 0)
    progress = re.findall(r"^flowctl: run (\d) of 4: (rate=s=\d+Mbit)$", result.err, re.M)
    assert progress == [(str(n + 1), f"rate=s={(16, 32)[n % 2]}Mbit") for n in range(4)], result.err
    lines = result.out.splitlines()
    assert re.fullmatch(r"cell +runs +goodput +median +95 % interval.*", lines[1]), lines
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT title, goodput FROM run ORDER BY id").fetchall()
    assert [title for title, _ in rows] == [label for _, label in progress], rows
    for line, label in zip(lines[2:], ("rate=s=16Mbit", "rate=s=32Mbit")):
        one, other = (goodput / 1e6 for title, goodput in rows if title == label)
        mean, half = (one + other) / 2, 12.7062047 * abs(one - other) / 2  # t(0.975, 1) * s / sqrt(2)
        found = [float(value) for value in re.findall(r"(-?[\d.]+) Mbit/s", line)]
        assert re.match(rf"{label} +2 ", line) and len(found) >= 4, line
        for value, right in zip(found, (mean, mean, mean - half, mean + half)):
            assert abs(value - right) <= 0.006 * max(1, abs(right)), (line, one, other)
    expect(flowctl("compare", database, "title=rate=s=16Mbit", "title=rate=s=32Mbit"), 0)


@case
def failures():
    """A run that fails is recorded, the others are carried out, and the status says partial"""
    result = expect(flowctl("run", plan(SHORT.replace("rate: [s=16Mbit, s=32Mbit]", "socket-option: [s=TCP_CONGESTION=none, s=TCP_CONGESTION=cubic]"))), 2)
    assert len(re.findall(r"run \d of 4 failed \(status \d\): socket-option=s=TCP_CONGESTION=none$", result.err, re.M)) == 2, result.err
    lines = result.out.splitlines()
    assert re.match(r"socket-option=s=TCP_CONGESTION=none +2 \(2 failed\) +- +- +-", lines[2]), lines
    assert re.match(r"socket-option=s=TCP_CONGESTION=cubic +2 +[\d.]+ .bit/s", lines[3]), lines


@case
def interruption():
    """SIGINT ends the run that is going on, and the plan; what was measured is shown"""
    process = start_flowctl("run", plan(SHORT.replace("0.2", "1").replace("repeat: 2", "repeat: 50")))
    wait_for(lambda: "run 2 of 100" in process.err, what="the second run")
    process.signal(signal.SIGINT)
    assert process.wait() == 130, process.err
    assert "the plan was interrupted after 1 of 100 runs" in process.err, process.err
    assert re.search(r"^rate=s=16Mbit +1 +[\d.]+ .bit/s", process.out, re.M), process.out


@case
def examples():
    """The plans of contrib/plans are valid, and their runs can be carried out"""
    directory = os.path.join(SOURCE, "contrib", "plans")
    for name, cells, repeats in (("algorithms.yaml", 6, 5), ("requests.yaml", 2, 3)):
        path = os.path.join(directory, name)
        lines = expect(flowctl("run", path, "--dry-run"), 0).out.splitlines()
        assert lines[:2] == [f"cells: {cells}", f"repeats: {repeats}"], lines
        with open(path, encoding="utf-8") as file:
            text = file.read().replace("s=10\n", "s=0.2\n").replace(f"repeat: {repeats}", "repeat: 1")
        result = expect(flowctl("run", plan(text, name), "--embedded", "-q"), 0)
        assert len(re.findall(r"^\S+=\S+.* 1 +[\d.]+ .bit/s", result.out, re.M)) == cells, result.out


main()
