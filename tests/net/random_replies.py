#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A daemon that answers at random: its replies are those of a real one, damaged as text, as values,
and in the rows that they carry. flowctl ends, says something printable, and does no harm.

10 s in check, a minute in CI, ten in check --long; FLOWRIG_RANDOM_SECONDS says another time, and
FLOWRIG_SEED repeats a run."""
import http.client
import http.server
import os
import random
import re
import threading
import time
import xmlrpc.client

from flowrig_test import LONG, Daemon, at_end, case, flowctl, main, note, temp_dir

SECONDS = int(os.environ.get("FLOWRIG_RANDOM_SECONDS") or
              (600 if LONG else 60 if os.environ.get("FLOWRIG_CI") else 10))
FEWEST = 10  # runs, however slow the machine is
LIMIT = 90  # s that flowctl may take for half a second of flow, whatever it is told
NUMBERS = (0, 1, -1, 2 ** 31 - 1, -2 ** 31, 255, 65536, 10 ** 9)
LARGE = tuple(str(number) for number in (2 ** 63 - 1, -2 ** 63, 2 ** 53, 10 ** 18))
TEXTS = ("", "x" * 600, "\u009b31mx", "a b", "../../etc/passwd", "%s%n", "\u202e", "0",
         "\u00e9" * 300, "line\nS 0 0.000 1.000", "<&>", "-1", "nan", "1e999")


def damaged_value(chance, value, share):
    """A value of a reply with some of its parts changed."""
    if chance.random() < share:
        return chance.choice((None, True, [], {}, chance.choice(NUMBERS), chance.choice(LARGE),
                              chance.choice(TEXTS), xmlrpc.client.Binary(os.urandom(8))))
    if isinstance(value, dict):
        made = {name: damaged_value(chance, part, share) for name, part in value.items()
                if chance.random() > share / 4}
        if chance.random() < share:
            made[chance.choice(("more", "next", "session", "nonsense"))] = chance.choice(NUMBERS)
        return made
    if isinstance(value, list):
        made = [damaged_value(chance, part, share) for part in value]
        return made * chance.choice((0, 2, 30)) if chance.random() < share / 4 else made
    if isinstance(value, xmlrpc.client.Binary):
        return xmlrpc.client.Binary(damaged_bytes(chance, value.data, share))
    return value


def damaged_bytes(chance, data, share):
    data = bytearray(data)
    for _ in range(chance.choice((0, 1, 3, 20)) if data and chance.random() < 5 * share else 0):
        at = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del data[at:at + chance.randrange(1, 40)]
        else:
            data[at:at] = chance.choice((b"\xff" * 8, b"\0" * 8, b"\x7f\xff\xff\xff", b"\x1b[2J", b"\r\nS 0 "))
        if not data:
            break
    return bytes(data)


def damaged(chance, reply):
    """The XML of a reply, damaged in one way or not at all."""
    kind = chance.random()
    if kind < 0.15:
        return damaged_bytes(chance, reply, 1)
    if kind < 0.2:
        return chance.choice((b"", b"<methodResponse/>", reply[:chance.randrange(len(reply) + 1)], reply * 2,
                              xmlrpc.client.dumps(xmlrpc.client.Fault(chance.choice((-1, 0, 4000, 2 ** 31 - 1)),
                                                                      chance.choice(TEXTS))).encode()))
    if kind < 0.6:
        try:
            (value,), _ = xmlrpc.client.loads(reply)
        except xmlrpc.client.Fault:
            return reply
        return xmlrpc.client.dumps((damaged_value(chance, value, chance.choice((0.01, 0.05, 0.3))),),
                                   methodresponse=True, allow_none=True).encode()
    return reply


class Liar:
    """Stands between flowctl and a daemon. Each of its lives damages replies from the nth on, so that
    the first calls of a run are not all that is ever reached."""

    def __init__(self, daemon, seed):
        liar = self
        self.chance, self.lock, self.left = random.Random(seed), threading.Lock(), 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                connection = http.client.HTTPConnection(daemon.host, daemon.port, timeout=60)
                connection.request("POST", self.path, body, {"Content-Type": "text/xml"})
                answer = connection.getresponse().read()
                connection.close()
                with liar.lock:
                    liar.left -= 1
                    if liar.left < 0 and liar.chance.random() < 0.5:
                        answer = damaged(liar.chance, answer)
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):  # flowctl has hung up
                pass

        server = Server(("127.0.0.1", 0), Handler)
        self.control = f"127.0.0.1:{server.server_port}"
        at_end(server.server_close)
        at_end(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()


def check(result, command):
    """flowctl ended by itself, with a status of its own, and what it wrote is text."""
    assert result.status in (0, 1, 2, 3), f"{command}: status {result.status}\n{result.err[-4000:]}"
    assert "Sanitizer" not in result.err and "runtime error" not in result.err, result.err[-6000:]
    for text in (result.out, result.err):
        odd = re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
        assert not odd, f"{command}: {text[max(0, odd.start() - 80):odd.end() + 80]!r}"


@case
def replies_at_random():
    """Damaged replies and rows of one daemon of two: flowctl ends, in words, and others are left alone"""
    seed = int(os.environ.get("FLOWRIG_SEED") or random.randrange(1 << 32))
    note(f"FLOWRIG_SEED={seed}, {SECONDS} s")
    folder = temp_dir()
    options = ("--lease", 3, "--retain", 1)
    honest, real = Daemon(*options, level="error"), Daemon("-w", folder, *options, level="error")
    liar = Liar(real, seed)
    chance = random.Random(seed)
    statuses, end = {}, time.monotonic() + SECONDS
    while time.monotonic() < end or sum(statuses.values()) < FEWEST:
        liar.left = chance.choice((0, 0, 2, 4, 6, 9, 12, 20))
        run = ("-n", chance.choice((1, 3)), "-T", "s=0.4", "-i", "0.1",
               f"--log-file={os.path.join(folder, 'flow.log')}", "-o")
        pair = chance.choice(((honest.control, liar.control), (liar.control, honest.control)))
        command = chance.choice((
            (*run, "-H", f"s=127.0.0.1/{pair[0]},d=127.0.0.1/{pair[1]}"),) * 4 + (
                ("status", liar.control), ("stop", liar.control),
                ("fetch-dumps", "-o", temp_dir(), liar.control)))
        began = time.monotonic()
        result = flowctl(*command, timeout=LIMIT)
        check(result, command)
        statuses[result.status] = statuses.get(result.status, 0) + 1
        assert time.monotonic() - began < LIMIT
    note(f"{sum(statuses.values())} runs, by their status {dict(sorted(statuses.items()))}")
    assert len(statuses) > 1, "nothing was damaged, or nothing got through"
    for daemon in (honest, real):
        assert daemon.running() and daemon.rpc().flowd.clock({})["sent"] > 0


main()
