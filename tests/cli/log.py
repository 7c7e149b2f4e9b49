#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow log: its head, its columns, its file."""
import json
import math
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import time

from flowrig_test import (FLOWCTL, Daemon, FlowLog, Lab, Skip, case, expect, flowctl, hosts, in_netns, main,
                          need_program, need_root, run_logged, start_flowctl, temp_dir, wait_for)

FLOWGRIND_COLUMNS = """S|D id begin end through transac requ resp minRTT avgRTT maxRTT minIAT avgIAT
    maxIAT minDLY avgDLY maxDLY cwnd ssth uack sack lost retr tret fack reor bkof rtt rttvar rto
    ca_state smss pmtu""".split()
OUR_COLUMNS = """rx_through min_rtt delivery_rate pacing_rate bytes_acked bytes_retrans
    total_retrans busy rwnd_limited sndbuf_limited delivered delivered_ce notsent""".split()
SHORT = ("--embedded", "-q", "-T", "s=0.3", "-i", "0.1")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


@case
def head():
    """The head: kind, run, start, daemons, flows, columns, units, in this order"""
    one, two = Daemon(), Daemon()
    before = time.time_ns()
    _, log = run_logged("-H", hosts(one, two), "-n", 2, "-T", "s=0.2", "-i", "0.1", "-F", 1, "-S",
                        "s=1000", "-c", "rtt")
    after = time.time_ns()
    end = next(i for i, line in enumerate(log.lines) if line.startswith("# units"))
    lines = log.lines[:end + 1]
    flow_word = r"\S+=\S+"
    forms = [r"# flowlog 1",
             r"# run [0-9a-f]{32} version=\S+ controller=\S+ flows=2",
             r"# command flowctl -H s=\S+ -n 2 -T .* -F 1 -S s=1000 -c rtt --log-file=\S+",
             r"# start_ns (\d+) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"]
    forms += [rf"# daemon {re.escape(d.control)} host=\S+ os=\S+ release=\S+ version=\S+ "
              r"id=[0-9a-f]{32} boot=[0-9a-f]{32}( [a-z_]+=\S+)+" for d in (one, two)]
    forms += [rf"# flow {i}( {flow_word})+" for i in range(2)]
    forms += [r"# columns( \S+)+", r"# units( \S+)+"]
    assert len(lines) == len(forms), "\n".join(lines)
    for line, form in zip(lines, forms):
        assert re.fullmatch(form, line), f"{line}\nis not\n{form}"
    start = re.fullmatch(forms[3], lines[3])
    assert before < int(start[1]) < after, (before, start[1], after)
    assert time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(start[1]) // 10 ** 9)) == start[2]
    described = [d.rpc().flowd.describe({}) for d in (one, two)]
    for line, answer in zip(lines[4:6], described):
        for word in (f"id={answer['daemon_id']}", f"boot={answer['boot_id']}",
                     f"host={answer['host']}", f"release={answer['os_release']}"):
            assert word in line.split(), (word, line)


@case
def title_and_command():
    """--title is in the head of log and screen; the command line is one that a shell reads again"""
    folder = temp_dir()
    words = ["--embedded", "-T", "s=0.1", "--title", "caf\u00e9's run: $HOME `x` \\", "-e", "a.b"]
    for words in (words, ["run"] + words):
        result, log = run_logged(*words)
        assert log.lines[2] == "# title caf\u00e9's run: $HOME `x` \\", log.lines[2]
        assert "\n# Title: caf\u00e9's run: $HOME `x` \\\n" in result.out
        command, = log.comment("command ")
        again = subprocess.run(["bash", "-c", "printf '%s\\n' " + command.removeprefix("# command ")],
                               capture_output=True, text=True, check=True).stdout.splitlines()
        assert again[:-1] == ["flowctl"] + [word for word in words if word != "run"], again
    # The command of a log repeats the run.
    path = os.path.join(folder, "again.log")
    expect(flowctl(*shlex.split(command.removeprefix("# command "))[1:-1], "-o", f"--log-file={path}"))
    assert FlowLog(path).lines[2] == log.lines[2]
    expect(flowctl("plot", path, "--script", os.path.join(folder, "script")))
    assert "caf\u00e9's run: $HOME x" in read(os.path.join(folder, "script"))


@case
def host_facts():
    """The lines of a daemon and of a flow's begin say what the kernel does of host and interface"""
    lab = Lab(2, "delay=1ms rate=100m", mtu=1400)
    path = os.path.join(temp_dir(), "flow.log")
    lab.daemon(2)
    expect(flowctl("-H", f"b={lab.addr(2)}", "-T", "s=0.1", "-q", f"--log-file={path}", netns=lab.ns(2)))
    log = FlowLog(path)
    line, = log.comment("daemon ")
    facts = dict(word.split("=", 1) for word in line.split()[3:])
    for name, key in (("tcp_rmem", "net.ipv4.tcp_rmem"), ("tcp_wmem", "net.ipv4.tcp_wmem"),
                      ("tcp_congestion_control", "net.ipv4.tcp_congestion_control"),
                      ("rmem_max", "net.core.rmem_max"), ("default_qdisc", "net.core.default_qdisc")):
        known = subprocess.run(in_netns(lab.ns(2), ["sysctl", "-n", key]), text=True, capture_output=True)
        expected = ",".join(known.stdout.split()) if known.returncode == 0 else None
        assert facts.get(name) == expected, (name, facts.get(name), expected)
    begin, = [line for line in log.lines if line.startswith("# begin S 0 ")]
    begin = dict(word.split("=", 1) for word in begin.split()[6:])
    shown = json.loads(lab.run(2, "ip", "-j", "link", "show", "eth0"))[0]
    assert begin["interface"] == "eth0" and begin["interface_qdisc"] == shown["qdisc"], begin
    assert set(begin["interface_offloads"].split(",")) <= {"tso", "gso", "gro", "lro", "none"}, begin
    if shutil.which("ethtool"):
        said = lab.run(2, "ethtool", "-k", "eth0")
        on = [name for name, long in (("tso", "tcp-segmentation-offload"), ("gso", "generic-segmentation-offload"),
                                      ("gro", "generic-receive-offload"), ("lro", "large-receive-offload"))
              if re.search(rf"^{long}: on", said, re.M)]
        assert begin["interface_offloads"] == (",".join(on) or "none"), (begin, said)


@case
def settings_of_flows():
    """The settings of each flow stand in the head as --dry-run prints them"""
    one, two = Daemon(), Daemon()
    arguments = ["-H", hosts(one, two), "-n", 3, "-T", "s=0.2", "-i", "0.1", "-F", "1", "-S",
                 "s=100", "-R", "s=1M", "-F", "2", "-T", "d=0.1", "-O", "b=TCP_NODELAY"]
    planned = re.findall(r"^flow (\d+): (.*)$", expect(flowctl("--dry-run", *arguments)).out, re.M)
    _, log = run_logged(*arguments)
    assert len(planned) == 3
    assert log.comment("flow ") == [f"# flow {number} {text}" for number, text in planned]


@case
def columns():
    """flowgrind's columns come first and in its order, then ours; units fit"""
    _, log = run_logged(*SHORT)
    assert log.columns[:len(FLOWGRIND_COLUMNS)] == FLOWGRIND_COLUMNS, log.columns
    assert len(set(log.columns)) == len(log.columns)
    missing = set(OUR_COLUMNS) - set(log.columns[len(FLOWGRIND_COLUMNS):])
    assert not missing, missing
    for name, unit in (("S|D", "-"), ("id", "-"), ("begin", "s"), ("through", "Mbit/s"),
                       ("transac", "1/s"), ("minRTT", "ms"), ("cwnd", "1"), ("rtt", "ms"),
                       ("ca_state", "-"), ("smss", "B"), ("delivery_rate", "Mbit/s"),
                       ("bytes_acked", "B"), ("busy", "ms")):
        assert log.units[name] == unit, (name, log.units[name])


@case
def all_columns_always():
    """The log has every column whatever -c, -m, -p and -s say"""
    _, plain = run_logged(*SHORT)
    for arguments in (["-c", "interval"], ["-c", "rtt,delay"], ["-m", "-p", "-s", "byte"]):
        _, log = run_logged(*SHORT, *arguments)
        assert log.columns == plain.columns and log.units == plain.units
        assert all(re.fullmatch(r"\d+(\.\d+)?|nan|inf", str(row["ssth"])) for row in log.rows)
        sent = log.total("S", "tx_bytes")
        through = sum(row["through"] * (row["end"] - row["begin"]) for row in log.of("S")) * 1e6 / 8
        assert abs(through - sent) < sent / 1000 + 1000, "not in Mbit/s any more"


@case
def rows():
    """Rows: every column a number, nan, inf or one word; what a row covers follows on the one before"""
    _, log = run_logged("--embedded", "-q", "-n", 2, "-T", "s=0.35", "-i", "0.1", "-A", "s")
    words = {"ca_state": r"open|disorder|cwr|recovery|loss", "status": r"[cdflno]/[cdflno]",
             "tcp_state": r"[a-z_0-9]+", "options": r"[tsweEf]+|-", "S|D": "[SD]"}
    for line in log.lines:
        if line.startswith("#"):
            continue
        for name, value in zip(log.columns, line.split()):
            assert re.fullmatch(words.get(name, r"-?\d+(\.\d+)?|nan|inf"), value), (name, value)
    for endpoint in "SD":
        for flow in range(2):
            found = log.of(endpoint, flow)
            assert len(found) == 4, len(found)
            assert 0 <= found[0]["begin"] < 0.1
            for before, after in zip(found, found[1:]):
                assert before["end"] == after["begin"], (before["end"], after["begin"])
            for number, row in enumerate(found[:3], 1):
                assert row["end"] >= number * 0.1
            assert found[3]["end"] >= 0.35
    assert all(math.isnan(row["fack"]) for row in log.rows), "Linux has had no fack since 4.15"


@case
def ends_of_flows():
    """Each endpoint has a line for its begin and its final report; the summary ends the log"""
    result, log = run_logged("--embedded", "-n", 2, "-T", "s=0.2,d=0.1", "-i", "0.1")
    expected = {(end, flow) for end in "SD" for flow in range(2)}
    assert set(log.begins) == expected and set(log.finals) == expected
    for key, values in log.finals.items():
        rows_of = log.of(*key)
        assert sum(row["rx_bytes"] for row in rows_of) == values["rx_bytes"], key
        assert sum(row["tx_bytes"] for row in rows_of) == values["tx_bytes"], key
        assert values["congestion_control"] and values["connect_time" if key[0] == "S" else "end"]
    summary = [line for line in result.out.splitlines() if re.match(r"# (ID |total:)", line)]
    assert len(summary) == 5
    assert [line for line in log.lines if re.match(r"# (ID |total:)", line)] == summary
    assert log.lines[-1] == summary[-1]


@case
def existing_file():
    """A file that is there is not touched without -o: exit status 1 before anything is done"""
    path = os.path.join(temp_dir(), "old.log")
    write(path, "precious\n")
    before = os.stat(path)
    result = expect(flowctl(*SHORT, f"--log-file={path}"), 1)
    assert result.err == f"flowctl: the log file {path} exists; -o overwrites it\n"
    after = os.stat(path)
    assert read(path) == "precious\n"
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@case
def overwrite():
    """-o overwrites it, also where the new log is shorter"""
    path = os.path.join(temp_dir(), "old.log")
    write(path, "precious\n" * 100000)
    expect(flowctl(*SHORT, "-o", f"--log-file={path}"))
    assert "precious" not in read(path) and FlowLog(path).rows


@case
def overwrite_only_what_is_replaced():
    """-o and a run that fails before its start: the old log is what it was"""
    path = os.path.join(temp_dir(), "old.log")
    write(path, "precious\n")
    for arguments, status in ((["-H", "b=127.0.0.1:1"], 3),
                              (["--embedded", "-O", "s=TCP_CONGESTION=nope"], 2)):
        expect(flowctl(*arguments, "-o", f"--log-file={path}"), status)
        assert os.path.exists(path), f"{arguments}: the log of an earlier run is gone"
        assert read(path) == "precious\n", f"{arguments}: the log of an earlier run is emptied"


@case
def special_files_stay():
    """What is not a file of ours is never removed: a link, a device"""
    directory = temp_dir()
    link = os.path.join(directory, "link")
    os.symlink("/dev/null", link)
    paths = [link]
    if os.geteuid() == 0:
        device = os.path.join(directory, "null")
        try:
            os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            paths.append(device)
        except OSError:
            pass  # not in this container
    for path in paths:
        expect(flowctl("-H", "b=127.0.0.1:1", "-o", f"--log-file={path}"), 3)
        assert os.path.lexists(path), f"{path} was removed"


@case
def default_name():
    """-w and --log-file without a name: flowctl-TIME.log in the current folder"""
    for option in ("-w", "--log-file"):
        directory = temp_dir()
        before = time.time()
        expect(flowctl(*SHORT, option, cwd=directory))
        names = os.listdir(directory)
        assert len(names) == 1, names
        found = re.fullmatch(r"flowctl-(\d{4}-\d\d-\d\d-\d{6})-([0-9a-f]{8})\.log", names[0])
        assert found, names[0]
        made = time.mktime(time.strptime(found[1], "%Y-%m-%d-%H%M%S"))
        assert before - 1 <= made <= time.time(), names[0]
        log = FlowLog(os.path.join(directory, names[0]))
        assert log.rows and log.comment("run ")[0].split()[2].startswith(found[2])


@case
def two_logs_in_one_second():
    """Two runs started at once with -w: each has its log"""
    directory, one = temp_dir(), Daemon()
    runs = [start_flowctl("-H", hosts(one), "-T", "s=0.2", "-q", "-w", cwd=directory)
            for _ in range(2)]
    assert [run.wait(60) for run in runs] == [0, 0], [run.err for run in runs]
    assert len(os.listdir(directory)) == 2 and ":" not in "".join(os.listdir(directory))


@case
def log_on_standard_output():
    """--log-file=- and other names of standard output: the log and nothing else; -q or not"""
    one = Daemon()
    run = ("-H", hosts(one), "-T", "s=0.3", "-i", "0.1")
    for options in (["--log-file=-"], ["-q", "--log-file=-"], ["--log-file=/dev/stdout"]):
        result = expect(flowctl(*run, *options))
        path = os.path.join(temp_dir(), "log")
        write(path, result.out)
        log = FlowLog(path)
        assert log.rows and log.comment("total:") and not result.err, result.err
        assert all(re.match(r"#|[SD] 0 ", line) for line in log.lines), result.out
    result = expect(flowctl(*run, "--log-file=-", "--csv"), 1)
    assert result.err == ("flowctl: only one output can go to standard output; name a file for the "
                          "log\n"), result.err
    assert not os.path.exists("-")


@case
def log_on_standard_output_closed():
    """The reader of a log on standard output has seen enough: the flows end, nobody is told to attach"""
    one = Daemon()
    process = subprocess.Popen([FLOWCTL, "-H", hosts(one), "-T", "s=20", "-i", "0.1",
                                "--log-file=-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(60) == 2 and "attach" not in err and "output was closed" in err, err


@case
def fifo_and_device():
    """A FIFO and a device need no -o, for the log and for --output; they are never removed"""
    directory, one = temp_dir(), Daemon()
    fifo = os.path.join(directory, "fifo")
    os.mkfifo(fifo)
    for option in ("--log-file=", "--csv=", "--output=openmetrics:"):
        process = start_flowctl("-H", hosts(one), "-T", "s=0.2", "-q", option + fifo)
        text = read(fifo)
        assert process.wait(60) == 0 and process.err == "", process.err
        assert "rx_bytes" in text or "# EOF" in text, (option, text[:300])
        expect(flowctl("-H", hosts(one), "-T", "s=0.2", "-q", option + "/dev/null"))
        assert os.listdir(directory) == ["fifo"] and not os.path.exists("/dev/null.new")


@case
def no_log_unasked():
    """Without -w there is no file"""
    directory = temp_dir()
    expect(flowctl(*SHORT, cwd=directory))
    assert os.listdir(directory) == []


@case
def quiet():
    """-q: nothing on the screen, everything in the log"""
    result, log = run_logged(*SHORT)
    assert result.out == "", result.out
    assert len(log.rows) == 6 and log.comment("total:")


@case
def written_as_it_comes():
    """Rows stand in the file while the run goes on"""
    path = os.path.join(temp_dir(), "flow.log")
    process = start_flowctl("--embedded", "-q", "-T", "s=30", "-i", "0.05", f"--log-file={path}")

    def some():
        if not os.path.exists(path):
            return 0
        text = read(path)
        return len([line for line in text[:text.rfind("\n") + 1].splitlines()
                    if line[:2] in ("S ", "D ")])

    first = wait_for(some, 20, "a row in the file")
    wait_for(lambda: some() > first + 10, 20, "more rows in the file")
    assert process.running()
    process.signal(signal.SIGINT)
    assert process.wait(30) == 130
    log = FlowLog(path)
    assert len(log.of("S")) > 5 and log.comment("total:") and len(log.finals) == 2


@case
def disk_full():
    """A full disk is one warning, and the run goes on, to end with status 2"""
    path = os.path.join(temp_dir(), "full.log")
    os.symlink("/dev/full", path)
    result = expect(flowctl("--embedded", "-o", f"--log-file={path}", "-T", "s=0.6", "-i", "0.1"), 2)
    said = [line for line in result.err.splitlines() if line.startswith("flowctl: ")
            and "private flowd" not in line]
    assert said == [f"flowctl: can't continue to write the log file {path}: No space left on "
                    "device; the run continues"], result.err
    assert len(result.rows) == 12 and "\n# total: " in result.out
    assert os.path.islink(path)


@case
def disk_full_and_quiet():
    """A full device with -q: a warning, and the flows have their whole time"""
    daemon = Daemon()
    path = os.path.join(temp_dir(), "full.log")
    os.symlink("/dev/full", path)
    # -T 3 s; were the flows stopped at the first failed write, the session were gone at once
    process = start_flowctl("-H", hosts(daemon), "-q", "-o", f"--log-file={path}", "-T", "s=3",
                            "-i", "0.1")
    wait_for(lambda: "the run continues" in process.err, 20, "the warning")
    time.sleep(1)
    status = daemon.rpc().flowd.status({})
    assert process.wait(60) == 2, process.err
    assert len(process.err_lines) == 1, process.err
    assert [s["running"] for s in status["sessions"]] == [2], status


@case
def disk_fills_up():
    """A disk that fills up in mid-run: one warning, exit status 2, the log is whole up to there"""
    need_root()
    need_program("unshare")
    directory = temp_dir()
    mount = os.path.join(directory, "disk")
    os.mkdir(mount)
    script = (f"mount -t tmpfs -o size=64k none {mount} || exit 77; "
              f"'{FLOWCTL}' --embedded -T s=1 -i 0.005 --log-file={mount}/a.log; status=$?; "
              f"cp {mount}/a.log {directory}/copy.log; exit $status")
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], text=True, capture_output=True,
                          timeout=60)
    if done.returncode == 77 or "unshare:" in done.stderr:
        raise Skip(done.stderr.strip())
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("the run continues") == 1, done.stderr
    lines = [line for line in done.stdout.splitlines() if line[:2] in ("S ", "D ")]
    assert len(lines) == 400, len(lines)
    text = read(os.path.join(directory, "copy.log"))
    assert 60000 < len(text) <= 65536, len(text)
    found = [line.split() for line in text[:text.rfind("\n")].splitlines() if line[0] in "SD"]
    width = len(next(l for l in text.splitlines() if l.startswith("# columns")).split()) - 2
    assert found and all(len(words) == width for words in found)


@case
def nothing_left_behind():
    """A run that fails before its start leaves no log, and no session on a daemon"""
    daemon = Daemon()
    directory = temp_dir()
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{held.getsockname()[1]}"
        for arguments, status in (
                (["-H", f"b=127.0.0.1/{nobody}"], 3),
                (["-H", f"s=127.0.0.1/{daemon.control},d=127.0.0.1/{nobody}"], 2),
                (["-H", hosts(daemon), "-O", "s=TCP_CONGESTION=nope"], 2),
                (["-H", hosts(daemon), "-n", "3", "-F", "2", "-O", "d=TCP_CONGESTION=nope"], 2),
                (["-H", hosts(daemon, source_host="192.0.2.1", destination_host="a" * 64)], 2)):
            result = expect(flowctl(*arguments, "-w", "-T", "s=1", cwd=directory), status)
            assert len(result.err.splitlines()) == 1 and result.out == "", result.err + result.out
            assert os.listdir(directory) == [], arguments
    wait_for(lambda: daemon.rpc().flowd.status({})["flows"] == 0, 10, "the end of all flows")
    assert daemon.rpc().flowd.status({})["sessions"] == []


@case
def closed_screen():
    """A standard output that is closed does not end up in the log"""
    path = os.path.join(temp_dir(), "flow.log")
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", FLOWCTL, "--embedded", "-T", "s=0.3",
                           "-i", "0.1", f"--log-file={path}"], text=True, stderr=subprocess.PIPE,
                          timeout=60)
    assert read(path).startswith("# flowlog 1\n"), read(path)[:200]
    log = FlowLog(path)
    assert len(log.rows) == 6, done.stderr


main()
