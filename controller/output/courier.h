/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Delivers parcels of rows to a server on a thread of its own, so that a slow or dead one never
 * holds up the run. What waits is bounded: beyond that, and when time is up at the end, parcels
 * are lost, and counted. */
#ifndef FLOWRIG_COURIER_H
#define FLOWRIG_COURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "fail.h"
#include "list.h"
#include "mem.h"

/* What is delivered in one piece. */
struct parcel {
    struct list link;
    int kind; /* whatever the sink makes of it */
    struct buffer bytes;
    int64_t rows;
    int64_t lost; /* of these, those that the server did not take: set by who delivers it */
};

enum delivery {
    DELIVERY_DONE,
    DELIVERY_REFUSED, /* the server will never take this parcel: parcel->lost rows are lost */
    DELIVERY_RETRY,   /* the server is not there, or is busy: once more, later */
};

struct courier;

struct courier_config {
    const char *target; /* for sentences; borrowed */
    size_t room;        /* bytes that may wait */
    int64_t patience;   /* ns: for so long it goes on at the end */
    void *context;
    /* On the courier's thread. Where it is not DELIVERY_DONE, it says why. It takes no longer than
     * courier_time_left(). */
    enum delivery (*deliver)(void *context, struct courier *courier, struct parcel *parcel,
                             struct fail *why);
    /* On that thread, last: what deliver() has opened is closed. NULL: nothing. */
    void (*finish)(void *context);
};

/* One that has nothing to deliver yet. */
struct courier *courier_new(const struct courier_config *config);
/* Takes the content of `bytes`, which is empty afterwards. Where there is no room, the parcel is
 * lost. Also says what went wrong meanwhile, once. */
void courier_send(struct courier *courier, int kind, struct buffer *bytes, int64_t rows);
/* Delivers what waits, for as long as its patience lasts, and frees. Returns false, and says how
 * much, if anything was lost. */
bool courier_close(struct courier *courier);

/* For deliver(): how long it may take, ns; `usual` while the run goes on, less at the end, 0 when
 * time is up. */
int64_t courier_time_left(struct courier *courier, int64_t usual);

#endif
