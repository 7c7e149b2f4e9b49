#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flowctl that dies in mid-run loses nothing: flowctl attach goes on with the run."""
import math
import os
import random
import re
import signal
import stat
import subprocess
import time

from flowrig_api import Session, prepare_flows
from flowrig_test import (FLOWCTL, FLOWD, Daemon, FlowLog, Skip, case, expect, flowctl, hosts, main, note,
                          start_flowctl, small_disk, temp_dir, wait_for)

COUNTERS = ("tx_bytes", "rx_bytes", "bytes_acked", "segs_out", "segs_in", "data_segs_out",
            "delivered", "bytes_sent")


class Bereft:
    """A run with a state directory of its own; its flowctl can be killed."""

    def __init__(self, daemons, *options, log=True, folder=None, env=None):
        self.daemons, self.folder = daemons, folder or temp_dir()
        self.env = dict(env or {}, XDG_STATE_HOME=os.path.join(self.folder, "state"))
        self.log = os.path.join(self.folder, "flow.log") if log else None
        words = list(options) + ([f"--log-file={os.path.basename(self.log)}"] if log else [])
        self.process = start_flowctl("-H", hosts(*daemons), *words, env=self.env, cwd=self.folder)

    def files(self):
        where = os.path.join(self.env["XDG_STATE_HOME"], "flowrig")
        return [os.path.join(where, name) for name in os.listdir(where)] \
            if os.path.isdir(where) else []

    def rows(self):
        if not os.path.exists(self.log):
            return 0
        with open(self.log, encoding="utf-8") as file:
            return sum(line[0] in "SD" for line in file)

    def kill(self):
        self.process.signal(signal.SIGKILL)
        self.process.wait()
        files = self.files()
        assert len(files) == 1, files
        self.run = os.path.basename(files[0])[4:]

    def attach(self, status=0, words=None, **more):
        return expect(flowctl("attach", *([self.run[:8]] if words is None else words),
                              env=self.env, **more), status)

    def check(self, rows):
        """The log is as if nothing had happened."""
        log = FlowLog(self.log)
        for end in "SD":
            for flow in {row["id"] for row in log.rows}:
                mine = log.of(end, flow)
                assert rows in (None, len(mine)), f"{len(mine)} rows of {end} {flow}, not {rows}"
                assert mine[0]["begin"] < 0.1
                assert all(a["end"] == b["begin"] for a, b in zip(mine, mine[1:])), "a gap"
                final = log.finals[end, flow]
                for name in ("tx_bytes", "rx_bytes"):
                    assert log.total(end, name, flow) == final[name], (end, flow, name)
                for name in COUNTERS:
                    assert all(row[name] == row[name] for row in mine), f"{name} is absent"
        assert len(log.finals) == len(log.begins) == 2 * len({row["id"] for row in log.rows})
        assert len(log.comment("total:")) == 1 and ", failed = 0," in log.comment("total:")[0]
        assert not self.files(), "the state file is left"


def has_line(path, begin):
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as file:
        return any(line.startswith(begin) for line in file)


def pair(*options):
    return Daemon(*options), Daemon(*options)


@case
def killed_in_mid_run():
    """flowctl is killed and another one attaches, several times: the log has every row, once"""
    seed = int(os.environ.get("FLOWRIG_SEED", time.time_ns() % 10 ** 6))
    note(f"seed {seed}")
    chance = random.Random(seed)
    run = Bereft(pair(), "-n", 3, "-T", "s=8", "-i", 0.005)
    wait_for(run.rows, 20, "rows")
    for _ in range(4):
        time.sleep(chance.uniform(0.05, 0.8))
        run.kill()
        before = run.rows()
        run.process = start_flowctl("attach", run.run[:8], env=run.env)
        wait_for(lambda: run.rows() > before or not run.process.running(), 20, "more rows")
    assert run.process.wait(60) == 0, run.process.err
    run.check(1600)


@case
def attached_after_the_end():
    """The flows have ended with their lease when somebody attaches: all rows until then come"""
    run = Bereft(pair("--lease", 2), "-T", "s=60", "-i", 0.01)
    wait_for(run.rows, 20, "rows")
    run.kill()
    status = run.daemons[0].rpc().flowd.status
    wait_for(lambda: not status({})["sessions"][0]["running"] and
             not status({})["sessions"][0]["lease_left_ns"], 20, "the end of the lease")
    time.sleep(1.5)
    run.attach(2)
    log = FlowLog(run.log)
    run.check(None)
    # The lease counts from the last call, which may have been well before the start.
    assert log.of("S")[-1]["end"] >= 1


@case
def attached_after_a_whole_run():
    """The run came to its end without a controller: it is all there"""
    run = Bereft(pair(), "-T", "s=1,d=1", "-i", 0.01)
    wait_for(run.rows, 20, "rows")
    run.kill()
    time.sleep(1.5)
    result = run.attach()
    assert re.search(r"^# total: flows = 1, failed = 0,", result.out, re.M), result.out
    run.check(100)


@case
def cut_off_line():
    """A last line that is cut off is written again"""
    run = Bereft(pair(), "-T", "s=1", "-i", 0.01)
    wait_for(run.rows, 20, "rows")
    run.kill()
    with open(run.log, "a", encoding="utf-8") as file:
        file.write("S 0 0.810000 0.82")
    run.attach()
    run.check(100)


@case
def cut_off_summary():
    """A summary, whole or cut off, is written again: the log has one, and it is whole"""
    whole = Bereft(pair(), "-n", 2, "-T", "s=0.3", "-i", 0.01, "--histogram")
    assert whole.process.wait(30) == 0, whole.process.err
    with open(whole.log, encoding="utf-8") as file:
        text = file.read()
    summary = text[text.rindex("\n# final") + 1:].split("\n", 1)[1]
    assert "# total:" in summary and "# histogram" in summary and "# ID   0 S:" in summary
    for share in (0.01, 0.3, 0.6, 0.9, 1):
        run = Bereft(pair(), "-n", 2, "-T", "s=0.3", "-i", 0.01, "--histogram")
        wait_for(run.rows, 20, "rows")
        run.kill()
        with open(run.log, "a", encoding="utf-8") as file:
            file.write(summary[:int(share * len(summary))])
        run.attach()
        run.check(30)
        with open(run.log, encoding="utf-8") as file:
            heads = [re.match(r"# (ID +\d+ [SD]:|histogram \S+ \S+ \S+|all flows:|total:)", line)
                     for line in file]
        heads = [head[1] for head in heads if head]
        assert len(heads) == len(set(heads)) and heads.count("total:") == 1, heads


@case
def killed_around_the_end():
    """flowctl is killed at any moment around the end of a run: the log has all, and all of it once"""
    seed = int(os.environ.get("FLOWRIG_SEED", time.time_ns() % 10 ** 6))
    rounds = int(os.environ.get("FLOWRIG_ROUNDS", 20))
    note(f"seed {seed}")
    chance = random.Random(seed)
    daemons = pair()
    ended = killed = collected = 0
    for _ in range(rounds):
        run = Bereft(daemons, "-n", 20, "-T", "s=0.2", "-i", 0.01, "--histogram", "-Q" if
                     chance.random() < 0.3 else "-q")
        moment = chance.choice(("# final", "# ID", "# total"))
        while run.process.running() and not has_line(run.log, moment):
            time.sleep(0.0005)
        time.sleep(chance.choice((0, chance.uniform(0, 0.005), chance.uniform(0, 0.03))))
        if run.process.running():
            run.process.signal(signal.SIGKILL)
        ended += run.process.wait() == 0
        if run.files():
            run.run = os.path.basename(run.files()[0])[4:]
            result = run.attach()
            collected += "everything was collected" in result.err
            killed += 1
        log = FlowLog(run.log)
        assert len(log.finals) == len(log.begins) == 40 and not run.files()
        with open(run.log, encoding="utf-8") as file:
            heads = [re.match(r"# (ID +\d+ [SD]:|histogram \S+ \S+ \S+|all flows:|total:|final \S+ \d+"
                              r"|begin \S+ \d+)", line) for line in file]
        heads = [head[1] for head in heads if head]
        assert len(heads) == len(set(heads)) and heads.count("total:") == 1, \
            [head for head in heads if heads.count(head) > 1]
        assert sum(head.startswith("ID") for head in heads) == 40
        assert not any(daemon.rpc().flowd.status({})["sessions"] for daemon in daemons)
    note(f"{rounds} runs: {ended} came to their end, {killed} were attached to, {collected} of these "
         "had nothing left to do")
    assert killed, "nothing was killed in time"


@case
def without_a_log():
    """A run without a log: attach shows the rows that nobody has taken, and the whole summary"""
    run = Bereft(pair(), "-T", "s=2", "-i", 0.05, log=False)
    wait_for(lambda: len(run.process.out_lines) > 10, 20, "rows")
    run.kill()
    time.sleep(0.5)
    result = run.attach()
    ends = [float(row[3]) for row in result.rows if row[0] == "S"]
    assert abs(ends[-1] - 2) < 0.1 and all(abs(b - a - 0.05) < 0.04 for a, b in zip(ends, ends[1:])), ends
    # what was transmitted before the first row is not known
    first = [row for row in result.rows if row[0] == "S"][0]
    assert first[4] == "nan" and "nan" not in [row for row in result.rows if row[0] == "S"][1][4]
    assert "missing" not in result.out and ", failed = 0," in result.out


@case
def while_its_controller_lives():
    """A run whose flowctl lives is listed, and nobody else gets it"""
    run = Bereft(pair(), "-T", "s=2", "-i", 0.05)
    wait_for(run.rows, 20, "rows")
    file, = run.files()
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(file)).st_mode) == 0o700
    run.run = os.path.basename(file)[4:]
    listed = run.attach(words=[]).out
    assert re.fullmatch(rf"{run.run[:8]}: started \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d, 2 daemons, its "
                        rf"flowctl runs, log {re.escape(run.log)}\n", listed), listed
    for words in (None, [listed.split()[0]]):  # as it is listed, with the colon
        err = run.attach(1, words=words).err
        assert err == f"flowctl: attach: run {run.run[:8]} still has a running controller\n", err
    assert run.process.wait(30) == 0
    run.check(40)
    nothing = run.attach(words=[])
    assert (nothing.out, nothing.err) == ("", "flowctl: attach: there is no run to attach to\n"), nothing


@case
def daemon_that_died_too():
    """One of the daemons is gone or another one since: what the other one has is collected"""
    for again in (False, True):
        one, two = pair()
        run = Bereft((one, two), "-T", "s=60", "-i", 0.01)
        wait_for(run.rows, 20, "rows")
        run.kill()
        two.kill_hard()
        if again:
            Daemon(port=two.port)
        result = run.attach(2)
        assert f"flowd at {two.control} is lost: " in result.err, result.err
        log = FlowLog(run.log)
        assert ("S", 0) in log.finals and ("D", 0) not in log.finals
        assert ", failed = 1," in log.comment("total:")[0]


@case
def nothing_to_attach_to():
    """A run that is not there, a file that is none, a log of another run: a sentence each"""
    run = Bereft(pair(), "-T", "s=20", "-i", 0.05)
    wait_for(run.rows, 20, "rows")
    run.kill()
    said = run.attach(1, words=["0123456789"]).err
    assert said == "flowctl: attach: there is no run '0123456789' to attach to; 'flowctl attach' " \
        "lists the runs\n", said
    assert "unexpected argument 'b'" in run.attach(1, words=["a", "b"]).err
    file, = run.files()
    with open(file, encoding="utf-8") as opened:
        text = opened.read()
    chance = random.Random(1)
    for _ in range(60):
        broken = list(text)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(broken))
            broken[at:at + chance.choice((0, 1, 20))] = chance.choice(("", "\n", "%", "%00", "x" * 300))
        # not those that are as good as before: they would be attached to
        broken = "".join(broken).replace("\nsession ", "\nsession x", 1)
        with open(file, "w", encoding="utf-8") as opened:
            opened.write(broken)
        assert "is not the state of a flowctl run" in run.attach(1).err
    with open(file, "w", encoding="utf-8") as opened:
        opened.write(text)
    with open(run.log, "r+", encoding="utf-8") as opened:
        log = opened.read()
        opened.seek(0)
        opened.write(log.replace(f"# run {run.run}", f"# run {run.run[::-1]}"))
    assert "it is the log of another run" in run.attach(1).err
    with open(run.log, "w", encoding="utf-8") as opened:
        opened.write(log)
    for daemon in run.daemons:
        expect(flowctl("stop", daemon.control))
    run.attach(2)


@case
def hostile_state():
    """Run files that are not the user's, FIFOs, links, and logs that are none: a sentence, no loss"""
    run = Bereft(pair(), "-T", "s=20", "-i", 0.1)
    wait_for(run.rows, 20, "rows")
    run.kill()
    file, = run.files()
    with open(file, encoding="utf-8") as opened:
        text = opened.read()
    victim = os.path.join(run.folder, "victim")

    def put(content, mode=0o600):
        if os.path.lexists(file):
            os.unlink(file)
        with open(file, "w", encoding="utf-8") as opened:
            opened.write(content)
        os.chmod(file, mode)

    def refused(sentence):
        """Attaching is refused, and the listing goes on without it."""
        result = run.attach(1, timeout=20)
        assert result.err == f"flowctl: attach: {sentence}\n", result.err
        listed = run.attach(0, words=[], timeout=20)
        assert listed.out == "" and listed.err == f"flowctl: left out: {sentence}\n", listed

    for content in ("one line without its end: a key", "two\nlines\n", "# flowlog"[:5] + "x"):
        with open(victim, "w", encoding="utf-8") as opened:
            opened.write(content)
        put(text.replace(f"log {run.log}\n", f"log {victim}\n"))
        result = run.attach(1)
        assert result.err == f"flowctl: {victim} is not a flow log\n", result.err
        with open(victim, encoding="utf-8") as opened:
            assert opened.read() == content
    os.unlink(victim)
    os.mkfifo(victim)
    result = run.attach(1, timeout=20)
    assert result.err == f"flowctl: {victim} is not a regular file\n", result.err
    put(text.replace(f"log {run.log}\n", "log /x%1B]0;OWNED%07\u009b2J\u202e\n"))
    listed = run.attach(0, words=[])
    assert listed.out.endswith(", log /x?]0;OWNED??2J?\n"), listed.out
    put(text, 0o644)
    refused(f"{file} is accessible to others (mode 0644): restrict it with chmod 600 {file}")
    put(text + "\0", 0o600)
    refused(f"{file} contains a NUL byte: it is not a text file, or is damaged")
    if os.geteuid() == 0:
        put(text)
        os.chown(file, 12345, 0)
        refused(f"{file} belongs to user 12345, but must belong to the user that runs the program (0)")
    os.unlink(file)
    os.mkfifo(file, 0o600)
    refused(f"{file} is not a regular file")
    os.unlink(file)
    os.symlink("/etc/hostname", file)
    refused(f"{file} is a symbolic link, and is not followed")
    put(text)
    for daemon in run.daemons:
        expect(flowctl("stop", daemon.control))
    run.attach(2)


@case
def begun_at_a_given_time():
    """--start-at: a relative time is that of the run, not one that begins when somebody attaches"""
    run = Bereft(pair(), "-T", "s=2", "-i", 0.02, "--start-at=+2s")
    wait_for(run.rows, 20, "rows")
    run.kill()
    run.attach()
    run.check(100)
    # Any time that is absolute is past by now.
    run = Bereft(pair(), "-T", "s=2", "-i", 0.02, f"--start-at=@{int(time.time()) + 3}")
    wait_for(run.rows, 20, "rows")
    run.kill()
    run.attach()
    run.check(100)


@case
def killed_before_a_given_time():
    """--start-at: while a run waits for its start there is nothing to collect, and it is closed"""
    daemons = pair()
    run = Bereft(daemons, "-T", "s=2", "--start-at=+60s")
    wait_for(run.files, 20, "the state file")
    run.kill()
    assert "was not started: there is nothing to collect" in run.attach(2).err
    assert not run.files()
    assert not any(daemon.rpc().flowd.status({})["sessions"] for daemon in daemons)


@case
def delays_histograms_and_drawn_blocks():
    """Clocks are compared anew, finals bring their histograms, and the seed is that of the run"""
    run = Bereft(pair(), "-T", "s=4", "-A", "s", "-I", "b", "-G", "s=g:E:0.01", "-i", 0.02,
                 "--histogram")
    wait_for(run.rows, 20, "rows")
    run.kill()
    file, = run.files()
    with open(file, encoding="utf-8") as opened:
        seed = re.search(r"^seed (\d+)$", opened.read(), re.M)[1]
    result = run.attach()
    run.check(None)
    log = FlowLog(run.log)
    assert f", random seed = {seed}" in result.out, result.out
    assert re.search(r"start skew = \S+ \[ms\] \(clocks known to ", result.out), result.out
    assert "(ahead of S/bound)" in result.out, result.out
    assert "offset from the common instant" not in result.out, "it can't know that"
    assert re.search(r"^# histogram - - delay ", result.out, re.M), result.out
    assert "are lost" not in result.out
    assert any(math.isfinite(row["minDLY"]) for row in log.of("D")[-50:]), "no delays"


@case
def with_a_token():
    """The token of the run is shown again, from any directory, also where the environment named it"""
    folder, state = temp_dir(), temp_dir()
    config = {"XDG_CONFIG_HOME": os.path.join(folder, "config")}
    made = subprocess.run([FLOWD, "--make-token", os.path.join(folder, "token"), "--state-dir", state],
                          capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    for options, env in ((("--token-file", "../token"), {}),
                         ((), {"FLOWRIG_TOKEN_FILE": "../token"})):
        daemon = Daemon("--token-file", os.path.join(folder, "token"), "--state-dir", state)
        where = os.path.join(folder, f"run{len(options)}")
        os.mkdir(where)
        run = Bereft((daemon,), "-T", "s=1.5", "-i", 0.02, *options, folder=where,
                     env=dict(config, **env))
        wait_for(run.rows, 20, "rows")
        run.kill()
        run.env.pop("FLOWRIG_TOKEN_FILE", None)
        run.attach(cwd=temp_dir())
        run.check(75)


@case
def never_started():
    """flowctl died before the start: the sessions are closed, and a sentence says so"""
    daemon = Daemon()
    s = Session(daemon)
    prepare_flows(s, s, source=1)
    run = Bereft((daemon,), "-T", "s=5", log=False)
    wait_for(run.files, 10, "the state file")
    run.kill()
    file, = run.files()
    with open(file, encoding="utf-8") as opened:
        text = opened.read()
    with open(file, "w", encoding="utf-8") as opened:
        opened.write(re.sub(r"started \d+\n", "", re.sub(r"session \w+", f"session {s.id}", text)))
    result = run.attach(2)
    assert "was not started: there is nothing to collect" in result.err, result.err
    assert not run.files()
    assert s.id not in str(s.state()) and len(s.state()) == 1


@case
def no_room_for_the_state():
    """Where the state can't be written, a sentence says so, and the run goes on"""
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full")
    daemon = Daemon()
    result = expect(flowctl("-H", hosts(daemon), "-T", "s=0.3", "-q",
                            env={"XDG_STATE_HOME": "/dev/full"}))
    assert re.fullmatch(r"flowctl: the run's state can't be saved, so 'flowctl attach' will not work for it: "
                        r"/dev/full/flowrig/run-\w{32} can't be written: Not a directory\n",
                        result.err), result.err
    # A user of the system, without a home or with one that is read-only, is not told of it at every run.
    disk = small_disk("64k")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for env in ({"HOME": "/proc/none"}, {"HOME": disk}, {"XDG_STATE_HOME": disk}, {}):
        alone = subprocess.run([FLOWCTL, "-H", hosts(daemon), "-T", "s=0.1", "-q"], capture_output=True,
                               text=True, timeout=60, env=env)
        assert (alone.returncode, alone.stderr) == (0, ""), (env, alone)
    alone = subprocess.run([FLOWCTL, "-H", hosts(daemon), "-T", "s=0.1", "-q", "-d"], capture_output=True,
                           text=True, timeout=60, env={"XDG_STATE_HOME": disk})
    assert f"will not work for it: {disk}/flowrig/run-" in alone.stderr, alone.stderr


main()
