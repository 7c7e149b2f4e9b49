/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/collector.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"

enum { RINGS_MAX = 1024 };

struct collector {
    void (*take)(void *, const struct ring_entry *, int64_t now);
    int64_t (*idle)(void *, int64_t);
    void *context;
    int wake_fd;
    pthread_t thread;
    atomic_bool quit;
    atomic_int ring_count;
    struct ring *rings[RINGS_MAX];
};

/* Returns whether there was anything. */
static bool drain(struct collector *collector)
{
    bool any = false;
    int64_t now = clock_now();
    int count = atomic_load(&collector->ring_count);
    for (int i = 0; i < count; i++) {
        const struct ring_entry *entry;
        while ((entry = ring_peek(collector->rings[i]))) {
            collector->take(collector->context, entry, now);
            ring_pop(collector->rings[i]);
            any = true;
        }
    }
    return any;
}

static void wait_until(struct collector *collector, int64_t deadline)
{
    struct pollfd wake = {.fd = collector->wake_fd, .events = POLLIN};
    struct timespec left, *timeout = NULL;
    eventfd_t ignored;
    if (deadline != CLOCK_NEVER) {
        int64_t ns = deadline - clock_now();
        ns = ns > 0 ? ns : 0;
        left = (struct timespec){ns / NS_PER_SEC, ns % NS_PER_SEC};
        timeout = &left;
    }
    if (ppoll(&wake, 1, timeout, NULL) > 0)
        eventfd_read(collector->wake_fd, &ignored);
}

static void *collector_main(void *argument)
{
    struct collector *collector = argument;
    pthread_setname_np(pthread_self(), "collector");
    while (!atomic_load(&collector->quit)) {
        drain(collector);
        wait_until(collector, collector->idle(collector->context, clock_now()));
    }
    drain(collector);
    return NULL;
}

struct collector *collector_start(void (*take)(void *, const struct ring_entry *, int64_t now),
                                  int64_t (*idle)(void *, int64_t), void *context,
                                  struct fail *fail)
{
    struct collector *collector = mem_new(1, sizeof *collector);
    collector->take = take;
    collector->idle = idle;
    collector->context = context;
    collector->wake_fd = eventfd(0, EFD_CLOEXEC);
    int error = collector->wake_fd < 0
                    ? errno
                    : pthread_create(&collector->thread, NULL, collector_main, collector);
    if (!error)
        return collector;
    fail_set(fail, 0, "can't start the collector: %s", fail_errno(error));
    if (collector->wake_fd >= 0)
        close(collector->wake_fd);
    free(collector);
    return NULL;
}

void collector_stop(struct collector *collector)
{
    if (!collector)
        return;
    atomic_store(&collector->quit, true);
    collector_wake(collector);
    pthread_join(collector->thread, NULL);
    for (int i = 0; i < atomic_load(&collector->ring_count); i++)
        ring_free(collector->rings[i]);
    close(collector->wake_fd);
    free(collector);
}

struct ring *collector_add_ring(struct collector *collector, int64_t limit)
{
    int count = atomic_load(&collector->ring_count);
    if (count == RINGS_MAX)
        abort();
    struct ring *ring = collector->rings[count] = ring_new(limit);
    atomic_store(&collector->ring_count, count + 1);
    return ring;
}

void collector_wake(struct collector *collector)
{
    eventfd_write(collector->wake_fd, 1);
}
