# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests written in Python share: real daemons and controllers, flow logs, the lab, TAP.

A test file defines functions marked with @case and ends with main(). Each case passes, raises
AssertionError (or anything else) to fail, or raises Skip with the reason."""
import atexit
import contextlib
import ctypes
import fcntl
import functools
import os
import pty
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import weakref
import xmlrpc.client

HERE = os.path.dirname(os.path.abspath(__file__))
# Absolute, for what runs in another directory or namespace.
BUILD = os.path.abspath(os.environ.get("FLOWRIG_BUILD", os.path.join(HERE, "..", "build")))
FLOWD = os.environ.get("FLOWD", os.path.join(BUILD, "daemon", "flowd"))
FLOWCTL = os.environ.get("FLOWCTL", os.path.join(BUILD, "controller", "flowctl"))
LABWIRE = os.environ.get("LABWIRE", os.path.join(BUILD, "tests", "lab", "labwire"))
LONG = bool(os.environ.get("FLOWRIG_LONG"))
SANITIZED = bool(os.environ.get("FLOWRIG_SANITIZED"))


_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def enter_netns(path):
    """Puts this thread, and what it starts, into the network namespace behind a path."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {path}")
    finally:
        os.close(fd)


def _have_own_network():
    """Where that is allowed, each test file has a loopback interface of its own: no port there is
    anybody else's."""
    if os.geteuid() == 0 and shutil.which("ip") and not _libc.unshare(CLONE_NEWNET):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


_have_own_network()

# A shell's background job ignores SIGINT, and so would every flowctl that is started here.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Skip(Exception):
    """The case can't be run here; the text says why."""


_cases = []


def case(function):
    """Marks a test case; its docstring is its name."""
    _cases.append(function)
    return function


def long_case(function):
    """A case that only `check --long` runs."""

    def skipped():
        raise Skip("only with --long")

    if LONG:
        return case(function)
    skipped.__doc__, skipped.__name__ = function.__doc__, function.__name__
    return case(skipped)


class Pressure:
    """How busy the machine has been since this was made."""

    def __init__(self):
        self.began = time.monotonic()
        self.stalled, self.ticks, self.idle = self._read()

    @staticmethod
    def _read():
        """Seconds in which something waited for a processor (0 where the kernel does not count
        them), and the ticks of all processors, all and idle."""
        stalled = 0.0
        with contextlib.suppress(OSError), open("/proc/pressure/cpu", encoding="ascii") as file:
            stalled = int(re.search(r"some .*total=(\d+)", file.read())[1]) / 1e6
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(word) for word in file.readline().split()[1:]]
        return stalled, sum(ticks), ticks[3] + ticks[4]

    def __str__(self):
        stalled, idle = self.shares()
        return f"processors were wanted for {100 * stalled:.0f} % of the time, {100 * idle:.0f} % idle"

    def shares(self):
        stalled, ticks, idle = self._read()
        return ((stalled - self.stalled) / (time.monotonic() - self.began),
                (idle - self.idle) / max(1, ticks - self.ticks))

    def was_busy(self):
        stalled, idle = self.shares()
        return stalled > 0.2 or idle < 0.2


ATTEMPTS = 3


class StillFails(AssertionError):
    """A measurement that failed as often as it may be repeated, in the end alone."""


def check_for_others():
    """Skips a measurement that has failed, and is cleaned up, if the processors are busy with what is no test:
    then nothing can be said about time. What the cases of a file share may be the reason itself."""
    with alone():
        pressure, before = Pressure(), _own_ticks()
        time.sleep(1)
        idle, own = pressure.shares()[1], _own_ticks() - before
        if idle < 0.5 and own < os.sysconf("SC_CLK_TCK") / 10:
            raise Skip(f"other programs keep the processors busy ({pressure})")


def _own_ticks():
    """Processor time of the processes of this file that still run."""
    ticks = 0
    for process in list(_processes):
        with contextlib.suppress(OSError), open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
            ticks += sum(int(word) for word in file.read().rpartition(") ")[2].split()[11:13])
    return ticks


def timed(function):
    """A case that runs beside others on a busy machine depends on time, if only by how long it waits
    for a daemon. If it fails while others keep the processors busy, it is repeated, up to three times
    in all, and then while no other test runs; the log says so. On a machine that has nothing else to
    do it has to pass at once, and how daemons end (a crash, a complaint of a sanitizer) is never
    forgiven. A measurement that was repeated by attempts() is not repeated again; it is skipped if
    what is no test keeps the processors busy."""
    @functools.wraps(function)
    def repeated():
        for attempt in range(ATTEMPTS):
            pressure = Pressure()
            try:
                with alone() if attempt else contextlib.nullcontext():
                    return function()
            except Skip:
                raise
            except Exception as error:
                measured = isinstance(error, StillFails)
                if not pressure.was_busy() or (attempt == ATTEMPTS - 1 and not measured):
                    raise
                note(traceback.format_exc())
                failed = error
            trouble = _clean_up(_to_end)
            assert not trouble, "\n".join(trouble)
            if measured:
                check_for_others()
                raise failed
            note(f"{pressure}: once more")
        return None

    return repeated


def note(text):
    for line in str(text).rstrip("\n").split("\n"):
        print("# " + line, flush=True)


def main():
    """Runs the cases (those named on the command line, or all), each as timed() says, and reports in
    TAP."""
    wanted = sys.argv[1:]
    unknown = [name for name in wanted if name not in [c.__name__ for c in _cases]]
    if unknown:
        sys.exit(f"there is no case '{unknown[0]}' in {sys.argv[0]}; there are:\n  " +
                 "\n  ".join(c.__name__ for c in _cases))
    cases = [c for c in _cases if not wanted or c.__name__ in wanted]
    failed = 0
    print(f"1..{len(cases)}", flush=True)
    for number, function in enumerate(cases, 1):
        name = (function.__doc__ or function.__name__).strip().split("\n")[0].rstrip(".")
        name = name.replace("#", "no.")
        verdict, skipped, trouble = "ok", "", []
        _room.enter(fcntl.LOCK_SH)
        began = time.monotonic()
        try:
            timed(function)()
        except Skip as reason:
            skipped = f" # SKIP {reason}"
        except BaseException:  # a case that is interrupted has failed
            trouble.append(traceback.format_exc())
        finally:
            # What ends badly at the end of a case (a daemon with a sanitizer's complaint) fails it.
            trouble += _clean_up(_to_end)
            if number == len(cases):
                trouble += _clean_up(_to_end_at_last)
            _room.leave()
            if trouble:
                failed += 1
                verdict, skipped = "not ok", ""
            print(f"{verdict} {number} - {name}{skipped}", flush=True)
            for text in trouble:
                note(text)
            note(f"{function.__name__}: {time.monotonic() - began:.1f} s")
    sys.exit(1 if failed else 0)


# ---- several test files at once


class _Room:
    """All cases that run now are in it. Who wants to be alone there waits at the gate until the
    others have left, and nobody passes him."""

    def __init__(self):
        folder = os.path.join(BUILD, "tests") if os.path.isdir(BUILD) else tempfile.gettempdir()
        self.gate, self.room = (open(os.path.join(folder, name), "a", encoding="ascii")
                                for name in (".gate", ".room"))

    def enter(self, kind):
        self.leave()
        fcntl.flock(self.gate, fcntl.LOCK_EX)
        fcntl.flock(self.room, kind)
        fcntl.flock(self.gate, fcntl.LOCK_UN)

    def leave(self):
        fcntl.flock(self.room, fcntl.LOCK_UN)


_room = _Room()


@contextlib.contextmanager
def alone():
    """No case of another file runs meanwhile."""
    _room.enter(fcntl.LOCK_EX)
    try:
        yield
    finally:
        _room.enter(fcntl.LOCK_SH)


# ---- things that have to be ended

_to_end = []  # with the case
_to_end_at_last = []  # with the last case
_ending = [_to_end]  # which of both at_end() adds to


def _clean_up(things):
    """Ends what is to be ended, the latest first, and gives what went wrong."""
    trouble = []
    while things:
        thing = things.pop()
        try:
            thing()
        except Exception:
            trouble.append(traceback.format_exc())
    return trouble


atexit.register(_clean_up, _to_end_at_last)
atexit.register(_clean_up, _to_end)


def at_end(function):
    """Calls the function when the case is over, or the last one for what shared() makes."""
    _ending[-1].append(function)


def shared(make):
    """For what all cases of a file can use: made when it is first asked for, ended after the last
    case."""
    @functools.cache
    def get():
        _ending.append(_to_end_at_last)
        try:
            return make()
        finally:
            _ending.pop()

    return get


# What flowctl notes of its runs is none of the user's.
_state_home = tempfile.mkdtemp(prefix="flowrig-state-")
os.environ["XDG_STATE_HOME"] = _state_home
atexit.register(shutil.rmtree, _state_home, True)


def temp_dir():
    path = tempfile.mkdtemp(prefix="flowrig-test-")
    at_end(lambda: shutil.rmtree(path, ignore_errors=True))
    return path


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def need_program(name):
    if not shutil.which(name):
        raise Skip(f"{name} is not installed")


def small_disk(size):
    """A file system that is full soon."""
    need_root()
    path = temp_dir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    at_end(lambda: subprocess.run(["umount", path], check=True))
    return path


def wait_for(condition, seconds=10.0, what="it"):
    """Waits until the condition gives something true, and gives that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)


# ---- processes


def in_netns(netns, command):
    return (["ip", "netns", "exec", netns] + command) if netns else command


_processes = weakref.WeakSet()


class Process:
    """A process whose output is gathered while it runs."""

    def __init__(self, command, netns=None, env=None, stdin=subprocess.DEVNULL, cwd=None):
        self.command = command
        self.out_lines, self.err_lines = [], []
        full_env = dict(os.environ, **(env or {}))
        self.popen = subprocess.Popen(in_netns(netns, command), stdin=stdin, cwd=cwd,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      env=full_env, errors="replace")
        self.threads = [threading.Thread(target=self._read, args=a, daemon=True)
                        for a in ((self.popen.stdout, self.out_lines),
                                  (self.popen.stderr, self.err_lines))]
        for thread in self.threads:
            thread.start()
        at_end(self.kill)
        _processes.add(self)

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.append(line)

    @property
    def out(self):
        return "".join(self.out_lines)

    @property
    def err(self):
        return "".join(self.err_lines)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        os.kill(self.pid, number)
        if number == signal.SIGSTOP:  # its threads go on until one of them has taken the signal
            wait_for(self.is_stopped, 20, "the stop")

    def is_stopped(self):
        def state(thread):
            with open(f"/proc/{self.pid}/task/{thread}/stat", encoding="ascii") as file:
                return file.read().rpartition(") ")[2][0]
        return all(state(thread) in "Tt" for thread in os.listdir(f"/proc/{self.pid}/task"))

    def wait(self, seconds=120):
        """Waits for the end and gives the exit status."""
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{' '.join(self.command)} did not end within {seconds} s\n"
                                 f"{self.err}") from None
        for thread in self.threads:
            thread.join(5)
        return status

    def kill(self):
        if self.running():
            self.popen.kill()
            self.popen.wait()


class Daemon(Process):
    """A flowd in the foreground. Its end is checked: a sanitizer's complaint fails the case."""

    def __init__(self, *options, netns=None, bind=None, port=0, level="info", env=None, wrap=()):
        command = list(wrap) + [FLOWD, "-d", "--log-level", level, "-p", str(port)]
        if bind:
            command += ["-b", bind, "--no-auth"]
        super().__init__(command + [str(o) for o in options], netns=netns, env=env)
        found = wait_for(lambda: self._addresses() or (not self.running() and ["dead"]), 20,
                         "listening")
        if found == ["dead"]:
            raise AssertionError(f"flowd did not start: {self.err}")
        self.host, self.port = found[0]
        self.killed = False
        at_end(self.stop)

    def _addresses(self):
        return [(m[1].strip("[]"), int(m[2]))
                for m in re.finditer(r"listening at (\S+):(\d+)", self.err)]

    @property
    def control(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def rpc(self):
        return xmlrpc.client.ServerProxy(f"http://{self.control}/RPC2", allow_none=True)

    def kill_hard(self):
        self.killed = True
        self.kill()

    def stop(self):
        if self.killed:
            return
        self.killed = True
        if self.running():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        status = self.wait(30)
        assert status == 0, f"flowd ended with {status}:\n{self.err}"


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def rows(self):
        """The rows of the table on the screen, split into words."""
        return [line.split() for line in self.out.splitlines() if line[:2] in ("S ", "D ")]


def flowctl(*arguments, netns=None, timeout=120, env=None, cwd=None):
    """Runs flowctl to its end."""
    process = Process([FLOWCTL] + [str(a) for a in arguments], netns=netns, env=env, cwd=cwd)
    status = process.wait(timeout)
    return Result(status, process.out, process.err)


def start_flowctl(*arguments, netns=None, env=None, cwd=None):
    return Process([FLOWCTL] + [str(a) for a in arguments], netns=netns, env=env, cwd=cwd)


def at_terminal(command, env, answers, question="(yes/no)?", cwd=None):
    """Runs a command at a terminal of its own, and answers each question; gives its end, what it
    wrote, and how often it asked."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(env)
        os.chdir(cwd or ".")
        os.execvp(command[0], [str(c) for c in command])
    text, asked, end = "", 0, time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        text += data.decode(errors="replace")
        while text.count(question) > asked:
            os.write(fd, (answers[min(asked, len(answers) - 1)] + "\n").encode())
            asked += 1
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return os.waitstatus_to_exitcode(status), text, asked


def hosts(source, destination=None, source_host="127.0.0.1", destination_host=None):
    """The value of -H for two daemons."""
    destination = destination or source
    destination_host = destination_host or source_host
    return (f"s={source_host}/{source.control},"
            f"d={destination_host}/{destination.control}")


def expect(result, status=0):
    assert result.status == status, (f"exit status {result.status}, not {status}\n"
                                     f"{result.err}\n{result.out[-3000:]}")
    return result


# ---- flow logs


def complain(program, name, arguments, sentence, status=1, cwd=None):
    """The program says the sentence and nothing else, and leaves nothing behind."""
    directory = cwd or temp_dir()
    before = sorted(os.listdir(directory))
    try:
        done = subprocess.run([program] + arguments, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=30, cwd=directory)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{arguments} was taken: it ran on") from None
    expected = f"{name}: {sentence}\n"
    assert done.stderr == expected, f"{arguments} says\n{done.stderr!r}\nnot\n{expected!r}"
    assert done.returncode == status, f"{arguments}: exit status {done.returncode}, not {status}"
    assert done.stdout == "", f"{arguments} prints {done.stdout[:300]!r}"
    after = sorted(os.listdir(directory))
    assert after == before, f"{arguments} leaves {after}"


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


class FlowLog:
    """A flow log, read independently of flowctl's own reader."""

    def __init__(self, path):
        self.lines = open(path, encoding="utf-8").read().splitlines()
        assert self.lines[0] == "# flowlog 1", self.lines[0]
        heads = [line.split() for line in self.lines if line.startswith("# columns ")]
        units = [line.split() for line in self.lines if line.startswith("# units ")]
        assert len(heads) == 1 and len(units) == 1 and len(heads[0]) == len(units[0])
        self.columns, self.units = heads[0][2:], dict(zip(heads[0][2:], units[0][2:]))
        self.rows = []
        for line in self.lines:
            if line.startswith("#"):
                continue
            words = line.split()
            assert len(words) == len(self.columns), line
            row = dict(zip(self.columns, map(number, words)))
            row["id"] = int(row["id"])
            self.rows.append(row)
        self.begins = {(e, f): v for e, f, v in self._events("begin")}
        self.finals = {(e, f): v for e, f, v in self._events("final")}

    def _events(self, kind):
        for line in self.lines:
            words = line.split()
            if words[:2] != ["#", kind]:
                continue
            values = {}
            for word in words[6:]:
                name, _, value = word.partition("=")
                values[name] = int(value) if re.fullmatch(r"-?\d+", value) else value
            values["begin"], values["end"] = float(words[4]), float(words[5])
            yield words[2], int(words[3]), values

    def of(self, endpoint, flow=None):
        return [r for r in self.rows if r["S|D"] == endpoint and flow in (None, r["id"])]

    def total(self, endpoint, column, flow=None):
        return sum(r[column] for r in self.of(endpoint, flow))

    def comment(self, word):
        return [line for line in self.lines if line.startswith(f"# {word}")]


def run_logged(*arguments, status=0, **keywords):
    """Runs flowctl with a flow log and gives the result and the log."""
    path = os.path.join(temp_dir(), "flow.log")
    result = expect(flowctl(*arguments, f"--log-file={path}", **keywords), status)
    return result, FlowLog(path)


# ---- the lab


class Lab:
    """Hosts h1..hN in namespaces of their own, joined by emulated links (tests/lab)."""

    made = 0

    def __init__(self, count, links="", control=False, mtu=None):
        need_root()
        self.script = os.path.join(HERE, "lab", "lab.sh")
        Lab.made += 1
        self.prefix = f"fr{os.getpid()}.{secrets.token_hex(2)}.{Lab.made}"
        self.env = dict(LABDIR=os.path.join(temp_dir(), "lab"), LABPFX=self.prefix,
                        LABWIRE=LABWIRE, LABCTL="1" if control else "")
        if mtu:
            self.env["LABMTU"] = str(mtu)
        at_end(lambda: self.call("down"))
        self.call("up", count, *links.split())

    def call(self, *words):
        done = subprocess.run([self.script] + [str(w) for w in words], text=True,
                              env=dict(os.environ, **self.env), capture_output=True, timeout=120)
        if done.returncode == 77:
            raise Skip(done.stderr.strip() or done.stdout.strip())
        assert done.returncode == 0, f"lab.sh {words}: {done.stderr}{done.stdout}"
        return done.stdout

    def set(self, *words):
        return self.call("set", *words)

    def ns(self, host):
        return f"{self.prefix}h{host}"

    @staticmethod
    def addr(host, version=4):
        return f"10.77.0.{host + 1}" if version == 4 else f"fd77::{host:x}"

    @staticmethod
    def control_addr(host):
        return f"10.78.0.{host + 1}"

    def run(self, host, *command, timeout=60):
        done = subprocess.run(in_netns(self.ns(host), [str(c) for c in command]), text=True,
                              capture_output=True, timeout=timeout)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def daemon(self, host, *options, bind=None, **keywords):
        return Daemon(*options, netns=self.ns(host), bind=bind or self.addr(host), port=5999,
                      **keywords)


class Capture:
    """tcpdump on a host of the lab, ready when this returns. The usual `snaplen` keeps headers."""

    def __init__(self, lab, host, expression, interface="eth0", snaplen=120):
        need_program("tcpdump")
        self.path = os.path.join(temp_dir(), "capture.pcap")
        # Not in immediate mode, it would lose what came in the last moment before its end.
        self.process = Process(["tcpdump", "-i", interface, "-n", "-U", "-B", "65536",
                                "--immediate-mode", "-s", str(snaplen), "-w", self.path,
                                expression], netns=lab.ns(host))
        wait_for(lambda: "listening on" in self.process.err, 10, "capturing")

    def stop(self, settle=0.3):
        """Ends the capture; `settle` s pass before, so that nothing is left in the kernel."""
        time.sleep(settle)
        self.process.signal(signal.SIGINT)
        self.process.wait(20)
        dropped = re.search(r"(\d+) packets dropped by kernel", self.process.err)
        assert dropped and dropped[1] == "0", self.process.err
        return self.path

    def packets(self):
        """Each TCP packet with payload: (time, source port, destination port, payload bytes)."""
        path = self.stop()
        text = subprocess.run(["tcpdump", "-r", path, "-n", "-tt", "-q"], text=True,
                              capture_output=True, check=True).stdout
        found = []
        for line in text.splitlines():
            m = re.match(r"(\d+\.\d+) IP6? \S+[.](\d+) > \S+[.](\d+): tcp (\d+)", line)
            if m:
                found.append((float(m[1]), int(m[2]), int(m[3]), int(m[4])))
        return found
