#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams over emulated paths: what the receiver tells is what the link has counted."""
import re
import subprocess
import threading
import time

from flowrig_lab import attempts, near
from flowrig_test import Capture, Lab, case, expect, flowctl, main, need_program, note, run_logged


def lab_of(links="", count=3):
    lab = Lab(count, links)
    for host in (2, 3):
        lab.daemon(host)
    return lab


def run(lab, *options, version=4, sender=2, receiver=3):
    return run_logged("-H", f"s={lab.addr(sender, version)}/{lab.addr(sender)},"
                            f"d={lab.addr(receiver, version)}/{lab.addr(receiver)}",
                      "--udp", "--late", 0.5, *options, netns=lab.ns(sender))


def sums(log, name):
    return sum(row[f"udp_{name}"] for row in log.of("D"))


def ends_agree(log):
    sent, got = log.finals["S", 0], log.finals["D", 0]
    assert got["datagrams_peer_sent"] == sent["datagrams_sent"], (sent, got)
    assert got["datagrams_distinct"] + got["datagrams_lost"] == sent["datagrams_sent"], (sent, got)
    for name in ("lost", "distinct", "duplicate", "reordered"):
        assert sums(log, name) == got[f"datagrams_{name}"], (name, sums(log, name), got)
    return sent, got


PATH = "path h2 h3"


@case
def lost_and_doubled():
    """loss=1% with dup=1%: a duplicate hides no loss; IPv4 and IPv6"""
    lab = lab_of()
    for version in (4, 6):
        lab.set(*PATH.split(), "loss=2%", "dup=2%")
        _, log = run(lab, "-T", "s=2", "-R", "s=4Mbit", "-S", "s=200", "-i", 0.5, version=version)
        lab.set(*PATH.split(), "loss=0", "dup=0")
        sent, got = ends_agree(log)
        count = sent["datagrams_sent"]
        near(got["datagrams_lost"], count * .02, amount=5 * (count * .02) ** .5, what="lost")
        near(got["datagrams_duplicate"], count * .02, amount=5 * (count * .02) ** .5, what="doubled")
        assert got["datagrams_reordered"] == 0 and got["datagrams_dropped"] == 0, got
        assert 0 < got["loss_runs"] <= got["datagrams_lost"], got


@case
def reordered():
    """reorder: the ratio, the extent and the late time are those of the link; nothing is lost"""
    lab = lab_of()
    lab.set(*PATH.split(), "reorder=2%", "rgap=2.5ms")
    _, log = run(lab, "-T", "s=3", "-G", "s=g:C:0.001", "-S", "s=100", "-i", 0.5)
    sent, got = ends_agree(log)
    count = sent["datagrams_sent"]
    assert got["datagrams_lost"] == 0 and got["loss_runs"] == 0, got
    near(got["datagrams_reordered"], count * .02, amount=5 * (count * .02) ** .5, what="reordered")
    assert got["reorder_extent_max"] >= 2 and got["reorder_late_max"] > 0, got
    assert any(row["udp_lost"] == 0 for row in log.of("D")), log.rows


@case
def tail_and_blackout():
    """A blackout in the middle is one run; one at the end is counted as well, though nothing came after"""
    lab = lab_of()

    def dark(after, length):
        time.sleep(after)
        lab.set(*PATH.split(), "down=1")
        time.sleep(length)
        lab.set(*PATH.split(), "down=0")

    for after, length in ((1.5, 0.5), (2.2, 2.0)):
        thread = threading.Thread(target=dark, args=(after, length))
        thread.start()
        _, log = run(lab, "-T", "s=3", "-G", "s=g:C:0.002", "-S", "s=100", "-i", 0.5)
        thread.join()
        sent, got = ends_agree(log)
        assert got["loss_runs"] == 1 and got["loss_run_max"] == got["datagrams_lost"], got
        note(f"blackout: {got['datagrams_lost']} of {sent['datagrams_sent']} lost in one run")
        assert got["datagrams_lost"] > 100, got


def controlled(count=3, first=2, **keywords):
    """A lab whose daemons are told what to do over another network, and where no host asks for
    addresses: the flow has the link to itself."""
    lab = Lab(count, control=True)
    for host in range(first, count + 1):
        lab.daemon(host, bind="0.0.0.0", **(keywords if host == first else {}))
        for other in range(first, count + 1):
            for version in (4, 6):
                if other != host:
                    lab.run(host, "ip", "neigh", "replace", lab.addr(other, version), "lladdr",
                            f"02:00:00:4d:00:{other:02x}", "nud", "permanent", "dev", "eth0")
    return lab


def run_controlled(lab, *options, version=4, **keywords):
    hosts = ",".join(f"{end}={lab.addr(host, version)}/{lab.control_addr(host)}"
                     for end, host in (("s", 2), ("d", 3)))
    return run_logged("-H", hosts, "--udp", "--late", 0.5, *options, netns=lab.ns(2),
                      **keywords)


class Counters:
    """What nftables count of UDP that leaves h2, before its queue, and comes to h3: (all, data)."""

    def __init__(self, lab):
        self.lab = lab
        for host, hook in ((2, "output"), (3, "input")):
            lab.run(host, "nft", "add table inet seen\n"
                    f"add chain inet seen count {{ type filter hook {hook} priority 0 ; }}\n"
                    f"add rule inet seen count {hook[0]}ifname eth0 meta l4proto udp counter\n"
                    f"add rule inet seen count {hook[0]}ifname eth0 meta l4proto udp @th,64,8 0xd1 counter")

    def read(self, host):
        text = self.lab.run(host, "nft", "list", "chain", "inet", "seen", "count")
        return [int(count) for count in re.findall(r"packets (\d+)", text)]

    def lost(self):
        """Packets of UDP, and of data, that left h2 and did not come to h3."""
        out, came = self.read(2), self.read(3)
        return out[0] - came[0], out[1] - came[1]


@case
def behind_a_slow_queue():
    """A local queue that drops (tbf): the sender counts each (ENOBUFS), and the network loses none;
    IPv4 and IPv6: equal to the queue's own count"""
    lab = controlled()
    lab.run(2, "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "1mbit", "burst", "3000",
            "limit", "10000")

    def dropped():
        return int(re.search(r"dropped (\d+)",
                             lab.run(2, "tc", "-s", "qdisc", "show", "dev", "eth0"))[1])

    counters = Counters(lab)
    for version in (4, 6):
        queue, (lost, data), offered = dropped(), counters.lost(), counters.read(2)[1]
        _, log = run_controlled(lab, "-T", "s=1.5", "-R", "s=2Mbit", "-S", "s=1000", "-i", 0.5,
                                version=version)
        queue, offered = dropped() - queue, counters.read(2)[1] - offered
        lost, data = (after - before for after, before in zip(counters.lost(), (lost, data)))
        sent, got = ends_agree(log)
        assert sent["datagrams_queue_dropped"] == data > 50, (sent, data)
        assert queue == lost, (queue, lost)
        assert sent["datagrams_sent"] + sent["datagrams_queue_dropped"] == offered, (sent, offered)
        assert got["datagrams_lost"] == got["datagrams_dropped"] == 0, got
        note(f"IPv{version}: {data} of {offered} dropped by the queue")


@case
def a_slow_link():
    """10 Mbit/s with 50 ms of queue, 12 Mbit/s offered: what is lost is what the link drops; rate and
    delay are the link's"""
    lab = controlled()
    lab.set(*PATH.split(), "rate=10m", "limit=50ms")
    counters = Counters(lab)

    link, (lost, data) = link_drops(lab), counters.lost()
    _, log = run_controlled(lab, "-T", "s=2", "-R", "s=12Mbit", "-i", 0.5, "-I", "s")
    link, (lost, data) = link_drops(lab) - link, (
        after - before for after, before in zip(counters.lost(), (lost, data)))
    sent, got = ends_agree(log)
    assert got["datagrams_lost"] == data > 10 and link == lost, (got, data, link, lost)
    assert sent["datagrams_queue_dropped"] == got["datagrams_dropped"] == 0, (sent, got)
    most = 10e6 / 8 * (got["rx_time"] / 1e9 + 0.05) * 1472 / 1514
    assert got["rx_bytes"] <= most + 1472, (got["rx_bytes"], most)
    assert got["delay_p90"] >= 45e6 - got["delay_bound"], got["delay_p90"]
    note(f"{data} of {sent['datagrams_sent']} lost, {8e3 * got['rx_bytes'] / got['rx_time']:.3f} "
         f"Mbit/s, median delay {got['delay_p50'] / 1e6:.3f} ms")


def link_drops(lab):
    return sum(int(drops) for drops in re.findall(r"^\s*h2 path h3 .* qdrop=(\d+)",
                                                  lab.call("stats"), re.M))


@case
def a_link_with_a_smaller_mtu():
    """A link that swallows packets above its MTU and says nothing: all is lost, and the size is said"""
    lab = controlled()
    lab.set(*PATH.split(), "mtu=1400")
    for version, size in ((4, 1472), (6, 1452)):
        done, log = run_controlled(lab, "-T", "s=0.5", "-S", f"s={size}", "-R", "s=1Mbit", "-i", 0.5,
                                   version=version, status=2)
        sent, got = log.finals["S", 0], log.finals["D", 0]
        assert "a link with a smaller MTU than the hosts assume" in done.err, done.err
        assert got["datagrams_lost"] == sent["datagrams_sent"] == got["loss_run_max"] > 10, (sent, got)
        assert "(100.0000 %)" in done.out, done.out
        _, log = run_controlled(lab, "-T", "s=0.5", "-S", f"s={size - 100}", "-R", "s=1Mbit",
                                version=version)
        assert ends_agree(log)[1]["datagrams_lost"] == 0


@case
def clocks_that_differ():
    """The sender's clock is 5 s ahead: delays of 30 and 10 ms come out, each within its bound, and no
    jitter, late datagram or loss is made of the difference"""
    need_program("unshare")
    lab = controlled(wrap=("unshare", "--time", "--monotonic", "5", "--"))
    lab.set("path", "h2", "h3", "delay=30ms")
    lab.set("path", "h3", "h2", "delay=10ms")
    for version in (4, 6):
        def check(log):
            for sender, receiver, delay in (("S", "D", 30e6), ("D", "S", 10e6)):
                sent, got = log.finals[sender, 0], log.finals[receiver, 0]
                assert got["datagrams_lost"] == got["datagrams_late"] == 0, got
                assert got["datagrams_peer_sent"] == sent["datagrams_sent"], (sent, got)
                near(got["delay_p50"], delay, amount=got["delay_bound"] + 1e6, what=f"delay {sender}")
                assert got["jitter_max"] < 1e9 and got["pdv_max"] < 1e9, got
                note(f"IPv{version} {sender}: delay p50 {got['delay_p50'] / 1e6:.3f} ms, bound "
                     f"{got['delay_bound'] / 1e6:.3f}, jitter max {got['jitter_max'] / 1e6:.3f}")

        attempts(lambda _, v=version: run_controlled(
            lab, "-T", "s=1,d=1", "-R", "b=400k", "-S", "b=100", "-I", "-i", 0.5, version=v)[1], check)


@case
def answers_that_get_lost():
    """Loss both ways with 25 ms there and back: what is lost on its way there, what got no answer, and
    the round-trip time are the links'; IPv4 and IPv6"""
    lab = controlled()
    lab.set("path", "h2", "h3", "delay=20ms", "loss=3%")
    lab.set("path", "h3", "h2", "delay=5ms", "loss=3%", "dup=2%")
    for version in (4, 6):
        _, log = run_controlled(lab, "-T", "s=1.5", "-R", "s=1Mbit", "-S", "s=200", "-A", "s", "-i", 0.5,
                                version=version)
        sent, got = ends_agree(log)
        answered = sent["rx_responses"] + sent["rx_responses_tail"]
        assert sent["datagrams_unanswered"] == sent["datagrams_sent"] - answered \
            > got["datagrams_lost"] > 0, (sent, got)
        assert got["tx_responses"] + got["tx_responses_tail"] == got["datagrams_distinct"], got
        assert sent["rtt_min"] >= 25e6 and sent["rtt_count"] == answered, sent
        note(f"IPv{version}: {got['datagrams_lost']} of {sent['datagrams_sent']} lost there, "
             f"{sent['datagrams_unanswered']} without answer, RTT p50 {sent['rtt_p50'] / 1e6:.3f} ms")


@case
def a_volume_that_gets_lost():
    """--blocks over a link that loses: the run says how many did not arrive, and measures what did"""
    lab = controlled()
    lab.set(*PATH.split(), "loss=5%")
    done, log = run_controlled(lab, "--blocks", "s=1000", "-R", "s=4Mbit", "-S", "s=500", "-i", 0.5,
                               status=2)
    sent, got = ends_agree(log)
    lost = got["datagrams_lost"]
    assert sent["datagrams_sent"] == 1000 and lost > 0 and "volume_time" not in got, (sent, got)
    assert done.err.startswith(f"flowctl: flow 0: {lost} of the 1000 datagrams of the volume did not "
                               "arrive at the destination\n"), done.err
    assert got["rx_time"] < 1e9 * (sent["end"] + 0.2), got


@case
def data_that_a_router_changes():
    """--check-data: as many are corrupted as nftables have changed where the checksum does not tell
    (IPv4 without one), and as many are dropped where it does"""
    lab = controlled()
    data = "meta l4proto udp @th,64,8 0xd1 numgen inc mod 10 0"
    lab.run(3, "nft", "add table inet bad\n"
            "add chain inet bad in { type filter hook prerouting priority -300 ; }\n"
            f"add rule inet bad in meta nfproto ipv4 {data} @th,800,16 set 0xabcd udp checksum set 0 counter\n"
            f"add rule inet bad in meta nfproto ipv6 {data} @th,800,16 set 0xabcd counter")
    for version, line in ((4, 0), (6, 1)):
        _, log = run_controlled(lab, "-T", "s=1", "-R", "s=1Mbit", "-S", "s=300", "--check-data", "-i",
                                0.5, version=version)
        text = lab.run(3, "nft", "list", "table", "inet", "bad")
        changed = int(re.findall(r"packets (\d+)", text)[line])
        _, got = ends_agree(log)
        corrupted, lost = (changed, 0) if version == 4 else (0, changed)
        assert got["datagrams_corrupted"] == sum(row["udp_corrupted"] for row in log.of("D")) \
            == corrupted, (got["datagrams_corrupted"], changed)
        assert got["datagrams_lost"] == got["datagrams_dropped"] == lost, (got, changed)
        assert changed > 10, changed


@case
def a_path_that_is_overloaded():
    """Less than a tenth arrives: the sender stops after three seconds or so, unless it is told not to"""
    lab = controlled()
    lab.set(*PATH.split(), "rate=200k", "limit=100ms")
    done, log = run_controlled(lab, "-n", 2, "-T", "s=7", "-R", "s=1500kbit", "-S", "s=500", "-i", 1,
                               "-F", 1, "--no-breaker", status=2)
    first, second = (log.finals["S", flow] for flow in (0, 1))
    assert "less than a tenth overloads the path (--no-breaker continues)" in done.err, done.err
    assert "flow 1" not in done.err, done.err
    assert 3 < first["end"] < 6.9 <= second["end"], (first["end"], second["end"])


@case
def an_address_that_leads_elsewhere():
    """What is meant for the destination comes to a host without a daemon, and the destination's
    answers to none: ten challenges of 64 bytes, no data, one sentence"""
    lab = controlled(4)
    lab.run(2, "nft", "add table ip wrong\n"
            "add chain ip wrong out { type nat hook output priority -100 ; }\n"
            f"add rule ip wrong out oifname eth0 meta l4proto udp dnat to {lab.addr(4)}")
    lab.run(4, "nft", "add table ip silent\nadd chain ip silent out "
            "{ type filter hook output priority 0 ; }\nadd rule ip silent out meta l4proto icmp drop")
    capture = Capture(lab, 4, f"udp and src {lab.addr(2)}")
    done = expect(flowctl("-H", f"s={lab.addr(2)}/{lab.control_addr(2)},d={lab.addr(3)}/"
                                f"{lab.control_addr(3)}", "--udp", "-T", "s=2", netns=lab.ns(2)), 2)
    sizes = [length for _, length in datagrams(capture.stop())]
    assert sizes == [64] * 10, sizes
    assert "has not agreed to the flow: 10 challenges were not answered" in done.err, done.err


def datagrams(path):
    """(time in s, bytes of payload) of each captured datagram of UDP."""
    text = subprocess.run(["tcpdump", "-r", path, "-n", "-tt"], text=True, capture_output=True,
                          check=True).stdout
    return [(float(time_), int(size)) for time_, size in
            re.findall(r"^([\d.]+) IP.* UDP, length (\d+)", text, re.M)]


@case
def sizes_and_mtu():
    """A datagram above the MTU ends the flow with what fits; --udp alone takes what fits"""
    lab = Lab(3, mtu=1300)
    for host in (2, 3):
        lab.daemon(host)
    hosts = f"s={lab.addr(2)},d={lab.addr(3)}"
    done = expect(flowctl("-H", hosts, "--udp", "-S", "s=1473", "-T", "s=1", netns=lab.ns(2)), 2)
    assert ("datagrams of 1473 bytes (-S) exceed the path MTU: 1272 "
            "bytes fit") in done.out + done.err, done.err
    _, log = run(lab, "-T", "s=0.5")
    sent, _ = ends_agree(log)
    assert sent["tx_bytes"] == 1272 * sent["datagrams_sent"], sent


@case
def delays_of_the_path():
    """-I: the delay of the link, within its bound; TTL and DSCP as they came"""
    lab = lab_of()
    lab.set(*PATH.split(), "delay=30ms")
    _, log = run(lab, "-T", "s=2", "-R", "s=400k", "-S", "s=100", "-I", "-D", "s=ef", "-i", 0.5)
    _, got = ends_agree(log)
    bound = got["delay_bound"]
    mean = got["delay_sum"] / got["delay_count"]
    assert 30e6 - bound <= mean <= 36e6 + bound, (mean, bound)
    assert got["dscp_seen"] == f"46:{got['datagrams_received']}", got["dscp_seen"]


@case
def silence_stops_the_sender():
    """The receiver is killed where its host says nothing: the sender stops within three seconds or so"""
    lab = Lab(3)
    lab.daemon(2)
    receiver = lab.daemon(3)
    lab.run(3, "nft", "add table ip silent")
    lab.run(3, "nft", "add chain ip silent out { type filter hook output priority 0 ; }")
    lab.run(3, "nft", "add rule ip silent out ip protocol icmp drop")
    seen = []

    def kill():
        time.sleep(3)
        seen.append(time.time())
        receiver.kill_hard()

    capture = Capture(lab, 3, f"udp and dst {lab.addr(3)}")
    thread = threading.Thread(target=kill)
    thread.start()
    flowctl("-H", f"s={lab.addr(2)},d={lab.addr(3)}", "--udp", "-R", "s=1Mbit", "-S", "s=200", "-T",
            "s=9", netns=lab.ns(2), timeout=60)
    thread.join()
    times = [when for when, size in datagrams(capture.stop()) if size == 200]
    note(f"the last datagram came {times[-1] - seen[0]:.3f} s after the end of the receiver")
    assert times[0] < seen[0] and 0 < times[-1] - seen[0] < 3.3, (times[0], times[-1], seen)


main()
