#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are full: one sentence says what is lost, the run goes on, the status is that of a
partial result, and nothing that is left behind is half of something."""
import os
import re
import subprocess

from flowrig_test import (FLOWCTL, FLOWD, Daemon, FlowLog, Skip, case, expect, flowctl, hosts, main,
                          need_root, note, small_disk, temp_dir)

NO_SPACE = "No space left on device"


def fill(disk, leave=0):
    """Leaves so many bytes of the file system free."""
    path = os.path.join(disk, "filler")
    stat = os.statvfs(disk)
    with open(path, "wb") as file:
        file.write(bytes(stat.f_bavail * stat.f_bsize - leave))


def no_room_for(path, result):
    """Checks what flowctl says of a log that can't be written further; gives the number of its run."""
    said = re.fullmatch(f"flowctl: can't continue to write the log file {path}: {NO_SPACE}; the "
                        "run continues\nflowctl: the daemons keep the missing rows for 3600 s: free "
                        "some space, then 'flowctl attach (\\w{8})' adds them\n", result.err)
    assert said, result.err
    return said[1]


def dumping(folder, *options):
    daemon = Daemon("-w", folder, *options)
    if "pcap" not in daemon.rpc().flowd.describe()["features"]:
        raise Skip("flowd was built without libpcap")
    return daemon


@case
def log_that_finds_no_room():
    """The log's disk is full in mid-run: the log ends with a whole line, the rest is as ever"""
    disk = small_disk("256k")
    path = os.path.join(disk, "flow.log")
    daemon, env = Daemon(), {"XDG_STATE_HOME": temp_dir()}
    result = expect(flowctl("-H", hosts(daemon), "-n", 2, "-T", "s=2", "-i", "0.005",
                            f"--log-file={path}", env=env), 2)
    run = no_room_for(path, result)
    assert len(result.rows) > 1500 and "# total: flows = 2, failed = 0, " in result.out
    log = FlowLog(path)  # each line has all columns
    assert log.lines and open(path, "rb").read()[-1:] == b"\n"
    for end in "SD":
        rows = log.of(end, 0)
        assert 0 < len(rows) < 400
        assert all(a["end"] == b["begin"] for a, b in zip(rows, rows[1:]))
    note(f"{len(log.rows)} of {len(result.rows)} rows found room")
    # What it lacks is not lost.
    assert no_room_for(path, expect(flowctl("attach", run, env=env), 2)) == run
    subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)
    assert expect(flowctl("attach", run, env=env)).err == ""
    log = FlowLog(path)
    assert len(log.rows) == len(result.rows) and len(log.finals) == len(log.begins) == 4
    for end in "SD":
        for flow in (0, 1):
            rows = log.of(end, flow)
            assert all(a["end"] == b["begin"] for a, b in zip(rows, rows[1:]))
            for name in ("tx_bytes", "rx_bytes"):
                assert log.total(end, name, flow) == log.finals[end, flow][name]
    assert len(log.comment("total:")) == 1
    assert os.listdir(os.path.join(env["XDG_STATE_HOME"], "flowrig")) == []
    assert daemon.rpc().flowd.status({})["sessions"] == []


@case
def log_that_finds_none_at_all():
    """The log's disk is full from the beginning on"""
    disk = small_disk("64k")
    fill(disk)
    path = os.path.join(disk, "flow.log")
    result = expect(flowctl("-H", hosts(Daemon()), "-T", "s=0.3", "-q", f"--log-file={path}"), 2)
    no_room_for(path, result)
    assert os.path.getsize(path) == 0
    # With a bit of room, for a part of the head.
    os.unlink(os.path.join(disk, "filler"))
    fill(disk, 4096)
    result = expect(flowctl("-H", hosts(Daemon()), "-T", "s=0.3", "-q", "-o", f"--log-file={path}"), 2)
    no_room_for(path, result)
    data = open(path, "rb").read()
    assert data.startswith(b"# flowlog 1\n") and data.endswith(b"\n") and len(data) <= 4096


@case
def output_that_finds_no_room():
    """Standard output goes to a disk that is full, in mid-run or for the summary alone"""
    for options, room in ((("-T", "s=2", "-i", "0.005"), 16384), (("-T", "s=0.2", "-Q"), 0)):
        disk = small_disk("64k")
        fill(disk, room)
        log = os.path.join(temp_dir(), "flow.log")
        with open(os.path.join(disk, "out"), "wb") as out:
            done = subprocess.run([FLOWCTL, "-H", hosts(Daemon()), *options, f"--log-file={log}"],
                                  stdout=out, stderr=subprocess.PIPE, text=True, timeout=60,
                                  check=False)
        assert done.returncode == 2, done
        assert done.stderr == f"flowctl: can't write to the screen: {NO_SPACE}\n", done.stderr
        assert FlowLog(log).comment("total:"), "the log is whole"


@case
def state_of_a_run():
    """No room for a run's state: a sentence says what that means, the run is whole, no file is left"""
    disk = small_disk("64k")
    os.mkdir(os.path.join(disk, "flowrig"))
    fill(disk)
    result = expect(flowctl("-H", hosts(Daemon()), "-T", "s=0.3", "-q", env={"XDG_STATE_HOME": disk}))
    assert result.err.startswith("flowctl: the run's state can't be saved, so 'flowctl attach' will not work for it: ")
    assert result.err.endswith(f"can't be written: {NO_SPACE}\n") and result.err.count("\n") == 1, result.err
    assert os.listdir(os.path.join(disk, "flowrig")) == []


@case
def state_of_a_daemon():
    """No room for identity, key, token or number: flowd says so, and starts once there is room"""
    disk = small_disk("64k")
    token = os.path.join(disk, "token")
    fill(disk)
    for options in (("--state-dir", disk), ("--pid-file", os.path.join(disk, "pid")),
                    ("--state-dir", disk, "--make-token", token),
                    ("--state-dir", temp_dir(), "--make-token", token)):
        done = subprocess.run([FLOWD, "-p", "0", "-d", "--log-level=error", *options], text=True,
                              capture_output=True, timeout=30, check=False)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done
        assert done.stderr.endswith(f"can't be written: {NO_SPACE}\n"), done.stderr
        assert os.listdir(disk) == ["filler"], os.listdir(disk)
    os.unlink(os.path.join(disk, "filler"))
    Daemon("--state-dir", disk)


@case
def reports_of_a_daemon():
    """No room for reports in memory and on disk: flowctl says how many are lost, and how it ends"""
    disk = small_disk("64k")
    one = Daemon("--state-dir", disk, "--report-memory", "64k")
    fill(disk)
    result = expect(flowctl("-H", hosts(one), "-n", 400, "-T", "s=0.6", "-Q", "-q"), 2)
    said = [line for line in result.err.splitlines() if "reports did not fit" in line]
    if not said:  # they were fetched in time
        raise AssertionError(result.err)
    assert NO_SPACE in said[0], said


@case
def dump_that_finds_no_room():
    """The disk of dumps is full: the dump has whole packets, and flowctl says that it is not whole"""
    need_root()
    disk = small_disk("256k")
    one = dumping(disk)
    result = expect(flowctl("-H", hosts(one), "-M", "s", "-T", "s=1", "-R", "s=80Mbit",
                            "--snaplen", 65535), 2)
    assert result.err == ("flowctl: the dump of flow 0, source, is incomplete: the dump ends early: "
                          f"{NO_SPACE}\n"), result.err
    assert f"note: the dump ends early: {NO_SPACE}" in result.out and ", failed = 0," in result.out
    name, = os.listdir(disk)
    data, at = open(os.path.join(disk, name), "rb").read(), 24
    while at < len(data):
        at += 16 + int.from_bytes(data[at + 8:at + 12], "little")
    assert at == len(data) > 1000, "it ends within a packet"


@case
def fetched_to_a_full_disk():
    """fetch-dumps to a disk that is full: a sentence, and no half of a dump that would pass for it"""
    need_root()
    one = dumping(temp_dir())
    expect(flowctl("-H", hosts(one), "-M", "s", "-T", "s=1", "-R", "s=80Mbit", "-q",
                   "--snaplen", 65535))
    disk = small_disk("64k")
    result = expect(flowctl("fetch-dumps", "-o", disk, one.control), 2)
    assert result.err.endswith(f".pcap: {NO_SPACE}\n") and result.err.count("\n") == 1, result.err
    assert os.listdir(disk) == []


main()
