#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flowctl stamp: against flowd over emulated paths whose delays and losses are known, and against
reflectors that are written here from RFC 8762: stateless, silent, forging."""
import hashlib
import hmac
import json
import os
import re
import socket
import struct
import threading
import time

from flowrig_lab import near
from flowrig_test import (FLOWCTL, Daemon, Lab, at_end, case, complain, expect, flowctl, main, temp_dir,
                          wait_for)

KEY = b"a key of sixteen bytes or more"
EPOCH = 2208988800


def measure(*arguments, status=0, netns=None):
    result = flowctl("stamp", "--json", *arguments, netns=netns)
    expect(result, status)
    return json.loads(result.out)


def write_key():
    path = os.path.join(temp_dir(), "key")
    with open(path, "wb") as file:
        file.write(KEY + b"\n")
    os.chmod(path, 0o600)
    return path


class Reflector(threading.Thread):
    """A stateless one: the reply's number is the request's. `change` makes another reply of it, or
    none; all requests are kept."""

    def __init__(self, change=lambda request, reply: reply):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.at = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.change, self.requests = change, []
        at_end(self.socket.close)
        self.start()

    def run(self):
        while True:
            try:
                data, peer = self.socket.recvfrom(65536)
            except OSError:
                return
            now = int((time.time() + EPOCH) * 2**32)
            self.requests.append(data)
            sequence, sent, error, ssid = struct.unpack_from("!IQHH", data)
            reply = self.change(data, struct.pack("!IQHHQIQHxxB3x", sequence, now, 1, ssid, now, sequence, sent, error,
                                                  255) + data[44:])
            if reply:
                self.socket.sendto(reply, peer)


def sequence_of(data):
    return struct.unpack_from("!I", data)[0]


@case
def delay_and_loss_of_a_path():
    """RTT is the link's; losses of each direction are the link's own, of IPv4 and IPv6"""
    lab = Lab(3)
    reflector = Daemon("--stamp", f"--allow-stamp={lab.addr(2)},{lab.addr(2, 6)}", netns=lab.ns(3))
    wait_for(lambda: "answering STAMP" in reflector.err, 10, "STAMP")
    lab.set("path", "h2", "h3", "delay=30ms")
    lab.set("path", "h3", "h2", "delay=10ms")
    for version, (there, back) in ((4, (0, 0)), (4, (1, 0)), (6, (0, 1))):
        lab.set("path", "h2", "h3", f"loss={15 * there}%")
        lab.set("path", "h3", "h2", f"loss={15 * back}%")
        address = lab.addr(3, version) if version == 4 else f"[{lab.addr(3, 6)}]"
        got = measure(address, "-c", 100, "-i", 0.01, "--dscp", "AF11", netns=lab.ns(2))
        near(got["rtt"]["median"], .040, amount=.004, what="RTT")
        assert got["rtt"]["min"] >= .0395, got
        assert got["seen_there"]["dscp"] == got["seen_back"]["dscp"] == {"10": got["received"]}, got
        assert got["lost"] == got["sent"] - got["received"] and got["sent"] == 100, got
        if got["lost"] and "lost_there" not in got:  # the closing request was lost as well
            continue
        assert (got["lost_there"] > 0, got["lost_back"] > 0) == (bool(there), bool(back)), got
        assert got["lost_there"] + got["lost_back"] + got["lost_unknown"] == got["lost"], got


@case
def loopback_with_and_without_a_key():
    """Plain and authenticated, with extensions and without, as text and as JSON"""
    plain, key = Daemon("--stamp=127.0.0.1:4862"), write_key()
    keyed = Daemon("--stamp=127.0.0.1:4863", f"--stamp-key={key}")
    wait_for(lambda: "answering" in plain.err and "answering" in keyed.err, 10, "STAMP")
    for at, options, size in (("127.0.0.1:4862", [], 56), ("127.0.0.1:4862", ["-S", 44], 44),
                              ("127.0.0.1:4863", [f"--key-file={key}"], 144),
                              ("127.0.0.1:4863", [f"--key-file={key}", "-S", 112], 112)):
        got = measure(at, "-c", 5, "-i", 0.01, *options)
        assert got["received"] == 5 and got["size"] == size and got["ttl_there"] == 255, got
        assert got["lost_there"] == got["lost_back"] == got["duplicates"] == got["invalid"] == 0, got
        assert ("seen_there" in got) == (size in (56, 144)), got
        assert 0 < got["rtt"]["min"] <= got["rtt"]["median"] <= got["rtt"]["p99"] <= got["rtt"]["max"] < 2
        assert ("one_way_error" in got) == ("min" in got["there"]), got
    text = flowctl("stamp", "127.0.0.1:4862", "-c", 2)
    expect(text)
    assert re.match(r"127\.0\.0\.1:4862: 2 requests of 56 bytes sent, 2 replies\n"
                    r"lost: 0 of 2, there 0, back 0\nRTT: min \d", text.out), text.out
    got = measure("127.0.0.1:4863", "-c", 2, status=3)
    assert got["received"] == 0 and "min" not in got["rtt"], got


@case
def requests_are_those_of_the_rfc():
    """Numbers from 0 on, times, zeros where they have to be, extensions that RFC 8972 wants, a right HMAC"""
    reflector = Reflector()
    got = measure(reflector.at, "-c", 3, "-i", 0.01)
    assert got["received"] == 3 and "seen_there" not in got and got["lost"] == 0, got
    for number, data in enumerate(reflector.requests[:3]):
        sequence, sent, error = struct.unpack_from("!IQH", data)
        assert sequence == number and abs((sent >> 32) - EPOCH - time.time()) < 10 and error & 0xff
        assert data[16:44] == bytes(28) and data[44:] == bytes.fromhex("80040004 00000000 80010000"), data.hex()
    assert [sequence_of(data) for data in reflector.requests] == [0, 1, 2, 4]
    silent = Reflector(lambda request, reply: None)
    measure(silent.at, "-c", 1, f"--key-file={write_key()}", status=3)
    data, = silent.requests
    assert len(data) == 144 and data[96:112] == hmac.new(KEY, data[:96], hashlib.sha256).digest()[:16]
    assert data[128:] == hmac.new(KEY, data[:4] + data[112:124], hashlib.sha256).digest()[:16]


@case
def stateless_reflector():
    """A reflector that copies numbers: losses have no direction"""
    got = measure(Reflector(lambda request, reply: sequence_of(request) != 2 and reply).at, "-c", 5, "-i", 0.01)
    assert got["lost"] == 1 and got["received"] == 4, got
    assert not {"lost_there", "lost_back", "lost_unknown", "one_way_error"} & set(got), got


@case
def wrong_replies():
    """Cut ones, other times, impossible times: counted, and not believed"""
    for change in (lambda request, reply: reply[:40],
                   lambda request, reply: reply[:30] + b"\1\2\3" + reply[33:],
                   lambda request, reply: reply[:16] + bytes(8) + reply[24:]):
        got = measure(Reflector(change).at, "-c", 3, "-i", 0.01, status=3)
        assert got["invalid"] == 3 and got["received"] == 0 and "min" not in got["rtt"], got


@case
def nobody_is_there():
    """A silent host gets ten requests, whatever is asked; a closed port one"""
    silent = Reflector(lambda request, reply: None)
    result = flowctl("stamp", silent.at, "-c", 1000, "-i", 0.01)
    expect(result, 3)
    assert result.err == f"flowctl: stamp: {silent.at}: no reply to 10 requests\n", result.err
    assert len(silent.requests) == 10
    result = flowctl("stamp", "127.0.0.1:9", "-c", 1000)
    expect(result, 3)
    assert result.err == "flowctl: stamp: 127.0.0.1:9: Connection refused\n", result.err


@case
def refused():
    """What makes no sense, or would be too much"""
    for options, sentence in ((["-i", "0.001"], "option -i: '0.001' is not within 0.01 to 60 s"),
                              (["-c", "0"], "option -c: '0' is not within 1 to 1000000"),
                              (["-S", "50"], "option -S: requests have 44 bytes, or with extensions at least 56"),
                              (["-S", "1473"], "option -S: '1473' is not within 44 to 1472"),
                              (["--dscp", "64"], "option --dscp: '64' is not within 0 to 63")):
        complain(FLOWCTL, "flowctl", ["stamp", *options, "127.0.0.1"], f"stamp: {sentence}")


main()
