#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the manual work: each is taken from its page and run.

In the section EXAMPLES of a page, a line of a literal block that begins with "$ " is a command, and
lines after it that begin with "> " belong to it. They are run in order in one directory. What is
changed before: the names of hosts become addresses of the loopback interface with a daemon of their
own each, and times are cut to a twentieth, so that ten seconds are half a second."""
import importlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import types

from flowrig_test import (FLOWCTL, FLOWD, Daemon, FlowLog, Process, Skip, at_end, case, expect, flowctl, main,
                          need_program, note, temp_dir, wait_for)

SOURCE = os.environ.get("FLOWRIG_SOURCE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..")

# The hosts of the manual, by number. Host n has the address 127.0.0.n and a daemon of its own; an
# address of IPv6 stays as it is.
HOSTS = {"host1": 1, "10.0.0.1": 1, "192.168.1.1": 1, "127.0.0.1": 1, "::1": 1,
         "host2": 2, "10.0.0.2": 2, "192.168.1.2": 2, "10.0.0.3": 3, "10.0.0.4": 4}
SHORTER = 20
USUAL = 10 / SHORTER  # where nothing is said of a duration


# ---- what stands in the page


def unescape(text):
    for escape, char in ((r"\(dq", '"'), (r"\-", "-"), (r"\&", ""), (r"\e", "\\")):
        text = text.replace(escape, char)
    return text


def blocks(page):
    """The literal blocks of the page's examples."""
    with open(os.path.join(SOURCE, "man", page), encoding="utf-8") as file:
        text = file.read()
    examples = re.search(r"^\.Sh EXAMPLES\n(.*?)(?=^\.Sh )", text, re.M | re.S)[1]
    found = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", examples, re.M | re.S)
    assert found, f"{page} has no examples"
    return [unescape(block) for block in found]


def commands(page):
    found = []
    for block in blocks(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            elif line.startswith("> "):
                found[-1] += "\n" + line[2:]
    return found


# ---- what is changed before it is run


class Hosts:
    """The daemons of the manual's hosts, each started when it is needed."""

    def __init__(self):
        self.daemons = {}

    def control(self, name):
        number = HOSTS[name]
        if number not in self.daemons:
            self.daemons[number] = Daemon()
        return f"127.0.0.1:{self.daemons[number].port}"

    def place(self, match):
        """An "x=HOST" or "x=HOST/CONTROL" of -H."""
        endpoint, host, control = match[1], match[2], match[3] or match[2]
        address = host if ":" in host else f"127.0.0.{HOSTS[host]}"
        return f"{endpoint}={address}/{self.control(control)}"

    def put_into(self, command):
        places = re.sub(r"-H (\S+)", lambda m: "-H " + re.sub(
            r"([sdb])=([^/,]+)(?:/([^,]+))?", self.place, m[1]), command)
        return re.sub(r"(flowctl (?:status|stop)) (.*)", lambda m: m[1] + " " + " ".join(
            self.control(name) for name in m[2].split()), places)


with open(os.path.join(SOURCE, "controller", "commands", "commands.def"), encoding="utf-8") as _file:
    COMMANDS = [name.replace("_", "-") for name in re.findall(r"^COMMAND\(command_(\w+)\)", _file.read(), re.M)]
# What carries out a run: flowctl without another command.
RUNS = rf"^flowctl(?! (?:{'|'.join(name for name in COMMANDS if name != 'run')}|--dry-run)\b)"


def shorten(command):
    """Cuts durations and delays; gives one to flowctl where there is none."""
    def cut(match):
        return match[1] + re.sub(r"(?<==)[\d.]+", lambda m: f"{float(m[0]) / SHORTER:g}", match[2])

    if re.search(r" -T ", command):
        return re.sub(r"( -[TY] )(\S+)", cut, command)
    return re.sub(RUNS, f"flowctl -T s={USUAL:g}", command)


def programs():
    """An environment in which flowctl and flowd are those that were built."""
    directory = temp_dir()
    os.symlink(os.path.abspath(FLOWCTL), os.path.join(directory, "flowctl"))
    os.symlink(os.path.abspath(FLOWD), os.path.join(directory, "flowd"))
    return dict(PATH=directory + os.pathsep + os.environ["PATH"],
                FLOWRIG_FLOWD=os.path.abspath(FLOWD))


def have_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def why_not(command, hosts):
    """Why the command can't be run here, or nothing."""
    if re.search(r"\bgnuplot\b|flowctl plot", command):
        try:
            need_program("gnuplot")
        except Skip as reason:
            return str(reason)
    if "::" in command and not have_ipv6():
        return "there is no IPv6"
    hosts.control("host1")
    known = hosts.daemons[1].rpc().flowd.describe()["congestion_controls"]
    unknown = [name for name in re.findall(r"TCP_CONGESTION=(\w+)", command) if name not in known]
    return f"there is no congestion control {unknown[0]}" if unknown else None


# ---- running it


def products(command):
    """The files that the command writes, as its text tells."""
    found = re.findall(r"(?:-o |--log-file=|> *|set output \")([\w.-]+\.\w+)", command)
    if command.startswith("flowctl plot") and not found:
        found = [re.sub(r"\.log$", ".svg", command.split()[2])]
    return found


def check(command, done, directory):
    """What the command should have done, as far as its text tells."""
    assert done.returncode == 0, f"exit status {done.returncode}"
    files = products(command)
    for name in files:
        size = os.path.getsize(os.path.join(directory, name))
        assert size > 500, f"{name} has {size} bytes"
    if files:
        return
    assert done.stdout, "nothing was printed"
    if re.match(RUNS, command):
        total = r"^# total: flows = \d+, failed = 0, goodput = (?!0\.0+ )[0-9]"
        assert re.search(total, done.stdout, re.M), "the summary is not as it should be"
        assert " -Q" in command or re.search(r"^S +0 ", done.stdout, re.M), "there are no rows"


def run_page(page):
    """Runs all commands of the page's examples; says of each what went wrong."""
    hosts, environment, directory = Hosts(), programs(), temp_dir()
    failures = []
    for command in commands(page):
        reason = why_not(command, hosts)
        if reason:
            note(f"not run, {reason}: {command}")
            continue
        changed = hosts.put_into(shorten(command))
        note(changed)
        done = subprocess.run(["sh", "-c", changed], text=True, capture_output=True, timeout=120,
                              cwd=directory, env=dict(os.environ, **environment), check=False,
                              stdin=subprocess.DEVNULL)
        try:
            check(command, done, directory)
        except (AssertionError, OSError) as trouble:
            failures.append(f"{trouble}\n$ {changed}\n{done.stderr}{done.stdout[-1000:]}")
    assert not failures, "\n".join(failures)


@case
def examples_of_flowctl():
    """The examples of flowctl(1) run."""
    run_page("flowctl.1")


class Rows:
    """As much of pandas.DataFrame as the example uses."""

    def __init__(self, rows, key=None, column=None):
        self.rows, self.key, self.column = rows, key, column

    def __getitem__(self, which):
        if isinstance(which, list):
            return Rows([row for row, wanted in zip(self.rows, which) if wanted])
        return Rows(self.rows, self.key, which)

    def __eq__(self, value):
        return [row[self.column] == value for row in self.rows]

    def groupby(self, key):
        return Rows(self.rows, key)

    def mean(self):
        groups = {}
        for row in self.rows:
            groups.setdefault(row[self.key], []).append(float(row[self.column]))
        return {key: sum(values) / len(values) for key, values in groups.items()}


def read_csv(path, sep, comment, names):
    with open(path, encoding="utf-8") as file:
        return Rows([dict(zip(names, line.split(sep), strict=True)) for line in file.read().splitlines()
                     if not line.startswith(comment)])


@case
def pandas_example():
    """flowlog(5)'s lines for pandas: run with it, or with what stands for it where it is not installed"""
    text, = [block for block in blocks("flowlog.5") if "import pandas" in block]
    folder = temp_dir()
    log = os.path.join(folder, "run.log")
    expect(flowctl("--embedded", "-n", 2, "-T", "s=0.4", "-i", "0.1", "-q", f"--log-file={log}"))
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        pandas = types.ModuleType("pandas")
        pandas.read_csv = read_csv
        note("pandas is not installed: a stand-in reads the log")
    shown = []
    sys.modules["pandas"] = pandas
    before = os.getcwd()
    os.chdir(folder)
    try:
        exec(text, {"print": shown.append})  # pylint: disable=exec-used
    finally:
        os.chdir(before)
    rows = FlowLog(log).of("D", 0) + FlowLog(log).of("D", 1)
    for flow, mean in dict(shown[0]).items():
        mine = [row["rx_through"] for row in rows if row["id"] == int(flow)]
        assert abs(mean - sum(mine) / len(mine)) < 1e-6 * max(mine), (flow, mean, mine)
    assert len(dict(shown[0])) == 2


@case
def examples_of_flowlog():
    """The examples of flowlog(5) run."""
    run_page("flowlog.5")


# ---- flowd


def free_port(*addresses):
    """A port that is free at all the addresses."""
    for _ in range(100):
        with socket.create_server((addresses[0], 0)) as first:
            port = first.getsockname()[1]
            try:
                for address in addresses[1:]:
                    family = socket.AF_INET6 if ":" in address else socket.AF_INET
                    socket.create_server((address, port), family=family).close()
                return port
            except OSError:
                continue
    raise AssertionError("no port is free")


def run_to_its_end(command, environment):
    done = subprocess.run(["sh", "-c", command], text=True, capture_output=True, timeout=60,
                          env=environment, check=False, cwd=environment["STATE_DIRECTORY"])
    assert done.returncode == 0, f"$ {command}\nexit status {done.returncode}\n{done.stderr}"


def run_in_background(command, pid_file, port, environment):
    run_to_its_end(command, environment)
    secret = os.path.join(environment["STATE_DIRECTORY"], "lab.token")
    options = ["--token-file", secret] if "--token-file" in command else []
    with open(pid_file, encoding="ascii") as file:
        pid = int(file.read())
    try:
        answer = flowctl("status", *options, f"127.0.0.1:{port}")
        assert answer.status == 0, answer.err
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(pid_file), 20, "the end of the daemon")


def run_in_foreground(command, environment):
    process = Process(["sh", "-c", "exec " + command], env=environment)
    wait_for(lambda: "listening at" in process.err or not process.running(), 20, "listening")
    process.signal(signal.SIGTERM)
    status = process.wait(30)
    assert status == 0, f"$ {command}\nexit status {status}\n{process.err}"


@case
def examples_of_flowd():
    """The examples of flowd(8) run."""
    environment = dict(os.environ, **programs(), STATE_DIRECTORY=temp_dir())
    found = [command for command in commands("flowd.8") if command.startswith("flowd")]
    assert found
    for command in found:
        if "::" in command and not have_ipv6():
            note(f"not run, there is no IPv6: {command}")
            continue
        if "--make-token" in command:
            note(command)
            run_to_its_end(command, environment)
            continue
        port = free_port("127.0.0.1", *(["::1"] if have_ipv6() else []))
        pid_file = os.path.join(temp_dir(), "flowd.pid")
        changed = command.replace("10.0.0.1", "127.0.0.1").replace("fd00::1", "::1")
        changed = changed.replace("/run/flowd.pid", pid_file)
        if " -p " not in changed:
            changed += f" -p {port}"
        if pid_file not in changed:
            changed += f" --pid-file {pid_file}"
        note(changed)
        if " -d" in changed:
            run_in_foreground(changed, environment)
        else:
            run_in_background(changed, pid_file, port, environment)


# What systemd does with a socket: it becomes descriptor 3.
ACTIVATE = ("import os, sys; os.dup2(int(sys.argv[1]), 3); "
            "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); "
            "os.execv(sys.argv[2], sys.argv[2:])")


@case
def units_of_systemd():
    """The units of systemd in flowd(8) start a daemon that answers."""
    block = next(b for b in blocks("flowd.8") if "[Socket]" in b)
    address = re.search(r"^ListenStream=(\S+):5999$", block, re.M)
    program = re.search(r"^ExecStart=\S+/flowd (.*)$", block, re.M)
    assert address and address[1] in HOSTS and program
    options = program[1].replace("/var/lib/flowd", temp_dir()).split()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, number = listening.getsockname()[1], listening.fileno()
        process = subprocess.Popen([sys.executable, "-c", ACTIVATE, str(number),
                                    os.path.abspath(FLOWD)] + options, pass_fds=(number,),
                                   stderr=subprocess.PIPE, text=True)
        at_end(lambda: process.poll() is None and process.kill())
    answer = flowctl("status", f"127.0.0.1:{port}")
    assert answer.status == 0, answer.err
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=30)[1]
    assert process.returncode == 0, err


@case
def controller_in_python():
    """The controller in Python of flowd(8) runs, and its flow has the rate that it asks for."""
    program = next(b for b in blocks("flowd.8") if b.startswith("import"))
    port = free_port("127.0.0.2", "127.0.0.3")
    for address in ("127.0.0.2", "127.0.0.3"):
        Daemon(bind=address, port=port)
    changed = program.replace("host1", "127.0.0.2").replace("host2", "127.0.0.3")
    changed = changed.replace(":5999/", f":{port}/")
    assert changed.count(str(port)) == 1
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", changed], text=True, capture_output=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    last = {row[0]: row for row in rows}
    assert [row[0] for row in rows].count("d") == 4, done.stdout
    received, sent = int(last["d"][4]), int(last["s"][3])
    # 10 Mbit/s for two seconds, give or take what is on its way; a busy machine may fall behind.
    assert 0.5 * 2.5e6 < received <= sent < 1.05 * 2.5e6, done.stdout
    note(f"{received} bytes in {time.monotonic() - began:.1f} s")


main()
