/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an endpoint sends of its own accord: the sizes of blocks and of the responses asked for, the
 * gaps between blocks, and a rate that varies. All that is drawn at random is drawn here. */
#ifndef FLOWRIG_TRAFFIC_H
#define FLOWRIG_TRAFFIC_H

#include <stdint.h>

#include "cdf.h"
#include "fifo.h"
#include "settings.h"

/* One block to be sent. */
struct traffic_block {
    uint32_t request_size;  /* bytes, header included */
    uint32_t response_size; /* to ask for, 0 for none */
    int64_t gap;            /* from its send to that of the next, ns */
};

struct draws; /* random numbers, for those endpoints that need any */

struct traffic {
    const struct endpoint_settings *settings;
    struct draws *draws;   /* NULL where nothing is random */
    struct fifo drawn;     /* of struct traffic_block: drawn and not sent */
    int64_t next_rate;     /* when the rate is drawn anew */
    int64_t bytes, blocks; /* that were dropped, where there is a volume */
};

/* The rate is drawn anew so often. */
#define TRAFFIC_RATE_PERIOD (100 * NS_PER_MS)

/* Whether all that the settings need is there: gives false and a sentence where a table of an
 * empirical distribution is missing, or where random numbers are needed but this program was built
 * without GSL. */
bool traffic_check(const struct endpoint_settings *settings, size_t table_count, struct fail *fail);

/* For settings that were checked. What is drawn depends on nothing but the seed, the flow, the
 * endpoint and the settings, which must outlast it, as must the tables. */
void traffic_init(struct traffic *traffic, const struct endpoint_settings *settings,
                  const struct cdf *tables, int64_t seed, int64_t flow, enum endpoint endpoint);
void traffic_free(struct traffic *traffic);

/* The block after the next `index` ones. Blocks stay the same until they are dropped. */
struct traffic_block traffic_peek(struct traffic *traffic, size_t index);
/* Whether the volume (--bytes, --blocks) is complete without that block. */
bool traffic_over(struct traffic *traffic, size_t index);
/* The next block has begun to be sent. */
void traffic_drop(struct traffic *traffic);

/* Whether there is a new rate at `now`: then it is given, in bit/s. The next one is there at
 * `next_rate`. */
bool traffic_new_rate(struct traffic *traffic, int64_t now, int64_t *rate);

/* The largest response that an endpoint with these settings asks for, 0 for none. */
uint32_t traffic_response_limit(const struct endpoint_settings *settings);

#endif
