#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packet dumps in the lab: the daemons' files against tcpdump's on the same hosts, in the same
run."""
import os
import struct
from collections import Counter

from flowrig_lab import FIN, SYN, segments
from flowrig_test import (Capture, FlowLog, Lab, case, expect, flowctl, main, need_program,
                          temp_dir)

LINKS = "delay=5ms rate=100m limit=50ms"


class Dumped:
    """A run between two hosts of the lab that dumps both ends of every flow, beside tcpdump."""

    def __init__(self, version, *options):
        self.unit = 1000 if "--dump-us" in options else 1  # ns
        need_program("tcpdump")
        lab = Lab(3, LINKS)
        self.folders = {}
        captures = {}
        for end, host in (("S", 2), ("D", 3)):
            self.folders[end] = temp_dir()
            lab.daemon(host, "-w", self.folders[end])
            captures[end] = Capture(lab, host, "tcp and not port 5999")
        at = [f"{lab.addr(host, version)}/{lab.addr(host)}" for host in (2, 3)]
        path = os.path.join(temp_dir(), "flow.log")
        self.result = expect(flowctl("-H", f"s={at[0]},d={at[1]}", "-M", "b", "-i", "0.5",
                                     f"--log-file={path}", *options, netns=lab.ns(1)))
        self.log = FlowLog(path)
        self.seen = {end: segments(capture.stop()) for end, capture in captures.items()}

    def dump(self, end, flow):
        name, = (n for n in os.listdir(self.folders[end]) if f"-{flow}-{end.lower()}-" in n)
        with open(os.path.join(self.folders[end], name), "rb") as file:
            found, = struct.unpack("=I", file.read(4))
        assert found == (0xA1B2C3D4 if self.unit == 1000 else 0xA1B23C4D), hex(found)
        # It takes Ethernet only, the link type of the route's interface; that of "any" is another.
        return segments(os.path.join(self.folders[end], name))


def outline(segment):
    return (segment.source, segment.destination, segment.flags, segment.sequence,
            segment.acknowledged, segment.length)


def check(run, flows):
    for flow in range(flows):
        for end in "SD":
            found = run.dump(end, flow)
            ports = {found[0].source[1], found[0].destination[1]}
            expected = [s for s in run.seen[end] if {s.source[1], s.destination[1]} == ports]
            # Two sockets may get what comes on one CPU and goes on the other in different order.
            assert Counter(map(outline, found)) == Counter(map(outline, expected)), (
                f"flow {flow} {end}: {len(found)} packets in the dump, {len(expected)} in tcpdump's")
            final = run.log.finals[end, flow]
            assert final["dump_packets"] == len(found) > 100 and final["dump_dropped"] == 0
            assert found[0].flags & 0x3F == SYN
            assert len({s.source for s in found if s.flags & FIN}) == 2
            # Two clocks of one kernel: each packet has the time that tcpdump gave it, but finer.
            assert any(s.time % 1000 for s in found) == (run.unit == 1)
            assert any(s.time // run.unit % 1000 for s in found)
            for ours, theirs in zip(sorted(s.time for s in found),
                                    sorted(s.time for s in expected)):
                assert abs(ours - theirs) < 1_000_000, (ours, theirs)


@case
def as_tcpdump_sees_it():
    """Three flows over IPv4: each dump has exactly the packets that tcpdump saw"""
    run = Dumped(4, "-n", 3, "-T", "s=2", "-F", 1, "-A", "s", "-R", "s=2Mbit", "-F", 2, "-L",
                 "-Y", "s=0.5", "-T", "s=1")
    check(run, 3)


@case
def ipv6():
    """The same over IPv6, in both directions at once, with stamps in microseconds"""
    check(Dumped(6, "-n", 2, "-T", "b=1", "--dump-us"), 2)


main()
