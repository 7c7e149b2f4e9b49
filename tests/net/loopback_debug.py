#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What -d, -dd and -ddd of both programs say: each level lets one follow a flow, and says nothing of
the next level."""
import re

from flowrig_test import FLOWD, Daemon, Process, case, expect, flowctl, hosts, main, wait_for


class Talker(Daemon):
    """A flowd whose level is that of its -d options."""

    def __init__(self, *options):
        Process.__init__(self, [FLOWD, "-p", "0", *options])
        self.killed = False
        self.host, self.port = wait_for(self._addresses, 20, "listening")[0]


def events(text, flow, end):
    """What was said of an endpoint, in order, without the times."""
    return [m[1] for m in re.finditer(rf"info: flow {flow} {end}: (.*)", text)]


def levels(text):
    return set(re.findall(r": \d\d:\d\d:\d\d\.\d{6} (\w+): ", text))


ADDRESS = r"127\.0\.0\.1:\d+"


@case
def daemon_levels():
    """flowd -d: each event of each flow; -dd: calls; -ddd: reads, writes and timers"""
    for number, wanted in ((1, {"info"}), (2, {"info", "debug"}), (3, {"info", "debug", "trace"})):
        daemon = Talker("-" + "d" * number)
        expect(flowctl("-H", hosts(daemon), "-n", 2, "-T", "s=0.2", "-R", "s=1Mbit", "-q"))
        daemon.stop()
        assert levels(daemon.err) == wanted, levels(daemon.err)
        for flow in range(2):
            for end in ("source", "destination"):
                said = events(daemon.err, flow, end)
                forms = (rf"connected from {ADDRESS} to {ADDRESS}", "prepared",
                         r"started, \d\.\d{6} s after the start of the run",
                         "stopped, its time is over", "drained", "finished")
                assert len(said) == len(forms), said
                for line, form in zip(said, forms):
                    assert re.fullmatch(form, line), (line, form)
            ends = [events(daemon.err, flow, end)[0] for end in ("source", "destination")]
            assert ends[0] == ends[1], ends
        assert ("session.prepare: answered after" in daemon.err) == (number > 1)
        for sign in (r"source: write of \d+ bytes returned \d+", r"destination: read returned \d+", ": timer"):
            assert bool(re.search(sign, daemon.err)) == (number > 2), sign


@case
def level_by_name():
    """--log-level goes before -d"""
    daemon = Talker("-ddd", "--log-level", "warning")
    expect(flowctl("-H", hosts(daemon), "-T", "s=0.1", "-q"))
    daemon.stop()
    assert levels(daemon.err) == set(), daemon.err


@case
def stream_reads_and_writes():
    """-ddd in stream mode, too; and what is said does not disturb the flow"""
    daemon = Talker("-ddd")
    expect(flowctl("-H", hosts(daemon), "-T", "s=0.1", "-q"))
    daemon.stop()
    assert re.search(r"source: wrote \d{4,} bytes", daemon.err)
    assert re.search(r"destination: read returned \d{4,}", daemon.err)


@case
def faults_are_said():
    """A call that is refused is in the daemon's -dd, with its sentence"""
    daemon = Talker("-dd")
    expect(flowctl("-H", hosts(daemon), "-M", "s", "-T", "s=0.1", "-q"), 2)
    daemon.stop()
    assert re.search(r"session\.prepare: fault 2000 after \d+\.\d{3} ms: .*--dump-dir", daemon.err)


@case
def controller_levels():
    """flowctl -d: stages of the run and events of flows; -dd: calls; -ddd: reads"""
    daemon = Daemon(level="warning")
    for number, wanted in ((0, set()), (1, {"info"}), (2, {"info", "debug"}),
                           (3, {"info", "debug", "trace"})):
        debug = ["-" + "d" * number] if number else []
        said = expect(flowctl("-H", hosts(daemon), "-T", "s=0.2", "-q", *debug)).err
        assert levels(said) == wanted, said
        stages = ("preparing 1 flows on 1 daemons", "all flows are prepared", "starts in",
                  "all reports received")
        places = [said.find(stage) for stage in stages]
        assert places == sorted(places) and (min(places) >= 0) == (number > 0), said
        for end in ("source", "destination") if number else ():
            one, two = events(said, 0, end)
            assert re.fullmatch(rf"connected from {ADDRESS} to {ADDRESS}, started at \d\.\d{{6}} s",
                                one), one
            assert re.fullmatch(r"finished at \d\.\d{6} s", two), two
        assert bool(re.search(r"session\.start answered after \d+\.\d+ ms", said)) == (number > 1)
        assert bool(re.search(r"\d+ bytes read", said)) == (number > 2)


main()
