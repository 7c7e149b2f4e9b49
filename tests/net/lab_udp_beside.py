#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What flowrig, iperf 2 and iperf3 say of UDP on the same bad paths, beside what captures at both
ends show. flowrig has to say what they show; the figures of the others are only printed."""
import json
import os
import re
import struct
import threading
import time

from flowrig_lab import _frames, attempts
from flowrig_test import (HERE, Capture, Lab, Process, long_case, main, need_program, note,
                          run_logged, temp_dir, wait_for)

BUILD = os.environ.get("FLOWRIG_BUILD") or os.path.join(HERE, "..", "build")
SECONDS, SIZE, PORT = 4, 1000, 5301
BEFORE = 60  # frames of a path that are no exchange before the data
OFF = ("loss=0", "dup=0", "reorder=0", "down=0")
COLUMNS = ("path", "program", "sent", "lost", "extra copies", "reordered", "jitter ms", "delay ms",
           "not offered")


class Path:
    """What the way from h1 to h2 does, and how many datagrams go along it per second."""

    def __init__(self, name, *words, seconds=SECONDS, rate=500, blackout=0, behind=0):
        self.name, self.words, self.seconds, self.rate = name, words, seconds, rate
        self.blackout, self.behind = blackout, behind


PATHS = (Path("loss 1 %, dup 1 %", "loss=1%", "dup=1%"),
         Path("reordering 1 %", "reorder=1%", "rgap=9ms"),
         # Only differences of the clocks matter, and the kernel's stamps at a receiver can't be set.
         Path("receiver's clock 5 s ahead", seconds=1, rate=50, behind=5),
         Path("blackout of the end", blackout=0.5))


def numbers(path, kind):
    """(number, time) of each data datagram in a capture, in order."""
    for stamp, frame in _frames(path):
        at = 34 + 8
        if frame[12:14] != b"\x08\x00" or int.from_bytes(frame[38:40], "big") != SIZE + 8:
            continue
        if kind == "flowrig":
            yield struct.unpack_from(">Q", frame, at + 12)[0], stamp
        elif kind == "iperf3":
            yield struct.unpack_from(">I", frame, at + 8)[0], stamp
        elif (number := struct.unpack_from(">i", frame, at)[0]) >= 0:  # others end the test
            yield number, stamp


def shown(sent, came):
    """What two captures show: counts, jitter (RFC 3550) after the last one, and mean delay."""
    assert sent and came, "the captures have no data"
    left, seen, reordered, jitter, before, delays = dict(sent), set(), 0, 0.0, None, []
    for number, stamp in came:
        if number not in seen:
            reordered += number < max(seen, default=0)
            delays.append(stamp - left[number])
        seen.add(number)
        transit = stamp - left[number]
        jitter += (abs(transit - before) - jitter) / 16 if before is not None else 0
        before = transit
    return [len(left), len(left) - len(seen), len(came) - len(seen), reordered, jitter / 1e6,
            sum(delays) / len(delays) / 1e6]


def clock_behind(seconds):
    """The environment of a program whose wall clock is so far behind."""
    if not seconds:
        return {}
    path = os.path.join(temp_dir(), "offset")
    with open(path, "wb") as file:
        file.write(struct.pack("=q", -seconds * 10**9))
    return {"LD_PRELOAD": os.path.join(BUILD, "tests", "lab", "clockstep.so"), "CLOCKSTEP": path,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


# ---- each gives what the program says in the order of shown(), None where it says nothing; flowrig
# also says how many datagrams it had no time for


def flowrig(lab, path):
    env = clock_behind(path.behind)
    near = lab.daemon(1, bind="0.0.0.0", env=env)
    far = lab.daemon(2, bind="0.0.0.0")
    places = [f"{lab.addr(h)}/{lab.control_addr(h)}" for h in (1, 2)]
    _, log = run_logged("--udp", "-I", "-T", f"s={path.seconds}", "-S", f"s={SIZE}", "-R",
                        f"s={path.rate * SIZE * 8}bit", "-H", f"s={places[0]},d={places[1]}",
                        "--late", 0.5, netns=lab.ns(1))
    near.stop()
    far.stop()
    sent, got = log.finals["S", 0], log.finals["D", 0]
    assert got.get("delay_count"), f"nothing arrived: {got}"
    return [sent["datagrams_sent"], got["datagrams_lost"], got["datagrams_duplicate"],
            got["datagrams_reordered"], got["jitter_last"] / 1e6,
            got["delay_sum"] / got["delay_count"] / 1e6, sent["datagrams_not_offered"]]


def peers(lab, path, server, client):
    """Both sides of another program, which are (command, options); gives what each printed."""
    listening = Process(server, netns=lab.ns(2))
    wait_for(lambda: f":{PORT} " in lab.run(2, "ss", "-tulnH"), 10, "a server")
    caller = Process([*client, "-c", lab.addr(2), "-u", "-b", str(path.rate * SIZE * 8), "-l",
                      str(SIZE), "-t", str(path.seconds), "-p", str(PORT)],
                     netns=lab.ns(1), env=clock_behind(path.behind))
    caller.wait(60)
    time.sleep(0.3)
    listening.kill()
    return listening.out, caller.out


def iperf(lab, path):
    out, _ = peers(lab, path, ["iperf", "-s", "-u", "-e", "-l", str(SIZE), "-p", str(PORT)],
                   ["iperf", "-e"])
    line = re.findall(r"([\d.]+) ms +(\d+)/ *(\d+) \(\S+%\) +(-?[\d.]+)/", out)
    late = re.search(r"(\d+) datagrams received out-of-order", out)
    if not line:
        return [None] * 6
    jitter, lost, total, delay = line[-1]
    return [int(total), int(lost), None, int(late[1]) if late else 0, float(jitter), float(delay)]


def iperf3(lab, path):
    out, _ = peers(lab, path, ["iperf3", "-s", "-1", "-J", "-p", str(PORT)], ["iperf3"])
    end = json.loads(out)["end"]["streams"][0]["udp"]
    return [end["packets"], end["lost_packets"], None, end["out_of_order"], end["jitter_ms"], None]


def carried(lab):
    found = re.search(r"h1 path h2 .*?\bpkts=(\d+)", lab.call("stats"))
    return int(found[1]) if found else 0


def black_out(lab, path, began):
    """Takes the way down for the last part of the test, and a while longer."""
    wait_for(lambda: carried(lab) - began > BEFORE, 30, "data on the path")
    time.sleep(path.seconds - path.blackout - BEFORE / path.rate)
    lab.set("path", "h1", "h2", "down=1")
    time.sleep(path.blackout + 0.1)
    lab.set("path", "h1", "h2", "down=0")


def measure(lab, path, program):
    """Gives what the program says and what the captures show."""
    lab.set("path", "h1", "h2", *OFF, *path.words)
    captures = [Capture(lab, host, "udp") for host in (1, 2)]
    thread = threading.Thread(target=black_out, args=(lab, path, carried(lab)))
    if path.blackout:
        thread.start()
    said = program(lab, path)
    if path.blackout:
        thread.join()
    files = [capture.stop() for capture in captures]
    sent, came = ([*numbers(file, program.__name__)] for file in files)
    return said, shown(sent, came), max(sent)[0] in dict(came)


def check(path, said, seen, end_came):
    """flowrig's counts are those of the captures; its times are near theirs, which the kernel took
    elsewhere."""
    planned = path.rate * path.seconds
    assert said[:4] == seen[:4], f"{path.name}: told {said}, captured {seen}"
    assert abs(said[0] + said[6] - planned) <= 1, f"{path.name}: {said} of {planned}"
    assert not (path.blackout and end_came), f"{path.name}: it did not cover the end"
    assert abs(said[4] - seen[4]) < 0.5 and abs(said[5] - seen[5]) < 5, (path.name, said, seen)


def row(path, program, values):
    def cell(value):
        return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)

    texts = (path.name, program, *map(cell, values))
    note("  ".join(text.ljust(max(len(name), 10) if i else 27)
                   for i, (text, name) in enumerate(zip(texts, COLUMNS))).rstrip())


@long_case
def beside_the_others():
    """Loss with duplicates, reordering, a clock 5 s ahead and a blackout of the last 500 ms: flowrig
    says what captures show; what iperf 2 and iperf3 say is printed"""
    for program in ("iperf", "iperf3"):
        need_program(program)
    lab = Lab(2, control=True)
    for host, other in ((1, 2), (2, 1)):
        lab.run(host, "ip", "neigh", "replace", lab.addr(other), "lladdr",
                f"02:00:00:4d:00:{other:02x}", "nud", "permanent", "dev", "eth0")
    note("  ".join(name.ljust(max(len(name), 10) if i else 27) for i, name in enumerate(COLUMNS)))
    for path in PATHS:
        for program in (flowrig, iperf, iperf3):
            def checked(found, p=path, own=program is flowrig):
                if own:
                    check(p, *found)
                return found

            said, seen, _ = attempts(lambda _, p=path, q=program: measure(lab, p, q), checked)
            row(path, program.__name__, said)
            row(path, "  captured", seen)


main()
