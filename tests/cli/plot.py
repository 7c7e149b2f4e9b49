#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flowctl plot: pictures of good logs, sentences about bad ones."""
import os
import re
import xml.etree.ElementTree

from flowrig_test import (FLOWCTL, case, expect, flowctl, main, need_program, run_logged, temp_dir)

SVG = "{http://www.w3.org/2000/svg}"
UNITS = {"S|D": "-", "id": "-", "begin": "s", "end": "s", "through": "Mbit/s", "cwnd": "1",
         "rtt": "ms", "tx_bytes": "B", "rx_bytes": "B", "rx_through": "Mbit/s"}
COLUMNS = list(UNITS)


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
        assert drawn and all(d.startswith("M") for d in drawn), group.get("id")
        found.append("" if title is None else (title.text or "").strip())
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
    result = expect(flowctl("plot", *arguments, **keywords), status)
    assert result.out == "", result.out
    if not status:
        assert result.err == "", result.err
    return result


def refuses(sentence, *arguments, status=1, **keywords):
    result = plot(*arguments, status=status, **keywords)
    assert result.err == f"flowctl: plot: {sentence}\n", result.err


@case
def real_log():
    """A real log of two flows: three panels, in each one curve per flow"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "flow.svg")
    _, log = run_logged("--embedded", "-n", 2, "-T", "s=0.5", "-i", "0.05")
    plot(write_log("\n".join(log.lines) + "\n"), "-o", picture)
    assert curves(picture) == ["flow 0 S", "flow 1 S"] * 3, curves(picture)
    shown = texts(picture)
    for label in ("through [Mbit/s]", "cwnd [#]", "rtt [ms]"):
        assert label in shown, shown
    assert shown.count("time [s]") >= 1, shown


@case
def both_directions():
    """A flow in both directions has a curve for each end"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "flow.svg")
    _, log = run_logged("--embedded", "-T", "b=0.5", "-i", "0.05")
    plot(write_log("\n".join(log.lines) + "\n"), "-o", picture, "--metrics", "through,rx_through")
    assert curves(picture) == ["flow 0 S", "flow 0 D"] * 2, curves(picture)


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
    for flows, expected in (("0", [0]), ("3,5-7", [3, 5, 6, 7]), ("11", [11]), ("0-100", range(12)),
                            ("2,2,2", [2]), ("5,4", [4, 5])):
        plot(path, "-o", picture, "--flows", flows, "--metrics", "through")
        assert curves(picture) == [f"flow {i} S" for i in expected], (flows, curves(picture))


@case
def many_flows():
    """More flows than a key has room for are drawn without one"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "flow.svg")
    plot(write_log(log_text(sample_rows(range(200), 3))), "-o", picture, "--metrics", "cwnd")
    assert len(curves(picture)) == 200
    assert not [text for text in texts(picture) if text.startswith("flow 1")]


@case
def by_name():
    """Columns are found by name, wherever they stand, and unknown ones do no harm"""
    need_program("gnuplot")
    picture = os.path.join(temp_dir(), "flow.svg")
    order = COLUMNS[:4] + ["new_column"] + COLUMNS[:3:-1]
    for columns in (order, [name for name in order if name not in ("tx_bytes", "rx_bytes")]):
        plot(write_log(log_text(sample_rows([0, 1]), columns)), "-o", picture)
        found = curves(picture)
        assert {"flow 0 S", "flow 1 S"} <= set(found) and len(found) >= 6, found


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
        refuses(f"option --metrics: the log has no column '{name}'", path, "--metrics", metrics)
    for metrics in ("", ","):
        refuses("no metric is given", path, "--metrics", metrics)
    assert os.listdir(os.path.dirname(path)) == ["flow.log"]


@case
def too_many_metrics():
    """More metrics than there is room for are a sentence, not a crash"""
    path = write_log(log_text(sample_rows([0])))
    result = flowctl("plot", path, "--metrics", ",".join(["through"] * 5000))
    assert result.status == 1, result.status
    assert re.fullmatch(r"flowctl: plot: option --metrics: more than \d+ metrics can't be drawn at "
                        r"once\n", result.err), result.err


@case
def wrong_flows():
    """Flows that the log does not have: nothing to draw, and no empty picture"""
    path = write_log(log_text(sample_rows([0])))
    refuses("there is nothing to draw: the log has no values of these metrics for these flows", path,
            "--flows", "7", status=2)
    assert os.listdir(os.path.dirname(path)) == ["flow.log"]


@case
def no_rows():
    """A log without rows, as of a run that was ended at once"""
    path = write_log(log_text([]))
    refuses("there is nothing to draw: the log has no values of these metrics for these flows", path,
            status=2)
    assert os.listdir(os.path.dirname(path)) == ["flow.log"]


@case
def truncated():
    """A log that was cut off within a row is drawn up to there"""
    need_program("gnuplot")
    text = log_text(sample_rows([0, 1], 10))
    picture = os.path.join(temp_dir(), "flow.svg")
    for cut in (10, 25, 60):
        plot(write_log(text[:-cut]), "-o", picture)
        assert curves(picture) == ["flow 0 S", "flow 1 S"] * 3


@case
def truncated_head():
    """A log that was cut off within its head"""
    text = log_text(sample_rows([0]))
    columns, units = text.index("# columns"), text.index("# units")
    for cut in (columns, columns + 5, columns + 30, units - 1):
        path = write_log(text[:cut])
        refuses(f"{path}: this is no flow log: it has no line '# columns'", path)


@case
def not_a_log():
    """Files that are no flow log"""
    magic = "this is no flow log: it does not begin with '# flowlog '"
    for text in ("hello\n", "\n", "S 0 0 1\n", "# flowlog x\n", "# flowlog\n", "# Flowlog 1\n"):
        path = write_log(text + log_text(sample_rows([0]), head=""))
        refuses(f"{path}, line 1: {magic}", path)
    path = write_log("")
    refuses(f"{path}: this is no flow log: it has no line '# columns'", path)
    path = write_log(log_text([], head="# flowlog 2\n"))
    refuses(f"{path}, line 1: this is a flow log of version 2, but only version 1 is understood", path)
    with open(FLOWCTL, "rb") as program:
        path = os.path.join(temp_dir(), "binary")
        with open(path, "wb") as file:
            file.write(program.read(100000))
    result = plot(path, status=1)
    assert "this is no flow log" in result.err, result.err


@case
def first_line_exactly():
    """The first line has to be the whole of `# flowlog 1`, and no look-alike"""
    for text in ("#flowlog 1\n", "#  flowlog 1\n", "# flowlog 1x\n", "# flowlog 1 2\n"):
        result = flowctl("plot", write_log(text + log_text(sample_rows([0]), head="")))
        assert result.status == 1 and "this is " in result.err, (text, result.status, result.err)


@case
def broken_rows():
    """Rows that do not fit are named by their line"""
    good = log_text(sample_rows([0], 1))
    for row, why in (("S 0 1", f"3 values do not fit {len(COLUMNS)} columns"),
                     ("S 0 " + "1 " * len(COLUMNS), "there are more values than columns"),
                     ("X 0 1 2", "a row begins with S or D"),
                     ("S x " + "1 " * (len(COLUMNS) - 2), "'x' is not the number of a flow"),
                     ("S -1 " + "1 " * (len(COLUMNS) - 2), "'-1' is not the number of a flow")):
        path = write_log(good + row + "\n")
        refuses(f"{path}, line 6: {why}", path)
    path = write_log("# flowlog 1\nS 0 1\n")
    refuses(f"{path}, line 2: a row comes before the line '# columns'", path)
    path = write_log("# flowlog 1\n# columns a b c d e\n# units a b\n")
    refuses(f"{path}, line 3: 2 units do not fit 5 columns", path)
    path = write_log("# flowlog 1\n# columns a b c d\n")
    refuses(f"{path}, line 2: there are no columns", path)


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
    refuses("/missing/a.svg can't be written: No such file or directory", path, "-o",
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
