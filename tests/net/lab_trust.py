#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the README promises a new user on two hosts: three commands, and a run inside TLS."""
import os
import re
import signal
import subprocess

from flowrig_test import (FLOWCTL, FLOWD, Capture, Lab, at_end, at_terminal, case, flowctl, in_netns,
                          main, note, temp_dir, wait_for)

SOURCE = os.environ.get("FLOWRIG_SOURCE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..")


def commands_of_readme():
    """The block of commands with the token, made for the names that hosts have in the lab."""
    with open(os.path.join(SOURCE, "README"), encoding="utf-8") as file:
        block = re.search(r"\n\n((?:    \$ .*\n)+)\nOnly controllers with the token", file.read())[1]
    return [line.strip()[2:].replace("host1", "h1").replace("host2", "h2")
            for line in block.splitlines()]


class Desks:
    """A user on h1, and what ssh gives on h2: each with files of its own."""

    def __init__(self, lab):
        self.lab, self.homes = lab, {1: temp_dir(), 2: temp_dir()}
        self.programs = temp_dir()
        for name, path in (("flowd", FLOWD), ("flowctl", FLOWCTL)):
            os.symlink(os.path.abspath(path), os.path.join(self.programs, name))
        ssh = os.path.join(self.programs, "ssh")
        with open(ssh, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\n[ "$1" = h2 ] || exit 255\ncd {self.homes[2]} || exit 255\n'
                       f"export HOME={self.homes[2]} STATE_DIRECTORY={self.homes[2]}/state\n"
                       f'exec ip netns exec {lab.ns(2)} sh -c "$2"\n')
        os.chmod(ssh, 0o755)
        at_end(self.end_daemons)

    def env(self):
        return dict(PATH=self.programs + os.pathsep + os.environ["PATH"], HOME=self.homes[1],
                    STATE_DIRECTORY=self.homes[1] + "/state", XDG_CONFIG_HOME="", FLOWRIG_TOKEN_FILE="")

    def daemons(self):
        """The processes of flowd in the lab's namespaces, which nobody else uses."""
        for host in (1, 2):
            for pid in self.lab.run(host, "ip", "netns", "pids", self.lab.ns(host)).split():
                try:
                    if os.path.samefile(f"/proc/{pid}/exe", FLOWD):
                        yield int(pid)
                except OSError:
                    pass

    def end_daemons(self):
        for pid in self.daemons():
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not list(self.daemons()), 20, "the end of the daemons")

    def run(self, command):
        done = subprocess.run(in_netns(self.lab.ns(1), ["sh", "-c", command]), cwd=self.homes[1],
                              env=dict(os.environ, **self.env()), text=True, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        note(f"$ {command}\n{done.stdout}{done.stderr}")
        assert done.returncode == 0, done
        return done


@case
def three_commands():
    """The three commands of the README give a run inside TLS, with one question"""
    lab = Lab(2, "delay=1ms rate=50m limit=50ms")
    desks = Desks(lab)
    commands = commands_of_readme()
    assert len(commands) == 3, commands
    capture = Capture(lab, 1, "tcp port 5999", snaplen=65535)
    for command in commands[:2]:
        desks.run(command)
    assert len(list(desks.daemons())) == 2
    measure = in_netns(lab.ns(1), ["sh", "-c", commands[2] + " -T s=1 -i 0.5"])
    status, text, asked = at_terminal(measure, desks.env(), ["yes"], cwd=desks.homes[1])
    note(text[-600:])
    assert status == 0 and asked == 1 and "flowd at h2:5999 is not known yet" in text, text
    goodput = float(re.search(r"total: 1 flow, goodput ([\d.]+) Mbit/s", text)[1])
    assert 20 < goodput < 50, goodput
    status, text, asked = at_terminal(measure, desks.env(), ["no"], cwd=desks.homes[1])
    assert status == 0 and asked == 0, text
    # Who has no token gets nothing, from either host.
    for host in (1, 2):
        answer = flowctl("status", "h1", "h2", netns=lab.ns(host), env={"FLOWRIG_TOKEN_FILE": ""})
        assert answer.status == 3 and answer.err.count("use --token-file") == 2, answer.err
    with open(capture.stop(), "rb") as file:
        seen = file.read()
    with open(os.path.join(desks.homes[1], "lab.token"), "rb") as file:
        secret = re.search(rb"^flowrig:(\w+)", file.read(), re.M)[1]
    # flowctl without a token said something in the clear; that was all.
    assert len(seen) > 10000 and b"\x16\x03" in seen and secret not in seen
    assert b"session.open" not in seen and b"Basic" not in seen


main()
