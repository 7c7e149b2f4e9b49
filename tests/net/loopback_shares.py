#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all sessions of a daemon share: what one takes of it, and what is left for the others."""
import contextlib
import http.client
import os
import re
import socket
import threading
import time
import xmlrpc.client

from flowrig_api import (FAULT_NO_MEMORY, FAULT_POLICY, FAULT_PORTS, FAULT_SYSTEM, FAULT_TOO_MANY, SECOND,
                         Session, agreement, block, destination, expect_fault, preamble, prepare_flows,
                         source)
from flowrig_test import (SANITIZED, Daemon, Skip, at_end, case, expect, flowctl, hosts, long_case, main,
                          need_root, note, temp_dir, wait_for)


def peak_memory(daemon):
    """The most memory that the daemon has had, in MiB."""
    with open(f"/proc/{daemon.popen.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s*(\d+)", file.read()).group(1)) >> 10


def fill(daemon, size, flows=20, key="fill", finished=True, **members):
    """A session with so many bytes of reports that nobody fetches."""
    session = Session(daemon, key=key, run=key, **members)
    prepare_flows(session, session, flows, source=600,
                  settings={"interval": 1000000},
                  source_more={"rate": 8000, "request_size": "C:100"})
    session.start()

    def state():
        return next((one for one in daemon.rpc().flowd.status({})["sessions"] if one["run"] == key), None)

    wait_for(lambda: state()["bytes"] + state().get("spilled", 0) > size or state()["state"] == "failed", 60,
             "the reports")
    if finished:
        session.stop()
        wait_for(lambda: state()["running"] == 0, 150, "the end of the flows")  # a slow build drains long
    return session


@case
def tables():
    """A table takes a bounded amount of memory, whatever is asked for"""
    daemon = Daemon("--report-memory", "64M")
    session = fill(daemon, 4 << 20)
    before = peak_memory(daemon)
    call = {"session": session.id, "encoding": "table", "max_bytes": 16 << 20, "acknowledge": 0}
    answer = daemon.rpc().session.reports(call)
    assert answer["count"] == len(answer["table"]) > 100 and answer["more"], answer["count"]
    grown = peak_memory(daemon) - before
    note(f"{answer['count']} rows, {grown} MiB")
    assert grown < (600 if SANITIZED else 150), grown
    # The next rows follow, so that all can be had.
    after = answer["first"] + answer["count"] - 1
    again = daemon.rpc().session.reports(dict(call, after=after, acknowledge=0))
    assert again["first"] == after + 1 and again["count"] > 100


@case
def answers_of_a_multicall():
    """The answers of a system.multicall have one bound together"""
    daemon = Daemon("--report-memory", "64M")
    session = fill(daemon, 12 << 20)
    before = peak_memory(daemon)
    calls = xmlrpc.client.MultiCall(daemon.rpc())
    for _ in range(16):
        calls.session.reports({"session": session.id, "max_bytes": 16 << 20, "acknowledge": 0})
    answers = calls()
    assert answers[0]["count"] > 0
    try:
        raise AssertionError(answers[15])
    except xmlrpc.client.Fault as found:
        assert found.faultCode == FAULT_NO_MEMORY and "system.multicall" in found.faultString, found
    grown = peak_memory(daemon) - before
    note(f"{grown} MiB")
    assert grown < (600 if SANITIZED else 200), grown
    assert daemon.rpc().session.reports({"session": session.id, "acknowledge": 0})["count"] > 0


@case
def reports_that_nobody_fetches():
    """Report memory that one session has filled is given to others, and the session is told"""
    daemon = Daemon("--report-memory", "2M")
    greedy = fill(daemon, 3 << 20, 4, finished=False, lease_s=300)  # until it has all there is
    wait_for(lambda: greedy.state()[0]["running"] == 0, 30, "the end of its flows")
    state, = greedy.state()
    assert state["state"] == "failed", state
    run = flowctl("-H", hosts(daemon), "-T", "s=1", "-i", "0.01", "-q", "-n", 4)
    expect(run)
    last = greedy.rpc.session.reports({"session": greedy.id})
    assert last["state"] == "failed" and last["lost"] > 1000 and "held most" in last["failure"], last
    assert daemon.running()


def agreed(issued):
    """A source in message mode that the destination has agreed to, with small buffers."""
    peer = socket.socket()
    at_end(peer.close)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.settimeout(60)
    peer.connect(("127.0.0.1", issued["port"]))
    said = preamble(issued["secret"], 40)
    peer.sendall(said)
    assert peer.recv(99) == agreement(issued["proof"], said)
    return peer


def fill_flow_memory(peers, failed):
    """Each of the sources asks for many responses and reads none, then for half as many, as long as the
    destination has memory to remember them; gives how many bytes that took."""
    requests, taken, entry = 1 << 20, 0, 24
    for peer in peers:
        if requests < 4096:
            return taken
        part = b"".join(block(1, 40, response_size=40, sequence=i) for i in range(requests // 32))
        try:
            for _ in range(30):
                peer.sendall(part)
            taken += requests * entry
        except ConnectionError:
            requests //= 2
    raise AssertionError(f"{taken} bytes and more: {failed()}")


@long_case
def queues_and_histograms():
    """What peers can make grow of a session's flows has one bound: responses asked for, times without sense"""
    daemon = Daemon()
    count, odd = 50, 10
    settings = dict(source=600, source_more={"response_size": "C:40", "one_way_delay": True},
                    destination_more={"send_buffer": 4096},
                    settings={"summarize_only": True, "framing": "message"})
    session = Session(daemon, lease_s=300)
    peers = [agreed(one) for one in
             session.prepare(*[destination(i, **settings) for i in range(count + odd)])]
    assert session.prepared()["ready"] == len(peers)
    session.start(in_ms=0)
    before, errors = peak_memory(daemon), {}

    def failed():
        rows = session.reports()
        session.after += len(rows)
        errors.update({row.who[0]: row.sections["error"] for row in rows if row.is_final})
        return errors

    taken = fill_flow_memory(peers[:count], failed)
    grown = peak_memory(daemon) - before
    note(f"{taken >> 20} MiB of responses that were asked for, {grown} MiB of memory")
    assert grown < 900 or SANITIZED, grown  # one session alone may hold 512
    # Times of all magnitudes take a histogram to pieces in all of its memory.
    times = b"".join(block(1, 40, sequence=i, sent=sign * (1 << i)) for i in range(62) for sign in (1, -1))
    for peer in peers[count:]:
        with contextlib.suppress(ConnectionError):
            peer.sendall(times)
    said = r"there is no memory left for queues and histograms of the session's flows, which use \d+ bytes"
    wait_for(lambda: any(flow >= count and re.fullmatch(said, text) for flow, text in failed().items()), 20,
             "that a histogram finds no room")
    assert all(re.fullmatch(said, text) for text in errors.values()), errors
    expect(flowctl("-H", hosts(daemon), "-T", "s=0.3,d=0.3", "-q", "--framing", "message"))


@case
def long_leases():
    """A lease that is longer than five minutes takes a quota, or a daemon that has it"""
    refused = "a lease of 301 s is requested, but at most 300 s are allowed (--user-quota lease=, --lease)"
    daemon = Daemon()
    expect_fault(FAULT_POLICY, refused, daemon.rpc().session.open, {"key": "k", "lease_s": 301})
    assert Session(daemon, lease_s=300).opened["lease_s"] == 300
    assert Session(Daemon("--lease", 3600), lease_s=3600).opened["lease_s"] == 3600


@case
def connections_that_nobody_agrees_to():
    """Sources that reach nobody who agrees are bounded, also over many sessions; other targets are not"""
    daemon = Daemon()
    with socket.socket() as closed:
        closed.bind(("127.0.0.9", 0))  # and does not listen
        issued = {"flow": 0, "port": closed.getsockname()[1], "secret": "0" * 32, "proof": "1" * 32}
        began, taken, refused = time.monotonic(), 0, []
        for number in range(20):
            session = Session(daemon, key=f"try {number}")
            try:
                session.prepare(*[source(issued, i, peer_host="127.0.0.9") for i in range(300)])
                taken += 300
            except xmlrpc.client.Fault as found:
                refused.append(found)
            session.close()
        spent = time.monotonic() - began
    note(f"{taken} connections in {spent:.1f} s")
    assert taken <= 100 + 2 * 300 + 50 * spent and len(refused) > 5, (taken, spent)
    assert refused[-1].faultCode == FAULT_POLICY and "127.0.0.9 can be tried again in" in refused[-1].faultString
    expect(flowctl("-H", hosts(daemon), "-T", "s=0.5", "-q", "-n", 50))


@case
def data_ports():
    """One session takes no more of --data-ports than it leaves; another's run finds some"""
    with socket.create_server(("127.0.0.1", 0)) as free:
        low = free.getsockname()[1] // 20 * 20 - 40
    daemon = Daemon("--data-ports", f"{low}-{low + 9}")
    held = []
    for number in range(3):
        session = Session(daemon, key=f"session {number}")
        for i in range(10):
            try:
                session.prepare(destination(i, destination_more={"receive_buffer": 100000 + 1000 * i}), key=f"d{i}")
            except xmlrpc.client.Fault as found:
                held.append((i, found))
                break
    assert [count for count, _ in held] == [5, 7, 8], held  # the first ones of all are shared
    assert all(found.faultCode == FAULT_PORTS for _, found in held), held
    assert held[0][1].faultString == (
        f"flow 5, destination: this session listens on 5 of the data ports {low} to {low + 9}, and the other 5 are "
        "reserved for others (--data-ports)"), held[0]
    expect(flowctl("-H", hosts(daemon), "-T", "s=0.2", "-q"))


@case
def captures():
    """One session takes no more packet captures than it leaves; another's dump finds one"""
    need_root()
    daemon = Daemon("-w", temp_dir())
    if "pcap" not in daemon.rpc().flowd.describe({})["features"]:
        raise Skip("flowd was built without libpcap")
    session, taken = Session(daemon), 0
    try:
        for taken in range(33):
            session.prepare(destination(taken, destination_more={"dump": True}, settings={"snaplen": 64 + taken}),
                            key=str(taken))
    except xmlrpc.client.Fault as found:
        assert found.faultCode == FAULT_TOO_MANY and "16 of this session" in found.faultString, found
    assert taken == 16, taken
    expect(flowctl("-H", hosts(daemon), "-T", "s=0.2", "-M", "b", "-q"))


@case
def warnings_in_the_log():
    """Sessions whose reports are given up, all at once, fill no log"""
    daemon = Daemon("--retain-size", "64k", level="warning")
    count = 60  # with 4 KiB each
    for number in range(count):
        session = Session(daemon, key=f"left {number}", lease_s=4)
        session.prepare(destination(0, settings={"late_connect": True}), key="d")
        session.prepared()
        session.start(in_ms=0)
    daemon.rpc().flowd.stop_all({})
    wait_for(lambda: len(daemon.rpc().flowd.status({})["sessions"]) <= 16, 60, "that most are dropped")
    lines = daemon.err.count("its reports were not fetched")
    assert 10 <= lines <= 30, (lines, daemon.err)


def asking_in_vain():
    """A daemon whose name server is silent, but knows `known`."""
    need_root()
    etc = temp_dir()
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    at_end(server.close)
    server.bind(("127.0.0.1", 53))
    for name, content in (("resolv.conf", "nameserver 127.0.0.1\n"), ("hosts", "127.0.0.1 localhost known\n")):
        with open(os.path.join(etc, name), "w", encoding="ascii") as file:
            file.write(content)
    mounts = " && ".join(f"mount --bind {etc}/{name} /etc/{name}" for name in ("resolv.conf", "hosts"))
    return Daemon(wrap=["unshare", "-m", "sh", "-c", mounts + ' && exec "$@"', "sh"]), server


def prepare_aside(session, names, result):
    """session.prepare() of destinations at these names, in a thread: when and what it answered."""
    def call():
        began = time.monotonic()
        try:
            found = session.prepare(*[destination(i, host=name) for i, name in enumerate(names)])
        except (xmlrpc.client.Error, OSError, http.client.HTTPException) as error:
            found = error
        result.append((time.monotonic() - began, found))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


@case
def names_that_nobody_answers_for():
    """A thousand names keep nobody else from theirs; the call ends after half the lease, with a sentence"""
    daemon, server = asking_in_vain()
    session, answers = Session(daemon, lease_s=4), []
    asking = prepare_aside(session, [f"n{i}.example" for i in range(1000)], answers)
    server.settimeout(20)
    server.recv(512)  # it does ask
    other = Session(daemon, key="other", lease_s=60)
    assert other.prepare(destination(0, host="known"))[0]["port"]
    assert not answers, answers
    asking.join(40)
    spent, found = answers[0]
    assert isinstance(found, xmlrpc.client.Fault) and found.faultCode == FAULT_SYSTEM, found
    assert re.search(r"the host name 'n0\.example' was not resolved within 2(\.\d+)? s", found.faultString), found
    assert spent >= 1.9, spent


@case
def ending_while_names_are_looked_up():
    """SIGTERM while calls wait for names: they get an answer, and the daemon ends as it always does"""
    daemon, server = asking_in_vain()
    sessions, answers = [Session(daemon, key=f"s{i}", lease_s=60) for i in range(4)], []
    threads = [prepare_aside(session, [f"{i}.example" for i in range(20)], answers) for session in sessions]
    server.settimeout(20)
    server.recv(512)
    time.sleep(0.3)
    assert not answers, answers
    daemon.stop()  # checks the status
    for thread in threads:
        thread.join(30)
    assert len(answers) == 4 and not any(isinstance(found, list) for _, found in answers), answers
    assert max(spent for spent, _ in answers) < 18, "they did not wait until the names were given up"


def failed_connects():
    """How many attempts to connect have failed in this network namespace."""
    with open("/proc/net/snmp", encoding="ascii") as file:
        names, values = (line.split() for line in file if line.startswith("Tcp:"))
    return int(values[names.index("AttemptFails")])


@case
def connections_to_the_other_addresses_of_a_name():
    """A name whose first address refuses and whose second agrees is no way round the bound: the first is left out"""
    need_root()
    etc = temp_dir()
    with open(os.path.join(etc, "hosts"), "w", encoding="ascii") as file:
        file.write("127.0.0.1 localhost many\n127.0.0.8 many\n")
    daemon = Daemon(wrap=["unshare", "-m", "sh", "-c", f'mount --bind {etc}/hosts /etc/hosts && exec "$@"', "sh"])
    before, began, rounds, flows = failed_connects(), time.monotonic(), 8, 200
    for number in range(rounds):
        session = Session(daemon, key=f"round {number}")
        issued = session.prepare(*[destination(i, host="127.0.0.8") for i in range(flows)], key="d")
        session.prepare(*[source(one, peer_host="many") for one in issued], key="s")
        assert session.prepared()["ready"] == 2 * flows
        session.close()
    failed, spent = failed_connects() - before, time.monotonic() - began
    note(f"{failed} of {rounds * flows} connections were refused in {spent:.1f} s")
    assert 0 < failed <= min(100 + 2 * flows + 50 * spent, rounds * flows - 1), (failed, spent)


@case
def connections_that_hang():
    """Connections that nobody answers, with the longest time to connect, keep nobody else's waiting"""
    daemon = Daemon()
    full = socket.socket()
    at_end(full.close)
    full.bind(("0.0.0.0", 0))
    full.listen(0)
    waiting = []
    for _ in range(4):  # its queue is full then, and it answers nobody
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(("127.0.0.1", full.getsockname()[1]))
        at_end(waiting[-1].close)
    session = Session(daemon, lease_s=60)
    settings = {"connect_timeout": str(3600 * SECOND)}
    session.prepare(*[source({"flow": i, "port": full.getsockname()[1], "secret": "1" * 32, "proof": "2" * 32},
                             peer_host=f"127.0.{1 + i // 200}.{1 + i % 200}", settings=settings)
                      for i in range(600)])
    began = time.monotonic()
    for _ in range(2):
        expect(flowctl("-H", hosts(daemon), "-T", "s=0.1", "-n", 2, "-q", timeout=20))
    note(f"{time.monotonic() - began:.1f} s; {session.rpc.session.prepared({'session': session.id})['failed']} refused")


def processor_time(daemon):
    """What the daemon has had of the processors, in seconds."""
    with open(f"/proc/{daemon.popen.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@case
def stopping_many_flows_by_number():
    """Many numbers of flows to stop cost as much with many flows as with one"""
    daemon = Daemon()
    numbers = list(range(100000, 112000)) * 15
    spent = []
    for chunks in (0, 9):
        session = Session(daemon, key=f"{chunks} chunks", lease_s=60)
        session.prepare(destination(99999), key="one")
        for chunk in range(chunks):
            session.prepare(*[destination(2000 * chunk + i) for i in range(2000)], key=f"c{chunk}")
        before = processor_time(daemon)
        for _ in range(3):
            assert session.stop(*numbers) == 0
        spent.append(processor_time(daemon) - before)
        assert session.stop(99999, *range(3)) == (4 if chunks else 1)
    note(f"{spent[0]:.2f} s and {spent[1]:.2f} s")
    assert spent[1] < 1.4 * spent[0] + 0.3, spent


main()
