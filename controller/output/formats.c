/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/formats.h"

#include <string.h>

#include "mem.h"
#include "option.h"
#include "output/sink.h"

const struct output_format output_formats[] = {
    {"json", &sink_json, 0, "[FILE]",
     "one JSON object: the run, hosts, flows with their settings, rows, final reports, summary"},
    {"jsonl", &sink_jsonl, 0, "[FILE]",
     "the same as JSON records, one per line, each written as soon as it is known"},
    {"csv", &sink_csv, 0, "[FILE]",
     "interval rows as a table: one line of names, then one line for each row"},
    {"host-csv", &sink_host_csv, 0, "[FILE]",
     "the rows of --host-stats as a table: one line for each host, interface and queueing "
     "discipline in each interval"},
    {"influx", &sink_influx, 0, "[FILE]|http://HOST:PORT/[PATH]?QUERY",
     "interval rows in InfluxDB's line protocol; to a server if the target is a URL, such as "
     "http://localhost:8086?db=lab"},
    {"openmetrics", &sink_openmetrics, 0, "[FILE]",
     "the totals of the run and of each flow, once it is over, for Prometheus"},
    {"postgresql", &sink_postgresql, 1, "CONNINFO",
     "a PostgreSQL database of runs, to which this one is appended, such as dbname=lab"},
    {"sqlite", &sink_sqlite, 1, "FILE",
     "an SQLite database of runs, to which this one is appended"},
};
const size_t output_formats_count = COUNT(output_formats);

const struct output_format *output_format_find(const char *name, size_t length)
{
    for (size_t i = 0; i < output_formats_count; i++)
        if (strlen(output_formats[i].name) == length &&
            !strncmp(output_formats[i].name, name, length))
            return &output_formats[i];
    return NULL;
}

void output_formats_help(FILE *out)
{
    enum { INDENT = 22 };
    fprintf(out,
            "--output FORMAT[:TARGET] writes the results to a file, and may be repeated. FILE\n"
            "may be - for standard output (the default), where nothing else is written then.\n"
            "An existing file is refused, unless -o is given.\n\n");
    for (size_t i = 0; i < output_formats_count; i++) {
        const struct output_format *format = &output_formats[i];
        int column =
            fprintf(out, "  %s%s%s", format->name,
                    format->needs_target ? ":" : "[:", format->target + !format->needs_target);
        fprintf(out, "%*s", column < INDENT ? INDENT - column : 1, "");
        option_wrap(out, format->help, INDENT, column < INDENT ? INDENT : column + 1);
    }
    fprintf(out,
            "\nNames, units and records are the same in all formats; contrib/schema has a JSON\n"
            "schema. For details see OUTPUT FILES in flowctl(1).\n");
}
