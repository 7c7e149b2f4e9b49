#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever ends a run before its time is told: on standard error even with -q, in the log, in the
lines of both ends and in the total, and by the exit status."""
import os
import re
import signal
import subprocess
import time

from flowrig_api import FAULT_CONNECT, FAULT_PEER
from flowrig_test import (FLOWCTL, Daemon, FlowLog, Lab, Skip, at_end, case, expect, flowctl, hosts, main,
                          need_program, start_flowctl, temp_dir, wait_for)


class Logged:
    """A quiet run with a log, under way when this returns."""

    def __init__(self, *options, netns=None, popen=None):
        self.path = os.path.join(temp_dir(), "flow.log")
        options = [*options, "-i", "0.1", "-q", f"--log-file={self.path}"]
        self.process = start_flowctl(*options, netns=netns)
        wait_for(lambda: os.path.exists(self.path) and
                 open(self.path, encoding="utf-8").read().count("\nD ") > 5, 20, "rows")

    def wait(self, status, seconds=60):
        found = self.process.wait(seconds)
        assert found == status, f"exit status {found}, not {status}\n{self.process.err}"
        self.log = FlowLog(self.path)
        return self.log

    def said(self, form):
        """The only sentence on standard error."""
        assert re.fullmatch(f"flowctl: {form}\n", self.process.err), self.process.err

    def summary(self, end, flow=0):
        line, = [line for line in self.log.lines if line.startswith(f"# ID {flow:3d} {end}: ")]
        return line


TIME = r"after (\d+\.\d\d\d) of (\d+\.\d\d\d) s"


def check_stopped(run, ends, flows=1, length=20.0):
    """Each end says by whom it was stopped, in the log's event and in its line of the summary."""
    for flow in range(flows):
        for end, form in ends.items():
            event, = run.log.comment(f"stopped {end} {flow} ")
            found = re.fullmatch(f"# stopped {end} {flow} {form} {TIME}", event)
            assert found, event
            at, of = re.search(f"{TIME}$", event).groups()
            assert float(at) < length == float(of), event
            why = event.removeprefix(f"# stopped {end} {flow} ")
            assert run.summary(end, flow).endswith((", " if why.startswith("stopped ") else ", stopped: ") + why), \
                run.summary(end, flow)
    assert run.log.comment("total:")[0].startswith(
        f"# total: flows = {flows}, failed = 0, stopped = {flows}, goodput = "), run.log.comment("total:")


def check_received(run, flow=0):
    """What was received until then is known, and it is what was sent."""
    sent, received = run.log.finals["S", flow], run.log.finals["D", flow]
    assert received["rx_bytes"] > 0
    assert received["rx_bytes"] + received["rx_tail"] == sent["tx_bytes"] + sent["tx_tail"]


@case
def stopped_by_another_controller():
    """flowctl stop by somebody else: status 2, who it was and when, at both ends"""
    one, two = Daemon(), Daemon()
    run = Logged("-H", hosts(one, two), "-n", 2, "-T", "s=20")
    expect(flowctl("stop", one.control, two.control))
    run.wait(2)
    who = r"stopped by another controller \(127\.0\.0\.1\)"
    first = rf"flowd at {re.escape(one.control)}: {who} {TIME}"
    second = rf"flowd at {re.escape(two.control)}: {who} {TIME}"
    # This flowctl may be the quicker one to stop the second daemon, after it has heard of the first.
    run.said(f"({first}|{second})(\nflowctl: ({second}|{first}))?")
    form = rf"({who}|stopped because the (source|destination) ended \({who}\))"
    check_stopped(run, {"S": form, "D": form}, 2)
    check_received(run)


@case
def stopped_at_one_end():
    """Stopped at the destination only: the source is stopped, too, and does not send on into nothing"""
    one, two = Daemon(), Daemon()
    run = Logged("-H", hosts(one, two), "-T", "s=20")
    expect(flowctl("stop", two.control))
    began = time.monotonic()
    run.wait(2)
    assert time.monotonic() - began < 4, "the source has not sent for 20 s"
    who = r"stopped by another controller \(127\.0\.0\.1\)"
    peer = rf"stopped because the destination ended \({who}( {TIME})?\)"
    run.said(rf"flowd at {re.escape(two.control)}: {who} {TIME}")
    event, = run.log.comment("stopped S 0 ")
    assert re.fullmatch(f"# stopped S 0 {peer} {TIME}", event), event
    assert ", failed = 0, stopped = 1, " in run.log.comment("total:")[0]
    assert run.log.finals["S", 0]["tx_time"] < 4e9


@case
def daemon_shut_down():
    """SIGTERM to the destination's daemon: both ends say so at once, and nothing else"""
    one, two = Daemon(), Daemon()
    run = Logged("-H", hosts(one, two), "-T", "s=20")
    two.signal(signal.SIGTERM)
    began = time.monotonic()
    assert two.wait(30) == 0, two.err
    two.killed = True
    run.wait(2)
    assert time.monotonic() - began < 8
    run.said(rf"flowd at {re.escape(two.control)}: the daemon was shut down {TIME}")
    assert re.search(rf", stopped: the daemon was shut down {TIME}$", run.summary("D")), run.summary("D")
    assert re.search(rf", stopped because the destination ended \(the daemon was shut down( {TIME})?\) "
                     rf"{TIME}", run.summary("S")), run.summary("S")
    assert "flows = 1, failed = 0, stopped = 1, " in run.log.comment("total:")[0], run.process.err


@case
def interrupted():
    """A signal to flowctl is the cause that the log gives"""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup(1) flowctl would ignore it, as it should
    for number, name in ((signal.SIGINT, "flowctl was interrupted (SIGINT)"),
                         (signal.SIGTERM, "flowctl was terminated (SIGTERM)"),
                         (signal.SIGHUP, "flowctl lost its terminal (SIGHUP)")):
        one = Daemon()
        run = Logged("-H", hosts(one), "-T", "s=20")
        run.process.signal(number)
        run.wait(130)
        form = re.escape(name)
        run.said(f"{form}: stopping the flows; a second signal quits immediately")
        check_stopped(run, {"S": form, "D": form})


@case
def signalled_twice_at_once():
    """Two signals of one kind within a second are one, as timeout(1) sends them: nothing is lost"""
    for _ in range(5):
        one = Daemon()
        run = Logged("-H", hosts(one), "-T", "s=20")
        run.process.signal(signal.SIGTERM)
        run.process.signal(signal.SIGTERM)
        run.wait(130)
        assert run.log.comment("total:") and not one.rpc().flowd.status({})["sessions"]


@case
def signalled_twice():
    """A second signal later quits at once, and the way out names the command that collects the rest"""
    one = Daemon()
    run = Logged("-H", hosts(one), "-T", "s=20")
    one.signal(signal.SIGSTOP)
    run.process.signal(signal.SIGINT)
    wait_for(lambda: "a second signal quits" in run.process.err, 10, "the warning")
    time.sleep(1.1)
    run.process.signal(signal.SIGINT)
    assert run.process.wait(5) == 130
    one.signal(signal.SIGCONT)
    told = re.search(r"flowctl: quit without the last reports: '(flowctl attach [0-9a-f]{8})' collects "
                     r"them\n$", run.process.err)
    assert told, run.process.err
    result = flowctl("attach", told[1].split()[-1])
    assert FlowLog(run.path).comment("total:"), result.err


@case
def ignored_signals_stay_ignored():
    """nohup, and a script's job in the background: signals that were ignored stay so"""
    one = Daemon()
    for ignored in (signal.SIGHUP, signal.SIGINT):
        process = subprocess.Popen([FLOWCTL, "-H", hosts(one), "-T", "s=1.5", "-i", "0.1"], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   preexec_fn=lambda: signal.signal(ignored, signal.SIG_IGN))
        at_end(process.kill)
        while not process.stdout.readline().startswith("S "):
            pass
        os.kill(process.pid, ignored)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0 and err == "", (process.returncode, err)
        assert re.search(r"^# total: flows = 1, failed = 0, goodput", out, re.M), out[-1000:]


@case
def bare_environment():
    """env -i; standard files that are closed: a run is measured as ever"""
    one = Daemon()
    for shell in ('exec env -i "$0" "$@"', 'exec "$0" "$@" <&- >&- 2>&-'):
        path = os.path.join(temp_dir(), "flow.log")
        done = subprocess.run(["/bin/sh", "-c", shell, FLOWCTL, "-H", hosts(one), "-T", "s=0.3", "-Q",
                               f"--log-file={path}"], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), done
        log = FlowLog(path)
        assert log.finals["D", 0]["rx_bytes"] > 0 and "failed = 0, goodput = " in log.comment("total:")[0]
        assert "unknown" not in log.comment("total:")[0], log.comment("total:")


@case
def controller_lost():
    """A controller killed: whoever attaches after the lease is told that the flows ended with it"""
    one = Daemon("--lease", 1)
    run = Logged("-H", hosts(one), "-T", "s=20")
    run.process.kill()
    wait_for(lambda: one.rpc().flowd.status({})["sessions"][0]["state"] == "ended", 20, "the lease")
    listed = flowctl("attach").out
    result = flowctl("attach", listed.split(":")[0])
    assert result.status == 2, result.err
    run.log = FlowLog(run.path)
    why = "stopped by the daemon, which heard from no controller within the lease of 1 s"
    check_stopped(run, {"S": why, "D": why})
    assert re.search(f"flowctl: flowd at {re.escape(one.control)}: {why} {TIME}\n", result.err), result.err


@case
def daemon_lost():
    """A destination killed: its goodput is unknown, and what its rows have until then is known"""
    one, two = Daemon(), Daemon()
    run = Logged("-H", hosts(one, two), "-T", "s=3", "-R", "s=8Mbit")
    two.kill_hard()
    log = run.wait(2)
    received = sum(row["rx_bytes"] for row in log.of("D"))
    assert received > 0 and ("D", 0) not in log.finals
    total, = log.comment("total:")
    assert total.startswith("# total: flows = 1, failed = 1, goodput = unknown (no final report); "
                            f"{received:.0f} B in rows until then, retransmitted = "), total
    assert f", received = {received:.0f} [B] (in rows until then), " in run.summary("D"), \
        run.summary("D")


# ---- on the path


def firewall(lab, host, rule):
    """Adds a rule to a host's output."""
    need_program("nft")
    for words in ("add table inet cut", "add chain inet cut out { type filter hook output priority 0; }",
                  f"add rule inet cut out {rule}"):
        lab.run(host, "nft", words)


@case
def reset_on_the_way():
    """A firewall resets the data connection: a failure, told once; the other end does not go on"""
    lab = Lab(3, "delay=5ms rate=20m limit=50ms")
    for host in (2, 3):
        lab.daemon(host, "--data-ports", "7000-7010") if host == 3 else lab.daemon(host)
    run = Logged("-H", f"s={lab.addr(2)},d={lab.addr(3)}", "-T", "s=20", netns=lab.ns(1))
    firewall(lab, 2, "tcp dport 7000-7010 reject with tcp reset")
    began = time.monotonic()
    run.wait(2)
    assert time.monotonic() - began < 12, "the destination is stopped with the source"
    assert "the connection was reset before the end of the flow, by the destination or by a firewall on the path" \
        in run.process.err, run.process.err
    assert re.search(r"^flowctl: flow 0, source 10\.77\.0\.3 \(flowd at 10\.77\.0\.3:5999\): the connection "
                     "was reset", run.process.err, re.M), run.process.err
    assert ", stopped because the source ended (the connection was reset" in run.summary("D")


@case
def control_that_loses_large_packets():
    """The control connection loses full packets: calls with small answers pass, and the path is named"""
    lab = Lab(3, "delay=5ms rate=20m limit=50ms")
    for host in (2, 3):
        lab.daemon(host)
    firewall(lab, 2, "tcp sport 5999 meta length > 1200 drop")
    result = flowctl("-H", f"s={lab.addr(2)},d={lab.addr(3)}", "-T", "s=1", netns=lab.ns(1))
    assert (result.status, result.err) == (2, (
        "flowctl: flowd at 10.77.0.3:5999 did not answer flowd.describe in time, but other calls meanwhile: check the "
        "path for a firewall, or for a link with a smaller MTU than the hosts assume\n")), result.err


@case
def cause_at_the_other_end():
    """A destination whose connection is aborted there: that is said, not that the source's was reset"""
    need_program("ss")
    lab = Lab(3, "delay=5ms rate=20m limit=50ms")
    lab.daemon(2)
    lab.daemon(3, "--data-ports", "7000-7000")
    run = Logged("-H", f"s={lab.addr(2)},d={lab.addr(3)}", "-T", "s=6", netns=lab.ns(1))
    done = subprocess.run(["ip", "netns", "exec", lab.ns(3), "ss", "-K", "state", "established", "sport", "=", "7000"],
                          capture_output=True, text=True, check=False)
    if ":7000" not in done.stdout and ":bbs" not in done.stdout:
        raise Skip(f"the kernel cannot abort connections of others (ss -K): {done.stderr}")
    run.wait(2)
    run.said(r"flow 0, destination 10\.77\.0\.4 \(flowd at 10\.77\.0\.4:5999\): the connection failed: "
             "Software caused connection abort")
    assert [run.log.finals[end, 0]["fault"] for end in "SD"] == [FAULT_PEER, FAULT_CONNECT], run.log.finals
    assert "error: the connection was reset before the end of the flow, by the destination" in run.summary("S")
    assert run.summary("D").endswith(", error: the connection failed: Software caused connection abort")


@case
def data_lost_from_the_start():
    """SYNs pass and data does not: both ends wait for as long as the kernel tries, and the path is named"""
    lab = Lab(3, "delay=5ms rate=20m limit=50ms")
    lab.daemon(2)
    lab.daemon(3, "--data-ports", "7000-7000")
    firewall(lab, 2, "tcp dport 7000 meta length > 80 drop")
    seconds = 5.5  # longer than a connection waits that no flow waits for
    result = flowctl("-H", f"s={lab.addr(2)},d={lab.addr(3)}", "-T", "s=1", "--connect-timeout", seconds,
                     netns=lab.ns(1))
    assert result.status == 2 and result.err == (
        "flowctl: flow 0, source 10.77.0.3 (flowd at 10.77.0.3:5999): 10.77.0.4:7000 accepted the connection, but "
        f"within {seconds} s none of the data sent after it was acknowledged: check the path for a firewall, or for a "
        "link with a smaller MTU than the hosts assume\n"), result.err


def answer_lost(limit, until):
    """A run whose destination's answers are lost on the way, until something happens."""
    lab = Lab(3, "delay=5ms rate=20m limit=50ms")
    lab.daemon(2)
    lab.daemon(3, "--data-ports", "7000-7000")
    firewall(lab, 3, "tcp sport 7000 meta length > 80 counter drop")
    began = time.monotonic()
    process = start_flowctl("-H", f"s={lab.addr(2)},d={lab.addr(3)}", "-T", "s=0.5", "-Q", "--connect-timeout",
                            limit, netns=lab.ns(1))
    until(lambda: lab.run(3, "nft", "list", "table", "inet", "cut"))
    lab.run(3, "nft", "delete", "table", "inet", "cut")
    status = process.wait(60)
    return process, status, time.monotonic() - began


@case
def answer_lost_on_the_way():
    """The destination's answer is lost five times and retransmitted: the source waits as long as TCP does"""
    def until(counted):
        # at 0, 0.2, 0.6, 1.4, 3 s; the next one comes at 6.2 s, when a source once had given up
        wait_for(lambda: int(re.search(r"packets (\d+)", counted())[1]) >= 5, 20, "the losses")
    process, status, took = answer_lost(30, until)
    assert (status, process.err) == (0, ""), process.err
    assert "failed = 0, goodput = " in process.out and took > 5.5, took


@case
def answer_lost_for_good():
    """The destination's answer never arrives: the source waits for its time, and names the path, too"""
    def until(_):
        time.sleep(2)
    process, status, _ = answer_lost(1.5, until)
    assert status == 2 and process.err == (
        "flowctl: flow 0, source 10.77.0.3 (flowd at 10.77.0.3:5999): 10.77.0.4:7000 accepted the connection but did "
        "not agree to the flow within 1.5 s: it is not flowd, or another flowd than planned, or its answer was lost "
        "on the path\n"), process.err


@case
def nothing_arrives():
    """Large segments are lost on the way: nothing arrives, which is no success, and the hint says why"""
    lab = Lab(3, "delay=5ms rate=20m limit=50ms")
    lab.daemon(2)
    lab.daemon(3, "--data-ports", "7000-7010")
    firewall(lab, 2, "tcp dport 7000-7010 meta length > 600 drop")
    path = os.path.join(temp_dir(), "flow.log")
    result = flowctl("-H", f"s={lab.addr(2)},d={lab.addr(3)}", "-T", "s=1", "--drain", "0.5", "-q",
                     f"--log-file={path}", netns=lab.ns(1))
    assert result.status == 2, result.err
    assert result.err == (
        "flowctl: flow 0: nothing arrived at the destination 10.77.0.4, although the connection was set up: "
        "check the path for a firewall, or for a link with a smaller MTU than the hosts assume\n"), result.err
    assert FlowLog(path).comment("total:")[0].startswith(
        "# total: flows = 1, failed = 0, without data = 1, goodput = 0.0")


main()
