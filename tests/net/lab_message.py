#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Message mode over an emulated path of 20 ms: round-trip times, rates and counts of blocks against
ping and against the blocks that tcpdump saw."""
import re

from flowrig_lab import (NS, PREAMBLE, ApiRun, Block, Observed, attempts, blocks, near, ns, ping,
                         segments, streams)
from flowrig_test import SANITIZED, Capture, Lab, case, long_case, main, need_program, note

RTT_MS = 20
LINKS = f"delay={RTT_MS / 4}ms"
SECONDS = 10


def observe(*options, links=LINKS, snaplen=0, pings=0):
    """A run between h2 and h3 with whole packets captured at both."""
    need_program("tcpdump")
    lab = Lab(3, links)
    for host in (2, 3):
        lab.daemon(host)
    times = ping(lab, 2, "h3", pings) if pings else None
    run = Observed(lab, *options, snaplen=snaplen)
    run.ping = times
    return run


def ends_of_blocks(stream):
    """When the last byte of each block passed, with the block."""
    at = PREAMBLE
    for block in blocks(stream.content()):
        at += block.size
        index = next(i for i, reached in enumerate(stream.reached) if reached >= at)
        yield stream.times[index], block


_runs = []

# Flow 0 has many blocks in flight, so that Nagle's algorithm would hold them back; flow 1 has at
# most one.
FAST, SLOW = 0, 1
RATE = {FAST: 2e6, SLOW: 160e3}
SIZE = 1000


def answered(attempt=0):
    """The run that the cases share: requests at a rate, each answered."""
    if len(_runs) <= attempt:
        _runs.append(observe("-n", 2, "-T", f"s={SECONDS}", "-i", 1, "-A", "s", "-S", f"s={SIZE}",
                         "-F", FAST, "-R", "s=2Mbit", "-O", "b=TCP_NODELAY",
                         "-F", SLOW, "-R", "s=160kbit", pings=20))
    return _runs[attempt]


def check_counts(run, flow, sender, receiver):
    """What one end asked for is what the other got and answered, and what was on the wire."""
    requests = [b for b in run.blocks(flow, sender) if b.type == Block.REQUEST]
    responses = [b for b in run.blocks(flow, receiver) if b.type == Block.RESPONSE]
    counts = {
        "requests sent": run.whole(sender, flow, "tx_requests"),
        "requests read": run.whole(receiver, flow, "rx_requests"),
        "responses sent": run.whole(receiver, flow, "tx_responses"),
        "responses read": run.whole(sender, flow, "rx_responses"),
        "requests captured": len(requests), "responses captured": len(responses),
        "round-trip times": run.log.finals[sender, flow]["rtt_count"],
        "inter-arrival times and 1": run.log.finals[receiver, flow]["iat_count"] + 1,
    }
    assert len(set(counts.values())) == 1, counts
    for column, end, total in (("requ", sender, "tx_requests"), ("resp", receiver, "tx_responses"),
                               ("requ_in", receiver, "rx_requests"),
                               ("resp_in", sender, "rx_responses")):
        in_rows = run.log.total(end, column, flow)
        assert in_rows == run.log.finals[end, flow][total], (column, in_rows)
    assert [b.sequence for b in requests] == list(range(len(requests)))
    assert [b.sequence for b in responses] == list(range(len(requests)))
    assert all(r.echoed == q.sent for q, r in zip(requests, responses))
    assert all(r.held >= 0 for r in responses)
    return requests, responses


@case
def counts_are_equal_everywhere():
    """requests and responses: the same number at both ends and on the wire, each byte counted"""
    run = answered()
    for flow in (FAST, SLOW):
        requests, responses = check_counts(run, flow, "S", "D")
        assert {b.size for b in requests} == {SIZE} and {b.response_size for b in requests} == {40}
        assert {b.size for b in responses} == {40}
        run.check_bytes(flow)
        assert run.log.total("D", "requ") == run.log.total("S", "resp") == 0


def captured_rtts(run, flow):
    """For each request the ms from its last byte's leaving h2 to the response's coming there."""
    asked = {b.sequence: t for t, b in ends_of_blocks(run.stream(flow, "S", 2))}
    return [(t - asked[b.sequence]) / 1e6 for t, b in ends_of_blocks(run.stream(flow, "D", 2))]


@case
def block_rtt_is_that_of_the_path():
    """the round-trip time of blocks is the emulated one, ping's and tcpdump's"""

    def check(run):
        median = run.ping[len(run.ping) // 2]
        for flow in (FAST, SLOW):
            final = run.log.finals["S", flow]
            least, most = final["rtt_min"] / 1e6, final["rtt_max"] / 1e6
            average = final["rtt_sum"] / final["rtt_count"] / 1e6
            seen = captured_rtts(run, flow)
            note(f"flow {flow}: {least:.2f}/{average:.2f}/{most:.2f} ms, tcpdump "
                 f"{min(seen):.2f}/{sum(seen) / len(seen):.2f}/{max(seen):.2f}, ping {median}")
            rows = run.log.of("S", flow)
            assert len(rows) == SECONDS
            assert abs(min(r["minRTT"] for r in rows) - least) < 0.001
            assert least >= RTT_MS, f"{least} ms"
            assert all(r["minRTT"] <= r["avgRTT"] <= r["maxRTT"] for r in rows)
            near(least, run.ping[0], amount=1, what="min RTT in ms, by ping")
            near(average, sum(seen) / len(seen), amount=1, what="mean RTT in ms, by tcpdump")
            near(average, median, amount=3, what="mean RTT in ms, by ping")

    attempts(answered, check)


def nearest_rank(values, thousandths):
    return sorted(values)[(len(values) * thousandths + 999) // 1000 - 1]


@case
def percentiles_are_those_of_the_path():
    """percentiles of round-trip and inter-arrival times are tcpdump's, for the run and the rows"""
    shares = {"p50": 500, "p90": 900, "p99": 990, "p999": 999}

    def check(run):
        for flow in (FAST, SLOW):
            final = run.log.finals["S", flow]
            seen = captured_rtts(run, flow)
            times = [t / 1e6 for t, _ in ends_of_blocks(run.stream(flow))]
            gaps = [b - a for a, b in zip(times, times[1:])]
            for name, share in shares.items():
                note(f"flow {flow} {name}: RTT {final['rtt_' + name] / 1e6:.3f} ms, tcpdump "
                     f"{nearest_rank(seen, share):.3f}; IAT "
                     f"{run.log.finals['D', flow]['iat_' + name] / 1e6:.3f} ms, tcpdump "
                     f"{nearest_rank(gaps, share):.3f}")
            # What a host's scheduler does to one block in a hundred is in one of both only.
            for name, allowed in (("p50", 0.5), ("p90", 1), ("p99", 5)):
                value = final["rtt_" + name] / 1e6
                assert value >= RTT_MS * 0.99, value
                near(value, nearest_rank(seen, shares[name]), share=0.01, amount=allowed,
                     what=f"{name} RTT in ms, by tcpdump")
                near(run.log.finals["D", flow]["iat_" + name] / 1e6,
                     nearest_rank(gaps, shares[name]), share=0.01, amount=allowed,
                     what=f"{name} IAT in ms, by tcpdump")
            medians = [row["p50RTT"] for row in run.log.of("S", flow)]
            near(sorted(medians)[len(medians) // 2], nearest_rank(seen, 500), share=0.01, amount=0.5,
                 what="p50 RTT of a row")
        # Of all flows together: the merged histogram, in which the fast one has most blocks.
        seen = captured_rtts(run, FAST) + captured_rtts(run, SLOW)
        told = re.search(r"# all flows: RTT = .*?, ([\d.]+)/([\d.]+)/", run.result.out)
        near(float(told[1]), nearest_rank(seen, 500), share=0.01, amount=0.5, what="p50 of all")
        near(float(told[2]), nearest_rank(seen, 900), share=0.01, amount=1, what="p90 of all")

    attempts(answered, check)


@case
def rate_holds():
    """the rate holds within 0.5 % over 10 s, at the sender, the receiver and by tcpdump"""

    def check(run):
        for flow, rate in RATE.items():
            sent, received = run.log.finals["S", flow], run.log.finals["D", flow]
            seen = run.stream(flow).by(run.start + SECONDS * NS) - PREAMBLE
            rates = {"sender": sent["tx_bytes"] * 8 / sent["tx_time"] * NS,
                     "receiver": received["rx_bytes"] * 8 / received["rx_time"] * NS,
                     "tcpdump": seen * 8 / SECONDS}
            note(f"flow {flow}: " + ", ".join(f"{k} {100 * (v / rate - 1):+.3f} %"
                                              for k, v in rates.items()))
            for name, value in rates.items():
                # One block more or less, too, where there are few.
                near(value, rate, share=0.005, amount=SIZE * 8 / SECONDS,
                     what=f"rate of flow {flow} by {name}")
            for row in run.log.of("D", flow):
                near(row["rx_through"], rate / 1e6, share=0.03, amount=2 * SIZE * 8 / 1e6,
                     what="rx_through of a row")

    attempts(answered, check)


@case
def times_between_blocks():
    """inter-arrival times average the gap and are those of the packets; transac is the rate"""

    def check(run):
        for flow, rate in RATE.items():
            gap = SIZE * 8 / rate * 1e3
            final = run.log.finals["D", flow]
            near(final["iat_sum"] / final["iat_count"] / 1e6, gap, share=0.002, what="mean IAT")
            times = [t / 1e6 for t, _ in ends_of_blocks(run.stream(flow))]
            gaps = [b - a for a, b in zip(times, times[1:])]
            if not SANITIZED:  # the receiver itself may then stand still
                near(final["iat_max"] / 1e6, max(gaps), amount=10, what="longest IAT by tcpdump")
            assert final["iat_min"] / 1e6 <= min(gaps) + 1
            for row in run.log.of("D", flow)[1:]:
                near(row["avgIAT"], gap, share=0.03, what="avgIAT of a row")
            for row in run.log.of("S", flow)[1:]:
                near(row["transac"], 1e3 / gap, share=0.03, what="transac of a row")
                near(row["transac"], row["resp_in"] / (row["end"] - row["begin"]), amount=0.006,
                     what="transac by the row's own count")
            shown = re.search(rf"ID +{flow} S: .*transactions/s = ([\d.]+)", run.result.out)
            near(float(shown[1]), 1e3 / gap, share=0.01, what="transactions/s")

    attempts(answered, check)


@case
def both_directions_ask_and_answer():
    """one connection, both ends ask at rates of their own and answer each other"""

    def measure(_):
        return observe("-T", "b=3", "-i", 0.5, "-A", "b", "-S", "s=500,d=2000", "-R",
                       "s=1Mbit,d=400kbit", "-O", "b=TCP_NODELAY")

    def check(run):
        for sender, receiver, size, gap in (("S", "D", 500, 4), ("D", "S", 2000, 40)):
            requests, _ = check_counts(run, 0, sender, receiver)
            assert {b.size for b in requests} == {size}
            last = run.blocks(0, sender)[-1]
            assert last.type != Block.REQUEST, "the end of requests is told"
            final = run.log.finals[sender, 0]
            assert final["rtt_min"] / 1e6 >= RTT_MS
            assert len(run.log.of(sender)) == 6
            # An end that knows both keeps the times between the peer's blocks and its own round
            # trips apart; a receiver that stood still finds two blocks at once.
            stream = run.stream(0, sender, 3 if sender == "S" else 2)
            times = [t / 1e6 for t, b in ends_of_blocks(stream) if b.type == Block.REQUEST]
            least = min(b - a for a, b in zip(times, times[1:]))
            shown = [run.log.finals[receiver, 0]["iat_min"] / 1e6,
                     min(row["minIAT"] for row in run.log.of(receiver))]
            assert max(shown) <= least + 2, f"min IAT {shown} ms, by tcpdump {least} ms"
        run.check_bytes(0)
        for sender, receiver, size, gap in (("S", "D", 500, 4), ("D", "S", 2000, 40)):
            final = run.log.finals[sender, 0]
            near(final["rtt_sum"] / final["rtt_count"] / 1e6, RTT_MS, amount=4, what="mean RTT")
            near(run.whole(sender, 0, "tx_requests"), 3000 / gap, share=0.01, amount=1,
                 what="requests")

    attempts(measure, check)


@case
def responses_larger_than_requests():
    """responses of any size, asked for through the API"""
    lab = Lab(3, LINKS)
    daemons = [(lab.daemon(host), host) for host in (2, 3)]
    capture = Capture(lab, 3, "tcp and not port 5999", snaplen=0)
    run = ApiRun(lab, daemons, [{
        "source": {"duration": ns(1.5), "request_size": "C:200", "response_size": "C:3000",
                   "rate": "160000", "nodelay": True},
        "destination": {"nodelay": True}, "settings": {"interval": ns(0.5)}}])
    run.start()
    run.collect()
    run.close()
    found = streams(segments(capture.stop()))
    asked, answered_with = [[b for b in blocks(s.content())] for s in
                            sorted(found.values(), key=lambda s: s.syn_time)]
    source, destination = [run.kind(end, 1)[0] for end in (0, 1)]
    assert {(b.size, b.response_size) for b in asked} == {(200, 3000)}
    assert {b.size for b in answered_with} == {3000}
    total = source["tx_requests"] + source["tx_requests_tail"]
    assert total == len(asked) == len(answered_with) == source["rtt_count"]
    assert source["rx_bytes"] + source["rx_tail"] == 3000 * total
    assert destination["tx_bytes"] + destination["tx_tail"] == 3000 * total
    assert destination["rx_bytes"] + destination["rx_tail"] == 200 * total
    assert 145 <= total <= 151, f"{total} requests in 1.5 s at 100 a second"


@long_case
def rates_of_all_sizes():
    """rates from 10 kbit/s to 90 Mbit/s with blocks of several sizes"""
    for rate, size in ((10e3, 40), (1e6, 64), (10e6, 1448), (50e6, 8192), (50e6, 65536)):

        def measure(_, rate=rate, size=size):
            return observe("-T", f"s={SECONDS}", "-i", 1, "-S", f"s={size}", "-R",
                       f"s={rate / 1e3:g}kbit", "-O", "s=TCP_NODELAY", "-U", "65536",
                       links=LINKS + " rate=100m", snaplen=120)

        def check(run, rate=rate, size=size):
            received = run.log.finals["D", 0]
            seen = run.stream(0).by(run.start + SECONDS * NS) - PREAMBLE
            note(f"{rate:g} bit/s: receiver "
                 f"{100 * (received['rx_bytes'] * 8 * NS / received['rx_time'] / rate - 1):+.3f} "
                 f"%, tcpdump {100 * (seen * 8 / SECONDS / rate - 1):+.3f} %")
            for value in (received["rx_bytes"] * 8 * NS / received["rx_time"],
                          seen * 8 / SECONDS):
                near(value, rate, share=0.005, amount=size * 8 / SECONDS, what="rate")

        attempts(measure, check)


main()
