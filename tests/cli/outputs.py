#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of --output: each is read back by programs of its own, and all say the same."""
import csv
import importlib.util
import json
import math
import os
import re
import signal
import sqlite3
import subprocess
import sys

from flowrig_test import (Daemon, FlowLog, Skip, case, expect, flowctl, hosts, main,
                          need_program, need_root, shared, start_flowctl, temp_dir, wait_for)

SOURCE = os.environ.get("FLOWRIG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
SCHEMA = os.path.join(SOURCE, "contrib", "schema", "flowrig-1.schema.json")
# What a column of the log is called in files, where both are the same figure in other units.
SAME = {"tx_bytes": ("tx_bytes", 1), "rx_bytes": ("rx_bytes", 1), "rtt": ("srtt_seconds", 1e3),
        "cwnd": ("cwnd_segments", 1), "smss": ("snd_mss_bytes", 1), "requ": ("tx_requests", 1),
        "minRTT": ("rtt_min_seconds", 1e3), "busy": ("busy_time_seconds", 1e3),
        "bytes_retrans": ("bytes_retrans", 1), "pacing_rate": ("pacing_rate_bits_per_second", 1e-6),
        "rx_through": ("rx_bits_per_second", 1e-6), "through": ("tx_bits_per_second", 1e-6)}


def no_constant(text):
    raise AssertionError(f"{text} is no JSON")


def no_duplicates(pairs):
    assert len({name for name, _ in pairs}) == len(pairs), f"a name occurs twice in {pairs}"
    return dict(pairs)


def parse(text):
    return json.loads(text, parse_constant=no_constant, object_pairs_hook=no_duplicates)


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def read_lines(path):
    text = read(path)
    assert text.endswith("\n")
    return [parse(line) for line in text.splitlines()]


def of_type(records, kind):
    return [r for r in records if r["type"] == kind]


@shared
def run_of_all():
    """One run through every format: (folder, log, records of jsonl, object of json, rows of csv)."""
    folder = temp_dir()
    one, two = Daemon(), Daemon()
    path = lambda name: os.path.join(folder, name)
    expect(flowctl("-H", hosts(one, two), "-n", 2, "-T", "s=0.4", "-i", "0.1", "-F", 0, "-A", "s",
                   "-F", 1, "-T", "d=0.3", "--histogram", "--output", f"jsonl:{path('a.jsonl')}",
                   f"--json={path('a.json')}", f"--csv={path('a.csv')}",
                   "--output", f"influx:{path('a.influx')}", "--output", f"sqlite:{path('a.db')}",
                   "--output", f"openmetrics:{path('a.prom')}", f"--log-file={path('a.log')}"))
    rows = list(csv.DictReader(read(path("a.csv")).splitlines()))
    return (folder, FlowLog(path("a.log")), read_lines(path("a.jsonl")),
            parse(read(path("a.json"))), rows)


def load_maker():
    spec = importlib.util.spec_from_file_location(
        "make_schema", os.path.join(SOURCE, "contrib", "schema", "make_schema.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def validator(strict=True):
    """Validates against the schema; strict also refuses members that it does not have."""
    try:
        import jsonschema
    except ImportError:
        if os.path.exists("/usr/bin/python3") and sys.executable != "/usr/bin/python3":
            sys.path.append("/usr/lib/python3/dist-packages")
        try:
            import jsonschema
        except ImportError:
            raise Skip("python3-jsonschema is not installed") from None
    schema = parse(read(SCHEMA))
    jsonschema.Draft202012Validator.check_schema(schema)
    if strict:
        for kind in list(schema["$defs"].values()) + [schema["else"]]:
            kind["additionalProperties"] = False
    return jsonschema.Draft202012Validator(schema)


@case
def schema_fits_the_metrics():
    """contrib/schema is what make_schema.py makes of this version's columns"""
    _, _, records, _, _ = run_of_all()
    assert records[0]["type"] == "run" and records[0]["schema"] == "flowrig/1"
    assert read(SCHEMA) == load_maker().text(records[0]["columns"]), (
        "make it anew: flowctl --embedded -T s=0 --json-stream | "
        "python3 contrib/schema/make_schema.py > contrib/schema/flowrig-1.schema.json")


@case
def everything_validates():
    """Every record, and the object of --json, validates against the schema, with no other member"""
    _, _, records, whole, _ = run_of_all()
    check = validator()
    for record in records:
        check.validate(record)
    check.validate(whole)


@case
def schema_refuses():
    """The schema refuses what lacks a member, has another type, or is of no kind"""
    _, _, records, whole, _ = run_of_all()
    check = validator(strict=False)
    row = of_type(records, "row")[0]
    check.validate(dict(row, later_member=1))
    for wrong in ({k: v for k, v in row.items() if k != "flow"}, dict(row, flow="0"),
                  dict(row, type="rows"), dict(row, endpoint="S"),
                  {k: v for k, v in whole.items() if k != "rows"}):
        assert not check.is_valid(wrong), wrong


@case
def records_in_order():
    """jsonl: run, hosts, flows, then what happens, and one end; sequence numbers have no gaps"""
    _, _, records, _, _ = run_of_all()
    kinds = [r["type"] for r in records]
    assert kinds[:5] == ["run", "host", "host", "flow", "flow"] and kinds[-1] == "end", kinds
    assert kinds.count("end") == kinds.count("run") == 1
    for flow in (0, 1):
        for endpoint in ("source", "destination"):
            mine = [r for r in records if r.get("flow") == flow and r.get("endpoint") == endpoint
                    and r["type"] in ("begin", "row", "final")]
            assert [r["seq"] for r in mine] == list(range(len(mine))), mine
            assert mine[0]["type"] == "begin" and mine[-1]["type"] == "final"


@case
def json_has_the_same_records():
    """The object of --json has the records of jsonl, no more and no less"""
    _, _, records, whole, _ = run_of_all()
    lists = {"hosts": "host", "flows": "flow", "rows": "row", "begins": "begin", "finals": "final",
             "histograms": "histogram", "events": "event"}
    assert list(whole) == ["schema", "run", "hosts", "flows", "rows", "begins", "finals",
                           "histograms", "events", "end"], list(whole)
    for name, kind in lists.items():
        assert whole[name] == of_type(records, kind), name
    assert len(whole["rows"]) >= 14 and len(whole["histograms"]) >= 3
    assert whole["run"] == records[0] and whole["end"] == records[-1]


@case
def same_figures_as_the_log():
    """Rows of log, jsonl and csv are the same figures, and what the log calls nan is absent"""
    _, log, records, _, table = run_of_all()
    rows = of_type(records, "row")
    assert len(log.rows) == len(rows) == len(table)
    for logged, row, cells in zip(log.rows, rows, table):
        assert (logged["S|D"], logged["id"]) == (row["endpoint"][0].upper(), row["flow"])
        assert (cells["endpoint"], int(cells["flow"])) == (row["endpoint"], row["flow"])
        assert abs(logged["end"] - row["end_seconds"]) < 1e-6
        for column, (name, scale) in SAME.items():
            value = logged[column]
            if math.isnan(value) or math.isinf(value):
                assert name not in row, (column, value, row)
            else:
                assert abs(row[name] * scale - value) <= 0.51e-3 + 1e-6 * abs(value), (name, value)
        for name, cell in cells.items():
            if name != "run":
                assert cell == "" if name not in row else (cell == row[name] or
                                                           float(cell) == row[name]), (name, cell)
        assert set(row) - set(cells) == {"type"}, set(row) - set(cells)


@case
def same_totals_everywhere():
    """Log, jsonl, json and csv have the same totals"""
    _, log, records, whole, table = run_of_all()
    total = whole["end"]["total"]
    finals = {("D" if r["endpoint"] == "destination" else "S", r["flow"]): r
              for r in of_type(records, "final")}
    assert set(finals) == set(log.finals)
    for key, final in finals.items():
        for name in ("rx_bytes", "tx_bytes", "bytes_retrans", "tx_requests"):
            assert final[name] == log.finals[key][name], (key, name)
        assert abs(final["tx_time_seconds"] * 1e9 - log.finals[key]["tx_time"]) < 1
        assert final["info"]["congestion_control"] == log.finals[key]["congestion_control"]
    received = sum(finals[k]["rx_bytes"] for k in (("D", 0), ("D", 1), ("S", 1)))
    assert total["received_bytes"] == received and total["flows"] == 2 and total["failed"] == 0
    # flow 0 asks for responses, which the source reads; its rows are the sum all the same.
    for key, final in finals.items():
        mine = [r for r in table if (r["endpoint"][0].upper(), int(r["flow"])) == key]
        assert sum(int(r["rx_bytes"]) for r in mine) == final["rx_bytes"], key
    shown = re.search(r"goodput = ([\d.]+) \[Mbit/s\] \((\d+) B", log.comment("total")[0])
    assert int(shown[2]) == received
    assert abs(float(shown[1]) * 1e6 - total["goodput_bits_per_second"]) < 1
    by_flow = {f["flow"]: f["directions"] for f in whole["end"]["flows"]}
    assert [d["sender"] for d in by_flow[0]] == ["source"]
    assert [d["sender"] for d in by_flow[1]] == ["source", "destination"]
    assert by_flow[1][1]["received_bytes"] == finals["S", 1]["rx_bytes"]
    assert whole["end"]["complete"] is True and whole["end"]["status"] == 0


@case
def histograms_are_those_of_the_log():
    """Buckets add up to the count of the series, and are the log's lines"""
    _, log, records, _, _ = run_of_all()
    lines = [line.split()[2:] for line in log.comment("histogram ") if len(line.split()) == 9]
    buckets = [(h, b) for h in of_type(records, "histogram") for b in h["buckets"]]
    assert len(lines) == len(buckets) > 10
    for words, (histogram, (lower, upper, count)) in zip(lines, buckets):
        assert words[2] == histogram["series"] and int(words[5]) == count
        assert abs(float(words[3]) - lower * 1e3) < 1e-9 and abs(float(words[4]) - upper * 1e3) < 1e-9
    for histogram in of_type(records, "histogram"):
        assert sum(b[2] for b in histogram["buckets"]) == histogram["count"]


@case
def jq_reads_it():
    """jq reads both JSON formats, and exact integers stay exact"""
    need_program("jq")
    folder, _, records, whole, _ = run_of_all()
    jq = lambda query, name: subprocess.run(["jq", "-c", query, os.path.join(folder, name)],
                                            capture_output=True, text=True, check=True).stdout
    assert json.loads(jq(".end.total.received_bytes", "a.json")) == (
        whole["end"]["total"]["received_bytes"])
    sums = jq('select(.type == "row" and .endpoint == "destination") | .rx_bytes', "a.jsonl")
    assert sum(map(int, sums.split())) == sum(
        r["rx_bytes"] for r in of_type(records, "row") if r["endpoint"] == "destination")


@case
def sqlite_reads_the_csv():
    """sqlite3 imports the table, and sums it up alike"""
    need_program("sqlite3")
    folder, _, records, _, _ = run_of_all()
    done = subprocess.run(["sqlite3", ":memory:", f".import --csv {folder}/a.csv t",
                           "select count(*), sum(rx_bytes) from t;"], capture_output=True,
                          text=True, check=True)
    rows = of_type(records, "row")
    assert done.stdout == f"{len(rows)}|{sum(r['rx_bytes'] for r in rows)}\n", done


def points(text, measurement="flowrig"):
    """(tags, {field: value}, ns) of each line of the line protocol; a field's type is checked."""
    found = []
    for line in text.splitlines():
        head, fields, at = line.split(" ")
        name, *tags = head.split(",")
        assert name == measurement or name in ("flowrig", "flowrig_flow"), line
        assert at.isdigit(), line
        if name != measurement:
            continue
        values = {}
        for field in fields.split(","):
            key, value = field.split("=")
            assert key not in values, line
            if re.fullmatch(r"-?\d+i", value):
                values[key] = int(value[:-1])
            elif value[0] == '"':
                values[key] = value[1:-1]
            elif value in ("true", "false"):
                values[key] = value == "true"
            else:
                values[key] = float(value)
        found.append((dict(tag.split("=") for tag in tags), values, int(at)))
    return found


@case
def influx_has_the_rows():
    """The line protocol has the rows of jsonl, no point twice, and fields of one type each"""
    folder, _, records, _, _ = run_of_all()
    rows, found, types = of_type(records, "row"), points(read(f"{folder}/a.influx")), {}
    assert len(rows) == len(found) == len({(str(t), ns) for t, _, ns in found})
    for row, (tags, values, _) in zip(rows, found):
        assert tags == {"run": records[0]["run"], "flow": str(row["flow"]),
                        "endpoint": row["endpoint"]}
        for name, value in values.items():
            assert row[name] == value, (name, value)
            assert types.setdefault(name, type(value)) is type(value), name
        assert set(row) - set(values) == {"type", "flow", "endpoint", "begin_seconds", "end_seconds",
                                          "time", "tx_bits_per_second", "rx_bits_per_second"}


@case
def influx_has_the_totals():
    """The line protocol ends with the totals of each direction and what limited it, as JSON has them"""
    folder, _, _, whole, _ = run_of_all()
    found = points(read(f"{folder}/a.influx"), "flowrig_flow")
    directions = [(f["flow"], d) for f in whole["end"]["flows"] for d in f["directions"]]
    assert len(found) == len(directions) == 3
    for (flow, direction), (tags, values, _) in zip(directions, found):
        assert (tags["flow"], tags["sender"]) == (str(flow), direction["sender"])
        assert values["complete"] is True and values["received_bytes"] == direction["received_bytes"]
        assert values.get("limited_by") == direction.get("limited_by")
        for cause, share in direction.get("limits", {}).items():
            assert abs(values[f"limited_by_{cause}_ratio"] - share) < 1e-6, cause


@case
def openmetrics_has_the_totals():
    """OpenMetrics has the totals of --json, one family after the other, and ends with its mark"""
    folder, _, _, whole, _ = run_of_all()
    text = read(f"{folder}/a.prom")
    assert text.endswith("\n# EOF\n") and not os.path.exists(f"{folder}/a.prom.new")
    families, values, family = [], {}, None
    for line in text.splitlines()[:-1]:
        if line.startswith("# TYPE "):
            family = line.split()[2]
            families.append(family)
            assert line.split()[3] == "gauge"
        elif line.startswith("# "):
            assert line.split()[1] in ("HELP", "UNIT") and line.split()[2] == family, line
        else:
            name, value = line.rsplit(" ", 1)
            assert name.split("{")[0] == family and name not in values, line
            values[name] = float(value)
    assert len(set(families)) == len(families) > 8
    total = whole["end"]["total"]
    assert abs(values["flowrig_run_goodput_bytes_per_second"] * 8 -
               total["goodput_bits_per_second"]) < 1
    assert values["flowrig_run_complete"] == 1 and values["flowrig_run_flows"] == 2
    for flow in whole["end"]["flows"]:
        for direction in flow["directions"]:
            label = f'{{flow="{flow["flow"]}",sender="{direction["sender"]}"}}'
            assert values["flowrig_flow_received_bytes" + label] == direction["received_bytes"]
            assert abs(values["flowrig_flow_srtt_seconds" + label] - direction["srtt_seconds"]) < 1e-9
            for cause, share in direction.get("limits", {}).items():
                label = f'{{flow="{flow["flow"]}",sender="{direction["sender"]}",cause="{cause}"}}'
                assert abs(values["flowrig_flow_limited_ratio" + label] - share) < 1e-9


def title_in_all(title, *options):
    """The title as each format has it, read back by the format's own rules."""
    folder = temp_dir()
    files = {"json": "a.json", "jsonl": "a.jsonl", "csv": "a.csv", "influx": "a.influx", "openmetrics": "a.prom"}
    outputs = [word for name, file in files.items() for word in ("--output", f"{name}:{folder}/{file}")]
    expect(flowctl("--embedded", "-T", "s=0.1", "-i", "0.1", "-q", *options, "--title", title, *outputs))
    text = {name: read(os.path.join(folder, file)) for name, file in files.items()}
    rows = list(csv.DictReader(text["csv"].splitlines()))
    assert rows and len({row["title"] for row in rows}) == 1
    tags = {re.search(r",title=((?:\\.|[^\\ ,=])*)(?:\\*),flow=\d", line)[1] for line in text["influx"].splitlines()}
    assert len(tags) == 1, tags
    label = re.search(r'^flowrig_run_info\{run="\w+",version="[^"]+",title="((?:\\.|[^"\\])*)"\} 1$',
                      text["openmetrics"], re.M)
    return {"json": parse(text["json"])["run"]["title"], "jsonl": parse(text["jsonl"].splitlines()[0])["title"],
            "csv": rows[0]["title"], "influx": re.sub(r"\\([ ,=])", r"\1", tags.pop()),
            "openmetrics": re.sub(r"\\(.)", r"\1", label[1])}


@case
def title_is_in_every_format():
    """--title is a tag of influx, a label of openmetrics, a column of csv; --hide-addresses works in it"""
    for title in ("plain", 'two, "quoted" words = 1', "back\\slash inside", "\u00fcber 10.0.0.1"):
        found = title_in_all(title)
        assert set(found.values()) == {title}, (title, found)
    found = title_in_all("ends with \\")
    assert found.pop("influx") == "ends with " and set(found.values()) == {"ends with \\"}, found
    found = title_in_all("from 127.0.0.1 on", "--hide-addresses")
    assert set(found.values()) == {"from host-0 on"}, found
    expect(flowctl("--embedded", "-T", "s=0.1", "-i", "0.1", "-q", f"--csv={temp_dir()}/a.csv"))
    assert not run_of_all()[4][0]["title"]


@case
def promtool_accepts_it():
    """promtool has no remark on the OpenMetrics file"""
    need_program("promtool")
    folder, *_ = run_of_all()
    text = read(f"{folder}/a.prom")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                          text=True)
    assert done.returncode == 0, done


@case
def sqlite_has_the_run():
    """The database has rows, finals, histograms and totals of jsonl; the view has its names"""
    folder, _, records, whole, _ = run_of_all()
    base = sqlite3.connect(f"{folder}/a.db")
    base.row_factory = sqlite3.Row
    assert base.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    run = base.execute("SELECT * FROM run").fetchone()
    assert run["uuid"] == records[0]["run"] and run["complete"] == 1 and run["status"] == 0
    assert run["received_bytes"] == whole["end"]["total"]["received_bytes"]
    rows = of_type(records, "row")
    found = base.execute("SELECT * FROM rows").fetchall()
    assert len(found) == len(rows)
    by_key = {(r["flow"], r["endpoint"], r["seq"]): r for r in found}
    words = {"status", "ca_state", "tcp_state", "options"}
    for row in rows:
        mine = by_key[row["flow"], row["endpoint"], row["seq"]]
        for name in set(row) - words - {"type", "time"}:
            assert mine[name] is not None, name
            if isinstance(row[name], str):
                assert mine[name] == row[name]
            else:
                assert abs(mine[name] - row[name]) <= 1 + 1e-9 * abs(row[name]) if name.endswith(
                    "bits_per_second") else abs(mine[name] - row[name]) < 1e-9, name
        for name in set(mine.keys()) - set(row) - words - {"run"}:
            assert mine[name] is None, (name, mine[name])
    finals = {(r["number"], r["side"]): r for r in base.execute(
        "SELECT * FROM final JOIN endpoint ON endpoint.id = final.endpoint JOIN flow ON flow.id = "
        "endpoint.flow")}
    for final in of_type(records, "final"):
        assert finals[final["flow"], final["endpoint"]]["rx_bytes"] == final["rx_bytes"]
    limits = {}
    for flow, side, cause, share in base.execute(
            "SELECT number, side, cause, share FROM limited JOIN endpoint ON endpoint.id = limited.endpoint "
            "JOIN flow ON flow.id = endpoint.flow"):
        limits.setdefault((flow, side), {})[cause] = round(share, 12)
    assert limits == {(f["flow"], d["sender"]): {cause: round(share, 12) for cause, share in d["limits"].items()}
                      for f in whole["end"]["flows"] for d in f["directions"] if "limits" in d} and limits
    counted = sum(h["count"] for h in of_type(records, "histogram") if "flow" in h)
    assert base.execute("SELECT sum(count) FROM histogram").fetchone()[0] == counted
    base.close()


@case
def sqlite_appends():
    """A second run is appended; a file that is no database of ours is refused"""
    path = os.path.join(temp_dir(), "runs.db")
    for _ in range(2):
        expect(flowctl("--embedded", "-T", "s=0.1", "-i", "0.1", "-q", "--output", f"sqlite:{path}"))
    base = sqlite3.connect(path)
    assert base.execute("SELECT count(*), count(DISTINCT uuid), sum(complete) FROM run").fetchone() == (
        2, 2, 2)
    assert base.execute("SELECT count(*) FROM rows").fetchone()[0] == 4
    base.close()
    assert os.listdir(os.path.dirname(path)) == ["runs.db"], "one file is left, which can be copied"
    other = os.path.join(temp_dir(), "other.db")
    base = sqlite3.connect(other)
    base.execute("CREATE TABLE run(x)")
    base.commit()
    base.close()
    result = flowctl("--embedded", "--output", f"sqlite:{other}")
    assert (result.status, result.err) == (1, f"flowctl: {other} is not a flowrig database\n")
    result = flowctl("--embedded", "--output", "sqlite")
    assert (result.status, result.err) == (
        1, "flowctl: option --output: sqlite needs a target: sqlite:FILE\n"), result.err


@case
def targets_are_files():
    """What stands beside an OpenMetrics file is left alone, and SQLite has no names of its own for memory"""
    folder = temp_dir()
    victim = os.path.join(folder, "victim")
    for name in ("victim", "a.prom.new"):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write("precious\n")
    os.symlink(victim, os.path.join(folder, "b.prom.new"))
    os.symlink(victim, os.path.join(folder, "c.prom"))
    names = (":memory:", "file:a.db?mode=memory", "b.db")
    outputs = [word for name in names for word in ("--output", f"sqlite:{name}")]
    for name in ("a.prom", "b.prom", "c.prom"):
        outputs += ["--output", f"openmetrics:{name}"]
    expect(flowctl("--embedded", "-T", "s=0.1", "-i", "0.1", "-q", "-o", *outputs, cwd=folder))
    for name in ("victim", "a.prom.new"):
        assert read(os.path.join(folder, name)) == "precious\n", name
    for name in ("a.prom", "b.prom", "c.prom"):
        assert read(os.path.join(folder, name)).endswith("\n# EOF\n"), name
    assert not os.path.islink(os.path.join(folder, "c.prom")), "a link is replaced, not written through"
    for name in names:
        base = sqlite3.connect(os.path.join(folder, name))
        assert base.execute("SELECT sum(complete) FROM run").fetchone() == (1,), name
        base.close()
    assert sorted(os.listdir(folder)) == sorted(
        ["victim", "a.prom.new", "b.prom.new", "a.prom", "b.prom", "c.prom", *names]), os.listdir(folder)
    result = flowctl("--embedded", "-T", "s=0.1", "--output", "openmetrics:a.prom", cwd=folder)
    assert result.status == 1 and "a.prom exists; -o overwrites it" in result.err, result.err


@case
def standard_output():
    """Without a file, JSON goes to standard output, and nothing else does"""
    for arguments in (["--json"], ["--json=-"], ["--output", "json"], ["--output", "json:-"]):
        result = expect(flowctl("--embedded", "-T", "s=0.1", "-i", "0.1", *arguments))
        assert parse(result.out)["end"]["complete"] is True
    result = expect(flowctl("--embedded", "-T", "s=0.1", "-i", "0.1", "--json-stream"))
    assert [parse(line)["type"] for line in result.out.splitlines()][-1] == "end"
    result = expect(flowctl("--embedded", "-T", "s=0.1", "-i", "0.1", "--csv"))
    assert result.out.startswith("run,title,flow,endpoint,seq,begin_seconds,end_seconds,time,")


@case
def rows_come_while_the_run_goes_on():
    """jsonl is written as rows arrive"""
    process = start_flowctl("--embedded", "-T", "s=300", "-i", "0.05", "--json-stream")
    wait_for(lambda: process.out.count('"type":"row"') > 3, 20, "rows")
    process.signal(signal.SIGINT)
    assert process.wait(30) == 130
    end = parse(process.out.splitlines()[-1])
    assert (end["type"], end["complete"], end["status"]) == ("end", False, 130), end


@case
def nothing_is_overwritten():
    """A file that exists is refused, and overwritten with -o; one of a failed run is removed"""
    path = os.path.join(temp_dir(), "a.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write("precious" * 100000)
    result = flowctl("--embedded", "-T", "s=0.1", f"--json={path}")
    assert (result.status, result.out) == (1, "")
    assert result.err == f"flowctl: the output file {path} exists; -o overwrites it\n", result.err
    assert read(path).startswith("precious")
    result = flowctl("-H", "b=127.0.0.1:1", "-o", f"--json={path}")
    assert result.status == 3 and read(path).startswith("precious"), "nothing was measured"
    expect(flowctl("--embedded", "-T", "s=0.1", "-o", f"--json={path}"))
    assert parse(read(path))["end"]["complete"] is True
    gone = os.path.join(temp_dir(), "gone.json")
    assert flowctl("-H", "b=127.0.0.1:1", f"--json={gone}").status == 3 and not os.path.exists(gone)


@case
def refusals():
    """What --output does not take is refused with one sentence"""
    for arguments, sentence in (
            (["--output", "xml"], "option --output: unknown format 'xml'; known formats: "),
            (["--output", "json:"], "option --output: the target of json is empty"),
            (["--json", "--csv"], "option --csv: only one output can go to standard output; "
                                  "name a file for csv"),
            (["--json=/no/such/dir/a"], "the output file /no/such/dir/a can't be written: "
                                        "No such file or directory")):
        result = flowctl("--embedded", *arguments)
        assert (result.status, result.out) == (1, "")
        assert result.err.startswith(f"flowctl: {sentence}") and result.err.count("\n") == 1, result.err


@case
def full_disk():
    """A full disk is one sentence, exit status 2, and the other files are whole"""
    path = os.path.join(temp_dir(), "a.jsonl")
    result = flowctl("--embedded", "-T", "s=0.2", "-i", "0.05", "-q", "--json=/dev/full",
                     f"--json-stream={path}")
    assert result.status == 2, result
    assert result.err.count("flowctl: can't continue to write the output file /dev/full: No space left on "
                            "device; the run continues\n") == 1, result.err
    assert read_lines(path)[-1]["type"] == "end"


@case
def failed_flow():
    """A flow that fails is told in its final record and at the end, and the run is not complete"""
    one, two = Daemon(), Daemon()
    path = os.path.join(temp_dir(), "a.jsonl")
    process = start_flowctl("-H", hosts(one, two), "-T", "s=30", "-i", "0.05", "-q",
                            f"--json-stream={path}")
    wait_for(lambda: os.path.exists(path) and '"type":"row"' in read(path), 20, "rows")
    two.kill_hard()
    assert process.wait(60) == 2
    records = read_lines(path)
    end = records[-1]
    assert end["complete"] is False and end["status"] == 2 and end["total"]["failed"] == 1
    assert "is lost" in end["flows"][0]["errors"]["destination"], end
    assert any("is lost" in r["message"] for r in of_type(records, "event")), records[-5:]
    check = validator()
    for record in records:
        check.validate(record)


@case
def stopped_flow():
    """Who stopped a flow is told in its final record, at the end and in the database"""
    daemon, folder = Daemon(), temp_dir()
    process = start_flowctl("-H", hosts(daemon), "-T", "s=60", "-i", "0.1", "-q", f"--json={folder}/a.json",
                            "--output", f"sqlite:{folder}/a.db")
    wait_for(lambda: any(s["state"] == "started" for s in daemon.rpc().flowd.status({})["sessions"]), 30, "the start")
    expect(flowctl("stop", daemon.control))
    assert process.wait(60) == 2, process.err
    whole = parse(read(f"{folder}/a.json"))
    causes = [final["stopped"] for final in whole["finals"]]
    assert len(causes) == 2 and all("127.0.0.1" in cause for cause in causes), causes
    assert list(whole["end"]["flows"][0]["stopped"].values()) == [
        final["stopped"] for end in ("source", "destination") for final in whole["finals"] if final["endpoint"] == end]
    validator().validate(whole)
    base = sqlite3.connect(f"{folder}/a.db")
    assert sorted(cause for cause, in base.execute("SELECT stopped FROM endpoint")) == sorted(causes)
    base.close()


@case
def hidden_addresses():
    """--hide-addresses: no name or address of a host is left in the files"""
    one, two = Daemon(), Daemon()
    folder = temp_dir()
    expect(flowctl("-H", hosts(one, two), "-T", "s=0.2", "-i", "0.1", "--hide-addresses", "-q",
                   f"--json={folder}/a.json", f"--json-stream={folder}/a.jsonl",
                   f"--csv={folder}/a.csv"))
    name = os.uname().nodename
    for file in ("a.json", "a.jsonl", "a.csv"):
        text = read(os.path.join(folder, file))
        assert "127.0.0.1" not in text and "localhost" not in text, file
        assert not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text), f"{name} is in {file}"
    whole = parse(read(os.path.join(folder, "a.json")))
    assert whole["flows"][0]["source"]["address"].startswith("host-")
    assert "local" not in whole["finals"][0]["info"]
    validator().validate(whole)


@case
def hidden_in_errors():
    """--hide-addresses: nor in the sentence of a flow that failed"""
    need_root()
    daemon, folder = Daemon(), temp_dir()
    subprocess.run(["ip", "addr", "add", "10.99.99.1/32", "dev", "lo"], check=True)
    process = start_flowctl("-H", hosts(daemon, destination_host="10.99.99.1"), "-L", "-Y", "s=3", "-T", "s=1",
                            "--hide-addresses", "-q", f"--json-stream={folder}/a.jsonl", "--output",
                            f"sqlite:{folder}/a.db")
    wait_for(lambda: any(s["state"] == "started" for s in daemon.rpc().flowd.status({})["sessions"]), 30, "the start")
    subprocess.run(["ip", "addr", "del", "10.99.99.1/32", "dev", "lo"], check=True)
    assert process.wait(60) == 2
    base = sqlite3.connect(f"{folder}/a.db")
    errors = [error for error, in base.execute("SELECT error FROM endpoint WHERE side = 'source'")]
    base.close()
    final = [r for r in of_type(read_lines(f"{folder}/a.jsonl"), "final") if r["endpoint"] == "source"][0]
    assert errors == [final["error"]], (errors, final)
    assert re.search(r"can't connect to host-\d:\d+: ", errors[0]), errors


main()
