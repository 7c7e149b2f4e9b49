#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packet dumps over the loopback interface: what is in them against what the flow counted, and what
refuses a run before it starts."""
import http.server
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import xmlrpc.client

from flowrig_api import (FAULT_BAD_CALL, FAULT_GONE, Session, destination, expect_fault,
                         fault, source)
from flowrig_lab import FIN, PREAMBLE, RST, SYN, payload, segments
from flowrig_test import (Daemon, FlowLog, Skip, at_end, case, expect, flowctl, hosts, main,
                          need_program, need_root, run_logged, start_flowctl, temp_dir, wait_for)


def has_pcap(daemon):
    return "pcap" in daemon.rpc().flowd.describe({})["features"]


def dumping(*options):
    """A daemon with a directory for dumps, and that directory."""
    need_root()
    folder = temp_dir()
    daemon = Daemon("-w", folder, *options)
    if not has_pcap(daemon):
        raise Skip("flowd was built without libpcap")
    return daemon, folder


def magic(path):
    with open(path, "rb") as file:
        return struct.unpack("=I", file.read(4))[0]


def shown(result, flow, end):
    """(file, packets, dropped) of the summary."""
    line = next(line for line in result.out.splitlines()
                if re.match(rf"# ID +{flow} {end}:", line))
    found = re.search(r"dump = (\S+) \((\d+) packets, (\d+) dropped\)", line)
    assert found, line
    return found[1], int(found[2]), int(found[3])


def refused(result, *texts):
    expect(result, 2)
    lines = result.err.strip().splitlines()
    assert len(lines) == 1, result.err
    for text in texts:
        assert text in lines[0], (text, lines[0])
    assert not result.rows


@case
def every_byte_is_there():
    """Dumps of both ends hold every byte that the flow counted, from SYN to FIN"""
    one, folder = dumping()
    result, log = run_logged("-H", hosts(one), "-n", 3, "-M", "b", "-e", "mine-", "-T", "s=1",
                             "-R", "s=20Mbit", "-i", "0.5", "-F", 1, "-T", "s=1,d=1", "-R",
                             "d=10Mbit")
    names = set()
    for flow in range(3):
        for end in "SD":
            name, packets, dropped = shown(result, flow, end)
            names.add(name)
            assert re.fullmatch(rf"mine-[0-9a-f]{{8}}-{flow}-{end.lower()}-127\.0\.0\.1\.pcap",
                                name), name
            path = os.path.join(folder, name)
            assert magic(path) == 0xA1B23C4D
            found = segments(path)
            final = log.finals[end, flow]
            assert len(found) == packets == final["dump_packets"] > 10
            assert dropped == final["dump_dropped"] == 0
            port = found[0].destination[1]
            assert found[0].flags & 0x3F == SYN
            assert len({s.source for s in found}) == 2, "another connection is in the dump"
            assert {s.source[1] == port for s in found if s.flags & FIN} == {True, False}
            out, back = log.finals["S", flow], log.finals["D", flow]
            assert payload(found, port) == out["tx_bytes"] + out["tx_tail"] + PREAMBLE
            source = found[0].source[1]
            assert payload(found, source) == back["tx_bytes"] + back["tx_tail"] + PREAMBLE
    assert set(os.listdir(folder)) == names


@case
def only_what_is_asked_for():
    """-F 1 -M s dumps flow 1 at its source; the others share no port with it, and no file"""
    one, folder = dumping()
    result, _ = run_logged("-H", hosts(one), "-n", 3, "-T", "s=0.3", "-R", "s=10Mbit", "-F", 1,
                           "-M", "s")
    name = shown(result, 1, "S")[0]
    assert os.listdir(folder) == [name] and "-1-s-" in name
    assert result.out.count("dump = ") == 1


@case
def late_connections():
    """With -L the dump begins with the SYN, too, however fast the flow is at once"""
    one, folder = dumping()
    result, log = run_logged("-H", hosts(one), "-L", "-Y", "s=0.2", "-M", "b", "-T", "s=0.3",
                             "--snaplen", 64)
    for end in "SD":
        name, packets, dropped = shown(result, 0, end)
        found = segments(os.path.join(folder, name))
        assert found[0].flags & 0x3F == SYN and len(found) == packets
        if not dropped:
            final = log.finals["S", 0]
            assert (payload(found, found[0].destination[1]) ==
                    final["tx_bytes"] + final["tx_tail"] + PREAMBLE)


@case
def snaplen():
    """--snaplen bounds what is kept of a packet, not what is said of its length"""
    one, folder = dumping()
    for given, kept in ((None, 128), (200, 200)):
        options = ["--snaplen", given] if given else []
        result, _ = run_logged("-H", hosts(one), "-M", "d", "-T", "s=0.2", "-R", "s=10Mbit",
                               *options)
        with open(os.path.join(folder, shown(result, 0, "D")[0]), "rb") as file:
            content = file.read()
        assert struct.unpack_from("=I", content, 16)[0] == kept
        at, longest, largest = 24, 0, 0
        while at < len(content):
            _, _, stored, length = struct.unpack_from("=IIII", content, at)
            longest, largest = max(longest, stored), max(largest, length)
            at += 16 + stored
        assert at == len(content), "the file ends within a packet"
        assert longest == kept and largest > 8192, (longest, largest)


def stamps(path):
    """The times of a file's packets as tcpdump prints them."""
    done = subprocess.run(["tcpdump", "-n", "-tt", "-r", path], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in done.stdout.splitlines()]


@case
def microseconds():
    """--dump-us writes the pcap format that every program reads; tcpdump reads the same times in it"""
    need_program("tcpdump")
    one, folder = dumping()
    for options, expected, unit in ((["--dump-us"], 0xA1B2C3D4, 1000), ([], 0xA1B23C4D, 1)):
        began = time.time()
        result, _ = run_logged("-H", hosts(one), "-M", "s", "-T", "s=0.2", "-R", "s=10Mbit", *options)
        path = os.path.join(folder, shown(result, 0, "S")[0])
        assert magic(path) == expected
        ours, theirs = [s.time for s in segments(path)], stamps(path)
        assert [t // 1000 for t in ours] == [int(t.replace(".", "")) for t in theirs]
        assert all(began * 1e9 <= t < time.time() * 1e9 for t in ours), "the times are not the run's"
        assert any(t % 1000 for t in ours) == (unit == 1)


@case
def full():
    """A dump that reaches its size ends with a note, the flow goes on"""
    one, folder = dumping("--dump-file-size", "64k")
    result, log = run_logged("-H", hosts(one), "-M", "s", "-T", "s=1", "-A", "s", "-S", "s=1000",
                             "-R", "s=40Mbit", status=2)
    assert result.err == ("flowctl: the dump of flow 0, source, is incomplete: the dump ends early: it has "
                          "reached the 65536 bytes that are allowed for a file there (--dump-file-size)\n")
    name, packets, dropped = shown(result, 0, "S")
    assert "--dump-file-size" in result.out and ", failed = 0," in result.out
    assert 60000 < os.path.getsize(os.path.join(folder, name)) <= 65536
    assert packets == len(segments(os.path.join(folder, name))) and dropped > 0
    assert log.finals["D", 0]["rx_bytes"] > 10**6


@case
def without_privilege():
    """Without CAP_NET_RAW, one sentence names the capability before the run starts"""
    need_root()
    need_program("setpriv")
    folder = temp_dir()
    daemon = Daemon("-w", folder, wrap=("setpriv", "--bounding-set", "-net_raw",
                                        "--inh-caps", "-net_raw"))
    if not has_pcap(daemon):
        raise Skip("flowd was built without libpcap")
    for end in "sd":
        refused(flowctl("-H", hosts(daemon), "-M", end, "-T", "s=1"), "CAP_NET_RAW", "flow 0, ")
    assert os.listdir(folder) == [] and daemon.rpc().flowd.status({})["flows"] == 0
    expect(flowctl("-H", hosts(daemon), "-T", "s=0.1", "-q"))


@case
def without_directory():
    """Without a directory, one sentence names the option"""
    refused(flowctl("-H", hosts(Daemon()), "-M", "s", "-T", "s=1"), "--dump-dir", "flow 0, source")


@case
def without_library():
    """Built without libpcap, one sentence says so"""
    daemon = Daemon("-w", temp_dir())
    if has_pcap(daemon):
        raise Skip("flowd was built with libpcap")
    refused(flowctl("-H", hosts(daemon), "-M", "s", "-T", "s=1"), "libpcap")


@case
def a_peer_that_dies():
    """The dump of a flow that fails is closed, and its final report says what is in it"""
    one, folder = dumping()
    two = Daemon()
    path = os.path.join(temp_dir(), "flow.log")
    process = start_flowctl("-H", hosts(one, two), "-M", "s", "-T", "s=60", "-R", "s=10Mbit", "-i",
                            "0.1", f"--log-file={path}")
    wait_for(lambda: process.out.count("\nS ") > 3, 20, "rows")
    two.kill_hard()
    assert process.wait(60) == 2
    name, packets, _ = shown(process, 0, "S")
    found = segments(os.path.join(folder, name))
    assert len(found) == packets == FlowLog(path).finals["S", 0]["dump_packets"] > 10
    assert found[0].flags & 0x3F == SYN and any(s.flags & RST for s in found)


@case
def interrupted():
    """Ctrl-C: the dump ends with the flow, its FINs included"""
    one, folder = dumping()
    process = start_flowctl("-H", hosts(one), "-M", "b", "-T", "s=60", "-R", "s=10Mbit",
                            "-i", "0.1")
    wait_for(lambda: process.out.count("\nS ") > 3, 20, "rows")
    process.signal(signal.SIGINT)
    assert process.wait(60) == 130
    for end in "SD":
        name, packets, dropped = shown(process, 0, end)
        found = segments(os.path.join(folder, name))
        assert len(found) == packets and dropped == 0
        assert len({s.source for s in found if s.flags & FIN}) == 2


@case
def a_daemon_that_ends():
    """A daemon that is told to end closes the dumps of its flows: they hold whole packets"""
    one, folder = dumping()
    process = start_flowctl("-H", hosts(one), "-M", "b", "-T", "s=60", "-R", "s=10Mbit",
                            "-i", "0.1")
    wait_for(lambda: process.out.count("\nS ") > 3, 20, "rows")
    one.stop()
    process.wait(60)
    assert len(os.listdir(folder)) == 2
    for name in os.listdir(folder):
        found = segments(os.path.join(folder, name))
        assert found[0].flags & 0x3F == SYN and found[-1].data is not None and len(found) > 10


@case
def prefixes_that_lead_away():
    """A prefix that is no plain name is refused, by flowctl and by the daemon"""
    for prefix in ("../x", "a/b", ".x", "/tmp/x", "..", "a b"):
        result = expect(flowctl("-M", "s", "-e", prefix, "--dry-run"), 1)
        assert "-e" in result.err and len(result.err.strip().splitlines()) == 1, result.err
    daemon, folder = dumping()
    for prefix in ("../x", "a/b", ".x"):
        session = Session(daemon)
        endpoint = destination(0)
        endpoint["source"] = {"duration": "1000000000"}
        endpoint["destination"] = {"dump": True}
        endpoint["settings"] = {"dump_prefix": prefix}
        expect_fault(FAULT_BAD_CALL, "~flow 0, destination: the dump prefix", session.prepare, endpoint)
    assert os.listdir(folder) == []


@case
def nothing_stays_of_a_run_that_was_not():
    """Dumps of a run that fails to be prepared are removed"""
    one, folder = dumping()
    two = Daemon()
    refused(flowctl("-H", hosts(two, one), "-n", 20, "-M", "b", "-T", "s=1"), "--dump-dir")
    expect(flowctl("-H", hosts(one), "-T", "s=0.1", "-q"))
    assert os.listdir(folder) == []


@case
def many_flows():
    """200 flows with dumps at both ends share captures: each file has its own connection"""
    one, folder = dumping()
    result, log = run_logged("-H", hosts(one), "-n", 200, "-M", "b", "-T", "s=1", "-R",
                             "s=100kbit", "-S", "s=1000", "-q")
    ports = set()
    for flow in range(200):
        for end in "SD":
            name = next(n for n in os.listdir(folder) if f"-{flow}-{end.lower()}-" in n)
            found = segments(os.path.join(folder, name))
            assert len(found) == log.finals[end, flow]["dump_packets"]
            assert len({frozenset((s.source, s.destination)) for s in found}) == 1
            ports.add((found[0].source[1], end))
    assert len(ports) == 400 and len(os.listdir(folder)) == 400
    assert result.status == 0
    threads = os.listdir(f"/proc/{one.pid}/task")
    assert len(threads) < 40, f"{len(threads)} threads"


@case
def captures_end():
    """After a run no capture and no thread of it stays"""
    one, folder = dumping()
    expect(flowctl("-H", hosts(one), "-T", "s=0.1", "-q"))
    before = len(os.listdir(f"/proc/{one.pid}/task")), len(os.listdir(f"/proc/{one.pid}/fd"))
    for _ in range(5):
        expect(flowctl("-H", hosts(one), "-M", "b", "-T", "s=0.1", "-q"))
    assert len(os.listdir(folder)) == 10
    # What has ended is freed with the next one: one capture may be left.
    after = len(os.listdir(f"/proc/{one.pid}/task")), len(os.listdir(f"/proc/{one.pid}/fd"))
    assert after[0] <= before[0] + 1 and after[1] <= before[1] + 6, (before, after)


@case
def private_daemons():
    """The dumps of private daemons lie in the working directory"""
    dumping()
    folder = temp_dir()
    result = expect(flowctl("--embedded", "-M", "b", "-T", "s=0.2", "-R", "s=10Mbit", cwd=folder))
    assert {shown(result, 0, end)[0] for end in "SD"} == set(os.listdir(folder))


@case
def any_interface():
    """A destination that is not told where its peer is captures on all interfaces: the same packets"""
    one, folder = dumping()
    session = Session(one)
    settings = {"source": {"duration": str(3 * 10**8), "rate": 10**7}, "destination": {"dump": True}}
    issued, = session.prepare({**destination(0), **settings}, key="d")
    session.prepare({**source(issued), **settings, "source": {**settings["source"], "dump": True}},
                    key="s")
    assert not session.prepared()["failed"]
    session.start()
    finals = {row.who[1]: row for row in session.collect() if row.is_final}
    session.close()
    link = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            link[re.search(r"-0-([sd])-", name)[1]] = struct.unpack_from("=I", file.read(), 20)[0]
    assert link["s"] == 1 and link["d"] in (113, 276), link
    assert finals["s"]["dump_packets"] == finals["d"]["dump_packets"] > 10


# ---- fetching


def content(folder):
    found = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


@case
def fetched():
    """fetch-dumps brings the same bytes, of several daemons, of one run or of all"""
    one, folder = dumping()
    two, other = dumping()
    runs = []
    for _ in range(2):
        result = expect(flowctl("-H", hosts(one, two), "-n", 2, "-M", "b", "-T", "s=1", "-c",
                                "interval", "-R", "s=80Mbit", "--snaplen", 65535))
        runs.append(re.match(r"flowrig-(\w+)-", shown(result, 0, "S")[0])[1])
    everything = {**content(folder), **content(other)}
    assert len(everything) == 8
    # Larger than what one call brings.
    assert max(map(len, everything.values())) > 2 * (4 << 20)
    for run in (None, *runs):
        here = temp_dir()
        options = ["--run", run] if run else []
        result = expect(flowctl("fetch-dumps", *options, "-o", here, one.control, two.control))
        expected = {name: data for name, data in everything.items() if not run or run in name}
        assert content(here) == expected and len(expected) == (4 if run else 8)
        assert set(re.findall(r": (\S+) \(\d+ B\)", result.out)) == set(expected)
    assert {**content(folder), **content(other)} == everything


@case
def earlier_files():
    """What was in the directory before is nobody's: it is not listed, not read, and counts"""
    folder = temp_dir()
    with open(os.path.join(folder, "earlier-0-s-x.pcap"), "wb") as file:
        file.write(b"private")
    one = Daemon("-w", folder, "--dump-files", 2)
    expect(flowctl("-H", hosts(one), "-M", "s", "-T", "s=0.2", "-q"))
    listed = one.rpc().dumps.list({})["dumps"]
    assert len(listed) == 1 and listed[0]["name"] != "earlier-0-s-x.pcap", listed
    expect_fault(FAULT_GONE, "~can't be read: No such file", one.rpc().dumps.read,
                 {"name": "earlier-0-s-x.pcap"})
    result = expect(flowctl("-H", hosts(one), "-M", "s", "-T", "s=0.2", "-q"), 2)
    assert "there are 2 packet dumps in the directory of this flowd, which is the limit " \
        "(--dump-files)" in result.err, result.err
    assert len(os.listdir(folder)) == 2


@case
def fetched_before():
    """A file that is here already is left alone, and so is what a link points to"""
    one, folder = dumping()
    expect(flowctl("-H", hosts(one), "-M", "b", "-T", "s=0.2", "-q"))
    first, second = sorted(os.listdir(folder))
    here = temp_dir()
    victim = os.path.join(temp_dir(), "victim")
    with open(os.path.join(here, first), "wb") as file:
        file.write(b"mine")
    os.symlink(victim, os.path.join(here, second))
    result = expect(flowctl("fetch-dumps", one.control, cwd=here), 2)
    assert result.err.count("already exists") == 2 and not os.path.exists(victim)
    with open(os.path.join(here, first), "rb") as file:
        assert file.read() == b"mine"


@case
def nothing_to_fetch():
    """No dumps, no directory, no daemon, no host: each has its sentence and status"""
    one, _ = dumping()
    assert "no dumps" in expect(flowctl("fetch-dumps", one.control)).out
    result = expect(flowctl("fetch-dumps", "--run", "x", one.control), 2)
    assert "no dumps of run x" in result.out
    assert result.err == "flowctl: fetch-dumps: no host has dumps of run x\n", result.err
    assert "--dump-dir" in expect(flowctl("fetch-dumps", Daemon().control), 2).err
    assert "no flowd can be reached" in expect(flowctl("fetch-dumps", "127.0.0.1:1"), 3).err
    assert "missing argument" in expect(flowctl("fetch-dumps"), 1).err
    assert "-o" in expect(flowctl("fetch-dumps", "-o", "/nowhere", one.control), 1).err


class Liar(http.server.BaseHTTPRequestHandler):
    """A daemon that gives bad names and more than it has listed."""
    names, size, data = [], 4, b"x"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        _, method = xmlrpc.client.loads(body)
        answer = {"data": self.data, "size": self.size} if method == "dumps.read" else {
            "dumps": [{"name": n, "size": self.size, "modified": 0} for n in self.names],
            "more": False}
        text = xmlrpc.client.dumps((answer,), methodresponse=True).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@case
def lying_daemons():
    """Names from a daemon that lead away are refused, and so is more than was announced"""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at_end(server.shutdown)
    control = f"127.0.0.1:{server.server_port}"
    outside = temp_dir()
    here = os.path.join(outside, "here")
    os.mkdir(here)
    Liar.names = sorted(["../x.pcap", "/tmp/x.pcap", ".x.pcap", "x", "a/b.pcap"])
    result = expect(flowctl("fetch-dumps", "-o", here, control), 2)
    assert result.err.count("an invalid name or size") == 5, result.err
    assert os.listdir(here) == [] and os.listdir(outside) == ["here"]
    Liar.names = ["x.pcap"]
    for Liar.data in (b"", b"12345"):
        result = expect(flowctl("fetch-dumps", "-o", here, control), 2)
        assert "changed while it was fetched" in result.err, result.err
        assert os.listdir(here) == []


@case
def api():
    """dumps.list goes on behind a name; dumps.read gives any part, and refuses what is no name"""
    one, folder = dumping()
    expect(flowctl("-H", hosts(one), "-n", 3, "-M", "b", "-T", "s=0.2", "-R", "s=10Mbit", "-q"))
    dumps = one.rpc().dumps
    listed = dumps.list({})
    names = [entry["name"] for entry in listed["dumps"]]
    assert names == sorted(os.listdir(folder)) and len(names) == 6 and not listed["more"]
    assert [e["name"] for e in dumps.list({"after": names[3]})["dumps"]] == names[4:]
    whole = content(folder)[names[0]]
    assert listed["dumps"][0]["size"] == len(whole)
    for offset, length in ((0, 10), (7, 1), (len(whole) - 3, 100), (len(whole), 5), (2**40, 5)):
        part = dumps.read({"name": names[0], "offset": str(offset), "max_bytes": length})
        assert part["data"].data == whole[offset:offset + length] and part["size"] == len(whole)
    for name in ("../x.pcap", "/etc/passwd", "", ".pcap", "x", names[0] + "/", "a/b.pcap"):
        expect_fault(FAULT_BAD_CALL, "~is not the name of a dump", dumps.read, {"name": name})
    expect_fault(FAULT_GONE, "~can't be read", dumps.read, {"name": "x.pcap"})
    for bad in ({"offset": -1}, {"max_bytes": 0}, {"max_bytes": 2**23}):
        fault(dumps.read, {"name": names[0], **bad})


@case
def machines_that_have_not_agreed():
    """What a machine says that has not agreed to a flow is nobody's to read, and is removed"""
    daemon, folder = dumping()
    session = Session(daemon)
    with socket.create_server(("127.0.0.1", 0)) as server:
        issued = {"flow": 0, "port": server.getsockname()[1], "secret": "01" * 16, "proof": "02" * 16}
        session.prepare(source(issued, source=1, source_more={"dump": True}))
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"220 a secret banner\r\n")
            peer.recv(1000)
            name, = os.listdir(folder)
            assert daemon.rpc().dumps.list({})["dumps"] == []
            expect_fault(FAULT_GONE, "~can't be read", daemon.rpc().dumps.read, {"name": name})
            peer.sendall(b"220 a secret banner\r\n")  # a whole answer, and not an agreement
        assert session.prepared()["failed"] == 1
    expect_fault(FAULT_GONE, "~can't be read", daemon.rpc().dumps.read, {"name": name})
    session.close()
    wait_for(lambda: os.listdir(folder) == [], 20, "that the dump is removed")


main()
