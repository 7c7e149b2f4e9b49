#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of datagrams against independent counters: those of the emulated link, of nftables, of the
sender's queue, and what a capture shows by the definitions of the RFCs. They are equal, not near."""
import collections
import os
import re
import signal
import struct
import threading
import time

from flowrig_lab import _frames, attempts
from flowrig_test import Capture, Lab, case, main, note, run_logged, wait_for

DATA = 0xd1
HEADER = 40
PLAIN = 60  # frames of a path that are no exchange before the start


class Path:
    """A flow from h1 to a host of its own, and what the way there does to it."""

    def __init__(self, name, *words, options=(), flows=1):
        self.name, self.words, self.options, self.flows = name, words, options, flows


PATHS = [
    Path("loss", "loss=3%"),
    Path("bursts", "loss=20%", "burst=5"),
    Path("duplication", "dup=3%"),
    Path("loss and duplication", "loss=3%", "dup=3%"),
    Path("reordering", "reorder=3%", "rgap=5ms"),
    Path("congestion marks", "ce=10%", options=("-O", "s=IP_TOS=2"), flows=2),
    Path("marks and hops", options=("-D", "s=ef")),
    Path("a reader that stands still", options=("-W", "d=65536")),
    Path("blackout", "down=1"),
]
OFF = ("loss=0", "burst=1", "dup=0", "reorder=0", "ce=0", "down=0")


class Wire:
    """The lab, its counters, and daemons that are told what to do over another network."""

    def __init__(self):
        count = len(PATHS) + 1
        self.lab = Lab(count, control=True)
        for host in range(1, count + 1):
            for other in range(1, count + 1):
                if 1 in (host, other) and host != other:
                    self.know(host, other)
        self.daemons = {host: self.lab.daemon(host, bind="0.0.0.0")
                        for host in range(1, count + 1)}
        for host in range(2, count + 1):
            self.lab.set("path", "h1", f"h{host}", *OFF)
        self.mark(self.host("marks and hops"))

    def know(self, host, other):
        """No frame but the flow's passes the link: nobody asks for addresses."""
        for version in (4, 6):
            self.lab.run(host, "ip", "neigh", "replace", self.lab.addr(other, version), "lladdr",
                         f"02:00:00:4d:00:{other:02x}", "nud", "permanent", "dev", "eth0")

    def mark(self, host):
        """As a router on the way: EF becomes 0, and every third packet has taken one hop more."""
        data = f"meta l4proto udp @th,64,8 {DATA:#x}"
        rules = "add table inet road\n"
        rules += "add chain inet road in { type filter hook prerouting priority -300 ; }\n"
        for ip, ttl in (("ip", "ip ttl"), ("ip6", "ip6 hoplimit")):
            rules += f"add rule inet road in {data} {ip} dscp 46 counter {ip} dscp set 0\n"
            rules += (f"add rule inet road in {data} {ip} dscp 0 numgen inc mod 3 0 counter "
                      f"{ttl} set 63\n")
        self.lab.run(host, "nft", rules)

    def marked(self, host, version):
        """Packets whose DSCP was set, and packets with one hop less."""
        text = self.lab.run(host, "nft", "list", "chain", "inet", "road", "in")
        name = "ip" if version == 4 else "ip6"
        lines = [line.split() for line in text.splitlines()]
        lines = [line for line in lines if f"{name} dscp" in " ".join(line)]
        assert len(lines) == 2, text
        return [int(line[line.index("packets") + 1]) for line in lines]

    @staticmethod
    def host(name):
        return 2 + [path.name for path in PATHS].index(name)

    def stats(self):
        """Counters of the way from h1 to each host; of one that has carried nothing all are 0."""
        found = {host: collections.defaultdict(int) for host in range(2, len(PATHS) + 2)}
        for line in self.lab.call("stats").splitlines():
            way = re.match(r"\s*h1 path h(\d+) ", line)
            if way:
                found[int(way[1])].update((name, int(value)) for name, value in
                                          re.findall(r"([\w/]+)=(\d+)(?= |$)", line))
        return found


def data_numbers(path):
    """(number, port) of each data datagram that was captured, in order."""
    for _, frame in _frames(path):
        at = 34 if frame[12:14] == b"\x08\x00" else 54
        if len(frame) >= at + 8 + 20 and frame[at + 8] == DATA:
            yield struct.unpack_from(">Q", frame, at + 8 + 12)[0], \
                struct.unpack_from(">H", frame, at)[0]


def by_definition(numbers, sent):
    """What RFC 4737, 5560 and 3357 say of these arrivals."""
    got, seen, order = dict(duplicate=0, reordered=0, reordered_3=0), {}, []
    extent = 0
    for number in numbers:
        if number in seen:
            got["duplicate"] += 1
            continue
        seen[number] = len(order)
        if order and number < max(order):
            got["reordered"] += 1
            first = next(place for place, other in enumerate(order) if other > number)
            extent = max(extent, len(order) - first)
            got["reordered_3"] += len(order) >= 3 and all(n > number for n in order[-3:])
        order.append(number)
    got["received"], got["distinct"] = len(numbers), len(seen)
    got["lost"] = sent - len(seen)
    runs = [len(run) for run in "".join("." if n in seen else "x" for n in range(sent)).split(".")
            if run]
    return {**{f"datagrams_{name}": value for name, value in got.items()},
            "loss_runs": len(runs), "loss_run_max": max(runs, default=0),
            **({"reorder_extent_max": extent} if got["reordered"] else {})}


class Run:
    """All paths at once, each bad while nothing but data is on it."""

    def __init__(self, wire, version, seconds=2.5, bad=1.2):
        lab, self.log, self.before = wire.lab, None, wire.stats()
        captures = {host: Capture(lab, host, "udp") for host in range(2, len(PATHS) + 2)}
        marked = wire.marked(wire.host("marks and hops"), version)
        words, flow, self.flows = [], 0, {}
        for host, path in enumerate(PATHS, 2):
            self.flows[host] = range(flow, flow + path.flows)
            for number in self.flows[host]:
                own = path.options if number == flow or path.flows == 1 else ()
                words += ["-F", number, "-H", f"s={lab.addr(1, version)}/{lab.control_addr(1)},"
                          f"d={lab.addr(host, version)}/{lab.control_addr(host)}", *own]
            flow += path.flows
        thread = threading.Thread(target=self.meanwhile, args=(wire, bad))
        thread.start()
        _, self.log = run_logged("-n", flow, "--udp", "-T", f"s={seconds}", "-G", "s=g:C:0.002", "-S",
                                 "s=100", "--late", 0.5, "-i", 0.5, "-I", *words, netns=lab.ns(1))
        thread.join()
        self.after, self.version = wire.stats(), version
        self.captured = {host: list(data_numbers(c.stop(settle=0.1))) for host, c in captures.items()}
        self.marked = [b - a for a, b in zip(marked, wire.marked(wire.host("marks and hops"), version))]
        start = int(self.log.comment("start_ns")[0].split()[2])
        assert self.mended - start < seconds * 1e9 - 5e7, "the paths were mended too late"

    def meanwhile(self, wire, bad):
        lab, self.mended = wire.lab, 0
        wait_for(lambda: all(after["pkts"] - self.before[host]["pkts"] > PLAIN
                             for host, after in wire.stats().items()), 30, "data on every path")
        for host, path in enumerate(PATHS, 2):
            lab.set("path", "h1", f"h{host}", *path.words) if path.words else None
        reader = wire.daemons[wire.host("a reader that stands still")]
        os.kill(reader.pid, signal.SIGSTOP)
        time.sleep(bad)
        os.kill(reader.pid, signal.SIGCONT)
        for host in range(2, len(PATHS) + 2):
            lab.set("path", "h1", f"h{host}", *OFF)
        self.mended = time.time_ns()

    def counted(self, name, counter):
        host = Wire.host(name)
        return self.after[host][counter] - self.before[host][counter]

    def ends(self, name, which=0):
        flow = self.flows[Wire.host(name)][which]
        return self.log.finals["S", flow], self.log.finals["D", flow]

    def check_all(self):
        """Each receiver says what a capture shows, sums of rows are totals, and nothing is missing."""
        for host, path in enumerate(PATHS, 2):
            ports = {}
            for number, port in self.captured[host]:
                ports.setdefault(port, []).append(number)
            found = sorted(ports)
            for which, flow in enumerate(self.flows[host]):
                sent, got = self.ends(path.name, which)
                mine = next(p for p in found if self.log.begins["S", flow]["local"].endswith(f":{p}"))
                if path.name != "a reader that stands still":
                    wanted = by_definition(ports[mine], sent["datagrams_sent"])
                    differs = {n: (got.get(n), v) for n, v in wanted.items() if got.get(n) != v}
                    assert not differs, f"{path.name}: (told, captured) {differs}"
                    assert got["datagrams_dropped"] == 0, (path.name, got)
                assert got["datagrams_peer_sent"] == sent["datagrams_sent"], path.name
                assert got["datagrams_foreign"] == 0 and sent["datagrams_queue_dropped"] == 0, got
                for total in ("received", "distinct", "lost", "duplicate", "reordered", "dropped"):
                    rows = sum(row[f"udp_{total}"] for row in self.log.of("D", flow))
                    assert rows == got[f"datagrams_{total}"], (path.name, total, rows)

    def check_link(self):
        """The link counts what the receivers tell."""
        for name, figure, counter in (
                ("loss", "lost", "loss"), ("bursts", "lost", "loss"),
                ("duplication", "duplicate", "dup"),
                ("loss and duplication", "lost", "loss"),
                ("loss and duplication", "duplicate", "dup"), ("blackout", "lost", "mtu/down")):
            _, got = self.ends(name)
            counted = self.counted(name, counter)
            assert got[f"datagrams_{figure}"] == counted > 0, (name, figure, got, counted)
        for name in ("duplication", "reordering", "congestion marks", "marks and hops"):
            assert self.ends(name)[1]["datagrams_lost"] == 0, name
        assert self.ends("loss and duplication")[1]["datagrams_reordered"] == 0
        assert self.ends("blackout")[1]["loss_runs"] == 1, self.ends("blackout")
        assert self.ends("bursts")[1]["datagrams_lost"] > 1.5 * self.ends("bursts")[1]["loss_runs"]

    def check_marks(self):
        """ECN, DSCP and TTL as the link, and nftables, have set them."""
        capable, plain = (self.ends("congestion marks", which)[1] for which in (0, 1))
        marks, distinct = self.counted("congestion marks", "ce"), capable["datagrams_received"]
        assert seen(capable["ecn_seen"]) == {"ect0": distinct - marks, "ce": marks}, (capable, marks)
        assert seen(plain["ecn_seen"]) == {"not-ect": plain["datagrams_received"]}, plain
        got = self.ends("marks and hops")[1]
        count = got["datagrams_received"]
        assert seen(got["dscp_seen"]) == {"0": count} and self.marked[0] == count, (got, self.marked)
        assert seen(got["ttl_seen"]) == {"63": self.marked[1], "64": count - self.marked[1]}, \
            (got, self.marked)

    def check_reader(self):
        """What the socket dropped is what came to the host and was not read."""
        sent, got = self.ends("a reader that stands still")
        came = len(self.captured[Wire.host("a reader that stands still")])
        assert came == sent["datagrams_sent"], (came, sent)
        assert got["datagrams_lost"] == got["datagrams_dropped"] == came - got["datagrams_received"] \
            > 100, (came, got)


def seen(text):
    return {name: int(count) for name, _, count in
            (part.partition(":") for part in str(text).split(",") if part)}


@case
def what_the_link_counts():
    """Loss, bursts, duplicates, reordering, a blackout, marks and a reader that stands still, over
    IPv4 and IPv6: equal to the counters of link, filter and capture"""
    wire = Wire()
    for version in (4, 6):
        def check(run):
            for part in (run.check_all, run.check_link, run.check_marks, run.check_reader):
                part()
            return run

        run = attempts(lambda _, v=version: Run(wire, v), check)
        for path in PATHS:
            sent, got = run.ends(path.name)
            note(f"IPv{version} {path.name}: sent {sent['datagrams_sent']}, lost "
                 f"{got['datagrams_lost']}, duplicates {got['datagrams_duplicate']}, reordered "
                 f"{got['datagrams_reordered']}, socket {got['datagrams_dropped']}")


main()
