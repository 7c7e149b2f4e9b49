/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a trace of a flow (flowtrace(5)), event by event. What the events are made of is what the
 * file's own header says. */
#ifndef FLOWRIG_TRACE_READER_H
#define FLOWRIG_TRACE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"

enum { TRACE_FIELDS_MAX = 64, TRACE_NAMES_MAX = 64, TRACE_NAME_MAX = 32, TRACE_TEXT_MAX = 128 };

/* One number of an event. */
struct trace_column {
    char name[TRACE_NAME_MAX], unit[TRACE_NAME_MAX];
    uint16_t at, width; /* bytes */
    double scale;       /* what one step is, in the unit */
    int64_t none;       /* the number that stands for no value; -1: none does */
    uint64_t kinds;     /* a bit for each kind of event that has it */
};

/* The names of numbers; "" has none. */
struct trace_names {
    char list[TRACE_NAMES_MAX][TRACE_NAME_MAX];
};

/* What the header says, and the event that was read. */
struct trace_reader;

/* Opens a file. NULL with a sentence that names it. */
struct trace_reader *trace_reader_open(const char *path, struct fail *fail);
void trace_reader_close(struct trace_reader *reader);

/* The columns, which live as long as the reader, and their number. */
const struct trace_column *trace_reader_columns(const struct trace_reader *reader, size_t *count);
/* The column of that name, or -1. */
int trace_reader_find(const struct trace_reader *reader, const char *name);
/* The start of the run on the clock of the events, or -1: it is not known. */
int64_t trace_reader_start(const struct trace_reader *reader);
/* Events that the trace lacks, or -1: it was not closed, so nobody has counted them. */
int64_t trace_reader_lost(const struct trace_reader *reader);
/* Whose trace it is, such as "flow 0, source, host1". */
void trace_reader_title(const struct trace_reader *reader, char text[TRACE_TEXT_MAX]);

/* Reads the next event: 1, 0 at the end; -1 with a sentence where the file ends within one, or
 * can't be read. */
int trace_reader_next(struct trace_reader *reader, struct fail *fail);
/* A number of the event, as it is in the file, whether it is there or not. */
uint64_t trace_reader_raw(const struct trace_reader *reader, int column);
/* A number of the event, in its unit; false: the event has none. */
bool trace_reader_value(const struct trace_reader *reader, int column, double *value);
/* The name that a number stands for, of the columns kind, ca_state and tcp_state; NULL: none. */
const char *trace_reader_name(const struct trace_reader *reader, int column);

#endif
