#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every pair of flow options, on both transports and with both framings: a run of 0.1 s succeeds, or
is refused in a sentence, and the daemons live on. The options come from common/settings.def."""
import concurrent.futures
import functools
import itertools
import os
import random
import re
import threading

from flowrig_test import (HERE, SANITIZED, Daemon, case, flowctl, hosts, long_case, main, note,
                          temp_dir)

SAMPLE = 40 if SANITIZED else 80
PARALLEL = 4

# What the type alone does not say.
VALUES = {"congestion_control": "reno", "bind_device": "lo", "dump_prefix": "pairs-", "tos": "40",
          "dscp": "10", "cpu": "0", "interval": "0.02", "duration": "0.1", "rate": "800kbit",
          "rate_spread": "100kbit", "user_timeout": "5000",
          "source_port": "7777", "connect_timeout": "5"}
BY_TYPE = {"SECONDS": "0.05", "BYTES": "4000", "SIZE": "1000", "GAP": "0.002"}

# Options without which another has no effect or is refused.
NEEDS = {"rate_spread": ["rate"], "kernel_pacing": ["rate"], "stop_on_congestion": ["rate"],
         "in_flight": ["response_size"], "dump_prefix": ["dump"], "snaplen": ["dump"],
         "dump_us": ["dump"]}

# A destination that refuses an option of an accepted connection closes it: the source says so.
CRASHES = re.compile("lost|broke|closed the connection(?! instead of agreeing)|Sanitizer|died|Empty reply|reset by peer")


def arguments_of(text):
    """Splits the arguments of a macro at its outer commas."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, letter in enumerate(text):
        if letter == '"' and text[at - 1] != "\\":
            quoted = not quoted
        elif not quoted and letter in "()":
            depth += 1 if letter == "(" else -1
        elif not quoted and letter == "," and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
    return parts + [text[start:].strip()]


class Option:
    """A row of settings.def, as the command line spells it."""

    def __init__(self, row):
        self.scope, self.field, self.type = row[0], row[2], row[3]
        self.least, self.form, self.name = row[5], row[7], row[9].strip('"')

    def value(self):
        if self.field in VALUES:
            return VALUES[self.field]
        if self.type == "INT":
            return str(max(int(self.least), 4))
        if self.type.startswith("CHOICE"):
            return "auto"
        assert self.type in BY_TYPE, f"{self.field}: this test has no value for it"
        return BY_TYPE[self.type]

    def words(self, ends):
        """The option for s, d or b; for the flow where it has no ends."""
        if self.form.startswith("SOCKOPT"):
            more = "" if self.type == "FLAG" else "=" + self.value()
            return ["-O", f"{ends}={self.name}{more}"]
        if self.form.startswith("TRAFFIC"):
            return ["-G", f"{ends}={self.name}:E:{self.value()}"]
        given = [] if self.form.startswith(("PRESET", "BOTH")) else [self.value()]
        if self.scope == "ENDPOINT":
            given.insert(0, ends)
        return [f"--{self.name}" + ("=" + "=".join(given) if given else "")]


def options():
    with open(os.path.join(HERE, "..", "common", "settings.def"), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    rows, at = [], 0
    while (at := text.find("\nSETTING(", at) + 1) > 0:
        end, depth = at + len("SETTING"), 0
        for found in re.finditer(r'"(?:\\.|[^"])*"|[()]', text[end:]):
            depth += {"(": 1, ")": -1}.get(found[0], 0)
            if not depth:
                rows.append(arguments_of(text[end + 1:end + found.start()]))
                break
    found = {option.field: option for option in map(Option, rows)}
    for absent in ("transport", "framing"):  # these are the four worlds of each pair
        del found[absent]
    return found


KNOWN = options()
DRAWN = {"drawn requests": ["-G", "{}=q:U:40:2000"], "drawn responses": ["-G", "{}=p:E:300"]}


def words_of(name, ends):
    if name in DRAWN:
        return [word.format(ends) for word in DRAWN[name]]
    return [word for needed in NEEDS.get(name, []) for word in KNOWN[needed].words(ends)] + \
        KNOWN[name].words(ends)


def all_pairs():
    return [(one, other, transport, framing)
            for one, other in itertools.combinations([*KNOWN, *DRAWN], 2)
            for transport in ("tcp", "mptcp") for framing in ("stream", "message")]


def command_of(pair, draw):
    """Which ends send, and which the options are for, is drawn."""
    one, other, transport, framing = pair
    command = ["-Q", f"-T{draw.choice('sdb')}=0.1" if draw.random() < 0.7 else "-Ts=0.1,d=0",
               f"--framing={framing}"]
    if command[1][2] == "d":
        command[1] = "-Ts=0,d=0.1"
    if transport == "mptcp":
        command.append("--mptcp")
    return command + words_of(one, draw.choice("sdb")) + words_of(other, draw.choice("sdb"))


class Daemons:
    """Two daemons, and two others when one of them has died."""

    def __init__(self):
        self.lock, self.pair, self.deaths = threading.Lock(), [], []

    def get(self):
        with self.lock:
            dead = [daemon for daemon in self.pair if not daemon.running()]
            for daemon in dead:
                daemon.killed = True  # told here: not once more at the end
                self.deaths.append(f"flowd died with status {daemon.wait(5)}:\n" +
                                   "".join(daemon.err_lines[-8:]))
            if dead or not self.pair:
                self.pair = [Daemon("-w", temp_dir()) for _ in range(2)]
            return self.pair


def run(daemons, command):
    """What was wrong with the end of this run, or None."""
    pair = daemons.get()
    result = flowctl("-H", hosts(*pair), *command, timeout=60)
    lines = [line for line in result.err.splitlines() if line.strip()]
    lines += re.findall(r", error: (.*)", result.out)
    # A connection that is made late may be refused at both ends: one because of the other.
    refused = result.status in (1, 2) and 1 <= len(lines) <= 2
    good = (result.status == 0 or refused) and not CRASHES.search(result.err) and \
        "-922337" not in result.out  # nothing is calculated from what is absent
    if good and all(daemon.running() for daemon in pair):
        return None
    return (f"flowctl {' '.join(command)}: exit status {result.status}\n  " + "\n  ".join(lines))


def run_all(pairs, seed):
    draw = random.Random(seed)
    commands = [command_of(pair, draw) for pair in pairs]
    note(f"{len(pairs)} of {len(all_pairs())} pairs, seed {seed} (FLOWRIG_SEED repeats it)")
    daemons = Daemons()
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        ends = pool.map(functools.partial(run, daemons), commands)
        wrong = [command for command, trouble in zip(commands, ends) if trouble]
    # Some of them only shared a daemon with the one that is to blame: alone it is seen which.
    found = [trouble for trouble in (run(daemons, command) for command in wrong) if trouble]
    daemons.get()
    assert not found and not daemons.deaths, \
        "\n".join([f"{len(found)} runs ended badly:"] + found + daemons.deaths)


def seed_of_run():
    return int(os.environ.get("FLOWRIG_SEED", random.randrange(1 << 31)))


@case
def options_one_by_one():
    """Each option by itself, on both transports and with both framings"""
    run_all([pair for pair in all_pairs() if "seed" in pair[:2]], seed_of_run())


@case
def sampled_pairs():
    """Pairs of options, drawn at random"""
    seed = seed_of_run()
    run_all(random.Random(seed).sample(all_pairs(), SAMPLE), seed)


@long_case
def every_pair():
    """Every pair of options"""
    run_all(all_pairs(), seed_of_run())


main()
