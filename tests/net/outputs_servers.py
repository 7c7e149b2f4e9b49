#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs to servers: real ones, and ones that are slow, refuse, fail or die. The run goes on; what
is lost is counted."""
import glob
import http.server
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from flowrig_test import (Process, Skip, case, expect, flowctl, main, shared, start_flowctl, temp_dir,
                          wait_for)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# ---- a scripted InfluxDB


class Played(http.server.ThreadingHTTPServer):
    """Answers the n-th request as answers[n] says, the last one for ever: (status, body), a number of
    seconds to wait before 204, or None to hang up."""

    daemon_threads = True

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), PlayedHandler)
        self.answers, self.requests, self.taken = list(answers), [], []
        self.gone = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}?db=lab"

    def handle_error(self, request, client_address):
        pass


class PlayedHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        server = self.server
        answer = server.answers[min(len(server.requests), len(server.answers) - 1)]
        server.requests.append((self.path, dict(self.headers), body))
        if answer is None:
            self.close_connection = True
            return
        if not isinstance(answer, tuple):
            server.gone.wait(answer)
            answer = (204, "")
        if answer[0] == 204:
            server.taken += body.splitlines()
        self.send_response(answer[0])
        self.send_header("Content-Length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1].encode())

    def log_message(self, *arguments):
        pass


def run_to(target, *arguments, status=0, env=None, seconds="1.5"):
    """A run of 2 endpoints with 20 rows a second; its result, its JSON, and how long it took."""
    began = time.monotonic()
    result = flowctl("--embedded", *arguments, "-T", f"s={seconds}", "-R", "s=8Mbit", "-i", "0.1", "--json",
                     "--output", target, env=env)
    expect(result, status)
    return result, json.loads(result.out), time.monotonic() - began


def rows_of(lines):
    return [line for line in lines if line.startswith("flowrig,")]


@case
def influx_is_sent_all_rows():
    """All points in batches, with path, precision and credentials; nothing is said"""
    server = Played((204, ""))
    result, whole, _ = run_to("influx:" + server.url, env={"INFLUX_TOKEN": "abc"})
    assert len(rows_of(server.taken)) == len(whole["rows"]) > 20
    assert len(server.taken) == len(set(server.taken)) == len(whole["rows"]) + 1
    for path, headers, _ in server.requests:
        assert path == "/write?db=lab&precision=ns" and headers["Authorization"] == "Token abc"
    assert 1 < len(server.requests) < 8 and "influx" not in result.err and "http" not in result.err


@case
def influx_that_fails_for_a_while():
    """5xx and closed connections are tried again: nothing is lost, and it is said once"""
    server = Played((503, "busy"), None, (500, ""), (204, ""))
    result, whole, _ = run_to("influx:" + server.url)
    assert len(rows_of(set(server.taken))) == len(whole["rows"])
    assert len(re.findall(r"http://127.*the run continues", result.err)) == 1, result.err
    assert "status 503: busy" in result.err


@case
def influx_that_refuses_points():
    """4xx are not tried again; as many rows are lost as the server says"""
    server = Played((400, '{"error":"partial write: field type conflict dropped=3"}'), (204, ""))
    result, _, _ = run_to("influx:" + server.url, status=2)
    assert re.search(r"\b3 records did not reach http://127\.0\.0\.1:\d+: status 400: .*dropped=3", result.err), result.err
    server = Played((404, '{"error":"database not found: \\"lab\\""}'))
    result, whole, _ = run_to("influx:" + server.url, status=2)
    lost = int(re.search(r"(\d+) records did not reach", result.err)[1])
    assert lost == len(whole["rows"]) + 1 and "database not found" in result.err, result.err


@case
def influx_that_is_not_there():
    """Nobody listens, or never answers: the run is as long as ever, the rest is given up 10 s after it"""
    results = []

    def attempt(target):
        results.append(run_to("influx:" + target, status=2, seconds="1"))

    hanging = Played(3600)
    threads = [threading.Thread(target=attempt, args=(target,))
               for target in (f"http://127.0.0.1:{free_port()}/?db=lab", hanging.url)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hanging.gone.set()
    assert len(results) == 2, "an attempt failed"
    for result, whole, took in results:
        assert took < 60 and whole["end"]["complete"] is True
        assert int(re.search(r"(\d+) records did not reach", result.err)[1]) == len(whole["rows"]) + 1, result.err


@case
def influx_targets():
    """Targets that are none are refused before the run"""
    for target, words in (("http://a", "names no database"), ("http://?db=a", "is not http://HOST:PORT/PATH"), ("http://a?x=1", "names no database"),
                          ("http://u:p@a?db=b", "INFLUX_TOKEN"), ("http://a/write", "names no database")):
        result = flowctl("--embedded", "-T", "s=0.1", "--output", "influx:" + target)
        assert result.status == 1 and words in result.err, (target, result.err)


# ---- a real InfluxDB


@shared
def influxdb():
    """The URL of a real InfluxDB 1 with the database lab."""
    if not shutil.which("influxd"):
        raise Skip("influxd (package influxdb) is not installed")
    folder, port, rpc = temp_dir(), free_port(), free_port()
    with open(os.path.join(folder, "conf"), "w", encoding="ascii") as file:
        file.write(f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n[meta]\ndir = "{folder}/meta"\n'
                   f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
                   f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n[logging]\nlevel = "error"\n')
    server = Process(["influxd", "-config", f"{folder}/conf"])
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: not server.running() or influx_query(url, "CREATE DATABASE lab") is not None, 60, "influxd")
    assert server.running(), server.err
    return url


def influx_query(url, text):
    """The rows of the answer, each {column: value}; None where nobody answers."""
    data = urllib.parse.urlencode({"q": text, "db": "lab"}).encode()
    try:
        with urllib.request.urlopen(f"{url}/query", data, timeout=20) as answer:
            result = json.load(answer)["results"][0]
    except urllib.error.URLError:
        return None
    assert "error" not in result, result
    return [dict(zip(series["columns"], row), **series.get("tags", {}))
            for series in result.get("series", []) for row in series["values"]]


@case
def a_real_influxdb():
    """A real InfluxDB has every row, and sums that are those of the JSON; a second run adds to it"""
    url = influxdb()
    for runs in (1, 2):
        result, whole, _ = run_to(f"influx:{url}?db=lab", seconds="1")
        assert url not in result.err, result.err
        run = whole["run"]["run"]
        found = influx_query(url, f"SELECT count(seq), sum(rx_bytes) FROM flowrig WHERE run='{run}'")[0]
        assert found["count"] == len(whole["rows"])
        assert found["sum"] == sum(row.get("rx_bytes", 0) for row in whole["rows"])
        total = influx_query(url, f"SELECT sum(received_bytes) FROM flowrig_flow WHERE run='{run}'")[0]["sum"]
        assert total == whole["end"]["total"]["received_bytes"]
        assert len(influx_query(url, "SHOW TAG VALUES FROM flowrig WITH KEY = run")) == runs


@case
def a_real_influxdb_without_the_database():
    """What InfluxDB has against it is said"""
    result, _, _ = run_to(f"influx:{influxdb()}?db=nowhere", status=2, seconds="0.5")
    assert 'status 404: {"error":"database not found' in result.err, result.err


# ---- PostgreSQL


def pg_program(name):
    """A program of the newest server that is installed."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: int(path.split("/")[4]))
    if not found:
        raise Skip("the server of PostgreSQL (package postgresql) is not installed")
    return found[-1]


class Postgres:
    """A server of its own, at a socket in a directory of its own, as a user without rights."""

    def __init__(self):
        self.folder = temp_dir()
        user = pwd.getpwnam("nobody")
        self.wrap = []
        if os.geteuid() == 0:
            if not shutil.which("setpriv"):
                raise Skip("setpriv (package util-linux) is not installed")
            os.chmod(self.folder, 0o755)
            self.data = os.path.join(self.folder, "server")
            os.mkdir(self.data, 0o700)
            os.chown(self.data, user.pw_uid, user.pw_gid)
            self.wrap = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
        else:
            self.data = os.path.join(self.folder, "server")
        done = subprocess.run(self.wrap + [pg_program("initdb"), "-D", self.data, "-A", "trust", "-U", "lab", "-N"],
                              capture_output=True, text=True, cwd="/", check=False)
        assert done.returncode == 0, done.stderr
        self.server = None
        self.start()
        self.conninfo = f"host={self.data} user=lab dbname=postgres"

    def start(self):
        self.server = Process(self.wrap + [pg_program("postgres"), "-D", self.data, "-k", self.data, "-c",
                                           "listen_addresses=", "-c", "fsync=off"], cwd="/")
        wait_for(lambda: not self.server.running() or self.answers(), 60, "postgres")
        assert self.server.running(), self.server.err

    def stop(self):
        self.server.signal(signal.SIGINT)
        self.server.wait(60)

    def psql(self, text):
        return subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo,
                               "-c", text], capture_output=True, text=True, check=False)

    def answers(self):
        self.conninfo = f"host={self.data} user=lab dbname=postgres"
        return self.psql("SELECT 1").returncode == 0

    def ask(self, text):
        """Rows, each a list of texts."""
        done = self.psql(text)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]


@shared
def postgres():
    if not shutil.which("psql"):
        raise Skip("psql (package postgresql-client) is not installed")
    if "without libpq" in flowctl("--embedded", "-T", "s=0.1", "--output", "postgresql:nonsense").err:
        raise Skip("flowctl was built without libpq")
    return Postgres()


def expect_run(server, whole):
    """The database has what the JSON of the run has."""
    run = whole["run"]["run"]
    [[status, complete, received, flows]] = server.ask(
        f"SELECT status, complete, received_bytes, flows FROM run WHERE uuid = '{run}'")
    total = whole["end"]["total"]
    assert (int(status), int(received), int(flows)) == (whole["end"]["status"], total["received_bytes"], total["flows"])
    assert int(complete) == whole["end"]["complete"]
    found = {(int(flow), end, int(seq)): values for flow, end, seq, *values in server.ask(
        f"SELECT flow, endpoint, seq, end_seconds, rx_bytes, tx_bytes, srtt_seconds, rx_bits_per_second FROM rows "
        f"WHERE run = '{run}'")}
    assert len(found) == len(whole["rows"])
    names = ("end_seconds", "rx_bytes", "tx_bytes", "srtt_seconds", "rx_bits_per_second")
    for row in whole["rows"]:
        for name, value in zip(names, found[row["flow"], row["endpoint"], row["seq"]]):
            assert (value == "") == (name not in row), (name, value, row)
            slack = 1 if name == "rx_bits_per_second" else 1e-9
            assert value == "" or abs(float(value) - row[name]) <= slack, (name, value, row)
    finals = server.ask(f"SELECT number, side, final.rx_bytes FROM final JOIN endpoint ON endpoint.id = final.endpoint "
                        f"JOIN flow ON flow.id = endpoint.flow JOIN run ON run.id = flow.run WHERE uuid = '{run}'")
    assert sorted((int(flow), side, int(value)) for flow, side, value in finals) == sorted(
        (final["flow"], final["endpoint"], final["rx_bytes"]) for final in whole["finals"])
    [[record, summary]] = server.ask(f"SELECT record, summary FROM run WHERE uuid = '{run}'")
    assert json.loads(record) == whole["run"] and json.loads(summary) == dict(whole["end"], type="end")
    stats = server.ask(f"SELECT host.number, scope, object, seq, end_ns, rx_bytes, tcp_out_segs FROM hoststat JOIN host ON "
                       f"host.id = hoststat.host JOIN run ON run.id = host.run WHERE uuid = '{run}' ORDER BY 1, seq")
    assert stats == [[str(row["host"]), row["scope"], row.get("object", ""), str(row["seq"]),
                      str(round(row["end_seconds"] * 1e9)), str(row.get("rx_bytes", "")), str(row.get("tcp_out_segs", ""))]
                     for row in sorted(whole.get("hoststats", []), key=lambda row: (row["host"], row["seq"]))]
    infos = server.ask(f"SELECT number, side, info FROM endpoint JOIN flow ON flow.id = endpoint.flow "
                       f"JOIN run ON run.id = flow.run WHERE uuid = '{run}'")
    assert sorted((int(flow), side, json.loads(info)) for flow, side, info in infos) == sorted(
        (final["flow"], final["endpoint"], final["info"]) for final in whole["finals"])


@case
def a_real_postgresql():
    """Two runs in one database: rows, finals, histograms and totals are those of the JSON"""
    server = postgres()
    for title in ("a 'quoted' \\ title", None):
        result, whole, _ = run_to("postgresql:" + server.conninfo, "-n", "2", "-A", "s", "--histogram", "--host-stats",
                                  *(["--title", title] if title else []), seconds="0.6")
        assert "PostgreSQL" not in result.err, result.err
        assert len(whole["hoststats"]) > 10
        expect_run(server, whole)
        run = whole["run"]["run"]
        assert server.ask(f"SELECT title FROM run WHERE uuid = '{run}'") == [[title or ""]]
        counted = sum(h["count"] for h in whole["histograms"] if "flow" in h)
        [[count]] = server.ask("SELECT sum(count) FROM histogram JOIN run ON run.id = histogram.run "
                               f"WHERE uuid = '{run}'")
        assert int(count) == counted > 0
    assert server.ask("SELECT count(*) FROM run") == [["2"]]
    [[kind]] = server.ask("SELECT data_type FROM information_schema.columns WHERE table_name = 'row' AND "
                          "column_name = 'rx_bytes'")
    assert kind == "bigint"


@case
def a_postgresql_that_dies():
    """It is ended in the middle of a run, and started again: nothing is lost, and nothing there twice"""
    postgres()  # or the reason why there is none
    server, path = Postgres(), os.path.join(temp_dir(), "a.json")
    process = start_flowctl("--embedded", "-T", "s=4", "-R", "s=8Mbit", "-i", "0.05", "-q", f"--json={path}", "--output",
                            "postgresql:" + server.conninfo)
    wait_for(lambda: server.psql("SELECT count(*) > 0 FROM row").stdout == "t\n", 60, "rows")
    server.stop()
    time.sleep(1)
    server.start()
    assert process.wait(60) == 0, process.err
    assert "the PostgreSQL database: " in process.err and "the run continues" in process.err, process.err
    with open(path, encoding="utf-8") as file:
        expect_run(server, json.load(file))


@case
def a_postgresql_that_is_not_there():
    """Nobody is there, or nothing is allowed: the run goes on, all is counted as lost, status 2"""
    server = postgres()
    gone, whole, took = run_to(f"postgresql:host={temp_dir()} dbname=lab", status=2, seconds="0.5")
    assert took < 60 and whole["end"]["complete"] is True
    lost = int(re.search(r"(\d+) records did not reach the PostgreSQL database: ", gone.err)[1])
    assert lost >= len(whole["rows"]) + len(whole["finals"]) + 1, gone.err
    server.ask("CREATE ROLE guest LOGIN")
    refused, _, took = run_to(f"postgresql:host={server.data} user=guest dbname=postgres", status=2, seconds="0.5")
    assert "permission denied" in refused.err and took < 60, refused.err


@case
def postgresql_targets():
    """A password on the command line, and what libpq does not read, are refused before the run"""
    if "without libpq" in flowctl("--embedded", "-T", "s=0.1", "--output", "postgresql:nonsense").err:
        raise Skip("flowctl was built without libpq")
    for target, words in (("dbname=a password=b", "PGPASSFILE"), ("//u:secret@h/db", "PGPASSFILE"),
                          ("nonsense", "output postgresql: "), ("colour=red", "output postgresql: ")):
        result = flowctl("--embedded", "-T", "s=0.1", "--output", "postgresql:" + target)
        assert result.status == 1 and words in result.err and "secret" not in result.err, (target, result.err)


main()
