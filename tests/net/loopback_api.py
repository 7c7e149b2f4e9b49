#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API, as Python's stock client uses it."""
import re
import threading
import time
import xmlrpc.client

from flowrig_api import (FAULT_BAD_CALL, FAULT_BAD_STATE, FAULT_CONGESTION, FAULT_CONNECT,
                         FAULT_GONE, FAULT_PORTS, FAULT_TOO_MANY, SECOND, Session, columns_of,
                         destination, ends, expect_fault, fault, prepare_flows, seconds, source,
                         unpack)
from flowrig_test import SANITIZED, Daemon, case, main, wait_for

METHODS = ["dumps.list", "dumps.read", "flowd.clock", "flowd.describe", "flowd.status",
           "flowd.stop_all", "reports.schema", "session.close", "session.open", "session.prepare",
           "session.prepared", "session.renew", "session.reports", "session.start", "session.stop"]
# What is there for the asking: enough for a few words, no more.
UNKNOWN = "~unknown member 'nonsense'"


@case
def introspection():
    """system.listMethods, methodSignature and methodHelp know every method"""
    rpc = Daemon().rpc()
    listed = rpc.system.listMethods()
    assert sorted(m for m in listed if not m.startswith("system.")) == METHODS, listed
    for method in METHODS:
        assert ["struct", "struct"] in rpc.system.methodSignature(method), method
        text = rpc.system.methodHelp(method)
        assert re.match(r"[A-Z][^\n]+\.\nTakes one struct:\n", text) and "\nReturns one struct:\n" in text
        assert rpc.system.methodExist(method)
    assert not rpc.system.methodExist("flowd.nonsense")
    assert rpc.system.methodSignature("system.multicall") == [["array", "array"]]
    expect_fault(-506, "there is no method 'flowd.nonsense'", rpc.system.methodHelp, "flowd.nonsense")
    expect_fault(-506, "there is no method 'flowd.nonsense'", rpc.flowd.nonsense)
    expect_fault(FAULT_BAD_CALL, "expected the name of a method, and nothing else", rpc.system.methodHelp)
    text = rpc.system.methodHelp("session.prepare")
    for member in ("session", "key", "endpoints", "duration", "congestion_control", "secret"):
        assert re.search(rf"^ +{member} \([a-z0-9, ]+\): \S", text, re.M), member


@case
def what_it_says_is_what_it_takes():
    """Every member that methodHelp names is known to the method"""
    rpc = Daemon().rpc()
    for method in METHODS:
        takes = re.search(r"\nTakes one struct:\n(.*)Returns one struct:", rpc.system.methodHelp(method),
                          re.S)[1]
        members = re.findall(r"^  (\w+) ", takes, re.M)
        found = fault(getattr(rpc, method), {"nonsense": 1})
        assert found.faultCode == FAULT_BAD_CALL, found
        said = re.fullmatch(rf"{re.escape(method)}: unknown member 'nonsense'; "
                            r"(?:there are (.*)|none is allowed)", found.faultString)
        assert said, found.faultString
        assert (said[1].split(", ") if said[1] else []) == members, (found.faultString, members)


@case
def describe():
    """flowd.describe: what the daemon is, can do, and is bounded by"""
    daemon = Daemon("--max-flows", 77, "--max-sessions", 5, "--lease", 20, "--retain", 30,
                    "--report-memory", "1M", "--data-ports", "40000-40010", "--workers", 3)
    answer = daemon.rpc().flowd.describe({})
    assert answer["product"] == "flowrig" and answer["api"] == 1 and answer["os"] == "Linux"
    assert re.fullmatch(r"[0-9a-f]{32}", answer["daemon_id"])
    assert re.fullmatch(r"[0-9a-f]{32}", answer["boot_id"]) and answer["boot_id"] != answer["daemon_id"]
    assert answer["workers"] == 3 and answer["cpus"] >= 1 and "tcp" in answer["features"]
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as file:
        assert answer["congestion_controls"][0] == file.read().strip()
    limits = answer["limits"]
    for name, value in (("flows", 0), ("sessions", 0), ("lease_s", 20), ("data_ports_low", 40000),
                        ("data_ports_high", 40010)):
        assert limits[name] == value, (name, limits[name])
    assert 0 < limits["open_files_used"] < limits["open_files"] and limits["ports"] > 0
    # Those that are in force, and no others.
    assert answer["quotas"] == {"max_flows": 77, "max_sessions": 5, "retain_s": 30,
                                "report_memory": 1 << 20, "retain_size": 128 << 20}


@case
def clock():
    """flowd.clock: the monotonic clock at receipt and reply, and the wall clock, in ns"""
    rpc = Daemon().rpc()
    for _ in range(5):
        before, wall = time.clock_gettime_ns(time.CLOCK_MONOTONIC), time.time_ns()
        answer = rpc.flowd.clock({})
        after, wall_after = time.clock_gettime_ns(time.CLOCK_MONOTONIC), time.time_ns()
        assert before < answer["received"] <= answer["sent"] < after, (before, answer, after)
        assert wall < answer["wall"] < wall_after, (wall, answer, wall_after)


@case
def no_parameter():
    """A method without parameters stands for an empty struct; two parameters are refused"""
    rpc = Daemon().rpc()
    assert rpc.flowd.describe()["api"] == 1
    found = fault(rpc.flowd.describe, {}, {})
    assert found.faultCode != 0
    expect_fault(FAULT_BAD_CALL, "flowd.describe: a struct is expected", rpc.flowd.describe, 3)
    expect_fault(FAULT_BAD_CALL, "flowd.describe: a struct is expected", rpc.flowd.describe, ["a"])


@case
def schema():
    """reports.schema describes each column once, or gives the names only"""
    rpc = Daemon().rpc()
    answer = rpc.reports.schema({})
    names = [column["name"] for column in answer["columns"]]
    assert names[:7] == ["flow", "endpoint", "subflow", "kind", "number", "begin", "end"], names[:7]
    assert len(set(names)) == len(names)
    for name, unit, kind in (("tx_bytes", "B", "counter"), ("srtt", "us", "gauge"),
                             ("rtt_count", "1", "count"), ("rtt_min", "ns", "min"),
                             ("rtt_sum", "ns", "sum"), ("connect_time", "ns", "final"),
                             ("begin", "ns", "key")):
        column = answer["columns"][names.index(name)]
        assert (column["unit"], column["kind"]) == (unit, kind), column
        assert column["help"]
    assert "little-endian" in answer["packed"] and "error" in answer["sections"]
    assert rpc.reports.schema() == answer
    assert rpc.reports.schema({"names_only": True})["columns"] == [{"name": name} for name in names]


@case
def one_flow():
    """A whole run, with an absolute start as a decimal string, told row by row"""
    source_daemon, destination_daemon = Daemon(), Daemon()
    s, d = Session(source_daemon, run="test run"), Session(destination_daemon)
    assert re.fullmatch(r"[0-9a-f]{32}", s.id) and s.opened["lease_s"] == 15
    assert s.opened["boot_id"] == s.rpc.flowd.describe({})["boot_id"]
    issued = prepare_flows(s, d, source=0.5, settings={"interval": 100000000})
    assert [one["flow"] for one in issued] == [0]
    assert re.fullmatch(r"[0-9a-f]{32}", issued[0]["secret"]) and issued[0]["proof"] != issued[0]["secret"]
    instant = s.rpc.flowd.clock({})["sent"] + SECOND // 4  # one machine, one clock
    for session in (s, d):
        answer = session.start(at=str(instant))
        assert answer["at"] == instant and answer["now"] < instant
    for session in (s, d):
        session.collect()
    for session, end in ((s, "s"), (d, "d")):
        assert {row.who for row in session.rows} == {(0, end)}
        assert [row["number"] for row in session.rows] == list(range(7))
        kinds = [row["kind"] for row in session.rows]
        assert kinds == [2, 0, 0, 0, 0, 0, 1], kinds
        start, intervals, final = session.rows[0], session.rows[1:6], session.rows[6]
        assert 0 <= start["begin"] == start["end"] < SECOND
        assert "congestion_control=" in start.sections["info"]
        for number, (before, row) in enumerate(zip([start] + intervals, intervals), 1):
            assert row["begin"] == before["end"] and row["end"] >= number * 100000000
        assert final["begin"] == start["begin"] and final["end"] >= intervals[-1]["end"]
        assert "error" not in final.sections
        counted = final["tx_bytes" if end == "s" else "rx_bytes"]
        assert counted > 0 and counted == intervals[-1]["tx_bytes" if end == "s" else "rx_bytes"]
    sent = s.rows[-1]["tx_bytes"] + s.rows[-1]["tx_tail"]
    assert sent == d.rows[-1]["rx_bytes"] + d.rows[-1]["rx_tail"], "what was sent has arrived"
    assert s.last["state"] == d.last["state"] == "ended"
    for session in (s, d):
        assert 0 < session.close() <= 7, "the last rows were never acknowledged"
        expect_fault(FAULT_GONE, "~there is no such session", session.rpc.session.renew,
                     {"session": session.id})


@case
def encodings():
    """Table and packed rows hold the same, decoded independently"""
    daemon = Daemon()
    s = Session(daemon)
    prepare_flows(s, s, 2, source=0.4, destination=0.2, source_more={"response_size": "C:40"},
                  settings={"interval": 50000000})
    s.start()
    wait_for(lambda: s.reports(wait_ms=1000) and s.last.get("finished"), 30, "the end")
    packed = s.reports()
    table = s.reports(encoding="table")
    assert s.last.get("rows") is None, "the table comes instead of packed rows"
    assert len(packed) == len(table) == 4 * (8 + 2), len(packed)
    for one, other in zip(packed, table):
        assert one == other, {k: (one[k], other[k]) for k in one if one[k] != other[k]}
        assert one.sections == other.sections
    assert {"info", "rtt_histogram", "iat_histogram", "hold_histogram"} == {
        name for row in table for name in row.sections}
    assert any(value is None for value in table[0].values())
    expect_fault(FAULT_BAD_CALL, "session.reports: encoding: 'nonsense' is not one of packed, table",
                 s.rpc.session.reports, {"session": s.id, "encoding": "nonsense"})


@case
def acknowledgement():
    """Rows can be read again until they are acknowledged, and not after that"""
    daemon = Daemon()
    s = Session(daemon)
    prepare_flows(s, s, source=0.5, settings={"interval": 20000000})
    s.start()
    wait_for(lambda: s.reports(wait_ms=1000) and s.last.get("finished"), 30, "the end")
    every = s.reports(after=0)
    assert len(every) == 2 * 27 and s.last["first"] == 1, len(every)
    assert s.reports(after=0) == every, "unacknowledged rows stay"
    held = lambda: s.rpc.flowd.status({})["sessions"][0]["rows"]
    assert held() == 54
    assert s.reports(after=10) == every[10:] and s.last["first"] == 11
    assert held() == 44
    assert s.reports(after=3) == every[10:] and s.last["first"] == 11, "what is given up is gone"
    # Small replies: rows in order, each once, and `more` until the last.
    got, after = [], 10
    while True:
        rows = s.reports(after=after, max_bytes=700)
        got += rows
        after += len(rows)
        assert 1 <= len(rows) <= 3 and bool(s.last.get("more")) == (after < 54)
        assert bool(s.last.get("finished")) == (after == 54)
        if after == 54:
            break
    assert got == every[10:]
    assert s.reports(after=53, max_bytes=1) == every[53:], "one row is always given"
    assert s.reports(after=54) == [] and s.last["finished"]
    assert s.reports(after="9223372036854775807") == [] and held() == 0
    assert s.close() == 0


@case
def release():
    """With `release` the flows go with the answer that has the last row, the reports stay, and others have room"""
    daemon = Daemon("--max-flows", 2)
    s, other = Session(daemon), Session(daemon, key="other")
    prepare_flows(s, s, source=0.3)
    s.start()
    flows = lambda: s.rpc.flowd.status({})["flows"]
    call = {"session": s.id, "wait_ms": 1000, "release": True, "acknowledge": 0}
    assert not s.rpc.session.reports(call).get("finished") and flows() == 2
    wait_for(lambda: s.reports(wait_ms=1000, after=0) and s.last.get("finished"), 30, "the end")
    every = s.reports(after=0)
    assert flows() == 2, "without `release` they stay"
    expect_fault(FAULT_TOO_MANY, "~--max-flows", prepare_flows, other, other)
    for _ in range(2):  # as a controller repeats a call whose answer was lost
        last = s.rpc.session.reports(call)
        assert last["finished"] and last["count"] == len(every), last
        wait_for(lambda: flows() == 0, 10, "the release")
    assert s.reports(after=0) == every
    prepare_flows(other, other)
    assert s.close() == len(every)


@case
def long_poll():
    """A call that waits returns when rows come, and at the end; others are served meanwhile"""
    daemon = Daemon()
    s = Session(daemon)
    prepare_flows(s, s, source=1.5, settings={"summarize_only": True})
    s.start(in_ms=700)
    assert s.reports() == [] and "rows" not in s.last, "no row before the start"
    began = time.monotonic()
    rows = s.reports(wait_ms=30000)
    first = time.monotonic() - began
    assert [row["kind"] for row in rows] and {row["kind"] for row in rows} == {2}, rows
    assert first < 25, f"rows were there, and the call waited for {first} s"
    s.after = len(rows)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(s.reports(wait_ms=30000)))
    waiting.start()
    other = daemon.rpc()
    for _ in range(50):
        other.flowd.status({})
    waiting.join(25)
    assert answers and answers[0], "the last rows end the wait"
    s.after += len(answers[0])
    if not s.last.get("finished"):
        s.collect()
    began = time.monotonic()
    assert s.reports(wait_ms=30000) == [] and s.last["finished"]
    assert time.monotonic() - began < 25, "nothing can come any more, so nothing is waited for"


@case
def long_poll_runs_out():
    """A call that waits in vain ends by itself, with an empty answer"""
    s = Session(Daemon())
    prepare_flows(s, s, source=1)
    began = time.monotonic()
    assert s.reports(wait_ms=300) == [] and s.last["state"] == "preparing"
    assert time.monotonic() - began >= 0.3
    assert not s.last.get("finished")


@case
def many_long_polls():
    """Fifty calls that wait at once do not keep others out"""
    daemon = Daemon()
    sessions = [Session(daemon, key=f"k{i}") for i in range(50)]
    threads = [threading.Thread(target=one.reports, kwargs={"wait_ms": 4000}) for one in sessions]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    rpc, calls = daemon.rpc(), 0
    while any(thread.is_alive() for thread in threads) and calls < 200:
        rpc.flowd.clock({})
        calls += 1
    assert calls == 200, f"only {calls} calls were answered while 50 waited"
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


@case
def repetition():
    """A call with the key of one before does nothing twice, and gives the same answer"""
    daemon = Daemon()
    s = Session(daemon, key="open")
    again = s.rpc.session.open({"key": "open"})
    assert again["session"] == s.id
    assert s.rpc.session.open({"key": "other"})["session"] != s.id
    assert len(s.rpc.flowd.status({})["sessions"]) == 2
    endpoints = [destination(i) for i in range(3)]
    issued = s.prepare(*endpoints, key="a")
    assert s.prepare(*endpoints, key="a") == issued, "the same secrets and ports"
    assert s.prepare(key="a") == issued, "whatever stands in the repetition"
    expect_fault(FAULT_BAD_STATE, "flow 0, destination: it is prepared already", s.prepare,
                 destination(0))
    sources = [source(one) for one in issued]
    assert s.prepare(*sources, key="b") == [] == s.prepare(*sources, key="b")
    assert s.prepared()["ready"] == s.prepared()["total"] == 6
    assert s.rpc.flowd.status({})["flows"] == 6
    first = s.start(in_ms=300, key="start")
    again = s.start(in_ms=5000, key="start")
    assert again["at"] == first["at"] and again["now"] >= first["now"]
    expect_fault(FAULT_BAD_STATE, "the session is started already", s.start, 300, "another")
    assert s.stop(1) == 2
    wait_for(lambda: s.stop(1) == 0, 20, "that a stopped flow is not stopped again")
    assert s.stop() == 4
    s.collect()
    assert s.close() > 0
    assert s.close() == 0, "closing again does no harm"


@case
def bad_members():
    """Unknown members, wrong types and values out of range are refused by name"""
    s = Session(Daemon())
    call = s.rpc.session
    good = destination(0)

    def changed(**members):
        return {"session": s.id, "key": "k", "endpoints": [dict(good, **members)]}

    many = {"session": s.id, "key": "k", "endpoints": [good] * 2001}
    for method, argument, text in (
            (call.open, {"key": "x", "nonsense": 1}, f"session.open: {UNKNOWN[1:]}; there are key, run, "
                                                     "controller, lease_s"),
            (call.open, {}, "session.open: member 'key' is missing: chosen by the client; a repeated "
                            "call has the same key"),
            (call.open, {"key": 3}, "session.open: key: a string is expected"),
            (call.open, {"key": "k" * 65}, "session.open: key: the string is longer than 64 bytes, or "
                                           "contains a NUL"),
            (call.open, {"key": "x", "lease_s": -1}, "session.open: lease_s: -1 is not within 0 to 86400"),
            (call.open, {"key": "x", "lease_s": 86401},
             "session.open: lease_s: 86401 is not within 0 to 86400"),
            (call.open, {"key": "x", "lease_s": 1.5},
             "session.open: lease_s: an integer (or a decimal string) is expected"),
            (call.open, {"key": "x", "lease_s": True},
             "session.open: lease_s: an integer (or a decimal string) is expected"),
            (call.open, {"key": "x", "lease_s": None},
             "session.open: lease_s: an integer (or a decimal string) is expected"),
            (call.open, {"key": "x", "lease_s": "1x"},
             "session.open: lease_s: '1x' is not a whole number"),
            (call.open, {"key": "x", "lease_s": "99999999999999999999"},
             "session.open: lease_s: '99999999999999999999' is too large"),
            (call.renew, {}, "session.renew: member 'session' is missing: as returned by session.open"),
            (call.reports, {"session": s.id, "after": -1},
             "session.reports: after: -1 is not within 0 to 9223372036854775807"),
            (call.reports, {"session": s.id, "wait_ms": 30001},
             "session.reports: wait_ms: 30001 is not within 0 to 30000"),
            (call.reports, {"session": s.id, "max_bytes": 0},
             "session.reports: max_bytes: 0 is not within 1 to 16777216"),
            (call.prepare, {"session": s.id, "key": "k"},
             "session.prepare: member 'endpoints' is missing: endpoints of this daemon; settings with "
             "their default value may be omitted"),
            (call.prepare, {"session": s.id, "key": "k", "endpoints": {}},
             "session.prepare: endpoints: an array is expected"),
            (call.prepare, {"session": s.id, "key": "k", "endpoints": [3]},
             "session.prepare: endpoints: item 0: a struct is expected"),
            (call.prepare, many, "session.prepare: endpoints: has 2001 items, at most 2000 are allowed"),
            (call.prepare, changed(nonsense=1), f"~endpoints: item 0: {UNKNOWN[1:]}; there are flow, "),
            (call.prepare, changed(flow=-1),
             "session.prepare: endpoints: item 0: flow: -1 is not within 0 to 9999999"),
            (call.prepare, changed(port=65536),
             "session.prepare: endpoints: item 0: port: 65536 is not within 0 to 65535"),
            (call.prepare, changed(source={"duration": -1}),
             "session.prepare: endpoints: item 0: source: duration: -1 is not within 0 to "
             "31622400000000000"),
            (call.prepare, changed(source={"duration": "31622400000000001"}),
             "session.prepare: endpoints: item 0: source: duration: 31622400000000001 is not within 0 "
             "to 31622400000000000"),
            (call.prepare, changed(source={"nonsense": 1}),
             "~endpoints: item 0: source: unknown member 'nonsense'; there are duration, delay, "),
            (call.prepare, changed(source={"nodelay": 1}),
             "session.prepare: endpoints: item 0: source: nodelay: a boolean is expected"),
            (call.prepare, changed(source={"rate": -1}), "~source: rate: -1 is not within 0 to "),
            (call.prepare, changed(settings={"interval": 99999}),
             "session.prepare: endpoints: item 0: settings: interval: 99999 is not within 100000 to "
             "86400000000000"),
            (call.prepare, changed(settings={"framing": "none"}),
             "session.prepare: endpoints: item 0: settings: framing: 'none' is not one of auto, stream, message"),
            (call.prepare, changed(settings=3),
             "session.prepare: endpoints: item 0: settings: a struct is expected"),
            (call.prepare, changed(host="h" * 256),
             "session.prepare: endpoints: item 0: host: the string is longer than 255 bytes, or contains "
             "a NUL"),
            (call.prepare, changed(endpoint="sd"),
             "session.prepare: endpoints: item 0: endpoint: 'sd' is not one of s, d"),
            (call.prepare, changed(endpoint="x"), "session.prepare: endpoints: item 0: endpoint: 'x' is not one of s, d"),
            (call.prepare, changed(source=dict(good["source"], request_size="C:0")), "~source: request_size: "),
            (call.prepare, changed(source=dict(good["source"], request_size="C:1073741825")), "~source: request_size: "),
            (call.prepare, changed(source=dict(good["source"], request_size="C:nan")), "~source: request_size: "),
            (call.prepare, changed(source={"request_size": 8192}), "~source: request_size: "),
            (call.prepare, changed(source={"request_size": "nonsense"}), "~source: request_size: "),
            (call.prepare, changed(source={"duration": 0}),
             "flow 0, destination: neither endpoint sends: give one a duration above 0 with -T"),
            (call.prepare, changed(source=dict(good["source"], rate=1000, request_size="C:10")),
             "flow 0, destination: the source's blocks (-S) have 10 bytes, but each needs a header "
             "of 40 bytes here"),
            (call.stop, {"session": s.id, "key": "k", "flows": ["x"]},
             "session.stop: flows: item 0: 'x' is not a whole number"),
            (call.stop, {"session": s.id, "key": "k", "flows": 3},
             "session.stop: flows: an array is expected"),
            (call.start, {"session": s.id, "key": "k", "in_ms": 86400001},
             "session.start: in_ms: 86400001 is not within -1 to 86400000")):
        expect_fault(FAULT_BAD_CALL, text, method, argument)
    status = s.rpc.flowd.status({})
    assert status["flows"] == 0 and len(status["sessions"]) == 1, status


@case
def bad_sources():
    """A source needs what its destination issued"""
    s = Session(Daemon())
    issued = s.prepare(destination(0), key="d")[0]
    needs = ("flow 0, source: a source needs the secret and the proof that its destination issued, 32 "
             "hexadecimal digits each")
    for members, text in (({"port": 0}, "flow 0, source: a source needs the peer's host and port"),
                          ({"peer_host": ""}, "flow 0, source: a source needs the peer's host and port"),
                          ({"secret": ""}, needs), ({"secret": "0" * 31}, needs),
                          ({"proof": "g" * 32}, needs), ({"proof": ""}, needs)):
        expect_fault(FAULT_BAD_CALL, text, s.prepare, dict(source(issued), **members))
    assert s.rpc.session.prepared({"session": s.id})["total"] == 1


@case
def starts():
    """Starts that are refused: nothing prepared, not all ready, past, two instants, too far away"""
    s = Session(Daemon())
    rpc = s.rpc.session
    expect_fault(FAULT_BAD_STATE, "~0 of 0 endpoints are ready", s.start)
    issued = s.prepare(destination(0), key="d")
    expect_fault(FAULT_BAD_STATE,
                 "only 0 of 1 endpoints are ready", s.start)
    s.prepare(source(issued[0]), key="s")
    assert s.prepared()["ready"] == 2
    now = s.rpc.flowd.clock({})["sent"]
    one = "give either `at` or `in_ms`"
    expect_fault(FAULT_BAD_CALL, one, rpc.start, {"session": s.id, "key": "k"})
    expect_fault(FAULT_BAD_CALL, one, rpc.start,
                 {"session": s.id, "key": "k", "at": str(now + SECOND), "in_ms": 1})
    expect_fault(FAULT_BAD_CALL, "~session.start: at: -5 is not within", rpc.start,
                 {"session": s.id, "key": "k", "at": -5})
    found = fault(rpc.start, {"session": s.id, "key": "k", "at": str(now - 3 * SECOND)})
    past = re.fullmatch(r"the start was (\d+\.\d+) s ago by the daemon's clock", found.faultString)
    assert found.faultCode == FAULT_BAD_CALL and past and 3 <= float(past[1]) < 60, found
    found = fault(rpc.start, {"session": s.id, "key": "k", "at": str(now)})
    assert "ago by the daemon's clock" in found.faultString, found
    expect_fault(FAULT_BAD_CALL, "the start is more than a day away", rpc.start,
                 {"session": s.id, "key": "k", "at": str(now + 90000 * SECOND)})
    expect_fault(FAULT_BAD_CALL, "the start is more than a day away", rpc.start,
                 {"session": s.id, "key": "k", "at": "9223372036854775807"})
    # None of these has started anything: a good start still works.
    assert s.state()[0]["state"] == "preparing"
    assert s.start(in_ms=0)["at"] >= now
    expect_fault(FAULT_BAD_STATE, "~the session is started", s.prepare, destination(1))
    assert s.stop() == 2
    s.collect()
    expect_fault(FAULT_BAD_STATE, "the session is ended already", s.start, 10, "again")
    expect_fault(FAULT_BAD_STATE, "~the session is ended: endpoints are prepared before the start",
                 s.prepare, destination(1))


@case
def gone():
    """A session that does not exist: every method of sessions says so"""
    rpc = Daemon().rpc()
    for call, members in ((rpc.session.renew, {}), (rpc.session.prepare, {"key": "k", "endpoints": []}),
                          (rpc.session.prepared, {}), (rpc.session.start, {"key": "k", "in_ms": 1}),
                          (rpc.session.reports, {}), (rpc.session.stop, {"key": "k"})):
        for session in ("0" * 32, "", "nonsense"):
            expect_fault(FAULT_GONE, "there is no such session: it was closed, its lease expired before "
                                     "it was started, or the daemon was restarted",
                         call, dict(session=session, **members))


@case
def not_prepared():
    """Endpoints that can't be prepared: numbers and sentences; the session goes on"""
    with_ports = Daemon("--data-ports", "40011-40011")
    s = Session(with_ports)
    found = fault(s.prepare, destination(0, destination_more={"congestion_control": "nonsense"}))
    assert found.faultCode == FAULT_CONGESTION and re.fullmatch(
        r"flow 0, destination: congestion control 'nonsense' is not available on this host \(available: \w+(, \w+)*\)",
        found.faultString), found
    found = fault(s.prepare, destination(0, host="a" * 64))
    assert found.faultCode == FAULT_CONNECT and found.faultString.startswith(
        f"flow 0, destination: the host name '{'a' * 64}' is not known: "), found
    issued = s.prepare(destination(0), key="d")
    assert issued[0]["port"] == 40011
    s.prepare(destination(1), key="d2")  # shares the listener
    expect_fault(FAULT_PORTS, "flow 2, destination: all data ports from 40011 to 40011 are in use there "
                              "(--data-ports)", s.prepare,
                 destination(2, destination_more={"send_buffer": 10000}))
    other = Session(Daemon())
    other.prepare(dict(source(issued[0]), port=1), key="s1")  # nobody listens there
    other.prepare(source(issued[0], flow=1, source_more={"congestion_control": "nonsense"}), key="s2")
    answer = wait_for(lambda: (lambda a: a if a["failed"] == 2 else None)(other.prepared()), 20)
    reasons = {f["flow"]: (f["endpoint"], f["code"], f["reason"]) for f in answer["failures"]}
    assert reasons[0] == ("s", FAULT_CONNECT, "can't connect to 127.0.0.1:1: Connection refused"), answer
    assert reasons[1][:2] == ("s", FAULT_CONGESTION), answer
    assert reasons[1][2].startswith("congestion control 'nonsense' is not available on this host (available: "), answer
    expect_fault(FAULT_BAD_STATE, "only 0 of 2 endpoints are ready",
                 other.start)
    assert (answer["total"], answer["ready"]) == (2, 0)


@case
def too_many():
    """Limits of the daemon: sessions, flow endpoints"""
    daemon = Daemon("--max-sessions", 3, "--max-flows", 5)
    sessions = [Session(daemon, key=f"k{i}") for i in range(3)]
    expect_fault(FAULT_TOO_MANY, "the daemon has 3 sessions, which is the limit (--max-sessions)",
                 daemon.rpc().session.open, {"key": "k3"})
    assert daemon.rpc().session.open({"key": "k1"})["session"] == sessions[1].id, "that one is not new"
    sessions[0].prepare(*[destination(i) for i in range(4)])
    expect_fault(FAULT_TOO_MANY, "2 more flow endpoints would make 6, but the daemon allows 5 at once "
                                 "(--max-flows)", sessions[1].prepare, destination(0), destination(1))
    sessions[1].prepare(destination(0), key="one")
    sessions[0].close()
    wait_for(lambda: daemon.rpc().flowd.status({})["flows"] == 1, 10, "that the flows are gone")
    sessions[1].prepare(*[destination(i) for i in range(1, 5)], key="four")
    Session(daemon, key="k3")


@case
def two_controllers():
    """Two sessions at the same two daemons, at once: neither sees or disturbs the other"""
    one, two = Daemon(), Daemon()
    pairs = [(Session(one, key=f"s{i}"), Session(two, key=f"d{i}")) for i in range(2)]
    for s, d in pairs:
        prepare_flows(s, d, 3, source=1, settings={"interval": 50000000})
    for s, d in pairs:
        at = s.rpc.flowd.clock({})["sent"] + SECOND // 5
        s.start(at=str(at))
        d.start(at=str(at))
    # The first is stopped and closed in the middle; the second must not notice.
    time.sleep(0.4)
    assert pairs[0][0].stop() == 3
    assert pairs[0][1].stop() == 3
    for session in pairs[0]:
        session.close()
    for session in pairs[1]:
        session.collect()
        assert {row["flow"] for row in session.rows} == {0, 1, 2}
        for flow in range(3):
            rows = [row for row in session.rows if row["flow"] == flow]
            assert [row["number"] for row in rows] == list(range(22)), len(rows)
            assert "error" not in rows[-1].sections, rows[-1].sections
    for flow in range(3):
        sent, received = pairs[1][0].of(flow, "s", "final")[0], pairs[1][1].of(flow, "d", "final")[0]
        assert sent["tx_bytes"] + sent["tx_tail"] == received["rx_bytes"] + received["rx_tail"] > 0


@case
def lease():
    """A session that nobody calls stops its flows, and keeps its reports; others go on"""
    daemon = Daemon("--lease", 1)
    lost, kept = Session(daemon, key="lost", run="lost"), Session(daemon, key="kept", run="kept")
    for session in (lost, kept):
        prepare_flows(session, session, source=600, settings={"interval": 100000000})
    assert lost.opened["lease_s"] == 1
    for session in (lost, kept):
        session.start()
    states = {}

    def lost_has_ended():
        kept.rpc.session.renew({"session": kept.id})
        states.update({one["run"]: one for one in daemon.rpc().flowd.status({})["sessions"]})
        return states["lost"]["state"] == "ended"

    wait_for(lost_has_ended, 30, "the end of the flows")
    assert states["lost"]["running"] == 0 and states["lost"]["failed"] == 0, states
    assert states["kept"]["running"] == 2 and states["kept"]["state"] == "started", states
    lost.collect()
    for end in "sd":
        final = lost.of(0, end, "final")
        assert len(final) == 1 and "error" not in final[0].sections, final
        assert 0 < final[0]["end"] < 60 * SECOND
        numbers = [row["number"] for row in lost.of(0, end)]
        assert numbers == list(range(len(numbers))) and len(numbers) > 5
    lost.close()
    expect_fault(FAULT_GONE, "~there is no such session", lost.start)
    kept.stop()
    kept.collect()


@case
def lease_before_the_start():
    """A session that is not started within its lease is gone, with its listeners and connections"""
    daemon = Daemon("--lease", 60)
    s = Session(daemon, lease_s=1)
    assert s.opened["lease_s"] == 1
    prepare_flows(s, s, 3, source=1)
    wait_for(lambda: not daemon.rpc().flowd.status({})["sessions"], 30, "the end of the session")
    wait_for(lambda: daemon.rpc().flowd.status({})["flows"] == 0, 10, "the end of the flows")
    expect_fault(FAULT_GONE, "~there is no such session", s.start)


@case
def half_a_lease():
    """A call that waits answers after half the lease, which a controller that only waits so renews"""
    daemon = Daemon()
    s = Session(daemon, lease_s=2)
    flow = {"source": 20, "settings": {"interval": seconds(10)}}
    issued = s.prepare(destination(**flow))
    began = time.monotonic()
    answer = s.rpc.session.prepared({"session": s.id, "wait_ms": 9000})
    assert answer["ready"] == 0 and 0.9 < time.monotonic() - began < 1.9, time.monotonic() - began
    s.prepare(source(issued[0], **flow), key="source")
    s.prepared()
    s.start()
    while not s.of(0, "s", "interval"):  # the first comes after 10 s, which is five leases
        began = time.monotonic()
        rows = s.reports(wait_ms=9000)
        assert time.monotonic() - began < 1.9
        assert s.last["state"] == "started", s.last
        s.after += len(rows)
        s.rows += rows
    assert s.of(0, "s", "interval")[0]["end"] > 9 * SECOND, "the flow was stopped before its time"
    s.stop()


@case
def retained():
    """Reports that nobody fetches are given up after --retain, not before"""
    daemon = Daemon("--lease", 1, "--retain", 3)
    s = Session(daemon)
    prepare_flows(s, s, source=0.2)
    s.start()
    wait_for(lambda: s.state()[0]["state"] == "ended", 20, "the end of the flows")
    time.sleep(2)  # beyond the lease, within what is retained
    assert [row["kind"] for row in s.reports()].count(1) == 2, "the final reports are still there"
    wait_for(lambda: not s.state(), 30, "that the reports are dropped")
    expect_fault(FAULT_GONE, "~there is no such session", s.rpc.session.reports, {"session": s.id})


@case
def report_memory():
    """Where reports find no room, the session fails, and says exactly how many were lost"""
    daemon = Daemon("--report-memory", "64k")
    s = Session(daemon)
    # Flows between the daemon and itself, so many that there is room for their rows at the start,
    # of less than 430 bytes, but not for as many at the end, which are longer. Each of five blocks
    # may have room left that is too short for a row.
    flows = (65536 // 430 - 5) // 2
    prepare_flows(s, s, flows, source=0.6, settings={"summarize_only": True})
    s.start()
    wait_for(lambda: s.state()[0]["running"] == 0, 30, "the end")
    status = s.state()[0]
    assert status["state"] == "failed" and status["bytes"] <= 131072, status
    rows = s.collect()
    assert s.last["state"] == "failed"
    kinds = [row["kind"] for row in rows]
    assert kinds.count(2) == 2 * flows, "the rows from before the memory was used up"
    assert s.last["lost"] == 4 * flows - len(rows) > 0, (s.last["lost"], len(rows))
    assert s.last["failure"] == (
        f"{s.last['lost']} reports did not fit in the daemon's report memory of 65536 bytes "
        "(--report-memory), and the flows were stopped"), s.last["failure"]
    s.close()
    # The daemon itself is as good as new.
    again = Session(daemon, key="again")
    prepare_flows(again, again, source=0.2)
    again.start()
    again.collect()
    assert not again.last["lost"] and again.last["state"] == "ended"


@case
def report_memory_shared():
    """The memory is the daemon's: one session that takes it all fails, and gives it back"""
    daemon = Daemon("--report-memory", "256k")
    greedy = Session(daemon, key="greedy")
    prepare_flows(greedy, greedy, 4, source=60, settings={"interval": 1000000})
    greedy.start()
    wait_for(lambda: greedy.state()[0]["state"] == "failed", 30, "the end of the memory")
    wait_for(lambda: greedy.state()[0]["running"] == 0, 30, "the end of the flows")
    assert greedy.state()[0]["bytes"] <= 262144
    greedy.collect()
    assert greedy.last["lost"] > 0
    numbers = [row["number"] for row in greedy.of(0, "s")]
    assert numbers == list(range(len(numbers))), "no gap before the first that was lost"
    greedy.close()
    other = Session(daemon, key="other")
    prepare_flows(other, other, 4, source=0.5, settings={"interval": 10000000})
    other.start()
    other.collect()
    assert len(other.rows) == 8 * 52 and not other.last["lost"], len(other.rows)


@case
def slow_but_enough():
    """A controller that acknowledges gets every row through little memory"""
    daemon = Daemon("--report-memory", "256k")
    s = Session(daemon)
    prepare_flows(s, s, 2, source=2, settings={"interval": 10000000})
    s.start()
    s.collect()
    assert s.last["lost"] == 0
    for flow in range(2):
        for end in "sd":
            assert [row["number"] for row in s.of(flow, end)] == list(range(202))


@case
def status_and_stop_all():
    """flowd.status tells what runs; flowd.stop_all ends it, and the reports are kept"""
    daemon = Daemon()
    rpc = daemon.rpc()
    assert rpc.flowd.stop_all({}) == {"sessions": 0, "flows": 0}
    sessions = [Session(daemon, key=f"k{i}", run=f"run{i}", controller="tester") for i in range(3)]
    for i, session in enumerate(sessions[:2]):
        prepare_flows(session, session, i + 1, source=600)
        session.start()
    prepare_flows(sessions[2], sessions[2], source=600)
    for session in sessions[:2]:
        wait_for(lambda: session.reports(), 10, "rows")
    status = rpc.flowd.status({})
    told = {one["run"]: (one["controller"], one["state"], one["flows"], one["running"], one["failed"])
            for one in status["sessions"]}
    assert told == {"run0": ("tester", "started", 2, 2, 0), "run1": ("tester", "started", 4, 4, 0),
                    "run2": ("tester", "preparing", 2, 0, 0)}, told
    assert status["flows"] == 8 and status["uptime_ns"] > 0
    for one in status["sessions"]:
        assert 0 < one["lease_left_ns"] <= 15 * SECOND and one["age_ns"] > 0
    assert rpc.flowd.stop_all({}) == {"sessions": 3, "flows": 8}
    for i, session in enumerate(sessions[:2]):
        session.collect()
        for flow in range(i + 1):
            for end in "sd":
                final = session.of(flow, end, "final")
                assert len(final) == 1 and "error" not in final[0].sections
    assert rpc.flowd.stop_all({}) == {"sessions": 0, "flows": 0}


@case
def stop_before_the_start():
    """A session of which a flow is stopped before the start is not started, or reports on it too"""
    s = Session(Daemon())
    prepare_flows(s, s, 2, source=600)
    assert s.stop(0) == 2
    wait_for(lambda: s.stop(0, key="again") == 0, 10, "the stop")
    try:
        s.start()
    except xmlrpc.client.Fault as found:
        assert found.faultCode == FAULT_BAD_STATE, found
        return
    assert s.stop() == 2
    s.collect()
    finals = sorted(row.who for row in s.rows if row.is_final)
    assert finals == [(0, "d"), (0, "s"), (1, "d"), (1, "s")], finals


@case
def stop_all_before_the_start():
    """A session that is stopped as a whole before the start has ended"""
    s = Session(Daemon())
    prepare_flows(s, s, 2, source=600)
    assert s.stop() == 4
    wait_for(lambda: s.state()[0]["state"] == "ended", 10, "the end")
    expect_fault(FAULT_BAD_STATE, "the session is ended already", s.start)
    assert s.state()[0]["running"] == 0


@case
def stop_between_start_and_instant():
    """A session that is stopped between its start call and its instant ends without traffic"""
    s = Session(Daemon())
    prepare_flows(s, s, source=600)
    s.start(in_ms=60000)
    assert s.stop() == 2
    s.collect()
    assert [row["kind"] for row in s.rows] == [1, 1]
    assert {row.sections["error"] for row in s.rows} == {"the flow was stopped before it started"}


@case
def multicall():
    """system.multicall works for what need not wait, and says so where it would have to"""
    daemon = Daemon()
    s = Session(daemon)
    prepare_flows(s, s, source=1)
    calls = xmlrpc.client.MultiCall(daemon.rpc())
    calls.flowd.clock({})
    calls.session.renew({"session": s.id})
    calls.session.reports({"session": s.id})
    calls.session.nonsense({})
    answers = calls()
    assert answers[0]["sent"] > 0 and answers[1]["lease_s"] == 15 and answers[2]["count"] == 0
    try:
        raise AssertionError(answers[3])
    except xmlrpc.client.Fault as found:
        assert found.faultCode == -506, found
    odd = daemon.rpc().system.multicall([{"methodName": "system.multicall", "params": []}, {"params": []}, 7])
    assert [one["faultCode"] for one in odd] == [FAULT_BAD_CALL] * 3, odd
    expect_fault(FAULT_BAD_CALL, "system.multicall takes an array of calls", daemon.rpc().system.multicall, 7)
    calls = xmlrpc.client.MultiCall(daemon.rpc())
    calls.session.reports({"session": s.id, "wait_ms": 20000})
    began = time.monotonic()
    answers = calls()
    try:
        assert answers[0]["count"] == 0
    except xmlrpc.client.Fault as found:
        assert "wait" in found.faultString, found
    assert time.monotonic() - began < 15
    # The daemon is not to be shut down by whoever can call it.
    expect_fault(-506, "there is no method 'system.shutdown'", daemon.rpc().system.shutdown, "because")
    assert daemon.rpc().flowd.clock({})["sent"] > 0


@case
def text_of_all_kinds():
    """Names with markup, foreign letters and emoji come back as they were, or are refused"""
    rpc = Daemon().rpc()
    for number, name in enumerate(("<a&b>", "\u00fc\u00df", "]]>", "'\"", "a\nb", "%s%n", "x" * 127)):
        rpc.session.open({"key": f"k{number}", "run": name, "controller": name})
        told = [one["run"] for one in rpc.flowd.status({})["sessions"]]
        assert name in told, (name, told)
    for number, name in enumerate(("\U0001f600", "x" * 125 + "\u00fc")):
        try:
            rpc.session.open({"key": f"e{number}", "run": name})
        except xmlrpc.client.Fault:
            pass
        rpc.flowd.status({})  # whatever it keeps can be read back
    found = fault(rpc.session.open, {"key": "z", "<nonsense>&": 1})
    assert "<nonsense>&" in found.faultString, found


@case
def late_connect():
    """With late_connect the connection is made at the source's time, and both ends are ready before"""
    s = Session(Daemon())
    settings = {"late_connect": True, "interval": 100000000}
    prepare_flows(s, s, source=0.5, settings=settings, source_more={"delay": seconds(0.3)})
    s.start(in_ms=200)
    s.collect()
    for end in "sd":
        rows = s.of(0, end)
        assert [row["kind"] for row in rows] == [2] + [0] * 5 + [1], [row["kind"] for row in rows]
        assert rows[0]["begin"] >= 0.3 * SECOND, "the begin is that of the connection"
        assert "error" not in rows[-1].sections
    final = s.of(0, "s", "final")[0]
    assert final["connect_time"] > 0 and final["exchange_time"] > 0
    assert final["tx_bytes"] + final["tx_tail"] == sum(
        s.of(0, "d", "final")[0][name] for name in ("rx_bytes", "rx_tail")) > 0


@case
def absent_values():
    """What a row does not have is absent, not zero"""
    s = Session(Daemon())
    prepare_flows(s, s, source=0.3, settings={"interval": 100000000})
    s.start()
    data = b""
    wait_for(lambda: s.reports(wait_ms=500) and s.last.get("finished"), 20)
    data = s.last["rows"].data
    rows = unpack(columns_of(s.rpc), data)
    interval = next(row for row in rows if row.is_interval and row["endpoint"] == 1)
    for name in ("iat_min", "iat_max", "rtt_min", "connect_time", "fackets"):
        assert interval[name] is None, (name, interval[name])
    assert interval["iat_sum"] > 0 and interval["rtt_count"] == 0
    final = next(row for row in rows if row.is_final and row["endpoint"] == 1)
    assert final["tx_time"] is None and final["rx_time"] > 0
    assert final["connect_time"] is None, "the destination does not connect"


@case
def many_flows_in_chunks():
    """Two thousand endpoints in one call, then the rest in another"""
    count = 200 if SANITIZED else 1000
    daemon = Daemon()
    s = Session(daemon, lease_s=60)
    if s.rpc.flowd.describe({})["limits"]["open_files"] < 2 * count + 300:
        count = 100
    issued = s.prepare(*[destination(i, **{"source": 0.5}) for i in range(count)], key="d")
    assert [one["flow"] for one in issued] == list(range(count))
    assert len({one["secret"] for one in issued}) == count
    assert len({one["port"] for one in issued}) == 1, "equal options share a listener"
    s.prepare(*[source(one, **{"source": 0.5}) for one in issued], key="s")
    answer = s.prepared(60)
    assert answer == {"total": 2 * count, "ready": 2 * count, "failed": 0, "failures": []}
    assert ends()["settings"] == {}
    s.close()
    wait_for(lambda: daemon.rpc().flowd.status({})["flows"] == 0, 30, "that all are gone")


main()
