#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flowctl report: one page of a run, from each kind of file, as text and in a real browser."""
import base64
import csv
import hashlib
import html.parser
import io
import json
import os
import re
import struct
import time

from flowrig_browser import Browser
from flowrig_lab import attempts
from flowrig_test import SANITIZED, Skip, case, expect, flowctl, long_case, main, note, shared, temp_dir

LIBRARY = "/usr/share/javascript/dygraphs"


class Page(html.parser.HTMLParser):
    """Elements with their attributes and texts, as a browser would see them."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.found, self.open = [], []
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.feed(self.text)
        self.data = json.loads(next(t for tag, a, t in self.found if a.get("id") == "data"))

    def handle_starttag(self, tag, attrs):
        self.open.append([tag, dict(attrs), ""])
        if tag in ("meta", "br"):
            self.handle_endtag(tag)

    def handle_data(self, data):
        if self.open:
            self.open[-1][2] += data

    def handle_endtag(self, tag):
        self.found.append(tuple(self.open.pop()))

    def all(self, tag):
        return [(attributes, text) for name, attributes, text in self.found if name == tag]

    def policy(self):
        return next(a["content"] for a, _ in self.all("meta") if a.get("http-equiv") == "Content-Security-Policy")


def report(*arguments, status=0, warns=False):
    """Makes a page, and says where it is; or one sentence."""
    result = expect(flowctl("report", *arguments), status)
    assert result.out == "", result.out
    if not status:
        lines = result.err.splitlines()
        assert re.fullmatch(r"flowctl: report: wrote .*", lines[-1]), result.err
        missing = not os.path.exists(f"{LIBRARY}/dygraph.min.js")
        assert len(lines) == 1 + (warns or missing), result.err
    return result


def page_of(*arguments, **keywords):
    path = os.path.join(temp_dir(), "page.html")
    report(*arguments, "-o", path, **keywords)
    return Page(path), path


def floats(text):
    raw = base64.b64decode(text)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


EVIL = "</script><script>window.hit=1</script><img src=x onerror=window.hit=1> & \"it's\" {ü}"


class Run:
    """One run of three flows, in all files."""

    def __init__(self):
        directory = temp_dir()
        self.log, self.jsonl, self.database = (os.path.join(directory, name) for name in ("r.log", "r.jsonl", "r.db"))
        expect(flowctl("--embedded", "-n", 3, "-T", "s=0.6", "-i", "0.05", "-q", "--title", EVIL, f"--log-file={self.log}",
                       "--output", f"jsonl:{self.jsonl}", "--output", f"sqlite:{self.database}",
                       "-F", "1", "-R", "s=20Mbit", "-F", "2", "-T", "s=0.6,d=0.6"), 0)


run = shared(Run)


def synthetic(flows, rows, name="big.log", seconds=0.1):
    """A log of flows with goodputs of flow + 1 Mbit/s and, in each tenth row, twice as much."""
    path = os.path.join(temp_dir(), name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("# flowlog 1\n# run abc version=0.1.0 controller=c flows=1\n# start_ns 1 2026-01-01T00:00:00Z\n")
        for flow in range(flows):
            file.write(f"# flow {flow} s.host=a{flow % 7} s.duration=1s d.host=b d.duration=0s transport=tcp\n")
        file.write("# columns S|D id begin end rx_through cwnd rtt bytes_retrans tx_bytes rx_bytes\n"
                   "# units - - s s Mbit/s 1 ms B B B\n")
        for row in range(rows):
            for flow in range(flows):
                begin, end = row * seconds + flow * 1e-5, (row + 1) * seconds + flow * 1e-5
                rate = (flow + 1) * (1 if row % 10 else 2)
                file.write(f"S {flow} {begin:.6f} {end:.6f} 0 {10 + row % 50} {20 + flow % 9 + row % 7}.5 {row % 3 * 1448} 100 0\n"
                           f"D {flow} {begin:.6f} {end:.6f} {rate} 10 1 0 0 100\n")
        for flow in range(flows):
            file.write(f"# final S {flow} 0 1 tx_bytes=1000 bytes_sent=1000 bytes_retrans=10 min_rtt=20000 srtt=25000\n"
                       f"# final D {flow} 0 1 rx_bytes={(flow + 1) * 125000} rx_time=1000000000\n")
        file.write("# total: flows = 1, failed = 0, goodput = 6.0 [Mbit/s], fairness = 0.9 (Jain)\n")
    return path


@case
def the_same_from_every_file():
    """A log, its records and its database give the same page: rows, settings, totals, algorithms, limits"""
    pages = [page_of(path)[0].data for path in (run().log, run().jsonl, run().database)]
    names = [m["name"] for m in pages[0]["metrics"]]
    assert names == ["rx_through", "rtt", "cwnd", "bytes_retrans", "udp_lost", "udp_jitter"], names
    for data in pages:
        about = data["runs"][0]
        assert about["run"]["title"].startswith("</script>"), about["run"]
        assert [f["flow"] for f in about["flows"]] == [0, 1, 2]
        assert about["flows"][2]["destination"]["address"] == "localhost"
        directions = [[d["sender"] for d in f["directions"]] for f in about["end"]["flows"]]
        assert directions == [["source"], ["source"], ["source", "destination"]], directions
        assert len(about["hosts"]) == 2 and about["hosts"][0]["facts"]["tcp_rmem"], about["hosts"]
        assert {(e["flow"], e["endpoint"]) for e in about["ends"] if e.get("algorithm")} == \
            {(f, e) for f in range(3) for e in ("source", "destination")}, about["ends"]
    for data in pages[1:]:
        assert data["metrics"] == pages[0]["metrics"]
        for one, other in zip(pages[0]["runs"][0]["end"]["flows"], data["runs"][0]["end"]["flows"]):
            for a, b in zip(one["directions"], other["directions"]):
                shown, limits = a.get("limits_text"), b.get("limits")
                assert bool(shown) == bool(limits) == bool(b.get("limited_by")), (shown, limits)
                words = {limit["name"]: limit["words"] for limit in data["limits"]}
                for name, share in (limits or {}).items():
                    assert share < 0.06 or f"{words[name]} {100 * share:.0f} %" in shown, (shown, limits)
                different = {"limits_text", "limits", "limited_by", "advice"}
                a, b = ({k: v for k, v in d.items() if k not in different} for d in (a, b))
                assert a == b, (a, b)
        series = {(s["flow"], s["end_name"]): s for s in data["series"]}
        for one in pages[0]["series"]:
            other = series.pop((one["flow"], one["end_name"]))
            assert len(one["b"]) == len(other["b"]) == 1
            for mine, yours in zip([one["e"], *one["v"]], [other["e"], *other["v"]]):
                assert (mine is None) == (yours is None)
                for a, b in zip(floats(mine or ""), floats(yours or "")):
                    assert abs(a - b) <= 1e-5 * abs(a) + 1e-5 or a != a and b != b, (one["flow"], a, b)
        assert not series, list(series)


@case
def rows_are_those_of_the_log():
    """The page has the values of the log, and totals from its final reports"""
    page, _ = page_of(synthetic(3, 40))
    series = {(s["flow"], s["end_name"]): s for s in page.data["series"]}
    assert len(series) == 6
    rates = floats(series[2, "destination"]["v"][0])
    assert rates == [6 if row % 10 == 0 else 3 for row in range(40)], rates
    assert series[2, "source"]["v"][0] is None, "what the sender received is not shown"
    assert floats(series[1, "source"]["v"][2]) == [10 + row for row in range(40)]
    ends = floats(series[1, "source"]["e"])
    assert abs(ends[7] - 0.80001) < 1e-6 and abs(series[1, "source"]["b"][0] - 1e-5) < 1e-9
    flows = page.data["runs"][0]["end"]["flows"]
    assert [f["directions"][0]["goodput_bits_per_second"] for f in flows] == [1e6, 2e6, 3e6]
    assert flows[0]["directions"][0]["min_rtt_seconds"] == 0.02
    assert page.data["reduced"] == 0


@case
def long_series_keep_their_extremes():
    """Above 2000 rows those with the extremes are kept, and the page says so; --full keeps all"""
    log = synthetic(1, 7003, seconds=0.01)
    page, _ = page_of(log)
    rates = floats(page.data["series"][1]["v"][0])
    assert page.data["reduced"] == 2000 and 1000 < len(rates) <= 2000, len(rates)
    assert set(rates) == {1, 2}
    windows = floats(page.data["series"][0]["v"][2])
    assert min(windows) == 10 and max(windows) == 59
    whole, _ = page_of(log, "--full")
    assert len(floats(whole.data["series"][1]["v"][0])) == 7003 and whole.data["reduced"] == 0
    some, _ = page_of(log, "--from", 1, "--to", 2)
    assert len(floats(some.data["series"][1]["v"][0])) in (100, 101)


@case
def no_text_is_markup():
    """Whatever a title or a host says, the page has only its own elements; its policy allows only these"""
    page, path = page_of(run().log, "--title", EVIL)
    scripts, styles = page.all("script"), page.all("style")
    library = os.path.exists(f"{LIBRARY}/dygraph.min.js")
    assert len(scripts) == 2 + library and len(styles) == 1 + library, [a for a, _ in scripts]
    assert not page.all("img") and not page.all("link")
    assert page.all("title")[0][1] == EVIL
    assert page.data["runs"][0]["run"]["title"] == EVIL
    policy = page.policy()
    assert "unsafe" not in policy and policy.startswith("default-src 'none'; "), policy
    for kind, elements in (("script-src", scripts), ("style-src", styles)):
        allowed = re.search(rf"{kind}((?: '[^']*')*)", policy)[1].split()
        hashes = ["'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
                  for attributes, text in elements if attributes.get("type") != "application/json"]
        assert allowed == hashes, (kind, allowed, hashes)
    assert not re.search(r"""\b(?:src|href)=["']?(?:https?:)?//""", page.text), "something is to be loaded"
    assert oct(os.stat(path).st_mode & 0o777) == oct(0o666 & ~umask())


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@case
def without_the_library():
    """Where dygraphs is not installed there is a warning, and a page with tables"""
    path = os.path.join(temp_dir(), "page.html")
    result = report(run().log, "-o", path, "--dygraphs=/nonexistent", warns=True)
    assert result.err.startswith(
        "flowctl: report: the page has tables instead of charts: /nonexistent/dygraph.min.js can't be read: No such file or directory; "
        "install libjs-dygraphs or use --dygraphs\n"), result.err
    page = Page(path)
    assert len(page.all("script")) == 2 and len(page.all("style")) == 1


@case
def several_runs():
    """Several runs fit one page, unless they have different columns"""
    page, _ = page_of(run().log, run().database, synthetic(2, 5), "--metrics", "rx_through,rtt")
    assert [len(r["flows"]) for r in page.data["runs"]] == [3, 3, 2]
    assert {s["run"] for s in page.data["series"]} == {0, 1, 2}


@case
def refusals():
    """One sentence for what is no run, and for what can't be written"""
    def refuses(sentence, *arguments, status=1):
        result = report(*arguments, status=status)
        assert result.err == f"flowctl: report: {sentence}\n", result.err
    directory = temp_dir()
    text = os.path.join(directory, "text")
    for content, why in (("hello\n", f"{text}, line 1: not a flow log: it does not begin with '# flowlog '"),
                         ('{"a":1}\n', f'{text}, line 1: not a record of flowrig: it has no "type"'),
                         ('{"type":"row"}\n', f'{text}, line 1: expected the record of the run first, got "row"'),
                         ('{"type":"run"}\n{"type":"row","flow":0}\n', f"{text}, line 2: the row has no endpoint"),
                         ('{"type":"run"}\n{"type"\n', f"{text}, line 2: not JSON: ':' expected near end of file")):
        with open(text, "w", encoding="utf-8") as file:
            file.write(content)
        refuses(why, text)
    refuses(f"{directory}/none: No such file or directory", f"{directory}/none")
    refuses("the database has no run '9'", f"{run().database}:9")
    refuses(f"option --metrics: {run().log} has no column or group 'x'", run().log, "--metrics=x")
    refuses("option --to: must be later than --from", run().log, "--from=3", "--to=2")
    result = report(run().log, "-o", "/nonexistent/page.html", status=2)
    assert "/nonexistent/page.html" in result.err, result.err


@case
def cut_off():
    """A file that ends before its run gives a page that says so"""
    with open(run().jsonl, encoding="utf-8") as file:
        lines = file.readlines()
    path = os.path.join(temp_dir(), "cut.jsonl")
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line for line in lines if '"type":"final"' not in line and '"type":"end"' not in line) + '{"type":"ro')
    page, _ = page_of(path)
    assert page.data["runs"][0]["end"] is None and page.data["series"]


# ---- in a browser


class Shown:
    """A browser for all cases."""

    def __init__(self):
        self.browser = Browser()

    def open(self, path, **keywords):
        self.browser.open(path, **keywords)
        complaints = self.browser.complaints()
        assert not complaints, complaints[:3]
        return self.browser


shown = shared(Shown)


@case
def renders():
    """A browser shows every section, complains of nothing, loads nothing, and needs no sideways scrolling"""
    _, path = page_of(run().jsonl)
    for width in (390, 1200, 2400):
        browser = shown().open(path, width=width)
        assert browser.requests() == ["file://" + path], browser.requests()
        assert browser.js("document.documentElement.scrollWidth") == width
        heads = browser.js("[...document.querySelectorAll('h2')].map(h => h.textContent)")
        wanted = ["What limited the flows", "Flows", "Over time", "Distributions", "Settings", "Hosts", "Data"]
        assert heads == [h for h in wanted if h != "Distributions" or os.path.exists(LIBRARY)], heads
    assert browser.js("document.querySelector('h1').firstChild.data") == EVIL
    assert browser.js("window.hit") is None
    rows = browser.js("[...document.querySelectorAll('tbody tr')].filter(r => r.querySelector('input')).length")
    assert rows == 4, rows  # flow 2 has two directions


@case
def hover_shows_values():
    """The values below the pointer are those of the rows there, in all charts"""
    if not os.path.exists(LIBRARY):
        raise Skip("libjs-dygraphs is not installed")
    _, path = page_of(synthetic(3, 40))
    browser = shown().open(path)
    box = browser.js("charts.list[0].plot.scrollIntoView({block: 'center'}), "
                     "(({x, y, width, height}) => [x, y, width, height])(charts.list[0].plot.getBoundingClientRect())")
    # The middle of row 20, which has twice the rate.
    x = browser.js("charts.list[0].graph.toDomXCoord(2.05)")
    browser.move(box[0] + x, box[1] + box[3] / 2)
    texts = browser.js("charts.list.map(c => [...c.readout.querySelectorAll('span')].map(s => s.textContent))")
    assert texts[0] == [f"{f}: a{f} to b {2 * (f + 1)}.000 Mbit/s" for f in range(3)], texts
    assert texts[2] == [f"{f}: a{f} to b 30 segments" for f in range(3)], texts
    assert not browser.complaints()


@case
def flows_can_be_chosen():
    """A checkbox takes a flow out of the charts, the filter rows out of the table, a window rows out of the figures"""
    _, path = page_of(synthetic(3, 40))
    browser = shown().open(path)
    if os.path.exists(LIBRARY):
        assert browser.js("charts.list[0].content.names.length") == 3
        browser.js("directions[1].box.click()")
        assert browser.js("charts.list[0].content.names.join()") == "0: a0 to b,2: a2 to b"
        browser.js("showWindow([1, 2])")
        assert browser.js("charts.list.map(c => c.graph.xAxisRange().join()).join(';')") == ";".join(["1,2"] * 4)
    browser.js("const s = document.querySelector('input[type=search]'); s.value = 'a2'; s.dispatchEvent(new Event('input'))")
    assert browser.js("table.body.rows.length") == 1
    assert browser.js("setTheme('dark'), getComputedStyle(document.body).backgroundColor") == "rgb(17, 22, 28)"
    browser.js("dispatchEvent(new Event('beforeprint')), dispatchEvent(new Event('afterprint'))")
    assert not browser.complaints(), browser.complaints()


@case
def downloads():
    """What the page offers as CSV and JSON is what it was made from"""
    _, path = page_of(synthetic(2, 12), "--dygraphs=/nonexistent", warns=True)
    browser = shown().open(path)
    rows = list(csv.DictReader(io.StringIO(browser.js("rowsCsv()"))))
    received = [row for row in rows if row["flow"] == "1" and row["endpoint"] == "destination"]
    assert len(rows) == 48 and [float(r["rx_through [Mbit/s]"]) for r in received] == [4, *[2] * 9, 4, 2]
    assert received[3]["begin [s]"] == "0.30001" and received[0]["cwnd [segments]"] == ""
    flows = list(csv.DictReader(io.StringIO(browser.js("flowsCsv()"))))
    assert [f["goodput [bit/s]"] for f in flows] == ["1000000", "2000000"], flows
    whole = json.loads(browser.js("allJson()"))
    assert len(whole["series"]) == 4 and whole["series"][0]["values"]["cwnd"][:2] == [10, 11]
    assert "dygraphs was not installed" in browser.js("document.body.textContent")
    assert browser.js("document.querySelectorAll('details[open] tbody tr').length") == 8, "the figures are shown"
    assert not browser.complaints()


@long_case
def many_flows():
    """200 flows with 600 rows open in less than 3 s; the charts have a band, and flows to choose"""
    _, path = page_of(synthetic(200, 600))
    note(f"{os.path.getsize(path) / 1e6:.1f} MB")
    assert os.path.getsize(path) < 5e6

    def measure(_):
        begin = time.monotonic()
        shown().open(path)
        return time.monotonic() - begin

    def check(seconds):
        note(f"opened in {seconds:.2f} s")
        assert SANITIZED or seconds < 3, f"{seconds:.2f} s"
    attempts(measure, check)
    browser = shown().browser
    assert browser.js("directions.filter(d => d.selected).length") == 3
    assert browser.js("charts.list[0].content.band.length") == 600
    median = browser.js("charts.list[0].content.band[5][2]")
    assert abs(median - 100.5) < 1e-3, median
    browser.js("directions.forEach(d => { d.selected = true; }), fill()")
    assert browser.js("charts.list[0].content.names.length") == 201
    assert not browser.complaints()


main()
