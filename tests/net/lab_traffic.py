#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn and paced traffic against what tcpdump saw: sizes are those of the seed, rates hold, and a
closed loop takes the time of the path."""
import os
import subprocess

from flowrig_lab import NS, PREAMBLE, Block, Observed, attempts, near, ping
from flowrig_test import Lab, at_end, case, long_case, main, need_program, need_root, note


class Cable:
    """Two hosts, h2 and h3, in namespaces of their own, joined by a pair of veth: as fast as the
    kernel is, with nothing emulated. It stands in for a Lab."""

    made = 0

    def __init__(self):
        need_root()
        need_program("tcpdump")
        Cable.made += 1
        self.prefix = f"fc{os.getpid() % 100000}.{Cable.made}"
        for host in (2, 3):
            name = self.ns(host)
            self.ip("netns", "add", name)
            at_end(lambda name=name: self.ip("netns", "del", name))
        self.ip("link", "add", "eth0", "netns", self.ns(2), "type", "veth", "peer", "name", "eth0",
                "netns", self.ns(3))
        for host in (2, 3):
            name = self.ns(host)
            self.ip("-n", name, "address", "add", self.addr(host) + "/24", "dev", "eth0")
            for interface in ("lo", "eth0"):
                self.ip("-n", name, "link", "set", interface, "up")

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)

    def ns(self, host):
        return f"{self.prefix}h{max(host, 2)}"  # the controller is on h2

    addr = staticmethod(Lab.addr)
    daemon = Lab.daemon


HOSTS = f"s={Lab.addr(2)},d={Lab.addr(3)}"


def over_cable(*options, snaplen=120):
    cable = Cable()
    for host in (2, 3):
        cable.daemon(host)
    return Observed(cable, *options, hosts=HOSTS, at=(3,), snaplen=snaplen)


# ---- what is drawn, computed here


class Taus2:
    """GSL's taus2 (L'Ecuyer 1996, with the seeding of 1999), from its definition."""

    def __init__(self, seed):
        def following(value, least):
            value = 69069 * value & 0xFFFFFFFF
            return value + least if value < least else value

        one = following(seed & 0xFFFFFFFF or 1, 2)
        two = following(one, 8)
        self.parts = [one, two, following(two, 16)]
        for _ in range(6):
            self.get()

    def get(self):
        result = 0
        for i, (a, b, mask, d) in enumerate(((13, 19, 0xFFFFFFFE, 12), (2, 25, 0xFFFFFFF8, 4),
                                             (3, 11, 0xFFFFFFF0, 17))):
            s = self.parts[i]
            self.parts[i] = ((s & mask) << d & 0xFFFFFFFF) ^ (((s << a & 0xFFFFFFFF) ^ s) >> b)
            result ^= self.parts[i]
        return result

    def flat(self, low, high):
        share = self.get() / 4294967296
        return low * (1 - share) + high * share


def mix(seed, other):
    """splitmix64's output for the state that `other` + 1 steps lead to."""
    mask = 0xFFFFFFFFFFFFFFFF
    bits = seed + (other + 1) * 0x9E3779B97F4A7C15 & mask
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & mask
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & mask
    return bits ^ bits >> 31


def uniform_sizes(seed, flow, endpoint, parameter, low, high, count):
    """Sizes that U:low:high gives, none of which needs a second draw."""
    random = Taus2(mix(mix(mix(seed, flow), endpoint), parameter))
    return [int(random.flat(low, high) + 0.5) for _ in range(count)]


REQUEST, RESPONSE = 0, 1


@case
def sizes_are_those_of_the_seed():
    """-J: sizes on the wire are those that the seed gives, and the same in the next run"""
    def sizes(seed):
        run = over_cable("-J", seed, "-n", 2, "-T", "s=1", "-G", "s=q:U:50:3000", "-G",
                         "s=p:U:40:2000", "-G", "s=g:E:0.002", "-O", "b=TCP_NODELAY", snaplen=0)
        for flow in (0, 1):
            requests = [b for b in run.blocks(flow, "S", at=3) if b.type == Block.REQUEST]
            responses = [b for b in run.blocks(flow, "D", at=3) if b.type == Block.RESPONSE]
            assert len(requests) == len(responses) > 200, (len(requests), len(responses))
            assert [b.size for b in responses] == [b.response_size for b in requests]
            yield [(b.size, b.response_size) for b in requests]

    first, again, other = [list(sizes(seed)) for seed in (4711, 4711, 4712)]
    for flow in (0, 1):
        count = len(first[flow])
        expected = list(zip(uniform_sizes(4711, flow, 0, REQUEST, 50, 3000, count),
                            uniform_sizes(4711, flow, 0, RESPONSE, 40, 2000, count)))
        assert first[flow] == expected, (first[flow][:5], expected[:5])
        both = min(count, len(again[flow]))
        assert first[flow][:both] == again[flow][:both]
        assert abs(count - len(again[flow])) <= max(5, count // 50), "gaps are drawn, too"
        assert first[flow][:100] != other[flow][:100]
    assert first[0][:100] != first[1][:100]


@case
def payload_is_numbered():
    """-E: in message mode and in stream mode, each byte of a block says its place"""
    run = over_cable("-E", "-n", 2, "-T", "s=0.2", "-F", 0, "-S", "s=1500", "-R", "s=8Mbit", "-F", 1,
                     "-T", "s=0.02", "-S", "s=1000", "-B", "s=20000", "-W", "d=20000", snaplen=0)
    content = run.stream(0).content()[PREAMBLE:]
    for at in range(0, len(content), 1500):
        block = content[at:at + 1500]
        assert block[40:] == bytes(i & 255 for i in range(40, len(block))), at
    content = run.stream(1).content()[PREAMBLE:]
    assert len(content) > 10000
    whole = bytes(i & 255 for i in range(1000))
    assert content == (whole * (len(content) // 1000 + 1))[:len(content)]


# ---- rates

# Each with at least 2000 blocks, so that one more or less is no more than half of what is allowed.
SECONDS = 10
RATES = {64e3: 40, 128e3: 80, 256e3: 160, 512e3: 320, 1e6: 625, 2e6: 1250, 5e6: 3000}
HIGH_RATES = {10e6: 6000, 100e6: 8192, 500e6: 65536}


def check_rate(run, flow, asked, size):
    received = run.log.finals["D", flow]
    seen = run.stream(flow).by(run.start + SECONDS * NS) - PREAMBLE
    rates = {"receiver": received["rx_bytes"] * 8 * NS / received["rx_time"],
             "tcpdump": seen * 8 / SECONDS}
    assert run.log.finals["S", flow]["credit_lost"] == 0, "the host was busy"
    assert received["rx_requests"] >= 2000
    iat = received["iat_sum"] / received["iat_count"]
    note(f"{asked:g} bit/s: " + ", ".join(f"{name} {100 * (value / asked - 1):+.3f} %"
                                          for name, value in rates.items()) +
         f", IAT {100 * (iat * asked / size / 8 / NS - 1):+.3f} %")
    for name, value in rates.items():
        near(value, asked, share=0.001, what=f"rate by {name}")
    near(iat, size * 8 * NS / asked, share=0.001, what="mean IAT")


@case
def rates_hold():
    """seven rates from 64 kbit/s to 5 Mbit/s within 0.1 %, by the receiver and by tcpdump"""
    def measure(_):
        each = []
        for flow, (rate, size) in enumerate(RATES.items()):
            each += ["-F", flow, "-R", f"s={rate / 1e3:g}kbit", "-S", f"s={size}"]
        return over_cable("-n", len(RATES), "-T", f"s={SECONDS}", "-i", 1, "-O", "b=TCP_NODELAY",
                          *each)

    def check(run):
        for flow, (rate, size) in enumerate(RATES.items()):
            check_rate(run, flow, rate, size)

    attempts(measure, check)


@long_case
def high_rates_hold():
    """10, 100 and 500 Mbit/s within 0.1 %, by the receiver and by tcpdump"""
    for rate, size in HIGH_RATES.items():
        attempts(lambda _, rate=rate, size=size: over_cable(
            "-T", f"s={SECONDS}", "-i", 1, "-O", "b=TCP_NODELAY", "-R", f"s={rate / 1e3:g}kbit",
            "-S", f"s={size}"), lambda run, rate=rate, size=size: check_rate(run, 0, rate, size))


@case
def gaps_hold():
    """the mean inter-arrival time is the gap within 0.1 %, and gaps of packets are those drawn"""
    def measure(_):
        return over_cable("-T", "s=10", "-i", 1, "-S", "s=500", "-G", "s=g:C:0.004", "-O",
                          "b=TCP_NODELAY")

    def check(run):
        final = run.log.finals["D", 0]
        near(final["iat_sum"] / final["iat_count"], 4e6, share=0.001, what="mean IAT in ns")
        times = run.stream(0).times[1:]  # behind the preamble
        mean = (times[-1] - times[0]) / (len(times) - 1)
        near(mean, 4e6, share=0.001, what="mean gap by tcpdump in ns")
        assert final["iat_min"] / NS <= 0.004 <= final["iat_max"] / NS

    attempts(measure, check)


# ---- closed loop


@case
def closed_loop():
    """--in-flight 1 over 20 ms: the round trip is ping's, transactions are those that tcpdump counts"""
    def measure(_):
        lab = Lab(3, "delay=5ms")
        for host in (2, 3):
            lab.daemon(host)
        times = ping(lab, 2, "h3", 20)
        run = Observed(lab, "-n", 2, "-T", "s=5", "-i", 1, "-S", "s=100", "-A", "s", "-O",
                       "b=TCP_NODELAY", "-F", 0, "--in-flight", "s=1", "-F", 1, "--in-flight",
                       "s=4", snaplen=0)
        run.ping = times
        return run

    def check(run):
        for flow, window in ((0, 1), (1, 4)):
            final = run.log.finals["S", flow]
            rtt = final["rtt_sum"] / final["rtt_count"] / 1e6
            median = run.ping[len(run.ping) // 2]
            note(f"flow {flow}: RTT {rtt:.2f} ms, ping {median} ms")
            assert final["rtt_min"] / 1e6 >= 20
            near(rtt, median, amount=2, what="mean RTT in ms, by ping")
            assert final["rtt_due_count"] == 0, "nothing is ever due"
            responses = [b for b in run.blocks(flow, "D") if b.type == Block.RESPONSE]
            assert len(responses) == run.whole("S", flow, "rx_responses")
            # Little's law, in whole transactions
            near(len(responses), window * 5000 / rtt, share=0.02, amount=window, what="responses")
            rows = run.log.of("S", flow)
            near(sum(r["transac"] * (r["end"] - r["begin"]) for r in rows),
                 final["rx_responses"], amount=0.1, what="transactions of all rows")
            check_window(run, flow, window)

    attempts(measure, check)


def check_window(run, flow, window):
    """No more requests than so many were without a response, as the sender's host saw it."""
    events = []
    for sender, step in (("S", 1), ("D", -1)):
        stream = run.stream(flow, sender, at=2)
        at, ends = PREAMBLE, []
        for block in run.blocks(flow, sender):
            at += block.size
            ends.append(at)
        index = 0
        for instant, reached in zip(stream.times, stream.reached):
            while index < len(ends) and ends[index] <= reached:
                events.append((instant, step))
                index += 1
    open_now = most = 0
    for _, step in sorted(events):
        open_now += step
        most = max(most, open_now)
    assert most == window, f"{most} without a response, not {window}"


main()
