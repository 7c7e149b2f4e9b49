# SPDX-License-Identifier: GPL-3.0-or-later
"""Independent instruments for tests in the lab: captures read packet by packet, ss, ping, and the
API driven by Python's own XML-RPC client. Nothing here uses flowrig's code."""
import bisect
import contextlib
import glob
import http.client
import ipaddress
import os
import re
import struct
import subprocess
import threading
import time
import xmlrpc.client

from flowrig_test import (ATTEMPTS, Capture, FlowLog, Result, StillFails, alone, enter_netns,
                          expect, note, start_flowctl, temp_dir, wait_for)

NS = 1_000_000_000
PREAMBLE = 40  # bytes that each end sends before the first block
HEADER = 40  # bytes of a block's header

# ---- in a namespace, without a process of its own

@contextlib.contextmanager
def inside(netns):
    """What this thread opens or starts meanwhile belongs to the namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter_netns(f"/run/netns/{netns}")
        yield
    finally:
        enter_netns(f"/proc/self/fd/{home}")
        os.close(home)


# ---- time-like checks


def attempts(measure, check):
    """For what depends on time on a busy machine: a check that fails measures anew, up to three
    times in all, and then while no other test runs. `measure` gets the attempt's number from 0."""
    for attempt in range(ATTEMPTS):
        try:
            with alone() if attempt else contextlib.nullcontext():
                return check(measure(attempt))
        except AssertionError as error:
            if attempt == ATTEMPTS - 1:
                raise StillFails(str(error)) from error
            note(f"attempt {attempt + 1}: {error}; measured again")
    return None


def near(value, wanted, share=0.0, amount=0.0, what="value"):
    """Asserts that the value is as wanted, but for a share of it and an amount."""
    allowed = abs(wanted) * share + amount
    assert abs(value - wanted) <= allowed, \
        f"{what} is {value:.6g}, not {wanted:.6g} within {allowed:.6g}"


# ---- captures

FIN, SYN, RST, PUSH, ACK = 1, 2, 4, 8, 16


class Segment:
    """A TCP segment as it was captured."""
    __slots__ = ("time", "source", "destination", "sequence", "acknowledged", "flags", "length",
                 "data", "ip_length", "ecn")

    def __repr__(self):
        return (f"<{self.time / NS:.6f} {self.source} > {self.destination} seq {self.sequence} "
                f"ack {self.acknowledged} flags {self.flags:#x} length {self.length}>")


def _frames(path):
    with open(path, "rb") as file:
        content = file.read()
    order = "<" if content[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    magic, = struct.unpack_from(order + "I", content)
    assert magic in (0xA1B2C3D4, 0xA1B23C4D), f"{path} is no capture"
    unit = 1000 if magic == 0xA1B2C3D4 else 1
    link, = struct.unpack_from(order + "I", content, 20)
    assert link == 1, f"link type {link} of {path} is not Ethernet"
    record = struct.Struct(order + "IIII")
    at = 24
    while at + 16 <= len(content):
        seconds, fraction, captured, _ = record.unpack_from(content, at)
        yield seconds * NS + fraction * unit, content[at + 16:at + 16 + captured]
        at += 16 + captured


def _addresses(frame):
    """Gives (source, destination, length of the IP packet, where TCP begins, ECN), or None."""
    kind = frame[12:14]
    if kind == b"\x08\x00" and frame[23] == 6:
        return (".".join(map(str, frame[26:30])), ".".join(map(str, frame[30:34])),
                int.from_bytes(frame[16:18], "big"), 14 + 4 * (frame[14] & 15), frame[15] & 3)
    if kind == b"\x86\xdd" and frame[20] == 6:
        return (str(ipaddress.IPv6Address(frame[22:38])), str(ipaddress.IPv6Address(frame[38:54])),
                40 + int.from_bytes(frame[18:20], "big"), 54, frame[15] >> 4 & 3)
    return None


_tcp = struct.Struct("!HHIIBB")


def segments(path):
    """Every TCP segment of a capture, in order. Addresses are (text, port)."""
    found = []
    for stamp, frame in _frames(path):
        place = _addresses(frame)
        if not place:
            continue
        source, destination, ip_length, at, ecn = place
        source_port, destination_port, sequence, acknowledged, offset, flags = \
            _tcp.unpack_from(frame, at)
        segment = Segment()
        segment.time, segment.ip_length, segment.ecn = stamp, ip_length, ecn
        segment.source, segment.destination = (source, source_port), (destination, destination_port)
        segment.sequence, segment.acknowledged, segment.flags = sequence, acknowledged, flags
        data = at + 4 * (offset >> 4)
        segment.length = 14 + ip_length - data
        segment.data = frame[data:data + segment.length]
        found.append(segment)
    return found


def payload(found, port):
    """Bytes of the stream towards the port, by sequence numbers: a repeated one counts once."""
    parts = [s for s in found if s.destination[1] == port]
    first = next(s.sequence for s in parts if s.flags & SYN)
    covered = set()
    last = 0
    for segment in parts:
        begin = (segment.sequence - first - 1) % 2**32
        if segment.length:
            covered.add((begin, begin + segment.length))
            last = max(last, begin + segment.length)
    reached = 0
    for begin, end in sorted(covered):
        assert begin <= reached, f"the dump has a hole from {reached} to {begin}"
        reached = max(reached, end)
    assert reached == last
    return last


class Stream:
    """One direction of one connection, from all segments of a capture that belong to it."""

    def __init__(self, source, destination, parts):
        self.source, self.destination, self.segments = source, destination, parts
        syns = [s for s in parts if s.flags & SYN]
        assert syns, f"no SYN from {source} to {destination} was captured"
        self.first_sequence = (syns[0].sequence + 1) & 0xFFFFFFFF
        self.syn_time = syns[0].time
        self.sent_bytes = sum(s.length for s in parts)  # retransmissions included
        self.times, self.reached = [], []  # contiguous bytes over time
        self._fin = False
        self._follow()

    def offset(self, sequence):
        """Bytes from the first one, for up to 2 GiB on either side of what was reached."""
        base = self.reached[-1] if self.reached else 0
        difference = (sequence - self.first_sequence - base) & 0xFFFFFFFF
        return base + (difference - (1 << 32) if difference >= 1 << 31 else difference)

    def _follow(self):
        reached, beyond, end = 0, [], None
        for part in self.segments:
            begin = self.offset(part.sequence) + (1 if part.flags & SYN else 0)
            if part.flags & FIN:
                end = begin + part.length
            if not part.length:
                continue
            bisect.insort(beyond, (begin, begin + part.length))
            while beyond and beyond[0][0] <= reached:
                reached = max(reached, beyond.pop(0)[1])
            self.times.append(part.time)
            self.reached.append(reached)
        self.length = reached
        self.finished = end is not None and end == reached

    def by(self, instant):
        """How many contiguous bytes had passed by then."""
        index = bisect.bisect_right(self.times, instant)
        return self.reached[index - 1] if index else 0

    def content(self):
        """The stream's bytes; the capture must have whole packets."""
        content = bytearray(self.length)
        for part in self.segments:
            if part.length:
                assert len(part.data) == part.length, "the capture has no whole packets"
                at = (part.sequence - self.first_sequence) & 0xFFFFFFFF
                content[at:at + part.length] = part.data
        return bytes(content)


def streams(found):
    """{(source, destination): Stream} of all connections that begin within the capture."""
    parts = {}
    for segment in found:
        parts.setdefault((segment.source, segment.destination), []).append(segment)
    return {key: Stream(*key, value) for key, value in parts.items()
            if any(s.flags & SYN for s in value)}


class Block:
    """A block header (common/block.h)."""
    REQUEST, RESPONSE, END = 1, 2, 3

    def __init__(self, header):
        (self.type, self.flags, check, self.size, self.response_size, self.sequence, self.sent,
         self.echoed, self.held) = struct.unpack("!BBHIIIqqq", header)
        assert check == 0xF10B, f"no block header: {header.hex()}"


def blocks(content):
    """The blocks of a reassembled stream, after the preamble; it must end with the last one."""
    at, found = PREAMBLE, []
    while at < len(content):
        block = Block(content[at:at + HEADER])
        found.append(block)
        at += block.size
    assert at == len(content), f"the stream of {len(content)} bytes ends within a block"
    return found


# ---- ss

_numbers = re.compile(r"([a-z_]+):(-?[\d.]+)(?:ms)?(?:\([\d.]+%\))?$")


def split_address(text):
    """(host, port) of "10.0.0.1:80" or "[fd77::1]:80"."""
    host, _, port = text.rpartition(":")
    return host.strip("[]").partition("%")[0], int(port)


class SsSample:
    """One run of ss: what it printed of each connection, and when it ran (time.monotonic_ns())."""

    def __init__(self, netns):
        self.before = time.monotonic_ns()
        with inside(netns):
            text = subprocess.run(["ss", "-tinHO"], text=True, capture_output=True,
                                  check=True).stdout
        self.after = time.monotonic_ns()
        self.by_ports = {}
        for line in text.splitlines():
            words = line.split()
            ports = split_address(words[3])[1], split_address(words[4])[1]
            self.by_ports[ports] = _ss_values(words)

    def has_ports(self, own, peer):
        return (own, peer) in self.by_ports

    def of_ports(self, own, peer):
        """The values of the connection with these ports."""
        assert self.has_ports(own, peer), f"ss shows no connection with the ports {own} and {peer}"
        return self.by_ports[own, peer]


def _ss_values(words):
    values = {"state": words[0], "congestion": words[5] if len(words) > 5 else None}
    for name, rate in zip(words, words[1:]):
        if name in ("pacing_rate", "delivery_rate"):
            values[name] = int(rate.removesuffix("bps"))
    for word in words[5:]:
        match = _numbers.match(word)
        if match:
            values[match[1]] = float(match[2]) if "." in match[2] else int(match[2])
            continue
        name, _, value = word.partition(":")
        if name in ("rtt", "retrans", "wscale") and value:
            first, second = value.replace(",", "/").split("/")
            values[name], values[name + "2"] = float(first), float(second)
    return values


class SsWatch:
    """Runs ss again and again, in a thread for each host, until it is stopped."""

    def __init__(self, *namespaces, pause=0.05):
        self.samples = {name: [] for name in namespaces}
        self._stop = threading.Event()
        self._errors = []
        self._threads = [threading.Thread(target=self._run, args=(n, pause), daemon=True)
                         for n in namespaces]
        for thread in self._threads:
            thread.start()

    def _run(self, netns, pause):
        try:
            while not self._stop.wait(pause):
                self.samples[netns].append(SsSample(netns))
        except Exception as error:
            self._errors.append(error)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(20)
        assert not self._errors, self._errors
        return self.samples


# What ss prints of counters, and our name of it. Zero is not printed. Times are in ms there.
SS_COUNTERS = {
    "bytes_sent": "bytes_sent", "bytes_acked": "bytes_acked", "bytes_received": "bytes_received",
    "bytes_retrans": "bytes_retrans", "segs_out": "segs_out", "segs_in": "segs_in",
    "data_segs_out": "data_segs_out", "data_segs_in": "data_segs_in", "retrans2": "total_retrans",
    "delivered": "delivered", "delivered_ce": "delivered_ce", "dsack_dups": "dsack_dups",
    "reord_seen": "reord_seen", "rcv_ooopack": "rcv_ooopack",
}
SS_TIMES = {"busy": "busy_time", "rwnd_limited": "rwnd_limited", "sndbuf_limited": "sndbuf_limited"}
# Gauges: the name at ss, ours, and how many of our unit make one of ss's.
SS_GAUGES = {
    "cwnd": ("cwnd", 1), "ssthresh": ("ssthresh", 1), "mss": ("snd_mss", 1),
    "pmtu": ("pmtu_cookie", 1), "rcvmss": ("rcv_mss", 1), "advmss": ("advmss", 1),
    "wscale": ("snd_wscale", 1), "wscale2": ("rcv_wscale", 1), "rto": ("rto", 1000),
    "rtt": ("srtt", 1000), "rtt2": ("rttvar", 1000), "minrtt": ("min_rtt", 1000),
    "rcv_rtt": ("rcv_rtt", 1000), "rcv_space": ("rcv_space", 1),
    "rcv_ssthresh": ("rcv_ssthresh", 1), "snd_wnd": ("snd_wnd", 1), "ato": ("ato", 1000),
    "unacked": ("unacked", 1), "lost": ("lost", 1), "sacked": ("sacked", 1),
    "retrans": ("retrans", 1), "notsent": ("notsent", 1), "backoff": ("backoff", 1),
    "reordering": ("reordering", 1), "pacing_rate": ("pacing_rate", 1 / 8),
    "delivery_rate": ("delivery_rate", 1 / 8),
}
# That ss leaves out where they are 0, or, of `reordering`, 3. Others it leaves out where there is
# no value, or, of `ssthresh`, where it is large.
SS_UNPRINTED = {"unacked": 0, "lost": 0, "sacked": 0, "retrans": 0, "notsent": 0, "backoff": 0,
                "ato": 0, "reordering": 3}
SS_STATES = {"ESTAB": 1, "FIN-WAIT-1": 4, "FIN-WAIT-2": 5, "CLOSE-WAIT": 8, "LAST-ACK": 9}


def ss_differences(baseline, last, values):
    """Where a report of a connection at rest (a dict by name, with the counters' baseline) and
    what ss says of it differ, in words."""
    found = []

    def same(name, ours, theirs):
        if ours != theirs and (ours is None or theirs is None or
                               abs(ours - theirs) > 1e-5 * abs(theirs)):
            found.append(f"{name}: {ours} reported, {theirs} by ss")

    for theirs, ours in SS_COUNTERS.items():
        same(ours, baseline[ours] + last[ours], values.get(theirs, 0))
    for theirs, ours in SS_TIMES.items():
        same(ours, (baseline[ours] + last[ours]) // 1000, values.get(theirs, 0))
    for theirs, (ours, unit) in SS_GAUGES.items():
        value = last.get(ours)
        shown = values.get(theirs, SS_UNPRINTED.get(theirs))
        if theirs == "ssthresh" and shown is None and (value in (None, "inf") or value >= 0xFFFF):
            continue
        same(ours, None if value is None else value / unit, shown)
    same("tcp_state", last["tcp_state"], SS_STATES[values["state"]])
    return found


def ss_brackets(samples, instants, ports, slack=0):
    """For each instant (monotonic ns) the last values of ss from before it and the first from
    after it, at least `slack` ns away; or None where ss did not run then."""
    for instant in instants:
        before = [s for s in samples if s.after <= instant - slack and s.has_ports(*ports)]
        after = [s for s in samples if s.before >= instant + slack and s.has_ports(*ports)]
        yield (before[-1].of_ports(*ports), after[0].of_ports(*ports)) if before and after \
            else None


# ---- ping


def ping(lab, host, address, count=10, interval=0.1):
    """The round-trip times of pings in ms, sorted."""
    text = lab.run(host, "ping", "-n", "-c", count, "-i", interval, address)
    times = sorted(float(t) for t in re.findall(r"time=([\d.]+) ms", text))
    assert len(times) == count, text
    return times


# ---- a run of flowctl, observed


class Observed:
    """A run of flowctl on h1 with a flow log, and what tcpdump saw of it on other hosts."""

    def __init__(self, lab, *options, hosts="s=h2,d=h3", at=(2, 3), interface="eth0", snaplen=120,
                 status=0, meanwhile=None):
        captures = {host: Capture(lab, host, "tcp and not port 5999", interface, snaplen)
                    for host in at}
        folder = temp_dir()
        host_options = ["-H", hosts] if hosts else []
        process = start_flowctl(*host_options, *options, "-w", netns=lab.ns(1), cwd=folder)
        if meanwhile:
            wait_for(lambda: has_rows(folder), 20, "the first row")
            meanwhile()
        ended = process.wait()
        self.result = expect(Result(ended, process.out, process.err), status)
        self.log = FlowLog(log_in(folder))
        self.start = int(self.log.comment("start_ns")[0].split()[2])  # wall clock, ns
        self.segments = {host: segments(path) for host, path in stop_all(captures).items()}
        self.streams = {host: streams(found) for host, found in self.segments.items()}

    def ends(self, flow):
        """The addresses of source and destination, from what the source says of its socket."""
        values = self.log.begins["S", flow]
        return split_address(values["local"]), split_address(values["peer"])

    def stream(self, flow, sender="S", at=3):
        """What an endpoint sent, as it was seen at a host."""
        ends = self.ends(flow)
        return self.streams[at][ends if sender == "S" else ends[::-1]]

    def first_data(self, flow, sender="S", at=3):
        """When the first byte after the preamble passed, by the wall clock in ns."""
        stream = self.stream(flow, sender, at)
        return next(time for time, reached in zip(stream.times, stream.reached)
                    if reached > PREAMBLE)

    def blocks(self, flow, sender, at=2):
        return blocks(self.stream(flow, sender, at).content())

    def whole(self, end, flow, name):
        """A counter with what came after the measured time."""
        final = self.log.finals[end, flow]
        return final[name] + final[name.replace("_bytes", "") + "_tail"]

    def check_bytes(self, flow, at=3):
        """Asserts that each byte of both directions is counted once, at both ends, in rows and
        tail."""
        for sender, receiver in ("SD", "DS"):
            stream = self.stream(flow, sender, at)
            payload = stream.length - PREAMBLE
            assert stream.finished or not payload, "the stream's end was not captured"
            assert self.whole(sender, flow, "tx_bytes") == payload, (sender, flow, payload)
            assert self.whole(receiver, flow, "rx_bytes") == payload, (receiver, flow, payload)
            for end, column in ((sender, "tx_bytes"), (receiver, "rx_bytes")):
                in_rows = self.log.total(end, column, flow)
                assert in_rows == self.log.finals[end, flow][column], (end, flow, column, in_rows)

    def check_rows(self, flow, count, end_s, end_begin=0.0):
        """Asserts that both ends have so many rows without a gap, up to the end in s."""
        for end in "SD":
            rows = self.log.of(end, flow)
            assert len(rows) == count, f"{len(rows)} rows of {end} {flow}, not {count}"
            for row, following in zip(rows, rows[1:]):
                assert row["end"] == following["begin"], (row["end"], following["begin"])
            assert rows[0]["begin"] == self.log.begins[end, flow]["begin"] >= end_begin
            # A stalled machine may be late; one that drained for nothing would take 5 s.
            assert end_s <= rows[-1]["end"] < end_s + 2, rows[-1]["end"]
            assert self.log.finals[end, flow]["rows_skipped"] == 0


def stop_all(captures):
    """Ends captures (a dict) together; gives their files by the same keys."""
    if captures:
        time.sleep(0.3)
    return {key: capture.stop(settle=0) for key, capture in captures.items()}


def log_in(folder):
    """The flow log that -w wrote there."""
    paths = glob.glob(os.path.join(folder, "flowctl-*.log"))
    assert len(paths) == 1, f"-w wrote {paths}"
    return paths[0]


def has_rows(folder):
    """Whether a run that logs there has written a row."""
    return any(not line.startswith("#") for path in glob.glob(os.path.join(folder, "*.log"))
               for line in open(path, encoding="utf-8"))


def clock_bound(result):
    """How well a run knows the clocks, in ns, from its summary."""
    return float(re.search(r"clocks known to ([\d.]+) ms", result.out)[1]) * 1e6


# ---- the API through Python's XML-RPC client


class _Connection(http.client.HTTPConnection):
    def __init__(self, host, netns):
        super().__init__(host, timeout=60)
        self.netns = netns

    def connect(self):
        with inside(self.netns):
            super().connect()


class _Transport(xmlrpc.client.Transport):
    def __init__(self, netns):
        super().__init__()
        self.netns = netns

    def make_connection(self, host):
        if not self._connection or host != self._connection[0]:
            self._connection = host, _Connection(host, self.netns)
        return self._connection[1]


def proxy(daemon, netns):
    """The API of a daemon, called from within a namespace."""
    return xmlrpc.client.ServerProxy(f"http://{daemon.control}/RPC2", _Transport(netns),
                                     allow_none=True)


def ns(seconds):
    """Nanoseconds as the API takes them from a client that stops at 32 bits."""
    return str(round(seconds * NS))


class ApiRun:
    """Flows between two daemons of a lab, prepared, started and read through the API. Row values
    are by name; what is absent is None."""

    def __init__(self, lab, daemons, flows):
        """`daemons` are (daemon, host number) of source and destination. A flow is a dict of the
        settings `source`, `destination` and `settings`, and may name its hosts."""
        self.lab, self.flows = lab, flows
        self.apis = [proxy(d, lab.ns(1)) for d, _ in daemons]
        self.hosts = [lab.addr(h) for _, h in daemons]
        self.sessions = [api.session.open({"key": f"test-{os.getpid()}-{time.monotonic_ns()}-{i}",
                                           "run": "test", "controller": "test"})["session"]
                         for i, api in enumerate(self.apis)]
        self.columns = [c["name"] for c in self.apis[0].reports.schema({})["columns"]]
        self.after = [0, 0]
        self.rows = [[], []]
        self._prepare()

    def _endpoints(self, letter, links):
        for number, flow in enumerate(self.flows):
            endpoint = {"flow": number, "endpoint": letter,
                        "source": flow.get("source", {}),
                        "destination": flow.get("destination", {}),
                        "settings": flow.get("settings", {}),
                        "host": self.hosts[letter == "d"]}
            if letter == "s":
                endpoint.update(peer_host=self.hosts[1], **links[number])
            yield endpoint

    def _prepare(self):
        answer = self.apis[1].session.prepare({
            "session": self.sessions[1], "key": "d", "endpoints": list(self._endpoints("d", None))})
        links = {d["flow"]: {k: d[k] for k in ("port", "secret", "proof")}
                 for d in answer["destinations"]}
        self.apis[0].session.prepare({
            "session": self.sessions[0], "key": "s", "endpoints": list(self._endpoints("s", links))})
        for api, session in zip(self.apis, self.sessions):
            state = api.session.prepared({"session": session, "wait_ms": 10000})
            assert state["ready"] == state["total"], state

    def start(self, lead=0.3):
        """Starts both ends at one instant: the clock is the same on this machine."""
        self.started = time.monotonic_ns() + round(lead * NS)
        for api, session in zip(self.apis, self.sessions):
            api.session.start({"session": session, "key": "start", "at": str(self.started)})
        return self.started

    def collect(self, seconds=60):
        """Reads reports until both ends have given their last."""
        open_ends, end = {0, 1}, time.monotonic() + seconds
        while open_ends:
            assert time.monotonic() < end, "the reports did not end"
            for i in sorted(open_ends):
                answer = self.apis[i].session.reports({
                    "session": self.sessions[i], "after": str(self.after[i]), "wait_ms": 500,
                    "encoding": "table"})
                for values in answer["table"]:
                    row = dict(zip(self.columns, values))
                    row["sections"] = values[len(self.columns)]
                    self.rows[i].append(row)
                self.after[i] += answer["count"]
                if answer["finished"]:
                    open_ends.discard(i)

    def kind(self, end, kind, flow=0):
        """The rows of a kind (0 interval, 1 final, 2 start) of one endpoint."""
        return [r for r in self.rows[end] if r["kind"] == kind and r["flow"] == flow]

    def close(self):
        for api, session in zip(self.apis, self.sessions):
            api.session.close({"session": session, "key": "close"})
