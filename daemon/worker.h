/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker: one thread with its own epoll instance, timers and flows. Everything that happens to
 * a flow happens on its worker; others post commands to its mailbox, and what it has to tell goes
 * to the collector through a ring. */
#ifndef FLOWRIG_WORKER_H
#define FLOWRIG_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "fail.h"
#include "list.h"
#include "mtucache.h"
#include "ring.h"
#include "settings.h"
#include "timer.h"

struct collector;
struct worker;

/* A descriptor that a worker watches; lies in whatever it belongs to. Edge-triggered. */
struct watch {
    void (*ready)(struct watch *watch, uint32_t events);
};

/* The head of something that is freed at the end of the turn. */
struct grave {
    struct list link;
};

/* Something with more to do than one turn allowed: it is called again, after the others. */
struct task {
    struct list link; /* in the worker's queue, or empty */
    void (*run)(struct task *task);
};

/* What others want of a worker. `run` is called once on the worker's thread, in the order of
 * posting, and frees it. */
struct command {
    struct list link;
    void (*run)(struct worker *worker, struct command *command);
};

enum {
    WORKER_SCRATCH_SIZE = 4096 * 1024, /* what is read goes here */
    WORKER_READ_SIZE = 512 * 1024,     /* read at once where the content is looked at */
    WORKER_ZEROS_SIZE = 1024 * 1024,   /* what is sent comes from here */
    WORKER_NUMBERS_PERIOD = 256,
    WORKER_BLOCK_SIZE = 64 * 1024, /* blocks up to this size are sent in one piece */
};

struct worker {
    int index;
    int64_t now; /* CLOCK_MONOTONIC, renewed before each thing that takes long */
    struct timers timers;
    struct ring *ring;
    struct collector *collector;
    uint8_t *scratch;       /* WORKER_SCRATCH_SIZE, of which what is thrown away takes no memory */
    const uint8_t *zeros;   /* WORKER_ZEROS_SIZE, shared by all workers */
    const uint8_t *numbers; /* as many bytes and 256 more, each one above the one before */
    uint8_t *block;         /* WORKER_BLOCK_SIZE: room for a header, and zeros */
    int reservoir[2];       /* a pipe full of the same, to be copied by tee() */
    int pipe[2];            /* zeros on their way into sockets */
    size_t pipe_fill;
    struct list connecting_queue; /* source flows that wait for their turn to connect */
    int connecting;               /* that are at it */
    struct task connect_task;     /* lets the next ones connect */
    struct list visitors;         /* accepted connections without a flow (listener.c) */
    struct mtucache mtus;
    atomic_int carried[ENDPOINTS]; /* sources and destinations that were given to it */
    /* The rest is the loop's own. */
    pthread_t thread;
    int cpu; /* -1: any */
    int epoll, timer_fd, wake_fd;
    int64_t armed;  /* what timer_fd is set to */
    int64_t polled; /* when events were asked for */
    struct list runnable;
    struct list graveyard; /* what this turn's events may still point to */
    bool told;             /* something was pushed into the ring */
    bool quit;
    pthread_mutex_t lock; /* of the mailbox */
    struct list mailbox;
};

/* Starts worker `index`, on CPU `cpu` only unless that is -1. */
struct worker *worker_start(int index, int cpu, struct collector *collector, struct fail *fail);
/* Ends the thread; the worker stays readable until worker_free(). */
void worker_stop(struct worker *worker);
void worker_free(struct worker *worker);

/* From any thread. */
void worker_post(struct worker *worker, struct command *command);

/* The rest is for the worker's own thread. */

/* WORKER_ZEROS_SIZE bytes of payload for a block's byte `at` and those behind it: zeros, or the
 * lowest eight bits of each byte's place in the block. */
static inline const uint8_t *worker_payload(const struct worker *worker, bool numbered, size_t at)
{
    return numbered ? worker->numbers + at % WORKER_NUMBERS_PERIOD : worker->zeros;
}

/* Watches `fd` for input, output and the end of the connection. */
bool worker_watch(struct worker *worker, struct watch *watch, int fd);
void worker_unwatch(struct worker *worker, int fd);
void worker_queue(struct worker *worker, struct task *task);
/* free()s what begins with `grave` at the end of the turn: an event of this turn may still be about
 * it. */
void worker_bury(struct worker *worker, struct grave *grave);
/* Reads the clock into worker->now. */
void worker_clock(struct worker *worker);
/* ring_reserve() and ring_push() that also wake the collector at the end of the turn. */
struct ring_entry *worker_reserve(struct worker *worker, enum ring_type type, size_t size);
void worker_push(struct worker *worker);

#endif
