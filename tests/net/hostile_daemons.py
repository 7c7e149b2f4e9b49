#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flowctl among daemons that lie: what they say reaches no terminal raw, forges no row, and ends."""
import gzip
import http.server
import os
import random
import re
import resource
import socket
import struct
import subprocess
import threading
import time
import xmlrpc.client

from flowrig_api import FAULT_PEER, FAULT_SYSTEM, columns_of, unpack
from flowrig_test import (FLOWCTL, LONG, SANITIZED, Daemon, FlowLog, at_end, case, expect, flowctl, main, note,
                          temp_dir)

# What packed rows can carry, as they are bytes; and what XML 1.0 can.
ESCAPES = "\x1b]0;OWNED\x07\x1b[2J\x1b[31m"
XML_TEXT = "\u009b31mC1\u009b0m\r\nS 0 0.000 1.000 forged\tand \u202ebidi"


def _dump_int(self, value, write):
    kind = "int" if -2 ** 31 <= value < 2 ** 31 else "i8"
    write(f"<value><{kind}>{value}</{kind}></value>\n")


xmlrpc.client.Marshaller.dispatch[int] = _dump_int


class Liar:
    """Answers calls as the daemon behind it does, but for what `twist(method, reply)` changes. It
    may raise a Fault."""

    def __init__(self, behind, twist):
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = liar.answer(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                pass

        self.behind, self.twist, self.calls = behind, twist, {}
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at_end(server.shutdown)
        self.control = f"127.0.0.1:{server.server_port}"

    def answer(self, body):
        parameters, method = xmlrpc.client.loads(body)
        self.calls[method] = self.calls.get(method, 0) + 1
        try:
            reply = getattr(self.behind.rpc(), method)(*parameters) if self.behind else {}
            changed = self.twist(method, reply)
            return xmlrpc.client.dumps((reply if changed is None else changed,), methodresponse=True,
                                       allow_none=True)
        except xmlrpc.client.Fault as fault:
            return xmlrpc.client.dumps(fault, methodresponse=True)


def with_sections(columns, data, sections):
    """Packed rows with these sections, pairs of type and bytes, in place of their own."""
    out, at = b"", 0
    while at < len(data):
        length, _ = struct.unpack_from("<II", data, at)
        place = at + 8 + (columns + 7) // 8
        for i in range(columns):
            while data[at + 8 + i // 8] >> i % 8 & 1:
                place += 1
                if data[place - 1] < 128:
                    break
        row = data[at + 8:place]
        row += b"\0" * (-len(row) % 8)
        for kind, text in sections:
            row += struct.pack("<II", kind, len(text)) + text + b"\0" * (-len(text) % 8)
        out += struct.pack("<II", 8 + len(row), len(sections)) + row
        at += length
    return out


def varint(value):
    """A number as a row holds it."""
    value, out = value << 1 ^ value >> 63, b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def check_clean(text):
    bad = {c for c in text if c in "\x1b\x07\r\u202e\u2028" or 0x7f <= ord(c) < 0xa0 or
           (ord(c) < 32 and c not in "\n\t")}
    assert not bad, f"{bad} got through: {text!r}"


def run_with(liar, log, *options, status):
    result = flowctl("-H", f"s=127.0.0.1/{liar.control},d=127.0.0.1/{liar.control}", "-T", "s=0.4",
                     "-i", "0.1", "-c", "interval,through", f"--log-file={log}", *options)
    text = open(log, encoding="utf-8", newline="\n").read() if os.path.exists(log) else ""
    for part in (result.out, result.err, text):
        check_clean(part)
    assert result.status in status, (result.status, result.err)
    for line in text.split("\n"):
        assert not line.startswith("S 0 0.000 1.000"), line
    return result, text


@case
def older_daemon():
    """a daemon that does not know a setting: both versions, and the option's own name"""
    daemon = Daemon()
    for option, name, field in ((("--freebind", "s"), "--freebind", "freebind"),
                                (("-O", "s=TCP_NODELAY"), "TCP_NODELAY", "nodelay")):

        def twist(method, reply, field=field):
            if method == "flowd.describe":
                reply["version"] = "0.0.9"
            if method == "session.prepare":
                raise xmlrpc.client.Fault(1, f"session.prepare: common: source: unknown member '{field}'; there "
                                          "are duration, delay")

        liar = Liar(daemon, twist)
        result = expect(flowctl("-H", f"b=127.0.0.1/{liar.control}", "-T", "s=0.2", *option), 2)
        assert re.fullmatch(rf"flowctl: flowd 0\.0\.9 at {re.escape(liar.control)} does not know {name}, which this "
                            rf"flowctl [0-9.]+ requires: install the same version of flowrig on both\n",
                            result.err), result.err


@case
def replies_are_made_printable():
    """no control character of a reply reaches the screen, the messages or the log"""
    daemon = Daemon()
    directory = temp_dir()

    def describe(method, reply):
        if method == "flowd.describe":
            reply.update(host=XML_TEXT, os=XML_TEXT, os_release=XML_TEXT)

    def fault(method, reply):
        if method == "session.prepare":
            raise xmlrpc.client.Fault(1000, XML_TEXT)

    def reason(method, reply):
        if method == "session.prepared":
            reply.update(ready=0, failed=1, failures=[
                {"flow": 0, "endpoint": "s", "code": 3004, "reason": XML_TEXT}])

    def failure(method, reply):
        if method == "session.reports":
            reply.update(lost=1, state="failed", failure=XML_TEXT)

    for twist, status, seen in ((describe, (0,), None), (fault, (2,), "err"), (reason, (2,), "err"),
                                (failure, (2,), "log")):
        log = f"{directory}/{twist.__name__}.log"
        result, text = run_with(Liar(daemon, twist), log, status=status)
        if seen:
            assert "?31mC1?0m?S 0 0.000 1.000 forged?and ?bidi" in (text if seen == "log" else result.err), \
                result.err + text


@case
def cause_before_consequence():
    """an end that failed because the other one did: the other end's cause is said, however late it comes"""
    closed = {"flow": 0, "endpoint": "s", "code": FAULT_PEER, "reason": "the peer closed the connection"}
    cause = {"flow": 0, "endpoint": "d", "code": FAULT_SYSTEM, "reason": "the system refused it"}

    def failing(*failures, after=0.0):
        began = []

        def twist(method, reply):
            if method != "session.prepared":
                return
            began.append(time.monotonic())
            if after and len(failures) == 1:
                time.sleep(after)
            told = failures[:1] if time.monotonic() < began[0] + after else failures
            reply.update(ready=0, failed=len(told), failures=list(told))
        return twist

    def said(source, target):
        result = expect(flowctl("-H", f"s=127.0.0.1/{source.control},d=127.0.0.1/{target.control}", "-T", "s=0.2"), 2)
        assert result.err.count("\n") == 1, result.err
        return result.err.strip()

    daemon = Daemon()
    # Each end at a daemon of its own, the one with the cause slower by far; and both at one daemon,
    # which comes to know the cause later.
    wanted = r"flowctl: flow 0, destination 127\.0\.0\.1 \(flowd at .*\): the system refused it"
    slow = said(Liar(daemon, failing(closed)), Liar(daemon, failing(cause, after=0.5)))
    assert re.fullmatch(wanted, slow), slow
    both = Liar(daemon, failing(closed, cause, after=0.3))
    assert re.fullmatch(wanted, said(both, both))
    # Nobody knows more: what was heard is said.
    alone = Liar(daemon, failing(closed))
    text = said(alone, alone)
    assert re.fullmatch(r"flowctl: flow 0, source 127\.0\.0\.1 \(.*\): the peer closed the connection", text), text


@case
def rows_are_made_printable():
    """no control character of a row's info or error gets through, and no line break begins a row"""
    daemon = Daemon()
    directory = temp_dir()
    columns = len(columns_of(daemon.rpc()))
    forged = ("# x\nS 0 0.000 1.000 " + ESCAPES + "\n").encode()
    info = "".join(f"{name}={ESCAPES}x\n" for name in (
        "local", "peer", "congestion_control", "send_buffer", "dump", "dump_note")).encode()

    def twist_with(*sections):
        def twist(method, reply):
            if method == "session.reports" and reply.get("rows"):
                reply["rows"] = xmlrpc.client.Binary(with_sections(columns, reply["rows"].data,
                                                                   sections))
        return twist

    run_with(Liar(daemon, twist_with((1, info))), f"{directory}/info.log", "-d", status=(0, 2))
    _, text = run_with(Liar(daemon, twist_with((1, b"congestion_control=cubic\n"), (2, b"boom" + forged))),
                       f"{directory}/error.log", "-d", status=(2,))
    assert text.count("# failed ") == 2, text
    assert "boom# x?S 0 0.000 1.000 ?]0;OWNED?" in text, text


@case
def daemons_speak_for_their_own_endpoints():
    """rows of an endpoint are taken from its own daemon only"""
    source, target = Daemon(), Daemon()
    log = f"{temp_dir()}/run.log"
    columns = len(columns_of(target.rpc()))

    def forge(method, reply):
        if method != "session.reports" or not reply.get("rows"):
            return
        rows, data, at = unpack(columns_of(target.rpc()), reply["rows"].data), reply["rows"].data, 0
        out = b""
        for row in rows:
            length = struct.unpack_from("<I", data, at)[0]
            assert row["endpoint"] == 1
            # The endpoint's value, a varint of one byte, becomes that of the source.
            place = at + 8 + (columns + 7) // 8
            for name, value in row.items():
                if name == "endpoint":
                    break
                place += len(varint(value)) if value is not None else 0
            assert data[place] == 2, data[place]
            out += data[at:place] + b"\0" + data[place + 1:at + length] + data[at:at + length]
            at += length
        reply.update(rows=xmlrpc.client.Binary(out))

    result = expect(flowctl("-H", f"s=127.0.0.1/{source.control},d=127.0.0.1/{Liar(target, forge).control}",
                            "-T", "s=0.5", "-i", "0.1", f"--log-file={log}", "-q"))
    assert result.err.count("it sent a report of flow 0, source, which belongs to another daemon") == 1, \
        result.err
    assert len(result.err.strip().split("\n")) == 1, result.err
    read = FlowLog(log)
    assert read.total("S", "tx_bytes") > 0 and read.total("S", "rx_bytes") == 0
    assert len(read.of("S")) == 5, read.of("S")


@case
def sessions_are_opened_with_random_keys():
    """what is in a log opens no session, and one daemon with two names is two of the run"""
    daemon = Daemon()
    log = f"{temp_dir()}/run.log"
    keys = []

    def look(method, reply):
        pass

    liar = Liar(daemon, look)
    answer = liar.answer
    liar.answer = lambda body: (keys.extend(re.findall(rb"<name>key</name>\s*<value>(?:<string>)?(\w+)", body)
                                            if b"session.open" in body else ()), answer(body))[1]
    expect(flowctl("-H", f"s=127.0.0.1/{liar.control},d=127.0.0.1/{liar.control.replace('127.0.0.1', 'localhost')}",
                   "-T", "s=0.3", "-i", "0.1", f"--log-file={log}", "-q"))
    assert len(set(keys)) == 2, keys
    text = open(log, "rb").read()
    for key in keys:
        assert len(key) == 32 and key not in text and key[:8] not in text, key
    result = expect(flowctl("-H", f"s=127.0.0.1/{daemon.control},d=127.0.0.1/localhost:{daemon.port}",
                            "-T", "s=0.3", "-i", "0.1", "-q"))
    assert not result.err, result.err


@case
def names_of_other_controllers_are_made_printable():
    """what one controller calls itself commands no other's terminal, and no log of the daemon"""
    daemon = Daemon(level="debug")
    daemon.rpc().session.open({"key": "k", "run": "x: up 1 s\r\n\u009b2Jlocalhost",
                               "controller": "\u009b31mevil\n  run 0 of nobody"})
    result = flowctl("status", daemon.control)
    check_clean(result.out)
    assert "?31mevil?  run 0 of nobody" in result.out and "x: up 1 s??2Jlocalhost" in result.out, result.out
    check_clean(daemon.err)
    assert len(result.out.strip().split("\n")) == 2, result.out


@case
def lists_that_do_not_end():
    """A list of dumps that goes on for ever is given up with a sentence, whatever it names"""
    count = [0]

    def same(method, reply):
        return {"dumps": [{"name": "flowrig-x.pcap", "size": 0, "modified": 1}], "more": True}

    def empty(method, reply):
        return {"dumps": [], "more": True}

    def back(method, reply):
        return {"dumps": [{"name": f"flowrig-{i}.pcap", "size": 0, "modified": 1} for i in (2, 1)],
                "more": False}

    def growing(method, reply):
        count[0] += 1000
        return {"dumps": [{"name": f"flowrig-{i:09}.pcap", "size": -1, "modified": 1}
                          for i in range(count[0] - 1000, count[0])], "more": True}

    for twist, calls, sentence in (
            (same, 2, "the daemon's list of dumps is not in order"),
            (back, 1, "the daemon's list of dumps is not in order"),
            (empty, 1, "the daemon's list of dumps does not end"),
            (growing, 101, "the daemon lists more than 100000 dumps: name a run with --run")):
        liar = Liar(None, twist)
        result = expect(flowctl("fetch-dumps", "-o", temp_dir(), liar.control, timeout=60), 2)
        assert result.err.endswith(f"flowctl: fetch-dumps: {liar.control}: {sentence}\n"), \
            result.err[-300:]
        assert liar.calls["dumps.list"] == calls, liar.calls


@case
def limits_that_overflow():
    """Figures of a daemon that no sum can hold are refused with a sentence"""
    daemon = Daemon()
    for part, name, value in (("limits", "flows", 2 ** 63 - 1), ("limits", "open_files_used", 2 ** 63 - 1),
                              ("limits", "flows", -2 ** 63), ("limits", "lease_s", 2 ** 62)):
        def twist(method, reply, part=part, name=name, value=value):
            if method == "flowd.describe":
                reply[part][name] = value

        liar = Liar(daemon, twist)
        result = expect(flowctl("-H", f"b=127.0.0.1/{liar.control}", "-T", "s=0.1", "-q"), 2)
        assert f"{name}: {value} is not within" in result.err, result.err
        assert result.err.count("\n") == 1, result.err


def spoil(value, chance):
    """One of the values in a reply, made another: the reply, changed."""
    extremes = [2 ** 63 - 1, -2 ** 63, 2 ** 62, -1, 0, 1, 2 ** 32, True, "", "x" * 70000, XML_TEXT, [], {}, 1e308,
                xmlrpc.client.Binary(b"\xff" * 100)]
    if isinstance(value, xmlrpc.client.Binary) and value.data and chance.random() < 0.8:
        data = bytearray(value.data)
        for _ in range(chance.randrange(1, 9)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        return xmlrpc.client.Binary(bytes(data[:chance.choice((len(data), chance.randrange(len(data) + 1)))]))
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(sorted(value))
        changed = dict(value)
        if chance.random() < 0.1:
            del changed[name]
        else:
            changed[name] = spoil(value[name], chance)
        return changed
    if isinstance(value, list) and value and chance.random() < 0.9:
        at = chance.randrange(len(value))
        return value[:at] + [spoil(value[at], chance)] + value[at + 1:]
    return chance.choice(extremes)


@case
def spoiled_replies():
    """Runs with daemons whose replies and rows are changed at random end, with a status of their own"""
    seed = int(os.environ.get("FLOWRIG_SEED", random.randrange(10 ** 6)))
    note(f"seed {seed}")
    chance = random.Random(seed)
    daemon = Daemon("--lease", 4)
    statuses = []
    for _ in range(300 if LONG else 12):
        methods = chance.sample(["flowd.describe", "reports.schema", "session.open", "session.prepare",
                                 "session.prepared", "flowd.clock", "session.start", "session.reports",
                                 "session.reports"], 2)

        def twist(method, reply, methods=methods):
            return spoil(reply, chance) if method in methods and chance.random() < 0.5 else reply

        liar = Liar(daemon, twist)
        result = flowctl("-H", f"b=127.0.0.1/{liar.control}", "-T", "s=0.3", "-i", "0.1", timeout=60)
        assert result.status in (0, 1, 2, 3), (methods, result.status, result.err)
        assert "Sanitizer" not in result.err and "runtime error" not in result.err, (methods, result.err)
        check_clean(result.out + result.err)
        statuses.append(result.status)
    note(f"statuses {statuses}")
    assert daemon.running()


def bare_server(answer):
    """What answers every request with these bytes; where it is."""
    listener = socket.create_server(("127.0.0.1", 0))
    at_end(listener.close)

    def serve():
        while True:
            try:
                peer = listener.accept()[0]
                while b"</methodCall>" not in peer.recv(65536):
                    pass
                peer.sendall(answer)
                peer.close()
            except OSError:
                if listener.fileno() < 0:
                    return

    threading.Thread(target=serve, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


@case
def large_replies():
    """A reply of 60 MB of nothing takes no gigabytes; redirects, compression, text get a sentence"""
    def xml(value):
        return (b"<methodResponse><params><param><value>" + value +
                b"</value></param></params></methodResponse>")

    def http(body, head=b"200 OK\r\nContent-Type: text/xml"):
        return b"HTTP/1.1 " + head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    packed = gzip.compress(b" " * (100 << 20))
    for answer in (http(xml(b"<array><data>" + b"<value/>" * 7500000 + b"</data></array>")),
                   http(xml(b"<array><data>" + b"<value><struct></struct></value>" * 1800000 +
                            b"</data></array>")),
                   http(xml(b"<array><data><value>" * 100000)),
                   http(packed, b"200 OK\r\nContent-Encoding: gzip"),
                   http(b"", b"302 Found\r\nLocation: http://127.0.0.1:1/RPC2"),
                   http(b"", b"401 Unauthorized\r\nWWW-Authenticate: Basic realm=x"),
                   b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200000 + b"\r\n",
                   b"SSH-2.0-OpenSSH_9.2\r\n"):
        process = subprocess.Popen([FLOWCTL, "status", bare_server(answer)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 3 and out == "" and err.count("\n") == 1, (answer[:80], err)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    note(f"{peak} MiB at most")
    assert SANITIZED or peak < 700, peak


if __name__ == "__main__":
    main()
