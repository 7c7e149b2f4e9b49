#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flowctl plot: pictures of good logs, sentences about bad ones."""
import os
import re
import subprocess
import xml.etree.ElementTree

from flowrig_test import (FLOWCTL, SANITIZED, Skip, case, expect, flowctl, main, need_program,
                          run_logged, temp_dir)

SVG = "{http://www.w3.org/2000/svg}"
UNITS = {"S|D": "-", "id": "-", "begin": "s", "end": "s", "through": "Mbit/s", "cwnd": "1",
         "rtt": "ms", "tx_bytes": "B", "rx_bytes": "B", "rx_through": "Mbit/s"}
COLUMNS = list(UNITS)
UNITS.update(min_rtt="ms", delivery_rate="Mbit/s")


def log_text(rows, columns=None, head="# flowlog 1\n"):
    columns = columns or COLUMNS
    units = [UNITS.get(name, "1") for name in columns]
    lines = ["# columns " + " ".join(columns), "# units " + " ".join(units)]
    lines += [" ".join(str(row.get(name, "nan")) for name in columns) for row in rows]
    return head + "\n".join(lines) + "\n"


def sample_rows(flows, count=5):
    """What sources send and destinations receive, in whole seconds."""
    rows = []
    for at in range(count):
        for flow in flows:
            common = {"id": flow, "begin": f"{at}.000000", "end": f"{at + 1}.000000",
                      "cwnd": 10 + at, "rtt": f"{at + 1}.500"}
            rows.append({"S|D": "S", "through": 100 + at, "tx_bytes": 1000, "rx_bytes": 0,
                         "rx_through": 0, **common})
            rows.append({"S|D": "D", "through": 0, "tx_bytes": 0, "rx_bytes": 1000,
                         "rx_through": 90 + at, **common})
    return rows


def write_log(text, name="flow.log"):
    path = os.path.join(temp_dir(), name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def curves(path):
    """The titles of the curves in the picture, which has to be well-formed; each has a path."""
    root = xml.etree.ElementTree.parse(path).getroot()
    assert root.tag == SVG + "svg", root.tag
    found = []
    for group in root.iter(SVG + "g"):
        if not re.fullmatch(r"gnuplot_plot_\d+\w?", group.get("id", "")):
            continue
        title = group.find(SVG + "title")
        drawn = [p.get("d") for p in group.iter(SVG + "path")]
        if not drawn and not list(group.iter(SVG + "polygon")):
            continue  # the frame of a panel without values
        assert all(d.startswith("M") for d in drawn), group.get("id")
        text = "" if title is None else (title.text or "").strip()
        found.append("" if text.startswith("gnuplot_plot_") else text)  # not in the legend
    return found


def strokes(path):
    """The strokes of the picture's only curve, each a list of points (y grows downwards)."""
    root = xml.etree.ElementTree.parse(path).getroot()
    group = next(g for g in root.iter(SVG + "g") if g.get("id", "").startswith("gnuplot_plot_1"))
    drawn = " ".join(p.get("d") for p in group.iter(SVG + "path")).split("M")[1:]
    points = [[tuple(map(float, pair)) for pair in re.findall(r"(-?[\d.]+),(-?[\d.]+)", stroke)]
              for stroke in drawn]
    return points[1:]  # the first one is the key's


def texts(path):
    return ["".join(t.itertext()).strip()
            for t in xml.etree.ElementTree.parse(path).getroot().iter(SVG + "text")]


def plot(*arguments, status=0, **keywords):
    """Draws, and says where the picture is; or one sentence."""
    result = expect(flowctl("plot", *arguments, **keywords), status)
    assert result.out == "", result.out
    if not status:
        assert re.fullmatch(r"flowctl: plot: wrote .*\n", result.err), result.err
    return result


def refuses(sentence, *arguments, status=1, **keywords):
    result = plot(*arguments, status=status, **keywords)
    assert result.err == f"flowctl: plot: {sentence}\n", result.err


def script(*arguments):
    """The gnuplot script."""
    result = expect(flowctl("plot", *arguments, "--script=-"), 0)
    assert result.err == "", result.err
    return result.out


def blocks(*arguments):
    """The data of the script: for each block its rows, as lists of numbers."""
    found = re.findall(r"^\$d\d+ << END\n(.*?)^END$", script(*arguments), re.M | re.S)
    return [[[float(word) for word in line.split()] for line in block.splitlines()]
            for block in found]


NOTHING = "nothing to plot: the log has no values of these metrics for these flows"
NO_ROWS = "nothing to plot: the log has no rows of these flows and times"


@case
def records_and_databases():
    """The records and the database of a run are plotted as its log is"""
    directory = temp_dir()
    files = [os.path.join(directory, name) for name in ("r.log", "r.jsonl", "r.db")]
    for _ in range(2):  # the database gets two runs
        expect(flowctl("--embedded", "-n", 2, "-T", "s=0.4", "-i", "0.05", "-q", "-o", f"--log-file={files[0]}",
                       "--output", f"jsonl:{files[1]}", "--output", f"sqlite:{files[2]}"), 0)
    metrics = "--metrics=rx_through,cwnd,rtt,avgIAT,host_cpu,udp_lost"
    wanted = blocks(files[0], metrics)
    assert len(wanted) >= 8
    for file in (*files[1:], f"{files[2]}:2"):
        found = blocks(file, metrics)
        assert [len(b) for b in found] == [len(b) for b in wanted], file
        for mine, yours in zip(found, wanted):
            for a, b in zip(sum(mine, []), sum(yours, [])):
                assert a != a and b != b or abs(a - b) <= 1e-5 + 1e-5 * abs(b), (file, a, b)
    assert blocks(f"{files[2]}:1", metrics) != wanted, "the first run is another one"
    refuses("the database has no run '3'", f"{files[2]}:3")


@case
def real_log():
    """A real log of two flows: three panels, in each one curve per flow, one legend"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "flow.svg")
    _, log = run_logged("--embedded", "-n", 2, "-T", "s=0.5", "-i", "0.05")
    plot(write_log("\n".join(log.lines) + "\n"), "-o", picture)
    assert curves(picture) == ["flow 0", "flow 1", "", "", "", ""], curves(picture)
    shown = texts(picture)
    for label in ("goodput [Gbit/s]", "goodput [Mbit/s]"):
        if label in shown:
            break
    else:
        raise AssertionError(shown)
    assert "congestion window [segments]" in shown, shown
    assert [text for text in shown if text.startswith("smoothed RTT [")], shown
    assert shown.count("time [s]") == 1, shown


@case
def both_directions():
    """A flow in both directions has a curve for each end, told apart in the legend"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "flow.svg")
    _, log = run_logged("--embedded", "-T", "b=0.5", "-i", "0.05")
    plot(write_log("\n".join(log.lines) + "\n"), "-o", picture, "--metrics", "through,rx_through")
    assert curves(picture) == ["flow 0, end S", "flow 0, end D", "", ""], curves(picture)


@case
def one_time_axis():
    """All panels have the same axis in time, from the first begin to the last end"""
    text = script(write_log(log_text(sample_rows([0, 1], 7))))
    assert text.count("set xrange") == 1 and "set xrange [0:7]\n" in text, text
    assert re.findall(r"set format x '(.*)'", text) == ["", "", "%g"], text
    text = script(write_log(log_text(sample_rows([0], 7))), "--from=2", "--to=5s")
    assert "set xrange [2:5]\n" in text, text


@case
def places_in_time():
    """What is counted over an interval stands in its middle, what the kernel says at its end"""
    columns = COLUMNS + ["p99RTT", "minRTT"]
    rows = [dict(row, p99RTT=3, minRTT=1) for row in sample_rows([0], 2)]
    path = write_log(log_text(rows, columns))
    for metric, expected in (("rx_through", [0.5, 1.5]), ("through", [0.5, 1.5]), ("cwnd", [1, 2]),
                             ("rtt", [1, 2]), ("p99RTT", [0.5, 1.5]), ("minRTT", [0.5, 1.5])):
        found = blocks(path, "--metrics", metric)
        assert [point[0] for point in found[0]] == expected, (metric, found)


@case
def zeros_are_drawn():
    """No retransmissions is a result: the zeros are drawn"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "zero.svg")
    rows = [dict(row, bytes_retrans=0) for row in sample_rows([0, 1])]
    path = write_log(log_text(rows, COLUMNS + ["bytes_retrans"]))
    plot(path, "-o", picture, "--metrics", "bytes_retrans")
    assert curves(picture) == ["flow 0", "flow 1"], curves(picture)
    assert "no values" not in texts(picture)


@case
def starved_flows_are_drawn():
    """A flow that should have received something and got nothing has a curve, at 0"""
    settings = "s.host=a s.duration=5s s.delay=0s d.host=b d.duration=0s d.delay=0s"
    rows = sample_rows([0, 1])
    for row in rows:
        if row["id"] == 1:
            row.update(rx_through=0, rx_bytes=0)
    head = f"# flowlog 1\n# flow 0 {settings}\n# flow 1 {settings}\n"
    found = blocks(write_log(log_text(rows, head=head)), "--metrics", "rx_through")
    assert len(found) == 2 and all(point[1] == 0 for point in found[1]), found


@case
def late_flows_begin_late():
    """A flow that joins later is drawn from there on"""
    head = ("# flowlog 1\n# flow 0 s.host=a s.duration=3s s.delay=2s d.host=b d.duration=0s "
            "d.delay=0s\n")
    found = blocks(write_log(log_text(sample_rows([0]), head=head)), "--metrics", "cwnd")
    assert [point[0] for point in found[0]] == [3, 4, 5], found


@case
def labels_say_what_differs():
    """The legend says what the flows differ in: algorithm, hosts, DSCP, log"""
    def head(*flows):
        lines = [f"# flow {i} s.host={f.get('from', 'a')} s.duration=5s s.delay=0s "
                 f"s.congestion_control={f.get('cc', '-')} s.dscp={f.get('dscp', '-')} "
                 f"d.host={f.get('to', 'b')} d.duration=0s d.delay=0s d.dscp=-"
                 for i, f in enumerate(flows)]
        return "# flowlog 1\n" + "\n".join(lines) + "\n"

    for flows, expected in (
            (({"cc": "cubic"}, {"cc": "bbr"}), ["cubic", "bbr"]),
            (({"cc": "cubic"}, {"cc": "cubic"}), ["flow 0", "flow 1"]),
            (({"cc": "cubic"}, {"cc": "bbr"}, {"cc": "bbr"}), ["0: cubic", "1: bbr", "2: bbr"]),
            (({"to": "x"}, {"to": "y"}), ["a to x", "a to y"]),
            (({"dscp": "ef"}, {"dscp": "cs1"}), ["ef", "cs1"])):
        path = write_log(log_text(sample_rows(range(len(flows))), head=head(*flows)))
        found = re.findall(r'title "([^"]*)"', script(path, "--metrics", "cwnd"))[1:]
        assert found == expected, (flows, found)
    first = write_log(log_text(sample_rows([0])), "first.log")
    second = write_log(log_text(sample_rows([0])), "second.log")
    found = re.findall(r'title "([^"]*)"', script(first, second, "--metrics", "cwnd"))[1:]
    assert found == ["first.log", "second.log"], found


@case
def units_fit_the_values():
    """Axes have words, and units that fit their largest values"""
    for value, words in ((100, "goodput [Mbit/s]"), (20000, "goodput [Gbit/s]"),
                         (0.5, "goodput [kbit/s]")):
        rows = [dict(row, rx_through=value) for row in sample_rows([0])]
        path = write_log(log_text(rows))
        assert f'set ylabel "{words}"' in script(path, "--metrics", "rx_through"), words
        factor = {"goodput [Mbit/s]": 1, "goodput [Gbit/s]": 1e-3, "goodput [kbit/s]": 1e3}[words]
        points = blocks(path, "--metrics", "rx_through")[0]
        assert all(abs(point[1] - value * factor) < 1e-3 for point in points), points


@case
def default_output():
    """Without -o the picture has the log's name, ending in .svg, and lies beside it"""
    need_program("gnuplot")
    for name, expected in (("flow.log", "flow.svg"), ("flow", "flow.svg"), ("a.b.log", "a.b.svg")):
        path = write_log(log_text(sample_rows([0])), name)
        plot(path)
        directory = os.path.dirname(path)
        assert sorted(os.listdir(directory)) == sorted([name, expected]), os.listdir(directory)
        assert len(curves(os.path.join(directory, expected))) == 3
    directory = temp_dir()
    os.mkdir(os.path.join(directory, "run.1"))
    with open(os.path.join(directory, "run.1", "log"), "w", encoding="utf-8") as file:
        file.write(log_text(sample_rows([0])))
    plot("run.1/log", cwd=directory)
    assert sorted(os.listdir(os.path.join(directory, "run.1"))) == ["log", "log.svg"]


@case
def some_flows():
    """--flows takes numbers and ranges"""
    need_program("gnuplot")
    path = write_log(log_text(sample_rows(range(12))))
    picture = os.path.join(temp_dir(), "flow.svg")
    for flows, expected in (("0", [0]), ("3,5-7", [3, 5, 6, 7]), ("11", [11]), ("0-11", range(12)),
                            ("2,2,2", [2]), ("5,4", [4, 5])):
        plot(path, "-o", picture, "--flows", flows, "--metrics", "through")
        assert curves(picture) == [f"flow {i}" for i in expected], (flows, curves(picture))


@case
def many_flows():
    """Above 12 flows: median, 10 to 90 %, the highest, the lowest, and the sum; --lines draws all"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "flow.svg")
    rows = sample_rows(range(200), 3)
    for row in rows:
        row["rx_through"] = row["id"] if row["S|D"] == "D" else 0
    path = write_log(log_text(rows))
    plot(path, "-o", picture, "--metrics", "rx_through")
    assert curves(picture) == ["10-90 % of 200", "median", "highest: flow 199", "lowest: flow 0",
                               "sum of 200"], curves(picture)
    bands = blocks(path, "--metrics", "rx_through")[0]
    for _, low, median, high, total in bands:
        assert abs(low - 19.9) < 1e-6 and abs(median - 99.5) < 1e-6, bands
        assert abs(high - 179.1) < 1e-6 and abs(total - sum(range(200))) < 1e-6, bands
    plot(path, "-o", picture, "--metrics", "cwnd")  # nothing to add up
    assert len(curves(picture)) == 4, curves(picture)
    plot(path, "-o", picture, "--metrics", "cwnd", "--lines")
    assert len(curves(picture)) == 200


@case
def formats():
    """The suffix names the format; another one is refused before anything is read"""
    need_program("gnuplot")
    directory, path = temp_dir(), write_log(log_text(sample_rows([0])))
    for suffix, magic in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("eps", b"%!PS"),
                          ("PNG", b"\x89PNG")):
        picture = os.path.join(directory, "a." + suffix)
        result = plot(path, "-o", picture)
        assert result.err == f"flowctl: plot: wrote {picture}\n", result.err
        with open(picture, "rb") as file:
            assert file.read(len(magic)) == magic, suffix
    for name in ("a.gif", "a", "a.svg.gz", "dir.svg/a"):
        refuses(f"'{name}' does not end in .svg, .pdf, .png or .eps", path, "-o", name)


@case
def types():
    """Each type that --help lists draws"""
    need_program("gnuplot")
    listed = re.search(r"Types of plot:\n(.*)", flowctl("plot", "--help").out, re.S).group(1)
    names = re.findall(r"^  (\w+) ", listed, re.M)
    assert names == ["time", "share", "heat", "cdf", "histogram", "box", "scatter", "ellipse"], names
    picture = os.path.join(temp_dir(), "flow.svg")
    for count in (1, 3, 40):
        path = write_log(log_text(sample_rows(range(count), 20)))
        for name in names:
            plot(path, "-o", picture, "--type", name, "--metrics", "rx_through,rtt")
            assert os.path.getsize(picture) > 4000, (name, count)
    refuses("--type=scatter needs two metrics: --metrics=X,Y", path, "--type=scatter", "--metrics=rtt",
            status=2)
    refuses("option --type: 'violin' is not a type of plot; expected one of: " + ", ".join(names),
            path, "--type", "violin")


@case
def distributions():
    """The values of a CDF, of a histogram, and of a box"""
    rows = sample_rows([0], 101)
    for number, row in enumerate(r for r in rows if r["S|D"] == "S"):
        row["rtt"] = 100 - number
    path = write_log(log_text(rows))
    cdf = blocks(path, "--type=cdf", "--metrics=rtt")[0]
    assert cdf[0] == [0, 0] and cdf[-1] == [100, 1], cdf
    assert [point for point in cdf if point[0] == 50][0][1] - 51 / 101 < 1e-6, cdf
    box = blocks(path, "--type=box", "--metrics=rtt")[0]
    assert box == [[0, 25, 5, 95, 75, 50]], box
    bins = blocks(path, "--type=histogram", "--metrics=rtt")[0]
    assert len(bins) == 50 and abs(sum(point[1] for point in bins) - 1) < 1e-6, bins
    assert bins[0][0] == 1 and abs(bins[0][1] - 2 / 101) < 1e-6, bins


@case
def one_against_another():
    """Scatter pairs the rows of both ends; an ellipse has the points' mean and deviation"""
    rows = sample_rows([0], 100)
    for row in rows:
        at = int(float(row["begin"]))
        row["rx_through"] = (50 + at) if row["S|D"] == "D" else 0
        row["rtt"] = 10 + (at % 2)
    path = write_log(log_text(rows))
    points = blocks(path, "--type=scatter", "--metrics=rtt,rx_through")[0]
    assert points == [[10 + (at % 2), 50 + at] for at in range(100)], points[:5]
    ellipse = blocks(path, "--type=ellipse", "--metrics=rtt,rx_through")[0]
    xs, ys = [x for x, _ in ellipse], [y for _, y in ellipse]
    assert abs((min(xs) + max(xs)) / 2 - 10.5) < 0.01, (min(xs), max(xs))
    assert abs((min(ys) + max(ys)) / 2 - 99.5) < 0.01, (min(ys), max(ys))
    assert abs((max(ys) - min(ys)) / 2 - 28.866) < 0.05, (min(ys), max(ys))
    assert abs((max(xs) - min(xs)) / 2 - 0.5) < 0.005, (min(xs), max(xs))


@case
def times_and_sizes():
    """--from, --to, --size, --title and --log; and what they refuse"""
    path = write_log(log_text(sample_rows([0], 10)))
    found = blocks(path, "--metrics", "cwnd", "--from", "2", "--to", "5")
    assert [point[0] for point in found[0]] == [3, 4, 5], found
    text = script(path, "--size=640x480", "--title", 'a "b" `c`', "--log")
    assert "svg size 640,480" in text and 'title "a b c"' in text and "set logscale y" in text, text
    assert "pdfcairo size 5in,4in" in script(path, "--size=480x384", "-o", "x.pdf")
    for size in ("640", "x", "640x", "99x100", "100x20001", "1e3x200", "-640x480"):
        refuses(f"option --size: '{size}' is not a size such as 800x600, from 100x100 to "
                "20000x20000", path, "--size", size)
    refuses("option --to: must be later than --from", path, "--from=3", "--to=3")
    refuses(NO_ROWS, path, "--from=50", status=2)


@case
def groups_of_columns():
    """--metrics takes the groups of -c"""
    columns = COLUMNS + ["min_rtt", "delivery_rate"]
    rows = [dict(row, min_rtt=1, delivery_rate=2) for row in sample_rows([0])]
    path = write_log(log_text(rows, columns))
    text = script(path, "--metrics", "goodput,rate")
    labels = re.findall(r'set ylabel "(.*)" noenhanced', text)
    assert labels == ["goodput [Mbit/s]", "sent [B]", "received [B]", "minimum RTT [ms]",
                      "delivery rate [Mbit/s]"], labels


@case
def a_script_that_gnuplot_takes():
    """--script leaves the script, with its data; gnuplot draws it as it is"""
    need_program("gnuplot")
    directory, path = temp_dir(), write_log(log_text(sample_rows([0, 1])))
    file = os.path.join(directory, "plot.gp")
    result = plot(path, "--script", file)
    assert result.err == f"flowctl: plot: wrote {file}\n", result.err
    done = subprocess.run(["gnuplot", file], capture_output=True, check=True)
    assert done.stdout.startswith(b"<?xml") and done.stderr == b"", done.stderr
    refuses("can't write /missing/x.gp: No such file or directory", path, "--script",
            "/missing/x.gp", status=2)


@case
def several_logs():
    """Several logs in one picture; they need the same columns"""
    first = write_log(log_text(sample_rows([0])), "a.log")
    second = write_log(log_text(sample_rows([0, 1], 8)), "b.log")
    assert len(blocks(first, second, "--metrics", "rtt")) == 3
    refuses("missing argument; usage: flowctl plot [OPTION]... RUN...")
    refuses("at most 64 runs fit one picture", *([first] * 65))


def least_memory(*arguments):
    """The address space in MB that flowctl plot needs, to 8 MB."""
    for megabytes in range(32, 1024, 8):
        command = f'ulimit -v {megabytes * 1024}; exec "$@"'
        done = subprocess.run(["sh", "-c", command, "sh", FLOWCTL, "plot", *arguments],
                              capture_output=True, check=False)
        if done.returncode == 0:
            return megabytes
    raise AssertionError("no amount of memory is enough")


@case
def memory():
    """A large log needs memory for the columns that are drawn only"""
    if SANITIZED:
        raise Skip("a sanitizer takes all address space")
    small = write_log(log_text(sample_rows([0])))
    path = os.path.join(temp_dir(), "large.log")
    tail = " 0.000" * 90
    with open(path, "w", encoding="utf-8") as file:
        file.write(log_text([], COLUMNS + [f"filler{i}" for i in range(90)]))
        for at in range(60000):
            for flow in range(2):
                file.write(f"S {flow} {at}.0 {at + 1}.0 100 10 1.5 1000 0 0{tail}\n")
    size = os.path.getsize(path) / 1e6
    used = least_memory(path, "--script=/dev/null") - least_memory(small, "--script=/dev/null")
    assert used < size / 4, f"{used} MB of memory for a log of {size} MB"


@case
def many_flows_of_one_row():
    """Ten times the flows take about ten times the time, not a hundred times, whatever is drawn"""
    few, many = (write_log(log_text(sample_rows(range(count), 1))) for count in (1500, 15000))

    def spent(path, *how):
        before = os.times().children_user
        plot(path, "--metrics", "rtt,rx_through", "--script=/dev/null", *how)
        return os.times().children_user - before

    for how in ((), ("--lines",), ("--type=histogram",), ("--type=scatter",), ("--type=ellipse",)):
        one, ten = spent(few, *how), spent(many, *how)
        assert ten < 25 * one + 0.4, (how, one, ten)


@case
def by_name():
    """Columns are found by name, wherever they stand, and unknown ones do no harm"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "flow.svg")
    order = COLUMNS[:4] + ["new_column"] + COLUMNS[:3:-1]
    for columns in (order, COLUMNS[:4] + COLUMNS[:3:-1] + ["other"]):
        plot(write_log(log_text(sample_rows([0, 1]), columns)), "-o", picture)
        found = curves(picture)
        assert found == ["flow 0", "flow 1", "", "", "", ""], found


@case
def values_in_their_places():
    """The curve goes through the values of the log: higher values are higher up"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "flow.svg")
    rows = sample_rows([0], 3)
    for row, value in zip([r for r in rows if r["S|D"] == "S"], (10, 30, 20)):
        row["through"] = value
    plot(write_log(log_text(rows)), "-o", picture, "--metrics", "through")
    found = strokes(picture)
    assert len(found) == 1 and len(found[0]) == 3, found
    points = found[0]
    assert points[0][0] < points[1][0] < points[2][0]
    assert points[0][1] > points[2][1] > points[1][1], points
    # at the middles of 0-1, 1-2 and 2-3
    assert abs((points[1][0] - points[0][0]) - (points[2][0] - points[1][0])) < 0.3, points
    assert abs((points[0][1] - points[2][1]) - (points[2][1] - points[1][1])) < 0.3, points


@case
def gaps():
    """Values that are absent or infinite leave gaps, and rows of other flows do not disturb"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "flow.svg")
    rows = sample_rows([0], 6)
    sources = [row for row in rows if row["S|D"] == "S"]
    sources[2]["rtt"], sources[3]["rtt"] = "nan", "inf"
    plot(write_log(log_text(rows)), "-o", picture, "--metrics", "rtt")
    assert [len(stroke) for stroke in strokes(picture)] == [2, 2], strokes(picture)


@case
def wrong_metric():
    """A metric that the log does not have"""
    path = write_log(log_text(sample_rows([0])))
    for metrics, name in (("nonsense", "nonsense"), ("through,Cwnd", "Cwnd"), ("begin", "begin"),
                          ("S|D", "S|D"), ("id", "id")):
        refuses(f"option --metrics: {path} has no column or group '{name}'", path, "--metrics", metrics)
    for metrics in ("", ","):
        refuses("option --metrics: no metric is given", path, "--metrics", metrics)
    assert os.listdir(os.path.dirname(path)) == ["flow.log"]


@case
def too_many_metrics():
    """More metrics than there is room for are a sentence, not a crash"""
    path = write_log(log_text(sample_rows([0])))
    result = flowctl("plot", path, "--metrics", ",".join(["through"] * 5000))
    assert result.status == 1, result.status
    assert re.fullmatch(r"flowctl: plot: option --metrics: at most \d+ metrics fit one picture\n", result.err), result.err


@case
def wrong_flows():
    """A flow that the log does not have is named: its curve would be missing without a word"""
    path = write_log(log_text(sample_rows([0, 2])))
    for flows, missing in (("7", 7), ("0,1", 1), ("0-2", 1), ("2-5", 3)):
        refuses(f"option --flows: {path} has no flow {missing}", path, "--flows", flows)
    assert os.listdir(os.path.dirname(path)) == ["flow.log"]


@case
def no_rows():
    """A log without rows, as of a run that was ended at once"""
    path = write_log(log_text([]))
    refuses(NO_ROWS, path, status=2)
    assert os.listdir(os.path.dirname(path)) == ["flow.log"]


@case
def no_values():
    """Metrics that no row has a value of: a sentence; beside others an empty panel that says so"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "flow.svg")
    rows = [dict(row, rtt="nan") for row in sample_rows([0])]
    path = write_log(log_text(rows))
    refuses(NOTHING, path, "--metrics", "rtt", status=2)
    plot(path, "--metrics", "rtt,cwnd", "-o", picture)
    assert "no values" in texts(picture) and curves(picture) == ["flow 0"], curves(picture)


@case
def truncated():
    """A log that was cut off within a row is drawn up to there"""
    need_program("gnuplot")
    text = log_text(sample_rows([0, 1], 10))
    picture = os.path.join(temp_dir(), "flow.svg")
    for cut in (10, 25, 60):
        plot(write_log(text[:-cut]), "-o", picture)
        assert curves(picture) == ["flow 0", "flow 1", "", "", "", ""]


@case
def truncated_head():
    """A log that was cut off within its head"""
    text = log_text(sample_rows([0]))
    columns, units = text.index("# columns"), text.index("# units")
    for cut in (columns, columns + 5, columns + 30, units - 1):
        path = write_log(text[:cut])
        refuses(f"{path}: not a complete flow log: the line '# columns' is missing", path)


@case
def hostile_logs():
    """No column, unit, value or file name becomes a command of gnuplot, nor of the terminal"""
    need_program("gnuplot")
    folder = temp_dir()
    canary = os.path.join(folder, "owned")
    attacks = [b'"\\nsystem("touch%s")\\n#' % canary.encode(), b"`touch${IFS}%s`" % canary.encode(),
               b'";system(\'touch\\x20%s\');"' % canary.encode(), b"@x", b"%s%n%1000000f", b"END",
               b"\x1b]0;x\x07", b"$(touch\t%s)" % canary.encode(), b'\\";\xc0\x80', b"a'b",
               "\u009b2J\u202e".encode()]

    def draw(path, *options):
        done = subprocess.run([FLOWCTL, "plot", *options, path], cwd=folder, capture_output=True,
                              timeout=60)
        said = (done.stdout + done.stderr).decode()  # valid UTF-8, whatever the log holds
        assert not any(ord(c) < 32 and c != "\n" or 0x7f <= ord(c) < 0xa0 for c in said), said
        assert done.returncode in (0, 1, 2), (path, done)
        assert not os.path.exists(canary), path

    def put(path, column=b"x", unit=b"1", value=b"1.0", begin=b"0.0"):
        with open(path, "wb") as file:
            file.write(b"# flowlog 1\n# run 00 version=0.1\n# columns S|D id begin end through " +
                       column + b"\n# units - - s s Mbit/s " + unit + b"\n" +
                       b"".join(b"S 0 %s %d.0 5 %s\n" % (begin, i, value) for i in (1, 2)))
        return path

    for attack in attacks:
        draw(put(os.path.join(folder, "a.log"), attack, attack), b"--metrics", b"through," + attack)
        name = os.path.join(os.fsencode(folder), attack.replace(b"/", b"_") + b".log")
        draw(put(name), "--metrics", "through,x")
        draw(b"./" + os.path.basename(name), "--metrics", "through,x")
    for value in (b"1e308", b"-1e308", b"0x1p1023", b"inf", b"1;system('touch owned')", b"9" * 5000, b"\0"):
        draw(put(os.path.join(folder, "b.log"), value=value), "--metrics", "through,x")
        draw(put(os.path.join(folder, "b.log"), begin=value), "--metrics", "through,x")
    # A picture takes the place of a link, and not of what it points to.
    victim, link = os.path.join(folder, "victim"), os.path.join(folder, "out.svg")
    with open(victim, "w", encoding="ascii") as file:
        file.write("precious")
    os.symlink(victim, link)
    draw(put(os.path.join(folder, "c.log")), "--metrics", "through", "-o", link)
    with open(victim, encoding="ascii") as file:
        assert file.read() == "precious"


@case
def not_a_log():
    """Files that are no flow log"""
    magic = "not a flow log: it does not begin with '# flowlog '"
    for text in ("hello\n", "\n", "S 0 0 1\n", "# flowlog x\n", "# flowlog\n", "# Flowlog 1\n"):
        path = write_log(text + log_text(sample_rows([0]), head=""))
        refuses(f"{path}, line 1: {magic}", path)
    path = write_log("")
    refuses(f"{path}: not a flow log: the file is empty", path)
    path = write_log(log_text([], head="# flowlog 2\n"))
    refuses(f"{path}, line 1: flow log of version 2; this flowctl reads version 1", path)
    with open(FLOWCTL, "rb") as program:
        path = os.path.join(temp_dir(), "binary")
        with open(path, "wb") as file:
            file.write(program.read(100000))
    result = plot(path, status=1)
    assert "not a flow log" in result.err, result.err


@case
def first_line_exactly():
    """The first line has to be the whole of `# flowlog 1`, and no look-alike"""
    for text in ("#flowlog 1\n", "#  flowlog 1\n", "# flowlog 1x\n", "# flowlog 1 2\n"):
        result = flowctl("plot", write_log(text + log_text(sample_rows([0]), head="")))
        assert result.status == 1 and " flow log" in result.err, (text, result.status, result.err)


@case
def broken_rows():
    """Rows that do not fit are named by their line"""
    good = log_text(sample_rows([0], 1))
    for row, why in (("S 0 1", f"the row has 3 values, the log {len(COLUMNS)} columns"),
                     ("S 0 " + "1 " * len(COLUMNS), f"the row has {len(COLUMNS) + 2} values, the log "
                      f"{len(COLUMNS)} columns"),
                     ("X 0 1 2", "a row must begin with S or D"),
                     ("S x " + "1 " * (len(COLUMNS) - 2), "'x' is not the number of a flow"),
                     ("S -1 " + "1 " * (len(COLUMNS) - 2), "'-1' is not the number of a flow")):
        path = write_log(good + row + "\n")
        refuses(f"{path}, line 6: {why}", path)
    path = write_log("# flowlog 1\nS 0 1\n")
    refuses(f"{path}, line 2: a row comes before the line '# columns'", path)
    path = write_log("# flowlog 1\n# columns a b c d e\n# units a b\n")
    refuses(f"{path}, line 3: there are 2 units for 5 columns", path)
    path = write_log("# flowlog 1\n# columns a b c d\n")
    refuses(f"{path}, line 2: the log has no columns of figures", path)


@case
def huge_flow_number():
    """A row with an absurd number of a flow does not cost gigabytes"""
    rows = sample_rows([0])
    rows[3]["id"] = 4000000000000000000
    path = write_log(log_text(rows))
    result = flowctl("plot", path)
    assert result.status in (0, 1, 2), f"exit status {result.status}: {result.err}"
    assert "Sanitizer" not in result.err and "memory" not in result.err, result.err


@case
def a_folder():
    """A folder instead of a log"""
    path = temp_dir()
    refuses(f"{path}: Is a directory", path)


@case
def output_that_cannot_be():
    """A picture that can't be written"""
    path = write_log(log_text(sample_rows([0])))
    refuses("can't write /missing/a.svg: No such file or directory", path, "-o",
            "/missing/a.svg", status=2)


@case
def no_gnuplot():
    """Without gnuplot: a sentence with the package's name, and no picture is left"""
    path = write_log(log_text(sample_rows([0])))
    refuses("gnuplot is not installed here (Debian: gnuplot-nox)", path, status=2,
            env={"PATH": temp_dir()})
    assert os.listdir(os.path.dirname(path)) == ["flow.log"]


@case
def gnuplot_that_fails():
    """A gnuplot that fails is a sentence, and leaves the picture of before alone"""
    directory = temp_dir()
    fake = os.path.join(directory, "gnuplot")
    with open(fake, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexit 3\n")
    os.chmod(fake, 0o755)
    path = write_log(log_text(sample_rows([0])))
    refuses("gnuplot failed (status 3)", path, status=2, env={"PATH": directory})
    assert os.listdir(os.path.dirname(path)) == ["flow.log"]
    picture = path.replace(".log", ".svg")
    with open(picture, "w", encoding="utf-8") as file:
        file.write("<svg/>")
    refuses("gnuplot failed (status 3)", path, status=2, env={"PATH": directory})
    assert os.path.exists(picture), "the picture of an earlier log is gone"
    with open(picture, encoding="utf-8") as file:
        assert file.read() == "<svg/>", "the picture of an earlier log is gone"


@case
def names_are_not_commands():
    """What stands in a log, or in its name, is no command for gnuplot"""
    need_program("gnuplot")
    directory = temp_dir()
    hostile = ["`touch_me`", '"x";system("touch\\040owned")', "$(touch)", "@x", "a\\\\b", "%s%n"]
    columns = COLUMNS + hostile
    rows = [dict(row, **{name: 5 for name in hostile}) for row in sample_rows([0])]
    name = "a`touch owned`\";system('touch owned')#.log"
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        file.write(log_text(rows, columns))
    for metric in hostile:
        plot(name, "-o", "out.svg", "--metrics", metric, cwd=directory)
        curves(os.path.join(directory, "out.svg"))
    assert sorted(os.listdir(directory)) == sorted([name, "out.svg"]), os.listdir(directory)


main()
