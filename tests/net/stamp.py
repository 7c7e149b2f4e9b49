#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""STAMP: flowd as a reflector against a sender that is written here from RFC 8762 and RFC 8972, and
against tshark's dissectors: what it answers, whom, and what nobody gets an answer to."""
import hashlib
import hmac
import os
import re
import socket
import struct
import subprocess
import time
import urllib.request

from flowrig_lab import inside
from flowrig_test import (FLOWD, Capture, Daemon, Lab, case, complain, expect, flowctl, main, need_program,
                          need_root, shared, temp_dir, wait_for)

KEY = b"a key of sixteen bytes or more"
EPOCH = 2208988800
SILENCE = 0.3  # s, after which no answer is on its way through loopback any more


def serve(*options, **keywords):
    """A daemon that answers STAMP, with `stamp_port`."""
    daemon = Daemon("--stamp=0", *options, **keywords)
    daemon.stamp_port = int(wait_for(lambda: re.search(r"answering STAMP at \S+:(\d+)", daemon.err),
                                     10, "STAMP")[1])
    return daemon


@shared
def plain():
    return serve()


@shared
def key_file():
    return write_key(KEY)


def write_key(key, mode=0o600):
    path = os.path.join(temp_dir(), "key")
    with open(path, "wb") as file:
        file.write(key + b"\n")
    os.chmod(path, mode)
    return path


@shared
def authenticated():
    return serve(f"--stamp-key={key_file()}")


def mac(data, key=KEY):
    return hmac.new(key, data, hashlib.sha256).digest()[:16]


def ntp(seconds):
    whole = int(seconds)
    return (whole + EPOCH) << 32 | int((seconds - whole) * 2**32)


def seconds_of(stamp):
    return (stamp >> 32) - EPOCH + (stamp & 0xffffffff) / 2**32


def request(sequence=0, ssid=0, sent=None, key=None):
    sent = ntp(time.time() if sent is None else sent)
    if not key:
        return struct.pack("!IQHH28x", sequence, sent, 0x8001, ssid)
    head = struct.pack("!I12xQHH68x", sequence, sent, 0x8001, ssid)
    return head + mac(head, key)


def tlv(kind, value, flags=0x80):
    return struct.pack("!BBH", flags, kind, len(value)) + value


def read(reply, auth=False):
    """The fields of a reply."""
    names = "sequence sent error ssid received sender_sequence sender_sent sender_error ttl".split()
    form = "!I12xQHH4xQ8xI12xQH6xB" if auth else "!IQHHQIQHxxB"
    fields = dict(zip(names, struct.unpack_from(form, reply)))
    if auth:
        assert reply[96:112] == mac(reply[:96]), "wrong HMAC"
    return fields


def open_socket(daemon, address="127.0.0.1", port=0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.bind((address, port))
    one.connect((address.replace(".2", ".1"), daemon.stamp_port))
    one.settimeout(5)
    return one


def exchange(one, data):
    one.send(data)
    return one.recv(65536)


def gets_nothing(one, data):
    one.settimeout(SILENCE)
    one.send(data)
    try:
        raise AssertionError(f"an answer: {one.recv(65536)}")
    except (TimeoutError, ConnectionRefusedError):
        pass
    one.settimeout(5)


@case
def replies_are_those_of_the_rfc():
    """Sequence numbers, times in order, the request's own fields, TTL; of IPv4 and IPv6, with a key and without"""
    for daemon, key in ((plain(), None), (authenticated(), KEY)):
        for address in ("127.0.0.1", "::1"):
            with open_socket(daemon, address) as one:
                for number in range(3):
                    data = request(100 + number, 77, key=key)
                    before = time.time()
                    reply = exchange(one, data)
                    after = time.time()
                    got = read(reply, bool(key))
                    assert len(reply) == len(data)
                    assert got["sequence"] == number and got["sender_sequence"] == 100 + number, got
                    assert got["ssid"] == 77 and got["sender_error"] == 0x8001 and got["ttl"] == 64, got
                    assert got["error"] & 0xff and not got["error"] & 0x4000, got
                    assert ntp(before) - 2 <= got["received"] <= got["sent"] <= ntp(after) + 2, (before, got, after)


@case
def replies_have_the_length_of_requests():
    """From 41 bytes on (TWAMP Light) to 9000, and never more; shorter ones get nothing"""
    with open_socket(plain()) as one:
        for length in (41, 43, 44, 45, 48, 100, 1472, 9000):
            data = (request() + bytes(9000))[:length]
            assert len(exchange(one, data)) == length, length
        for length in (0, 1, 14, 40):
            gets_nothing(one, request()[:length])
    with open_socket(authenticated()) as one:
        gets_nothing(one, request(key=KEY)[:111])


@case
def padding_of_twamp():
    """Random padding comes back as it was, and makes no sessions"""
    with open_socket(plain()) as one:
        for number in range(3):
            padding = os.urandom(100)
            reply = exchange(one, request()[:14] + b"\1" + padding)
            assert read(reply)["sequence"] == number
            assert reply[44:] == (b"\1" + padding)[30:]


@case
def extensions():
    """Class of service with the reply's own DSCP, timestamp information, location, unknown, malformed"""
    with open_socket(plain()) as one:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 46 << 2 | 1)
        one.setsockopt(socket.IPPROTO_IP, 13, 1)  # IP_RECVTOS
        one.send(request() + tlv(4, bytes([10 << 2, 0, 0, 0])) + tlv(3, bytes(4)) + tlv(2, bytes(4)) +
                 tlv(77, b"abc") + tlv(1, bytes(5)) + b"\x80\1\0\x09rest")
        reply, control = one.recvmsg(2000, 200)[:2]
        assert control[0][2][0] == 10 << 2, control
        word = 10 << 10 | 46 << 4 | 1 << 2
        sync = 1 if read(reply)["error"] & 0x8000 else 5
        ports = struct.pack("!HH", plain().stamp_port, one.getsockname()[1])
        assert reply[44:] == (tlv(4, struct.pack("!HH", word, 0), 0) + tlv(3, bytes([sync, 2, sync, 2]), 0) +
                              tlv(2, ports, 0) + tlv(77, b"abc") + tlv(1, bytes(5), 0) +
                              b"\x40\1\0\x09rest"), reply[44:].hex()


@case
def extensions_with_a_key():
    """The HMAC TLV is checked and made anew; a wrong one, or none, is flagged on all"""
    with open_socket(authenticated()) as one:
        head, body = request(5, key=KEY), tlv(4, bytes(4)) + tlv(1, bytes(7))
        reply = exchange(one, head + body + tlv(8, mac(head[:4] + body)))
        got, end = read(reply, True), 112 + len(body)
        assert reply[112] == 0 and reply[end] == 0 and reply[end + 4:] == mac(reply[:4] + reply[112:end])
        assert got["sequence"] == 0
        reply = exchange(one, head + body + tlv(8, bytes(16)))
        assert reply[112] == 0xa0 and reply[120] == 0xa0 and reply[end] == 0xa0, reply[112:].hex()
        assert exchange(one, head + body)[112] == 0xa0


@case
def keys():
    """Without the key there is no answer, and not with a bit changed; files that are open to others are refused"""
    with open_socket(authenticated()) as one:
        gets_nothing(one, request() + bytes(100))
        gets_nothing(one, request(key=b"another key, of enough bytes"))
        good = request(key=KEY)
        for at in (0, 20, 95, 111):
            gets_nothing(one, good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        assert exchange(one, good)
    path = write_key(KEY, 0o644)
    complain(FLOWD, "flowd", ["-d", "--stamp=0", f"--stamp-key={path}"],
             f"option --stamp-key: the key {path} is accessible to others (mode 0644): restrict it with chmod 600 "
             f"{path}")
    path = write_key(KEY[:15])
    complain(FLOWD, "flowd", ["-d", "--stamp=0", f"--stamp-key={path}"],
             f"option --stamp-key: {path}: the first line, which is the key, must have 16 to 256 bytes")


def count_of(daemon):
    text = re.search(r"metrics at (\S+)", daemon.err)[1]
    with urllib.request.urlopen(f"http://{text}/metrics") as page:
        lines = page.read().decode().splitlines()
    return {m[2] or "answered": int(m[3]) for m in (re.fullmatch(
        r'flowrig_flowd_stamp_(replies|ignored_requests)_total(?:\{reason="(.*)"\})? (\d+)', line)
        for line in lines) if m}


@case
def what_would_loop():
    """System ports, the reflector's own port and replies get nothing; --metrics and status count it"""
    need_root()
    daemon = serve("--metrics=127.0.0.1:4998")
    for address in ("127.0.0.2", "127.0.0.1"):
        with open_socket(daemon, address, 7 if address == "127.0.0.1" else daemon.stamp_port) as one:
            gets_nothing(one, request())
    with open_socket(daemon) as one:
        gets_nothing(one, exchange(one, request()))
        gets_nothing(one, b"")
    wanted = {"answered": 1, "address": 0, "port": 2, "short": 1, "reply": 1, "hmac": 0, "rate": 0, "send": 0}
    assert count_of(daemon) == wanted, count_of(daemon)
    status = flowctl("status", daemon.control)
    expect(status)
    assert "STAMP: 1 requests answered, 4 ignored" in status.out, status.out


@case
def rate():
    """One address gets 200 answers at once, and 1000 per second"""
    daemon = serve()
    with open_socket(daemon) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        began, answered = time.monotonic(), 0
        for _ in range(3000):
            one.send(request())
        one.settimeout(SILENCE)
        took = time.monotonic() - began + SILENCE
        try:
            while one.recv(2000):
                answered += 1
        except TimeoutError:
            pass
    assert answered <= 200 + 1000 * took, (answered, took)
    assert answered >= 200 or answered == 3000, answered


@case
def where_it_listens():
    """Other addresses need --allow-stamp, which makes all the default; nonsense is refused"""
    for options, sentence in (
            (["--stamp=0.0.0.0:4000"], "option --stamp: 0.0.0.0:4000 is not a loopback address, and only senders on this "
                                    "host are allowed: name others with --allow-stamp"),
            (["--stamp=70000"], "option --stamp: '70000' is not a port"),
            (["--allow-stamp=10.0.0.0/8"], "option --allow-stamp: only --stamp answers such senders"),
            (["--stamp-key=x"], "option --stamp-key: only --stamp uses it")):
        done = subprocess.run([FLOWD, "-d", "-p", "0", *options], capture_output=True, text=True, timeout=20,
                              check=False)
        assert done.returncode == 1 and done.stderr == f"flowd: {sentence}\n", (options, done)
    daemon = serve("--allow-stamp=192.0.2.0/24")
    assert "STAMP at 0.0.0.0:" in daemon.err and "STAMP at [::]:" in daemon.err, daemon.err
    with open_socket(daemon, "127.0.0.1") as one:
        assert exchange(one, request())


@case
def strangers():
    """Through a network: allowed addresses are answered from the address they asked, others are not"""
    lab = Lab(3)
    reflector = Daemon("--stamp", f"--allow-stamp={lab.addr(2)},{lab.addr(2, 6)}", netns=lab.ns(3))
    wait_for(lambda: "answering STAMP" in reflector.err, 10, "STAMP")
    reflector.stamp_port = 862
    for sender, version in ((2, 4), (2, 6), (1, 4), (1, 6)):
        with inside(lab.ns(sender)):
            family = socket.AF_INET if version == 4 else socket.AF_INET6
            one = socket.socket(family, socket.SOCK_DGRAM)
        with one:
            one.connect((lab.addr(3, version), 862))
            one.settimeout(5)
            if sender == 2:
                assert read(exchange(one, request()))["ttl"] == 64
            else:
                gets_nothing(one, request())


@case
def tshark_reads_replies():
    """An independent dissector (TWAMP-Test) finds the same fields"""
    need_program("tshark")
    need_program("text2pcap")
    with open_socket(plain()) as one:
        data = request(5)
        reply = exchange(one, data)
    folder = temp_dir()
    with open(os.path.join(folder, "hex"), "w", encoding="ascii") as file:
        file.write("0000 " + " ".join(f"{byte:02x}" for byte in reply) + "\n")
    subprocess.run(["text2pcap", "-q", "-u", "862,5000", f"{folder}/hex", f"{folder}/pcap"], check=True,
                   capture_output=True)
    names = ["seq_number", "sender_seq_number", "sender_ttl"]
    shown = subprocess.run(["tshark", "-r", f"{folder}/pcap", "-d", "udp.port==862,twamp.test", "-T", "fields"] +
                           [word for name in names for word in ("-e", f"twamp.test.{name}")],
                           check=True, capture_output=True, text=True).stdout.split()
    got = read(reply)
    assert [int(word) for word in shown] == [got["sequence"], got["sender_sequence"], got["ttl"]], shown


main()
