#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traces over the loopback interface: who can have them, what bounds them, and how they are read."""
import csv
import io
import json
import os
import re
import struct
import subprocess
import sys

from flowrig_test import (Daemon, Skip, case, expect, flowctl, hosts, main, need_program,
                          need_root, run_logged, shared, temp_dir, wait_for)

SOURCE = os.environ.get("FLOWRIG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
SHORT = ("-T", "s=0.3", "-R", "s=20Mbit", "-i", "0.1")


def check_permitted(result):
    """Skips where the machine can't trace at all."""
    found = re.search(r"flows can't be traced there: .*", result.err)
    if found:
        raise Skip(found[0])


def traced(*options, daemon=(), status=0):
    """A run over a daemon that traces; the result, and the files by the letter of the endpoint."""
    need_root()
    folder = temp_dir()
    one = Daemon("-w", folder, "--trace", *daemon)
    result = flowctl("-H", hosts(one), *(options if "-T" in options else SHORT + options))
    check_permitted(result)
    expect(result, status)
    paths = {name.split("-")[3].upper(): os.path.join(folder, name)
             for name in os.listdir(folder) if name.endswith(".flowtrace")}
    return result, paths, one


def read(path):
    """The header and the events, as tuples."""
    with open(path, "rb") as file:
        header = json.loads(file.readline())
        return header, list(struct.iter_unpack(header["format"], file.read()))


def shown(result, end):
    """(events, lost) of the summary."""
    line = next(line for line in result.out.splitlines() if re.match(rf"# ID +0 {end}:", line))
    found = re.search(r"trace = \S+ \((\d+) events, (\d+) lost\)", line)
    assert found, line
    return int(found[1]), int(found[2])


@shared
def whole():
    return traced("--trace", "s", "--trace", "d")


def refused(result, sentence):
    expect(result, 2)
    assert sentence in result.err and not result.rows, result.err


def open_dir():
    """A directory that any user can write to."""
    folder = temp_dir()
    os.chmod(folder, 0o777)
    return folder


@case
def needs_the_option():
    """A daemon without --trace, or without a directory, refuses the run"""
    for options in ((), ("-w", temp_dir())):
        refused(flowctl("-H", hosts(Daemon(*options)), *SHORT, "--trace", "s"),
                "this flowd does not trace flows (its options --trace and -w, --dump-dir)")


@case
def needs_capabilities():
    """Without CAP_BPF and CAP_PERFMON a sentence names them before the run; they suffice"""
    need_root()
    need_program("setpriv")
    whole()  # else it can't trace anyway
    folder = open_dir()

    def lacking(*capabilities):
        kept = ",".join(["-all", *(f"+{name}" for name in capabilities)])
        one = Daemon("-w", folder, "--trace",
                     wrap=("setpriv", f"--bounding-set={kept}", "--inh-caps=-all"))
        return flowctl("-H", hosts(one), *SHORT, "--trace", "s")
    refused(lacking("dac_override"), "flowd lacks the capabilities CAP_BPF and CAP_PERFMON")
    expect(lacking("bpf", "perfmon", "dac_override"))
    # So does what is left after a change of the user.
    one = Daemon("-w", folder, "--trace", "--user", "nobody")
    expect(flowctl("-H", hosts(one), *SHORT, "--trace", "b"))
    with open(f"/proc/{one.pid}/status", encoding="ascii") as file:
        kept = int(re.search(r"CapPrm:\s*(\w+)", file.read())[1], 16)
    assert kept == 1 << 13 | 1 << 38 | 1 << 39, f"{kept:x}"


@case
def keeps_nothing_else():
    """Without --trace neither of the two is kept"""
    need_root()
    one = Daemon("-w", open_dir(), "--user", "nobody")
    with open(f"/proc/{one.pid}/status", encoding="ascii") as file:
        assert int(re.search(r"CapPrm:\s*(\w+)", file.read())[1], 16) == 1 << 13


@case
def read_in_three_ways():
    """flowctl trace prints as CSV and JSON what the header says, and so does the manual's program"""
    result, paths, _ = whole()
    for end, path in paths.items():
        header, events = read(path)
        assert shown(result, end) == (len(events), 0) and header["events"] == len(events) > 5
        names = [field["name"] for field in header["fields"]]
        rows = list(csv.DictReader(io.StringIO(expect(flowctl("trace", path)).out)))
        objects = [json.loads(line) for line in
                   expect(flowctl("trace", "--output=jsonl", path)).out.splitlines()]
        assert len(rows) == len(objects) == len(events) and list(rows[0]) == names
        for event, row, found in zip(events, rows, objects):
            check_event(header, dict(zip(names, event)), row, found)
        program = re.search(r"^import json.*?(?=^\.Ed)", manual(), re.M | re.S)[0]
        printed = subprocess.run([sys.executable, "-c", program, path], text=True, check=True,
                                 capture_output=True, timeout=60).stdout.splitlines()
        assert [line.split()[1] for line in printed] == [row["cwnd"] for row in rows]


def manual():
    with open(os.path.join(SOURCE, "man", "flowtrace.5"), encoding="utf-8") as file:
        return file.read()


def check_event(header, event, row, found):
    for field in header["fields"]:
        name = field["name"]
        absent = (event[name] == field.get("none") or
                  event["kind"] not in field.get("kinds", [event["kind"]]))
        assert (row[name] == "") == absent == (name not in found), (name, event)
        if absent:
            continue
        if name == "time":
            assert abs(found[name] - (event[name] - header["start"]) / 1e9) < 1e-9
        elif name in ("kind", "ca_state", "tcp_state"):
            assert found[name] == row[name] == header[f"{name}s"][str(event[name])]
        else:
            assert found[name] == float(row[name]) == event[name] * field["scale"], name


@case
def fields_of_the_manual():
    """flowtrace(5) lists the fields of the header, with their units"""
    _, paths, _ = whole()
    header, _ = read(paths["S"])
    listed = re.findall(r"^\.It Va (\w+) Pq (\S+)$", manual(), re.M)
    assert listed == [(field["name"], field["unit"] or "-") for field in header["fields"]]
    for kind in header["kinds"].values():
        assert re.search(rf"^\.It Li .*\b{kind}\b", manual(), re.M), kind


@case
def ends_at_its_maximum():
    """--trace-max ends the trace, which is said; the flow goes on"""
    result, paths, _ = traced("--trace", "b", "--trace-max", "d=20", status=2)
    _, events = read(paths["D"])
    count, lost = shown(result, "D")
    assert len(events) == count == 20 and lost > 0
    assert shown(result, "S")[1] == 0
    assert "it has the 20 events that were asked for (--trace-max)" in result.err, result.err


@case
def changes_only():
    """--trace-filter=change keeps only segments at which something differs"""
    _, paths, _ = traced("--trace", "b", "--trace-filter=change")
    for path in paths.values():
        header, events = read(path)
        names = [field["name"] for field in header["fields"]]
        before, kept = None, 0
        for values in events:
            event = dict(zip(names, values))
            now = event["cwnd"], event["ssthresh"], event["ca_state"]
            assert header["kinds"][str(event["kind"])] != "segment" or now != before, event
            kept += header["kinds"][str(event["kind"])] == "segment"
            before = now
        assert header["filter"] == "change" and events
    assert kept < len(events), "other kinds are kept"


@case
def limits_of_dumps_hold():
    """A trace ends at the size of a file, and says so in the file too"""
    result, paths, _ = traced("--trace", "d", "-T", "s=1.5", daemon=("--dump-file-size", 70000),
                              status=2)
    header, events = read(paths["D"])
    assert len(events) == (70000 - header["header_size"]) // header["event_size"]
    assert header["events"] == len(events) and header["lost"] == shown(result, "D")[1] > 0
    assert "(--dump-file-size)" in header["note"] and header["note"] in result.err
    expect(flowctl("trace", paths["D"]))


@case
def fetched_like_dumps():
    """fetch-dumps copies traces beside dumps"""
    _, paths, one = whole()
    folder = temp_dir()
    out = expect(flowctl("fetch-dumps", "-o", folder, one.control)).out
    for path in paths.values():
        name = os.path.basename(path)
        assert name in out
        with open(path, "rb") as here, open(os.path.join(folder, name), "rb") as there:
            assert here.read() == there.read()


@case
def private_daemons():
    """--embedded traces into the working directory"""
    whole()
    folder = temp_dir()
    expect(flowctl("--embedded", *SHORT, "--trace", "s", "-M", "s", cwd=folder))
    kinds = sorted(os.path.splitext(name)[1] for name in os.listdir(folder))
    assert kinds == [".flowtrace", ".pcap"], kinds


@case
def damaged_files():
    """What is cut off, or no trace, is said"""
    _, paths, _ = whole()
    folder = temp_dir()
    with open(paths["S"], "rb") as file:
        content = file.read()
    header = json.loads(content[:8192])
    cut = os.path.join(folder, "cut")
    counts = f',"events":{header["events"]},"lost":0'.encode()
    assert counts in content
    cases = ((content[:-1], 2, f"trace: {cut} ends within an event"),
             (content[:100], 1, f"trace: {cut} is not a trace (flowtrace(5))"),
             (b"", 1, f"trace: {cut} is not a trace (flowtrace(5))"),
             (content.replace(b'"flowtrace":1', b'"flowtrace":2'), 1, "is one of a later version"),
             (content.replace(b'"at":60', b'"at":61'), 1, "the header of the trace is damaged"),
             (content.replace(counts, b" " * len(counts)), 0,
              "trace: the trace was not closed: it may lack events"))
    for data, status, sentence in cases:
        with open(cut, "wb") as file:
            file.write(data)
        result = expect(flowctl("trace", cut), status)
        assert sentence in result.err, (sentence, result.err)


@case
def late_connect_and_failures():
    """A flow that connects late is traced from its SYN; one that is refused leaves no file"""
    _, paths, _ = traced("--trace", "b", "-L", "-Y", "s=0.2")
    header, events = read(paths["S"])
    assert (events[0][0] - header["start"]) / 1e9 > 0.1
    folder = temp_dir()
    refused(flowctl("-H", hosts(Daemon("-w", folder, "--trace"), Daemon()), *SHORT, "--trace", "b"),
            "this flowd does not trace flows")
    assert wait_for(lambda: not os.listdir(folder), what="the source's file to be removed")


main()
