#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows of a fixed volume (--bytes, --blocks), and what --omit leaves out."""
import json
import re

from flowrig_test import Daemon, case, expect, flowctl, hosts, main, run_logged, temp_dir

NS = 1e9


def pair():
    return hosts(Daemon(), Daemon())


def check_volume(log, number, sender, volume, blocks=None):
    """All of it was read, at a time that rows confirm."""
    receiver = "D" if sender == "S" else "S"
    sent, read = log.finals[sender, number], log.finals[receiver, number]
    assert sent["tx_bytes"] == read["rx_bytes"] == volume, (sent, read)
    assert sent.get("tx_tail", 0) == read.get("rx_tail", 0) == 0
    if blocks is not None:
        assert sent["tx_requests"] == read["rx_requests"] == blocks
    assert read["volume_time"] / NS > 0
    last = max(r["end"] for r in log.of(receiver, number) if r["rx_bytes"])
    assert read["volume_time"] / NS <= last + 0.1, (read["volume_time"], last)
    return read["volume_time"] / NS


@case
def bytes_are_exact():
    """--bytes in all kinds of flows: so many bytes are sent and read, and then the flow ends"""
    where = pair()
    kinds = (("s=3000001",), ("d=3000001",), ("s=3000001", "-E"), ("s=3000001", "--touch-data"),
             ("s=3000001", "--mptcp"), ("s=3000001", "-L"), ("s=3000001", "-Q"))
    for kind in kinds:
        result, log = run_logged("-H", where, "-i", 0.05, "--bytes", *kind)
        assert result.status == 0, result
        sender = kind[0][0].upper()
        receiver = "SD"[sender == "S"]
        assert log.finals[sender, 0]["tx_bytes"] == log.finals[receiver, 0]["rx_bytes"] == 3000001
        assert log.finals[receiver, 0]["volume_time"] > 0, kind
        assert log.finals[sender, 0]["tx_time"] / NS < 60


@case
def blocks_are_exact():
    """--blocks and --bytes in message mode, with responses, rates, random sizes and both directions"""
    where = pair()
    result, log = run_logged("-H", where, "-i", 0.05, "-n", 5, "-S", "s=1000", "-F", 0, "--blocks",
                             "s=100", "-A", "s", "-F", 1, "--blocks", "s=50", "-R", "s=2Mbit", "-F", 2,
                             "--bytes", "s=10050", "-A", "s", "-F", 3, "--blocks", "b=30", "-A", "b",
                             "-S", "d=500", "-F", 4, "--blocks", "s=70", "-P", "s", "-A", "s",
                             "--in-flight", "s=3")
    assert result.status == 0, result
    check_volume(log, 1, "S", 50000, 50)
    # 49 gaps of 4 ms, but for the 0.1 s that a late sender makes up for
    assert log.finals["D", 1]["volume_time"] / NS > 0.05
    for number, blocks, sizes in ((0, 100, 100000), (2, 11, 10050), (4, 70, 70000)):
        check_volume(log, number, "S", sizes, blocks)
        final = log.finals["S", number]
        assert final["rtt_count"] == blocks
        assert final["rx_bytes"] + final.get("rx_tail", 0) == 40 * blocks
    for sender, receiver in ("SD", "DS"):
        assert log.finals[sender, 3]["tx_requests"] == log.finals[receiver, 3]["rx_requests"] == 30
        assert log.finals[sender, 3]["rtt_count"] == 30
        assert log.finals[receiver, 3]["volume_time"] > 0
    assert "volumes = 6/6 (read/all), the last after" in result.out, result.out


@case
def a_volume_takes_its_time():
    """The result is the time until the last block was read; screen, log and JSON agree on it"""
    where = pair()
    target = temp_dir() + "/run.json"
    result, log = run_logged("-H", where, "--blocks", "s=101", "-S", "s=10000", "-R", "s=8Mbit", "-i",
                             0.2, "--output", f"json:{target}")
    took = check_volume(log, 0, "S", 1010000, 101)
    assert 0.85 < took < 30, took  # 100 gaps of 10 ms, of which 0.1 s may be made up for
    said = re.search(r"volume = 101 \[blocks\] read after ([\d.]+) \[s\]", result.out)
    assert said and abs(float(said[1]) - took) < 1e-5, result.out
    with open(target, encoding="utf-8") as file:
        end = json.load(file)["end"]
    assert abs(end["flows"][0]["directions"][0]["volume_seconds"] - took) < 1e-6, end
    table = flowctl("-H", where, "--bytes", "s=1M", "-Q", "--style", "table")
    expect(table, 0)
    assert "read after" in table.out and "1 of 1 volume read after" in table.out, table.out


@case
def a_limit_is_told():
    """-T is the limit of a volume: what was read by then is told, with status 2"""
    where = pair()
    result, log = run_logged("-H", where, "--blocks", "s=1000", "-R", "s=1Mbit", "-T", "s=0.5", "-i",
                             0.1, status=2)
    final = log.finals["D", 0]
    assert "volume_time" not in final and 0 < final["rx_requests"] < 100
    assert f"flow 0: the destination had read {final['rx_requests']} of 1000 blocks when the " \
        "duration (-T) of 0.5 s was over" in result.err, result.err
    assert "volumes = 0/1 (read/all), " in result.out, result.out


@case
def what_is_omitted():
    """--omit: totals and percentiles without the first time, rows with it"""
    where = pair()
    result, log = run_logged("-H", where, "-T", "s=1.5", "--omit", "s=0.75", "-S", "s=1000", "-R",
                             "s=800kbit", "-A", "s", "-i", 0.1)
    source, destination = log.finals["S", 0], log.finals["D", 0]
    rows = log.total("S", "tx_bytes")
    for final, key in ((source, "tx_bytes"), (destination, "rx_bytes")):
        # Half of the time, and half of the blocks.
        assert 0.35 * rows < final[key] < 0.6 * rows, (final[key], rows)
        assert abs(final["omitted"] / NS - 0.75) < 0.4, final["omitted"]
    assert source["rtt_count"] < 0.65 * sum(r["requ"] for r in log.of("S")), source["rtt_count"]
    assert source["bytes_sent"] < 0.65 * log.total("S", "bytes_sent")
    assert source["tx_time"] < 1.2e9
    assert re.search(r"omitted = 0\.\d+ \[s\]", result.out), result.out


@case
def omitted_both_ways():
    """--omit of one direction leaves the other as it is"""
    where = pair()
    _, log = run_logged("-H", where, "-T", "b=1", "--omit", "d=0.5", "-R", "b=2Mbit", "-i", 0.25)
    source, destination = log.finals["S", 0], log.finals["D", 0]
    assert source["tx_bytes"] == log.total("S", "tx_bytes")
    assert destination["rx_bytes"] == log.total("D", "rx_bytes")
    assert destination["tx_bytes"] < 0.8 * log.total("D", "tx_bytes")
    assert source["rx_bytes"] < 0.8 * log.total("S", "rx_bytes")
    assert "omitted" not in source and "omitted" in destination


main()
