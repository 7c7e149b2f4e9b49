# SPDX-License-Identifier: GPL-3.0-or-later
"""For the tests of flowd as an iperf3 server: Debian's client, and one that speaks by hand."""
import json
import re
import socket
import struct
import subprocess
import time

from flowrig_test import Daemon, need_program, shared, wait_for

PARAM_EXCHANGE, CREATE_STREAMS, EXCHANGE_RESULTS, DISPLAY_RESULTS, DONE = 9, 10, 13, 14, 16
TEST_START, TEST_RUNNING, TEST_END, SERVER_TERMINATE, CLIENT_TERMINATE = 1, 2, 4, 11, 12
ERROR, DENIED = -2, -1
BLOCK = 131072


def serve(*options, **keywords):
    """A daemon that serves iperf3 clients, with `port5201` where it does."""
    daemon = Daemon("--iperf3=0", *options, **keywords)
    daemon.port5201 = int(wait_for(
        lambda: re.search(r"iperf3 clients at 127.0.0.1:(\d+)", daemon.err), 10, "iperf3")[1])
    return daemon


@shared
def server():
    return serve()


# ---- Debian's client


def start_client(daemon, *options):
    need_program("iperf3")
    return subprocess.Popen(["iperf3", "-c", "127.0.0.1", "-p", str(daemon.port5201), *options],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def output_of(client):
    try:
        return client.communicate(timeout=60)[0]
    finally:
        client.kill()


def run_client(*options, daemon=None):
    """(exit status, output) of a client."""
    client = start_client(daemon or server(), *options)
    text = output_of(client)
    return client.returncode, text


def measure_all(*tests, daemon=None):
    """The clients' JSON documents of tests that went well, all at the same time."""
    clients = [start_client(daemon or server(), "-J", *options) for options in tests]
    documents = []
    for client, options in zip(clients, tests):
        text = output_of(client)
        assert client.returncode == 0, (options, client.returncode, text)
        document = json.loads(text)
        assert "error" not in document, (options, document["error"])
        cpu = document["end"]["cpu_utilization_percent"]
        assert cpu["remote_total"] >= 0, cpu
        documents.append(document)
    return documents


def measure(*options, daemon=None):
    """The client's JSON document of a test that went well."""
    return measure_all(options, daemon=daemon)[0]


def sums(document):
    """Bytes sent and received, as both ends have counted them."""
    end = document["end"]
    return end["sum_sent"]["bytes"], end["sum_received"]["bytes"]


def is_near(value, wanted, share=0.1):
    assert wanted * (1 - share) <= value <= wanted * (1 + share), (value, wanted)


class Peer:
    """A control connection, and what a client does on it."""

    def __init__(self, daemon=None, cookie=None, connect_only=False):
        self.port = (daemon or server()).port5201
        self.cookie = cookie or (b"%036d" % time.monotonic_ns()) + b"\0"
        self.socket = socket.create_connection(("127.0.0.1", self.port), 20)
        self.streams = []
        if not connect_only:
            self.socket.sendall(self.cookie)
            self.expect(PARAM_EXCHANGE)

    def close(self):
        for each in [self.socket, *self.streams]:
            each.close()

    def read(self, size):
        data = b""
        while len(data) < size:
            got = self.socket.recv(size - len(data))
            if not got:
                raise EOFError(data)
            data += got
        return data

    def state(self):
        return struct.unpack("b", self.read(1))[0]

    def expect(self, *states):
        for wanted in states:
            found = self.state()
            assert found == wanted, (found, wanted)

    def expect_error(self, number=None):
        """An error with its number, and then the end; other bytes of states may come before."""
        found = self.state()
        assert found == ERROR, found
        code, _ = struct.unpack(">II", self.read(8))
        assert number is None or code == number, (code, number)
        assert self.socket.recv(1) == b""

    def send(self, state):
        self.socket.sendall(struct.pack("b", state))

    def send_json(self, value):
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.socket.sendall(struct.pack(">I", len(text)) + text)

    def read_json(self):
        return json.loads(self.read(struct.unpack(">I", self.read(4))[0]))

    def connect_streams(self, count):
        for _ in range(count):
            stream = socket.create_connection(("127.0.0.1", self.port), 20)
            stream.sendall(self.cookie)
            self.streams.append(stream)

    def begin(self, **params):
        self.send_json(params)
        self.expect(CREATE_STREAMS)
        self.connect_streams(params.get("parallel", 1) * (2 if "bidirectional" in params else 1))
        self.expect(TEST_START, TEST_RUNNING)
