#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traces in the lab: each figure of the rows against the events around its instant, for the same
flows over a path that loses and reorders."""
import bisect
import json
import os
import re
import struct

from flowrig_lab import attempts
from flowrig_test import (FlowLog, Lab, Skip, case, expect, flowctl, main, need_root, shared,
                          temp_dir)

PATH = "delay=5ms rate=20m limit=40ms"
ALGORITHMS = ("cubic", "reno", "bbr")
SEGMENT, RETRANSMIT, CA_STATE, TCP_STATE = 1, 2, 3, 4
SLACK = 0.002  # between the instant of a row and its sample, on a machine that is not busy
PREAMBLE = 40


class Trace:
    """A file of events, read by what its header says."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.header = json.loads(file.readline())
            assert file.tell() == self.header["header_size"]
            names = [field["name"] for field in self.header["fields"]]
            events = file.read()
        assert len(events) % self.header["event_size"] == 0
        self.events = [dict(zip(names, values))
                       for values in struct.iter_unpack(self.header["format"], events)]
        self.times = [(event["time"] - self.header["start"]) / 1e9 for event in self.events]
        assert self.times == sorted(self.times), "the events are not in the order of time"

    def around(self, instant):
        """The events from the last one before the instant to the first one after it."""
        first = bisect.bisect_left(self.times, instant - SLACK)
        last = bisect.bisect_right(self.times, instant + SLACK)
        return self.events[max(first - 1, 0):last + 1]

    def of(self, kind):
        return [event for event in self.events if event["kind"] == kind]

    def acked(self, event, base):
        return (event["snd_una"] - base["snd_una"]) % 2**32


def files(folder, suffix=".flowtrace"):
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))
            if name.endswith(suffix)]


def check_permitted(result):
    """Skips where the machine can't trace at all."""
    found = re.search(r"flows can't be traced there: .*", result.err)
    if found:
        raise Skip(found[0])


class Traced:
    """A run of three flows, one for each algorithm, that traces both ends."""

    def __init__(self, version, links=PATH, options=(), flow_options=(), seconds=2.5):
        need_root()
        self.lab = lab = Lab(3, links)
        self.lab.set("path", "h2", "h3", "loss=0.5%", "reorder=0.5%", "rgap=3ms")
        self.folders = {"S": temp_dir(), "D": temp_dir()}
        for end, host in (("S", 2), ("D", 3)):
            lab.daemon(host, "-w", self.folders[end], "--trace")
        at = [f"{lab.addr(host, version)}/{lab.addr(host)}" for host in (2, 3)]
        path = os.path.join(temp_dir(), "flow.log")
        arguments = ["-H", f"s={at[0]},d={at[1]}", "-n", len(ALGORITHMS), "-T", f"s={seconds}",
                     "--trace", "s", "--trace", "d", "-i", "0.1", f"--log-file={path}", *options]
        for flow, algorithm in enumerate(ALGORITHMS):
            arguments += ["-F", flow, "-O", f"s=TCP_CONGESTION={algorithm}", *flow_options]
        self.result = flowctl(*arguments, netns=lab.ns(1))
        check_permitted(self.result)
        expect(self.result)
        self.log = FlowLog(path)
        self.traces = {}
        for end, folder in self.folders.items():
            for file in files(folder):
                trace = Trace(file)
                self.traces[end, trace.header["flow"]] = trace


@shared
def over_ipv4():
    return Traced(4)


def check_rows(run, flow):
    """The window, its threshold and the state in each row, beside the events around it."""
    trace, rows = run.traces["S", flow], run.log.of("S", flow)
    assert len(rows) > 15, f"only {len(rows)} rows"
    base = next(event for event, time in zip(trace.events, trace.times)
                if event["kind"] == SEGMENT and time > 0)
    base_acked = base["snd_una"]
    acked = 0
    for row in rows:
        around = trace.around(row["end"])
        assert row["cwnd"] in {event["cwnd"] for event in around}, (row["end"], row["cwnd"])
        states = {trace.header["ca_states"][str(event["ca_state"])].lower() for event in around}
        assert row["ca_state"] in states, (row["end"], row["ca_state"], states)
        low, high = ((event["snd_una"] - base_acked) % 2**32 for event in (around[0], around[-1]))
        acked += row["bytes_acked"]
        assert low <= acked <= high, (row["end"], low, acked, high)


def check_whole(run, flow):
    """What the whole connection says."""
    trace, final = run.traces["S", flow], run.log.finals["S", flow]
    states = [run.traces["S", flow].header["tcp_states"][str(event["tcp_state"])]
              for event in trace.of(TCP_STATE)]
    assert states[:2] == ["SYN_SENT", "ESTABLISHED"] and states[-1] == "CLOSE", states
    there = run.traces["D", flow]
    accepted = [there.header["tcp_states"][str(event["tcp_state"])]
                for event in there.of(TCP_STATE)]
    assert accepted[0] == "ESTABLISHED" and accepted[-1] == "CLOSE", accepted
    for end in "SD":
        about = run.log.finals[end, flow]
        header = run.traces[end, flow].header
        assert about["trace_lost"] == header["lost"] == 0
        assert about["trace_events"] == header["events"] == len(run.traces[end, flow].events) > 100
        assert os.path.basename(about["trace"]).endswith(".flowtrace")
    # Each retransmission of the kernel's count has its event, before the final report and behind.
    again = trace.of(RETRANSMIT)
    assert sum(event["segments"] for event in again) == trace.events[-1]["total_retrans"]
    until = [event for event in again
             if (event["time"] - trace.header["start"]) / 1e9 <= final["end"]]
    assert sum(event["segments"] for event in until) == final["total_retrans"], flow
    return sum(event["segments"] for event in again)


@case
def rows_agree():
    """cwnd, snd_una and the state of each row are those of the events around it: cubic, reno, bbr"""
    def measure(attempt):
        return Traced(4) if attempt else over_ipv4()

    def check(run):
        for flow in range(len(ALGORITHMS)):
            check_rows(run, flow)
    attempts(measure, check)


@case
def whole_connections():
    """From the SYN to the end, with every retransmission that the kernel has counted"""
    run = over_ipv4()
    assert sum(check_whole(run, flow) for flow in range(len(ALGORITHMS))) > 0, "nothing was lost"
    changes = sum(len(run.traces["S", flow].of(CA_STATE)) for flow in range(len(ALGORITHMS)))
    assert changes > 0, "no state of congestion avoidance has changed"


@case
def ipv6():
    """The same over IPv6"""
    def check(run):
        for flow in range(len(ALGORITHMS)):
            check_rows(run, flow)
            check_whole(run, flow)
    attempts(lambda attempt: Traced(6), check)


main()
