# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller in a few lines: flowd's API through Python's stock client, and its rows, decoded
without any of flowrig's own code."""
import hashlib
import hmac
import os
import struct
import time
import xmlrpc.client

from flowrig_test import at_end

INFINITE = (1 << 63) - 1
SECOND = 10 ** 9
KINDS = {0: "interval", 1: "final", 2: "start"}

# The numbers of protocol.h.
FAULT_BAD_CALL, FAULT_BAD_STATE, FAULT_BAD_XML = 1000, 1001, 1002
FAULT_POLICY, FAULT_TOO_MANY, FAULT_NO_MEMORY = 2000, 2001, 2002
FAULT_SYSTEM, FAULT_CONGESTION, FAULT_PORTS, FAULT_FILES, FAULT_CONNECT, FAULT_PEER = range(3000, 3006)
FAULT_GONE = 4000


def fault(call, *arguments):
    """The fault that the call must end with."""
    try:
        answer = call(*arguments)
    except xmlrpc.client.Fault as found:
        return found
    raise AssertionError(f"no fault, but {answer}")


def expect_fault(number, text, call, *arguments):
    """The call ends with that fault; its sentence is the text, or holds it where it begins with ~."""
    found = fault(call, *arguments)
    good = text[1:] in found.faultString if text[:1] == "~" else text == found.faultString
    assert found.faultCode == number and good, \
        f"fault {found.faultCode}: {found.faultString}\nnot {number}: {text}"


def columns_of(rpc):
    return [column["name"] for column in rpc.reports.schema({})["columns"]]


class Row(dict):
    """A row: its columns by name (None: absent), its sections by type."""

    def __init__(self, values, sections):
        super().__init__(values)
        self.sections = sections

    @property
    def who(self):
        return self["flow"], "sd"[self["endpoint"]]

    @property
    def is_interval(self):
        return self["kind"] == 0

    @property
    def is_final(self):
        return self["kind"] == 1


def unpack(columns, data):
    """Packed rows, as reports.schema describes them in words."""
    rows, at = [], 0
    while at < len(data):
        length, section_count = struct.unpack_from("<II", data, at)
        assert length % 8 == 0 and at + length <= len(data)
        place, sections, values = at + 8 + (len(columns) + 7) // 8, {}, []
        for i in range(len(columns)):
            value, shift = 0, 0
            while data[at + 8 + i // 8] >> i % 8 & 1:
                byte, place = data[place], place + 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            value = value // 2 if value % 2 == 0 else -1 - value // 2
            values.append(value if shift else None)
        place = at + (place - at + 7) // 8 * 8
        for _ in range(section_count):
            kind, size = struct.unpack_from("<II", data, place)
            text = data[place + 8:place + 8 + size]
            assert place + 8 + size <= at + length
            name = {1: "info", 2: "error", 16: "rtt_histogram", 17: "iat_histogram",
                    18: "delay_histogram", 19: "rtt_due_histogram", 20: "hold_histogram"}.get(kind, kind)
            sections[name] = text.decode("utf-8") if kind < 16 else text
            place += 8 + (size + 7) // 8 * 8
        assert place == at + length, "what a row says of its length does not fit its sections"
        rows.append(Row(zip(columns, (None if v == INFINITE else v for v in values)),
                        sections))
        at += length
    return rows


def from_table(columns, table):
    for row in table:
        assert len(row) == len(columns) + 1
    return [Row(zip(columns, row[:-1]),
                {name: getattr(part, "data", part) for name, part in row[-1].items()})
            for row in table]


def edges(bucket):
    """The values of a bucket of a histogram, as flowd(8) describes it: lower <= value < upper."""
    if bucket < 0:
        lower, upper = edges(-1 - bucket)
        return -upper, -lower
    if bucket < 64:
        return bucket, bucket + 1
    s, g = 64 + bucket % 64, bucket // 64 - 1
    return s << g, s + 1 << g


def histogram(section):
    """A section of type 16 and on, as flowd(8) describes it: [(lower, upper, count)]."""
    assert section[0] == 6
    numbers, value, shift = [], 0, 0
    for byte in section[1:]:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value, shift = 0, 0
    assert shift == 0 and len(numbers) % 2 == 0
    found, bucket = [], -3713
    for step, count in zip(numbers[::2], numbers[1::2]):
        bucket += step
        found.append((*edges(bucket), count))
    return found


def nearest_rank(buckets, thousandths):
    """The bucket of the value at place ceil(share * n)."""
    rank = (sum(count for _, _, count in buckets) * thousandths + 999) // 1000
    for lower, upper, count in buckets:
        rank -= count
        if rank <= 0:
            return lower, upper
    raise AssertionError("an empty histogram")


class Session:
    """A session on one daemon, and the rows that came of it so far."""

    def __init__(self, daemon, key="test", **members):
        self.daemon, self.rpc = daemon, daemon.rpc()
        self.columns = columns_of(self.rpc)
        self.opened = self.rpc.session.open(dict(key=key, **members))
        self.id = self.opened["session"]
        self.after, self.rows, self.last = 0, [], None
        # A daemon that ends waits a while for controllers to collect what they have not fetched.
        at_end(self._leave)

    def _leave(self):
        if self.daemon.running():
            self.close()

    def prepare(self, *endpoints, key="prepare"):
        return self.rpc.session.prepare(
            {"session": self.id, "key": key, "endpoints": list(endpoints)})["destinations"]

    def prepared(self, seconds=20):
        """Waits until all endpoints are ready, or one has failed."""
        end = time.monotonic() + seconds
        while True:
            answer = self.rpc.session.prepared({"session": self.id, "wait_ms": 2000})
            if answer["failed"] or answer["ready"] == answer["total"]:
                return answer
            assert time.monotonic() < end, answer

    def start(self, in_ms=50, key="start", **members):
        call = dict(session=self.id, key=key, **members)
        if "at" not in members:
            call["in_ms"] = in_ms
        return self.rpc.session.start(call)

    def reports(self, after=None, wait_ms=0, **members):
        """One call; what it acknowledges is everything before unless `after` says otherwise."""
        self.last = self.rpc.session.reports(
            dict(session=self.id, after=self.after if after is None else after, wait_ms=wait_ms,
                 **members))
        if members.get("encoding") == "table":
            rows = from_table(self.columns, self.last.get("table", []))
        else:
            rows = unpack(self.columns, self.last["rows"].data if "rows" in self.last else b"")
        assert len(rows) == self.last["count"], (len(rows), self.last["count"])
        return rows

    def collect(self, seconds=60, **members):
        """All rows until the daemon says that these were the last."""
        end = time.monotonic() + seconds
        while True:
            rows = self.reports(wait_ms=2000, **members)
            if rows:
                assert self.last["first"] == self.after + 1, self.last["first"]
                self.after += len(rows)
                self.rows += rows
            if self.last.get("finished"):
                return self.rows
            assert time.monotonic() < end, f"not finished: {self.last['state']}"

    def of(self, flow, endpoint, kind=None):
        return [row for row in self.rows if row.who == (flow, endpoint)
                and (kind is None or KINDS[row["kind"]] == kind)]

    def stop(self, *flows, key="stop"):
        return self.rpc.session.stop(
            {"session": self.id, "key": key, "flows": list(flows)})["stopped"]

    def close(self):
        return self.rpc.session.close({"session": self.id})["rows"]

    def state(self):
        """What flowd.status says of this session: found by its run's name, if it has one."""
        return self.rpc.flowd.status({})["sessions"]


def seconds(value):
    """A time for the API: stock clients can't send more than 31 bits, but strings."""
    return str(int(value * SECOND))


def ends(source=1.0, destination=0.0, settings=None, source_more=None, destination_more=None):
    """The settings of both endpoints, as every endpoint of the flow gets them."""
    return {"source": dict(duration=seconds(source), **(source_more or {})),
            "destination": dict(duration=seconds(destination), **(destination_more or {})),
            "settings": dict(settings or {})}


def destination(flow=0, host="127.0.0.1", **settings):
    return dict(flow=flow, endpoint="d", host=host, **ends(**settings))


def source(issued, flow=None, host="127.0.0.1", peer_host="127.0.0.1", **settings):
    """The source for a destination that session.prepare has answered for."""
    return dict(flow=issued["flow"] if flow is None else flow, endpoint="s", host=host,
                peer_host=peer_host, port=issued["port"], secret=issued["secret"],
                proof=issued["proof"], **ends(**settings))


def prepare_flows(session_s, session_d, count=1, prefix="", **settings):
    """Prepares `count` flows with the same settings, ready to start."""
    issued = session_d.prepare(*[destination(i, **settings) for i in range(count)],
                               key=prefix + "d")
    session_s.prepare(*[source(one, **settings) for one in issued], key=prefix + "s")
    for session in {session_s, session_d}:
        answer = session.prepared()
        assert not answer["failed"], answer
    return issued


# ---- the data connection

PREAMBLE_SIZE = 40


def _high(data):
    return bytes(0x80 | byte for byte in data)


def _derive(key, text):
    return _high(hmac.new(key, text, hashlib.sha256).digest())


def _head(header_size, kind, version):
    return _high(b"flrg" + bytes([version, header_size, kind, 0]))


def preamble(secret, header_size=0, version=2, nonce=None):
    """What a source says first: flowd(8), DATA CONNECTIONS."""
    nonce = nonce or _high(os.urandom(16))
    token = _derive(bytes.fromhex(secret), b"flowrig source")[:16]
    mask = _derive(nonce, b"flowrig mask")
    return _head(header_size, 0, version) + nonce + _high(a ^ b for a, b in zip(token, mask))


def is_preamble(data, secret, header_size=0):
    """Whether this is all that a source with the secret says before there is an agreement."""
    return bytes(data) == preamble(secret, header_size, nonce=bytes(data[8:24]).ljust(16, b"?"))


def agreement(proof, said, header_size=None):
    """What the destination with the proof answers to the preamble that was said."""
    return _head(said[5] & 0x7f, 1, 2) + _derive(bytes.fromhex(proof), b"flowrig destination" + said[8:24])


def block(kind, size, response_size=0, sequence=0, sent=0, echoed=0, held=0, flags=0):
    return struct.pack("!BBHIIIqqq", kind, flags, 0xf10b, size, response_size, sequence, sent,
                       echoed, held)
