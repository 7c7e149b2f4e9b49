/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Delivers the parcels of a run to PostgreSQL, on the courier's thread. Each parcel is a
 * transaction that also notes its number in the run: what is sent again after a broken connection
 * is never there twice. */
#ifndef FLOWRIG_PG_DELIVERY_H
#define FLOWRIG_PG_DELIVERY_H

#include "output/pg_link.h"
#include "protocol.h"

/* Kinds of parcels: statements that make the run, its flows and endpoints, first of all; rows;
 * final rows; other statements. */
enum { PG_BEGIN_RUN, PG_COPY_ROWS, PG_COPY_FINALS, PG_STATEMENTS };

/* Set the first three members before the first parcel; free `endpoint`. */
struct pg_delivery {
    const char *conninfo;
    char run[PROTOCOL_LABEL_MAX]; /* its uuid */
    size_t endpoint_count;
    struct pg_link link;
    int64_t *endpoint; /* ids; NULL: not known yet */
    bool has_tables;
    int64_t parcel; /* the number of the last one */
    const struct parcel *last;
};

/* For the courier; `context` is a struct pg_delivery. */
enum delivery pg_deliver(void *context, struct courier *courier, struct parcel *parcel,
                         struct fail *why);
void pg_deliver_end(void *context);

#endif
