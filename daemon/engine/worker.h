/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker: one thread with its own epoll instance, timers and flows. Everything that happens to
 * a flow happens on its worker; others post commands to its mailbox, and what it has to tell goes
 * to the collector through a ring. */
#ifndef FLOWRIG_WORKER_H
#define FLOWRIG_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>

#include "fail.h"
#include "engine/payload.h"
#include "engine/ring.h"
#include "list.h"
#include "settings.h"
#include "engine/timer.h"

struct collector;
struct worker;

/* A descriptor that a worker watches; lies in whatever it belongs to. Edge-triggered. */
struct watch {
    void (*ready)(struct watch *watch, uint32_t events);
};

/* The head of something that is freed at the end of the turn. */
struct deferred_free {
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

/* What a module keeps for each worker: static, its address is the key. */
struct worker_local {
    size_t size;
    void (*init)(void *data, struct worker *worker); /* of zeros; NULL: nothing to do */
};

enum {
    WORKER_LOCALS_MAX = 8,             /* kinds of struct worker_local */
    WORKER_SCRATCH_SIZE = 4096 * 1024, /* what is read goes here */
    WORKER_READ_SIZE = 512 * 1024,     /* read at once where the content is looked at */
    WORKER_BLOCK_SIZE = 64 * 1024,     /* blocks up to this size are sent in one piece */
};

struct worker {
    int index;
    int64_t now; /* CLOCK_MONOTONIC, renewed before each thing that takes long */
    struct timers timers;
    struct ring *ring;
    struct collector *collector;
    uint8_t *scratch;       /* WORKER_SCRATCH_SIZE, of which what is thrown away takes no memory */
    struct payload payload; /* what it sends; made by its thread */
    const uint8_t *numbers; /* payload_numbers() */
    uint8_t *block;         /* WORKER_BLOCK_SIZE: room for a header, and zeros */
    int pipe[2];            /* zeros on their way into sockets */
    size_t pipe_fill;
    atomic_int endpoint_count[ENDPOINTS]; /* sources and destinations that were given to it */
    /* The rest is the loop's own. */
    pthread_t thread;
    int cpu;     /* -1: any */
    sem_t ready; /* posted by the thread when its payload is made, or not: `error` */
    int error;
    int epoll, timer_fd, wake_fd;
    int64_t armed;  /* what timer_fd is set to */
    int64_t polled; /* when events were asked for */
    struct list runnable;
    struct list deferred; /* what this turn's events may still point to */
    bool told;            /* something was pushed into the ring */
    bool quit;
    struct {
        const struct worker_local *kind;
        void *data;
    } locals[WORKER_LOCALS_MAX];
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

/* PAYLOAD_SIZE bytes of payload for a block's byte `at` and those after it: zeros, or the
 * lowest eight bits of each byte's place in the block. */
static inline const uint8_t *worker_payload(const struct worker *worker, bool numbered, size_t at)
{
    return numbered ? worker->numbers + at % PAYLOAD_NUMBERS_PERIOD : worker->payload.zeros;
}

/* Watches `fd` for input, output and the end of the connection. */
bool worker_watch(struct worker *worker, struct watch *watch, int fd);
void worker_unwatch(struct worker *worker, int fd);
void worker_queue(struct worker *worker, struct task *task);
/* free()s what begins with `head` at the end of the turn: an event of this turn may still be about
 * it. */
void worker_free_later(struct worker *worker, struct deferred_free *head);
/* The worker's data of a kind, made at its first use and freed with the worker. Also for others
 * while the thread does not run. */
void *worker_local(struct worker *worker, const struct worker_local *kind);
/* Reads the clock into worker->now. */
void worker_update_now(struct worker *worker);
/* ring_reserve() and ring_push() that also wake the collector at the end of the turn. */
struct ring_entry *worker_reserve(struct worker *worker, enum ring_type type, size_t size);
void worker_push(struct worker *worker);

#endif
