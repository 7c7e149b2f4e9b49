/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/hoststat_sampler.h"

#include <string.h>
#include <unistd.h>
#include <stdlib.h>

#include "host/hoststat_sample.h"

struct hoststat_sampler {
    int netlink;
    struct hoststat_sample samples[2];
    int newest;
};

struct hoststat_sampler *hoststat_sampler_new(void)
{
    struct hoststat_sampler *sampler = mem_new(1, sizeof *sampler);
    sampler->netlink = hoststat_open_netlink();
    hoststat_read(&sampler->samples[0], sampler->netlink);
    return sampler;
}

void hoststat_sampler_free(struct hoststat_sampler *sampler)
{
    if (!sampler)
        return;
    if (sampler->netlink >= 0)
        close(sampler->netlink);
    free(sampler);
}

/* Ticks become shares of all ticks in ppm; all of them, or none. */
static void find_shares(const int64_t *before, const int64_t *after, int64_t *value)
{
    int64_t total = 0;
    for (int i = 0; i < HOSTSTATS; i++) {
        if (hoststats[i].kind != HOSTSTAT_KIND_SHARE)
            continue;
        if (before[i] == METRIC_ABSENT || after[i] < before[i])
            return; /* the kernel's idle time may go back a little */
        total += after[i] - before[i];
    }
    for (int i = 0; i < HOSTSTATS && total; i++)
        if (hoststats[i].kind == HOSTSTAT_KIND_SHARE)
            value[i] = (int64_t)((__int128)(after[i] - before[i]) * 1000000 / total);
}

static void find_row(const struct hoststat_row *before, const struct hoststat_row *after,
                     struct hoststat_row *row)
{
    hoststat_row_init(row, after->scope, after->object);
    find_shares(before->value, after->value, row->value);
    for (int i = 0; i < HOSTSTATS; i++) {
        if (hoststats[i].kind == HOSTSTAT_KIND_GAUGE)
            row->value[i] = after->value[i];
        else if (hoststats[i].kind == HOSTSTAT_KIND_COUNTER && before->value[i] != METRIC_ABSENT &&
                 after->value[i] >= before->value[i])
            row->value[i] = after->value[i] - before->value[i];
    }
}

static bool is_same(const struct hoststat_object *one, const struct hoststat_object *other)
{
    return one->id == other->id && one->row.scope == other->row.scope &&
           !strcmp(one->row.object, other->row.object);
}

void hoststat_differences(const struct hoststat_sample *before, const struct hoststat_sample *after,
                          void (*give)(void *context, const struct hoststat_row *row),
                          void *context)
{
    for (size_t i = 0; i < after->count; i++) {
        struct hoststat_row row;
        size_t k = i; /* where it was, unless something came or went */
        if (k >= before->count || !is_same(&before->list[k], &after->list[i]))
            for (k = 0; k < before->count && !is_same(&before->list[k], &after->list[i]); k++)
                continue;
        if (k == before->count)
            continue;
        find_row(&before->list[k].row, &after->list[i].row, &row);
        give(context, &row);
    }
}

void hoststat_sampler_step(struct hoststat_sampler *sampler,
                           void (*give)(void *context, const struct hoststat_row *row),
                           void *context)
{
    int newest = 1 - sampler->newest;
    hoststat_read(&sampler->samples[newest], sampler->netlink);
    hoststat_differences(&sampler->samples[sampler->newest], &sampler->samples[newest], give,
                         context);
    sampler->newest = newest;
}
