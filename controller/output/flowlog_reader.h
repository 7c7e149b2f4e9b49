/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a flow log line by line (flowlog(5)). Nothing is kept here: a log may be larger than the
 * memory. */
#ifndef FLOWRIG_FLOWLOG_READER_H
#define FLOWRIG_FLOWLOG_READER_H

#include <stddef.h>
#include <stdint.h>

#include "fail.h"
#include "settings.h"

/* Columns of a row that are its key: endpoint, flow, begin, end. */
enum { FLOWLOG_ENDPOINT, FLOWLOG_FLOW, FLOWLOG_BEGIN, FLOWLOG_END, FLOWLOG_KEYS };

/* A flow's number is below this. */
enum { FLOWLOG_FLOWS_MAX = 1000000 };

/* Who hears of the lines, in their order. The words are the reader's, and only valid during the
 * call. Every function is set. */
struct flowlog_visitor {
    void *context;
    /* The columns, once, before the first row; `units` is NULL where the log has none. Returns
     * false and a sentence to end the reading. */
    bool (*columns)(void *context, char **names, char **units, size_t count, struct fail *fail);
    /* A row; `words` has as many words as there are columns. */
    void (*row)(void *context, int64_t flow, enum endpoint endpoint, char **words);
    /* A line that begins with '#' and is neither the columns nor their units, without its end. */
    void (*comment)(void *context, const char *line);
};

/* Reads the whole file. Returns false and a sentence that names the line where it is not a flow
 * log. An incomplete last line is left out: flowctl was killed while it wrote it. */
bool flowlog_read(const char *path, const struct flowlog_visitor *visitor, struct fail *fail);

#endif
