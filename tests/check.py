# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs `make check` in a directory where flowrig was built and reports: one line for each program
that ends, then each case that failed or was skipped with its reason and the command that repeats
it, and the sum of all cases.

    python3 tests/check.py DIRECTORY JOBS [OPTIONS]

OPTIONS are those of `./bootstrap check` with which a case is repeated."""
import os
import re
import signal
import subprocess
import sys
import time


class Case:
    """One result of a test program."""

    def __init__(self, program, verdict, name, reason=""):
        self.program, self.verdict, self.name, self.reason = program, verdict, name, reason
        self.function = ""  # of a Python file: what repeats this case alone
        self.repeated = 0  # how often it failed on a busy machine before it passed


def is_over(directory, program):
    """The driver makes the .trs file at the beginning, and fills it at the end."""
    try:
        with open(os.path.join(directory, os.path.splitext(program)[0] + ".trs"),
                  encoding="ascii") as file:
            return ":copy-in-global-log:" in file.read()
    except FileNotFoundError:
        return False


def results(directory, program):
    """The cases of a program that has ended, as it told them in TAP. What automake's driver adds (no
    plan, a bad exit status) counts as one failure, and only if no case explains it."""
    path = os.path.join(directory, os.path.splitext(program)[0] + ".log")
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    starts = [i for i, line in enumerate(lines) if re.match(r"(not )?ok\b", line)]
    cases = [take_case(program, lines[start:end])
             for start, end in zip(starts, starts[1:] + [len(lines)])]
    for case, start, before in zip(cases, starts, [0] + starts):
        case.repeated = repetitions(lines[before:start])
        if case.verdict == "FAIL" and not case.reason:  # scripts of the shell say why before
            case.reason = lines[start - 1].lstrip("# ") if start else ""
    trouble = [i for i, line in enumerate(lines) if line.startswith(f"ERROR: {program}")]
    if trouble and not any(c.verdict == "FAIL" for c in cases):
        before = [line for line in lines[:trouble[0]]
                  if line.strip() and not re.match(r"[A-Z]+: " + re.escape(program), line)]
        said = "; ".join(lines[i].partition(" - ")[2] for i in trouble)
        cases.append(Case(program, "FAIL", said, before[-1].strip() if before else "no output"))
    return cases


def repetitions(lines):
    """How often a case was repeated, from the lines between its verdict and the one before: what a
    case says while it runs follows how long the one before took."""
    ends = [i for i, line in enumerate(lines) if re.fullmatch(r"# \w+: [\d.]+ s", line)]
    return sum(line.endswith(": once more") for line in lines[ends[-1] if ends else 0:])


def take_case(program, lines):
    """The case that begins with the first of these lines; the others are what it said."""
    head = re.match(r"(not )?ok\s*\d*\s*(?:- )?(.*)", lines[0])
    name, _, skipped = head[2].partition(" # SKIP ")
    case = Case(program, "FAIL" if head[1] else "SKIP" if skipped else "PASS", name.strip(), skipped)
    said = [line[2:] for line in lines[1:] if line.startswith("# ")]
    for line in said:
        found = re.fullmatch(r"(\w+): [\d.]+ s", line)
        case.function = found[1] if found else case.function
    if case.verdict == "FAIL":
        case.reason = reason_in(said)
    return case


def reason_in(said):
    """Of a traceback the exception; else the first line (cmocka's: what was compared)."""
    exceptions = [line for line in said if re.match(r"[A-Za-z_.]+(Error|Exception|Expired)\b", line)]
    text = exceptions[0] if exceptions else next((line for line in said if line.strip()), "")
    return text.strip()[:300]


def repeat(case, options):
    words = ["./bootstrap", "check", *options, case.program]
    return " ".join(words + ([case.function] if case.function else []))


class Progress:
    """A line for each program that has ended."""

    def __init__(self, directory, programs):
        self.directory, self.programs = directory, programs
        self.left, self.over, self.began = list(programs), {}, time.monotonic()

    def take(self):
        for program in list(self.left):
            if not is_over(self.directory, program):
                continue
            # The log is whole a moment later.
            if time.monotonic() - self.over.setdefault(program, time.monotonic()) < 2:
                continue
            self.left.remove(program)
            self.tell(program, results(self.directory, program))

    def cases(self):
        """All cases, at the end; and the programs that have no result."""
        over = [p for p in self.programs if is_over(self.directory, p)]
        return [case for program in over for case in results(self.directory, program)], \
            [p for p in self.programs if p not in over]

    def tell(self, program, cases):
        counts = []
        for verdict, word in (("PASS", "passed"), ("FAIL", "FAILED"), ("SKIP", "skipped")):
            count = sum(c.verdict == verdict for c in cases)
            if count or verdict == "PASS":
                counts.append(f"{count} {word}")
        done = len(self.programs) - len(self.left)
        print(f"[{done:3} of {len(self.programs)}, {time.monotonic() - self.began:4.0f} s] "
              f"{program}: {', '.join(counts)}", flush=True)


def report(cases, directory, options):
    failed = [c for c in cases if c.verdict == "FAIL"]
    skipped = [c for c in cases if c.verdict == "SKIP"]
    for each in cases:
        if each.verdict == "PASS" and each.repeated:
            log = os.path.join(directory, os.path.splitext(each.program)[0] + ".log")
            print(f"\nREPEATED {each.program}: {each.name}\n  it failed {each.repeated} times beside "
                  f"others on a busy machine, and passed alone\n"
                  f"      {repeat(each, options)}\n      (log: {log})")
    for reason in dict.fromkeys(c.reason for c in skipped):
        same = [c for c in skipped if c.reason == reason]
        print(f"\nSKIPPED ({len(same)}): {reason}")
        for each in same:
            more = ["--long"] if reason == "only with --long" else []
            print(f"  {each.name}\n      {repeat(each, options + more)}")
    for each in failed:
        log = os.path.join(directory, os.path.splitext(each.program)[0] + ".log")
        print(f"\nFAILED {each.program}: {each.name}\n  {each.reason}\n"
              f"      {repeat(each, options)}\n      (log: {log})")
    return len(failed), len(skipped)


def main():
    directory, jobs, options = sys.argv[1], sys.argv[2], sys.argv[3:]
    names = subprocess.run(["make", "-s", "-C", directory, "list-tests"], check=True, text=True,
                           capture_output=True).stdout.split()
    for name in names:
        try:
            os.remove(os.path.join(directory, os.path.splitext(name)[0] + ".trs"))
        except FileNotFoundError:
            pass
    path = os.path.join(directory, "check.log")
    print(f"running {len(names)} test programs, {jobs} at a time; all they say goes to "
          f"{directory}/test-suite.log and the .log beside each of them", flush=True)
    progress = Progress(directory, names)
    with open(path, "w", encoding="utf-8") as log:
        make = subprocess.Popen(["make", "-C", directory, f"-j{jobs}", "check"], stdout=log,
                                stderr=log)
        signal.signal(signal.SIGTERM, lambda *_: make.terminate())
        try:
            while make.poll() is None:
                time.sleep(0.5)
                progress.take()
        except KeyboardInterrupt:
            make.wait()
    cases, without = progress.cases()
    failed, skipped = report(cases, directory, options)
    for program in without:
        print(f"\nFAILED {program}: it has no result ({path})")
    failed += len(without)
    if make.returncode and not failed:
        print(f"\nFAILED make check: exit status {make.returncode} ({path})")
        failed = 1
    passed = sum(c.verdict == "PASS" for c in cases)
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
