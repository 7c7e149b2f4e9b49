#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the rooms: a file includes its own room, rooms below it, and common/; nothing above."""
import os
import re

from flowrig_test import case, main

SOURCE = os.environ.get("FLOWRIG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))

# From the top downwards; "" is the program's own folder. README says what each room is for.
ROOMS = {
    "daemon": ("", "control", "iperf", "stamp", "session", "peer", "flow", "capture", "host", "net", "engine"),
    "controller": ("", "commands", "stamp", "run", "output", "results", "plan", "fleet"),
}
# Arrows that still run upwards: (file, what it includes). The list may only become shorter.
OWED = set()


def includes(top):
    """(file, its room, what it includes) for each include of a project file below a folder."""
    for folder, _, names in os.walk(os.path.join(SOURCE, top)):
        room = os.path.relpath(folder, os.path.join(SOURCE, top)).replace(".", "")
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    for header in re.findall(r'^#include "([^"]+)"', file.read(), re.M):
                        yield os.path.relpath(os.path.join(folder, name), SOURCE), room, header


def is_upward(top, room, header):
    """Whether an include of a file in this room leads to a room above it, or out of the program."""
    if "/" not in header:  # common/, or the program's own folder
        return room != "" and os.path.exists(os.path.join(SOURCE, top, header))
    target = header.split("/")[0]
    return target not in ROOMS[top] or ROOMS[top].index(target) < ROOMS[top].index(room)


@case
def rooms_include_downwards():
    """rooms include downwards only"""
    upward, seen = set(), 0
    for top in ROOMS:
        for file, room, header in includes(top):
            seen += 1
            if is_upward(top, room, header):
                upward.add((file, header))
    assert seen > 300, f"only {seen} includes were read"
    assert upward == OWED, f"new: {sorted(upward - OWED)}; mended, to be taken off the list: {sorted(OWED - upward)}"


@case
def common_stands_alone():
    """common/ includes neither program"""
    found = [(file, header) for file, _, header in includes("common") if "/" in header
             or not os.path.exists(os.path.join(SOURCE, "common", header))]
    assert found == [], found


@case
def flows_are_opaque():
    """What a flow is made of is known in daemon/flow/ alone"""
    knows = {file for file, _, header in includes("daemon") if header == "flow/flow_state.h"}
    assert "daemon/flow/flow.c" in knows
    outside = {file for file in knows if not file.startswith("daemon/flow/")}
    assert outside == set(), outside
    with open(os.path.join(SOURCE, "daemon/flow/flow.h"), encoding="utf-8") as file:
        assert "struct flow {" not in file.read()
    # nor does a header that others include bring it along
    internal = {"flow/flow_state.h"}
    while True:
        more = {file.removeprefix("daemon/") for file, _, header in includes("daemon")
                if file.endswith(".h") and header in internal} - internal
        if not more:
            break
        internal |= more
    brought = {(file, header) for file, room, header in includes("daemon")
               if room != "flow" and header in internal}
    assert brought == set(), brought


main()
