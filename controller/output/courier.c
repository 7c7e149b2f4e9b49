/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/courier.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "log.h"

#define PAUSE_FIRST (NS_PER_SEC / 4)
#define PAUSE_MOST  (4 * NS_PER_SEC)

struct courier {
    struct courier_config config;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list waiting;
    size_t used; /* bytes that wait or are being delivered */
    int64_t lost;
    int64_t deadline;       /* of the end, CLOCK_NEVER during the run */
    struct fail first, why; /* of the first failure, and of the last */
    bool told;              /* the first was said */
};

static void free_parcel(struct parcel *parcel)
{
    buffer_free(&parcel->bytes);
    free(parcel);
}

/* With the lock: waits for a change, or until then. */
static void wait_until(struct courier *courier, int64_t at)
{
    int64_t system = clock_system(at);
    struct timespec until = {system / NS_PER_SEC, system % NS_PER_SEC};
    pthread_cond_timedwait(&courier->changed, &courier->lock, &until);
}

/* With the lock: lets time pass after a failure. The end of the run does not shorten it much. */
static void pause_before_retry(struct courier *courier, int64_t pause)
{
    int64_t until = clock_now() + pause;
    while (clock_now() < clock_earlier(until, courier->deadline))
        wait_until(courier, clock_earlier(until, courier->deadline));
}

static void note_failure(struct courier *courier, const struct fail *why)
{
    courier->why = *why;
    if (!courier->first.text[0])
        courier->first = *why;
}

/* With the lock, which is let go meanwhile: delivers the parcel, or loses it. */
static void deliver(struct courier *courier, struct parcel *parcel)
{
    int64_t pause = PAUSE_FIRST;
    enum delivery end = DELIVERY_RETRY;
    while (end == DELIVERY_RETRY && clock_now() < courier->deadline) {
        struct fail why = {0};
        pthread_mutex_unlock(&courier->lock);
        end = courier->config.deliver(courier->config.context, courier, parcel, &why);
        pthread_mutex_lock(&courier->lock);
        if (end == DELIVERY_DONE)
            continue;
        note_failure(courier, &why);
        if (end == DELIVERY_RETRY)
            pause_before_retry(courier, pause);
        pause = 2 * pause < PAUSE_MOST ? 2 * pause : PAUSE_MOST;
    }
    courier->lost += end == DELIVERY_RETRY     ? parcel->rows
                     : end == DELIVERY_REFUSED ? parcel->lost
                                               : 0;
}

static void *courier_main(void *argument)
{
    struct courier *courier = argument;
    pthread_mutex_lock(&courier->lock);
    while (!list_empty(&courier->waiting) || courier->deadline == CLOCK_NEVER) {
        if (list_empty(&courier->waiting)) {
            pthread_cond_wait(&courier->changed, &courier->lock);
            continue;
        }
        struct parcel *parcel = list_item(courier->waiting.next, struct parcel, link);
        list_remove(&parcel->link);
        deliver(courier, parcel);
        courier->used -= parcel->bytes.length;
        free_parcel(parcel);
    }
    pthread_mutex_unlock(&courier->lock);
    if (courier->config.finish)
        courier->config.finish(courier->config.context);
    return NULL;
}

struct courier *courier_new(const struct courier_config *config)
{
    struct courier *courier = mem_new(1, sizeof *courier);
    pthread_condattr_t attributes;
    courier->config = *config;
    courier->deadline = CLOCK_NEVER;
    list_init(&courier->waiting);
    pthread_mutex_init(&courier->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&courier->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&courier->thread, NULL, courier_main, courier))
        abort();
    return courier;
}

/* In the main thread, whose messages may stand in between others. */
static void tell(struct courier *courier)
{
    pthread_mutex_lock(&courier->lock);
    bool due = courier->first.text[0] && !courier->told;
    courier->told |= due;
    struct fail first = courier->first;
    pthread_mutex_unlock(&courier->lock);
    if (due)
        log_warning("%s: %s; the run continues", courier->config.target, first.text);
}

void courier_send(struct courier *courier, int kind, struct buffer *bytes, int64_t rows)
{
    struct parcel *parcel = mem_new(1, sizeof *parcel);
    *parcel = (struct parcel){.kind = kind, .bytes = *bytes, .rows = rows};
    *bytes = (struct buffer){0};
    pthread_mutex_lock(&courier->lock);
    if (courier->used + parcel->bytes.length > courier->config.room) {
        courier->lost += rows;
        if (!courier->why.text[0])
            note_failure(courier, &(struct fail){.text = "it is too slow"});
        pthread_mutex_unlock(&courier->lock);
        free_parcel(parcel);
    } else {
        courier->used += parcel->bytes.length;
        list_append(&courier->waiting, &parcel->link);
        pthread_cond_signal(&courier->changed);
        pthread_mutex_unlock(&courier->lock);
    }
    tell(courier);
}

int64_t courier_time_left(struct courier *courier, int64_t usual)
{
    int64_t now = clock_now();
    pthread_mutex_lock(&courier->lock);
    int64_t left = courier->deadline == CLOCK_NEVER ? usual : courier->deadline - now;
    pthread_mutex_unlock(&courier->lock);
    return left < 0 ? 0 : left < usual ? left : usual;
}

bool courier_close(struct courier *courier)
{
    pthread_mutex_lock(&courier->lock);
    courier->deadline = clock_now() + courier->config.patience;
    pthread_cond_signal(&courier->changed);
    pthread_mutex_unlock(&courier->lock);
    pthread_join(courier->thread, NULL);
    int64_t lost = courier->lost;
    if (lost)
        log_warning("%" PRId64 " records did not reach %s: %s", lost, courier->config.target,
                    courier->why.text);
    pthread_cond_destroy(&courier->changed);
    pthread_mutex_destroy(&courier->lock);
    free(courier);
    return !lost;
}
