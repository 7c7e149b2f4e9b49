#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""--host-stats: what it says of the hosts' interfaces and of TCP is what the flow did, in every
output alike."""
import csv
import json
import os
import re
import sqlite3

from flowrig_test import Lab, case, expect, flowctl, main, shared, temp_dir

SECONDS = 2


@shared
def measured():
    """One flow over a link that loses packets; h1 is the controller's, and eth1 the control network."""
    lab = Lab(3, "delay=5ms rate=20m", control=True)
    lab.set("path", "h2", "h3", "loss=0.01")
    for host in 2, 3:
        lab.daemon(host, bind=lab.control_addr(host))
    folder = temp_dir()
    places = ",".join(f"{end}={lab.addr(host)}/{lab.control_addr(host)}"
                      for end, host in (("s", 2), ("d", 3)))
    command = ["-H", places, "-T", f"s={SECONDS}", "-i", "0.25", "-O", "s=TCP_CONGESTION=cubic"]
    expect(flowctl(*command, "--host-stats", f"--log-file={folder}/a.log", "--csv=" + folder + "/flows.csv",
                   f"--json={folder}/a.json", f"--json-stream={folder}/a.jsonl", "--output",
                   f"host-csv:{folder}/a.csv", "--output", f"sqlite:{folder}/a.db", netns=lab.ns(1)))
    with open(f"{folder}/a.json", encoding="ascii") as file:
        return lab, command, folder, json.load(file)


def rows_of(whole, host, scope, name=None):
    return [row for row in whole["hoststats"]
            if (row["host"], row["scope"], row.get("object")) == (host, scope, name)]


def ends_of(whole):
    """The final reports of the source and the destination, and the numbers of their hosts."""
    finals = {final["endpoint"]: final for final in whole["finals"]}
    flow, = whole["flows"]
    return [(finals[end], flow[end]["host"]) for end in ("source", "destination")]


@case
def intervals_are_those_of_the_run():
    """Rows of a host follow each other without gaps from the start of the run, and are numbered"""
    _, _, _, whole = measured()
    for host in 0, 1:
        rows = rows_of(whole, host, "host")
        assert 0 <= rows[0]["begin_seconds"] < 0.2, rows[0]
        assert SECONDS <= rows[-1]["end_seconds"] < SECONDS + 6, rows[-1]
        assert len(rows) >= 0.6 * SECONDS / 0.25, len(rows)
        for row, following in zip(rows, rows[1:]):
            assert row["end_seconds"] == following["begin_seconds"], (row, following)
        numbers = [row["seq"] for row in whole["hoststats"] if row["host"] == host]
        assert numbers == list(range(len(numbers))), numbers


@case
def shares_are_all_of_the_time():
    """The shares of CPU time sum up to 1"""
    _, _, _, whole = measured()
    known = 0
    for row in whole["hoststats"]:
        shares = [value for name, value in row.items() if re.fullmatch(r"cpu_\w+_ratio", name)]
        assert not shares or (len(shares) == 8 and abs(sum(shares) - 1) < 1e-5), row
        known += len(shares) > 0
    assert known > SECONDS / 0.25, known


@case
def interfaces_carry_the_flow():
    """eth0 sends and receives the flow's bytes and headers, and nothing else"""
    _, _, _, whole = measured()
    (source, sender), (destination, receiver) = ends_of(whole)
    payload = destination["rx_bytes"] + destination["rx_tail_bytes"]
    received = sum(row["rx_bytes"] for row in rows_of(whole, receiver, "interface", "eth0"))
    sent = sum(row["tx_bytes"] for row in rows_of(whole, sender, "interface", "eth0"))
    packets = sum(row["tx_packets"] for row in rows_of(whole, sender, "interface", "eth0"))
    most = payload + source["bytes_retrans"]
    # Headers are up to 82 bytes of a packet; neighbours are looked up now and then.
    assert payload <= received <= most + 82 * packets + 2000, (payload, received, packets)
    assert payload <= sent <= most + 82 * packets + 2000, (payload, sent, packets)
    assert payload > 100000


@case
def retransmissions_are_those_of_the_flow():
    """RetransSegs of the source's host is at each of its instants what its only flow says around it"""
    _, _, _, whole = measured()
    (source, sender), (_, receiver) = ends_of(whole)
    flow, total = [(0, 0)], 0
    for row in whole["rows"]:
        if row["endpoint"] == "source":
            total += row["total_retrans"]
            flow.append((row["end_seconds"], total))
    flow.append((source["end_seconds"], source["total_retrans"]))
    counted = compared = 0
    for row in rows_of(whole, sender, "host"):
        counted += row["tcp_retrans_segs"]
        least = max(total for end, total in flow if end <= row["end_seconds"])
        later = [total for end, total in flow if end >= row["end_seconds"]]
        assert least <= counted, (row, flow)
        # A busy host reads the counters a while after the time: the flow's next row may have been made by then.
        assert not later or counted <= sorted(later)[:2][-1], (row, counted, flow)
        compared += bool(later)
    # What is sent again when the final report has been made, such as a FIN, is the host's alone.
    assert 0 < source["total_retrans"] <= counted and compared >= 3, (counted, compared, flow)
    opened = sum(row["tcp_passive_opens"] for row in rows_of(whole, receiver, "host"))
    assert opened <= 2, opened  # it was connected before the start; the control network is quiet


@case
def outputs_agree():
    """The log, jsonl, host-csv and SQLite have the same rows; rows of flows are not among them"""
    _, _, folder, whole = measured()
    with open(f"{folder}/a.jsonl", encoding="ascii") as file:
        lines = [json.loads(line) for line in file]
    assert [line for line in lines if line["type"] == "hoststat"] == whole["hoststats"]
    with open(f"{folder}/a.csv", encoding="ascii", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(whole["hoststats"])
    for found, row in zip(table, whole["hoststats"]):
        for name, value in found.items():
            assert name == "run" or value == "" or str(row[name]) == value or float(value) == row[name], (name, value, row)
        assert sum(value != "" for value in found.values()) == len(row), (found, row)
    base = sqlite3.connect(f"{folder}/a.db")
    found = base.execute("SELECT host.number, scope, object, seq, end_ns, rx_bytes, tcp_out_segs, cpu_idle FROM hoststat "
                         "JOIN host ON host.id = hoststat.host ORDER BY hoststat.rowid").fetchall()
    assert found == [(row["host"], row["scope"], row.get("object"), row["seq"], round(row["end_seconds"] * 1e9),
                      row.get("rx_bytes"), row.get("tcp_out_segs"),
                      round(row["cpu_idle_ratio"] * 1e6) if "cpu_idle_ratio" in row else None)
                     for row in whole["hoststats"]]
    with open(f"{folder}/a.log", encoding="utf-8") as file:
        logged = [line.split() for line in file if line.startswith("# hoststat ")]
    assert [(int(words[2]), int(words[3]), words[4]) for words in logged] == [
        (row["host"], row["seq"], row["scope"]) for row in whole["hoststats"]]
    assert not any("cpu_user" in name for row in whole["rows"] for name in row)


@case
def only_who_asks_has_them():
    """Without the option there is no row about a host, and programs that read logs take both"""
    lab, command, folder, _ = measured()
    result = expect(flowctl(*command[:2], "-T", "s=0.3", "--json", netns=lab.ns(1)))
    assert "hoststats" not in json.loads(result.out)
    for name in "a.log", "a.jsonl", "a.db":
        for tool in ["plot", "-o", f"{folder}/{name}.svg"], ["report", "-o", f"{folder}/{name}.html"]:
            expect(flowctl(tool[0], f"{folder}/{name}", *tool[1:]))
            assert os.path.getsize(tool[2]) > 1000


if __name__ == "__main__":
    main()
