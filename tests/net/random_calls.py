#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that calls at random, and knows what calls are made of: valid sessions on two daemons,
methods in any order from several threads, arguments that are mostly good, and peers that are no
flowd. Nothing may hang, die, leak, or keep the next run from working.

10 s in check, a minute in CI, ten in check --long; FLOWRIG_RANDOM_SECONDS says another time (an
hour: 3600), FLOWRIG_SEED repeats a run as far as threads allow."""
import hmac
import os
import random
import re
import socket
import struct
import threading
import time
import traceback
import uuid
import xmlrpc.client

from flowrig_api import SECOND, block, preamble
from flowrig_test import (LONG, SANITIZED, Daemon, case, expect, flowctl, hosts, main, note, temp_dir,
                          wait_for)

SECONDS = int(os.environ.get("FLOWRIG_RANDOM_SECONDS") or
              (600 if LONG else 60 if os.environ.get("FLOWRIG_CI") else 10))
THREADS = 8
HANG = 180 if SANITIZED else 60  # no call takes so long, on the slowest of machines
LIMITS = ("--report-memory", "2M", "--spill-size", "4M", "--max-flows", 400, "--max-sessions", 40, "--lease", 3,
          "--retain", 5, "--dump-space", "50M")


class Transport(xmlrpc.client.Transport):
    """With a time limit."""

    def make_connection(self, host):
        connection = super().make_connection(host)
        connection.timeout = HANG
        return connection


def proxy(daemon):
    return xmlrpc.client.ServerProxy(f"http://{daemon.control}/RPC2", allow_none=True, transport=Transport())


def key():
    return uuid.uuid4().hex


# ---- what calls are made of


def size(chance, careful):
    if careful:
        return chance.choice(("C:40", "C:100", "C:1400", "C:8192", "C:65536", "U:40:1000", "E:500", "N:1000:300",
                              "L:1000:500", "W:100:2"))
    return chance.choice((
        "C:%d" % chance.choice((40, 41, 100, 1000, 8192, 8193, 65536, 1 << 20, 1 << 24, 1 << 30)),
        "U:40:%d" % chance.choice((41, 1000, 100000)), "E:%s" % chance.choice((0.5, 40, 500, 1e6)),
        "N:1000:%d" % chance.choice((1, 300, 10 ** 9)), "L:1000:500", "P:2:40", "W:100:2",
        "F:%d" % chance.choice((0, 1, 15, 16, 99)), "C:0", "C:-1", "C:1e300", "X:1", ""))


FLAGS = (("one_way_delay", .3), ("kernel_pacing", .1), ("pushy", .3), ("stop_on_congestion", .1), ("nodelay", .2),
         ("cork", .05), ("quickack", .1), ("fastopen", .1), ("mtu_discover", .1), ("route_record", .05),
         ("debug", .02), ("dump", .1))
# Of an endpoint: how often it is given, and as what.
MEMBERS = (
    ("delay", .2, (0, 1, 10 ** 8, 10 ** 9)), ("omit", .1, (0, 1, 10 ** 7, str(10 ** 12))),
    ("volume", .1, (1, 40, 10 ** 5, str(1 << 56))), ("volume_blocks", .1, (1, 100, str(2 ** 32 - 1))),
    ("gap", .2, ("C:0.001", "C:0", "E:0.0001", "U:0:0.01", "C:1e-9", "N:0.01:1", "F:0")),
    ("rate", .3, (1, 8, 1000, 10 ** 6, 10 ** 9, str(10 ** 12), str(10 ** 15), -1)),
    ("rate_spread", .1, (1, 10 ** 5, str(10 ** 15))), ("in_flight", .15, (1, 2, 1000, 10 ** 6, 0)),
    ("block_cap", .1, (40, 100, 8192, 1 << 30)), ("send_buffer", .1, (1, 4096, 1 << 20, 2 ** 31 - 1)),
    ("receive_buffer", .1, (1, 4096, 1 << 20, 2 ** 31 - 1)),
    ("congestion_control", .05, ("cubic", "reno", "bbr", "none", "x" * 15, "")), ("cpu", .05, (0, 1, 2, 1023)),
    ("dscp", .05, (0, 46, 63)), ("maxseg", .05, (88, 536, 32767)), ("notsent_lowat", .05, (1, 2 ** 31 - 1)),
    ("window_clamp", .05, (1, 1000)), ("ttl", .05, (1, 64, 255)), ("bind_device", .03, ("lo", "nonesuch")),
    ("user_timeout", .03, (1000,)))
# Of these every value is good by itself.
CAREFUL = (
    ("gap", .2, ("C:0.001", "E:0.0001", "U:0:0.01", "C:1e-9", "N:0.01:1")), ("in_flight", .05, (1, 2, 1000)),
    ("rate", .3, (1000, 10 ** 6, 10 ** 9, str(10 ** 12), str(10 ** 15))), ("omit", .1, (1, 10 ** 7)),
    ("volume", .05, (40, 10 ** 5)), ("receive_buffer", .1, (4096, 1 << 20)), ("dscp", .05, (0, 46, 63)),
    ("congestion_control", .05, ("cubic", "reno")), ("ttl", .05, (1, 64, 255)))
SETTINGS = (
    ("interval", .7, (100000, 10 ** 6, 10 ** 7, 5 * 10 ** 7, 10 ** 9)), ("framing", .2, ("auto", "stream", "message")),
    ("drain", .4, (0, 1, 10 ** 8, 10 ** 9)), ("transport", .3, ("mptcp", "udp")), ("snaplen", .1, (64, 128, 65535)),
    ("seed", .1, (0, 1, str(2 ** 32 - 1))), ("enumerate", .2, (True,)), ("summarize_only", .1, (True,)),
    ("late_connect", .2, (True,)), ("shutdown", .2, (True,)), ("touch_data", .2, (True,)))


def some(chance, members):
    return {name: chance.choice(values) for name, share, values in members if chance.random() < share}


def ends(chance, sends, careful):
    """The settings of an end: any, or mostly such as are taken."""
    made = some(chance, CAREFUL if careful and sends else () if careful else MEMBERS)
    made.update({name: True for name, share in FLAGS if chance.random() < share * (.1 if careful else 1)})
    if sends and not (careful and "volume" in made):
        made["duration"] = str(chance.choice((1, 1000, 10 ** 6, 10 ** 8, 3 * 10 ** 8, SECOND, 10 * SECOND, 10 ** 15)))
    if chance.random() < .5:  # of an end that does not send, too
        made["request_size"] = size(chance, careful)
    if chance.random() < (.1 if careful else .4):
        made["response_size"] = size(chance, careful)
    return made


def table(chance):
    count = chance.choice((1, 2, 50, 5000))
    lines = "".join(f"{40 + i} {(i + 1) / count}\n" for i in range(count))
    return {"text": xmlrpc.client.Binary(lines.encode())}


def clock(chance):
    return {"peer": chance.choice((0, 1, 5)), "offset": str(chance.choice((0, -2 ** 63, 2 ** 63 - 1, 5))),
            "reference": str(chance.choice((0, time.monotonic_ns(), 2 ** 63 - 1))),
            "rate_ppb": chance.choice((0, -10 ** 8, 10 ** 8)), "bound": str(chance.choice((0, 2 ** 61))),
            "bound_ppb": chance.choice((0, 10 ** 8))}


# ---- what the threads share


class World:
    """Two daemons, the sessions that are open there, and the destinations that were issued."""

    def __init__(self, daemons):
        self.daemons, self.sessions, self.issued, self.issued_udp = daemons, [[] for _ in daemons], [], []
        self.lock = threading.Lock()
        self.calls, self.faults, self.trouble = {}, {}, []

    def session(self, chance, number):
        with self.lock:
            return chance.choice(self.sessions[number]) if self.sessions[number] else None

    def forget(self, number, session):
        with self.lock:
            self.sessions[number] = [one for one in self.sessions[number] if one != session]

    def count(self, what, name):
        with self.lock:
            what[name] = what.get(name, 0) + 1

    def complain(self, text):
        with self.lock:
            self.trouble.append(text)


class Client:
    """A thread's: its own chance and connections."""

    def __init__(self, world, seed):
        self.world, self.chance = world, random.Random(seed)
        self.rpcs = [proxy(daemon) for daemon in world.daemons]
        self.number, self.session, self.name = 0, None, ""

    def run(self, end):
        while time.monotonic() < end and all(daemon.running() for daemon in self.world.daemons):
            self.number = self.chance.randrange(len(self.rpcs))
            self.session = self.world.session(self.chance, self.number)
            action = open_session if self.session is None else \
                self.chance.choices(*zip(*((function, share) for function, share in ACTIONS)))[0]
            try:
                self.step(action)
            except Exception:  # a fault of this client: a thread that ends would test nothing more
                self.world.complain(f"{self.name}: {traceback.format_exc()}")

    def step(self, action):
        began, self.name = time.monotonic(), action.__name__
        try:
            action(self, self.chance, self.rpcs[self.number])
        except xmlrpc.client.Fault as found:
            self.world.count(self.world.faults, (self.name, found.faultCode))
            if found.faultCode == 4000:
                self.world.forget(self.number, self.session)
            if found.faultCode < 1000:
                self.world.complain(f"{self.name}: fault {found.faultCode}: {found.faultString}")
        except xmlrpc.client.ProtocolError as refused:
            self.world.count(self.world.faults, (self.name, refused.errcode))
            if refused.errcode != 503:
                self.world.complain(f"{self.name}: {refused!r}")
        except (OSError, xmlrpc.client.ResponseError) as broken:
            self.rpcs = [proxy(daemon) for daemon in self.world.daemons]
            self.world.complain(f"{self.name}: {broken!r} after {time.monotonic() - began:.1f} s")
        self.world.count(self.world.calls, self.name)


def call(rpc, method, session, **members):
    return getattr(rpc.session, method)(dict(session=session, **members))


def open_session(client, chance, rpc):
    made = rpc.session.open({"key": chance.choice((key(), "same")), "run": chance.choice(("", "r", "\u00e9" * 60)),
                             "lease_s": chance.choice((0, 1, 2, 5))})["session"]
    with client.world.lock:
        if made not in client.world.sessions[client.number]:
            client.world.sessions[client.number].append(made)


def prepare(client, chance, rpc):
    """Flows between the daemons, whole or in parts."""
    world, number = client.world, chance.randrange(len(client.rpcs))
    other = world.session(chance, number)
    if not other:
        return
    there = client.rpcs[number]
    careful, settings = chance.random() < .6, some(chance, SETTINGS)
    sends, answers = ends(chance, True, careful), ends(chance, chance.random() < .3, careful)
    tables = {"tables": [table(chance) for _ in range(chance.randrange(1, 3))]} if chance.random() < .2 else {}
    base, host = chance.choice((0, 0, chance.randrange(1000), 9999900)), \
        chance.choice(("127.0.0.1", "localhost", "::1", "", "127.0.0.2", "10.1.2.3"))
    common = {"source": sends, "destination": answers, "settings": settings}
    issued = call(there, "prepare", other, key=chance.choice((key(), "k")), endpoints=[
        dict(common, flow=base + i, endpoint="d", host=host, peer_clock=chance.choice((-1, 0, 1, 9999999)))
        for i in range(chance.choice((1, 1, 2, 5, 20)))], **tables)["destinations"]
    with world.lock:
        if settings.get("transport") != "udp":
            world.issued = (world.issued + issued[:2])[-50:]
        elif host in ("127.0.0.1", "localhost"):
            world.issued_udp = (world.issued_udp + issued[:2])[-50:]
    if not issued or chance.random() > .75:
        return
    target = host if ":" in host or host == "127.0.0.2" else "127.0.0.1"
    sources = [dict(common, flow=one["flow"], endpoint="s", peer_host=target, port=one["port"],
                    secret=one["secret"] if chance.random() < .95 else "00" * 16,
                    proof=one["proof"] if chance.random() < .95 else "01" * 16,
                    peer_clock=chance.choice((-1, 0, 1))) for one in issued if chance.random() < .95]
    call(rpc, "prepare", client.session, key=key(), endpoints=sources, **tables)
    if chance.random() < .7:
        both = ((rpc, client.session), (there, other))
        for one, session in both:
            call(one, "prepared", session, wait_ms=chance.choice((0, 200, 1000)))
        for one, session in both:
            call(one, "start", session, key=chance.choice(("s", key())), in_ms=chance.choice((0, 1, 50, 200)))


def send_blocks(chance, peer, mode):
    for _ in range(chance.randrange(1, 30)):
        peer.sendall(b"".join(
            block(chance.choice((1, 1, 1, 2, 3, 4, 255)), chance.choice((40, 40, 40, 41, 100, 39, 0, 0xffffffff, 8192)),
                  chance.choice((0, 40, 100, 2 ** 32 - 1)), chance.choice((0, i, 2 ** 32 - 1)),
                  chance.choice((0, -1, 2 ** 63 - 1, -2 ** 63, time.monotonic_ns())),
                  chance.choice((0, 2 ** 63 - 1)), chance.choice((0, -2 ** 63)))
            for i in range(chance.choice((1, 10, 500)))))
        if mode == 4:
            peer.send(b"!", socket.MSG_OOB)
        if mode == 5:
            peer.recv(65536)


def control(chance, key, *values, kind=None, end=0):
    """A control message of a flow of datagrams, mostly with its code."""
    values = (values + tuple(chance.choice((0, 1, 2 ** 61, 2 ** 64 - 1)) for _ in range(4)))[:4]
    head = struct.pack(">BBH4Q12x", kind or chance.randrange(0xd1, 0xda), end, 0, *values)
    code = hmac.new(key if chance.random() < .95 else b"?" * 32, head, "sha256").digest()
    return head + code[:16]


def datagrams(chance, key):
    """Data with numbers and times without sense, and whatever else."""
    tag = hmac.new(key, b"data of the source", "sha256").digest()[:8]
    for i in range(chance.choice((1, 30, 300))):
        yield chance.choices((
            struct.pack(">B3x8sQqQ4x", 0xd1, tag, chance.choice((i, i, i, i + 10 ** 6, 2 ** 62 - 1, 2 ** 64 - 1)),
                        chance.choice((time.monotonic_ns(), 2 ** 57, -2 ** 57, 2 ** 63 - 1, -2 ** 63)), i),
            control(chance, key, end=chance.choice((0, 0, 1, 7))), os.urandom(chance.choice((0, 1, 64, 1400)))),
            (8, 1, 1))[0]


def visit_udp(client, chance, _):
    """A destination of datagrams, visited by what knows its secrets and is no flowd."""
    with client.world.lock:
        one = chance.choice(client.world.issued_udp) if client.world.issued_udp else None
    if not one:
        return
    key = bytes.fromhex(one["secret"] + one["proof"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(.3)
        try:
            peer.connect(("127.0.0.1", one["port"]))
            peer.send(control(chance, key, 5, kind=0xd2))
            if chance.random() < .9:
                nonce = struct.unpack(">BBH4Q", peer.recv(2000)[:36])[4]
                peer.send(control(chance, key, 5, nonce, kind=0xd4))
            for data in datagrams(chance, key):
                peer.send(data)
        except (OSError, struct.error):
            pass  # the port is closed by now, or somebody else's


def visit(client, chance, _):
    """A destination's port, visited by what is no flowd."""
    with client.world.lock:
        one = chance.choice(client.world.issued) if client.world.issued else None
    if not one:
        return
    mode = chance.randrange(8)
    try:
        with socket.create_connection(("127.0.0.1", one["port"]), 2) as peer:
            peer.settimeout(.5)
            if mode == 0:
                peer.sendall(os.urandom(chance.randrange(1, 60)))
                return
            peer.sendall(preamble(one["secret"], chance.choice((0, 40, 40, 7))))
            if mode in (2, 3, 4, 5, 6):
                send_blocks(chance, peer, mode)
            if mode == 6:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if mode == 7:
                peer.shutdown(socket.SHUT_WR)
                time.sleep(.2)
    except OSError:
        pass  # the port may be closed by now, or the daemon has closed


def prepared(client, chance, rpc):
    call(rpc, "prepared", client.session, wait_ms=chance.choice((0, 10, 300, 30000)))


def start(client, chance, rpc):
    when = chance.choice(({"in_ms": 0}, {"in_ms": 100}, {},
                          {"at": str(time.monotonic_ns() + chance.choice((-1, 1, 10 ** 8, 10 ** 15)))}))
    clocks = {"clocks": [clock(chance)]} if chance.random() < .4 else {}
    call(rpc, "start", client.session, key=chance.choice(("s", key())), **when, **clocks)


def reports(client, chance, rpc):
    call(rpc, "reports", client.session, after=chance.choice((0, 0, 1, 10, 1000, str(2 ** 40))),
         wait_ms=chance.choice((0, 0, 50, 1000)), max_bytes=chance.choice((1, 1000, 1 << 16, 1 << 20)),
         encoding=chance.choice(("packed", "packed", "table", "", "nonsense")),
         acknowledge=chance.choice((-1, 0, 5)), release=chance.random() < .3)


def stop(client, chance, rpc):
    flows = {"flows": [chance.randrange(1000) for _ in range(chance.randrange(5))]} if chance.random() < .5 else {}
    call(rpc, "stop", client.session, key=key(), **flows)


def close(client, chance, rpc):
    call(rpc, "close", client.session)
    if chance.random() < .8:  # else others go on with it
        client.world.forget(client.number, client.session)


def renew(client, _, rpc):
    call(rpc, "renew", client.session)


def stop_all(_, chance, rpc):
    if chance.random() < .2:
        rpc.flowd.stop_all({})


def describe(_, chance, rpc):
    chance.choice((rpc.flowd.describe, rpc.flowd.clock, rpc.flowd.status, rpc.reports.schema))({})


def dumps(_, chance, rpc):
    found = rpc.dumps.list({})["dumps"]
    if found:
        rpc.dumps.read({"name": chance.choice(found)["name"], "offset": chance.choice((0, 10, str(2 ** 40))),
                        "max_bytes": chance.choice((1, 4096, 4 << 20))})


def multicall(_, chance, rpc):
    calls = xmlrpc.client.MultiCall(rpc)
    for _ in range(chance.randrange(1, 16)):
        getattr(calls, chance.choice(("flowd.status", "flowd.clock", "flowd.describe")))({})
    list(calls())


def hang_up(client, chance, _):
    """A call that is left alone before it is whole, or while it waits."""
    daemon = client.world.daemons[client.number]
    body = xmlrpc.client.dumps(({"session": client.session, "wait_ms": 3000},), "session.reports").encode()
    head = ("POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: "
            f"{len(body)}\r\n\r\n").encode()
    with socket.create_connection((daemon.host, daemon.port), 5) as peer:
        peer.sendall(head + body[:chance.choice((10, len(body) - 1, len(body)))])
        time.sleep(chance.random() * .2)


# How often each is chosen, in percent.
ACTIONS = ((open_session, 8), (prepare, 22), (visit, 6), (visit_udp, 5), (prepared, 6), (start, 8), (reports, 22), (stop, 6),
           (close, 6), (stop_all, 2), (renew, 4), (describe, 4), (dumps, 3), (multicall, 1.5), (hang_up, 1.5))


# ---- what has to hold


def resources(daemon):
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        threads = int(re.search(r"Threads:\s+(\d+)", file.read())[1])
    return len(os.listdir(f"/proc/{daemon.pid}/fd")), threads


def check_quiet(daemon, before):
    """All sessions are gone, and files and threads with them."""
    rpc = proxy(daemon)
    rpc.flowd.stop_all({})
    wait_for(lambda: not rpc.flowd.status({}).get("sessions"), 60, "that no session is left")
    wait_for(lambda: resources(daemon)[0] <= before[0] + 12 and resources(daemon)[1] <= before[1] + 4, 90,
             f"{resources(daemon)} open files and threads to be {before} again")


@case
def calls_at_random():
    """Random calls from eight threads on two daemons: each is answered, nothing dies or leaks, runs work"""
    seed = int(os.environ.get("FLOWRIG_SEED") or random.randrange(1 << 32))
    note(f"FLOWRIG_SEED={seed}, {SECONDS} s")
    folder = temp_dir()
    daemons = []
    for number in range(2):
        state = os.path.join(folder, f"state{number}")
        os.mkdir(state)
        daemons.append(Daemon("--state-dir", state, "-w", folder, *LIMITS, level="error"))
    world, before = World(daemons), [resources(daemon) for daemon in daemons]
    end = time.monotonic() + SECONDS
    threads = [threading.Thread(target=Client(world, seed * 1000 + i).run, args=(end,), daemon=True)
               for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS + 2 * HANG)
    note(f"{sum(world.calls.values())} calls: {world.calls}")
    note(f"faults: {dict(sorted(world.faults.items(), key=lambda one: -one[1])[:20])}")
    for daemon in daemons:
        assert daemon.running(), f"flowd died: {daemon.popen.returncode}\n{daemon.err[-6000:]}"
    assert not any(thread.is_alive() for thread in threads), "a call hangs"
    assert not world.trouble, "\n".join(world.trouble[:20])
    assert len(world.calls) == len(ACTIONS) or sum(world.calls.values()) < 2000, world.calls
    for daemon, was in zip(daemons, before):
        check_quiet(daemon, was)
    result = expect(flowctl("-H", hosts(*daemons), "-n", 3, "-T", "s=0.5", "-i", "0.1", "-c", "interval,goodput"))
    assert ", failed = 0, " in result.out, result.out


main()
