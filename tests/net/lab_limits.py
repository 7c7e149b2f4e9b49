#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What limited a flow: known answers, all over links of 20 Mbit/s and 40 ms with a queue of 100 ms."""
import json
import re
import signal
import threading

from flowrig_lab import attempts, near
from flowrig_test import SANITIZED, Lab, case, expect, flowctl, main, note

RATE, SECONDS, OMIT = "20m", 5, 1.5
CUBIC = "s=TCP_CONGESTION=cubic"


class Pairs:
    """Flow i goes from a host of its own to a host of its own; flowctl has a network of its own."""

    def __init__(self, count):
        self.lab = Lab(1 + 2 * count, "delay=10ms", control=True)
        self.hosts = [(2 + 2 * i, 3 + 2 * i) for i in range(count)]
        self.daemons = {}
        for pair in self.hosts:
            self.lab.set("up", f"h{pair[0]}", f"rate={RATE}", "limit=100ms")
            for host in pair:
                self.daemons[host] = self.lab.daemon(host, bind=self.lab.control_addr(host))

    def run(self, options):
        """Gives each flow's direction from the source, of flows between the first pairs."""
        words = ["-n", len(options), "-T", f"s={SECONDS}", "-i", 0.1, "--omit", f"s={OMIT}",
                 "-O", CUBIC, "--json=-"]
        for i, (own, (source, destination)) in enumerate(zip(options, self.hosts)):
            places = (f"{end}={self.lab.addr(host)}/{self.lab.control_addr(host)}"
                      for end, host in (("s", source), ("d", destination)))
            words += ["-F", i, "-H", ",".join(places), *own]
        result = expect(flowctl(*words, netns=self.lab.ns(1)))
        end = json.loads(result.out)["end"]
        return [flow["directions"][0] for flow in end["flows"]]

    def summary(self, *options):
        """The table that a person would see, of one flow."""
        (source, destination), = self.hosts
        places = (f"{end}={self.lab.addr(host)}/{self.lab.control_addr(host)}"
                  for end, host in (("s", source), ("d", destination)))
        return expect(flowctl("-H", ",".join(places), "-T", "s=3", "-i", 0.1, "-O", CUBIC, *options,
                              "--style=table", "--summary=table", netns=self.lab.ns(1))).out


@case
def known_answers():
    """Queue, loss, ECN, window, send buffer, pacing and the application are told apart"""
    cases = {
        "a queue": ("queue", []),
        "1 % loss": ("loss", []),
        "marks": ("ecn", []),
        "-W": ("receive_window", ["-W", "d=32768"]),
        "-B": ("send_buffer", ["-B", "s=8192"]),
        "a rate": ("application", ["-R", "s=2Mbit"]),
        "one request in flight": ("application", ["--in-flight", "s=1", "-A", "s"]),
        "a rate of the kernel's": ("pacing", ["-R", "s=5Mbit", "--pacing", "s"]),
        # The sender's queue is kept short, but it is the network that keeps it from sending.
        "a short queue of what is not sent": ("queue", ["-O", "s=TCP_NOTSENT_LOWAT=16384"]),
    }
    # Eighteen daemons with a sanitizer are too much for two processors.
    count = 3 if SANITIZED else len(cases)
    for first in range(0, len(cases), count):
        find_causes(dict(list(cases.items())[first:first + count]))


def find_causes(cases):
    pairs = Pairs(len(cases))
    for (about, _), (source, destination) in zip(cases.items(), pairs.hosts):
        if about == "1 % loss":
            pairs.lab.set("path", f"h{source}", f"h{destination}", "loss=1%")
        if about == "marks":
            pairs.lab.set("path", f"h{source}", f"h{destination}", "ce=1%")
            for host in (source, destination):
                pairs.lab.run(host, "sysctl", "-qw", "net.ipv4.tcp_ecn=1")

    def check(directions):
        wrong = []
        for (about, (cause, _)), direction in zip(cases.items(), directions):
            note(f"{about}: {direction['goodput_bits_per_second'] / 1e6:.2f} Mbit/s, "
                 f"{direction['limits']}")
            if direction["limits"].get(cause, 0) < 0.8 or direction["limited_by"] != cause:
                wrong.append((about, cause, direction["limits"]))
        assert not wrong, wrong

    attempts(lambda _: pairs.run([options for _, options in cases.values()]), check)


@case
def what_to_change():
    """The summary names the cause, and what the window allows and which option raises it"""
    pairs = Pairs(1)

    def check(text):
        note(text)
        assert re.search(r"^ +0 .* receive window \d+ %$", text, re.M), text
        words = " ".join(text.split())
        found = re.search(r" flow 0, source: its receive window of ([\d.]+) kB over an RTT of "
                          r"([\d.]+) ms allows ([\d.]+) kbit/s; for twice the rate, ask for -W "
                          r"d=65536 total: 1 flow, goodput ([\d.]+) kbit/s,", words)
        assert found, text
        window, rtt, rate, goodput = (float(figure) for figure in found.groups())
        # The figures agree, and the rate is the flow's.
        near(window * 8 / rtt * 1000, rate, share=0.01)
        near(rate, goodput, share=0.25)

    attempts(lambda _: pairs.summary("-W", "d=32768"), check)


@case
def receiver_that_does_not_read():
    """A receiver that is stopped nine tenths of the time: its application is the limit"""
    pairs = Pairs(1)
    receiver = pairs.daemons[3]

    def measure(_):
        over = threading.Event()

        def stutter():
            while not over.wait(0.02):
                receiver.signal(signal.SIGSTOP)
                over.wait(0.18)
                receiver.signal(signal.SIGCONT)

        thread = threading.Thread(target=stutter)
        timer = threading.Timer(1, thread.start)
        timer.start()
        try:
            return pairs.run([["-W", "d=100000", "-i", 0.1]])[0]
        finally:
            timer.join()
            over.set()
            thread.join()

    def check(direction):
        note(str(direction["limits"]))
        assert direction["limited_by"] == "receiving_application", direction["limits"]

    attempts(measure, check)


@case
def nothing_without_rows():
    """With -Q there are no rows, and no cause is named"""
    pairs = Pairs(1)
    text = pairs.summary("-Q")
    assert re.search(r" limited by$", text, re.M) and re.search(r"^ +0 .* -$", text, re.M), text


if __name__ == "__main__":
    main()
