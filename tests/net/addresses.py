#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses and ports that are asked for are those in use, or the run is refused."""
import re
import time

from flowrig_lab import attempts, proxy
from flowrig_test import Daemon, Lab, case, expect, flowctl, main, note, run_logged, shared, wait_for

RUN = ("-T", "s=0.3", "-i", "0.1")


@shared
def lab():
    """h2 and h3 with IPv4, IPv6 and link-local addresses, and a daemon each; flowctl is on h1."""
    made = Lab(3, "delay=1ms rate=50m limit=50ms")
    for host in (2, 3):
        Daemon(netns=made.ns(host), bind="::", port=5999)
    return made


def control(host):
    return f"{Lab.addr(host)}:5999"


def ends(source, destination):
    return f"s={source}/{control(2)},d={destination}/{control(3)}"


def run(source, destination, *options):
    return run_logged("-H", ends(source, destination), *RUN, *options, netns=lab().ns(1))


def refused(source, destination, *options, status=1):
    return expect(flowctl("-H", ends(source, destination), *RUN, *options, netns=lab().ns(1)),
                  status).err


def link_local(host):
    return re.search(r"inet6 (fe80::[0-9a-f:]+)/", lab().run(
        host, "ip", "-6", "addr", "show", "dev", "eth0", "scope", "link"))[1]


@case
def families_that_differ():
    """Numeric addresses of different families are refused before anything is done, with both"""
    assert refused("fd77::2", "10.77.0.4") == (
        "flowctl: flow 0: the source's address fd77::2 is IPv6 and the destination's address 10.77.0.4 "
        "is IPv4: both ends of a flow need the same\n")
    assert "10.77.0.3 is IPv4 and the destination's address fd77::3 is IPv6" in refused("10.77.0.3",
                                                                                      "fd77::3")
    assert refused("10.77.0.3", "10.77.0.4", "-6") == (
        "flowctl: flow 0: the source's address 10.77.0.3 is IPv4, but only IPv6 is allowed (-6)\n")
    assert "both IPv4 only (-4) and IPv6 only (-6)" in refused("fd77::2", "fd77::3", "-4", "-6")


@case
def family_of_a_name():
    """A name has the family of the other end's address, or the one of -4 and -6"""
    for source, destination, options, family in (
            ("h2", "h3", (), 4), ("h2", "h3", ("-6",), 6), ("h2", "h3", ("-4",), 4),
            ("fd77::2", "h3", (), 6), ("h2", "fd77::3", (), 6), ("10.77.0.3", "h3", (), 4)):
        _, log = run(source, destination, *options)
        for end, name, host in (("S", "local", 2), ("D", "peer", 2), ("S", "peer", 3)):
            found = log.begins[end, 0][name].rpartition(":")[0].strip("[]")
            assert found == Lab.addr(host, family), (source, destination, options, end, name, found)


@case
def address_of_another_host():
    """A source's test address that its host does not have: one warning with both addresses"""
    result, log = run("10.77.0.99", "10.77.0.4", "-n", 2)
    # It names the flow whose report came first.
    assert re.fullmatch(r"flowctl: 10\.77\.0\.99 is not an address of the source's host: flow [01] comes "
                        r"from 10\.77\.0\.3\n", result.err), result.err
    assert log.begins["S", 0]["local"].startswith("10.77.0.3:")


@case
def mapped_addresses():
    """A socket of both families shows IPv4 peers as IPv4, in the log and in the daemon's words"""
    _, log = run("h2", "h3")
    for end in "SD":
        for name in ("local", "peer"):
            assert "ffff" not in log.begins[end, 0][name], log.begins[end, 0]


@case
def link_local_addresses():
    """Link-local addresses: each end has its own zone, or the interface that has the address"""
    one, two = link_local(2), link_local(3)
    for source, destination in ((f"{one}%eth0", f"{two}%eth0"), (one, two)):
        _, log = run(source, destination)
        assert log.begins["S", 0]["local"].startswith(f"[{one}%eth0]"), log.begins["S", 0]
        assert log.finals["D", 0]["rx_bytes"] > 0
    err = refused("fe80::1", two, status=2)
    assert "the link-local address fe80::1 needs an interface" in err, err


@case
def source_port():
    """--source-port: the port in use; what can't be is refused in a sentence"""
    _, log = run("10.77.0.3", "10.77.0.4", "--source-port", "s=7321")
    assert log.begins["S", 0]["local"] == "10.77.0.3:7321" == log.begins["D", 0]["peer"]
    assert any(line.startswith("# ID   0 S: ") and ", local = 10.77.0.3:7321" in line
               for line in log.lines), log.lines[-6:]
    assert "the destination does not connect" in refused("h2", "h3", "--source-port", "d=7321")
    err = refused("10.77.0.3", "10.77.0.4", "-n", 2, "--source-port", "s=7322", status=2)
    assert "another connection uses that source port" in err or "source port 7322" in err, err


@case
def addresses_of_datagrams():
    """The same for UDP: families, the port of the source, link-local addresses, a port that is taken"""
    for options, form in ((("--source-port", "s=7331"), r"10\.77\.0\.3:7331"),
                          (("-6",), r"\[fd77::2\]:\d+"),
                          (("-4",), r"10\.77\.0\.3:\d+")):
        _, log = run("h2", "h3", "--udp", *options)
        local, peer = log.begins["S", 0]["local"], log.begins["D", 0]["peer"]
        assert re.fullmatch(form, local) and local == peer, (options, local, peer)
        assert log.finals["D", 0]["datagrams_received"] > 0
    err = refused("10.77.0.3", "10.77.0.4", "--udp", "-n", 2, "--source-port", "s=7332", status=2)
    assert "the source port 7332 can't be used: Address already in use" in err, err
    _, log = run(link_local(2), link_local(3), "--udp")
    assert log.begins["S", 0]["local"].startswith("[fe80::"), log.begins["S", 0]
    assert log.finals["D", 0]["datagrams_received"] > 0


@case
def freebind():
    """--freebind: an address that the host does not have is the flow's all the same"""
    net = lab()
    net.run(3, "ip", "route", "add", "10.99.0.1/32", "via", Lab.addr(2))
    net.run(2, "ip", "route", "add", "local", "10.99.0.1/32", "dev", "lo")
    result, log = run("10.99.0.1", "10.77.0.4", "--freebind", "s")
    assert log.begins["D", 0]["peer"].startswith("10.99.0.1:"), log.begins["D", 0]
    assert result.err == "", result.err


@case
def addresses_of_others():
    """--freebind sends nothing from an address that is another host's, and takes what a local route makes its own"""
    net = lab()
    for transport in ((), ("--udp",)):
        err = refused("fd77::99", "fd77::3", "--freebind", "s", *transport, status=2)
        assert "the host has neither the address fd77::99 nor a local route for it" in err, err
    net.run(3, "ip", "route", "add", "fd99::1/128", "via", Lab.addr(2, 6))
    net.run(2, "ip", "route", "add", "local", "fd99::/64", "dev", "lo")
    _, log = run("fd99::1", Lab.addr(3, 6), "--freebind", "s")
    assert log.begins["D", 0]["peer"].startswith("[fd99::1]:"), log.begins["D", 0]


@case
def long_path():
    """At a round trip of 600 ms a run of 1 s takes less than 8 s, from the source's host and a third, and leaves nothing"""
    far = Lab(3, "delay=150ms rate=50m limit=200ms")
    daemons = [far.daemon(host, "--max-flows", 1) for host in (2, 3)]
    left = lambda: [proxy(d, far.ns(h)).flowd.status({}) for d, h in zip(daemons, (2, 3))]

    def measure(host):
        began = time.monotonic()
        result = expect(flowctl("-H", f"s={Lab.addr(2)},d={Lab.addr(3)}", "-T", "s=1", "-q", netns=far.ns(host)))
        took = time.monotonic() - began
        assert result.err == "" and [status["flows"] for status in left()] == [0, 0], (result.err, left())
        return took

    def check(took):
        note(f"it took {took:.2f} s")
        assert took < 8, f"it took {took:.1f} s"

    attempts(lambda _: measure(2), check)
    # Only in a lab are all three hosts of a long path neighbours, whose addresses take a round trip each.
    for peer in (2, 3):
        far.run(1, "ping", "-n", "-c", "1", "-W", "5", Lab.addr(peer))
    # A daemon has room for one endpoint: a run that comes at once is taken.
    attempts(lambda _: measure(1), check)
    wait_for(lambda: not any(status["sessions"] for status in left()), 20, "the close")
    assert flowctl("attach").out == "", "nothing is left to attach to"


main()
