/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the tracer share; private to them. */
#ifndef FLOWRIG_TRACE_STATE_H
#define FLOWRIG_TRACE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "capture/trace.h"
#include "capture/trace_file.h"
#include "capture/trace_kernel.h"
#include "list.h"
#include "token.h"

enum {
    TRACE_BUCKETS = 1024,
    TRACE_UNCLAIMED_MAX = 4096, /* connections to traced ports that no flow has claimed */
    TRACE_EARLY_MAX = 256,      /* events that are kept of such a one */
};

/* A socket that events are about, by its cookie. */
struct traced {
    struct list link; /* in its bucket */
    uint64_t cookie;
    struct trace *trace; /* NULL: no flow has claimed it yet */
    int64_t seen;        /* when its first event was read, clock_now() */
    struct buffer early; /* its events so far */
};

struct tracer {
    struct dump_dir *dir;
    bool wanted;
    struct trace_kernel *kernel; /* NULL: `why` says why there is none */
    struct fail why;
    pthread_t thread;
    int wake_fd;
    atomic_bool quit;

    pthread_mutex_t lock; /* of what follows */
    struct list mailbox;
    struct list ports; /* struct trace_listener */
    int open;          /* traces: the programs are attached while there are any */

    /* The thread's. */
    struct list traces;
    struct list buckets[TRACE_BUCKETS];
    size_t unclaimed;
    int64_t swept;
};

/* A port that traced destinations listen at. */
struct trace_listener {
    struct list link;
    uint16_t port;
    int references;
};

struct trace {
    struct list link; /* of the tracer's traces */
    struct tracer *owner_of_all;
    struct trace_listener *listener;                               /* NULL: a source */
    void (*ended)(void *owner, const struct trace_result *result); /* with the tracer's lock */
    void *owner;
    int64_t limit;              /* of events, */
    struct trace_socket wanted; /* what the kernel's part is told of its socket */
    struct trace_socket filter; /* and what decides which ones pass */
    char user[TOKEN_NAME_MAX];
    /* The thread's, once there is one. */
    struct trace_file file;
    struct traced *traced;
    bool agreed, over, ending, told;
    int64_t deadline;
    int64_t lost; /* in the kernel, of sockets before this one too */
};

/* What the thread is asked to do; in the order of posting. */
struct trace_mail {
    struct list link;
    void (*run)(struct trace *trace, const struct trace_mail *mail);
    struct trace *trace;
    uint64_t cookie;
    int64_t time;
};

/* Lets the thread look at its mail. */
void tracer_wake(struct tracer *tracer);
/* The thread. */
void *tracer_run(void *tracer);
/* One trace less: the programs, and the port, do not stay for nobody. */
void tracer_unref(struct tracer *tracer, struct trace *trace);
/* Closes the trace's file; what came of those that have not agreed is nobody's. */
void trace_end_file(struct trace *trace);

#endif
