#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything at once, as somebody would run it who trusts nobody: two daemons that dropped root,
tokens inside TLS, quotas, 200 flows with round-trip times and delays, dumps of both ends, rows at
short intervals, reports that spill to the disk, and strangers who try to get in meanwhile. Every row
and every packet is there."""
import base64
import http.client
import os
import pwd
import re
import ssl
import subprocess
import threading

from flowrig_lab import PREAMBLE, payload, segments
from flowrig_test import (FLOWD, LONG, SANITIZED, Daemon, Skip, case, expect, flowctl, hosts, main,
                          need_root, note, run_logged, temp_dir)

FLOWS = 50 if SANITIZED else 200
DURATION, INTERVAL = (20 if LONG else 3), 0.05
RATE = 200_000  # bit/s of each direction of each flow


class Guarded(Daemon):
    """A daemon that was root, with a token file for the users of the run and a directory for dumps."""

    def __init__(self, token, state, *options):
        nobody = pwd.getpwnam("nobody")
        self.dumps = temp_dir()
        os.chmod(os.path.dirname(self.dumps), 0o755)
        os.chown(self.dumps, nobody.pw_uid, nobody.pw_gid)
        super().__init__("--user", "nobody", "-w", self.dumps, "--token-file", token,
                         "--state-dir", state, "--report-memory", "1M", "--max-flows", 2 * FLOWS,
                         "--allow-test", "127.0.0.0/8", *options)
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        assert fields["Uid"].split()[1] == str(nobody.pw_uid)
        assert int(fields["CapEff"], 16) == 1 << 13, "more or less than CAP_NET_RAW"


class Stranger(threading.Thread):
    """Shows wrong tokens, one after the other, until it is told to end."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.target, self.tries, self.in_ = daemon, 0, 0
        self.quit = threading.Event()
        self.context = ssl._create_unverified_context()

    def run(self):
        shown = "Basic " + base64.b64encode(b"flowrig:" + b"0" * 64).decode()
        while not self.quit.is_set():
            connection = http.client.HTTPSConnection(self.target.host, self.target.port, timeout=30,
                                                     context=self.context)
            try:
                connection.request("POST", "/RPC2", "<methodCall/>", {"Authorization": shown})
                self.tries += 1
                self.in_ += connection.getresponse().status != 401
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()


def daemons_with_token():
    """Two daemons, the environment for flowctl, and how it names the token."""
    folder = temp_dir()
    os.chmod(folder, 0o711)
    token, states = os.path.join(folder, "token"), [temp_dir(), temp_dir()]
    made = subprocess.run([FLOWD, "--make-token", token, "--state-dir", states[0]], text=True,
                          capture_output=True, timeout=30, check=False)
    assert made.returncode == 0, made.stderr
    quota = f"sessions=2,flows={2 * FLOWS},rate={4 * FLOWS * RATE}bit,duration={DURATION + 1}"
    daemons = [Guarded(token, state, "--user-quota", quota) for state in states]
    env = {"XDG_CONFIG_HOME": os.path.join(folder, "config"), "FLOWRIG_TOKEN_FILE": token}
    for daemon in daemons:  # the keys are asked for once, and known then
        expect(flowctl("status", "--accept-new-keys", daemon.control, env=env))
    return daemons, env


def expect_every_row(log):
    skipped = 0
    for flow in range(FLOWS):
        for end in "SD":
            rows, final = log.of(end, flow), log.finals[end, flow]
            skipped += final.get("rows_skipped") or 0
            assert len(rows) + (final.get("rows_skipped") or 0) == round(DURATION / INTERVAL), \
                (flow, end, len(rows), final)
            assert all(a["end"] == b["begin"] for a, b in zip(rows, rows[1:])), (flow, end)
            for name in ("tx_bytes", "rx_bytes"):
                assert sum(row[name] for row in rows) == final[name], (flow, end, name)
    note(f"{len(log.rows)} rows of {2 * FLOWS} endpoints, {skipped} of them took two intervals or more "
         "as the machine was busy")


def expect_every_packet(folder, log, run):
    names = {}
    for name in os.listdir(folder):
        found = re.fullmatch(rf"flowrig-{run[:8]}-(\d+)-([sd])-[\w.]+\.pcap", name)
        assert found, name
        names[found[2].upper(), int(found[1])] = os.path.join(folder, name)
    assert len(names) == 2 * FLOWS, len(names)
    packets = 0
    for (end, flow), path in names.items():
        found, final = segments(path), log.finals[end, flow]
        assert len(found) == final["dump_packets"] and final["dump_dropped"] == 0, final
        assert len({frozenset((s.source, s.destination)) for s in found}) == 1, path
        packets += len(found)
        port = found[0].destination[1]
        sent = {name: log.finals[name, flow] for name in "SD"}
        for name, towards in (("S", port), ("D", found[0].source[1])):
            whole = sum(sent[name].get(part) or 0 for part in ("tx_bytes", "tx_tail"))
            assert payload(found, towards) == PREAMBLE + whole, (end, flow, name, sent[name])
    note(f"{packets} packets in {len(names)} dumps")


@case
def all_at_once():
    """200 flows between guarded daemons while strangers knock: rows and dumps are whole"""
    need_root()
    daemons, env = daemons_with_token()
    if "pcap" not in Daemon().rpc().flowd.describe()["features"]:
        raise Skip("flowd was built without libpcap")
    strangers = [Stranger(daemon) for daemon in daemons]
    for stranger in strangers:
        stranger.start()
    result, log = run_logged("-H", hosts(*daemons), "-n", FLOWS, "-T", f"b={DURATION}", "-M", "b",
                             "-S", "b=500", "-R", f"b={RATE}bit", "-A", "b", "-I", "-i", INTERVAL,
                             "-q", "--snaplen", 128, env=env, timeout=300)
    for stranger in strangers:
        stranger.quit.set()
        stranger.join(40)
    assert all(s.tries and not s.in_ for s in strangers), [(s.tries, s.in_) for s in strangers]
    assert result.err == "" and f"flows = {FLOWS}, failed = 0, " in log.comment("total:")[0], result.err
    expect_every_row(log)
    here = temp_dir()
    expect(flowctl("fetch-dumps", "-o", here, *(d.control for d in daemons), env=env, timeout=300))
    run = log.comment("run")[0].split()[2]
    expect_every_packet(here, log, run)
    note(f"{sum(s.tries for s in strangers)} wrong tokens meanwhile")
    # Who has none gets no dump.
    answer = flowctl("fetch-dumps", "-o", temp_dir(), daemons[0].control,
                     env=dict(env, FLOWRIG_TOKEN_FILE=""))
    assert answer.status == 3 and "--token-file" in answer.err, answer.err


main()
