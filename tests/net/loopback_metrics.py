#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flowd --metrics: the page by a parser of our own, by promtool and by a real Prometheus; who may
read it, and what hostile requests get."""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.parse
import urllib.request

from flowrig_test import (FLOWD, Daemon, Process, Skip, case, long_case, main, need_program, shared,
                          start_flowctl, temp_dir, wait_for)

SOURCE = os.environ.get("FLOWRIG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
SAMPLE = re.compile(r'([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')


class Page:
    """A page of metrics, read strictly."""

    def __init__(self, text):
        assert text.endswith("\n") and "\r" not in text
        self.types, self.helps, self.samples = {}, {}, {}
        family = None
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                family, kind = line.split(" ")[2:]
                assert family not in self.types, f"{family} comes twice"
                assert kind in ("gauge", "counter") and (kind == "counter") == family.endswith("_total"), line
                self.types[family] = kind
            elif line.startswith("# HELP "):
                name, sentence = line.split(" ", 3)[2:]
                assert name == family and sentence, line
                self.helps[name] = sentence
            else:
                self._add(family, line)
        assert set(self.types) == set(self.helps)

    def _add(self, family, line):
        match = SAMPLE.fullmatch(line)
        assert match and match[1] == family, f"{line!r} after the family {family}"
        labels, rest = {}, match[2] or ""
        while rest:
            label = LABEL.match(rest)
            assert label, line
            labels[label[1]] = label[2]
            rest = rest[label.end():]
        key = (family, tuple(sorted(labels.items())))
        assert key not in self.samples, f"{key} comes twice"
        assert re.fullmatch(r"-?\d+(\.\d+)?", match[3]), line
        self.samples[key] = float(match[3])

    def get(self, name, **labels):
        """The values of a family whose labels include these."""
        return [value for (family, has), value in self.samples.items()
                if family == "flowrig_" + name and set(labels.items()) <= set(has)]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def start(*options, metrics="127.0.0.1", **keywords):
    """A daemon, and where its metrics are."""
    daemon = Daemon(f"--metrics={metrics}:{free_port()}", *options, **keywords)
    found = wait_for(lambda: re.search(r"metrics at (\S+):(\d+)", daemon.err), 20, "metrics")
    daemon.metrics = (found[1].strip("[]"), int(found[2]))
    return daemon


def request(daemon, text, timeout=60):
    """Sends these bytes and returns status, headers and body."""
    with socket.create_connection(daemon.metrics, timeout) as peer:
        peer.sendall(text.replace("\n", "\r\n").encode())
        answer = http.client.HTTPResponse(peer, method=text.split(" ")[0])
        answer.begin()
        return answer.status, answer.headers, answer.read().decode()


def scrape(daemon):
    status, headers, body = request(daemon, "GET /metrics HTTP/1.1\nHost: localhost\n\n")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers
    return Page(body)


def fresh(daemon):
    """A page that is not that of the last second."""
    time.sleep(1.05)
    return scrape(daemon)


def run_of(daemon, *arguments):
    return start_flowctl("-H", f"s=127.0.0.1/{daemon.control},d=127.0.0.1/{daemon.control}", *arguments)


@case
def nothing_unless_asked():
    """Without --metrics nothing is served, and the control port has no such page"""
    daemon = Daemon()
    assert "metrics" not in daemon.err
    with socket.create_connection((daemon.host, daemon.port), 20) as peer:
        peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = http.client.HTTPResponse(peer)
        answer.begin()
        assert answer.status in (404, 405), answer.status


@case
def figures_of_running_flows():
    """Flows, sessions and the daemon; the daemon's sums are flowctl's totals"""
    daemon = start()
    before = scrape(daemon)
    assert before.get("flowd_endpoints") == [0] and before.get("build_info") == [1]
    run = run_of(daemon, "-n", "2", "-T", "s=4,d=4", "-R", "s=8Mbit", "-i", "0.1", "--json")
    page = wait_for(lambda: (lambda p: p.get("flowd_endpoints_listed") == [4] and p)(fresh(daemon)), 30, "flows")
    for end in ("source", "destination"):
        for flow in "01":
            assert page.get("flow_cwnd_segments", slot="0", flow=flow, endpoint=end)[0] > 0
            assert page.get("flow_rx_bytes_total", flow=flow, endpoint=end)[0] > 0
            assert page.get("flow_tx_bytes_total", flow=flow, endpoint=end)[0] > 0
            assert 0 < page.get("flow_srtt_seconds", flow=flow, endpoint=end)[0] < 5
            assert 0 <= page.get("flow_report_age_seconds", flow=flow, endpoint=end)[0] < 60
    assert not page.get("flow_jitter_seconds"), "TCP has no jitter"
    assert page.get("session_running_endpoints") == [4] and page.get("session_info", state="started") == [1]
    assert page.get("flowd_sessions") == [1] and page.get("user_endpoints", user="") == [4]
    assert page.get("flowd_cpu_seconds_total")[0] > 0 and page.get("flowd_threads")[0] > 4
    assert run.wait(60) == 0, run.err
    total = json.loads(run.out)["end"]["total"]
    after = wait_for(lambda: (lambda p: p.get("flowd_endpoints") == [0] and p)(fresh(daemon)), 30, "the end")
    assert after.get("flowd_rx_bytes_total") == [total["received_bytes"]]
    assert not after.get("session_info") and not after.get("flow_tx_bytes_total")
    assert after.get("flowd_calls_total")[0] > page.get("flowd_calls_total")[0]


@case
def figures_of_datagrams():
    """UDP flows have loss and jitter"""
    daemon = start()
    run = run_of(daemon, "--udp", "-T", "s=3", "-R", "s=2Mbit", "-i", "0.1", "-q")
    page = wait_for(lambda: (lambda p: p.get("flow_jitter_seconds") and p)(fresh(daemon)), 30, "jitter")
    assert page.get("flow_datagrams_sent_total", endpoint="source")[0] > 0
    assert page.get("flow_datagrams_received_total", endpoint="destination")[0] > 0
    assert page.get("flow_datagrams_lost", endpoint="destination")
    assert not page.get("flow_cwnd_segments")
    assert run.wait(60) == 0, run.err


@long_case
def slots_are_used_again():
    """Runs one after the other have the same labels; runs at once have different ones"""
    daemon = start()
    for _ in range(2):
        runs = [run_of(daemon, "-T", "s=3", "-R", "s=1Mbit", "-i", "0.1", "-q") for _ in range(2)]
        page = wait_for(lambda: (lambda p: len(p.get("session_info")) == 2 and p)(fresh(daemon)), 30, "sessions")
        assert page.get("session_info", slot="0") == page.get("session_info", slot="1") == [1]
        for run in runs:
            assert run.wait(60) == 0, run.err
    assert fresh(daemon).get("flowd_opened_sessions_total") == [4]


@long_case
def many_flows_are_not_all_listed():
    """Of 600 endpoints 500 are listed; the page says so, and the sums have all"""
    daemon = start()
    run = run_of(daemon, "-n", "300", "-T", "s=3", "-R", "s=80kbit", "-i", "0.5", "--json")
    page = wait_for(lambda: (lambda p: p.get("flowd_endpoints_reporting") == [600] and p)(fresh(daemon)), 60, "all")
    assert page.get("flowd_endpoints_listed") == [500]
    assert len(page.get("flow_tx_bytes_total")) == 500
    assert run.wait(90) == 0, run.err
    total = json.loads(run.out)["end"]["total"]["received_bytes"]
    after = wait_for(lambda: (lambda p: p.get("flowd_endpoints") == [0] and p)(fresh(daemon)), 30, "the end")
    assert after.get("flowd_rx_bytes_total") == [total]


@case
def hostile_requests():
    """Other paths and methods, web pages, other hosts' names, bodies: refused, and counted"""
    daemon = start()
    for status, text in ((404, "GET / HTTP/1.1\nHost: localhost\n\n"),
                         (404, "GET /metrics/../metrics HTTP/1.1\nHost: localhost\n\n"),
                         (404, "POST /RPC2 HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n"),
                         (405, "DELETE /metrics HTTP/1.1\nHost: localhost\n\n"),
                         (405, "POST /metrics HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n"),
                         (403, "GET /metrics HTTP/1.1\nHost: localhost\nOrigin: http://a.example\n\n"),
                         (403, "GET /metrics HTTP/1.1\nHost: localhost\nSec-Fetch-Mode: cors\n\n"),
                         (421, "GET /metrics HTTP/1.1\nHost: evil.example\n\n"),
                         (400, "GET /metrics HTTP/1.1\nHost: localhost\nHost: localhost\n\n"),
                         (413, "GET /metrics HTTP/1.1\nHost: localhost\nContent-Length: 2\n\nab")):
        found, headers, body = request(daemon, text)
        assert found == status and len(body) < 200, (status, found, text, body)
        assert status != 405 or headers["Allow"] == "GET, HEAD"
    status, headers, body = request(daemon, "HEAD /metrics HTTP/1.1\nHost: localhost\n\n")
    assert status == 200 and int(headers["Content-Length"]) > 1000 and not body
    page = fresh(daemon)
    for status, count in (("404", 3), ("405", 2), ("403", 2), ("421", 1), ("400", 1), ("413", 1)):
        assert page.get("flowd_refused_requests_total", status=status) == [count], status


@case
def connections_are_few():
    """Idle connections displace each other; scrapes and calls get through"""
    daemon = start()
    idle = [socket.create_connection(daemon.metrics, 20) for _ in range(60)]
    assert scrape(daemon).get("flowd_open_files")[0] < 120
    for peer in idle[::2]:
        try:
            peer.sendall(b"GET /met")
        except OSError:  # it was displaced
            pass
    assert scrape(daemon).get("build_info") == [1]
    assert daemon.rpc().flowd.status({})["flows"] == 0
    for peer in idle:
        peer.close()


@case
def pages_are_made_once_a_second():
    """Whoever asks again at once gets the page of before"""
    daemon = start()
    pages = [request(daemon, "GET /metrics HTTP/1.1\nHost: localhost\n\n")[2] for _ in range(20)]
    assert len(set(pages)) < 10, len(set(pages))


@case
def addresses_follow_the_rules():
    """Others than loopback need --token-file or --no-auth; those in use are named"""
    process = Process([FLOWD, "-d", "-p", "0", "--metrics=0.0.0.0:5998"])
    assert process.wait() == 1
    assert ("refusing to listen on 0.0.0.0:5998: not a loopback address: anyone who can reach it could read its metrics; "
            "use --token-file") in process.err, process.err
    daemon = start("-b", "127.0.0.1", "--no-auth", metrics="0.0.0.0")
    process = Process([FLOWD, "-d", "-p", "0", f"--metrics=127.0.0.1:{daemon.metrics[1]}"])
    assert process.wait() == 1 and "--metrics=ADDR:PORT selects another port" in process.err, process.err


@case
def tokens_are_asked_for():
    """With a token file, metrics come over TLS to its users only"""
    folder = temp_dir()
    token = os.path.join(folder, "token")
    subprocess.run([FLOWD, "--make-token", token, "--state-dir", folder], check=True, capture_output=True)
    daemon = start("--token-file", token, "--state-dir", folder)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def ask(credentials):
        connection = http.client.HTTPSConnection(*daemon.metrics, context=context, timeout=60)
        headers = {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()} if credentials else {}
        connection.request("GET", "/metrics", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    with open(token, encoding="utf-8") as file:
        user, secret = re.search(r"^(\w+):(\w{64})$", file.read(), re.M).groups()
    assert ask(None)[0] == 401
    assert ask(f"{user}:{'0' * len(secret)}")[0] == 401
    status, body = ask(f"{user}:{secret}")
    assert status == 200 and Page(body).get("build_info") == [1], (status, body)


@shared
def prometheus():
    """A Prometheus that scrapes a daemon once a second; both, and its port."""
    if not shutil.which("prometheus"):
        raise Skip("prometheus is not installed")
    daemon = start()
    folder = temp_dir()
    port = free_port()
    with open(os.path.join(folder, "prometheus.yml"), "w", encoding="ascii") as file:
        file.write("global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
                   f"rule_files: ['{SOURCE}/contrib/prometheus/alerts.yml']\n"
                   "scrape_configs:\n- job_name: flowrig\n  static_configs:\n"
                   f"  - targets: ['{daemon.metrics[0]}:{daemon.metrics[1]}']\n")
    server = Process(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                      f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])
    return daemon, server, port


def query(port, expression):
    """The values of an expression, or None where Prometheus does not answer yet."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            found = json.load(answer)
    except OSError:
        return None
    assert found["status"] == "success", found
    return [float(item["value"][1]) for item in found["data"]["result"]]


@case
def a_real_prometheus():
    """Prometheus takes every sample, and its totals are flowctl's"""
    daemon, server, port = prometheus()
    wait_for(lambda: not server.running() or query(port, "up{job='flowrig'}") == [1], 60, "the first scrape")
    assert server.running(), server.err
    run = run_of(daemon, "-n", "3", "-T", "s=3", "-R", "s=8Mbit", "-i", "0.1", "--json")
    wait_for(lambda: query(port, "count(flowrig_flow_rx_bytes_total{endpoint='destination'})") == [3], 30, "flows")
    assert run.wait(60) == 0, run.err
    total = json.loads(run.out)["end"]["total"]["received_bytes"]
    wait_for(lambda: query(port, "flowrig_flowd_rx_bytes_total") == [total], 30, f"{total} bytes")
    # No duplicates, nothing out of order; all samples of the page were taken.
    assert query(port, "scrape_samples_scraped")[0] == len(scrape(daemon).samples)
    assert query(port, "prometheus_target_scrapes_sample_duplicate_timestamp_total") in ([0], [])
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/rules", timeout=20) as answer:
        groups = json.load(answer)["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) >= 5 and not any(rule.get("lastError") for rule in rules), rules


@case
def the_dashboard_has_data():
    """Each query of the Grafana dashboard finds data in a Prometheus while flows run; so do its variables"""
    daemon, server, port = prometheus()
    with open(os.path.join(SOURCE, "contrib/prometheus/dashboard.json"), encoding="utf-8") as file:
        dashboard = json.load(file)
    asked = {f"{panel['title']}: {target['expr']}": target["expr"] for panel in dashboard["panels"]
             for target in panel["targets"]}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            asked[f"variable {variable['name']}"] = f"count by ({label}) ({series})"
    for name, expression in asked.items():
        for word, value in (("$__rate_interval", "10s"), ("$instance", ".+"), ("$slot", ".+")):
            expression = expression.replace(word, value)
        asked[name] = expression
    assert len(asked) >= 20, asked
    connection = http.client.HTTPConnection(daemon.host, daemon.port, timeout=20)
    connection.request("GET", "/nothing")
    assert connection.getresponse().status >= 400  # a refusal is there to be counted
    connection.close()
    # As long as it takes a busy machine; they are stopped as soon as all is there.
    runs = [run_of(daemon, *options, "-R", "s=8Mbit", "-T", "s=60", "-q") for options in ((), ("--udp",))]
    for name, expression in asked.items():
        wait_for(lambda e=expression: not server.running() or query(port, e), 50, f"data for {name}")
    assert server.running(), server.err
    for run in runs:
        run.signal(signal.SIGINT)
        run.wait(60)


@case
def promtool_has_no_remark():
    """promtool accepts the page and the alert rules; alerts fire as they should"""
    need_program("promtool")
    daemon = start()
    run = run_of(daemon, "--udp", "-T", "s=2", "-R", "s=1Mbit", "-i", "0.1", "-q")
    other = run_of(daemon, "-T", "s=2", "-R", "s=1Mbit", "-i", "0.1", "-q")
    wait_for(lambda: fresh(daemon).get("flowd_endpoints_listed") == [4], 30, "flows")
    page = request(daemon, "GET /metrics HTTP/1.1\nHost: localhost\n\n")[2]
    found = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, capture_output=True, check=False)
    assert found.returncode == 0 and not found.stdout, found
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]):
        found = subprocess.run(["promtool"] + command, cwd=os.path.join(SOURCE, "contrib/prometheus"), text=True,
                               capture_output=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr
    assert run.wait(60) == 0 and other.wait(60) == 0, run.err + other.err


@case
def names_in_contrib_exist():
    """Dashboard and rules name metrics that the page has"""
    families = set(scrape(start()).types)
    for name in ("alerts.yml", "dashboard.json"):
        with open(os.path.join(SOURCE, "contrib/prometheus", name), encoding="utf-8") as file:
            text = file.read()
        used = set(re.findall(r"\bflowrig_[a-z_]+\b", text))
        assert len(used) >= 5 and used <= families, used - families
    dashboard = json.loads(text)
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)) >= 8 and all(panel["targets"] for panel in dashboard["panels"])


main()
