#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example of flowgrind's manual page, with the name of the program replaced: each does what
the page says of it. Ten seconds are shortened, and what a run leaves is written to a log; all else
is as in the page: its hosts are those of a lab, by the page's names and addresses."""
import os
import re
import shlex
import subprocess

from flowrig_lab import NS, Block, Observed, attempts, log_in, near, segments, stop_all
from flowrig_test import (FLOWCTL, Capture, Daemon, FlowLog, Lab, case, expect, flowctl, in_netns, main,
                          need_program, note, shared, temp_dir)

ONE_WAY_MS = 2
LINKS = f"delay={ONE_WAY_MS / 2}ms rate=100m limit=50ms"
# Hosts of the lab: 1 has the controller, and a daemon for the flows of "localhost".
LOCALHOST, HOST1, HOST2, OTHER1, OTHER2 = 1, 2, 3, 4, 5
NAMES = {HOST1: "host1", HOST2: "host2"}
TEST_NET = {LOCALHOST: ["192.168.0.250", "10.0.0.250"], HOST1: ["192.168.0.1", "10.0.0.100"],
            HOST2: ["192.168.0.69", "10.0.0.101"], OTHER1: ["10.0.0.1"], OTHER2: ["10.0.0.2"]}
CONTROL_NET = {LOCALHOST: "192.168.1.250", HOST1: "192.168.1.100", HOST2: "192.168.1.101"}


class Page:
    """The hosts of the page's examples, with a daemon each."""

    def __init__(self):
        need_program("tcpdump")
        self.lab = Lab(OTHER2, LINKS, control=True)
        for host, addresses in TEST_NET.items():
            for address in addresses:
                self.lab.run(host, "ip", "addr", "add", f"{address}/24", "dev", "eth0")
            if host in CONTROL_NET:
                self.lab.run(host, "ip", "addr", "add", f"{CONTROL_NET[host]}/24", "dev", "eth1")
            with open(f"/etc/netns/{self.lab.ns(host)}/hosts", "a", encoding="ascii") as file:
                for number, name in NAMES.items():
                    file.write(f"{self.lab.addr(number)} {name}\n")
            if host != LOCALHOST:
                self.lab.daemon(host, bind="0.0.0.0")
        self.dumps = temp_dir()
        # Without an option that says where it listens.
        Daemon("-w", self.dumps, netns=self.lab.ns(LOCALHOST), port=5999)

    def run(self, command, seconds=None, at=(), **keywords):
        """Runs an example, with so many seconds where the page has ten."""
        return Observed(self.lab, *options_of(command, seconds), hosts=None, at=at, **keywords)


page = shared(Page)


def options_of(command, seconds=None):
    name, *options = shlex.split(command)
    assert name == "flowgrind"
    return (["-T", f"s={seconds}"] if seconds else []) + options


def plan_of(command):
    """What flowctl would do with a command: every setting of every flow."""
    return expect(flowctl("--dry-run", *options_of(command))).out


def sent(run, end, flow=0):
    return run.whole(end, flow, "tx_bytes")


def check_delivered(run, flow=0):
    """What one end sent the other one got, in both directions."""
    for sender, receiver in ("SD", "DS"):
        assert sent(run, sender, flow) == run.whole(receiver, flow, "rx_bytes"), (sender, flow)


def check_between(run, source, destination, flow=0):
    """The flow connects these addresses, and the destination agrees."""
    ends = run.ends(flow)
    assert [host for host, _ in ends] == [source, destination], ends
    assert run.log.begins["D", flow]["local"] == run.log.begins["S", flow]["peer"]


# ---- bulk


def check_bulk(run, sender, seconds):
    """One flow that sends without a limit, in this direction only."""
    receiver = "D" if sender == "S" else "S"
    assert set(run.log.finals) == {("S", 0), ("D", 0)}, run.log.finals.keys()
    run.check_rows(0, round(seconds / 0.05), seconds)
    check_delivered(run)
    assert sent(run, sender) > 1e6 and sent(run, receiver) == 0
    near(run.log.finals[sender, 0]["tx_time"] / NS, seconds, amount=0.5, what="time sent in s")


@case
def localhost():
    """flowgrind: one flow on this host with the default settings, for 10 s"""
    plan = plan_of("flowgrind").replace("localhost", "127.0.0.1")
    assert plan == plan_of("flowgrind -H b=127.0.0.1 -T s=10,d=0"), plan
    run = page().run("flowgrind", 0.5)
    check_between(run, "127.0.0.1", "127.0.0.1")
    check_bulk(run, "S", 0.5)
    # The columns that are shown per default, and those that are not.
    head = run.result.out.splitlines()[1]
    for name in ("begin", "through", "transac", "min IAT", "cwnd", "ssth", "rto", "pmtu"):
        assert name in head, name
    for name in ("requ", "resp", "RTT", "DLY"):
        assert name not in head, name


@case
def localhost_over_ipv6():
    """flowgrind -H b=::1/127.0.0.1: the same over IPv6"""
    command = "flowgrind -H b=::1/127.0.0.1"
    assert plan_of(command) == plan_of("flowgrind -H b=127.0.0.1").replace(
        "host=127.0.0.1", "host=::1")
    run = page().run(command, 0.5)
    check_between(run, "::1", "::1")
    check_bulk(run, "S", 0.5)


@case
def between_two_hosts():
    """flowgrind -H s=host1,d=host2: host1 connects and sends to host2, for 10 s"""
    lab = page().lab
    command = "flowgrind -H s=host1,d=host2"
    assert "s.duration=10s" in plan_of(command) and "d.duration=0s" in plan_of(command)
    run = page().run(command, 0.6, at=(HOST1, HOST2))
    check_between(run, lab.addr(HOST1), lab.addr(HOST2))
    check_bulk(run, "S", 0.6)
    run.check_bytes(0)


@case
def back_from_the_second_host():
    """flowgrind -H s=host1,d=host2 -T s=0,d=10: host1 connects still, but host2 sends"""
    lab = page().lab
    command = "flowgrind -H s=host1,d=host2 -T s=0,d=10"
    assert "s.duration=0s" in plan_of(command) and "d.duration=10s" in plan_of(command)
    run = page().run(command.replace("d=10", "d=0.6"), at=(HOST1, HOST2))
    check_between(run, lab.addr(HOST1), lab.addr(HOST2))
    check_bulk(run, "D", 0.6)
    run.check_bytes(0)
    assert run.stream(0).syn_time < run.stream(0, "D").syn_time, "host2 connects"


@case
def two_pairs_of_hosts():
    """flowgrind -n 2 -F 0 -H s=A,d=B -F 1 -H s=C,d=D: two flows at once, between other hosts each"""
    command = ("flowgrind -n 2 -F 0 -H s=192.168.0.1,d=192.168.0.69 "
               "-F 1 -H s=10.0.0.1,d=10.0.0.2")
    run = page().run(command, 0.6, at=(HOST2, OTHER2))
    assert len(run.log.finals) == 4
    for flow, (source, destination), seen_at in (
            (0, ("192.168.0.1", "192.168.0.69"), HOST2), (1, ("10.0.0.1", "10.0.0.2"), OTHER2)):
        check_between(run, source, destination, flow)
        run.check_rows(flow, 12, 0.6)
        run.check_bytes(flow, at=seen_at)
        assert sent(run, "S", flow) > 1e6 and sent(run, "D", flow) == 0
    begins = [run.log.begins[end, flow]["begin"] for end in "SD" for flow in (0, 1)]
    assert max(begins) < 0.5, f"not in parallel: {begins}"


# ---- control apart, and round-trip times


@case
def control_over_a_network_of_its_own():
    """flowgrind -p -H s=A/C,d=B/D -A s: 192.168.1.x has control alone; RTT; numbers for INT_MAX"""
    command = "flowgrind -p -H s=10.0.0.100/192.168.1.100,d=10.0.0.101/192.168.1.101 -A s"
    lab = page().lab
    assert plan_of(command) == plan_of(command.replace("-A s", "-G s=p:C:40"))
    captures = {(host, interface): Capture(lab, host, "tcp", interface=interface)
                for host in (HOST1, HOST2) for interface in ("eth0", "eth1")}
    run = page().run(command, 0.6)
    seen = {key: segments(path) for key, path in stop_all(captures).items()}
    check_between(run, "10.0.0.100", "10.0.0.101")
    check_delivered(run)
    ends = set(run.ends(0))
    for host in (HOST1, HOST2):
        assert seen[host, "eth0"] and seen[host, "eth1"], f"nothing was captured on host {host}"
        assert all({s.source, s.destination} == ends for s in seen[host, "eth0"])
        daemon = CONTROL_NET[host], 5999
        for segment in seen[host, "eth1"]:
            assert daemon in (segment.source, segment.destination), segment
            assert {segment.source[0], segment.destination[0]} == \
                {CONTROL_NET[LOCALHOST], CONTROL_NET[host]}, segment
    # Each block is answered by the smallest response, and the round trip is that of the path.
    source = run.log.finals["S", 0]
    count = run.whole("S", 0, "rx_responses")
    assert count == source["rtt_count"] == run.whole("S", 0, "tx_requests") > 100
    assert run.whole("S", 0, "rx_bytes") == 40 * count
    assert source["rtt_min"] / 1e6 >= 2 * ONE_WAY_MS
    assert "min RTT  avg RTT  max RTT" in run.result.out
    # INT_MAX is a number here; without -p it is not.
    assert "2147483647" in run.result.out and "INT_MAX" not in run.result.out
    assert "INT_MAX" in page().run(command.replace("-p ", ""), 0.1).result.out


# ---- output for other programs


@case
def throughput_drawn_by_gnuplot():
    """flowgrind -i 0.001 -T s=1 | egrep ^S | gnuplot: the sender's rows, a thousand, are drawn"""
    need_program("gnuplot")
    need_program("egrep")
    folder = temp_dir()
    command = ("flowgrind -i 0.001 -T s=1 | egrep ^S | gnuplot -persist -e "
               "'plot \"-\" using 3:5 with lines title \"Throughput\" '")
    changed = command.replace("flowgrind", f"{os.path.abspath(FLOWCTL)} -w").replace(
        "| gnuplot", "| tee rows | gnuplot")
    done = subprocess.run(
        in_netns(page().lab.ns(LOCALHOST), ["sh", "-c", changed]), cwd=folder, text=True,
        env=dict(os.environ, GNUTERM="svg"), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    log = FlowLog(log_in(folder))
    skipped = log.finals["S", 0]["rows_skipped"]
    with open(os.path.join(folder, "rows"), encoding="ascii") as file:
        rows = [line.split() for line in file]
    end = float(rows[-1][3])
    note(f"{len(rows)} rows up to {end} s, {skipped} skipped on a busy machine")
    # The last row may come late, and a row more for each ms that the end takes.
    assert end >= 1 and 1000 <= len(rows) + skipped <= 1000 * end + 1
    assert len(rows) >= 300
    for row, logged in zip(rows, log.of("S"), strict=True):
        near(float(row[2]), logged["begin"], amount=0.00051, what="begin")
        near(float(row[4]), logged["through"], amount=0.000001, what="through")
    # What gnuplot drew: a line with their name, less those that fall on one another.
    assert ">Throughput<" in done.stdout, done.stdout[-2000:]
    line = max(re.findall(r"<path [^>]* d='([^']*)'", done.stdout), key=len)
    points = len(re.findall(r"[ML][\d.]+,[\d.]+", line))
    assert 100 <= points <= len(rows) + 2, f"{points} points"


# ---- drawn traffic


def mean(values):
    return sum(values) / len(values)


def deviation(values):
    center = mean(values)
    return (sum((v - center) ** 2 for v in values) / len(values)) ** 0.5


SIGMAS = 5  # a bound that true draws exceed once in two million


def check_mean(values, center, spread, what):
    near(mean(values), center, amount=SIGMAS * spread / len(values) ** 0.5, what=f"mean {what}")


def check_spread(values, spread, what):
    """The standard deviation, of a distribution that is about normal."""
    near(deviation(values), spread, amount=SIGMAS * spread / (2 * len(values)) ** 0.5,
         what=f"standard deviation of the {what}")


def check_uniform(values, low, high, what, slack=0.0):
    """The share of values below each quartile of the range, but for so much of all."""
    for share in (0.25, 0.5, 0.75):
        below = sum(v < low + share * (high - low) for v in values) / len(values)
        near(below, share, amount=SIGMAS * (share * (1 - share) / len(values)) ** 0.5 + slack,
             what=f"share of {what} in the lowest {share} of their range")


def check_sizes(values):
    assert 40 <= min(values) and max(values) <= 10000, (min(values), max(values))
    check_uniform(values, 40, 10000, "sizes")


def on_the_wire(run, at):
    """The requests of the source, the responses to them, and the gaps between requests in s."""
    requests = [b for b in run.blocks(0, "S", at) if b.type == Block.REQUEST]
    responses = [b for b in run.blocks(0, "D", at) if b.type == Block.RESPONSE]
    assert [b.size for b in responses] == [b.response_size for b in requests if b.response_size]
    times = [b.sent / NS for b in requests]
    return ([b.size for b in requests], [b.size for b in responses],
            [b - a for a, b in zip(times, times[1:])])


def between_hosts(command, seconds):
    """An example of the page that sends without a limit, over a link that it can't flood."""
    run = page().run(command + " -H s=host1,d=host2", seconds, at=(HOST1,), snaplen=0)
    return on_the_wire(run, HOST1)


@case
def stochastic_requests_and_responses():
    """flowgrind -G s=q:C:400 -G s=p:N:2000:50 -G s=g:U:0.005:0.01 -U 32000: sizes and gaps"""
    command = "flowgrind -G s=q:C:400 -G s=p:N:2000:50 -G s=g:U:0.005:0.01 -U 32000"

    def measure(_):
        return page().run(command, 2, at=(LOCALHOST,), interface="lo", snaplen=0)

    def check(run):
        requests, responses, gaps = on_the_wire(run, LOCALHOST)
        note(f"{len(requests)} requests; responses {mean(responses):.1f} +- "
             f"{deviation(responses):.1f} B; gaps {1e3 * mean(gaps):.3f} ms, "
             f"{1e3 * min(gaps):.3f} to {1e3 * max(gaps):.3f}")
        assert set(requests) == {400} and max(responses) <= 32000
        check_mean(responses, 2000, 50, "size of responses")
        check_spread(responses, 50, "sizes of responses")
        # A block may be late, and what follows it is not.
        check_mean(gaps, 0.0075, 0.005 / 12 ** 0.5, "gap")
        check_uniform(gaps, 0.005, 0.01, "gaps", slack=0.05)

    attempts(measure, check)


@case
def request_and_response_as_http():
    """flowgrind -M s -G s=q:C:350 -G s=p:L:9055:115.17 -U 100000: web pages, dumped at the sender"""
    command = "flowgrind -M s -G s=q:C:350 -G s=p:L:9055:115.17 -U 100000"
    before = set(os.listdir(page().dumps))
    run = page().run(command, 0.05)
    check_delivered(run)
    count = run.whole("S", 0, "rx_responses")
    assert count == run.log.finals["S", 0]["rtt_count"] > 20
    assert run.whole("S", 0, "tx_bytes") == 350 * run.whole("S", 0, "tx_requests")
    near(run.whole("S", 0, "rx_bytes") / count, 9055, amount=SIGMAS * 115.17 / count ** 0.5,
         what="mean size of responses")
    # The metrics that the page recommends.
    assert re.search(r"ID +0 S: .*transactions/s = [1-9].* RTT = [\d.]+/[\d.]+/[\d.]+ \[ms\]",
                     run.result.out), run.result.out
    name, = set(os.listdir(page().dumps)) - before
    assert "-0-s-" in name, name
    dumped = segments(os.path.join(page().dumps, name))
    assert {frozenset((s.source, s.destination)) for s in dumped} == {frozenset(run.ends(0))}
    assert len(dumped) == run.log.finals["S", 0]["dump_packets"] > 0

    sizes, responses, _ = between_hosts(command.replace("-M s ", ""), 0.02)
    note(f"{len(responses)} responses of {mean(responses):.1f} +- {deviation(responses):.1f} B")
    assert set(sizes) == {350} and max(responses) <= 100000
    check_mean(responses, 9055, 115.17, "size of responses")
    check_spread(responses, 115.17, "sizes of responses")


@case
def interactive_session():
    """flowgrind -G s=q:U:40:10000 -G s=q:U:40:10000 -O b=TCP_NODELAY: and with p, as it is meant"""
    # The page says that this draws requests and responses, but the option names the request twice.
    command = "flowgrind -G s=q:U:40:10000 -G s=q:U:40:10000 -O b=TCP_NODELAY"
    run = page().run(command, 0.05)
    check_delivered(run)
    assert run.result.out.count("TCP_NODELAY = 1/1 (real/req)") == 2, run.result.out
    assert run.whole("S", 0, "tx_requests") > 10 and run.whole("D", 0, "tx_responses") == 0

    sizes, responses, _ = between_hosts(command.replace("q", "p").replace("p", "q", 1), 0.3)
    note(f"{len(sizes)} requests of {mean(sizes):.0f} B, {len(responses)} responses of "
         f"{mean(responses):.0f} B")
    check_sizes(sizes)
    check_sizes(responses)


@case
def streaming_media():
    """flowgrind -G s=q:C:800 -G s=g:N:0.008:0.001: about 800 kbit/s, a block each 8 ms or so"""
    command = "flowgrind -G s=q:C:800 -G s=g:N:0.008:0.001"

    def measure(_):
        return page().run(command, 2, at=(LOCALHOST,), interface="lo", snaplen=0)

    def check(run):
        sizes, responses, gaps = on_the_wire(run, LOCALHOST)
        received = run.log.finals["D", 0]
        rate = received["rx_bytes"] * 8 * NS / received["rx_time"]
        note(f"{rate / 1e3:.1f} kbit/s, gaps {1e3 * mean(gaps):.3f} +- {1e3 * deviation(gaps):.3f} ms")
        assert set(sizes) == {800} and not responses
        near(rate, 800e3, share=SIGMAS * 0.125 / len(gaps) ** 0.5, amount=800 * 8 / 2, what="rate")
        near(received["iat_sum"] / received["iat_count"] / NS, 0.008,
             amount=SIGMAS * 0.001 / len(gaps) ** 0.5, what="mean IAT")
        # By the quartiles, which a block that is late does not move: 0.6745 sigma on either side.
        ordered = sorted(gaps)
        quartiles = [ordered[round(share * (len(gaps) - 1))] for share in (0.25, 0.75)]
        near(quartiles[1] - quartiles[0], 1.349e-3, amount=SIGMAS * 1.573e-3 / len(gaps) ** 0.5,
             what="distance of the quartiles of the gaps")

    attempts(measure, check)


main()
