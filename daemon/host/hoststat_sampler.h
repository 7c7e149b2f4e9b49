/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The figures of the host from one reading to the next, for one run. */
#ifndef FLOWRIG_HOSTSTAT_SAMPLER_H
#define FLOWRIG_HOSTSTAT_SAMPLER_H

#include "hoststats.h"

struct hoststat_sampler;
struct hoststat_sample;

/* A sampler that has read the counters; the caller owns it. */
struct hoststat_sampler *hoststat_sampler_new(void);
void hoststat_sampler_free(struct hoststat_sampler *sampler);

/* Reads the counters again and gives a row for the host and for each interface and queueing
 * discipline that was there before. */
void hoststat_sampler_step(struct hoststat_sampler *sampler,
                           void (*give)(void *context, const struct hoststat_row *row),
                           void *context);

/* The rows between two readings. A counter that went back has no difference, and an object that is
 * new or another one of the same name has no row. */
void hoststat_differences(const struct hoststat_sample *before, const struct hoststat_sample *after,
                          void (*give)(void *context, const struct hoststat_row *row),
                          void *context);

#endif
