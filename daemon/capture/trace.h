/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Traces of flows: what the kernel does to a connection's congestion state, event by event
 * (flowtrace(5)). All traces of the daemon share one ring, which one thread empties into a file for
 * each. A source's socket is traced before it connects. The destination's is made by the kernel,
 * which traces each connection to a traced port from the end of its handshake on: destinations that
 * are traced listen at a port of their own. */
#ifndef FLOWRIG_TRACE_H
#define FLOWRIG_TRACE_H

#include "capture/dump_file.h"

struct tracer;
struct trace;

/* The directory is borrowed. Where `wanted`, the kernel's part is loaded; what it lacks is said to
 * who asks for a trace. */
struct tracer *tracer_new(struct dump_dir *dir, bool wanted);
/* Ends what is still being traced. No flow may use its trace any more. */
void tracer_free(struct tracer *tracer);

/* What is to be traced. Strings are copied. */
struct trace_request {
    const char *prefix, *run, *host;
    const char *user; /* that the file is for; "": nobody has to say who they are */
    int64_t flow;
    char endpoint;
    uint16_t port;  /* destination: where it listens */
    int64_t events; /* how many at most; 0: no limit */
    int filter;     /* enum trace_filter_choice */
};

/* Opens a file. NULL with a sentence. The trace goes back with trace_close(). */
struct trace *trace_open(struct tracer *tracer, const struct trace_request *request,
                         struct fail *fail);

/* How a trace ended. */
struct trace_result {
    int64_t events; /* in the file */
    int64_t lost;   /* that are not */
    char note[DUMP_NOTE_MAX];
};

/* Who trace_end() answers to: `ended` is called on the tracer's thread, which holds a lock, unless
 * the owner was taken back with NULL before. */
void trace_set_owner(struct trace *trace,
                     void (*ended)(void *owner, const struct trace_result *result), void *owner);
/* The flow's socket, of TCP: before it connects, or as it was accepted. From its worker; it does
 * not wait. */
void trace_watch(struct trace *trace, int fd);
/* Both ends have agreed to the flow: only now calls find the trace. NULL is allowed. */
void trace_agree(struct trace *trace);
/* The start of the flow's run, clock_now(). NULL is allowed. */
void trace_start(struct trace *trace, int64_t start);
/* The flow's connection is being closed: the trace ends when it is, or after `patience` ns, and the
 * owner is told. From its worker; it does not wait. */
void trace_end(struct trace *trace, int64_t patience);
/* Ends the trace and gives it back; its file is removed where the ends never agreed to the flow.
 * NULL is allowed. */
void trace_close(struct trace *trace);
/* The name of its file, without the directory; it lives as long as the trace. */
const char *trace_name(const struct trace *trace);

#endif
