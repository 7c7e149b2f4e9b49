/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of traces (flowtrace(5)): a header that tells what the events are made of, and of whom;
 * then the events. The header is written twice, at the end with what is known only then. */
#ifndef FLOWRIG_TRACE_FILE_H
#define FLOWRIG_TRACE_FILE_H

#include "capture/dump_file.h"
#include "traceformat.h"

struct trace_file {
    struct dump_file file;
    struct buffer about; /* members of the header that say whose trace it is */
    uint32_t kinds;      /* a bit for each that the kernel can tell */
    int64_t start;       /* of the run, CLOCK_MONOTONIC ns; 0: not known */
};

/* What the header says. Texts may hold anything. */
struct trace_about {
    const char *run, *host;
    int64_t flow;
    char endpoint;
    const char *filter;
    uint32_t kinds;
};

/* Creates the file, which must not be there; no call finds it until it is dump_dir_add()ed. */
bool trace_file_create(struct trace_file *trace, struct dump_dir *dir, const char *name,
                       const struct trace_about *about, struct fail *fail);
/* A file that is full, or a full disk, ends the trace with a note. */
void trace_file_add(struct trace_file *trace, const struct trace_event *event);
/* Writes what waits and the final header, with the number of events that are missing, and closes
 * it. */
void trace_file_close(struct trace_file *trace, int64_t lost);
void trace_file_discard(struct trace_file *trace);

#endif
