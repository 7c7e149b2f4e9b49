/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sinks that write a file share: its opening, a thread that writes, and what is said when
 * writing fails. */
#ifndef FLOWRIG_FILESINK_H
#define FLOWRIG_FILESINK_H

#include "output/sink.h"
#include "output/writer.h"

/* The beginning of such a sink. */
struct filesink {
    struct sink sink;
    int fd;
    const char *kind; /* "log file"; NULL: "output file" */
    char *path;       /* "standard output" where it is that */
    bool is_new;      /* the file was not there before */
    bool regular;     /* it can be cut */
    struct buffer out;
    struct writer *writer;
};

/* Opens TARGET. A file that is there is refused, unless it is to be overwritten or is no regular
 * file, but a device or a FIFO; it is cut by filesink_begin(). */
bool filesink_open(struct filesink *file, const char *target, bool overwrite, struct fail *fail);
/* The run begins: an old file loses its content. */
void filesink_begin(struct filesink *file);
/* Hands what is in `out` to the writer; says once when that fails. */
void filesink_flush(struct sink *sink);
/* Flushes, closes and frees, the sink as well. A new file of a run that never began is removed.
 * Returns false if something is lost. */
bool filesink_close(struct filesink *file, bool used);

#endif
