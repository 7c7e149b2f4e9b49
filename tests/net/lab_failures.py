#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens when hosts, the control network or the data path go away in mid-run."""
import os
import re
import signal
import time

from flowrig_lab import SsSample, has_rows, log_in, near
from flowrig_test import (FlowLog, Lab, case, expect, flowctl, long_case, main, need_program, note,
                          start_flowctl, temp_dir, wait_for)

LINKS = "delay=5ms rate=20m limit=50ms"
INTERVAL = 0.25


class Going:
    """A run of flowctl that has begun to give rows."""

    def __init__(self, lab, *options):
        self.folder = temp_dir()
        self.process = start_flowctl("-i", INTERVAL, *options, "-w", netns=lab.ns(1),
                                     cwd=self.folder)
        wait_for(lambda: has_rows(self.folder), 20, "the first row")

    def wait(self, status, seconds=60):
        found = self.process.wait(seconds)
        assert found == status, f"exit status {found}, not {status}\n{self.process.err}"
        self.log = FlowLog(log_in(self.folder))
        return self.log


def cut(lab, port, down=1):
    """Takes a host's link down in both directions, or up again."""
    lab.set("up", port, f"down={down}")
    lab.set("down", port, f"down={down}")


def end_together(daemons):
    """Daemons whose reports nobody collected wait a moment before they end: all at once."""
    for daemon in daemons:
        daemon.signal(signal.SIGTERM)
    for daemon in daemons:
        assert daemon.wait(30) == 0, daemon.err
        daemon.killed = True


def flows_at(lab, host):
    """How many connections there are at a host that are not control."""
    return sum(5999 not in ports and values["state"] == "ESTAB"
               for ports, values in SsSample(lab.ns(host)).by_ports.items())


class Vanished:
    """Two flows, and the host of one is cut off for good."""

    def __init__(self, lease, seconds):
        lab = Lab(4, LINKS)
        daemons = [lab.daemon(host, "--lease", lease) for host in (2, 3, 4)]
        run = Going(lab, "-n", 2, "-T", f"s={seconds}", "-F", 0, "-H", "s=h2,d=h3", "-F", 1, "-H",
                    "s=h2,d=h4")
        time.sleep(1)
        began = time.monotonic()
        cut(lab, "h4")
        wait_for(lambda: "is lost" in run.process.err, 40, "the loss of h4")
        self.lost_after = time.monotonic() - began
        self.log, self.process, self.seconds = run.wait(2), run.process, seconds
        self.over_after = time.monotonic() - began
        note(f"lease {lease} s: given up after {self.lost_after:.1f} s, over after "
             f"{self.over_after:.1f} s")
        cut(lab, "h4", down=0)
        # it drains for 5 s after its lease, as the other end did after it was stopped
        end = time.monotonic() + 3
        while flows_at(lab, 4) and time.monotonic() < end:
            time.sleep(0.1)
        self.flows_left = flows_at(lab, 4)
        self.next = flowctl("-H", "s=h2,d=h4", "-T", "s=0.5", netns=lab.ns(1))
        end_together(daemons)

    def check(self):
        assert re.fullmatch(r"flowctl: flowd at h4:5999 is lost: .*; its flows end here\n",
                            self.process.err), self.process.err
        # the flow between the others is whole
        log = self.log
        for end in "SD":
            rows = log.of(end, 0)
            assert len(rows) == self.seconds / INTERVAL, f"{len(rows)} rows of {end}"
            assert (end, 0) in log.finals, log.finals.keys()
        total = log.finals["D", 0]["rx_bytes"] + log.finals["D", 0]["rx_tail"]
        assert total == log.finals["S", 0]["tx_bytes"]
        # of the other one, what came before is in the log, with an error line
        assert ("D", 1) not in log.finals and len(log.of("D", 1)) >= 2
        assert log.of("D", 1)[-1]["end"] <= 1 + 4 * INTERVAL + 0.5
        assert ("S", 1) in log.finals and len(log.of("S", 1)) > len(log.of("D", 1))
        assert log.comment("error: flowd at h4:5999 is lost"), "no error line in the log"
        assert re.search(r"ID +1 D: .*error: flowd at h4", self.process.out)
        assert re.search(r"total: flows = 2, failed = 1,", self.process.out)
        # its daemon has ended the flow by its own lease, and takes the next run at once
        assert self.flows_left == 0, "the flow outlived its lease"
        expect(self.next)


LEASE = 4
_vanished = []


def vanished():
    if not _vanished:
        _vanished.append(Vanished(LEASE, 6))
    return _vanished[0]


@case
def host_that_vanishes():
    """a host is cut off for good: its flow ends with an error line, others go on, status 2"""
    try:
        vanished().check()
    except AssertionError:
        _vanished.clear()  # who repeats this wants another one
        raise


@case
def host_that_vanishes_is_given_up_in_time():
    """flowctl gives a host up when its lease is over, and not later"""
    took = vanished().lost_after
    # less than the lease by what had passed since the last answer: a long poll at most
    if not LEASE - 2.5 <= took <= LEASE + 1.5:
        _vanished.clear()
        raise AssertionError(f"{took:.1f} s, but the lease is {LEASE} s")


@long_case
def host_that_vanishes_with_the_usual_lease():
    """the same with the lease that a daemon has without options: 15 s"""
    run = Vanished(15, 5)
    run.check()
    assert run.over_after <= 15 + 1.5, f"{run.over_after:.1f} s, but the lease was 15 s"


@case
def controller_that_vanishes():
    """the controller's link is dead: flows end with the lease, the daemons take the next run"""
    need_program("ss")
    lease = 3
    lab = Lab(3, LINKS, control=True)
    daemons = [lab.daemon(host, "--lease", lease, bind=lab.control_addr(host)) for host in (2, 3)]
    run = Going(lab, "-H", "s=h2/c2,d=h3/c3", "-T", "s=60")
    cut(lab, "c1")
    began = time.monotonic()
    time.sleep(1)
    assert flows_at(lab, 2) == flows_at(lab, 3) == 1, "the flow did not wait for the lease"
    wait_for(lambda: flows_at(lab, 2) == flows_at(lab, 3) == 0, 10, "the end of the flow")
    took = time.monotonic() - began
    note(f"lease {lease} s: the flow ended {took:.1f} s after the controller was cut off")
    # the last call may have come up to a long poll of 2 s before, and counts as long as it waits
    assert took <= lease + 3.5, f"{took} s"
    run.process.kill()
    cut(lab, "c1", down=0)
    result = expect(flowctl("-H", "s=h2/c2,d=h3/c3", "-T", "s=0.5", netns=lab.ns(1)))
    assert "failed = 0" in result.out
    end_together(daemons)


def control_goes_and_comes(seconds, ports, lease=15):
    """The control links of some hosts are dead for a while that is shorter than the lease."""
    lab = Lab(3, LINKS, control=True)
    for host in (2, 3):
        lab.daemon(host, "--lease", lease, bind=lab.control_addr(host))
    duration = seconds + 2
    run = Going(lab, "-H", "s=h2/c2,d=h3/c3", "-T", f"s={duration}", "-R", "s=2Mbit")
    for port in ports:
        cut(lab, port)
    held = len(FlowLog(log_in(run.folder)).rows)
    time.sleep(seconds)
    during = len(FlowLog(log_in(run.folder)).rows)
    for port in ports:
        cut(lab, port, down=0)
    log = run.wait(0)
    note(f"{held} rows before, {during} at the end of the {seconds} s")
    assert during - held <= 2 / INTERVAL + len(ports) * 2, "control went on"
    for end in "SD":
        rows = log.of(end)
        assert len(rows) == duration / INTERVAL, f"{len(rows)} rows of {end}"
        for row, following in zip(rows, rows[1:]):
            assert row["end"] == following["begin"]
    assert log.total("D", "rx_bytes") == log.finals["D", 0]["rx_bytes"]
    near(log.finals["D", 0]["rx_bytes"] * 8 / duration, 2e6, share=0.02, what="rate")


@case
def control_link_that_comes_back():
    """control is dead for 4 s, less than the lease: no row is lost, status 0"""
    control_goes_and_comes(4, ["c2", "c3"])


@long_case
def control_link_that_comes_back_late():
    """control is dead for 12 of the lease's 15 s: no row is lost, status 0"""
    control_goes_and_comes(12, ["c1"])


@long_case
def control_link_that_comes_back_after_half_a_minute():
    """control is dead for 30 of the lease's 60 s: the flows go on, no row is lost, status 0"""
    control_goes_and_comes(30, ["c2", "c3"], lease=60)


@case
def whole_path_that_comes_back():
    """data and control of a host are dead for 2 s: no row is lost, no block either"""
    lab = Lab(3, LINKS)
    for host in (2, 3):
        lab.daemon(host)
    run = Going(lab, "-H", "s=h2,d=h3", "-T", "s=6", "-R", "s=1Mbit", "-S", "s=1000")
    cut(lab, "h3")
    time.sleep(2)
    cut(lab, "h3", down=0)
    log = run.wait(0)
    for end in "SD":
        assert len(log.of(end)) == 6 / INTERVAL, f"{len(log.of(end))} rows of {end}"
    sent, received = log.finals["S", 0], log.finals["D", 0]
    assert sent["tx_requests"] + sent["tx_requests_tail"] == \
        received["rx_requests"] + received["rx_requests_tail"]
    assert sum(r["rx_bytes"] == 0 for r in log.of("D")) >= 6, "the path was not dead"


@case
def data_path_that_is_gone_for_good():
    """the data path dies while control lives: the run ends in time, and says what is missing"""
    lab = Lab(3, LINKS, control=True)
    for host in (2, 3):
        lab.daemon(host, bind=lab.control_addr(host))
    run = Going(lab, "-H", "s=h2/c2,d=h3/c3", "-T", "s=2", "-O", "s=TCP_NODELAY", "--drain", 1)
    cut(lab, "h3")
    began = time.monotonic()
    run.process.wait(20)
    took = time.monotonic() - began
    log = FlowLog(log_in(run.folder))
    for end in "SD":
        assert len(log.of(end)) == 2 / INTERVAL
        assert 3 <= log.finals[end, 0]["end"] < 3.5
    sent, received = log.finals["S", 0], log.finals["D", 0]
    missing = sent["tx_bytes"] - received["rx_bytes"] - received["rx_tail"]
    # a FIN counts as a byte that is not acknowledged
    assert 0 < missing <= sent["tx_unacked"], (missing, sent["tx_unacked"])
    assert took <= 4.5, f"{took} s"
    assert f"never acknowledged = {sent['tx_unacked']} [B]" in run.process.out


@case
def unreachable_control_host():
    """a daemon that can't be reached, beside one that can, and alone: sentence and status"""
    lab = Lab(3, LINKS)
    lab.daemon(2)
    cut(lab, "h3")
    log = os.path.join(temp_dir(), "flow.log")
    for hosts, status in (("s=h2,d=h3", 2), ("b=h3", 3)):
        began = time.monotonic()
        result = expect(flowctl("-H", hosts, "-T", "s=1", f"--log-file={log}", netns=lab.ns(1)),
                        status)
        assert re.fullmatch(r"flowctl: no flowd can be reached at h3:5999: .+\n", result.err), \
            result.err
        assert time.monotonic() - began < 8
        assert not os.path.exists(log), "a log was left of a run that never was"


main()
