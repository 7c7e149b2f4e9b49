#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams over emulated paths: what the receiver tells is what the link has counted."""
import re
import threading
import time

from flowrig_lab import near
from flowrig_test import Lab, case, expect, flowctl, main, note, run_logged


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


@case
def behind_a_slow_queue():
    """A local queue that drops (tbf): the sender counts each (ENOBUFS), and the network loses none"""
    lab = Lab(3, control=True)
    for host in (2, 3):
        lab.daemon(host, bind="0.0.0.0")
    lab.run(2, "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "1mbit", "burst", "3000",
            "limit", "10000")
    before = int(re.search(r"dropped (\d+)", lab.run(2, "tc", "-s", "qdisc", "show", "dev", "eth0"))[1])
    hosts = ",".join(f"{end}={lab.addr(host)}/{lab.control_addr(host)}"
                     for end, host in (("s", 2), ("d", 3)))
    _, log = run_logged("-H", hosts, "--udp", "--late", 0.5, "-T", "s=2", "-R", "s=2Mbit", "-S",
                        "s=1000", "-i", 0.5, netns=lab.ns(2))
    after = int(re.search(r"dropped (\d+)", lab.run(2, "tc", "-s", "qdisc", "show", "dev", "eth0"))[1])
    sent, got = ends_agree(log)
    assert sent["datagrams_queue_dropped"] > 50, sent
    assert got["datagrams_lost"] == 0, got
    near(sent["datagrams_queue_dropped"], after - before, amount=5, what="drops of the queue")


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
    assert got["dscp_seen"].startswith("46:") or " 46:" in got["dscp_seen"], got["dscp_seen"]


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

    def packets():
        return int(lab.run(2, "cat", "/sys/class/net/eth0/statistics/tx_packets"))

    def kill():
        time.sleep(2)
        receiver.kill_hard()
        time.sleep(4.5)
        seen.append(packets())
        time.sleep(1)
        seen.append(packets())

    thread = threading.Thread(target=kill)
    thread.start()
    flowctl("-H", f"s={lab.addr(2)},d={lab.addr(3)}", "--udp", "-R", "s=2Mbit", "-S", "s=200", "-T",
            "s=9", netns=lab.ns(2), timeout=60)
    thread.join()
    assert seen[1] - seen[0] < 200, seen  # 1250 datagrams a second before


main()
