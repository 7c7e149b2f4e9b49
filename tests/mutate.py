#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks the source on purpose, one small change at a time, and finds out whether a test notices.

    python3 tests/mutate.py [--seed N] [--count N] [--jobs N] [--module PATH] [--units-only]

Each change (an operator, a constant, a condition that is turned round, a statement that is left out)
is made in a copy of the tree. First the unit tests that include the file are run, then the scripts
that go through its room, until one fails. A failure counts only if the same case fails once more and
passes with the programs as they are. Changes that don't compile are replaced by others. The same
seed makes the same changes to the same source. --module takes only files whose path begins so.
Exit status 1: fewer than nine tenths were noticed."""
import argparse
import concurrent.futures
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ("common", "daemon", "controller")
UNIT_SECONDS, SCRIPT_SECONDS, BUILD_SECONDS = 120, 600, 900

# Which scripts go through a room; the first that fits the path.
SCRIPTS = [
    ("daemon/control/", "net/loopback_api net/loopback_status net/loopback_trust net/loopback_hostile"),
    ("daemon/session/", "net/loopback_api net/loopback_runs net/nothing_lost net/full_disks net/attach"),
    ("daemon/peer/", "net/loopback_runs net/loopback_hostile net/lab_variants"),
    ("daemon/flow/", "net/loopback_traffic net/loopback_runs net/lab_message net/lab_bulk net/lab_traffic"),
    ("daemon/capture/", "net/loopback_dumps net/lab_dumps"),
    ("daemon/host/", "cli/trust net/loopback_trust net/loopback_runs"),
    ("daemon/net/", "net/lab_sockets net/loopback_runs net/lab_variants"),
    ("daemon/engine/", "net/loopback_runs net/nothing_lost"),
    ("daemon/", "cli/trust net/loopback_runs"),
    ("controller/commands/", "cli/options cli/help cli/plot net/loopback_status net/attach"),
    ("controller/run/", "cli/options net/loopback_runs net/attach net/lab_failures"),
    ("controller/output/", "cli/screen cli/log cli/histogram cli/table cli/outputs cli/plot"),
    ("controller/results/", "cli/screen net/clocks net/loopback_runs"),
    ("controller/plan/", "cli/dry_run cli/options net/loopback_runs"),
    ("controller/fleet/", "cli/trust net/loopback_trust net/lab_failures"),
    ("controller/", "cli/options cli/help"),
    ("common/", "cli/options cli/dry_run net/loopback_api net/loopback_runs"),
]

OPERATORS = [("<=", "<"), (">=", ">"), (" < ", " <= "), (" > ", " >= "), ("==", "!="), ("!=", "=="),
             ("&&", "||"), ("||", "&&"), (" + ", " - "), (" - ", " + "), (" * ", " / "),
             ("+=", "-="), ("-=", "+="), ("++", "--"), ("true", "false"), ("false", "true")]

# Left out, these change nothing that a test could see.
UNSEEN = re.compile(r"\s*(free|fclose|close|munmap|va_end|log_\w+|flow_log|\w+_free|\w+_destroy|break)\b")
STATEMENT = re.compile(r"\s+(?!return|goto|case|break|continue|else|static|const|struct)"
                       r"[\w>.\[\]*()-]+( [-+|&]?= [^;{]*|\([^;{]*\)|\+\+|--);\s*$")


class Change:
    def __init__(self, path, line, what, new):
        self.path, self.line, self.what, self.new = path, line, what, new

    def __str__(self):
        return f"{self.path}:{self.line + 1}: {self.what}"


def blank(text):
    """Comments, texts and the preprocessor's lines, so that nothing in them is changed."""
    def spaces(found):
        return re.sub(r"[^\n]", " ", found[0])
    text = re.sub(r"/\*.*?\*/", spaces, text, flags=re.S)
    text = re.sub(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", spaces, text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", spaces, text, flags=re.M)


def changes_of(path):
    """All that can be changed in a file."""
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        text = file.read()
    found = []
    for number, (line, bare) in enumerate(zip(text.split("\n"), blank(text).split("\n"))):
        if not line.startswith(" ") or "static_assert" in line.lower():
            continue

        def add(begin, end, new, what):
            found.append(Change(path, number, what, line[:begin] + new + line[end:]))

        for old, new in OPERATORS:
            for at in re.finditer(re.escape(old) if not old.isalpha() else rf"\b{old}\b", bare):
                if old in ("++", "--") and line.lstrip().startswith("for ("):
                    continue  # the loop has no end, which says little of a test
                # Not a part of a longer operator.
                if old in ("==", "!=", "<=", ">=", "&&", "||") or \
                        bare[at.start() - 1] not in "<>=" and bare[at.end():at.end() + 1] != "=":
                    add(at.start(), at.end(), new, f"'{old.strip()}' is '{new.strip()}'")
        for at in re.finditer(r"(?<![\w.])(\d+)(?![\w.])", bare):
            add(at.start(), at.end(), str(int(at[1]) + 1), f"{at[1]} is {int(at[1]) + 1}")
        for at in re.finditer(r"\b(if|while) \((.*)\)( \{)?$", bare):
            if at[2].count("(") == at[2].count(")"):
                add(at.start(2), at.end(2), f"!({line[at.start(2):at.end(2)]})",
                    f"the condition '{line[at.start(2):at.end(2)]}' is turned round")
        if STATEMENT.match(bare) and not UNSEEN.match(bare):
            add(len(line) - len(line.lstrip()), len(line), ";", f"'{line.strip()}' is left out")
    return found


def places_of(module):
    """All changes that can be made, by file."""
    paths = sorted(os.path.relpath(os.path.join(folder, name), TOP)
                   for top in FOLDERS for folder, _, names in os.walk(os.path.join(TOP, top))
                   for name in names if name.endswith(".c"))
    places = {path: changes_of(path) for path in paths if path.startswith(module)}
    if not any(places.values()):
        sys.exit(f"nothing can be changed in files that begin with '{module}'")
    return places


def draw_changes(seed, places):
    """Changes without end: the files in random order, and again, in each a random place."""
    draw = random.Random(seed)
    while True:
        order = [path for path in places if places[path]]
        draw.shuffle(order)
        for path in order:
            yield draw.choice(places[path])


def units_of(path):
    """The unit tests that include a source file, or a header that does."""
    folder = os.path.join(TOP, "tests", "unit")
    texts = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            texts[name] = file.read()
    wanted = {path, path.partition("/")[2]}  # the programs' folders are searched, too
    headers = {name for name, text in texts.items() if name.endswith(".h") and
               any(f'#include "{w}"' in text for w in wanted)}
    return sorted(name[:-2] for name, text in texts.items() if name.endswith(".c") and
                  any(f'#include "{w}"' in text for w in wanted | headers))


def scripts_of(path):
    return next(scripts for room, scripts in SCRIPTS if path.startswith(room)).split()


class Tree:
    """A copy of the tree, built."""

    def __init__(self, top, number):
        self.top = os.path.join(top, str(number))
        self.build = os.path.join(self.top, "build")
        files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, check=True,
                               text=True, capture_output=True).stdout.splitlines()
        for name in files:
            if os.path.exists(os.path.join(TOP, name)):
                os.makedirs(os.path.dirname(os.path.join(self.top, name)), exist_ok=True)
                shutil.copy2(os.path.join(TOP, name), os.path.join(self.top, name))
        os.makedirs(self.build)
        # Without --enable-werror: what a change leaves unused is no error.
        self.must(["autoreconf", "-fi"], self.top)
        self.must(["../configure", "-q"], self.build)
        self.must(["make", "-s", "all", "tests/lab/labwire", "tests/lab/clockstep.so"], self.build)
        self.clean = os.path.join(self.top, "clean")
        os.makedirs(self.clean)
        for program in ("daemon/flowd", "controller/flowctl"):
            shutil.copy2(os.path.join(self.build, program), self.clean)

    @staticmethod
    def must(command, cwd):
        done = subprocess.run(command, cwd=cwd, text=True, capture_output=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed in a copy of the tree:\n{done.stderr[-3000:]}")

    def run(self, command, seconds, env=None):
        """What it wrote; None: it ended well. A test that hangs has failed."""
        env = dict(os.environ, FLOWRIG_SOURCE=self.top, FLOWRIG_BUILD=self.build,
                   PYTHONPATH=os.path.join(self.top, "tests"), CMOCKA_MESSAGE_OUTPUT="TAP",
                   FLOWRIG_LONG="", **(env or {}))
        process = subprocess.Popen(command, cwd=self.build, env=env, text=True, errors="replace",
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        try:
            out, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            out, _ = process.communicate()
            return out + "\nit hangs"
        return out if process.returncode else None

    def make(self, *targets):
        return self.run(["make", "-s", *targets], BUILD_SECONDS) is None

    def script(self, name, cases, clean=False):
        programs = {"FLOWD": f"{self.clean}/flowd", "FLOWCTL": f"{self.clean}/flowctl"}
        command = [sys.executable, os.path.join(self.top, "tests", name + ".py"), *cases]
        return self.run(command, SCRIPT_SECONDS, programs if clean else None)

    def script_notices(self, name):
        out = self.script(name, [])
        if out is None:
            return False
        cases = []
        for case in re.split(r"(?m)^(?=(?:not )?ok \d)", out):
            found = re.findall(r"(?m)^# (\w+): [\d.]+ s$", case)
            if case.startswith("not ok") and found:
                cases.append(found[-1])
        # It may be the machine: the same cases again, and without the change.
        return self.script(name, cases) is not None and self.script(name, cases, True) is None

    def killer(self, change, units_only):
        """Which test notices the change; "" if none does, None if it can't be compiled."""
        path = os.path.join(self.top, change.path)
        with open(path, encoding="utf-8") as file:
            before = file.read()
        lines = before.split("\n")
        lines[change.line] = change.new
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(lines))
            units = [f"tests/unit/{name}" for name in units_of(change.path)]
            if not self.make("all", *units):
                return None
            for unit in units:
                if self.run([os.path.join(self.build, unit)], UNIT_SECONDS) is not None:
                    return unit
            for name in [] if units_only else scripts_of(change.path):
                if self.script_notices(name):
                    return f"tests/{name}.py"
            return ""
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(before)


def parse():
    parser = argparse.ArgumentParser(description="breaks the source, and sees whether tests notice")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--module", default="")
    parser.add_argument("--units-only", action="store_true")
    return parser.parse_args()


def main():
    options = parse()
    print(f"seed {options.seed}: {options.count} changes, {options.jobs} at a time", flush=True)
    changes, lock = draw_changes(options.seed, places_of(options.module)), threading.Lock()
    ends, trees = [], queue.Queue()

    def one(number):
        tree = trees.get()
        killer = None
        while killer is None:
            with lock:
                change = next(changes)
            killer = tree.killer(change, options.units_only)
        with lock:
            ends.append((change, killer))
            print(f"[{len(ends)} of {options.count}] "
                  f"{'killed by ' + killer if killer else 'SURVIVED'}: {change}", flush=True)
        trees.put(tree)

    with tempfile.TemporaryDirectory(prefix="flowrig-mutate-") as top:
        for number in range(options.jobs):
            trees.put(Tree(top, number))
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for end in [pool.submit(one, number) for number in range(options.count)]:
                end.result()
    survivors = [change for change, killer in ends if not killer]
    units = sum(killer.startswith("tests/unit") for _, killer in ends)
    print(f"\n{len(ends) - len(survivors)} of {len(ends)} killed: {units} by unit tests, "
          f"{len(ends) - len(survivors) - units} by scripts; seed {options.seed}")
    for change in sorted(survivors, key=str):
        print(f"  survived: {change}\n      {change.new.strip()}")
    sys.exit(10 * len(survivors) > len(ends))


if __name__ == "__main__":
    main()
