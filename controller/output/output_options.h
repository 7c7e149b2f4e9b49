/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the command line asks of the sinks: the columns of the screen, and where results go. */
#ifndef FLOWRIG_OUTPUT_OPTIONS_H
#define FLOWRIG_OUTPUT_OPTIONS_H

#include <stdbool.h>

#include "fail.h"
#include "metrics.h"
#include "option.h"

enum { COLUMNS_MAX = 256, OUTPUTS_MAX = 16, OUTPUT_TITLE_MAX = 200 };

struct log_replay;
struct output_format;

/* What the screen looks like. */
enum screen_style {
    STYLE_AUTO,      /* a table on a terminal, unless columns are asked for */
    STYLE_FLOWGRIND, /* flowgrind's rows and summary, to the last character */
    STYLE_TABLE,
};

enum summary_form {
    SUMMARY_DEFAULT, /* that of the style */
    SUMMARY_FULL,    /* flowgrind's two lines a flow */
    SUMMARY_TABLE,
    SUMMARY_TOTAL, /* what holds of all flows, and failures */
};

/* One --output. */
struct output_request {
    const struct output_format *format;
    const char *target; /* NULL: the format's default */
};

struct output_options {
    const struct column *columns[COLUMNS_MAX]; /* to be shown, in the order of metrics.def */
    size_t column_count;
    bool columns_given;                         /* -c */
    bool show_interval;                         /* begin and end */
    bool megabytes;                             /* -m */
    bool numbers;                               /* -p: no symbolic values */
    bool bytes;                                 /* -s byte: windows in bytes */
    bool quiet;                                 /* -q */
    bool histogram;                             /* --histogram */
    bool log;                                   /* -w */
    const char *log_file;                       /* NULL: named by time and run */
    bool overwrite;                             /* -o */
    const struct log_replay *continued_log;     /* not NULL: the log goes on after what this has */
    struct output_request outputs[OUTPUTS_MAX]; /* --output */
    size_t output_count;
    enum screen_style style;
    enum summary_form summary;
    bool live;           /* --live: a full-screen view instead of rows */
    bool takes_stdout;   /* one of them is written to standard output */
    bool hide_addresses; /* --hide-addresses */
    bool host_stats;     /* --host-stats */
    const char *title;   /* --title, NULL without */
};

/* Adds the columns of -c: groups or single columns, separated by commas. Returns false with a
 * sentence at the first that does not exist. */
bool output_choose_columns(struct output_options *options, const char *list, struct fail *fail);
/* What the flows of a run have that columns show. */
struct output_content {
    bool streams, datagrams, round_trips, delays;
};

/* Where no column was asked for, chooses flowgrind's for streams, those of UDP for datagrams, and
 * those of blocks' round-trip times and one-way delays if there are any; then sorts them. */
void output_default_columns(struct output_options *options, const struct output_content *content);
/* -s: "segment" or "byte". Returns false with a sentence for anything else. */
bool output_choose_windows(struct output_options *options, const char *unit, struct fail *fail);

/* The options about screen and files. */
enum output_option {
    OUTPUT_OPTION_CSV,
    OUTPUT_OPTION_HIDE_ADDRESSES,
    OUTPUT_OPTION_HOST_STATS,
    OUTPUT_OPTION_JSON,
    OUTPUT_OPTION_JSON_STREAM,
    OUTPUT_OPTION_LIVE,
    OUTPUT_OPTION_OUTPUT,
    OUTPUT_OPTION_STYLE,
    OUTPUT_OPTION_SUMMARY,
    OUTPUT_OPTION_TITLE,
    OUTPUT_OPTIONS
};

/* Appends their rows for option_parse() at `specs`, under the heading `group`; the id of a row is
 * `base` and one of these. Returns how many. */
size_t output_options_specs(struct option_spec *specs, int base, const char *group);

/* Takes one of them. Returns false with a sentence where it makes no sense. */
bool output_take_option(struct output_options *options, enum output_option id, const char *value,
                        struct fail *fail);

/* Finds out whether the log goes to standard output, after all options. Returns false with a
 * sentence if something else does as well. */
bool output_place_log(struct output_options *options, struct fail *fail);

/* Whether the screen is a table. */
bool output_wants_table(const struct output_options *options);

#endif
