#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows of all kinds over emulated paths: addresses, directions, times, settings, hosts, MTUs, a
network for control alone, and paths that break."""
import re
import shutil
import time

from flowrig_lab import (NS, PREAMBLE, SYN, Observed, SsWatch, attempts, clock_bound, near, ping,
                         segments, stop_all)
from flowrig_test import (SANITIZED, Capture, Lab, Skip, case, expect, flowctl, long_case, main,
                          need_program, note, shared)

RTT_MS = 20
DELAY = f"delay={RTT_MS / 4}ms"
LINKS = DELAY + " rate=100m limit=50ms"
SLACK = 0.5 if SANITIZED else 0.15  # s that a stalled machine may be late


def lab_with(*hosts, links=LINKS, **keywords):
    """A lab with daemons on these hosts; neighbours know each other's addresses already."""
    need_program("tcpdump")
    lab = Lab(max(hosts), links, **keywords)
    for host in hosts:
        lab.daemon(host)
        lab.run(host, "ping", "-4", "-n", "-c", "1", "h2" if host != 2 else "h3")
    return lab


plain_lab = shared(lambda: lab_with(2, 3))  # for cases that leave it as it is


def first_data(run, flow, sender="S", at=3):
    """When the first byte after the preamble passed, in s after the start."""
    return (run.first_data(flow, sender, at) - run.start) / NS


# ---- addresses


def check_over(run, address_of):
    """One flow of 1 s between these addresses, complete in every respect."""
    assert [host for host, _ in run.ends(0)] == [address_of(2), address_of(3)], run.ends(0)
    run.check_rows(0, 4, 1)
    run.check_bytes(0)


@case
def over_ipv6():
    """a flow over IPv6"""
    need_program("tcpdump")
    lab = Lab(3, LINKS)
    for host in (2, 3):
        lab.daemon(host, bind=lab.addr(host, 6))
    run = Observed(lab, "-T", "s=1", "-i", 0.25,
                   hosts=f"s=[{lab.addr(2, 6)}],d=[{lab.addr(3, 6)}]/[{lab.addr(3, 6)}]:5999")
    check_over(run, lambda host: lab.addr(host, 6))
    assert {r["smss"] for r in run.log.of("S")} == {1500 - 40 - 20 - 12}
    assert {r["pmtu"] for r in run.log.rows} == {1500}


@case
def over_link_local_addresses():
    """a flow between link-local addresses with their interface"""
    need_program("tcpdump")
    lab = Lab(3, LINKS)
    addresses = {}
    for host in (1, 2, 3):
        text = lab.run(host, "ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link")
        addresses[host] = re.search(r"inet6 ([0-9a-f:]+)/", text)[1]
    for host in (2, 3):
        lab.daemon(host, bind=f"[{addresses[host]}%eth0]")
    run = Observed(lab, "-T", "s=1", "-i", 0.25,
                   hosts=f"s=[{addresses[2]}%eth0],d=[{addresses[3]}%eth0]")
    check_over(run, addresses.get)


@case
def names_and_addresses():
    """a host's name and its address mean the same; a name that is unknown is a sentence"""
    lab = plain_lab()
    for hosts in (f"s={lab.addr(2)},d=h3", f"s=h2/{lab.addr(2)},d={lab.addr(3)}/h3:5999"):
        check_over(Observed(lab, "-T", "s=1", "-i", 0.25, hosts=hosts), lab.addr)
    for hosts, who in (("s=nowhere/h2,d=h3", "source"), ("s=h2,d=nowhere/h3", "destination")):
        result = expect(flowctl("-H", hosts, "-T", "s=1", netns=lab.ns(1)), 2)
        assert re.fullmatch(rf"flowctl: .*flow 0, {who} nowhere .*: the host name 'nowhere' is not known.*\n",
                            result.err), result.err


@case
def address_that_is_not_the_hosts_own():
    """behind a translator: the source connects to an address that its destination has not got"""
    if not shutil.which("nft"):
        raise Skip("nft is not installed")
    lab = lab_with(2, 3)
    public = "192.0.2.7"
    lab.run(2, "ip", "route", "add", public, "via", lab.addr(3))
    lab.run(3, "nft", "add", "table", "ip", "translator")
    lab.run(3, "nft", "add chain ip translator in { type nat hook prerouting priority -100; }")
    lab.run(3, "nft", "add", "rule", "ip", "translator", "in", "ip", "daddr", public, "dnat", "to",
            lab.addr(3))
    run = Observed(lab, "-T", "s=1", "-i", 0.25, hosts=f"s=h2,d={public}/h3", at=(2,))
    assert run.ends(0)[1][0] == public, run.ends(0)
    assert run.log.begins["D", 0]["local"].startswith(lab.addr(3) + ":")
    run.check_rows(0, 4, 1)
    run.check_bytes(0, at=2)
    # nor need a source's address be its own
    expect(flowctl("-H", f"s={public}/h2,d=h3", "-T", "s=0.3", netns=lab.ns(1)))


# ---- directions and times


@case
def both_directions_at_once():
    """one connection, both ends send for 2 s"""
    run = Observed(plain_lab(), "-T", "s=2,d=2", "-i", 0.25)
    run.check_rows(0, 8, 2)
    run.check_bytes(0)
    opened = [s for s in run.segments[3] if s.flags & SYN]
    assert len(opened) == 2, "one connection: a SYN each way"
    for end in "SD":
        final = run.log.finals[end, 0]
        assert final["rx_bytes"] > 0.5e6 * 2 and final["tx_bytes"] >= final["rx_bytes"] / 10
        seen = run.stream(0, "D" if end == "S" else "S", 2 if end == "S" else 3)
        wanted = seen.by(run.start + 2 * NS) - PREAMBLE
        near(final["rx_bytes"], wanted, share=0.02, what=f"bytes that {end} counts in its time")
    goodput = sum(run.log.finals[end, 0]["rx_bytes"] for end in "SD")
    assert f"({goodput} B at the receivers)" in run.result.out


@case
def directions_of_unequal_length():
    """one end sends for 1 s, the other for 4 s: an end that is over in time is no failure"""
    run = Observed(plain_lab(), "-n", 2, "-F", 0, "-T", "s=1,d=4", "-F", 1, "-T", "s=4,d=1",
                   "-F", -1, "-i", 0.5)
    for flow in (0, 1):
        run.check_rows(flow, 8, 4)
        run.check_bytes(flow)
        for end, seconds in (("S", (1, 4)[flow]), ("D", (4, 1)[flow])):
            near(run.log.finals[end, flow]["tx_time"], seconds * NS, amount=SLACK * NS,
                 what="tx_time")
    assert not [line for line in run.log.lines if "error" in line]


@case
def delayed_flow_waits():
    """-Y: nothing is sent before the delay, then at once; rows show both"""

    def measure(_):
        return Observed(plain_lab(), "-T", "s=1.5,d=1", "-Y", "s=1,d=0.5", "-i", 0.25)

    def check(run):
        bound = clock_bound(run.result) / NS
        for sender, at, delay in (("S", 2, 1.0), ("D", 3, 0.5)):
            sent = first_data(run, 0, sender, at)
            note(f"{sender} sent its first byte {1000 * (sent - delay):+.2f} ms after its delay")
            assert sent >= delay - bound, f"{sender} sent at {sent} s"
            assert sent <= delay + bound + SLACK, f"{sender} sent at {sent} s"
            rows = run.log.of(sender)
            count = round(delay / 0.25)
            assert not any(r["tx_bytes"] for r in rows[:count]) and rows[count]["tx_bytes"] > 0
            # a row tells the state at its end
            assert {r["status"][0] for r in rows[:count - 1]} == {"d"}
        assert run.stream(0).syn_time < run.start, "it connects before the start"
        run.check_rows(0, 10, 2.5)
        run.check_bytes(0)
        near(run.log.finals["S", 0]["tx_time"], 1.5 * NS, amount=SLACK * NS, what="tx_time")

    attempts(measure, check)


def late(attempt=0):
    """The late connect that the cases share."""
    while len(_late) <= attempt:
        _late.append(Observed(plain_lab(), "-L", "-T", "s=1", "-Y", "s=1", "-i", 0.25))
    return _late[attempt]


_late = []


@case
def late_connect_connects_late():
    """-L: the SYN goes at the start, handshake and exchange take a round trip each, and are told
    apart from the flow"""

    def check(run):
        bound = clock_bound(run.result) / NS
        syn = (run.stream(0, at=2).syn_time - run.start) / NS
        sent, received = run.log.finals["S", 0], run.log.finals["D", 0]
        times = {k: sent[k] / 1e6 for k in ("connect_time", "exchange_time")}
        note(f"SYN at {syn:.4f} s, {times} ms, begin {sent['begin']} s")
        assert 1 - bound <= syn <= 1 + bound + SLACK, f"SYN at {syn} s"
        for name, value in times.items():
            assert RTT_MS <= value <= RTT_MS + 1000 * SLACK, f"{name} {value} ms"
            # the first exchange of frames may have been lost to a stall
        assert sent["begin"] >= 1 + 2 * RTT_MS / 1000, sent["begin"]
        assert sent["begin"] <= 1 + (2 * RTT_MS) / 1000 + SLACK, sent["begin"]
        assert first_data(run, 0, at=2) >= sent["begin"] - bound
        near(sent["tx_time"], 1 * NS, amount=SLACK * NS, what="tx_time")
        near(received["rx_time"], 1 * NS, amount=SLACK * NS, what="rx_time")
        run.check_bytes(0)
        assert re.search(r"ID +0 S: .*handshake = [\d.]+ \[ms\], exchange = [\d.]+ \[ms\]",
                         run.result.out)

    attempts(late, check)


@case
def late_connect_has_whole_rows():
    """-L with a delay: rows begin after the exchange, and each is an interval long"""
    run = late()
    begin = run.log.begins["S", 0]["begin"]
    run.check_rows(0, 4, 2, end_begin=1)
    for row in run.log.rows:
        assert row["end"] - row["begin"] >= 0.125, (begin, row["begin"], row["end"])


@case
def drain_is_bounded():
    """--drain: a receiver reads on for so long, and what was not delivered is told"""
    lab = lab_with(2, 3, links=DELAY + " rate=4m limit=4s")
    drains = {0: 0, 1: 0.4, 2: 20}
    words = [w for flow, drain in drains.items() for w in ("-F", flow, "--drain", drain)]
    run = Observed(lab, "-n", 3, "-T", "s=2", "-B", "s=150000", "-i", 0.5, *words)
    for flow, drain in drains.items():
        sent, received = run.log.finals["S", flow], run.log.finals["D", flow]
        run_over = max(sent["end"], received["end"]) - 2
        note(f"drain {drain} s: over after {run_over:.2f} s, tail {received['rx_tail']} B, "
             f"unacknowledged {sent['tx_unacked']} B")
        total = received["rx_bytes"] + received["rx_tail"]
        assert total + sent["tx_unacked"] >= sent["tx_bytes"] >= total
        if drain == 20:
            assert total == sent["tx_bytes"] and sent["tx_unacked"] == 0 and received["rx_tail"] > 0
            assert run_over > 0.4, "the queue was too short for this case"
        else:
            assert sent["tx_unacked"] > 0 and total < sent["tx_bytes"]
            assert drain <= run_over <= drain + 4 * SLACK, run_over
    assert run.log.finals["D", 0]["rx_tail"] == 0 < run.log.finals["D", 1]["rx_tail"]
    for line in ("read while draining", "never acknowledged"):
        assert line in run.result.out


@case
def shutdown_leaves_responses_owed():
    """-N: a direction closes at its end although responses are owed; without -N it goes on"""
    run = Observed(plain_lab(), "-n", 2, "-T", "s=1,d=2.5", "-A", "d", "-R", "b=400kbit", "-S",
                   "b=1000", "-O", "b=TCP_NODELAY", "-F", 1, "-N", "-F", -1, "-i", 0.5, snaplen=0)
    closed = {}
    for flow in (0, 1):
        stream = run.stream(flow, "S", 2)
        closed[flow] = [s.time for s in stream.segments if s.flags & 1][0] - run.start
        asked, answered = run.whole("D", flow, "tx_requests"), run.whole("S", flow, "tx_responses")
        note(f"flow {flow}: closed at {closed[flow] / NS:.3f} s, {answered} of {asked} answered")
        assert answered == run.whole("D", flow, "rx_responses")
        assert run.whole("S", flow, "tx_requests") == run.whole("D", flow, "rx_requests")
        run.check_bytes(flow)
        if flow == 0:
            assert answered == asked and closed[flow] >= 2.5 * NS
        else:
            near(closed[flow], 1 * NS, amount=0.15 * NS, what="the close of -N")
            assert 0 < answered < asked / 2


# ---- settings and hosts


@case
def flows_differ_in_everything():
    """-F: flows between three hosts, each with settings of its own"""
    lab = lab_with(2, 3, 4)
    offered = lab.run(2, "sysctl", "-n", "net.ipv4.tcp_available_congestion_control").split()
    watch = SsWatch(*(lab.ns(h) for h in (2, 3, 4)))
    run = Observed(lab, "-n", 3, "-i", 0.5,
                   "-F", 0, "-H", "s=h2,d=h3", "-T", "s=2", "-O", "s=TCP_CONGESTION=reno",
                   "-F", 1, "-H", "s=h3,d=h4", "-T", "s=1", "-W", "d=50000",
                   "-F", 2, "-H", "s=h4,d=h2", "-T", "s=1,d=2", "-R", "b=2Mbit", "-S",
                   "s=500,d=1500", "-O", "d=TCP_NODELAY", hosts=None, at=(2, 3, 4))
    samples = dict(zip((2, 3, 4), watch.stop().values()))
    assert "reno" in offered
    for flow, (source, destination), rows, end in ((0, (2, 3), 4, 2), (1, (3, 4), 2, 1),
                                                   (2, (4, 2), 4, 2)):
        assert [h for h, _ in run.ends(flow)] == [lab.addr(source), lab.addr(destination)]
        run.check_rows(flow, rows, end)
        run.check_bytes(flow, at=destination)
    begins = run.log.begins
    assert begins["S", 0]["congestion_control"] == "reno"
    assert begins["D", 1]["receive_buffer"] == 100000  # the kernel doubles what is asked for
    assert run.log.finals["D", 1]["rcv_wnd"] <= 100000
    ports = [port for _, port in run.ends(0)]
    assert any(s.has_ports(*ports) and s.of_ports(*ports)["congestion"] == "reno"
               for s in samples[2]), "ss saw another congestion control"
    for end, seconds in (("S", 1), ("D", 2)):
        near(run.log.finals[end, 2]["tx_bytes"] * 8 / seconds, 2e6,
             share=SLACK if SANITIZED else 0.02, what="rate")
    assert re.search(r"ID +0 S: .*CC = reno", run.result.out)


@case
def control_has_a_network_of_its_own():
    """-H x=HOST/CONTROL: no control byte on the test network, no test byte on the control network"""
    need_program("tcpdump")
    lab = Lab(3, LINKS, control=True)
    for host in (2, 3):
        lab.daemon(host, bind=lab.control_addr(host))
    captures = {(host, interface): Capture(lab, host, "tcp", interface=interface)
                for host in (1, 2, 3) for interface in ("eth0", "eth1")}
    run = Observed(lab, "-T", "s=1", "-i", 0.5, hosts="s=h2/c2,d=h3/c3")
    run.check_bytes(0)
    ends = set(run.ends(0))
    seen = {key: segments(path) for key, path in stop_all(captures).items()}
    for (host, interface), found in seen.items():
        if interface == "eth0":
            assert all({s.source, s.destination} == ends for s in found), f"others on h{host}"
            assert bool(found) == (host > 1)
        else:
            assert found, f"no control on h{host}"
            assert all(5999 in (s.source[1], s.destination[1]) for s in found)


@case
def mtu_of_the_path():
    """pmtu and smss on a link of MTU 1400, and on a route of MTU 1400 over a link of 1500"""
    for mtu, interface in ((1400, 1400), (None, 1500)):
        lab = lab_with(2, 3, mtu=mtu)
        if not mtu:
            for host in (2, 3):
                lab.run(host, "ip", "route", "replace", "10.77.0.0/16", "dev", "eth0", "mtu",
                        "1400")
        run = Observed(lab, "-T", "s=0.5", "-i", 0.25)
        run.check_bytes(0)
        assert {r["pmtu"] for r in run.log.rows} == {1400}
        assert {r["smss"] for r in run.log.of("S")} == {1400 - 40 - 12}
        assert max(s.ip_length for s in run.segments[3] if s.source == run.ends(0)[0]) == 1400
        for end in "SD":
            final = run.log.finals[end, 0]
            assert final["interface_mtu"] == interface and final["path_mtu"] == 1400
        assert f"PMTU = 1400 [B], Interface MTU = {interface} (" in run.result.out


@long_case
def mtu_that_is_found_out():
    """a path that swallows large packets: smss falls, as ss says"""
    lab = lab_with(2, 3)
    lab.run(2, "sysctl", "-qw", "net.ipv4.tcp_mtu_probing=1")
    lab.set("path", "h2", "h3", "mtu=1200")
    watch = SsWatch(lab.ns(2))
    run = Observed(lab, "-T", "s=12", "-i", 1)
    samples = watch.stop()[lab.ns(2)]
    run.check_bytes(0)
    ports = [port for _, port in run.ends(0)]
    last = [s.of_ports(*ports) for s in samples if s.has_ports(*ports)][-1]
    assert run.log.of("S")[-1]["smss"] == last["mss"] < 1200 - 52
    assert run.log.of("S")[0]["smss"] == 1448
    assert run.log.total("D", "rx_bytes") > 0


# ---- paths that break


@case
def blackout_of_the_path():
    """the path is gone for 2 s in mid-run: rows show it, the flow survives, nothing is lost"""
    lab = lab_with(2, 3)

    def black_out():
        time.sleep(1)
        lab.set("up", "h2", "down=1")
        time.sleep(2)
        lab.set("up", "h2", "down=0")

    def check(run):
        run.check_rows(0, 26, 6.5)
        run.check_bytes(0)
        silent = [r for r in run.log.of("D") if r["rx_bytes"] == 0]
        note(f"silent rows of D: {[r['end'] for r in silent]}")
        assert len(silent) >= 6, f"{len(silent)} rows without data"
        times = [r["end"] for r in silent]
        waiting = [r for r in run.log.of("S") if r["tret"] > 0]
        assert waiting and all(r["bkof"] > 0 and r["ca_state"] == "loss" for r in waiting)
        assert times[0] - 0.25 <= waiting[0]["end"] <= times[0] + 1.5
        assert run.log.finals["S", 0]["total_rto"] >= 2
        assert run.log.of("D")[-1]["rx_bytes"] > 0, "it did not recover"

    # control goes over the same links: it has to survive as well
    attempts(lambda _: Observed(lab, "-T", "s=6.5", "-i", 0.25, meanwhile=black_out), check)


@case
def peer_that_cannot_be_reached():
    """a destination behind a dead link: one sentence, status 2, and nothing stays behind"""
    need_program("tcpdump")
    lab = Lab(3, LINKS, control=True)
    for host in (2, 3):
        lab.daemon(host, bind=lab.control_addr(host))
    lab.run(2, "ip", "neigh", "replace", lab.addr(3), "lladdr", "02:00:00:4d:00:03", "dev", "eth0")
    lab.set("down", "h3", "down=1")
    began = time.monotonic()
    result = expect(flowctl("-H", "s=h2/c2,d=h3/c3", "-T", "s=1", "-w",
                            "--connect-timeout=2", netns=lab.ns(1)), 2)
    took = time.monotonic() - began
    assert re.fullmatch(rf"flowctl: flow 0, source h2 \(flowd at c2:5999\): the connection to "
                        rf"{re.escape(lab.addr(3))}:\d+ timed out after 2 s\n", result.err), \
        result.err
    assert 1.9 <= took <= 10, f"it took {took} s"
    status = expect(flowctl("status", "c2", "c3", netns=lab.ns(1)))
    assert status.out.count("0 sessions") == 2, status.out
    lab.set("down", "h3", "down=0")
    expect(flowctl("-H", "s=h2/c2,d=h3/c3", "-T", "s=0.3", netns=lab.ns(1)))


@long_case
def peer_without_a_neighbour():
    """a destination whose address nobody has: the system's own words"""
    lab = lab_with(2, 3)
    result = expect(flowctl("-H", f"s=h2,d={lab.addr(99)}/h3", "-T", "s=1", netns=lab.ns(1)), 2)
    assert re.fullmatch(r"flowctl: flow 0, source h2 .*: can't connect to 10\.77\.0\.100:\d+: "
                        r"No route to host\n", result.err), result.err


@long_case
def late_connect_to_a_dead_link():
    """-L to a destination behind a dead link: told in the summary, status 2"""
    lab = Lab(3, LINKS, control=True)
    for host in (2, 3):
        lab.daemon(host, bind=lab.control_addr(host))
    lab.run(2, "ip", "neigh", "replace", lab.addr(3), "lladdr", "02:00:00:4d:00:03", "dev", "eth0")
    lab.set("down", "h3", "down=1")
    result = expect(flowctl("-H", "s=h2/c2,d=h3/c3", "-L", "-T", "s=1",
                            "--connect-timeout=3", netns=lab.ns(1)), 2)
    assert re.search(r"ID +0 S: .*error: the connection to \S+ timed out after 3 s", result.out)


@case
def ping_agrees_with_handshake():
    """the time of the handshake is what ping takes"""

    def measure(_):
        lab = lab_with(2, 3, links=DELAY)
        return ping(lab, 2, "h3", 5), Observed(lab, "-T", "s=0.5", "-R", "s=100kbit", "-S",
                                               "s=100", "-O", "s=TCP_NODELAY", "-Q")

    def check(measured):
        times, run = measured
        final = run.log.finals["S", 0]
        for name in ("connect_time", "exchange_time"):
            near(final[name] / 1e6, times[2], amount=3, what=f"{name} in ms")
        # The smallest of many is the link's own, which a ping of a busy machine need not meet.
        assert 20 <= final["min_rtt"] / 1e3 <= times[0] + 1, (final["min_rtt"], times)
        assert not run.log.rows, "-Q gives no rows"

    attempts(measure, check)


main()
