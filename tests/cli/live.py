#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The full-screen view, in a real terminal (tmux): it fits, keys work, and the terminal, the run,
the summary and the exit status are as they should be afterwards."""
import os
import re
import shutil
import signal
import subprocess
import time

from flowrig_test import FLOWCTL, Skip, case, flowctl, long_case, main, note, temp_dir

SIZES = ((80, 24), (120, 40), (200, 50))


class Terminal:
    """A tmux of its own with a shell, whose screen is read back."""

    def __init__(self, width, height):
        if not shutil.which("tmux"):
            raise Skip("tmux is not installed (apt install tmux)")
        self.base = ["tmux", "-S", os.path.join(temp_dir(), "tmux"), "-f", "/dev/null"]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "ENV": ""}
        environment.pop("TMUX", None)
        subprocess.run(self.base + ["new-session", "-d", "-x", str(width), "-y", str(height),
                                    "sh"], env=environment, check=True)
        self.wait(lambda screen: screen.strip(), timeout=10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(self.base + ["kill-server"], check=False)

    def tmux(self, *words):
        return subprocess.run(self.base + list(words), check=True, capture_output=True,
                              text=True).stdout

    def screen(self, history=False):
        return self.tmux("capture-pane", "-p", *(["-S", "-500"] if history else []))

    def wait(self, holds, timeout=40, history=False):
        """The screen, once that holds."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            screen = self.screen(history)
            if holds(screen):
                return screen
            time.sleep(0.05)
        raise AssertionError(f"not within {timeout} s:\n{screen}")

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def start(self, *arguments, program=FLOWCTL):
        words = " ".join(str(a) for a in (program, "--embedded", "--live") + arguments)
        self.tmux("send-keys", "-l", f"clear; {words}; echo status=$?")
        self.type("Enter")

    def flowctl(self):
        """The pid of the flowctl that runs there."""
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        return int(subprocess.run(["pgrep", "-P", shell], capture_output=True, text=True,
                                  check=True).stdout.split()[0])

    def ended(self, status):
        """The screen and what is above it, after the program."""
        text = self.wait(lambda s: re.search(r"status=\d+", s), history=True)
        assert f"status={status}\n" in text, text
        assert self.tmux("display-message", "-p", "#{alternate_on}").strip() == "0", text
        self.tmux("send-keys", "-l", "stty -a | tr ';' '\\n' | grep icanon; echo checked")
        self.type("Enter")
        modes = self.wait(lambda s: re.search(r"^checked", s, re.M), history=True)
        assert " icanon" in modes.split("status=")[-1] and "-icanon" not in modes, modes
        return text


def rows(screen):
    return re.findall(r"^ +(\d+) .*$", screen, re.M)


def has_rows(screen):
    return re.search(r"^ +\d+ .* [\d.]+ +[▁-█]", screen, re.M)


def fits(width, height, flows):
    with Terminal(width, height) as terminal:
        terminal.start("-n", flows, "-T", "s=60", "-R", "s=400kbit", "-S", "s=1000")
        lines = terminal.wait(has_rows).splitlines()
        shown = min(flows, height - 5)
        assert "run " in lines[0] and lines[0].rstrip().endswith(" s"), lines
        assert lines[1].startswith(f"{flows} shown, goodput "), lines
        assert lines[2].split()[0] == "flow" and lines[2].rstrip().endswith("limited by"), lines
        assert [int(r) for r in rows("\n".join(lines[3:]))] == list(range(shown)), lines
        assert lines[-1].startswith("F1/h Help"), lines
        assert max(map(len, lines)) <= width and len(lines) == height, lines
        terminal.type("q")
        terminal.wait(lambda s: "the run goes on" in s)
        terminal.type("C-c")
        assert f"total: {flows} flow" in terminal.ended(130)
        note(f"{width}x{height}, {flows} flows: {shown} rows")


@case
def fits_some_terminals():
    """One, 8 and 300 flows, each at one size: heads, rows in order, keys, and nothing wraps"""
    for (width, height), flows in zip(SIZES, (300, 8, 1)):
        fits(width, height, flows)


@long_case
def fits_every_terminal():
    """1, 8 and 300 flows at 80x24, 120x40 and 200x50 likewise"""
    for width, height in SIZES:
        for flows in (1, 8, 300):
            fits(width, height, flows)


@case
def quitting_leaves_the_run():
    """q closes the view; the run has its whole time, its summary, and status 0"""
    with Terminal(80, 24) as terminal:
        terminal.start("-T", "s=3", "-R", "s=1Mbit")
        terminal.wait(has_rows)
        terminal.type("q")
        text = terminal.ended(0)
        assert "the run goes on" in text and "total: 1 flow" in text, text
        received = float(re.search(r"([\d.]+) kB received", text)[1])
        assert 340 < received < 400, f"{received} kB of 3 s at 1 Mbit/s\n{text}"


@case
def keys_and_resizing():
    """Help, filter, group and sort; a new size is taken up in mid-run; the view ends with the run"""
    with Terminal(80, 24) as terminal:
        terminal.start("-n", 40, "-T", "s=9", "-R", "s=400kbit", "-S", "s=1000", "--title", "x42x")
        terminal.wait(has_rows)
        terminal.type("End")
        terminal.wait(lambda s: "flow 39:" in s)
        terminal.type("F1")
        terminal.wait(lambda s: "close the view; the run goes on" in s)
        terminal.type("x", "\\", "3", "7", "Enter")
        assert rows(terminal.wait(lambda s: "1 shown" in s)) == ["37"]
        terminal.type("\\", "BSpace", "BSpace", "Enter")
        terminal.wait(lambda s: "40 shown" in s)
        terminal.type("t")
        terminal.wait(lambda s: re.search(r"^\+ +40 .*from localhost", s, re.M))
        terminal.type("t", "t")
        terminal.tmux("resize-window", "-x", "150", "-y", "50")
        assert "x42x" in terminal.wait(lambda s: "cwnd" in s and len(rows(s)) == 40)
        terminal.tmux("resize-window", "-x", "60", "-y", "12")
        terminal.wait(lambda s: "cwnd" not in s and len(rows(s)) == 12 - 5)
        assert "total: 40 flows" in terminal.ended(0)


@case
def terminal_is_restored():
    """After Ctrl-C, two SIGTERMs and a fatal signal the terminal is as before, and says why"""
    for numbers, status, words in (((signal.SIGINT,), 130, "stopping the flows"),
                                   ((signal.SIGTERM, signal.SIGINT), 130, ""),
                                   ((signal.SIGQUIT,), 131, "")):
        with Terminal(80, 24) as terminal:
            terminal.start("-T", "s=30", "-R", "s=1Mbit")
            terminal.wait(has_rows)
            pid = terminal.flowctl()
            for number in numbers:
                os.kill(pid, number)
            assert words in terminal.ended(status)


@case
def is_refused_elsewhere():
    """Without a terminal, with one that nobody knows, and with -q there is one sentence"""
    for extra, sentence in (((), "--live needs a terminal as standard output"),
                            (("-q",), "--live can't be used with -q")):
        result = flowctl("--live", *extra)
        assert (result.status, result.err) == (1, f"flowctl: {sentence}\n"), result
    if shutil.which("script"):
        done = subprocess.run(["script", "-qec", f"{FLOWCTL} --live", "/dev/null"],
                              env={**os.environ, "TERM": "no-such"}, stdout=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True, timeout=60, check=False)
        assert "--live does not know the terminal type 'no-such'" in done.stdout, done.stdout
        assert done.returncode == 1, done


main()
