#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flowd as an iperf3 server: Debian's client with its options, clients that speak the protocol by
hand as other versions do, and those that break it."""
import re
import socket
import struct
import threading
import time

from flowrig_test import (FLOWD, case, complain, expect, flowctl, main, wait_for)
from iperf3_peer import (DENIED, ERROR, BLOCK, CLIENT_TERMINATE, CREATE_STREAMS, DISPLAY_RESULTS,
                         DONE, EXCHANGE_RESULTS, PARAM_EXCHANGE, TEST_END, TEST_RUNNING, TEST_START,
                         Peer, is_near, measure, measure_all, output_of, run_client, serve, server,
                         start_client, sums)


@case
def forward():
    """The client sends: the daemon has received what was sent, but for what was on its way"""
    document = measure("-t", "1")
    sent, received = sums(document)
    assert 0 < received <= sent + BLOCK, (sent, received)
    assert document["end"]["receiver_tcp_congestion"]
    assert document["end"]["streams"][0]["sender"]["sender"] is True


@case
def reverse():
    """-R: the daemon sends, and tells of its retransmits"""
    document = measure("-t", "1", "-R")
    sent, received = sums(document)
    assert 0 < received <= sent, (sent, received)
    assert document["end"]["sum_sent"]["retransmits"] >= 0
    assert document["end"]["sender_tcp_congestion"]


@case
def both_directions():
    """--bidir -P 2: four streams, half of them from the daemon"""
    document = measure("-t", "1", "--bidir", "-P", "2", "-b", "20M")
    end = document["end"]
    assert len(end["streams"]) == 4
    for name in ("sum_sent", "sum_received", "sum_sent_bidir_reverse", "sum_received_bidir_reverse"):
        is_near(end[name]["bits_per_second"], 40e6, 0.2)
    assert [stream["sender"]["sender"] for stream in end["streams"]] == [True, True, False, False]


@case
def many_streams():
    """-P 128, the most that there may be, and 64 in each direction"""
    document = measure("-t", "1", "-P", "128", "-b", "500K")
    assert len(document["end"]["streams"]) == 128
    assert all(stream["receiver"]["bytes"] > 0 for stream in document["end"]["streams"])
    document = measure("-t", "1", "-P", "64", "--bidir", "-b", "1M")
    assert len(document["end"]["streams"]) == 128
    assert all(stream["receiver"]["bytes"] > 0 for stream in document["end"]["streams"])


@case
def volumes():
    """-n and -k: what one end has sent is what the other has received, to the byte"""
    tests = {("-n", "5M"): 5 << 20, ("-k", "1K", "-l", "8K"): 8 << 20,
             ("-n", "5M", "-R"): 5 << 20, ("-k", "100", "-R"): 100 * BLOCK}
    for (options, wanted), document in zip(tests.items(), measure_all(*tests)):
        sent, received = sums(document)
        assert sent == wanted, (options, sent, received)
        if "-R" not in options:
            assert received == sent, (options, sent, received)
        else:
            assert sent - 2 * BLOCK <= received <= sent, (options, sent, received)
    sent, received = sums(measure("-n", "5M", "-P", "4"))
    assert sent == received >= 5 << 20, (sent, received)
    sent, received = sums(measure("-n", "5M", "-P", "4", "-R"))
    assert 5 << 20 <= sent < (5 << 20) + 4 * BLOCK, (sent, received)
    sent, received = sums(measure("-n", "2M", "-b", "40M"))
    assert sent == received, (sent, received)


@case
def rates():
    """-b in both directions, with bursts and with blocks smaller than a header; --fq-rate"""
    tests = [("-b", "20M"), ("-b", "20M", "-R"), ("-b", "20M/10", "-R"),
             ("-b", "20M", "-l", "1000", "-N", "-R"), ("-b", "20M", "-N", "-l", "1000")]
    for document in measure_all(*[("-t", "2", *test) for test in tests]):
        for name in ("sum_received", "sum_sent"):
            is_near(document["end"][name]["bits_per_second"], 20e6, 0.2)
    small, paced = measure_all(("-t", "2", "-b", "1M", "-l", "16", "-R"),
                               ("-t", "2", "--fq-rate", "50M", "-R"))
    is_near(small["end"]["sum_received"]["bits_per_second"], 1e6, 0.2)
    is_near(paced["end"]["sum_received"]["bits_per_second"], 50e6, 0.2)


@case
def omitted():
    """-O: both ends leave out the same seconds"""
    common = ("-t", "1", "-O", "1", "-b", "20M")
    for document in measure_all(common, (*common, "-R")):
        for name in ("sum_sent", "sum_received"):
            is_near(document["end"][name]["seconds"], 1, 0.3)
            is_near(document["end"][name]["bytes"], 2.5e6, 0.3)


@case
def socket_options():
    """-w, -M, -C, -S, --dscp, -Z, titles and further data"""
    common = ("-t", "1", "-b", "10M")
    both = (("-w", "128K"), ("-M", "1000"), ("--dscp", "ef"), ("-Z",), ("-S", "0x10"),
            ("-T", "title", "--extra-data", "more"), ("-i", "0"), ("--get-server-output",))
    for document in measure_all(*[(*common, *options) for options in both],
                                *[(*common, "-R", *options) for options in both],
                                (*common, "--repeating-payload")):
        assert document["end"]["sum_received"]["bytes"] > 0
    end = measure("-n", "1M", "-C", "reno", "-R")["end"]
    assert end["sender_tcp_congestion"] == "reno", end["sender_tcp_congestion"]


def lines_of(text):
    """[(id, begin, end, bytes, remark)] of the daemon's table, and how many of these it has with figures
    of the kernel."""
    found = re.findall(r"^\[ *(\d+)\] +([\d.]+)-([\d.]+) +(\d+) +\S+ +\S+ +\d+ +[\d.]+ +\S+ *(.*)$", text,
                       re.M)
    return [(int(i), float(begin), float(end), int(size), remark) for i, begin, end, size, remark in found]


@case
def server_output():
    """--get-server-output: the daemon's table, whose intervals add up to what the results say"""
    common = ("-t", "2", "-b", "20M", "-P", "2", "--get-server-output")
    forward, backward, partly = measure_all(common, (*common, "-R"), (*common, "-O", "1", "-R"))
    for document, remark in ((forward, "receiver"), (backward, "sender")):
        lines = lines_of(document["server_output_text"])
        finals = {line[0]: line[3] for line in lines if line[4] == remark}
        assert finals.keys() == {1, 3}, document["server_output_text"]
        for number, total in finals.items():
            intervals = [line for line in lines if line[0] == number and not line[4]]
            assert len(intervals) >= 2 and sum(line[3] for line in intervals) == total, (lines, total)
        sent, received = sums(document)
        assert sum(finals.values()) == (received if remark == "receiver" else sent)
    lines = lines_of(partly["server_output_text"])
    assert {line[4] for line in lines} == {"(omitted)", "", "sender"}, partly["server_output_text"]
    status, text = run_client("-t", "1", "-b", "10M", "--get-server-output")
    assert status == 0 and "Server output:\nflowd " in text, text


@case
def over_ipv6():
    """-6"""
    status, text = run_client("-t", "1", "-b", "10M", "-6", "-c", "::1")
    assert status == 0, text


@case
def text_output():
    """What people read: a line of the sender and one of the receiver, with no zero in it"""
    status, text = run_client("-t", "1", "-P", "2", "-b", "10M")
    assert status == 0, text
    lines = re.findall(r"\[SUM\].* (\S+) Mbits/sec .*(sender|receiver)", text)
    assert [end for _, end in lines] == ["sender", "receiver"], text
    assert all(float(rate) > 10 for rate, _ in lines), text


@case
def several_at_once():
    """Three clients at the same time, none of which is told that the server is busy"""
    for document in measure_all(*[("-t", "1", "-b", "20M")] * 3):
        is_near(document["end"]["sum_received"]["bits_per_second"], 20e6, 0.2)


def status_of(daemon):
    return expect(flowctl("status", daemon.control)).out


@case
def seen_and_stopped():
    """flowctl status shows the test and its client; flowctl stop ends it, and the client is told"""
    daemon = serve()
    client = start_client(daemon, "-t", "60", "-b", "10M")
    wait_for(lambda: re.search(r"run iperf3 of 127.0.0.1:\d+ \(iperf3 3\.\d+\): started, 1 endpoints "
                               r"\(1 running", status_of(daemon)), 10, "the test's session")
    expect(flowctl("stop", daemon.control))
    text = output_of(client)
    assert client.returncode == 1 and "the server has terminated" in text, text
    wait_for(lambda: "0 sessions" in status_of(daemon), 10, "its end")


@case
def ended_by_the_daemon():
    """A daemon that is shut down tells its clients, and ends in time"""
    daemon = serve()
    client = start_client(daemon, "-t", "60", "-b", "10M", "-R")
    wait_for(lambda: "started: 1 streams" in daemon.err, 10, "the test")
    daemon.stop()
    text = output_of(client)
    assert client.returncode == 1 and "the server has terminated" in text, text


@case
def interrupted():
    """A client that is interrupted ends its session at once; the next test goes well"""
    daemon = serve()
    client = start_client(daemon, "-t", "60", "-b", "10M")
    wait_for(lambda: "1 running" in status_of(daemon), 10, "the test's session")
    client.send_signal(2)
    output_of(client)
    wait_for(lambda: "0 sessions" in status_of(daemon), 10, "its end")
    measure("-n", "1M", daemon=daemon)


@case
def quotas():
    """What the daemon does not allow is refused with a sentence that the client prints"""
    daemon = serve("--max-flow-rate", "100Mbit", "--max-duration", "5",
                   "--user-quota", "iperf3:flows=2,sessions=1")
    measure("-t", "1", "-b", "50M", daemon=daemon)
    for options, sentence in ((("-b", "900M"), "bandwidth"), (("-b", "900M", "-R"), "bandwidth"),
                              ((), "bandwidth"), (("-b", "1M", "-t", "30"), "duration")):
        status, text = run_client("-t", "1", *options, daemon=daemon)
        assert status == 1 and sentence in text, (options, status, text)
    status, text = run_client("-t", "1", "-b", "1M", "-P", "3", daemon=daemon)
    assert status == 1 and "busy" in text, text
    first = start_client(daemon, "-t", "3", "-b", "1M")
    wait_for(lambda: "1 running" in status_of(daemon), 10, "the first test")
    status, text = run_client("-t", "1", "-b", "1M", daemon=daemon)
    assert status == 1 and "busy" in text, text
    output_of(first)
    assert first.returncode == 0


@case
def refused_options():
    """What is not supported is refused in the protocol"""
    for options in (("-A", "0,0"), ("--repeating-payload", "-R")):
        status, text = run_client("-t", "1", *options)
        assert status == 1 and "error - " in text, (options, status, text)


# ---- by hand


# As recorded of clients of these versions: cookie, parameters, results with {} for the bytes.
VERSIONS = {
    "3.1.3": (b"vm.1795947389.803184.5d2561560feef6c\0",
              '{"tcp":true,"omit":0,"time":1,"parallel":1,"len":131072,"bandwidth":20000000,'
              '"client_version":"3.1.3"}',
              '{"cpu_util_total":4.082835,"cpu_util_user":1.791338,"cpu_util_system":2.291406,'
              '"sender_has_retransmits":1,"streams":[{"id":1,"bytes":%d,"retransmits":0,"jitter":0,'
              '"errors":0,"packets":0}]}'),
    "3.7": (b"pxffgn3havcqn7lhmsaq72eq4j7y7obbg3ij\0",
            '{"tcp":true,"omit":0,"time":1,"parallel":1,"len":131072,"bandwidth":20000000,'
            '"pacing_timer":1000,"client_version":"3.7"}',
            '{"cpu_util_total":6.7756060582450237,"cpu_util_user":1.954364251844505,"cpu_util_system":'
            '4.8210584787656181,"sender_has_retransmits":1,"congestion_used":"bbr","streams":[{"id":1,'
            '"bytes":%d,"retransmits":0,"jitter":0,"errors":0,"packets":0,"start_time":0,'
            '"end_time":1.000102}]}'),
    "3.12": (b"huebvhcjqglrfvvncv47cfinxeryfwoki4l7\0",
             '{"tcp":true,"omit":0,"time":1,"num":0,"blockcount":0,"parallel":1,"len":131072,'
             '"bandwidth":20000000,"pacing_timer":1000,"client_version":"3.12"}',
             '{"cpu_util_total":2.6501037673219661,"cpu_util_user":0,"cpu_util_system":'
             '2.6501037673219661,"sender_has_retransmits":18446744073709551615,"congestion_used":"bbr",'
             '"streams":[{"id":1,"bytes":%d,"retransmits":18446744073709551615,"jitter":0,"errors":0,'
             '"packets":0,"start_time":0,"end_time":1.000087}]}'),
    "3.21+": (b"bhrmmx7dj2qpekhzuyuap42r3vmmfcp3zieg\0",
              '{"tcp":true,"omit":0,"time":1,"num":0,"blockcount":0,"parallel":1,"len":131072,'
              '"bandwidth":20000000,"pacing_timer":1000,"client_version":"3.21+"}',
              '{"cpu_util_total":0.31790556334735859,"cpu_util_user":0,"cpu_util_system":'
              '0.31770662369570191,"sender_has_retransmits":1,"congestion_used":"bbr","streams":[{"id":1,'
              '"bytes":%d,"retransmits":0,"jitter":0,"errors":0,"omitted_errors":0,"packets":0,'
              '"omitted_packets":0,"start_time":0,"end_time":1.002023}]}'),
}

RESULT_KEYS = {"cpu_util_total", "cpu_util_user", "cpu_util_system", "sender_has_retransmits",
               "streams"}
STREAM_KEYS = {"id", "bytes", "retransmits", "jitter", "errors", "omitted_errors", "packets",
               "omitted_packets", "start_time", "end_time"}


def check_results(results, reverse=False):
    assert RESULT_KEYS <= results.keys(), results
    assert results["sender_has_retransmits"] == (1 if reverse else -1), results
    for stream in results["streams"]:
        assert stream.keys() == STREAM_KEYS, stream
        assert (stream["retransmits"] >= 0) == reverse and stream["end_time"] > 0, stream


@case
def recorded_versions():
    """The recorded dialogues of clients from 3.1.3 to 3.21: the daemon's bytes fit each of them"""
    for version, (cookie, params, results) in VERSIONS.items():
        peer = Peer(cookie=cookie)
        peer.send_json(params.encode())
        peer.expect(CREATE_STREAMS)
        peer.connect_streams(1)
        peer.expect(TEST_START, TEST_RUNNING)
        peer.streams[0].sendall(bytes(300000))
        time.sleep(0.1)
        peer.send(TEST_END)
        peer.expect(EXCHANGE_RESULTS)
        peer.send_json((results % 300000).encode())
        found = peer.read_json()
        check_results(found)
        assert found["streams"][0]["bytes"] == 300000, (version, found["streams"])
        assert found["flowrig"]["streams"][0]["rx_bytes"] == 300000
        peer.expect(DISPLAY_RESULTS)
        peer.send(DONE)
        assert peer.socket.recv(1) == b"", "the daemon closes at once"
        peer.close()


@case
def late_bytes_of_a_volume():
    """With -n, what is on its way at the end of the test is waited for, and counted"""
    peer = Peer()
    peer.begin(tcp=True, num=300000, parallel=1, time=0, client_version="3.12")
    peer.streams[0].sendall(bytes(100000))
    peer.send(TEST_END)
    peer.expect(EXCHANGE_RESULTS)
    peer.send_json({"streams": [{"id": 1, "bytes": 300000}]})
    for _ in range(4):
        time.sleep(0.05)
        peer.streams[0].sendall(bytes(50000))
    found = peer.read_json()
    assert found["streams"][0]["bytes"] == 300000, found["streams"]
    assert 0.1 < found["streams"][0]["end_time"], found["streams"]
    peer.close()


@case
def ended_at_once():
    """A client that ends its test before the streams have begun on a busy daemon: it gets results"""
    for params in ({"num": 1000}, {}, {"num": 1000, "bidirectional": True, "parallel": 8}):
        for _ in range(8):
            peer = Peer()
            peer.begin(tcp=True, time=0, **params)
            peer.send(TEST_END)
            peer.expect(EXCHANGE_RESULTS)
            peer.send_json({"streams": [{"id": i, "bytes": 0} for i in (1, *range(3, 18))]})
            assert len(peer.read_json()["streams"]) == len(peer.streams)
            peer.expect(DISPLAY_RESULTS)
            peer.close()


@case
def volume_that_never_comes():
    """With -n, what does not come is not waited for"""
    peer = Peer()
    peer.begin(tcp=True, num=300000, parallel=1, time=0)
    peer.streams[0].sendall(bytes(100000))
    peer.send(TEST_END)
    peer.expect(EXCHANGE_RESULTS)
    peer.send_json({"streams": [{"id": 1, "bytes": 300000}]})
    found = peer.read_json()
    assert found["streams"][0]["bytes"] == 100000, found["streams"]
    peer.close()


@case
def ids_by_order_of_connections():
    """Streams are numbered 1, 3, 4 as they were accepted, whatever cookie comes first"""
    peer = Peer()
    peer.send_json({"tcp": True, "parallel": 3, "time": 10})
    peer.expect(CREATE_STREAMS)
    for _ in range(3):
        peer.streams.append(socket.create_connection(("127.0.0.1", peer.port), 20))
        time.sleep(0.05)
    for stream in reversed(peer.streams):
        stream.sendall(peer.cookie)
        time.sleep(0.05)
    peer.expect(TEST_START, TEST_RUNNING)
    for number, stream in enumerate(peer.streams):
        stream.sendall(bytes(1000 * (number + 1)))
    time.sleep(0.2)
    peer.send(TEST_END)
    peer.expect(EXCHANGE_RESULTS)
    peer.send_json({"streams": []})
    found = peer.read_json()["streams"]
    assert [(s["id"], s["bytes"]) for s in found] == [(1, 1000), (3, 2000), (4, 3000)], found
    peer.close()


@case
def cookie_in_pieces():
    """37 segments of one byte are a cookie, too"""
    peer = Peer(connect_only=True)
    peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in peer.cookie:
        peer.socket.sendall(bytes([byte]))
        time.sleep(0.002)
    peer.expect(PARAM_EXCHANGE)
    peer.close()


# ---- clients that break the protocol


@case
def bad_parameters():
    """JSON that is none, of a wrong length, too deep, or with values that make no sense"""
    for text in (b"", b"[]", b'"x"', b"{", b"{}x", b"\0", b"nul", b'{"time":NaN}', b'{"time":1e400}',
                 b'{"a":' * 20 + b"1" + b"}" * 20, b"[" * 4000 + b"]" * 4000,
                 b'{"tcp":true,"title":"\xff"}'):
        peer = Peer()
        peer.send_json(text)
        peer.expect_error(114)
        peer.close()
    for length in (8193, 1 << 31, (1 << 32) - 1):
        peer = Peer()
        peer.socket.sendall(struct.pack(">I", length))
        peer.expect_error(114)
        peer.close()


@case
def wrong_types():
    """Each key with each type that it may not have"""
    numbers = ("omit", "time", "num", "blockcount", "parallel", "len", "bandwidth", "burst", "fqrate",
               "window", "MSS", "TOS")
    flags = ("tcp", "udp", "sctp", "reverse", "bidirectional", "nodelay", "udp_counters_64bit",
             "get_server_output", "repeating_payload", "dont_fragment", "zerocopy", "skip_rx_copy",
             "mptcp")
    texts = ("title", "extra_data", "authtoken", "congestion", "client_version")
    wrong = [(key, value) for key in numbers for value in ("1", True, None, [], {})]
    wrong += [(key, value) for key in flags for value in ("1", None, [], {})]
    wrong += [(key, value) for key in texts for value in (1, True, None, [], {})]
    for key, value in wrong:
        peer = Peer()
        peer.send_json({"tcp": True, key: value})
        peer.expect_error(114)
        peer.close()


@case
def out_of_range():
    """Numbers outside the ranges, each with the error that names it"""
    for key, value, number in (("parallel", 129, 6), ("parallel", 0, 6), ("parallel", -1, 6),
                               ("len", 2000000, 7), ("len", 0, 7), ("len", -2146494208, 7),
                               ("time", -1, 5), ("time", 86401, 5), ("omit", 601, 5),
                               ("window", 1 << 30, 8), ("MSS", 99999, 10), ("MSS", 20, 10),
                               ("TOS", 256, 21), ("num", -1, 114), ("num", 1e300, 114),
                               ("burst", 1001, 114), ("bandwidth", -5, 27), ("sctp", True, 131),
                               ("server_affinity", 1, 114)):
        peer = Peer()
        peer.send_json({"tcp": True, key: value})
        peer.expect_error(number)
        peer.close()
    peer = Peer()
    peer.send_json({"tcp": True, "reverse": True, "bidirectional": True})
    peer.expect_error(114)
    peer.close()


@case
def bad_results():
    """Results that are none end the test with an error; those of many streams are taken"""
    for text in (b"[]", b"{}", b'{"streams":5}', b'{"streams":[5]}', b'{"streams":[{"id":"x"}]}', b"{"):
        peer = Peer()
        peer.begin(tcp=True, time=10)
        peer.send(TEST_END)
        peer.expect(EXCHANGE_RESULTS)
        peer.send_json(text)
        peer.expect_error(117)
        peer.close()
    peer = Peer()
    peer.begin(tcp=True, num=1000, time=0)
    peer.send(TEST_END)
    peer.expect(EXCHANGE_RESULTS)
    peer.socket.sendall(struct.pack(">I", (256 << 10) + 1))
    peer.expect_error(117)
    peer.close()
    peer = Peer()
    peer.begin(tcp=True, num=1000, time=0)
    peer.send(TEST_END)
    peer.expect(EXCHANGE_RESULTS)
    peer.send_json({"streams": [{"id": i, "bytes": 1e300} for i in range(5000)]})
    assert len(peer.read_json()["streams"]) == 1
    peer.close()


@case
def every_state_at_every_point():
    """A byte that is no state of the client's ends the test; the daemon serves the next one"""
    def before_streams():
        peer = Peer()
        peer.send_json({"tcp": True, "time": 10})
        peer.expect(CREATE_STREAMS)
        return peer

    def running():
        peer = Peer()
        peer.begin(tcp=True, time=10)
        return peer

    for make, fine in ((before_streams, ()), (running, (TEST_END,))):
        for state in (-128, -2, -1, 0, 2, 3, 4, 5, 9, 10, 11, 13, 14, 15, 17, 127):
            if state in fine:
                continue
            peer = make()
            peer.send(state)
            peer.expect_error(110)
            peer.close()
        for state in (DONE, CLIENT_TERMINATE):
            peer = make()
            peer.send(state)
            assert peer.socket.recv(1) == b""
            peer.close()
    wait_for(lambda: "0 sessions" in status_of(server()), 10, "their end")


@case
def foreign_cookies():
    """A cookie that a test has already is refused on a control connection, and a stream too many"""
    peer = Peer()
    second = Peer(cookie=peer.cookie, connect_only=True)
    second.socket.sendall(second.cookie)
    second.expect(DENIED)
    assert second.socket.recv(1) == b""
    peer.begin(tcp=True, time=10)
    third = Peer(cookie=peer.cookie, connect_only=True)
    third.socket.sendall(third.cookie)
    third.expect(DENIED)
    # from another address of this host the cookie is of no use
    fourth = Peer()
    fourth.send_json({"tcp": True, "time": 10})
    fourth.expect(CREATE_STREAMS)
    with socket.create_connection(("127.0.0.1", fourth.port), 20, ("127.0.0.9", 0)) as other:
        other.sendall(fourth.cookie)
        assert other.recv(1) == struct.pack("b", DENIED)
    for each in (peer, second, third, fourth):
        each.close()


@case
def silent_in_each_state():
    """Whoever goes silent is let go in time, and others are served meanwhile"""
    daemon = serve()
    nobody = Peer(daemon, connect_only=True)
    before_params = Peer(daemon)
    half = Peer(daemon)
    half.socket.sendall(struct.pack(">I", 100) + b"{")
    began = time.monotonic()
    measure("-n", "1M", daemon=daemon)
    assert nobody.socket.recv(1) == b""
    before_params.expect_error(114)
    half.expect_error(114)
    assert time.monotonic() - began >= 3, "they have some time"
    for each in (nobody, before_params, half):
        each.close()


@case
def half_open_connections():
    """1,000 connections without a cookie keep nobody from a test"""
    daemon = serve()
    crowd = []
    for _ in range(1000):
        crowd.append(socket.create_connection(("127.0.0.1", daemon.port5201), 20))
    measure("-n", "1M", daemon=daemon)
    for each in crowd:
        each.close()


@case
def resets_in_the_middle():
    """Clients that reset their connections while they run"""
    daemon = serve()
    linger = struct.pack("ii", 1, 0)
    for params in ({"tcp": True}, {"tcp": True, "reverse": True}, {"tcp": True, "bidirectional": True}):
        peer = Peer(daemon)
        peer.begin(time=60, **params)
        for each in (*peer.streams, peer.socket):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        peer.close()
        peer = Peer(daemon)
        peer.begin(time=60, **params)
        for each in peer.streams:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            each.close()
        assert peer.state() == ERROR
        peer.close()
    wait_for(lambda: "0 sessions, 0 flow endpoints" in status_of(daemon), 10, "their end")


@case
def reads_nothing():
    """A client that reads nothing of what the daemon sends gets its results all the same"""
    peer = Peer()
    peer.begin(tcp=True, reverse=True, time=10)
    time.sleep(0.3)
    peer.send(TEST_END)
    peer.expect(EXCHANGE_RESULTS)
    peer.send_json({"streams": [{"id": 1, "bytes": 0}]})
    found = peer.read_json()
    check_results(found, reverse=True)
    assert found["streams"][0]["bytes"] > 0
    peer.close()


@case
def random_bytes():
    """Tests that go wrong at a random byte, several at once"""
    import random
    seed = time.time_ns()
    print(f"# seed {seed}", flush=True)

    def attack(number):
        generator = random.Random(seed + number)
        for _ in range(30):
            try:
                peer = Peer(connect_only=True)
                dialogue = peer.cookie + struct.pack(">I", 22) + b'{"tcp":true,"time":10}' + b"\4"
                data = bytearray(dialogue)
                data[generator.randrange(len(data))] = generator.randrange(256)
                peer.socket.sendall(data[:generator.randrange(len(data) + 1)])
                peer.connect_streams(generator.randrange(2))
                peer.close()
            except OSError:
                pass

    threads = [threading.Thread(target=attack, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # as many of an address as may be served are still being told apart
    wait_for(lambda: run_client("-n", "1M")[0] == 0, 20, "a test that goes well")
    wait_for(lambda: "0 sessions, 0 flow endpoints" in status_of(server()), 40, "their end")


# ---- who is served


@case
def where_it_listens():
    """Loopback only, unless --allow-iperf names others"""
    for options, sentence in (
            (("--iperf3=0.0.0.0:5201",), "option --iperf3: 0.0.0.0:5201 is not a loopback address, and only "
             "clients on this host are allowed: name others with --allow-iperf"),
            (("--iperf3=70000",), "option --iperf3: '70000' is not a port"),
            (("--allow-iperf=10.0.0.0/8",), "option --allow-iperf: only --iperf3 serves such clients")):
        complain(FLOWD, "flowd", ["-d", "-p", "0", *options], sentence)
    daemon = serve("--deny-test", "127.0.0.7")
    with socket.create_connection(("127.0.0.1", daemon.port5201), 20, ("127.0.0.7", 0)) as denied:
        denied.sendall(bytes(37))
        try:
            assert denied.recv(1) == b""
        except ConnectionResetError:
            pass


main()
