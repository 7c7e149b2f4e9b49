#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A daemon that ends at any moment: by a signal with all that may be under way, or killed while reports
are in its file. FLOWRIG_SEED repeats the moments."""
import http.client
import os
import random
import signal
import socket
import threading
import time
import xmlrpc.client

from flowrig_api import Session, prepare_flows
from flowrig_test import Daemon, at_end, case, long_case, main, note, temp_dir, wait_for

MS = 10 ** 6


class Busy:
    """A daemon with flows, dumps, calls that wait, calls that come in parts, and idle connections."""

    def __init__(self, chance):
        self.chance, self.folder = chance, temp_dir()
        self.pid_file = os.path.join(self.folder, "pid")
        self.daemon = Daemon("--pid-file", self.pid_file, "-w", self.folder, "--report-memory", "64k",
                             "--state-dir", self.folder, level="error")
        self.session = Session(self.daemon)
        prepare_flows(self.session, self.session, 2, source=20, settings={"interval": 5 * MS},
                      source_more={"rate": 10 ** 6, "dump": os.geteuid() == 0})
        self.session.start()
        threading.Thread(target=self.fetch, daemon=True).start()
        threading.Thread(target=self.upload, daemon=True).start()
        self.idle = socket.create_connection((self.daemon.host, self.daemon.port))
        at_end(self.idle.close)

    def fetch(self):
        rpc = self.daemon.rpc()
        try:
            while True:
                rpc.session.reports({"session": self.session.id, "wait_ms": 500, "after": 0, "acknowledge": 0})
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            pass  # it has ended

    def upload(self):
        try:
            with socket.create_connection((self.daemon.host, self.daemon.port)) as peer:
                peer.sendall(b"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
                             b"Content-Length: 8000000\r\n\r\n")
                while True:
                    peer.sendall(b" " * 1000)
                    time.sleep(0.001)
        except OSError:
            pass

    def end(self):
        """Signals it after up to half a second, once or twice; how long the end took."""
        time.sleep(self.chance.random() / 2)
        one, twice = self.chance.choice((signal.SIGTERM, signal.SIGINT)), self.chance.random() < .5
        self.daemon.signal(one)
        began = time.monotonic()
        if twice:
            time.sleep(self.chance.random() / 5)
            if self.daemon.running():
                self.daemon.signal(one)
        status = self.daemon.wait(30)
        self.daemon.killed = True
        assert status == 0 or twice and status == -one, f"{one.name}: {status}\n{self.daemon.err}"
        assert status or not os.path.exists(self.pid_file), "the pid file is left"
        return time.monotonic() - began


def end_all(count):
    seed = int(os.environ.get("FLOWRIG_SEED") or random.randrange(1 << 32))
    note(f"FLOWRIG_SEED={seed}")
    daemons = [Busy(random.Random(seed + i)) for i in range(count)]
    trouble, spent = [], []

    def end(busy):
        try:
            spent.append(busy.end())
        except Exception as error:
            trouble.append(error)

    threads = [threading.Thread(target=end, args=(busy,)) for busy in daemons]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not trouble, trouble[0]
    note(f"{min(spent):.2f} to {max(spent):.2f} s")
    assert len(spent) == count and max(spent) < 25, spent


@case
def signals_at_random_moments():
    """SIGTERM and SIGINT, once and twice, while all is under way: status 0 after the first, at once after the second"""
    end_all(3)


@long_case
def signals_at_thirty_random_moments():
    """The same, thirty times"""
    for _ in range(5):
        end_all(6)


@case
def killed_with_reports_in_its_file():
    """kill -9 while reports are in the file of the state directory: nothing of them is left, and it starts again"""
    state = temp_dir()
    daemon = Daemon("--report-memory", "64k", "--state-dir", state)
    session = Session(daemon)
    prepare_flows(session, session, 2, source=20, settings={"interval": MS}, source_more={"rate": 10 ** 6})
    session.start()
    wait_for(lambda: session.state()[0]["spilled"] > 0, 20, "that reports are in the file")
    daemon.kill_hard()
    assert os.listdir(state) == ["daemon-id"], os.listdir(state)
    daemon = Daemon("--report-memory", "64k", "--state-dir", state)
    assert daemon.rpc().flowd.status({})["sessions"] == []


main()
