#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Socket options, DSCP, buffers, TCP Fast Open, MPTCP and CPUs over emulated paths: what was asked
for stands in the packets, SYN and SYN-ACK included, and in the summary as it really was."""
import os
import re
import subprocess
import xmlrpc.client

from flowrig_test import (Capture, Daemon, Lab, Skip, case, expect, flowctl, hosts, main,
                          need_program, note, run_logged, shared)

LINKS = "delay=1ms rate=100m"
SHORT = ("-T", "s=0.3,d=0.3", "-i", 0.1)
FIELDS = ("ip.src", "ipv6.src", "ip.dsfield.dscp", "ipv6.tclass.dscp", "ip.ttl", "ipv6.hlim",
          "ip.flags.df", "ip.hdr_len", "tcp.flags.syn", "tcp.flags.ack", "tcp.len",
          "tcp.options.mss_val", "tcp.options.wscale.shift", "tcp.option_kind",
          "tcp.window_size_value", "tcp.window_size")
MPTCP_KIND = 30  # of the TCP option (RFC 8684)


def packets(path):
    """Every TCP packet of a capture, as tshark understands it: dicts of numbers, None where there is
    no such field."""
    need_program("tshark")
    command = ["tshark", "-r", path, "-Y", "tcp", "-T", "fields", "-E", "occurrence=a",
               "-E", "aggregator=,"]
    for field in FIELDS:
        command += ["-e", field]
    text = subprocess.run(command, text=True, capture_output=True, check=True).stdout
    found = []
    for line in text.splitlines():
        values = dict(zip(FIELDS, line.split("\t")))
        packet = {"source": values["ip.src"] or values["ipv6.src"],
                  "kinds": [int(k) for k in values["tcp.option_kind"].split(",") if k]}
        for name in FIELDS[2:]:
            first = values[name].split(",")[0]
            packet[name.split(".", 1)[1]] = (
                None if not first else {"True": 1, "False": 0}.get(first) if first in
                ("True", "False") else int(first, 0))
        packet["dscp"] = int(values["ip.dsfield.dscp"] or values["ipv6.tclass.dscp"])
        packet["hops"] = int(values["ip.ttl"] or values["ipv6.hlim"])
        found.append(packet)
    assert found, "nothing was captured"
    return found


class Run:
    """A run between h2 and h3, commanded on h1, and its packets as they left both hosts."""

    def __init__(self, lab, *options, version=4, status=0, duration=SHORT):
        need_program("tcpdump")
        self.lab, self.addresses = lab, [lab.addr(h, version) for h in (2, 3)]
        host = "s=[{}]/h2,d=[{}]/h3" if version == 6 else "s={}/h2,d={}/h3"
        capture = Capture(lab, 2, "tcp and not port 5999", snaplen=160)
        self.result = flowctl("-H", host.format(*self.addresses), *duration, *options,
                              netns=lab.ns(1))
        expect(self.result, status)
        path = capture.stop()
        self.packets = packets(path) if status == 0 else []

    def of(self, end):
        """The packets that an endpoint sent."""
        return [p for p in self.packets if p["source"] == self.addresses[end == "D"]]

    def first(self, end):
        """The SYN or the SYN-ACK."""
        packet = self.of(end)[0]
        assert packet["flags.syn"] == 1 and packet["flags.ack"] == (end == "D"), packet
        return packet

    def check(self, end, name, wanted):
        """Asserts that all packets of an endpoint have the value, data among them."""
        own = self.of(end)
        assert sum(p["len"] > 0 for p in own) > 2, f"{end} sent no data"
        found = {p[name] for p in own}
        assert found == {wanted}, f"{name} of {end} is {found}, not {wanted}"

    def shown(self, end, name):
        """(real, requested) as the summary has them."""
        return real_requested(self.result, end, name)


def summary(result, end, flow=0):
    return re.search(rf"^# ID +{flow} {end}: .*$", result.out, re.M)[0]


def real_requested(result, end, name):
    found = re.search(rf", {name} = ([^ /]*)/([^ /]*)(?: \[B\])? \(real/req\)",
                      summary(result, end))
    assert found, f"{name} is missing in {summary(result, end)}"
    return found[1], found[2]


def lab_with_daemons(links=LINKS, **keywords):
    lab = Lab(3, links)
    for host in (2, 3):
        lab.daemon(host, **keywords)
        lab.run(host, "ping", "-n", "-c", "1", lab.addr(5 - host))
        lab.run(host, "ping", "-6", "-n", "-c", "1", lab.addr(5 - host, 6))
    return lab


plain_lab = shared(lab_with_daemons)  # for cases that leave it as it is


# ---- marks, hops, segments


@case
def dscp_in_every_packet():
    """-D marks every packet of each end, SYN and SYN-ACK included, over IPv4 and IPv6"""
    lab = plain_lab()
    for version in (4, 6):
        run = Run(lab, "-D", "s=ef,d=0x0a", version=version)
        run.first("S"), run.first("D")
        run.check("S", "dscp", 46)
        run.check("D", "dscp", 10)
        assert run.shown("S", "dscp") == ("ef", "ef")
        assert run.shown("D", "dscp") == ("af11", "af11")
        run = Run(lab, "-O", "s=IP_TOS=184,d=IPV6_TCLASS=4", "-D", "s=46", version=version)
        run.check("S", "dscp", 46)
        run.check("D", "dscp", 1)
        assert run.shown("D", "IP_TOS") == ("4", "4")
        run = Run(lab, version=version)
        run.check("S", "dscp", 0)
        run.check("D", "dscp", 0)


@case
def dscp_of_a_listener_of_both_families():
    """a destination that listens at all its addresses answers IPv4 with its mark, too"""
    need_program("nft")
    lab, public = lab_with_daemons(), "192.0.2.7"
    lab.run(2, "ip", "route", "add", public, "via", lab.addr(3))
    lab.run(3, "nft", "add", "table", "ip", "translator")
    lab.run(3, "nft", "add chain ip translator in { type nat hook prerouting priority -100; }")
    lab.run(3, "nft", "add", "rule", "ip", "translator", "in", "ip", "daddr", public, "dnat", "to",
            lab.addr(3))
    capture = Capture(lab, 3, "tcp and not port 5999", snaplen=160)
    expect(flowctl("-H", f"s={lab.addr(2)}/h2,d={public}/h3", *SHORT, "-D", "d=cs5", "-O",
                   "d=IP_TTL=33", netns=lab.ns(1)))
    answers = [p for p in packets(capture.stop()) if p["source"] in (lab.addr(3), public)]
    assert len(answers) > 3 and {(p["dscp"], p["hops"]) for p in answers} == {(40, 33)}, answers[:3]


@case
def hops_in_every_packet():
    """IP_TTL is the time to live, or the hop limit, of every packet from the SYN on"""
    lab = plain_lab()
    for version in (4, 6):
        run = Run(lab, "-O", "s=IP_TTL=7,d=IPV6_UNICAST_HOPS=99", version=version)
        run.check("S", "hops", 7)
        run.check("D", "hops", 99)
        assert run.shown("S", "IP_TTL") == ("7", "7")
        assert run.shown("D", "IP_TTL") == ("99", "99")


@case
def segment_size_in_the_handshake():
    """TCP_MAXSEG is announced in SYN and SYN-ACK, and no segment is larger"""
    lab = plain_lab()
    for version in (4, 6):
        run = Run(lab, "-O", "s=TCP_MAXSEG=1000,d=TCP_MAXSEG=800", version=version)
        assert run.first("S")["options.mss_val"] == 1000
        assert run.first("D")["options.mss_val"] == 800
        for end, wanted in (("S", 1000), ("D", 800)):
            real, requested = run.shown(end, "TCP_MAXSEG")
            assert requested == f"{wanted}B"
            # The smaller of both, without the 12 bytes of timestamps.
            assert real == "788B", real
        plain = Run(lab, version=version)
        assert plain.first("S")["options.mss_val"] == 1500 - (40 if version == 4 else 60)


@case
def fragmentation_is_forbidden():
    """IP_MTU_DISCOVER sets the bit that forbids to fragment, where the system would not"""
    lab = lab_with_daemons()
    for host in (2, 3):
        lab.run(host, "sysctl", "-w", "net.ipv4.ip_no_pmtu_disc=1")
    run = Run(lab, "-O", "s=IP_MTU_DISCOVER")
    run.check("S", "flags.df", 1)
    assert {p["flags.df"] for p in run.of("D")[1:]} == {0}
    assert run.shown("S", "IP_MTU_DISCOVER") == ("1", "1")


@case
def route_is_recorded():
    """ROUTE_RECORD puts its option into the packets of IPv4; IPv6 has none, and says so"""
    lab = plain_lab()
    run = Run(lab, "-O", "b=ROUTE_RECORD")
    run.check("S", "hdr_len", 60)
    assert {p["hdr_len"] for p in run.of("D") if p["len"]} == {60}
    for end in "SD":
        assert run.shown(end, "ROUTE_RECORD") == ("1", "1")
    for end, who in (("s", "source"), ("d", "destination")):
        run = Run(lab, "-O", f"{end}=ROUTE_RECORD", version=6, status=2)
        assert re.search(rf"flow 0, {who} .*: ROUTE_RECORD is an IPv4 option, but the connection uses "
                         r"IPv6\n$", run.result.err), run.result.err


# ---- buffers and windows


@case
def buffers_before_the_handshake():
    """-W shapes the window scale of SYN and SYN-ACK, -B is doubled: both are real at both ends"""
    lab = plain_lab()
    plain = Run(lab)
    for end in "SD":
        assert plain.first(end)["options.wscale.shift"] > 2, "too small a default to compare with"
    run = Run(lab, "-W", "b=20000", "-B", "s=30000,d=40000")
    for end, send in (("S", 30000), ("D", 40000)):
        # Half of 40000 bytes is window: it needs no scale.
        assert run.first(end)["options.wscale.shift"] == 0
        assert max(p["window_size"] for p in run.of(end)) <= 40000
        assert run.shown(end, "rbuf") == ("40000", "20000")
        assert run.shown(end, "sbuf") == (str(2 * send), str(send))
    only = Run(lab, "-W", "d=20000")
    assert only.first("D")["options.wscale.shift"] == 0
    assert only.first("S")["options.wscale.shift"] == plain.first("S")["options.wscale.shift"]


@case
def window_is_clamped():
    """TCP_WINDOW_CLAMP holds from the SYN on, though the kernel lifts it time and again"""
    lab = plain_lab()
    for options in ([], ["-W", "b=256k"]):
        run = Run(lab, "-O", "b=TCP_WINDOW_CLAMP=16k", *options, duration=("-T", "b=1"))
        for end in "SD":
            assert run.first(end)["window_size"] <= 16384
            assert run.first(end)["options.wscale.shift"] == 0
            windows = sorted(p["window_size"] for p in run.of(end))
            note(f"{end} {options}: median {windows[len(windows) // 2]}, largest {windows[-1]}")
            assert windows[len(windows) // 2] <= 16384
            assert run.shown(end, "TCP_WINDOW_CLAMP") == ("16384B", "16384B")


# ---- all others


@case
def every_option_is_read_back():
    """every option, asked for at both ends at once, is in force there"""
    lab = plain_lab()
    options = {"TCP_NODELAY": "1", "TCP_CORK": "1", "TCP_NOTSENT_LOWAT=16384": "16384B",
               "TCP_QUICKACK": "1", "TCP_USER_TIMEOUT=3000": "3000", "IP_MTU_DISCOVER": "1",
               "SO_DEBUG": "1", "SO_PRIORITY=5": "5", "SO_MARK=0x55": "85",
               "SO_BINDTODEVICE=eth0": "eth0"}
    for version in (4, 6):
        run = Run(lab, *(w for option in options for w in ("-O", f"b={option}")), version=version)
        for end in "SD":
            for option, value in options.items():
                shown = run.shown(end, option.split("=")[0])
                assert shown == (value, value), (end, option, shown)


@case
def log_has_what_is_real():
    """the flow log's begin and final lines name each option with its real value"""
    lab = plain_lab()
    _, log = run_logged("-H", "s=h2,d=h3", *SHORT, "-O", "s=IP_TTL=9,d=SO_MARK=7", "-D", "b=cs1",
                        netns=lab.ns(1))
    for events in (log.begins, log.finals):
        assert events["S", 0]["ttl"] == 9 and events["D", 0]["mark"] == 7
        assert events["S", 0]["dscp"] == events["D", 0]["dscp"] == 8
        assert "mark" not in events["S", 0] and "ttl" not in events["D", 0]


@case
def values_over_the_wire():
    """session.prepare takes what says that nothing is asked for, and refuses what is out of range"""
    api = Daemon().rpc()
    session = api.session.open({"key": "wire"})["session"]

    def prepare(flow, settings, **of_flow):
        return api.session.prepare({
            "session": session, "key": f"flow {flow}", "endpoints": [
                {"flow": flow, "endpoint": "d", "host": "127.0.0.1",
                 "source": {"duration": 1000000000}, "destination": settings,
                 "settings": of_flow}]})

    assert prepare(0, {"dscp": -1, "ttl": -1, "maxseg": 0, "mark": -1, "cpu": -1})["destinations"]
    assert prepare(1, {"dscp": 0, "ttl": 255, "maxseg": 88, "tos": 0, "mark": "0"})["destinations"]
    for number, (settings, of_flow, sentence) in enumerate((
            ({"ttl": 0}, {}, "ttl: 0 is not within 1 to 255"),
            ({"ttl": 256}, {}, "ttl: 256 is not within 1 to 255"),
            ({"dscp": 64}, {}, "dscp: 64 is not within 0 to 63"),
            ({"dscp": -2}, {}, "dscp: -2 is not within 0 to 63"),
            ({"maxseg": 87}, {}, "maxseg: 87 is not within 88 to 32767"),
            ({"mark": str(2 ** 32)}, {}, "mark: 4294967296 is not within 0 to 4294967295"),
            ({"cpu": 1024}, {}, "cpu: 1024 is not within 0 to 1023"),
            ({}, {"transport": "sctp"}, "transport: 'sctp' is not one of tcp, mptcp"),
            ({"tos": 3}, {}, "IP_TOS=3 sets ECN bits"),
            ({"tos": 8, "dscp": 1}, {}, "give only one of them"),
            ({"bind_device": "x" * 32}, {}, "bind_device: the string is longer than 31 bytes"),
            ({"bind_device": "x" * 31}, {}, "SO_BINDTODEVICE: no interface"),
            ({"bind_device": "a\nttl=1"}, {}, "SO_BINDTODEVICE: no interface")), 2):
        try:
            raise AssertionError(f"{settings} {of_flow} is taken: "
                                 f"{prepare(number, settings, **of_flow)}")
        except xmlrpc.client.Fault as fault:
            assert sentence in fault.faultString, fault.faultString


@case
def corked_exchange_is_not_held_back():
    """TCP_CORK does not delay the exchange of preambles by its 200 ms"""
    lab = plain_lab()
    _, log = run_logged("-H", "s=h2,d=h3", *SHORT, "-O", "b=TCP_CORK", netns=lab.ns(1))
    assert log.finals["S", 0]["exchange_time"] < 150e6, log.finals["S", 0]["exchange_time"]


@case
def missing_capability():
    """an option that flowd may not set is one sentence before the run, also with -L"""
    need_program("setpriv")
    drop = ("setpriv", "--inh-caps=-net_admin,-net_raw", "--bounding-set=-net_admin,-net_raw",
            "--no-new-privs")
    lab = lab_with_daemons(wrap=drop)
    for option, value in (("SO_MARK=5", "SO_MARK=5"), ("SO_DEBUG", "SO_DEBUG=1"),
                          ("SO_PRIORITY=7", "SO_PRIORITY=7")):
        for end, who in (("s", "source"), ("d", "destination")):
            for late in ([], ["-L"]):
                result = expect(flowctl("-H", "s=h2,d=h3", "-n", 2, "-F", 1, "-O",
                                        f"{end}={option}", *late, *SHORT, netns=lab.ns(1)), 2)
                assert re.fullmatch(rf"flowctl: .*flow 1, {who}.*: {value} needs the capability "
                                    r"CAP_NET_ADMIN, which flowd lacks there\n", result.err), \
                    result.err
                assert not result.rows
    # what needs none still works
    expect(flowctl("-H", "s=h2,d=h3", *SHORT, "-O", "b=SO_PRIORITY=6", netns=lab.ns(1)))


# ---- TCP Fast Open


@case
def fast_open():
    """TCP_FASTOPEN: the second connection has the preamble in its SYN, and both ends know"""
    lab = lab_with_daemons()
    for host in (2, 3):
        lab.run(host, "sysctl", "-w", "net.ipv4.tcp_fastopen=3")
    for version in (4, 6):
        first = Run(lab, "-O", "b=TCP_FASTOPEN", version=version)
        again = Run(lab, "-O", "b=TCP_FASTOPEN", version=version)
        assert first.first("S")["len"] == 0 and again.first("S")["len"] == 40
        for end in "SD":
            assert first.shown(end, "TCP_FASTOPEN") == ("0", "1")
            assert again.shown(end, "TCP_FASTOPEN") == ("1", "1")
        assert re.search(r", handshake = [\d.]+ \[ms\], exchange =", summary(first.result, "S"))
        assert re.search(r", handshake with exchange = [\d.]+ \[ms\]", summary(again.result, "S"))
        # late connections, too
        late = Run(lab, "-O", "b=TCP_FASTOPEN", "-L", version=version)
        assert late.first("S")["len"] == 40 and late.shown("S", "TCP_FASTOPEN") == ("1", "1")


@case
def fast_open_is_switched_off():
    """TCP_FASTOPEN where the system does not allow it is a sentence with the sysctl"""
    lab = lab_with_daemons()
    for host, end, who, role, value in ((2, "s", "source", "connects", 1),
                                        (3, "d", "destination", "listens", 2)):
        lab.run(host, "sysctl", "-w", "net.ipv4.tcp_fastopen=0")
        result = expect(flowctl("-H", "s=h2,d=h3", "-O", f"{end}=TCP_FASTOPEN", *SHORT,
                                netns=lab.ns(1)), 2)
        assert re.search(rf"flow 0, {who}.*: TCP_FASTOPEN is disabled for the end that {role}: set "
                         rf"net.ipv4.tcp_fastopen to {value} there\n$", result.err), result.err


# ---- MPTCP


def need_mptcp():
    if not os.path.exists("/proc/sys/net/mptcp/enabled"):
        raise Skip("the kernel does not support MPTCP")


@case
def multipath():
    """--mptcp: the SYN offers it, it is in force, all bytes arrive, and TCP_INFO is there"""
    need_mptcp()
    lab = plain_lab()
    for version in (4, 6):
        run = Run(lab, "--mptcp", version=version)
        for end in "SD":
            assert MPTCP_KIND in run.first(end)["kinds"]
            assert ", MPTCP in force" in summary(run.result, end)
    _, log = run_logged("-H", "s=h2,d=h3", "--mptcp", "-T", "s=1,d=0.5", "-i", 0.25, "-A", "s", "-R",
                        "s=1Mbit", netns=lab.ns(1))
    for sender, receiver in ("SD", "DS"):
        sent, received = log.finals[sender, 0], log.finals[receiver, 0]
        assert sent["tx_bytes"] + sent["tx_tail"] == received["rx_bytes"] + received["rx_tail"] > 0
        assert sent["tx_unacked"] == 0
        assert sent["mptcp"] == "yes"
    for row in log.rows:
        assert row["mptcp_subflows"] == 1 and row["cwnd"] > 0 and row["smss"] > 500, row
    # an end that is over is known to be: nobody waits for the end of the time to drain
    assert all(f["end"] < 3 for f in log.finals.values()), log.finals
    plain = Run(lab)
    assert MPTCP_KIND not in plain.first("S")["kinds"]
    assert "MPTCP" not in summary(plain.result, "S")


@case
def multipath_with_two_subflows():
    """--mptcp: with an endpoint of ip-mptcp(8) a second subflow is made, and counted"""
    need_mptcp()
    lab = lab_with_daemons()
    lab.run(2, "ip", "addr", "add", "10.77.0.102/24", "dev", "eth0")
    for host in (2, 3):
        lab.run(host, "ip", "mptcp", "limits", "set", "subflow", "2", "add_addr_accepted", "2")
    lab.run(2, "ip", "mptcp", "endpoint", "add", "10.77.0.102", "dev", "eth0", "subflow")
    _, log = run_logged("-H", f"s={lab.addr(2)},d={lab.addr(3)}", "--mptcp", "-T", "s=1", "-i", 0.25,
                        netns=lab.ns(1))
    for end in "SD":
        assert log.of(end)[-1]["mptcp_subflows"] == 2, [r["mptcp_subflows"] for r in log.of(end)]


@case
def multipath_falls_back():
    """--mptcp: where the path takes the option away, both ends say that they fell back"""
    need_mptcp()
    need_program("nft")
    lab = lab_with_daemons()
    lab.run(3, "nft", "add", "table", "inet", "path")
    lab.run(3, "nft", "add chain inet path in { type filter hook prerouting priority -300; }")
    strip = subprocess.run(["ip", "netns", "exec", lab.ns(3), "nft", "add", "rule", "inet", "path",
                            "in", "reset", "tcp", "option", "mptcp"], capture_output=True, text=True)
    if strip.returncode:
        raise Skip("nft can't take TCP options away")
    _, log = run_logged("-H", "s=h2,d=h3", "--mptcp", *SHORT, netns=lab.ns(1))
    result = expect(flowctl("-H", "s=h2,d=h3", "--mptcp", *SHORT, netns=lab.ns(1)))
    for end in "SD":
        assert log.finals[end, 0]["mptcp"] == "fallback"
        assert ", MPTCP fell back to TCP" in summary(result, end)
        assert {r["mptcp_subflows"] for r in log.of(end) if r["mptcp_subflows"] ==
                r["mptcp_subflows"]} == set(), "a connection of TCP has no subflows"


@case
def options_of_multipath():
    """--mptcp: options that such connections have not got are a sentence, the others are in force"""
    need_mptcp()
    lab = plain_lab()
    run = Run(lab, "--mptcp", "-D", "b=ef", "-O", "b=TCP_NODELAY", "-O", "b=SO_MARK=3")
    for end in "SD":
        run.check(end, "dscp", 46)
        assert run.shown(end, "dscp") == ("ef", "ef")
        assert run.shown(end, "TCP_NODELAY") == ("1", "1")
        assert run.shown(end, "SO_MARK") == ("3", "3")
    run = Run(lab, "--mptcp", "-O", "s=ROUTE_RECORD", status=2)
    assert re.search(r"flow 0, source .*: the kernel there can't set ROUTE_RECORD on MPTCP "
                     r"connections\n$", run.result.err), run.result.err


@case
def multipath_is_switched_off():
    """--mptcp: a system with net.mptcp.enabled=0 is one sentence before the run"""
    need_mptcp()
    lab = lab_with_daemons()
    for host, who in ((2, "source"), (3, "destination")):
        lab.run(2, "sysctl", "-w", f"net.mptcp.enabled={int(host != 2)}")
        lab.run(3, "sysctl", "-w", f"net.mptcp.enabled={int(host != 3)}")
        for late in ([], ["-L"]):
            result = expect(flowctl("-H", "s=h2,d=h3", "--mptcp", *late, *SHORT, netns=lab.ns(1)), 2)
            assert re.fullmatch(rf"flowctl: .*flow 0, {who}.*: MPTCP is disabled there: set "
                                r"net.mptcp.enabled to 1\n", result.err), result.err


# ---- congestion control, CPUs (over loopback)


@case
def state_of_congestion_control():
    """-c cc: BBR's figures where it runs, and none where it does not"""
    daemon = Daemon()
    available = daemon.rpc().flowd.describe({})["congestion_controls"]
    _, log = run_logged("-H", hosts(daemon), "-T", "b=0.5", "-i", 0.1, "-O",
                        "s=TCP_CONGESTION=reno,d=TCP_CONGESTION=" +
                        ("bbr" if "bbr" in available else "reno"))
    names = [c for c in log.columns if c.startswith(("bbr_", "dctcp_", "vegas_"))]
    assert len(names) == 12
    assert all(row[n] != row[n] for row in log.of("S") for n in names), "reno says nothing"
    if "bbr" not in available:
        raise Skip("bbr is not there")
    for row in log.of("D"):
        assert all((row[n] == row[n]) == n.startswith("bbr_") for n in names), row
        assert row["bbr_bw"] > 1 and row["bbr_min_rtt"] < 100
        assert row["bbr_pacing_gain"] in (2.887, 0.344, 0.348, 0.75, 1.25, 1.0), row
        assert row["bbr_cwnd_gain"] in (2.887, 2.0, 1.0), row


def cpu_times(pid):
    """{worker's name: CPU time in ticks} of a daemon."""
    times = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        text = open(f"/proc/{pid}/task/{task}/stat", encoding="ascii").read()
        name = text[text.index("(") + 1:text.rindex(")")]
        words = text[text.rindex(")") + 2:].split()
        times[name] = times.get(name, 0) + int(words[11]) + int(words[12])
    return times


def spent_by_workers(daemons, *arguments):
    """What the workers of each daemon spent on a run, in ticks."""
    before = [cpu_times(d.pid) for d in daemons]
    result = expect(flowctl(*arguments))
    after = [cpu_times(d.pid) for d in daemons]
    return result, [{n: late[n] - early[n] for n in sorted(late) if n.startswith("worker-")}
                    for early, late in zip(before, after)]


@case
def ends_share_a_cpu():
    """flows spread over the workers, and their ends meet on the same CPU; the next run begins anew"""
    pair = Daemon("--workers=2"), Daemon("--workers=2")
    for _ in range(2):
        _, spent = spent_by_workers(pair, "-H", hosts(*pair), "-T", "s=0.5", "-Q")
        note(spent)
        assert all(s["worker-0"] > 10 * s["worker-1"] for s in spent), spent
    _, spent = spent_by_workers(pair, "-H", hosts(*pair), "-n", 2, "-T", "s=0.5", "-Q")
    note(spent)
    assert all(min(s.values()) > max(s.values()) / 10 for s in spent), spent


@case
def endpoints_on_their_cpus():
    """--cpu: the worker of that CPU carries the endpoint, and the summary shows where it really ran"""
    usable = sorted(os.sched_getaffinity(0))
    daemon = Daemon()
    for number, cpu in enumerate(usable[:4]):
        result, (spent,) = spent_by_workers([daemon], "-H", hosts(daemon), "-n", 3, "-T", "s=0.5",
                                            "-Q", "--cpu", f"b={cpu}")
        for flow in range(3):
            for end in "SD":
                assert f", cpu = {cpu}/{cpu} (real/req)" in summary(result, end, flow)
        busiest = max(spent, key=spent.get)
        note(f"CPU {cpu}: {spent}")
        assert busiest == f"worker-{number}", spent
    unknown = usable[-1] + 1
    for end, who in (("s", "source"), ("d", "destination")):
        result = expect(flowctl("-H", hosts(daemon), "--cpu", f"{end}={unknown}", "-T", "s=0.2"), 2)
        assert re.fullmatch(rf"flowctl: flow 0, {who} \S+ \(flowd at \S+\): no worker of flowd there runs on "
                            rf"CPU {unknown} \(--cpu\); they run on "
                            rf"{', '.join(map(str, usable))}\n", result.err), result.err


if __name__ == "__main__":
    main()
