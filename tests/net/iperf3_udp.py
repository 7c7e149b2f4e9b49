#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams of iperf3 clients: what Debian's client shows is what the daemon has counted; clients
by hand, with lost, repeated and late datagrams; and datagrams that come from elsewhere."""
import contextlib
import json
import re
import select
import socket
import struct
import time

from flowrig_test import case, main
from iperf3_peer import (CREATE_STREAMS, DISPLAY_RESULTS, DONE, EXCHANGE_RESULTS, PARAM_EXCHANGE,
                         TEST_END, TEST_RUNNING, TEST_START, Peer, is_near, measure_all, server)

# What opens a stream, and its answer: 3.12 and later, the same of hosts of the other order of
# bytes, 3.11 and before.
OPENINGS = {b"9876": b"6789", b"6789": b"9876", b"\x15\xcd\x5b\x07": b"\xb1\x68\xde\x3a",
            b"\x07\x5b\xcd\x15": b"\x3a\xde\x68\xb1"}


# ---- Debian's client


def own_figures(document):
    """{id: (bytes, jitter in ms, lost, datagrams)} of the daemon's table."""
    found = re.findall(r"^\[ *(\d+)\] +0.00-[\d.]+ +(\d+) +\S+ +(\S+) +(\S+) +(\d+)  (?:sender|receiver)$",
                       document["server_output_text"], re.M)
    return {int(i): (int(size), jitter, lost, int(packets))
            for i, size, jitter, lost, packets in found}


@case
def both_agree():
    """-u in both directions with -P, -O, -n, -k, 64-bit counters and small datagrams: the client's JSON has
    the daemon's figures, bytes to the byte, loss and jitter digit for digit"""
    common = ("-u", "-l", "1000", "-b", "5M", "--get-server-output")
    tests = [("-t", "1", "-P", "3"), ("-t", "1", "-R"), ("-t", "1", "-b", "20M/10"),
             ("-t", "1", "--bidir"), ("-n", "500K", "-b", "50M"), ("-k", "300", "-b", "50M"),
             ("-t", "1", "-l", "16", "-b", "200K"),
             ("-t", "1", "-O", "1"), ("-t", "1", "-l", "16", "--udp-counters-64bit", "-R", "-b", "200K"),
             ("-t", "1", "-l", "20000", "--dont-fragment", "-R")]
    for options, document in zip(tests, measure_all(*[(*common, *test) for test in tests])):
        figures = own_figures(document)
        streams = document["end"]["streams"]
        assert len(streams) == len(figures), (options, document["server_output_text"])
        for (size, jitter, lost, packets), stream in zip(figures.values(), streams):
            udp = stream["udp"]
            if lost == "-":  # the daemon has sent it
                assert 0 < udp["packets"] <= packets and udp["bytes"] <= size, (options, udp, figures)
                continue
            assert udp["lost_packets"] == int(lost), (options, udp, figures)
            assert "%.6f" % udp["jitter_ms"] == jitter, (options, udp, figures)
            if "-O" in options:  # by two clocks
                is_near(packets, udp["packets"])
                continue
            assert udp["packets"] == packets > 0, (options, udp, figures)
            each = udp["bytes"] // udp["packets"]
            assert udp["bytes"] - each * int(lost) == size, (options, udp, figures)
        if "-n" in options:
            assert document["end"]["sum_sent"]["bytes"] == 512000, document["end"]
        if "-k" in options:
            assert document["end"]["sum"]["packets"] == 300, document["end"]


# ---- by hand


class UdpPeer(Peer):
    """A client that sends datagrams."""

    def __init__(self, source="127.0.0.1", **keywords):
        super().__init__(**keywords)
        self.source = source

    def open_stream(self, opening=b"9876"):
        stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stream.bind((self.source, 0))
        stream.connect(("127.0.0.1", self.port))
        stream.settimeout(10)
        stream.send(opening)
        self.streams.append(stream)
        return stream

    def begin(self, opening=b"9876", **params):
        self.send_json({"udp": True, "time": 5, "len": 100, **params})
        self.expect(CREATE_STREAMS)
        for _ in range(params.get("parallel", 1)):
            assert self.open_stream(opening).recv(100) == OPENINGS[opening]
        self.expect(TEST_START, TEST_RUNNING)

    def send_numbers(self, numbers, wide=False):
        for number in numbers:
            now = time.monotonic_ns()
            head = struct.pack(">II", now // 10**9, now % 10**9 // 1000)
            head += struct.pack(">Q" if wide else ">I", number)
            self.streams[0].send(head.ljust(100, b"x"))

    def results(self, count, sent=0):
        self.send(TEST_END)
        self.expect(EXCHANGE_RESULTS)
        self.send_json({"cpu_util_total": 0, "cpu_util_user": 0, "cpu_util_system": 0,
                        "sender_has_retransmits": 0, "streams":
                        [{"id": i + (i > 1), "bytes": sent, "retransmits": -1, "jitter": 0, "errors": 0,
                          "packets": 0} for i in range(1, count + 1)]})
        found = self.read_json()
        self.expect(DISPLAY_RESULTS)
        self.send(DONE)
        assert self.socket.recv(1) == b""
        return found


@case
def every_opening():
    """Clients of all versions: lost, repeated and late datagrams are counted as what they are"""
    for i, opening in enumerate(4 * list(OPENINGS)):
        wide = bool(i % 2)
        with contextlib.closing(UdpPeer()) as peer:
            peer.begin(opening, **({"udp_counters_64bit": 1} if wide else {}))
            peer.send_numbers([1, 2, 4, 3, 3, 3, 7, 0], wide)
            peer.streams[0].send(b"short")
            found = peer.results(1, sent=700)
            stream, own = found["streams"][0], found["flowrig"]["streams"][0]
            assert (stream["bytes"], stream["packets"], stream["errors"]) == (500, 7, 2), stream
            assert found["sender_has_retransmits"] == -1
            wanted = {"rx_bytes": 500, "datagrams_lost": 2, "datagrams_duplicate": 2,
                      "datagrams_reordered": 1, "datagrams_foreign": 2}
            assert {name: own[name] for name in wanted} == wanted, own
            assert stream["jitter"] == own["jitter_last"] / 1e9 > 0, (stream, own)


@case
def clocks_of_versions():
    """-R: what the daemon sends has numbers from 1 on, and the clock that the version expects"""
    for version, clock in (("3.6", time.time), ("3.7", time.monotonic), ("3.21+", time.monotonic)):
        with contextlib.closing(UdpPeer()) as peer:
            peer.begin(reverse=True, bandwidth=800000, num=1000, client_version=version)
            for number in range(1, 11):
                data = peer.streams[0].recv(1000)
                seconds, micro, found = struct.unpack(">III", data[:12])
                assert len(data) == 100 and found == number, (len(data), found)
                assert abs(seconds + micro / 1e6 - clock()) < 5, (version, seconds, clock())
            found = peer.results(1)
            assert found["sender_has_retransmits"] == 0, found
            stream = found["streams"][0]
            assert (stream["bytes"], stream["packets"], stream["errors"]) == (1000, 10, 0), stream


@case
def first_datagram_twice():
    """What opens a stream may come again: it is answered again, and is no second stream"""
    with contextlib.closing(UdpPeer()) as peer:
        peer.send_json({"udp": True, "time": 5, "len": 100, "parallel": 2})
        peer.expect(CREATE_STREAMS)
        one = peer.open_stream()
        assert one.recv(100) == b"6789"
        one.send(b"9876")
        assert peer.open_stream().recv(100) == b"6789"
        peer.expect(TEST_START, TEST_RUNNING)
        peer.send_numbers([1])
        assert len(peer.results(2, sent=100)["streams"]) == 2


# ---- from elsewhere


def nothing_comes(*sockets, seconds=0.3):
    found = select.select(sockets, [], [], seconds)[0]
    assert not found, [each.recv(100) for each in found]


@case
def forged_sources():
    """Datagrams of other hosts, wrong ones and those that no test waits for get no answer, and a
    test sends nothing to where they came from"""
    others = []
    for address in ("127.0.0.9", "127.0.0.1"):
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind((address, 0))
        other.connect(("127.0.0.1", server().port5201))
        others.append(other)
    stranger, same_host = others
    for other in others:
        other.send(b"9876")  # nobody waits
    nothing_comes(*others)
    with contextlib.closing(UdpPeer()) as peer:
        peer.send_json({"udp": True, "time": 5, "len": 100, "reverse": True, "bandwidth": 800000})
        peer.expect(CREATE_STREAMS)
        stranger.send(b"9876")
        for wrong in (b"x", b"", b"987", b"98765", b"9877", bytes(100)):
            same_host.send(wrong)
        nothing_comes(*others, peer.socket)
        stream = peer.open_stream()
        assert stream.recv(100) == b"6789"
        peer.expect(TEST_START, TEST_RUNNING)
        for other in others:
            other.send(b"9876")  # too late
        assert len(stream.recv(1000)) == 100
        nothing_comes(*others)
        # A client that is gone agrees to nothing any more.
        peer.socket.close()
        time.sleep(0.3)
        stream.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while stream.recv(1000):
                pass
        nothing_comes(stream)
    for other in others:
        other.close()


@case
def receiver_that_is_gone():
    """-R: a port that is closed ends the test, with an error"""
    with contextlib.closing(UdpPeer()) as peer:
        peer.begin(reverse=True, bandwidth=800000)
        peer.streams.pop().close()
        peer.expect_error(205)


@case
def one_waits_at_a_time():
    """A client that never sends its first datagram: the next one of its host waits until it leaves,
    those of other hosts do not, and neither do TCP tests"""
    with contextlib.closing(UdpPeer()) as silent, contextlib.closing(UdpPeer()) as second:
        silent.send_json({"udp": True, "len": 100})
        silent.expect(CREATE_STREAMS)
        second.send_json({"udp": True, "len": 100})
        nothing_comes(second.socket)
        with contextlib.closing(Peer()) as other:
            other.begin(tcp=True)
        foreign = socket.create_connection(("127.0.0.1", silent.port), 20, ("127.0.0.7", 0))
        with foreign:
            foreign.sendall(b"of another host".ljust(36, b".") + b"\0")
            text = json.dumps({"udp": True, "len": 100}).encode()
            foreign.sendall(struct.pack(">I", len(text)) + text)
            assert foreign.recv(1) == bytes([PARAM_EXCHANGE])
            assert foreign.recv(1) == bytes([CREATE_STREAMS])
        silent.socket.close()
        second.expect(CREATE_STREAMS)
        assert second.open_stream().recv(100) == b"6789"
        second.expect(TEST_START, TEST_RUNNING)
        second.send_numbers([1, 2])
        assert second.results(1, sent=200)["streams"][0]["packets"] == 2


main()
