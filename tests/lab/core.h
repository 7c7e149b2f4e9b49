// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * core.h - hosts behind ports, and the learning switches that join them.
 *
 * A frame crosses its sender's `up` link, the switch of its group, the `path` link of this ordered
 * pair of ports if there is one, and the receiver's `down` link. Ports of different groups never
 * see each other's frames.
 */
#ifndef LAB_CORE_H
#define LAB_CORE_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "fdb.h"
#include "frame.h"
#include "link.h"
#include "queue.h"
#include "watch.h"

#define MAX_PORTS 2048
#define NAME_SIZE 64

struct err;

struct port {
    struct watch watch; /* on the TAP device */
    struct core *core;
    unsigned number;
    unsigned group; /* 1 or more */
    char name[NAME_SIZE], group_name[NAME_SIZE];
    struct link up, down;
    struct link **path; /* by target port; NULL until the first one is made */
    uint64_t received, sent, failed, oversized;
};

/* How long after its time a frame reached its receiver, ns. */
struct lateness {
    uint64_t count, sum, max;
};

struct core {
    int epoll_fd;
    uint64_t seed;
    struct port *port[MAX_PORTS];
    unsigned ports, groups;
    struct frame_pool pool; /* one byte more than the largest frame shows what is too long */
    struct queue queue;
    struct fdb fdb;
    uint64_t events;
    struct lateness lateness;
};

/* `frame_room`: bytes of the largest frame. Owned by the caller; ends the process when memory is
 * out. */
struct core *core_new(int epoll_fd, size_t frame_room, uint64_t seed);
void core_free(struct core *core);

/* Adds a port at a TAP device. Returns 0, or -1 with a sentence. */
int core_add_port(struct core *core, const char *name, const char *netns, const char *device,
                  const char *group, struct err *err);

/* NULL when there is no such port. */
struct port *core_find_port(struct core *core, const char *name);

/* The link from one port to another behind the switch; made at the first call. */
struct link *core_path(struct core *core, struct port *from, const struct port *to);

/* Moves on frames that are due; leaves some for the next call rather than keep new ones waiting. */
void core_run(struct core *core);

/* ns from now until a frame is due, 0 if one is; -1 when none is on its way. */
int64_t core_wait_ns(const struct core *core);

void core_print_stats(const struct core *core, FILE *out);

/* CLOCK_MONOTONIC, ns. */
static inline uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif
