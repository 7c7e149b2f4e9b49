#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the source promises its reader: comments above what headers declare, files and functions of
a size, those of the unit tests as well, and no circle of files."""
import os
import re

from flowrig_test import case, main

SOURCE = os.environ.get("FLOWRIG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
PROGRAMS = ("common", "daemon", "controller")
# Circles that still are there, by their first file. The list may only become shorter.
OWED = []


def files(ending, tops=PROGRAMS):
    """(path below the source, text) of each file of the programs, or of other folders."""
    for top in tops:
        for folder, _, names in os.walk(os.path.join(SOURCE, top)):
            for name in sorted(names):
                if name.endswith(ending):
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8") as file:
                        yield os.path.relpath(path, SOURCE), file.read()


def lonely_prototypes(text):
    """Prototypes of a header with no comment above them, nor above the prototypes before them."""
    told = False
    for part in re.split(r"\n(?=\S)", text):
        line = part.strip()
        if line.startswith("/*"):
            told = True
        elif re.match(r"(?!typedef|#|static|enum|union)[\w ]+[ *]+\**\w+\([^;{]*\)[^;{]*;", line, re.S):
            if not told:
                yield re.search(r"(\w+)\(", line)[1]
        told = told and (line.startswith("/*") or not re.search(r"\n\s*\n", part + "\n"))


@case
def prototypes_have_comments():
    """A comment stands above each public function, or above the group that it is in"""
    found = [f"{path}: {name}" for path, text in files(".h") for name in lonely_prototypes(text)]
    assert not found, f"{len(found)}:\n" + "\n".join(found)


def functions(text):
    """(name, lines) of each function that is defined."""
    for body in re.finditer(r"^[a-z][^\n;={}]*?(\w+)\((?:[^;{}]*?)\)\n\{\n.*?^\}\n", text, re.S | re.M):
        yield body[1], body[0].count("\n")


def too_long(sources, most, least):
    """Files of 450 lines or more, and functions of more than `most` lines; at least `least` functions
    must be found at all."""
    found = [(path, name, lines) for path, text in sources for name, lines in functions(text)]
    assert len(found) > least, f"only {len(found)} functions were found"
    return [f"{path}: {text.count(chr(10))}" for path, text in sources if text.count("\n") >= 450] + \
        [f"{path}: {name}() {lines}" for path, name, lines in found if lines > most]


@case
def files_and_functions_have_a_size():
    """No file has 450 lines, and no function has more than 50"""
    long = too_long(list(files(".c")) + list(files(".h")), 50, 2000)
    assert not long, "\n".join(long)


@case
def unit_tests_have_a_size():
    """No file of the unit tests has 450 lines, and no function, with its table of cases, has 60"""
    tops = ("tests/unit",)
    long = too_long(list(files(".c", tops)) + list(files(".h", tops)), 59, 1500)
    assert not long, "\n".join(long)


def modules():
    """{module: modules that it includes}; a module is a .c file with its header, or one of them; what
    several files share of x from within, x_state, is a part of x."""
    found = {}
    for path, text in list(files(".c")) + list(files(".h")):
        module = os.path.splitext(path)[0].removesuffix("_state")
        top = path.split("/")[0]
        for header in re.findall(r'^#include "([^"]+)\.h"', text, re.M):
            for place in (top, "common"):
                if os.path.exists(os.path.join(SOURCE, place, header + ".h")):
                    found.setdefault(module, set()).add(
                        os.path.join(place, header).removesuffix("_state"))
                    break
    return found


def circles(graph):
    """The sets of modules that include each other, in one way or another (Tarjan)."""
    order, low, stack, found = {}, {}, [], []

    def visit(module):
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in sorted(graph.get(module, ())):
            if other not in order:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == order[module]:
            at = stack.index(module)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for module in sorted(graph):
        if module not in order:
            visit(module)
    return found


@case
def no_circles():
    """No two files include each other's headers, over whatever others"""
    graph = modules()
    assert len(graph) > 150, len(graph)
    found = circles({module: {o for o in others if o != module} for module, others in graph.items()})
    assert [circle[0] for circle in sorted(found)] == OWED, "\n".join(map(", ".join, found))


main()
