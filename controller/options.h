/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of flowctl: settings per flow, and what shall be shown and written. */
#ifndef FLOWRIG_OPTIONS_H
#define FLOWRIG_OPTIONS_H

#include "clocksync.h"
#include "access.h"
#include "metrics.h"
#include "plan.h"

enum { COLUMNS_MAX = 256 };

enum help_topic { HELP_NONE, HELP_GENERAL, HELP_SOCKET, HELP_TRAFFIC };

struct log_replay;

struct run_options {
    struct plan *plan;                         /* owned */
    const struct column *columns[COLUMNS_MAX]; /* to be shown, in the order of metrics.def */
    size_t column_count;
    bool show_interval;                     /* begin and end */
    bool megabytes;                         /* -m */
    bool numbers;                           /* -p: no symbolic values */
    bool bytes;                             /* -s byte: windows in bytes */
    bool quiet;                             /* -q */
    bool histogram;                         /* --histogram */
    bool log;                               /* -w */
    const char *log_file;                   /* NULL: named by the time */
    bool overwrite;                         /* -o */
    const struct log_replay *continued_log; /* not NULL: the log goes on after what this has */
    int verbosity;                          /* how often -d was given */
    bool dry_run, embedded;
    enum clock_mode clock; /* --clock */
    int64_t start_at;      /* --start-at, ns since 1970; 0: as soon as the flows are ready */
    struct access_options access;
    int argc; /* what was read ... */
    char **argv;
    int64_t read_at; /* ... and when, ns since 1970 */
    enum help_topic help;
    bool version;
};

/* Reads argv[1..]; gives false and a sentence where something is wrong. The plan is there unless
 * help or the version was asked for. `now` is the present, ns since 1970; who reads the options of
 * a run again gives what it was then. */
bool options_read(int argc, char **argv, int64_t now, struct run_options *options,
                  struct fail *fail);
void options_free(struct run_options *options);

void options_help(enum help_topic topic);

#endif
