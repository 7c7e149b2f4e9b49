/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the file of a run, whichever it is: a flow log (flowlog(5)), the records of --output=jsonl,
 * or a database of --output=sqlite. Nothing is kept here: a file may be larger than the memory. */
#ifndef FLOWRIG_RUN_READER_H
#define FLOWRIG_RUN_READER_H

#include <jansson.h>

#include "metrics.h"
#include "output/flowlog_reader.h"

/* A row of a file with records; what the file does not have is METRIC_ABSENT. */
struct run_row {
    int64_t flow;
    enum endpoint endpoint;
    int64_t begin, end; /* ns after the run's start */
    int64_t values[METRICS];
};

/* Who hears of it, in the file's order. Every function is set, but `row` may be NULL: then the rows
 * of files with records are skipped. */
struct run_visitor {
    struct flowlog_visitor log; /* columns: of every file; row and comment: of a flow log */
    void (*row)(void *context, const struct run_row *row);
    /* A record but a row, as flowrig's JSON schema has it; it is the reader's. */
    void (*record)(void *context, const json_t *record);
};

/* Reads the file. A database holds several runs: "FILE:RUN" is the one whose id begins with RUN, or
 * whose number in the database is RUN, and FILE alone the last one. Returns false and a sentence
 * where it is not one of these, or is not well-formed. */
bool run_read(const char *path, const struct run_visitor *visitor, struct fail *fail);

/* The parts of run_read(), each in a file of its own. */
bool records_read(const char *path, const struct run_visitor *visitor, struct fail *fail);
bool database_read(const char *path, const char *run, const struct run_visitor *visitor,
                   struct fail *fail);
/* Tells the visitor of the columns that a flow log has. */
bool run_reader_columns(const struct run_visitor *visitor, struct fail *fail);

#endif
