#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Percentiles and histograms: on the screen, in the log and through the API they say the same."""
import math
import re

from flowrig_api import Session, edges, histogram, nearest_rank, prepare_flows
from flowrig_test import Daemon, case, expect, flowctl, main, note, run_logged

SHARES = {"p50": 500, "p90": 900, "p99": 990, "p999": 999}
RUN = ("--embedded", "-n", 2, "-T", "s=0.5", "-i", "0.1", "-S", "s=300", "-A", "s", "-R",
       "s=4Mbit", "-F", 1, "-R", "s=1Mbit", "-A", "d", "-T", "d=0.3")
WHOSE = [("S", "0", "rtt"), ("S", "0", "rtt_due"), ("S", "0", "hold"), ("D", "0", "iat"),
         ("S", "1", "rtt"), ("S", "1", "iat"), ("S", "1", "rtt_due"), ("S", "1", "hold"),
         ("D", "1", "rtt"), ("D", "1", "iat"), ("D", "1", "hold")]
SERIES = ["rtt", "iat", "rtt_due", "hold"]
LABELS = {"rtt": "RTT", "iat": "IAT", "rtt_due": "RTT from scheduled send time", "hold": "hold"}


def histograms(lines):
    """{(S|D, id, series): [(lower, upper, count, share)]} in ns, in the order of the lines."""
    found = {}
    for line in lines:
        match = re.fullmatch(r"# histogram ([SD-]) (\d+|-) (\w+) (-?\d+\.\d{6}) (-?\d+\.\d{6}) "
                             r"(\d+) (\d\.\d{6})", line)
        if match:
            lower, upper = (int(match[i].replace(".", "")) for i in (4, 5))
            found.setdefault(match.groups()[:3], []).append(
                (lower, upper, int(match[6]), float(match[7])))
    return found


def counts(buckets):
    return [bucket[:3] for bucket in buckets]


@case
def what_is_shown():
    """--histogram: buckets in order, with counts and shares; those of all flows are the sum"""
    result, log = run_logged(*RUN, "--histogram")
    found = histograms(result.out.splitlines())
    known = {edges(i) for i in range(-3712, 3712)}
    assert list(found) == WHOSE + [("-", "-", series) for series in SERIES], list(found)
    for whose, buckets in found.items():
        seen, total = 0, sum(count for _, _, count, _ in buckets)
        assert all(a[1] <= b[0] for a, b in zip(buckets, buckets[1:])), whose
        for lower, upper, count, share in buckets:
            seen += count
            assert (lower, upper) in known and count > 0, (lower, upper, count)
            assert abs(share - seen / total) < 1e-6, (whose, share)
        assert buckets[-1][3] == 1
        if whose[0] != "-":
            final = log.finals[whose[0], int(whose[1])]
            assert total == final[f"{whose[2]}_count"], whose
            assert buckets[0][0] <= final[f"{whose[2]}_min"] < buckets[0][1]
            assert buckets[-1][0] <= final[f"{whose[2]}_max"] < buckets[-1][1]
    for series in SERIES:
        merged = {}
        for whose in WHOSE:
            for lower, upper, count in counts(found[whose]) if whose[2] == series else []:
                merged[lower, upper] = merged.get((lower, upper), 0) + count
        assert [(*k, n) for k, n in sorted(merged.items())] == counts(found["-", "-", series])
    lines = result.out.splitlines()
    assert lines.count("# histogram: S|D id series lower upper [ms] count share") == 1
    # the log has the same lines, all of them
    assert histograms(log.lines) == found
    assert len(log.comment("histogram")) == sum(map(len, found.values())) + 1


@case
def only_where_asked():
    """Without --histogram there is none, and percentiles all the same"""
    result, log = run_logged(*RUN)
    assert not log.comment("histogram") and "# histogram" not in result.out
    assert log.finals["S", 0]["rtt_p50"] > 0


@case
def percentiles_of_the_run():
    """Percentiles of final reports and summary are those of the histograms"""
    result, log = run_logged(*RUN, "--histogram")
    found = histograms(log.lines)
    summary = dict(re.findall(r"^# ((?:ID +\d+ [SD])|all flows): (.*)", result.out, re.M))
    for end, flow, series in WHOSE:
        final = log.finals[end, int(flow)]
        told = [final[f"{series}_{p}"] for p in SHARES]
        for value, share in zip(told, SHARES.values()):
            lower, upper = nearest_rank(counts(found[end, flow, series]), share)
            assert lower <= value < upper, (end, flow, series, share, value, lower, upper)
        assert told == sorted(told)
        assert final[f"{series}_min"] <= told[0] and told[-1] <= final[f"{series}_max"]
        shown = "/".join(f"{value / 1e6:.3f}" for value in told)
        line = next(text for head, text in summary.items() if head.split()[-2:] == [flow, end])
        assert re.search(rf", {LABELS[series]} = [\d./]+ \[ms\] \(min/avg/max\), "
                         rf"{re.escape(shown)} \[ms\] \(p50/p90/p99/p99\.9\)", line), (shown, line)
    parts = re.findall(r"(?:^|, )([A-Za-z ]+) = ([\d.]+)/([\d.]+)/([\d.]+) \[ms\] \(min/avg/max\), ([\d./]+) "
                       r"\[ms\] \(p50/p90/p99/p99\.9\)", summary["all flows"])
    assert [part[0] for part in parts] == list(LABELS.values()), summary["all flows"]
    for name, least, _, most, told in parts:
        series = next(key for key, label in LABELS.items() if label == name)
        finals = [log.finals[e, int(f)] for e, f, s in WHOSE if s == series]
        assert least == f"{min(f[series + '_min'] for f in finals) / 1e6:.3f}"
        assert most == f"{max(f[series + '_max'] for f in finals) / 1e6:.3f}"
        for value, share in zip(told.split("/"), SHARES.values()):
            lower, upper = nearest_rank(counts(found["-", "-", series]), share)
            assert lower / 1e6 - 0.0005 <= float(value) <= upper / 1e6 + 0.0005, (name, share, value)


@case
def percentiles_of_rows():
    """Rows: in order, within minimum and maximum, nan where nothing came"""
    _, log = run_logged(*RUN)
    for row in log.rows:
        for head in ("RTT", "IAT", "DLY"):
            told = [row[p + head] for p in SHARES]
            if row["min" + head] == math.inf:
                assert all(map(math.isnan, told)), told
                continue
            assert told == sorted(told), told
            # minimum and maximum have three places
            assert row["min" + head] - 0.0006 <= told[0] and told[-1] <= row["max" + head] + 0.0006
    assert [r for r in log.of("S", 0) if r["p50RTT"] > 0] and [r for r in log.of("D", 0) if
                                                              r["p50IAT"] > 0]
    assert all(math.isinf(row["minRTT"]) for row in log.of("D", 0))


@case
def stream_mode():
    """Stream mode: the mean inter-arrival time only, and a line says why there is no histogram"""
    result, log = run_logged("--embedded", "-T", "s=0.3", "-i", "0.1", "--histogram")
    for row in log.of("D"):
        assert row["avgIAT"] > 0 and row["minIAT"] == row["maxIAT"] == math.inf
        assert all(math.isnan(row[p + "IAT"]) for p in SHARES)
    for final in log.finals.values():
        assert not [name for name in final if re.search(r"_p\d+$|iat_(min|max)", name)], final
    lines = [line for line in result.out.splitlines() if "histogram" in line]
    assert len(lines) == 1 and "message mode" in lines[0], lines
    assert "all flows:" not in result.out and "p99" not in result.out


@case
def quiet():
    """-q --histogram: nothing on the screen, the histograms in the log"""
    result, log = run_logged(*RUN, "--histogram", "-q")
    assert result.out == "" and list(histograms(log.lines))[:len(WHOSE)] == WHOSE
    assert expect(flowctl("--dry-run", "--histogram")).status == 0


@case
def through_the_api():
    """Sections 16 and on, packed and as a table, as flowd(8) describes them"""
    daemon = Daemon()
    s, d = Session(daemon, key="a"), Session(daemon, key="b")
    prepare_flows(s, d, source=0.4, source_more={
        "rate": "1000000", "request_size": "C:200", "response_size": "C:40"})
    for session in (s, d):
        session.start()
    for session, series, absent in ((s, "rtt", "iat"), (d, "iat", "rtt")):
        session.collect()
        final = session.rows[-1]
        assert final.is_final
        buckets = histogram(final.sections[f"{series}_histogram"])
        assert sum(count for _, _, count in buckets) == final[f"{series}_count"] > 50
        for name, share in SHARES.items():
            lower, upper = nearest_rank(buckets, share)
            assert lower <= final[f"{series}_{name}"] < upper
        assert f"{absent}_histogram" not in final.sections
        assert not [row for row in session.rows[:-1] if set(row.sections) - {"info"}]
        note(f"{series}: {len(buckets)} buckets, {len(final.sections[series + '_histogram'])} B")


main()
