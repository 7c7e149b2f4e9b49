#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows of datagrams over loopback: every datagram is accounted for, what does not apply is refused
by name, and nobody who did not agree is sent more than challenges."""
import hmac
import os
import signal
import socket
import struct
import threading
import time

from flowrig_api import Session, destination, source
from flowrig_test import Daemon, case, expect, flowctl, hosts, main, note, run_logged, wait_for

SUMS = ("sent", "received", "distinct", "lost", "duplicate", "reordered", "reordered_3", "late", "old",
        "foreign")
CONTROL = 64
DATA, CHALLENGE, ECHO, CONFIRM, AGREED, KEEP, END, ENDED = range(0xd1, 0xd9)


def pair():
    return Daemon(), Daemon()


def accounted(log, sender="S", receiver="D", flow=0):
    """The ends agree on what was sent, and the rows add up to the final reports."""
    sent, got = log.finals[sender, flow], log.finals[receiver, flow]
    assert got["datagrams_peer_sent"] == sent["datagrams_sent"] > 0, (sent, got)
    assert got["datagrams_distinct"] + got["datagrams_lost"] - got.get("datagrams_late", 0) \
        == sent["datagrams_sent"], got
    assert got["datagrams_received"] == got["datagrams_distinct"] + got["datagrams_duplicate"] \
        + got["datagrams_old"], got
    for end in (sender, receiver):
        for name in SUMS:
            final = log.finals[end, flow].get(f"datagrams_{name}")
            if final is not None:
                rows = [row[f"udp_{name}"] for row in log.of(end, flow)]
                assert sum(rows) == final, f"{end} {name}: rows {rows}, final {final}"
    return sent, got


# ---- flows


@case
def every_datagram_is_counted():
    """--udp over IPv4 and IPv6, both directions: what is sent has come, and rows add up"""
    for host, payload, headers in (("127.0.0.1", 1472, 28), ("::1", 1452, 48)):
        done, log = run_logged("-H", hosts(*pair(), source_host=host), "--udp", "-T", "s=0.5,d=0.5",
                               "-R", "s=2Mbit,d=4Mbit", "-I", "-i", 0.1)
        for sender, receiver in (("S", "D"), ("D", "S")):
            sent, got = accounted(log, sender, receiver)
            assert got["datagrams_lost"] == got["datagrams_duplicate"] == 0, got
            assert sent["tx_bytes"] == payload * sent["datagrams_sent"], sent
            assert got["rx_ip_bytes"] == (payload + headers) * got["datagrams_distinct"], got
            assert got["delay_count"] == got["pdv_count"] == got["datagrams_distinct"], got
            assert got["jitter_count"] == got["ipdv_count"] == got["datagrams_distinct"] - 1, got
            assert got["pdv_min"] == 0 and got["iat_min"] >= 0, got
            assert "snd_cwnd" not in got and "cwnd" not in got, got
        assert done.out.count(", lost = 0/") == 3, done.out  # both ends, and in all


@case
def defaults_of_datagrams():
    """--udp alone: 1048576 bit/s, and the largest size that a packet of Ethernet takes"""
    _, log = run_logged("-H", hosts(*pair()), "--udp", "-T", "s=1")
    sent, _ = accounted(log)
    due = 1048576 / 8 / 1472
    assert due - 2 <= sent["datagrams_sent"] + sent["datagrams_not_offered"] <= due + 2, sent


@case
def as_fast_as_it_goes():
    """-R s=0: every datagram of every train is accounted for, and no time is told that is a train's"""
    for size in (64, 1472, 20000):
        _, log = run_logged("-H", hosts(*pair()), "--udp", "-T", "s=0.3", "-R", "s=0", "-S",
                            f"s={size}", "--late", 0.3, "-i", 0.1)
        _, got = accounted(log)
        assert got["datagrams_received"] > 100, got
        assert not [name for name in got if name.startswith(("jitter_p", "pdv_p", "iat_p"))], got
        assert "jitter_last" not in got and not got["jitter_count"], got


@case
def drawn_sizes_and_gaps():
    """-G q: and g: draw sizes and gaps of datagrams; a size below the header's is the header's"""
    _, log = run_logged("-H", hosts(*pair()), "--udp", "-T", "s=1", "-G", "s=q:U:100:500", "-G",
                        "s=g:C:0.002", "-J", 7)
    sent, got = accounted(log)
    assert 250 < sent["tx_bytes"] / sent["datagrams_sent"] < 350, sent
    assert got["rx_bytes"] + got["rx_tail"] == sent["tx_bytes"], (sent, got)
    assert 480 <= sent["datagrams_sent"] + sent["datagrams_not_offered"] <= 502, sent


@case
def more_than_any_machine_can_send():
    """Rates and gaps beyond all machines: the run ends in time, and what could not be sent is counted"""
    daemons = pair()
    for option, due in ((("-G", "s=g:C:0.000000001"), 5e8), (("-R", "s=1000Gbit"), 5e11 / 320)):
        _, log = run_logged("-H", hosts(*daemons), "--udp", "-T", "s=0.5", "-S", "s=40", *option, timeout=60)
        sent, _ = accounted(log)
        assert abs(sent["datagrams_sent"] + sent["datagrams_not_offered"] - due) < 1e-3 * due, (due, sent)
        assert sent["end"] < 5, sent


@case
def many_flows():
    """100 flows started together: no datagram of one is counted in another"""
    daemons = pair()
    _, log = run_logged("-H", hosts(*daemons), "--udp", "-n", 100, "-T", "s=1", "-R", "s=64k", "-S",
                        "s=100", "-i", 0.5)
    for flow in range(100):
        _, got = accounted(log, flow=flow)
        assert got["datagrams_foreign"] == got["datagrams_lost"] == 0, got


@case
def answers():
    """-A and -G p: each datagram is answered, with as many bytes as it asks for; both directions,
    IPv4 and IPv6"""
    for host in ("127.0.0.1", "::1"):
        _, log = run_logged("-H", hosts(*pair(), source_host=host), "--udp", "-T", "s=0.5,d=0.5",
                            "-R", "s=500kbit,d=1Mbit", "-S", "b=200", "-A", "s", "-G", "d=p:U:50:150")
        for sender, receiver, least, most in (("S", "D", 40, 40), ("D", "S", 50, 150)):
            sent, got = accounted(log, sender, receiver)
            assert sent["datagrams_unanswered"] == sent["datagrams_answers_repeated"] == 0, sent
            assert sent["rtt_count"] == sent["rtt_due_count"] == sent["hold_count"] \
                == sent["datagrams_sent"], sent
            assert 0 < sent["hold_min"] <= sent["rtt_min"] <= sent["rtt_due_min"], sent
            assert got["tx_responses"] + got["tx_responses_tail"] == sent["datagrams_sent"], got
            answered = got["tx_bytes"] + got["tx_tail"] - 200 * got["datagrams_sent"]
            assert least <= answered / sent["datagrams_sent"] <= most, answered


@case
def volumes():
    """--bytes and --blocks: exactly that is sent, at a rate or without; the last datagram is shorter,
    but has a header"""
    daemons = pair()
    for volume, size, rate, count, total in (
            (("--bytes", "s=10500"), 1000, "1Mbit", 11, 10500), (("--bytes", "s=10010"), 1000, "0", 11, 10040),
            (("--bytes", "s=3000000"), 1000, "0", 3000, 3000000), (("--blocks", "s=777"), 200, "0", 777, 155400),
            (("--blocks", "s=99"), 200, "1Mbit", 99, 19800)):
        done, log = run_logged("-H", hosts(*daemons), "--udp", *volume, "-S", f"s={size}", "-R", f"s={rate}",
                               "-W", "d=8388608")
        sent, got = accounted(log)
        assert sent["datagrams_sent"] == got["datagrams_distinct"] == count, (sent, got)
        assert sent["tx_bytes"] + sent["tx_tail"] == got["rx_bytes"] + got["rx_tail"] == total, (sent, got)
        assert 0 < got["volume_time"] < 60e9 and "volumes = 1/1 (read/all)" in done.out, done.out


@case
def trains_and_singles():
    """--gso=on at a rate, and off without one: every datagram is accounted for, and its bytes are
    right (--check-data); times are there where there are no trains"""
    daemons = pair()
    for gso, rate in (("on", "100Mbit"), ("off", "0"), ("auto", "0"), ("auto", "20Mbit")):
        _, log = run_logged("-H", hosts(*daemons), "--udp", "--gso", gso, "--check-data", "-T", "s=0.3",
                            "-R", f"s={rate}", "-S", "s=1000", "--late", 0.3)
        sent, got = accounted(log)
        assert got["datagrams_corrupted"] == 0 and got["datagrams_received"] > 100, got
        trains = gso == "on" or (gso, rate) == ("auto", "0")
        assert got["gso"] == ("on" if trains else "off"), got["gso"]
        assert bool(got["jitter_count"]) != trains, got
        if gso == "on":
            due = 0.3 * 100e6 / 8000
            assert abs(sent["datagrams_sent"] + sent["datagrams_not_offered"] - due) <= 13, (sent, due)


def still(daemon):
    """A thread that stops the daemon after a second, for half a second."""
    def stand_still():
        time.sleep(1)
        os.kill(daemon.pid, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(daemon.pid, signal.SIGCONT)

    thread = threading.Thread(target=stand_still)
    thread.start()
    return thread


@case
def a_reader_that_stands_still():
    """What the receiver's socket drops is told as that, and nothing is the network's"""
    daemons = pair()
    thread = still(daemons[1])
    _, log = run_logged("-H", hosts(*daemons), "--udp", "-T", "s=2", "-R", "s=20Mbit", "-W",
                        "d=65536", "--late", 0.3, "-i", 0.5)
    thread.join()
    _, got = accounted(log)
    assert got["datagrams_lost"] == got["datagrams_dropped"] > 100, got
    assert got["loss_run_max"] > 100, got


@case
def a_sender_that_stands_still():
    """What was due while the sender stood still is not sent in a burst, and counted"""
    daemons = pair()
    thread = still(daemons[0])
    _, log = run_logged("-H", hosts(*daemons), "--udp", "-T", "s=2", "-G", "s=g:C:0.001", "-i", 0.5)
    thread.join()
    sent, got = accounted(log)
    assert 450 <= sent["datagrams_not_offered"], sent
    assert 1990 <= sent["datagrams_sent"] + sent["datagrams_not_offered"] <= 2002, sent
    assert sent["longest_burst"] <= 3 and got["datagrams_lost"] == 0, (sent, got)


@case
def summarize_only():
    """-Q: no rows, and the final reports all the same"""
    _, log = run_logged("-H", hosts(*pair()), "--udp", "-T", "s=0.5", "-Q")
    assert not log.rows
    assert log.finals["D", 0]["datagrams_distinct"] == log.finals["S", 0]["datagrams_sent"]


@case
def refused_by_name():
    """What does not apply to datagrams, or only to them, is one sentence"""
    of_udp = "does not apply to UDP"
    for options, sentence in (
            (["-S", "s=100", "-G", "s=p:C:101"],
             "the source's datagrams of 100 bytes (-S) request answers of 101 bytes, but an answer is "
             "never larger than what it answers"),
            (["-P", "s"], f"the source's --pushy {of_udp}"),
            (["-C", "s"], f"the source's --stop-on-congestion {of_udp}"),
            (["--in-flight", "s=3"], f"the source's --in-flight {of_udp}"),
            (["--pacing", "s"], f"the source's --pacing {of_udp}"),
            (["-O", "d=TCP_NODELAY"], f"the destination's -O TCP_NODELAY {of_udp}"),
            (["-O", "s=TCP_CONGESTION=reno"], f"the source's -O TCP_CONGESTION {of_udp}"),
            (["--gso", "on", "-A", "s"],
             "--gso=on sends trains of datagrams, but the source's gaps, varying sizes, delays (-I) or "
             "answers (-A) need the time of each: omit one"),
            (["-E", "--check-data"], "both --enumerate and --check-data number bytes: give one"),
            (["-L"], f"--late-connect {of_udp}"), (["-N"], f"--shutdown {of_udp}"),
            (["--touch-data"], f"--touch-data {of_udp}"),
            (["--framing", "stream"], f"--framing {of_udp}"),
            (["-S", "s=39"], "the source's blocks (-S) have 39 bytes, but each needs a header of "
                             "40 bytes here"),
            (["-S", "s=65508"], "the source's datagrams (-S) have 65508 bytes, but UDP takes 65507"),
            (["-R", "s=0", "-G", "s=q:U:100:200"],
             "the source's datagrams have varying sizes (-G s=q:): give it a rate (-R) or gaps (-G "
             "s=g:)")):
        done = expect(flowctl("--udp", *options), 1)
        assert done.err == f"flowctl: flow 0: {sentence}\n", done.err
    for options, sentence in ((["--fit-mtu", "s"], "the source's --fit-mtu does not apply to TCP: it "
                                                   "is for --udp"),
                              (["--late", "1"], "--late does not apply to TCP: it is for --udp")):
        done = expect(flowctl(*options), 1)
        assert done.err == f"flowctl: flow 0: {sentence}\n", done.err
    done = expect(flowctl("--udp", "-S", "s=100", "--fit-mtu", "s"), 1)
    assert done.err == ("flowctl: flow 0: the source has both a size (-S) and --fit-mtu: give one\n")


# ---- consent


class Keys:
    """What both ends of a flow derive from its secrets."""

    def __init__(self, issued):
        self.key = bytes.fromhex(issued["secret"] + issued["proof"])

    def code(self, data):
        return hmac.new(self.key, data, "sha256").digest()

    def control(self, kind, end, *values):
        head = struct.pack(">BBH4Q12x", kind, end, 0, *(tuple(values) + (0,) * 4)[:4])
        return head + self.code(head)[:16]

    def read(self, data):
        assert len(data) == CONTROL and data[48:] == self.code(data[:48])[:16], data
        kind, end, _, *values = struct.unpack(">BBH4Q12x", data[:48])
        return kind, end, values

    def data(self, number, tag=b"data of the source", sent=1, answer=0):
        return struct.pack(">B3x", DATA) + self.code(tag)[:8] + struct.pack(">QqQI", number, sent, 1,
                                                                            answer)


def prepared_destination(daemon, **settings):
    """A destination of the API, and a socket that may talk to it."""
    session = Session(daemon)
    issued, = session.prepare(destination(settings={"transport": "udp"}, **settings))
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", issued["port"]))
    sock.settimeout(0.3)
    return session, Keys(issued), sock


def silent(sock, *messages):
    """None of these gets an answer; the kernel may say that no socket is there for this sender."""
    for message in messages:
        try:
            sock.send(message)
        except ConnectionRefusedError:
            sock.send(message)
    try:
        answer = sock.recv(2000)
    except (TimeoutError, ConnectionRefusedError):
        return
    raise AssertionError(f"an answer of {len(answer)} bytes")


@case
def only_who_knows_the_secrets_is_answered():
    """Junk, forged and short datagrams, and those of another flow, get no answer at all"""
    session, keys, sock = prepared_destination(Daemon())
    good = keys.control(CHALLENGE, 0, 5)
    other = Keys({"secret": "00" * 16, "proof": "11" * 16})
    silent(sock, b"", b"x", b"x" * 64, good[:63], good + b"x", bytes([good[0] ^ 1]) + good[1:],
           good[:-1] + bytes([good[-1] ^ 1]), other.control(CHALLENGE, 0, 5), keys.data(0),
           keys.control(CHALLENGE, 1, 5), keys.control(ECHO, 0, 5), keys.control(END, 0, 5),
           keys.control(CONFIRM, 0, 5, 6))
    sock.send(good)
    answer = sock.recv(2000)
    kind, end, values = keys.read(answer)
    assert (kind, end, values[0]) == (ECHO, 1, 5) and len(answer) == len(good)
    assert not session.rpc.session.prepared({"session": session.id})["ready"]


@case
def no_answer_where_tests_may_not_go():
    """A challenge with an address that --deny-test names gets no answer: nothing goes there"""
    daemon = Daemon("--deny-test", "127.0.0.5")
    session, keys, sock = prepared_destination(daemon)
    port = sock.getpeername()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as denied:
        denied.bind(("127.0.0.5", 0))
        denied.settimeout(0.3)
        denied.connect(("127.0.0.1", port))
        silent(denied, keys.control(CHALLENGE, 0, 5))
    answer = session.prepared()
    assert [one["reason"] for one in answer["failures"]] == [
        "the daemon does not allow tests with 127.0.0.5 (--deny-test)"], answer


@case
def no_more_comes_than_was_sent():
    """Whatever is sent to a destination, repeated and replayed: no more datagrams come back, none longer"""
    session, keys, sock = prepared_destination(Daemon())
    sock.settimeout(1)
    sent, got = [], []

    def exchange(*messages):
        for message in messages:
            sock.send(message)
            sent.append(len(message))
            try:
                got.append(len(sock.recv(2000)))
            except TimeoutError:
                sock.settimeout(0.05)
        sock.settimeout(1)

    sock.send(keys.control(CHALLENGE, 0, 5))
    sent.append(CONTROL)
    echo = sock.recv(2000)
    got.append(len(echo))
    nonce = keys.read(echo)[2][1]
    confirm = keys.control(CONFIRM, 0, 5, nonce)
    exchange(*[keys.control(CHALLENGE, 0, 5)] * 50, *[confirm] * 50, *[keys.control(CHALLENGE, 0, 5)] * 5)
    assert session.prepared()["ready"] == 1
    session.start(in_ms=0)
    session.rpc.session.reports({"session": session.id, "wait_ms": 300})
    exchange(*[keys.control(END, 0, 5, 6)] * 50, *[confirm] * 50, *[keys.data(3)] * 20, b"x" * 64)
    note(f"{sum(sent)} bytes in {len(sent)} datagrams were sent, {sum(got)} in {len(got)} came back")
    assert set(got) == {CONTROL} and len(got) <= len(sent) and sum(got) <= sum(sent), (sent, got)


@case
def a_confirmation_is_of_one_address():
    """A nonce that was given to one socket is worth nothing at another: no replay makes a flow"""
    session, keys, sock = prepared_destination(Daemon())
    sock.send(keys.control(CHALLENGE, 0, 5))
    nonce = keys.read(sock.recv(2000))[2][1]
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.connect(sock.getpeername())
    other.settimeout(0.3)
    silent(other, keys.control(CONFIRM, 0, 5, nonce))
    assert not session.rpc.session.prepared({"session": session.id})["ready"]
    confirm = keys.control(CONFIRM, 0, 5, nonce)
    for _ in range(2):  # the second time as if the answer was lost
        sock.send(confirm)
        kind, _, values = keys.read(sock.recv(2000))
        assert (kind, values[0]) == (AGREED, 5)
    wait_for(lambda: session.rpc.session.prepared({"session": session.id})["ready"] == 1)
    silent(other, confirm, keys.control(CHALLENGE, 0, 5))


@case
def times_that_lie():
    """A sender whose times no clock can have: no figure of the receiver leaves its range"""
    session, keys, sock = prepared_destination(Daemon(), source=8, source_more={"rate": 8000})
    sock.settimeout(5)
    sock.send(keys.control(CHALLENGE, 0, 5))
    nonce = keys.read(sock.recv(2000))[2][1]
    sock.send(keys.control(CONFIRM, 0, 5, nonce))
    assert keys.read(sock.recv(2000))[0] == AGREED
    session.prepared()
    session.start(in_ms=0)
    wait_for(lambda: session.state()[0]["state"] == "started" and session.reports() is not None, 10)
    time.sleep(0.2)
    edges = [1 << 56, -(1 << 56), 1 << 57, -(1 << 57), (1 << 61) - 1, -(1 << 61), (1 << 63) - 1, -(1 << 63)]
    for number in range(400):
        sock.send(keys.data(number, sent=edges[number % (2 if number < 200 else 8)]))
    sock.send(keys.control(END, 0, 400, 7))
    session.collect()
    final, = session.of(0, "d", "final")
    assert final["datagrams_distinct"] == 400, final["datagrams_distinct"]
    assert final["jitter_count"] > 20, final["jitter_count"]
    for name in ("jitter_min", "jitter_sum", "jitter_max", "pdv_min", "pdv_sum", "pdv_max"):
        assert 0 <= final[name] < 1 << 63, (name, final[name])


@case
def no_answer_is_larger_than_its_question():
    """A datagram that asks for more than it has gets as much as it has; its copy, one that asks for
    less than a header, and one that comes too late get nothing"""
    session, keys, sock = prepared_destination(
        Daemon(), source=8, source_more={"rate": 8000, "request_size": "C:100", "response_size": "C:100"})
    sock.settimeout(5)
    sock.send(keys.control(CHALLENGE, 0, 5))
    nonce = keys.read(sock.recv(2000))[2][1]
    sock.send(keys.control(CONFIRM, 0, 5, nonce))
    assert keys.read(sock.recv(2000))[0] == AGREED
    session.prepared()
    session.start(in_ms=0)
    wait_for(lambda: session.state()[0]["state"] == "started" and session.reports() is not None, 10)
    time.sleep(0.2)
    for number, (size, asked, answer) in enumerate((
            (100, 65535, 100), (40, 1 << 31, 40), (100, 99, 99), (100, 39, 0), (100, 0, 0))):
        for _ in range(2):  # the second is a copy
            sock.send(keys.data(number, sent=77, answer=asked) + bytes(size - 40))
        sizes, own = [], keys.code(b"data of the destination")[:8]
        sock.settimeout(2 if answer else 0.3)
        while True:
            try:
                data = sock.recv(70000)
            except TimeoutError:
                break
            if data[0] != 0xd0:
                continue  # a proof
            assert data[4:12] == own and struct.unpack(">Qq", data[12:28]) == (number, 77), data
            sizes.append(len(data))
            sock.settimeout(0.3)
        assert sizes == ([answer] if answer else []), (size, asked, sizes)
    sock.send(keys.control(END, 0, 5, 7))
    session.collect()
    final, = session.of(0, "d", "final")
    assert final["tx_responses"] + final["tx_responses_tail"] == 3, final["tx_responses"]
    assert final["tx_bytes"] + final["tx_tail"] == 100 + 40 + 99, final["tx_bytes"]


@case
def no_proof_no_data():
    """A destination that sends stops within three seconds of the last fresh proof; replayed and
    forged ones do not count"""
    session, keys, sock = sending_destination()
    sock.send(keys.control(CHALLENGE, 0, 5))
    nonce = keys.read(sock.recv(2000))[2][1]
    sock.send(keys.control(CONFIRM, 0, 5, nonce))
    sock.recv(2000)
    session.prepared()
    session.start(in_ms=10)
    sock.settimeout(2)
    begin, proof, last, kept = time.monotonic(), None, None, 0
    while time.monotonic() < begin + 15:
        try:
            data = sock.recv(2000)
            last = time.monotonic()
            fresh = struct.unpack(">Q", data[28:36])[0]
            if data[0] == DATA and kept < 2 and last > begin + kept:
                kept += 1
                proof, when = keys.control(KEEP, 0, kept, fresh), last
            if proof:
                sock.send(proof)  # the first time it counts, afterwards it is a replay
                sock.send(keys.control(KEEP, 0, 1000, 12345))
        except (TimeoutError, ConnectionRefusedError):  # sends, too, get the ICMP of a closed socket
            break
    assert kept == 2 and 1.5 < last - when < 5, (kept, last - when)
    row = session.collect()[-1]
    assert "has not confirmed its consent for 3 s" in str(row.__dict__), row.__dict__


def sending_destination():
    """A destination that is to send 20 s at 80 kbit/s."""
    session = Session(Daemon())
    settings = dict(source=0, destination=20, settings={"transport": "udp"},
                    destination_more={"rate": 80000, "request_size": "C:100"})
    issued, = session.prepare(destination(**settings))
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", issued["port"]))
    sock.settimeout(2)
    return session, Keys(issued), sock


@case
def ten_challenges_at_most():
    """A plan that names a machine without flowd: ten challenges of 64 bytes, no data, one sentence"""
    victim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    victim.bind(("127.0.0.1", 0))
    session = Session(Daemon())
    issued = dict(flow=0, port=victim.getsockname()[1], secret="1" * 32, proof="2" * 32)
    session.prepare(source(issued, settings={"transport": "udp"}))
    answer = session.prepared()
    assert answer["failed"] == 1, answer
    reason = answer["failures"][0]["reason"]
    assert "has not agreed to the flow: 10 challenges were not answered" in reason, reason
    victim.settimeout(0.5)
    sizes = []
    try:
        while True:
            sizes.append(len(victim.recv(2000)))
    except TimeoutError:
        pass
    assert sizes == [CONTROL] * 10, sizes


@case
def a_closed_port():
    """A port without a socket ends the attempt at once, by ICMP"""
    closed = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    closed.bind(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    session = Session(Daemon())
    session.prepare(source(dict(flow=0, port=port, secret="1" * 32, proof="2" * 32),
                           settings={"transport": "udp"}))
    reason = session.prepared()["failures"][0]["reason"]
    assert reason == (f"can't reach 127.0.0.1:{port}: its port is closed (ICMP port unreachable)"), \
        reason


main()
