#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody gets in: tokens, keys, certificates, quotas and privileges, over loopback."""
import base64
import concurrent.futures
import http.client
import itertools
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import xmlrpc.client

from flowrig_api import (FAULT_GONE, FAULT_POLICY, FAULT_TOO_MANY, PREAMBLE_SIZE, Session,
                         agreement, block, destination, expect_fault, preamble, prepare_flows, source)
from flowrig_test import (FLOWCTL, FLOWD, SANITIZED, Daemon, at_end, at_terminal, case, expect,
                          flowctl, hosts, main, need_program, need_root, note, temp_dir, wait_for)

SOURCE = os.environ.get("FLOWRIG_SOURCE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..")
CALL = xmlrpc.client.dumps(({},), "flowd.clock").encode()


def run(*command):
    return subprocess.run([str(c) for c in command], text=True, capture_output=True, timeout=60,
                          check=False)


class Trust:
    """A directory with a token file, the daemon's state, and a user's configuration."""

    def __init__(self, users=None):
        self.dir = temp_dir()
        self.state = self.path("state")
        os.mkdir(self.state)
        self.token = self.path("token")
        self.env = {"XDG_CONFIG_HOME": self.path("config")}
        made = run(FLOWD, "--make-token", self.token, "--state-dir", self.state)
        assert made.returncode == 0, made.stderr
        with open(self.token, encoding="ascii") as file:
            text = file.read()
        self.user, self.secret = re.search(r"^(flowrig):(\w{64})$", text, re.M).groups()
        self.key = re.search(r"^key (\S+)", text, re.M)[1]
        assert self.key in made.stdout and self.secret not in made.stdout
        if users:
            with open(self.token, "a", encoding="ascii") as file:
                file.write("".join(f"{name}:{secret}\n" for name, secret in users.items()))

    def path(self, name):
        return os.path.join(self.dir, name)

    def daemon(self, *options, **keywords):
        return Daemon("--token-file", self.token, "--state-dir", self.state, *options, **keywords)

    def without_keys(self, name="other.token", secret=None):
        """A token file that says nothing of keys."""
        path = self.path(name)
        with open(path, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(f"{self.user}:{secret or self.secret}\n")
        return path

    def flowctl(self, *arguments, token=None, **keywords):
        return flowctl(arguments[0], "--token-file", token or self.token, *arguments[1:],
                       env=self.env, **keywords)

    def known(self):
        try:
            with open(os.path.join(self.env["XDG_CONFIG_HOME"], "flowrig", "known_hosts"),
                      encoding="ascii") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def context(self):
        context = ssl.create_default_context(cafile=os.path.join(self.state, "tls-cert.pem"))
        context.check_hostname = False
        return context

    def rpc(self, daemon, user=None, secret=None):
        return xmlrpc.client.ServerProxy(
            f"https://{user or self.user}:{secret or self.secret}@{daemon.control}/RPC2",
            context=self.context(), allow_none=True)

    def post(self, daemon, user=None, secret=None, body=CALL, path="/RPC2"):
        """One request on a connection of its own; without a user, without credentials."""
        connection = http.client.HTTPSConnection(daemon.host, daemon.port, timeout=60,
                                                 context=self.context())
        headers = {"Content-Type": "text/xml"}
        if user:
            shown = base64.b64encode(f"{user}:{secret}".encode()).decode()
            headers["Authorization"] = "Basic " + shown
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


class TrustedSession(Session):
    """A session through TLS."""

    def __init__(self, trust, daemon, user=None, secret=None, **members):
        trusted = daemon.rpc
        daemon.rpc = lambda: trust.rpc(daemon, user, secret)
        try:
            super().__init__(daemon, **members)
        finally:
            daemon.rpc = trusted


def refused(result, *sentences, status=None):
    assert result.status == status or (status is None and result.status in (2, 3)), result.status
    for sentence in sentences:
        assert sentence in result.err, result.err
    assert result.err.count("\n") == 1, f"not one sentence: {result.err}"


# ---- tokens


@case
def run_with_a_token():
    """Two daemons with one token: a run through TLS; new keys are remembered, once"""
    one, two = Trust(), Trust()
    first, second = one.daemon(), Daemon("--token-file", one.token, "--state-dir", two.state)
    arguments = ("run", "--accept-new-keys", "-H", hosts(first, second), "-n", 2, "-T", "s=0.3",
                 "-c", "interval,goodput")
    result = expect(one.flowctl(*arguments))
    assert ", failed = 0, " in result.out
    assert f"trusting flowd at {second.control} from now on: its key is {two.key}" in result.err
    assert first.control not in result.err  # its key is in the token file
    assert one.known() == [f"{second.control} {two.key}"], one.known()
    result = expect(one.flowctl(*arguments))
    assert result.err == "" and len(one.known()) == 1
    result = expect(flowctl("status", first.control, env=dict(one.env, FLOWRIG_TOKEN_FILE=one.token)))
    assert result.out.startswith(f"{first.control}: up ")
    assert "stopped 0 flow endpoints" in expect(one.flowctl("stop", second.control)).out
    assert one.secret not in first.err + second.err + result.err


@case
def wrong_token():
    """A wrong secret: one sentence here, one with the peer in the daemon's log, and no harm"""
    trust = Trust()
    daemon = trust.daemon()
    other = trust.without_keys(secret="0123456789abcdef" * 4)
    result = trust.flowctl("status", "--accept-new-keys", daemon.control, token=other)
    assert result.status == 3 and "refuses the token" in result.err, result.err
    result = trust.flowctl("run", "-H", hosts(daemon), "-T", "s=0.2", token=other)
    refused(result, f"flowctl: flowd at {daemon.control} refuses the token: it was started with "
                    "another --token-file", status=2)
    assert re.search(r"refused 127\.0\.0\.1:\d+: a wrong user or secret \(1 from there", daemon.err)
    assert "0123456789abcdef" not in daemon.err
    expect(trust.flowctl("status", daemon.control))


@case
def no_token():
    """Without a token nothing is answered but 401; the body of such a call is not kept"""
    trust = Trust()
    daemon = trust.daemon()
    status, headers, body = trust.post(daemon)
    assert status == 401 and headers["WWW-Authenticate"] == 'Basic realm="flowd"', headers
    assert b"methodResponse" not in body
    wrong = (("x", ""), (trust.user, ""), ("x", trust.secret), (trust.secret, trust.user),
             (trust.user, trust.secret[:-1]), (trust.user, trust.secret + "0"),
             (trust.user.upper(), trust.secret), (trust.user + "\0", trust.secret))
    with concurrent.futures.ThreadPoolExecutor(len(wrong)) as pool:  # each answer is held back
        answers = list(pool.map(lambda pair: trust.post(daemon, *pair)[0], wrong))
    assert answers == [401] * len(wrong), list(zip(answers, wrong))
    assert trust.post(daemon, trust.user, trust.secret)[0] == 200
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        before = int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])
    connections = []
    for _ in range(40):
        connection = socket.create_connection((daemon.host, daemon.port), 20)
        connections.append(trust.context().wrap_socket(connection))
        connections[-1].sendall(b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n" +
                                b"x" * 4000000)
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        after = int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])
    note(f"{before} kB before 160 MB of calls without a token, {after} kB after")
    assert SANITIZED or after < before + 40000
    for connection in connections:
        connection.close()
    assert trust.post(daemon, trust.user, trust.secret)[0] == 200


@case
def tls_or_not():
    """TLS and plain HTTP do not meet: each side says what to do"""
    trust = Trust()
    plain, daemon = Daemon(), trust.daemon()
    refused(flowctl("status", daemon.control), "does not speak HTTP", "--token-file", status=3)
    refused(trust.flowctl("status", plain.control), "does not use TLS", "nothing was sent to it",
            status=3)
    assert plain.rpc().flowd.clock()["sent"] and trust.rpc(daemon).flowd.clock()["sent"]


@case
def private_daemons_need_none():
    """Where no daemon answers on localhost, a private one is used without TLS, token or not"""
    trust = Trust()
    result = expect(trust.flowctl("run", "--embedded", "-T", "s=0.2", "-i", "0.1"))
    assert ", failed = 0, " in result.out


@case
def thousand_wrong_secrets():
    """1000 wrong secrets, 400 at a time: answers are held back, few lines in the log, others served"""
    trust = Trust()
    daemon = trust.daemon()
    statuses, lock, left = [], threading.Lock(), [1000]

    def attack():
        while True:
            with lock:
                if not left[0]:
                    return
                left[0] -= 1
            try:
                status = trust.post(daemon, trust.user, "wrong" * 10)[0]
            except OSError as trouble:
                status = type(trouble).__name__
            with lock:
                statuses.append(status)

    began = time.monotonic()
    threads = [threading.Thread(target=attack) for _ in range(400)]
    for thread in threads:
        thread.start()
    served = 0
    while any(thread.is_alive() for thread in threads):
        assert trust.rpc(daemon).flowd.clock()["sent"]  # from the same address, and at once
        served += 1
    took = time.monotonic() - began
    lines = re.findall(r"refused 127", daemon.err)
    note(f"{took:.1f} s, {served} calls with the token served meanwhile, {len(lines)} lines logged")
    assert statuses.count(401) == 1000, {s: statuses.count(s) for s in set(statuses)}
    # Three rounds of 400, each held back for 5 s but for the first few of all.
    assert took > 10 and served >= 3
    assert len(lines) <= 2 + took / 10, daemon.err
    assert re.search(r"\d+ refusals were not logged", daemon.err) or took < 10
    expect(trust.flowctl("status", daemon.control))


@case
def refused_and_closed():
    """Who is refused loses the connection with the answer, and can't hold it by asking again"""
    trust = Trust()
    daemon = trust.daemon()
    for header in ("", "Authorization: Basic " + base64.b64encode(b"flowrig:" + b"wrong" * 8).decode() + "\r\n"):
        peer = trust.context().wrap_socket(socket.create_connection((daemon.host, daemon.port), 20))
        at_end(peer.close)
        peer.settimeout(60)
        request = (f"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n{header}"
                   f"Content-Length: {len(CALL)}\r\n\r\n").encode() + CALL
        peer.sendall(request + request)
        answer, began = b"", time.monotonic()
        while part := peer.recv(4096):
            answer += part
        assert answer.count(b"HTTP/1.1 401") == 1 and b"Connection: close" in answer, answer
        assert time.monotonic() - began < 30, "an idle connection of a user stays for 75 s"


@case
def refused_and_displaced():
    """Answers are held back from those that are there: connections that had to go are gone at once"""
    trust = Trust()
    daemon = trust.daemon()
    before = len(os.listdir(f"/proc/{daemon.pid}/fd"))
    shown = base64.b64encode(b"flowrig:" + b"wrong" * 8).decode()
    wrong = (f"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nAuthorization: Basic {shown}"
             f"\r\nContent-Length: {len(CALL)}\r\n\r\n").encode() + CALL
    made, stop, context = itertools.count(), threading.Event(), trust.context()
    made_until_now = 0

    def attack():
        nonlocal made_until_now
        held = []
        while not stop.is_set():
            try:
                peer = socket.socket()
                peer.settimeout(20)
                peer.bind(("127.0.0.9", 0))
                peer.connect((daemon.host, daemon.port))
                held.append(context.wrap_socket(peer))
                held[-1].sendall(wrong)
            except OSError:
                continue
            made_until_now = next(made)
            if len(held) > 300:
                held.pop(0).close()

    threads = [threading.Thread(target=attack, daemon=True) for _ in range(4)]
    at_end(stop.set)
    for thread in threads:
        thread.start()
    wait_for(lambda: made_until_now > 700, 120, "700 wrong secrets")
    counts = []
    for _ in range(10):
        assert trust.post(daemon, trust.user, trust.secret)[0] == 200
        counts.append(len(os.listdir(f"/proc/{daemon.pid}/fd")) - before)
    stop.set()
    for thread in threads:
        thread.join(30)
    note(f"{made_until_now} wrong secrets, {counts} connections")
    assert min(counts) < 448 + 60, counts  # one address may have 448


@case
def sessions_of_others():
    """A session belongs to its user: others can neither use nor close it, but see and stop it"""
    trust = Trust(users={"bob": "b" * 32})
    daemon = trust.daemon()
    alice = TrustedSession(trust, daemon, key="same")
    bob = TrustedSession(trust, daemon, "bob", "b" * 32, key="same")
    assert alice.id != bob.id
    for session, other in ((alice, bob), (bob, alice)):
        expect_fault(FAULT_GONE, "~there is no such session", session.rpc.session.renew,
                     {"session": other.id})
        assert session.rpc.session.close({"session": other.id})["rows"] == 0
    assert alice.rpc.session.renew({"session": alice.id})["lease_s"] == 15
    assert bob.rpc.session.renew({"session": bob.id})["lease_s"] == 15
    listed = sorted(s["user"] for s in bob.rpc.flowd.status({})["sessions"])
    assert listed == ["bob", "flowrig"], listed
    assert "flows" in bob.rpc.flowd.stop_all({})


# ---- keys


class Impostor:
    """A TLS server that notes every byte that it is sent inside TLS. It shows the certificates one
    after the other, then the last one again."""

    def __init__(self, *states, port=0):
        self.contexts = []
        for state in states:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(os.path.join(state, "tls-cert.pem"),
                                    os.path.join(state, "tls-key.pem"))
            self.contexts.append(context)
        self.heard, self.connections = b"", 0
        self.listening = socket.create_server(("127.0.0.1", port))
        self.port = self.listening.getsockname()[1]
        self.control = f"127.0.0.1:{self.port}"
        at_end(self.listening.close)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            context = self.contexts[min(self.connections, len(self.contexts) - 1)]
            self.connections += 1
            threading.Thread(target=self._hear, args=(context, connection), daemon=True).start()

    def _hear(self, context, connection):
        try:
            connection.settimeout(20)
            with context.wrap_socket(connection, server_side=True) as inside:
                while True:
                    data = inside.recv(65536)
                    if not data:
                        break
                    self.heard += data
        except OSError:
            pass


@case
def unknown_key_without_a_terminal():
    """A key that nobody knows, and no terminal: refused with the key, and nothing is sent"""
    trust, other = Trust(), Trust()
    impostor = Impostor(other.state)
    result = trust.flowctl("status", impostor.control)
    refused(result, f"flowd at {impostor.control} is not known yet", "no terminal", other.key,
            "--accept-new-keys", status=3)
    refused(trust.flowctl("run", "-H", f"b=127.0.0.1/{impostor.control}"), other.key, status=2)
    assert impostor.connections == 2 and impostor.heard == b"" and not trust.known()


@case
def changed_key():
    """A key other than the known one stops the run, whatever is accepted; nothing is sent"""
    trust, other = Trust(), Trust()
    token = trust.without_keys()
    daemon = trust.daemon()
    expect(trust.flowctl("status", "--accept-new-keys", daemon.control, token=token))
    port = daemon.port
    daemon.stop()
    impostor = Impostor(other.state, port=port)
    for command in (("status", impostor.control), ("stop", impostor.control),
                    ("run", "-H", f"b=127.0.0.1/{impostor.control}")):
        result = trust.flowctl(command[0], "--accept-new-keys", *command[1:], token=token)
        refused(result, f"the key of flowd at {impostor.control} has CHANGED", trust.key, other.key,
                "line 1 of ", "known_hosts")
    # The token file names the key for this host: that goes before what is known.
    with open(token, "a", encoding="ascii") as file:
        file.write(f"key {trust.key} 127.0.0.1:{port}\n")
    result = trust.flowctl("status", "--accept-new-keys", impostor.control, token=token)
    refused(result, "has CHANGED", f"according to {token}", status=3)
    assert impostor.connections == 4 and impostor.heard == b""
    assert trust.known() == [f"{impostor.control} {trust.key}"]


@case
def key_that_changes_in_between():
    """Another key on the connection that would carry the token than on the one before it: nothing is sent"""
    trust, other = Trust(), Trust()
    impostor = Impostor(trust.state, other.state)
    result = trust.flowctl("status", impostor.control)
    refused(result, "has another key than a moment ago", "the token was not sent", status=3)
    assert impostor.connections == 2 and impostor.heard == b""
    # The right key both times, and the token is there: the test can tell.
    right = Impostor(trust.state, trust.state)
    process = subprocess.Popen([FLOWCTL, "status", "--token-file", trust.token, right.control],
                               stderr=subprocess.PIPE)
    at_end(process.communicate)
    at_end(process.kill)
    wait_for(lambda: b"Authorization: Basic" in right.heard, 20, "the token")


@case
def unknown_key_at_a_terminal():
    """At a terminal a new key is asked about: no ends it, yes is remembered, once"""
    trust = Trust()
    daemon, token = trust.daemon(), trust.without_keys()
    command = [FLOWCTL, "status", "--token-file", token, daemon.control]
    status, text, asked = at_terminal(command, trust.env, ["no"])
    assert status == 3 and asked == 1 and "is not trusted" in text and trust.key in text, text
    assert not trust.known()
    for line in text.replace("\r", "").split("\n"):
        assert len(line) < 80, line
    for word in ("n", "N", "NO"):
        assert at_terminal(command, trust.env, [word])[0] == 3 and not trust.known()
    # It asks again, and says how to answer; but it does not take for ever what others typed.
    status, text, asked = at_terminal(command, trust.env, ["maybe"])
    assert status == 3 and asked == 3 and text.count("Please answer yes or no.") == 2, text
    assert not trust.known()
    status, text, asked = at_terminal(command, trust.env, ["no such thing as yes", "yes"])
    assert status == 0 and asked == 2 and ": up " in text, text
    assert trust.known() == [f"{daemon.control} {trust.key}"]
    os.unlink(os.path.join(trust.env["XDG_CONFIG_HOME"], "flowrig", "known_hosts"))
    assert at_terminal(command, trust.env, ["y"])[0] == 0
    assert trust.known() == [f"{daemon.control} {trust.key}"]
    # What the question names says the same key.
    shown = subprocess.run([FLOWD, "--show-key", "--state-dir", trust.state], capture_output=True,
                           text=True, timeout=30)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, trust.key + "\n", ""), shown
    status, text, asked = at_terminal(command, trust.env, ["no"])
    assert status == 0 and asked == 0, text


@case
def key_that_lasts():
    """The key is made once, and stays; the certificate is made anew where it is missing"""
    trust = Trust()
    assert os.stat(os.path.join(trust.state, "tls-key.pem")).st_mode & 0o777 == 0o600
    trust.daemon().stop()
    os.unlink(os.path.join(trust.state, "tls-cert.pem"))
    daemon = trust.daemon()
    assert f"the key of this daemon is {trust.key}" in daemon.err
    expect(trust.flowctl("status", daemon.control))
    need_program("openssl")
    der = subprocess.run("openssl x509 -pubkey -noout -in tls-cert.pem | "
                         "openssl pkey -pubin -outform der | openssl dgst -sha256 -binary",
                         shell=True, cwd=trust.state, capture_output=True, check=True).stdout
    assert trust.key == "sha256//" + base64.b64encode(der).decode()


# ---- certificates


class Authority:
    """A CA, made with openssl."""

    def __init__(self):
        need_program("openssl")
        self.dir = temp_dir()
        self.made = 0
        self.ca = os.path.join(self.dir, "ca.pem")
        self.openssl("req", "-x509", *self.new_key("ca.key"), "-out", self.ca, "-subj", "/CN=ca",
                     "-days", "2")

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.dir, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stderr

    @staticmethod
    def new_key(path):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                path]

    def sign(self, name, usage, days=1, subject=None):
        """Paths of a certificate and its key."""
        self.made += 1
        base = os.path.join(self.dir, f"leaf{self.made}")
        with open(base + ".ext", "w", encoding="ascii") as file:
            file.write(f"subjectAltName=IP:{name}\nextendedKeyUsage={usage}\n"
                       if re.match(r"[\d.]+$", name) else
                       f"subjectAltName=DNS:{name}\nextendedKeyUsage={usage}\n")
        self.openssl("req", "-new", *self.new_key(base + ".key"), "-out", base + ".csr", "-subj",
                     subject or f"/CN={name}")
        self.openssl("x509", "-req", "-in", base + ".csr", "-CA", self.ca, "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", str(days), "-extfile", base + ".ext", "-out",
                     base + ".pem")
        os.chmod(base + ".key", 0o600)
        return base + ".pem", base + ".key"


@case
def lab_with_a_ca():
    """--tls-ca: a good certificate is enough; expired, of another host, CA or purpose it is refused"""
    lab, other, trust = Authority(), Authority(), Trust()
    cases = ((lab.sign("127.0.0.1", "serverAuth"), lab.ca, True),
             (lab.sign("127.0.0.1", "serverAuth", days=-1), lab.ca, False),
             (lab.sign("127.0.0.9", "serverAuth"), lab.ca, False),
             (other.sign("127.0.0.1", "serverAuth"), lab.ca, False))
    for (certificate, key), ca, good in cases:
        daemon = trust.daemon("--tls-cert", certificate, "--tls-key", key)
        result = trust.flowctl("status", "--tls-ca", ca, daemon.control)
        if good:
            expect(result)
        else:
            refused(result, f"the certificate of flowd at {daemon.control} is refused: ",
                    "(--tls-ca)", status=3)
            assert "refused 127" not in daemon.err
        daemon.stop()
    assert not trust.known()


@case
def certificates_of_clients():
    """--tls-client-ca: none, expired, of another CA or purpose are refused; a token is needed, too"""
    lab, other, trust = Authority(), Authority(), Trust()
    good = lab.sign("carol", "clientAuth")
    daemon = trust.daemon("--tls-client-ca", lab.ca)
    expect(trust.flowctl("status", "--tls-cert", good[0], "--tls-key", good[1], daemon.control))
    refused(trust.flowctl("status", daemon.control),
            "requires a certificate: use --tls-cert and --tls-key", status=3)
    for certificate, key in (lab.sign("carol", "clientAuth", days=-1),
                             other.sign("carol", "clientAuth"), lab.sign("carol", "serverAuth")):
        result = trust.flowctl("status", "--tls-cert", certificate, "--tls-key", key,
                               daemon.control)
        # One that no CA of the daemon's list has signed may not even be shown.
        refused(result, f"flowd at {daemon.control} refuses the certificate of --tls-cert",
                status=3)
    wrong = trust.without_keys(secret="0123456789abcdef")
    with open(wrong, "a", encoding="ascii") as file:
        file.write(f"key {trust.key}\n")
    refused(trust.flowctl("status", "--tls-cert", good[0], "--tls-key", good[1], daemon.control,
                          token=wrong), "refuses the token", status=3)
    daemon.stop()
    alone = Daemon("--tls-client-ca", lab.ca, "--state-dir", trust.state)
    result = flowctl("run", "--accept-new-keys", "--tls-cert", good[0], "--tls-key", good[1], "-H",
                     hosts(alone), "-T", "s=0.2", "-i", "0.1", env=trust.env)
    assert ", failed = 0, " in expect(result).out
    assert " opened for carol at " in alone.err, alone.err


def call_with(daemon, certificate=None, key=None, secret=None):
    """Status of a call with a certificate, or what the TLS library says instead."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    headers = {"Content-Type": "text/xml"}
    if secret:
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    connection = http.client.HTTPSConnection(daemon.host, daemon.port, timeout=60, context=context)
    try:
        connection.request("POST", "/RPC2", CALL, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as trouble:
        return repr(trouble)
    finally:
        connection.close()


@case
def certificates_that_name_nobody():
    """--tls-client-ca alone: a common name that is none, or two of them, is nobody's: status 403"""
    lab, trust = Authority(), Trust()
    daemon = Daemon("--tls-client-ca", lab.ca, "--state-dir", trust.state)
    for subject in ("/O=lab", "/CN=carol smith", "/CN=carol/CN=dave", "/CN=" + "c" * 64, "/CN=carol:x"):
        assert call_with(daemon, *lab.sign("carol", "clientAuth", subject=subject)) == 403, subject
    assert call_with(daemon, *lab.sign("carol", "clientAuth")) == 200
    assert "the common name of its certificate is not the name of a user" in daemon.err
    # Beside a token it is the token that names the user.
    both = trust.daemon("--tls-client-ca", lab.ca)
    nameless = lab.sign("carol", "clientAuth", subject="/O=lab")
    assert call_with(both, *nameless, secret=f"{trust.user}:{trust.secret}") == 200
    assert call_with(both, *nameless) == 401


@case
def keys_that_are_not_the_certificates():
    """A chain through what is no CA, a CA of the same name, a self-signed name: not let in"""
    lab, other, trust = Authority(), Authority(), Trust()
    daemon = Daemon("--tls-client-ca", lab.ca, "--state-dir", trust.state)
    leaf, leaf_key = lab.sign("carol", "clientAuth")
    child, child_key = os.path.join(lab.dir, "child.pem"), os.path.join(lab.dir, "child.key")
    lab.openssl("req", "-new", *lab.new_key(child_key), "-out", "child.csr", "-subj", "/CN=dave")
    lab.openssl("x509", "-req", "-in", "child.csr", "-CA", leaf, "-CAkey", leaf_key, "-CAcreateserial",
                "-days", "1", "-out", child)
    chain = os.path.join(lab.dir, "chain.pem")
    with open(chain, "w", encoding="ascii") as file:
        for part in (child, leaf):
            with open(part, encoding="ascii") as one:
                file.write(one.read())
    own, own_key = os.path.join(lab.dir, "own.pem"), os.path.join(lab.dir, "own.key")
    lab.openssl("req", "-x509", *lab.new_key(own_key), "-out", own, "-subj", "/CN=carol", "-days", "1")
    for name, pair in (("a chain through a leaf", (chain, child_key)), ("its child alone", (child, child_key)),
                       ("another CA of that name", other.sign("carol", "clientAuth")),
                       ("self-signed", (own, own_key)), ("none", ())):
        assert call_with(daemon, *pair) != 200, name
    assert call_with(daemon, leaf, leaf_key) == 200


@case
def weak_suites_and_renegotiation():
    """TLS without authentication or encryption, fallbacks, renegotiation: refused"""
    need_program("openssl")
    trust = Trust()
    daemon = trust.daemon()
    for options in ("-tls1_2 -cipher aNULL:@SECLEVEL=0", "-tls1_2 -cipher eNULL:@SECLEVEL=0",
                    "-tls1_2 -fallback_scsv", "-tls1_2 -cipher CAMELLIA:@SECLEVEL=0"):
        done = subprocess.run(["openssl", "s_client", "-connect", daemon.control, *options.split()],
                              input="", text=True, capture_output=True, timeout=60, check=False)
        assert re.search(r"Cipher is (?!\(NONE\))\S+", done.stdout) is None, f"{options}: {done.stdout}"
    process = subprocess.Popen(["openssl", "s_client", "-connect", daemon.control, "-tls1_2"], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    at_end(process.kill)
    time.sleep(1)
    process.stdin.write("R\n")  # ask for a new handshake within the connection
    process.stdin.flush()
    time.sleep(2)
    process.stdin.close()
    text = process.stdout.read()
    assert "RENEGOTIATING" in text and text.count("verify return") <= 2, text
    assert re.search(r"no renegotiation|unexpected|error|closed", text, re.I), text
    expect(trust.flowctl("status", daemon.control))


@case
def sessions_resumed_without_the_certificate():
    """A TLS session made with a certificate lets nobody in who resumes it without"""
    lab, trust = Authority(), Trust()
    daemon = Daemon("--tls-client-ca", lab.ca, "--state-dir", trust.state)
    pair = lab.sign("carol", "clientAuth")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        def connect(with_certificate, session=None, of=version):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.minimum_version = context.maximum_version = of
            if with_certificate:
                context.load_cert_chain(*pair)
            if session:  # a session belongs to its context
                context = session[0]
            plain = socket.create_connection((daemon.host, daemon.port), 20)
            return context, context.wrap_socket(plain, session=session and session[1])

        def status(peer):
            peer.settimeout(20)
            try:
                peer.sendall(b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: "
                             b"%d\r\n\r\n" % len(CALL) + CALL)
                return peer.recv(65536)[:12]
            except OSError as trouble:
                return repr(trouble).encode()
        context, peer = connect(True)
        assert status(peer) == b"HTTP/1.1 200", version
        session = peer.session
        peer.close()
        again = connect(False, (context, session))[1] if session else None
        if again is not None:
            note(f"{version.name}: resumed: {again.session_reused}; {status(again)!r}")
            assert not again.session_reused, "a resumed session shows no certificate to check"
        assert status(connect(False)[1]) != b"HTTP/1.1 200"


@case
def old_versions_of_tls():
    """TLS 1.0 and 1.1 are refused, 1.2 and 1.3 taken"""
    need_program("openssl")
    trust = Trust()
    daemon = trust.daemon()
    for option, good in (("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
        done = subprocess.run(["openssl", "s_client", "-connect", daemon.control, option, "-cipher",
                               "ALL:@SECLEVEL=0"], input="", text=True, capture_output=True,
                              timeout=60, check=False)
        made = re.search(r"Cipher is (?!\(NONE\))\S+", done.stdout) is not None
        assert made == good, f"{option}: {done.stdout}{done.stderr}"
    expect(trust.flowctl("status", daemon.control))


@case
def half_open_handshakes():
    """300 TLS handshakes that never end: others are served meanwhile, and all are cut"""
    trust = Trust()
    daemon = trust.daemon()
    files = len(os.listdir(f"/proc/{daemon.pid}/fd"))
    peers = []
    for i in range(300):
        peer = socket.create_connection((daemon.host, daemon.port), 20)
        peer.sendall((b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 40)[i % 3])
        peers.append(peer)
    began = time.monotonic()
    for _ in range(20):
        assert trust.rpc(daemon).flowd.clock()["sent"]
    note(f"20 calls in {time.monotonic() - began:.2f} s beside them")
    with open(f"/proc/{daemon.pid}/stat", encoding="ascii") as file:
        ticks = sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
    result = expect(trust.flowctl("run", "-H", hosts(daemon), "-T", "s=1", "-R", "s=1Mbit", "-i", "0.5"))
    assert ", failed = 0, " in result.out
    with open(f"/proc/{daemon.pid}/stat", encoding="ascii") as file:
        ticks = sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13])) - ticks
    note(f"{ticks / os.sysconf('SC_CLK_TCK'):.2f} s of CPU in a second of waiting")
    for peer in peers:
        peer.settimeout(60)
        try:
            while peer.recv(4096):
                pass
        except ConnectionError:
            pass
        peer.close()
    wait_for(lambda: len(os.listdir(f"/proc/{daemon.pid}/fd")) <= files, 30, "all connections ended")


@case
def pythons_own_client():
    """Python's stock client over https, as flowd(8) shows it"""
    trust = Trust()
    daemon = trust.daemon()
    with open(os.path.join(SOURCE, "man", "flowd.8"), encoding="utf-8") as file:
        program = re.search(r"^(import ssl\n.*?)^\.Ed", file.read(), re.M | re.S)[1]
    program = program.replace("\\en", "\\n").replace("host1:5999", daemon.control)
    program = program.replace('"lab.token"', repr(trust.token))
    program = program.replace('"tls-cert.pem"', repr(os.path.join(trust.state, "tls-cert.pem")))
    done = run(sys.executable, "-c", program)
    assert done.returncode == 0 and re.match(r"\d+\.\d+", done.stdout), done
    try:
        trust.rpc(daemon, secret="x" * 20).flowd.clock()
    except xmlrpc.client.ProtocolError as error:
        assert error.errcode == 401
    else:
        raise AssertionError("a wrong secret is taken")


# ---- consent


def shown(port, secret, address="127.0.0.1", proof=None):
    """What a data connection from this address is answered that shows the secret; with the proof, whether
    that is an agreement."""
    said = preamble(secret)
    with socket.create_connection(("127.0.0.1", port), 20, (address, 0)) as peer:
        peer.settimeout(20)
        peer.sendall(said)
        try:
            got = peer.recv(PREAMBLE_SIZE)
        except ConnectionError:
            got = b""
    return got == agreement(proof, said) if proof else got


@case
def secret_after_the_lease():
    """A secret is gone with the lease: who comes late gets no proof"""
    daemon = Daemon()
    keeper, late = Session(daemon, key="keep"), Session(daemon, key="late", lease_s=1)
    kept = keeper.prepare(destination(0))[0]
    issued = late.prepare(destination(0))[0]
    assert kept["port"] == issued["port"]  # so that there is somebody to ask
    # Nothing else happens at the daemon that would remind it of the lease.
    wait_for(lambda: len(daemon.rpc().flowd.status({})["sessions"]) == 1, 12, "the end of the lease")
    assert shown(issued["port"], issued["secret"]) == b""
    assert shown(kept["port"], kept["secret"], proof=kept["proof"])
    closed = Session(daemon, key="closed")
    gone = closed.prepare(destination(0))[0]
    closed.close()
    assert shown(kept["port"], gone["secret"]) == b""


@case
def secret_of_another_flow():
    """A secret opens its own flow only, and once, from whatever address it is replayed"""
    daemon = Daemon()
    session = Session(daemon)
    one, two = session.prepare(destination(0), destination(1))
    assert shown(one["port"], one["proof"]) == b""  # the proof is no secret
    with socket.create_connection(("127.0.0.1", one["port"]), 20) as peer:
        said = preamble(one["secret"])
        peer.sendall(said)
        assert peer.recv(PREAMBLE_SIZE) == agreement(one["proof"], said)  # and not that of the other
        for address in ("127.0.0.1", "127.0.0.9"):
            assert shown(one["port"], one["secret"], address) == b""
            for byte in range(4):
                guess = bytearray.fromhex(two["secret"])
                guess[byte * 5] ^= 1
                assert shown(two["port"], guess.hex(), address) == b""
        # The proof is sent before the session hears that an end is ready.
        prepared = lambda: session.rpc.session.prepared({"session": session.id, "wait_ms": 0})
        wait_for(lambda: prepared()["ready"] == 1, 20, "the end whose secret was shown")
        assert prepared()["failed"] == 0
        assert shown(two["port"], two["secret"], proof=two["proof"])


# ---- quotas


@case
def quotas_of_rates():
    """Rates beyond a quota are refused, with its name; what was taken is given back"""
    daemon = Daemon("--max-flow-rate", "10Mbit", "--max-total-rate", "15Mbit", "--max-duration", 5)
    base = ("-H", hosts(daemon), "-i", "0.1")
    refused(flowctl(*base, "-T", "s=0.2"),
            f"flow 0, source 127.0.0.1 (flowd at {daemon.control}): it would send as fast as possible",
            "10000000 bit/s (--max-flow-rate)", status=2)
    refused(flowctl(*base, "-T", "s=0.2", "-R", "s=11Mbit"), "(--max-flow-rate)", status=2)
    refused(flowctl(*base, "-T", "s=0.2", "-R", "s=9Mbit", "-n", 2),
            "it would send 9000000 bit/s, but of the 15000000 bit/s that the daemon allows in all",
            "9000000 are already requested (--max-total-rate)", status=2)
    refused(flowctl(*base, "-T", "s=6", "-R", "s=1Mbit"),
            "it would end after 6 s, but the daemon allows 5 s (--max-duration)", status=2)
    for _ in range(3):  # all of it, each time
        expect(flowctl(*base, "-T", "s=0.2", "-R", "s=7.5Mbit", "-n", 2))
    session = Session(daemon)
    call = destination(0, source_more={"rate": 10000000, "request_size": "C:100",
                                       "response_size": "C:1000"})
    del call["destination"]
    found = None
    try:
        session.prepare(call)
    except xmlrpc.client.Fault as fault:
        found = fault
    assert found and found.faultCode == FAULT_POLICY and "100000000 bit/s" in found.faultString, found


def disobedient(daemon, data, **more):
    """A destination with a rate of 1 Mbit/s, and a source that sends `data` again and again until it is cut off:
    the session, and how many bytes went either way."""
    session = Session(daemon, key=os.urandom(8).hex())
    more.setdefault("source_more", {"rate": 1000000, "request_size": "C:1000", "response_size": "C:1000"})
    issued = session.prepare(destination(0, settings={"framing": "message", "drain": "5000000000"}, **more))[0]
    peer = socket.create_connection(("127.0.0.1", issued["port"]), 20)
    at_end(peer.close)
    said, sent, got = preamble(issued["secret"], 40), 0, 0
    peer.sendall(said)
    assert peer.recv(PREAMBLE_SIZE) == agreement(issued["proof"], said)
    session.prepared()
    session.start(in_ms=0)
    end = time.monotonic() + 20
    try:
        while time.monotonic() < end:
            peer.sendall(data)
            sent += len(data)
            got += len(peer.recv(1 << 20)) if more["source_more"] else 0
    except ConnectionError:
        pass
    else:
        raise AssertionError(f"{sent} bytes were taken, {got} came back")
    session.collect()
    return session.of(0, "d", "final")[0].sections["error"], sent, got


@case
def quotas_bind_who_does_not_obey():
    """A peer that sends faster than was agreed, smaller requests, or what nobody may send, is cut off"""
    daemon = Daemon("--max-flow-rate", "10Mbit", "--max-duration", 10)
    request = b"".join(block(1, 1000, response_size=1000, sequence=i) + bytes(960) for i in range(64))
    error, sent, got = disobedient(daemon, request, source=2)
    assert re.fullmatch(r"the peer has sent \d+ bytes, but at most \d+ were agreed to by now, and the daemon "
                        r"limits rates", error), error
    # A second and a tenth ahead of at most 2 s, in bytes; and what lies in the socket's buffers.
    assert got <= 1.1 * 3 * 125000 + 64000, (sent, got)
    error, _, _ = disobedient(daemon, block(1, 40, response_size=1000), source=2)
    assert error == ("a request of 40 bytes asks for a response, but requests of 1000 bytes were agreed to, "
                     "and the daemon limits rates"), error
    error, _, _ = disobedient(daemon, block(1, 1000) + bytes(960), source=0, destination=2,
                              source_more={}, destination_more={"rate": 1000000, "request_size": "C:1000"})
    assert "the peer has sent" in error, error
    # Who obeys is not disturbed, and the drain counts.
    expect(flowctl("-H", hosts(daemon), "-T", "b=1", "-R", "b=4Mbit", "-A", "b", "-q"))
    refused(flowctl("-H", hosts(daemon), "-T", "s=1", "-R", "s=1Mbit", "--drain", 60),
            "it would drain until 61 s, but the daemon allows 10 s (--max-duration)", status=2)


@case
def quotas_of_sources_addresses():
    """--allow-test and --deny-test hold for who connects to a destination, over TCP and UDP"""
    for transport in ("tcp", "udp"):
        for option, reason in (("--deny-test=127.0.0.5", "the daemon does not allow tests with 127.0.0.5 (--deny-test)"),
                               ("--allow-test=127.0.0.0/30",
                                "the daemon does not allow tests with 127.0.0.5: it is not in --allow-test")):
            daemon, other = Daemon(option), Daemon()
            for host, good in (("127.0.0.5", False), ("127.0.0.1", True)):
                result = flowctl("-H", f"s={host}/{other.control},d=127.0.0.1/{daemon.control}", "-T", "s=0.2",
                                 *(["--udp"] if transport == "udp" else []))
                assert (result.status == 0) == good, (transport, host, result.err)
                assert good or reason in daemon.err, (transport, daemon.err)


@case
def quotas_of_addresses():
    """--allow-test and --deny-test hold for both ends, in whatever form the address is written"""
    daemon = Daemon("--allow-test", "127.0.0.0/8", "--deny-test", "127.0.0.9,127.1.0.0/16")
    expect(flowctl("-H", hosts(daemon), "-T", "s=0.2", "-i", "0.1"))
    session = Session(daemon)
    issued = dict(flow=1, port=9, secret="0" * 32, proof="1" * 32)
    for peer in ("127.0.0.9", "::ffff:127.0.0.9", "127.1.2.3", "10.0.0.1", "::1", "::", "::ffff:10.0.0.1"):
        expect_fault(FAULT_POLICY, "~flow 1, source: the daemon does not allow tests with",
                     session.prepare, source(issued, host="", peer_host=peer))
    for own in ("127.0.0.9", "::1", "10.0.0.1"):
        expect_fault(FAULT_POLICY, "~flow 0, destination: the daemon does not allow tests with",
                     session.prepare, destination(0, host=own))
        expect_fault(FAULT_POLICY, "~flow 1, source: the daemon does not allow tests with",
                     session.prepare, source(issued, host=own, peer_host=own))
    for own in ("", "0.0.0.0", "::"):
        expect_fault(FAULT_POLICY, "~it would listen on all addresses", session.prepare,
                     destination(0, host=own))
    for allowing, own in ((Daemon("--allow-test", "10.0.0.0/8,fd00::/8"), ("10.250.1.2", "fd00::1234", "::ffff:10.250.0.1")),
                          (Daemon("--deny-test", "203.0.113.0/24"), ("192.0.2.77",))):
        for host in own:  # allowed, but no address of this host: the wildcard is no substitute
            expect_fault(FAULT_POLICY, "~flow 0, destination: the host does not have this address",
                         Session(allowing, key=host).prepare, destination(0, host=host))
    refused(flowctl("-H", f"s=127.0.0.1/{daemon.control},d=127.0.0.9/{daemon.control}"),
            "the daemon does not allow tests with 127.0.0.9 (--deny-test)", status=2)


@case
def quotas_of_numbers():
    """A configuration file has the same quotas; the command line goes before it"""
    path = os.path.join(temp_dir(), "flowd.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write("# quotas\nmax-flows = 4\nmax-sessions 1\n\nmax-duration=1min\ndeny-test = 127.0.0.9\n")
    daemon = Daemon("--config", path, "--max-flows", 6)
    session = Session(daemon)
    expect_fault(FAULT_TOO_MANY, "~which is the limit", daemon.rpc().session.open, {"key": "second"})
    expect_fault(FAULT_TOO_MANY, "~(--max-flows)", session.prepare,
                 *[destination(i) for i in range(7)])
    quotas = daemon.rpc().flowd.describe()["quotas"]
    assert quotas["max_flows"] == 6 and quotas["max_sessions"] == 1
    assert quotas["max_duration"] == 60 * 10**9 and quotas["deny_test"] == ["127.0.0.9/32"]
    assert not {"allow_test", "max_flow_rate", "dump_space", "spill_size", "user"} & set(quotas)
    expect_fault(FAULT_POLICY, "~(--max-duration)", session.prepare, destination(0, source=61))
    expect_fault(FAULT_POLICY, "~(--deny-test)", session.prepare, destination(0, host="127.0.0.9"))


@case
def quotas_of_users():
    """--user-quota: each user has sessions, flows, rate and duration of their own"""
    alice, bob = "alice-has-a-long-secret", "bob-has-another-one"
    trust = Trust({"alice": alice, "bob": bob})
    daemon = trust.daemon("--max-sessions", 3, "--max-flows", 9, "--max-total-rate", "5Mbit",
                          "--user-quota", "sessions=1,flows=3,rate=2Mbit,duration=5",
                          "--user-quota", "flowrig:sessions=9",
                          "-w", trust.state, "--dump-space", "1M", "--allow-test", "127.0.0.0/8")
    described = trust.rpc(daemon, "alice", alice).flowd.describe()["quotas"]
    assert described == {
        "max_flows": 9, "max_sessions": 3, "max_total_rate": 5 * 10**6, "retain_s": 3600,
        "report_memory": 256 << 20, "retain_size": 128 << 20, "spill_size": 1 << 30,
        "dump_space": 1 << 20, "dump_file_size": 1 << 30, "allow_test": ["127.0.0.0/8"],
        "user": {"name": "alice", "sessions": 1, "flows": 3, "rate": 2 * 10**6,
                 "duration": 5 * 10**9}}, described
    own = trust.rpc(daemon).flowd.describe()["quotas"]["user"]
    assert own == {"name": "flowrig", "sessions": 9}, own

    def flow(number, rate):
        return destination(number, host="127.0.0.1", destination=1,
                           destination_more={"rate": rate})
    one = TrustedSession(trust, daemon, "alice", alice)
    expect_fault(FAULT_TOO_MANY, "user 'alice' has 1 sessions, which is the limit "
                 "(--user-quota)", trust.rpc(daemon, "alice", alice).session.open, {"key": "two"})
    expect_fault(FAULT_TOO_MANY, "~4 more flow endpoints would make 4, but user 'alice' may have 3 "
                 "at once (--user-quota)", one.prepare, *[flow(i, 10**5) for i in range(4)])
    expect_fault(FAULT_POLICY, "~it would send 2000001 bit/s, but the daemon allows user 'alice' "
                 "2000000 bit/s (--user-quota)", one.prepare, flow(0, 2000001))
    expect_fault(FAULT_POLICY, "~it would end after 6 s, but the daemon allows user 'alice' 5 s",
                 one.prepare, destination(0, host="127.0.0.1", source=6,
                                          source_more={"rate": 10**5}))
    expect_fault(FAULT_TOO_MANY, "~flow 2, destination: it would send 1000000 bit/s, but of the "
                 "2000000 bit/s that the daemon allows user 'alice' in all, 1500000 are already requested "
                 "(--user-quota)", one.prepare, flow(1, 1500000), flow(2, 10**6))
    # What was refused took nothing, and what others take is theirs.
    one.prepare(flow(0, 10**6), flow(1, 10**6))
    two = TrustedSession(trust, daemon, "bob", bob)
    two.prepare(flow(0, 2 * 10**6))
    third = TrustedSession(trust, daemon)
    expect_fault(FAULT_TOO_MANY, "~of the 5000000 bit/s that the daemon allows in all, 4000000 are "
                 "already requested (--max-total-rate)", third.prepare, flow(0, 1000001))
    expect_fault(FAULT_TOO_MANY, "the daemon has 3 sessions, which is the limit "
                 "(--max-sessions)", trust.rpc(daemon).session.open, {"key": "four"})
    one.close()
    wait_for(lambda: trust.rpc(daemon).flowd.status()["flows"] == 1)
    third.prepare(flow(0, 10**6))
    TrustedSession(trust, daemon, "alice", alice, key="again").prepare(flow(0, 10**6))


@case
def quotas_hold_in_a_rush():
    """Many calls at once get no more flows than --max-flows and --user-quota allow"""
    daemon = Daemon("--max-flows", 40)
    sessions = [Session(daemon, key=f"rush {i}") for i in range(16)]
    had = []

    def ask(session):
        try:
            session.prepare(*[destination(i) for i in range(5)])
            had.append(5)
        except xmlrpc.client.Fault as fault:
            assert fault.faultCode == FAULT_TOO_MANY and "(--max-flows)" in fault.faultString, fault
    threads = [threading.Thread(target=ask, args=(s,)) for s in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(had) == 40 == daemon.rpc().flowd.status()["flows"], had


@case
def retained_sessions_make_room():
    """Sessions that only wait for somebody to fetch their reports do not keep others out"""
    daemon = Daemon("--max-sessions", 3, "--lease", 1)
    live = Session(daemon, key="live", lease_s=300)

    def listed():
        return {s["run"]: s for s in daemon.rpc().flowd.status()["sessions"]}
    for number in range(5):  # nobody asks for the rows of any of these
        name = f"run {number}"
        session = Session(daemon, key=name, run=name)
        prepare_flows(session, session, source=0.1)
        session.start()
        wait_for(lambda: listed()[name]["state"] == "ended" and not listed()[name]["lease_left_ns"])
    assert set(listed()) == {"", "run 3", "run 4"}, listed()
    live.rpc.session.renew({"session": live.id})
    # Those that are in use stay: there are two, and a third finds no room.
    for number in (5, 6):
        Session(daemon, key=f"run {number}", lease_s=300)
    expect_fault(FAULT_TOO_MANY, "the daemon has 3 sessions, which is the limit "
                 "(--max-sessions)", daemon.rpc().session.open, {"key": "none"})


# ---- privileges


def status_of(daemon, *names):
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file.read().splitlines())
    return [fields[name].split() for name in names]


@case
def root_is_dropped():
    """--user: no thread keeps root or a capability but the one that is asked for; a run works"""
    need_root()
    trust = Trust()
    os.chmod(trust.dir, 0o711)
    for options, mask in (((), 0), (("--keep-net-admin",), 1 << 12)):
        daemon = trust.daemon("--user", "nobody", *options)
        uid = run("id", "-u", "nobody").stdout.strip()
        for task in os.listdir(f"/proc/{daemon.pid}/task"):
            with open(f"/proc/{daemon.pid}/task/{task}/status", encoding="ascii") as file:
                fields = dict(line.split(":", 1) for line in file.read().splitlines())
            assert fields["Uid"].split() == [uid] * 4, fields["Uid"]
            assert "0" not in fields["Gid"].split() + fields["Groups"].split()
            assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == mask, fields["CapEff"]
            assert fields["NoNewPrivs"].strip() == "1"
            assert int(fields["CapBnd"], 16) == 0, fields["CapBnd"]
            assert SANITIZED or fields["Seccomp"].strip() == "2", fields["Seccomp"]
        result = expect(trust.flowctl("run", "-H", hosts(daemon), "-T", "s=0.2", "-i", "0.1"))
        assert ", failed = 0, " in result.out
        daemon.stop()
    assert status_of(Daemon(), "NoNewPrivs", "CapBnd", "Seccomp") == \
        [["1"], ["0" * 16], ["0" if SANITIZED else "2"]]


main()
