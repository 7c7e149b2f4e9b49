#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stochastic and paced traffic over loopback: tables, seeds, rates that vary, senders and receivers
that stand still, and what a rate costs."""
import os
import re
import signal
import threading
import time

from flowrig_lab import attempts, near
from flowrig_test import (Daemon, Skip, case, expect, flowctl, hosts, main, note, run_logged,
                          temp_dir)

DEPTH = 0.1  # s that a sender makes up for
NS = 1e9


def pair():
    return Daemon(), Daemon()


def seconds_cpu(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        words = stat.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def rate(final):
    return final["rx_bytes"] * 8 * NS / final["rx_time"]


def still(process, after, length):
    """Lets the process stand still for so many s, `after` s from now."""
    def run():
        time.sleep(after)
        process.signal(signal.SIGSTOP)
        time.sleep(length)
        process.signal(signal.SIGCONT)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


# ---- tables and seeds


@case
def table_of_a_file():
    """-G s=q:F:FILE draws from the table, in every flow"""
    path = os.path.join(temp_dir(), "sizes")
    with open(path, "w", encoding="ascii") as file:
        file.write("# bytes percent\n1000 0\n1000 50\n3000 50\n5000 100\n")
    _, log = run_logged("-H", hosts(*pair()), "-n", 3, "-T", "s=2", "-i", 1, "-G", f"s=q:F:{path}",
                        "-G", "s=g:C:0.001")
    for flow in range(3):
        source = log.finals["S", flow]
        count = source["tx_requests"] + source["tx_requests_tail"]
        mean = (source["tx_bytes"] + source["tx_tail"]) / count
        # half are 1000, half are 3000 to 5000: the standard deviation is 1555
        near(mean, 2500, amount=4 * 1555 / count ** 0.5, what="mean size")


@case
def bad_tables():
    """A table that can't be used is told before anything is asked of a daemon"""
    path = os.path.join(temp_dir(), "sizes")
    with open(path, "w", encoding="ascii") as file:
        file.write("1 0\n2 x\n")
    for name, sentence in ((path, f"option -G: {path}, line 2: 'x' is not a number"),
                           (path + "0", f"option -G: {path}0 can't be read: No such file or "
                                        "directory")):
        done = expect(flowctl("-G", f"s=q:F:{name}"), 1)
        assert done.err == f"flowctl: {sentence}\n", done.err


@case
def seeds():
    """-J: the sums of all sizes are equal, and the summary tells a seed that nobody gave"""
    def sums(*options):
        a, b = pair()
        result, log = run_logged("-H", hosts(a, b), "-n", 2, "-T", "s=0.5", "-G",
                                 "s=q:L:2000:4000", "-G", "s=p:E:500", "-G", "s=g:C:0.01", *options)
        seeds = set(re.findall(r"random seed = (\d+)", result.out))
        assert len(seeds) == 1, seeds
        finals = [log.finals["S", flow] for flow in (0, 1)]
        return seeds.pop(), [(f["tx_requests"], f["tx_bytes"], f["rx_bytes"] + f["rx_tail"])
                             for f in finals]

    def measure(_):
        seed, first = sums()
        return first, sums("-J", seed), sums("-J", str(int(seed) % 1000 + 1)), seed

    def check(found):
        first, again, other, seed = found
        assert again == (seed, first), (again, first)
        assert first[0] != first[1], "two flows draw alike"
        assert not set(first) & set(other[1]), "two seeds draw alike"

    attempts(measure, check)


# ---- rates that vary, and the kernel's


@case
def spread():
    """--rate-spread: the mean is -R, and the rate of rows spreads as asked for"""
    flows = 4

    def measure(_):
        return run_logged("-H", hosts(*pair()), "-n", flows, "-T", "s=5", "-i", 0.1, "-S", "s=1000",
                          "-R", "s=8Mbit", "--rate-spread", "s=2Mbit", "-J", 3)[1]

    def check(log):
        rows = log.of("S")
        mean = sum(rate(log.finals["D", flow]) for flow in range(flows)) / flows
        near(mean, 8e6, amount=4 * 2e6 / len(rows) ** 0.5, what="mean rate")
        # By the quartiles, since a busy host has a few rows of any rate. Those of the lognormal
        # distribution are exp(zeta -+ 0.6745 sigma), with zeta = 2.0491 and sigma = 0.2462.
        rates = sorted(row["through"] for row in rows)
        for share, wanted in ((0.25, 6.573), (0.75, 9.163)):
            near(rates[int(share * len(rates))], wanted, amount=0.7,
                 what=f"quantile {share} of the rates of rows in Mbit/s")

    attempts(measure, check)


@case
def wide_spread():
    """A rate that is almost none now and then holds nothing up for longer than that lasts"""
    def measure(_):
        return run_logged("-H", hosts(*pair()), "-n", 3, "-T", "s=4", "-i", 1, "-S", "s=8192", "-R",
                          "s=4Mbit", "--rate-spread", "s=40Mbit", "-J", 1)[1]

    def check(log):
        for flow in range(3):
            final = log.finals["D", flow]
            note(f"{rate(final) / 1e6:.2f} Mbit/s, longest IAT {final['iat_max'] / 1e9:.2f} s")
            assert final["iat_max"] < 2e9

    attempts(measure, check)


@case
def kernel_pacing():
    """--pacing: the kernel keeps the rate, in stream mode, and tells so"""
    def measure(_):
        return run_logged("-H", hosts(*pair()), "-T", "s=2", "-i", 1, "-R", "s=80Mbit",
                          "--pacing", "s", "-O", "s=TCP_CONGESTION=cubic", "-B", "s=200000")[1]

    def check(log):
        near(rate(log.finals["D", 0]), 80e6, share=0.05, what="rate")
        assert log.of("S")[-1]["max_pacing_rate"] == 80, log.of("S")[-1]["max_pacing_rate"]

    attempts(measure, check)


# ---- standstills


@case
def sender_stands_still():
    """A sender that was stopped for 1.5 s: 1.4 s of credit are lost and told, and 0.1 s made up for"""
    def measure(_):
        a, b = pair()
        thread = still(a, 1.5, 1.5)
        log = run_logged("-H", hosts(a, b), "-T", "s=4", "-i", 0.05, "-S", "s=1000", "-A", "s",
                         "-R", "s=8Mbit", "-O", "b=TCP_NODELAY")[1]
        thread.join()
        return log

    def check(log):
        source = log.finals["S", 0]
        lost = source["credit_lost"] / NS
        note(f"{lost:.3f} s lost, {source['refused']} refused")
        near(lost, 1.5 - DEPTH, amount=0.05, what="lost credit in s")
        near(source["tx_bytes"] * 8, 8e6 * (4 - lost), share=0.003, what="bits sent")
        assert source["refused"] == 0, "the socket had room"
        assert "congested" not in source or source["congested"] in ("-", "nan"), source["congested"]
        # One request was due for as long; the round trip proper knows nothing of it.
        near(source["rtt_due_max"] / NS, 1.5, amount=0.1, what="longest round trip from when due")
        assert source["rtt_max"] / NS < 0.5, "a response was on its way"
        # No more than the depth at once, then the rate: in what the receiver read.
        rows = log.of("D")
        most = max(sum(r["rx_bytes"] for r in rows[i:i + 4]) * 8 -
                   8e6 * (rows[i + 3]["end"] - rows[i]["begin"]) for i in range(len(rows) - 3))
        assert most <= 8e6 * DEPTH * 1.3 + 3 * 8000, f"a burst of {most / 8e6:.3f} s"

    attempts(measure, check)


def stopped_receiver(*options):
    a, b = pair()
    thread = still(b, 1, 1.5)
    result, log = run_logged("-H", hosts(a, b), "-T", "s=4", "-i", 0.1, "-S", "s=8192", "-W",
                             "d=100000", "-B", "s=100000", "-R", "s=80Mbit", *options)
    thread.join()
    return result, log


@case
def receiver_stands_still():
    """A receiver that does not read for 1.5 s: what was due is refused, then sent, and credit is lost"""
    def check(found):
        _, log = found
        source, destination = log.finals["S", 0], log.finals["D", 0]
        lost = source["credit_lost"] / NS
        note(f"{source['refused']} refused, {lost:.3f} s lost")
        near(lost, 1.5 - DEPTH, amount=0.15, what="lost credit in s")
        blocks = 80e6 * DEPTH / 8 / 8192
        assert blocks * 0.5 < source["refused"] < blocks * 2, source["refused"]
        near(source["tx_bytes"] * 8, 80e6 * (4 - lost), share=0.02, what="bits sent")
        assert destination["rx_bytes"] + destination["rx_tail"] == \
            source["tx_bytes"] + source["tx_tail"]
        # It is told while it lasts, not only when sending goes on.
        during = [r for r in log.of("S") if not r["tx_bytes"]]
        assert len(during) >= 10 and all(r["credit_lost"] > 0 for r in during[1:]), during

    attempts(lambda _: stopped_receiver(), check)


@case
def congestion_stops():
    """-C: the sender stops while the receiver does not read; nothing fails, and the report says when"""
    def check(found):
        result, log = found
        source, destination = log.finals["S", 0], log.finals["D", 0]
        after = source["congested"] / NS
        note(f"stopped after {after:.3f} s")
        assert 0.7 < after < 1.9, after  # the run begins a little after flowctl
        assert source["refused"] >= 1
        assert re.search(r"stopped by local congestion after [\d.]+ \[s\]", result.out), result.out
        assert re.search(r"blocks refused by the socket = [1-9]", result.out), result.out
        near(source["tx_time"] / NS, after, amount=0.01, what="time sent in s")
        assert "error" not in source and "error" not in destination
        assert destination["rx_bytes"] + destination["rx_tail"] == \
            source["tx_bytes"] + source["tx_tail"]

    attempts(lambda _: stopped_receiver("-C", "s"), check)


@case
def congestion_of_another_kind():
    """-C does not stop a sender whose host was busy, nor one that is only slow"""
    def measure(_):
        a, b = pair()
        thread = still(a, 1, 0.7)
        log = run_logged("-H", hosts(a, b), "-T", "s=3", "-i", 1, "-S", "s=1000", "-R", "s=1Mbit",
                         "-C", "s")[1]
        thread.join()
        return log

    def check(log):
        source = log.finals["S", 0]
        near(source["tx_time"] / NS, 3, amount=0.1, what="time sent in s")
        near(source["credit_lost"] / NS, 0.7 - DEPTH, amount=0.1, what="lost credit in s")

    attempts(measure, check)


# ---- cost


@case
def waiting_costs_nothing():
    """Twenty slow flows cost almost no CPU: nobody spins while waiting"""
    if os.environ.get("FLOWRIG_SANITIZED"):
        raise Skip("not with sanitizers")
    a, b = pair()

    def measure(_):
        before = seconds_cpu(a) + seconds_cpu(b)
        start = time.monotonic()
        run_logged("-H", hosts(a, b), "-n", 20, "-T", "s=3", "-i", 1, "-S", "s=1000", "-R",
                   "s=80kbit")
        return (seconds_cpu(a) + seconds_cpu(b) - before) / (time.monotonic() - start)

    def check(share):
        note(f"both daemons together: {100 * share:.1f} % of a CPU")
        assert share < 0.15, share

    attempts(measure, check)


main()
