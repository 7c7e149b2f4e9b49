#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes flowrig-1.schema.json: the records of `flowctl --output jsonl`, and the object of json.

    flowctl --json-stream | python3 contrib/schema/make_schema.py > contrib/schema/flowrig-1.schema.json

The metrics of rows and reports come from the columns that the run's first record lists."""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT, COUNT, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "number"}
BYTES = RATE = SECONDS = {"type": "number", "minimum": 0}
ENDPOINT = {"enum": ["source", "destination"]}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$"}


def record(required, **properties):
    return {"type": "object", "required": required, "properties": properties}


def settings():
    return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}


def row(columns, **more):
    """Keys and metrics: what does not exist is left out."""
    metrics = {c["name"]: {"type": c["type"], "description": c["help"]} for c in columns}
    return record(["type", "flow", "endpoint", "seq", "begin_seconds", "end_seconds", "time"],
                  type=TEXT, flow=COUNT, endpoint=ENDPOINT, seq=COUNT, begin_seconds=NUMBER,
                  end_seconds=NUMBER, time=TIME, tx_bits_per_second=RATE, rx_bits_per_second=RATE,
                  **metrics, **more)


def limits():
    """What may limit a flow, as controller/results/limits.def lists it."""
    path = os.path.join(HERE, "..", "..", "controller", "results", "limits.def")
    with open(path, encoding="ascii") as file:
        return re.findall(r"^LIMIT\((\w+),", file.read(), re.M)


def host_figures():
    """Members of a hoststat record, as common/hoststats.def lists them."""
    path = os.path.join(HERE, "..", "..", "common", "hoststats.def")
    figures = {}
    with open(path, encoding="ascii") as file:
        for name, kind, unit, text in re.findall(
                r'^HOSTSTAT\((\w+), \w+, (\w+), (\w+), "[^"]*", "([^"]*)"\)', file.read(), re.M):
            if kind == "SHARE":
                figures[name + "_ratio"] = {"type": "number", "minimum": 0, "maximum": 1,
                                            "description": text}
            else:
                suffix = "_bytes" if unit == "B" and "bytes" not in name else ""
                figures[name + suffix] = {"type": "integer", "minimum": 0, "description": text}
    return figures


def records(columns):
    report = {"info": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}}}
    end = record(["host", "settings"], host=COUNT, address=TEXT, settings=settings())
    direction = record(["sender"], sender=ENDPOINT, goodput_bits_per_second=RATE,
                       received_bytes=BYTES, seconds=SECONDS, volume_seconds=SECONDS, sent_bytes=BYTES,
                       retransmitted_bytes=BYTES, srtt_seconds=SECONDS, min_rtt_seconds=SECONDS,
                       datagrams_sent=COUNT, datagrams_lost=COUNT, datagrams_dropped=COUNT,
                       jitter_seconds=SECONDS, limited_by={"enum": limits()},
                       limits={"type": "object", "propertyNames": {"enum": limits()},
                               "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}},
                       advice=TEXT)
    flow = record(["flow", "directions"], flow=COUNT,
                  directions={"type": "array", "items": direction},
                  errors={"type": "object", "additionalProperties": TEXT},
                  stopped={"type": "object", "additionalProperties": TEXT})
    total = record(["flows", "failed"], flows=COUNT, failed=COUNT, received_bytes=BYTES,
                   goodput_bits_per_second=RATE, flow_minimum_bits_per_second=RATE,
                   flow_median_bits_per_second=RATE, flow_maximum_bits_per_second=RATE,
                   fairness=NUMBER, retransmitted_bytes=BYTES, start_skew_seconds=SECONDS,
                   clock_bound_seconds=SECONDS)
    column = record(["name", "type", "kind", "help"], name=TEXT, unit=TEXT,
                    type={"enum": ["integer", "number", "string"]}, kind=TEXT, help=TEXT)
    bucket = {"type": "array", "prefixItems": [NUMBER, NUMBER, {"type": "integer", "minimum": 1}],
              "minItems": 3, "items": False}
    return {
        "run": record(["type", "schema", "run", "start", "version", "flows", "columns"], type=TEXT,
                      schema={"const": "flowrig/1"}, run={"type": "string", "pattern": "^[0-9a-f]{32}$"},
                      start=TIME, version=TEXT, controller=TEXT, title=TEXT,
                      argv={"type": "array", "items": TEXT}, flows=COUNT,
                      columns={"type": "array", "items": column}),
        "host": record(["type", "host"], type=TEXT, host=COUNT, control=TEXT, name=TEXT, os=TEXT,
                       os_release=TEXT, machine=TEXT, cpus=COUNT, version=TEXT, daemon_id=TEXT,
                       boot_id=TEXT, facts=report["info"]),
        "flow": record(["type", "flow", "mode", "source", "destination", "settings"], type=TEXT,
                       flow=COUNT, mode={"enum": ["stream", "message"]}, source=end,
                       destination=end, settings=settings()),
        "begin": row(columns, **report),
        "row": row(columns),
        "final": row(columns, error=TEXT, stopped=TEXT, **report),
        "hoststat": record(["type", "host", "scope", "seq", "begin_seconds", "end_seconds", "time"],
                           type=TEXT, host=COUNT, scope={"enum": ["host", "interface", "qdisc"]},
                           object=TEXT, seq=COUNT, begin_seconds=NUMBER, end_seconds=NUMBER,
                           time=TIME, **host_figures()),
        "histogram": record(["type", "series", "count", "buckets"], type=TEXT, flow=COUNT,
                            endpoint=ENDPOINT, series=TEXT, count=COUNT,
                            buckets={"type": "array", "items": bucket}),
        "event": record(["type", "event"], type=TEXT, event=TEXT, message=TEXT, flow=COUNT,
                        endpoint=ENDPOINT, series=TEXT, endpoints=COUNT),
        "end": record(["type", "complete"], type=TEXT, complete={"type": "boolean"},
                      status={"type": "integer"}, total=total,
                      flows={"type": "array", "items": flow}),
    }


def schema(columns):
    """The schema as a tree. if/then, not oneOf: what a validator says then names the member."""
    kinds = records(columns)
    listed = {"hosts": "host", "flows": "flow", "rows": "row", "begins": "begin", "finals": "final",
              "histograms": "histogram", "events": "event"}
    document = record(["schema", "run"] + list(listed) + ["end"], schema={"const": "flowrig/1"},
                      run={"$ref": "#/$defs/run"}, end={"$ref": "#/$defs/end"},
                      **{name: {"type": "array", "items": {"$ref": f"#/$defs/{kind}"}}
                         for name, kind in listed.items()},
                      # Only where --host-stats was given.
                      hoststats={"type": "array", "items": {"$ref": "#/$defs/hoststat"}})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:flowrig:schema:1",
        "title": "flowrig results",
        "description": "One record of --output jsonl (it has a type), or the object of --output "
                       "json (it has none). What does not exist is left out. Readers ignore members "
                       "that they do not know; the version changes only where a reader of the old "
                       "one would be wrong. A file without the record 'end' is that of a run that "
                       "was cut off.",
        "type": "object",
        "if": {"required": ["type"]},
        "then": {
            "properties": {"type": {"enum": list(kinds)}},
            "allOf": [{"if": {"properties": {"type": {"const": kind}}},
                       "then": {"$ref": f"#/$defs/{kind}"}} for kind in kinds],
        },
        "else": document,
        "$defs": kinds,
    }


def text(columns):
    return json.dumps(schema(columns), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text(json.loads(sys.stdin.readline())["columns"]))
