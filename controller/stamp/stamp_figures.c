/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stamp/stamp_figures.h"

#include <math.h>
#include <stdlib.h>

#include "mem.h"

enum { JITTER_SHIFT = 4 };

static void times_init(struct stamp_times *times, size_t count)
{
    times->values = mem_new(count, sizeof *times->values);
}

void stamp_figures_init(struct stamp_figures *figures, size_t count)
{
    *figures = (struct stamp_figures){
        .size = count, .highest = -1, .synchronised = true, .ttl_there = -1, .ttl_back = -1};
    figures->own_numbers = true;
    figures->probes = mem_new(count, sizeof *figures->probes);
    times_init(&figures->rtt, count);
    times_init(&figures->there, count);
    times_init(&figures->back, count);
}

void stamp_figures_free(struct stamp_figures *figures)
{
    free(figures->probes);
    free(figures->rtt.values);
    free(figures->there.values);
    free(figures->back.values);
}

void stamp_figures_send(struct stamp_figures *figures, uint64_t sent)
{
    figures->probes[figures->sent++].sent = sent;
}

static void times_add(struct stamp_times *times, int64_t value)
{
    if (times->count)
        times->jitter += llabs(value - times->last) - ((times->jitter + 8) >> JITTER_SHIFT);
    times->last = value;
    times->values[times->count++] = value;
}

/* The reflector's clock in the format of ours. */
static uint64_t time_of(const struct stamp_reply *reply, uint64_t time)
{
    return reply->error & STAMP_PTP ? stamp_time_of_ptp(time) : time;
}

static void take_error(struct stamp_figures *figures, uint16_t own, uint16_t other)
{
    int64_t ours = stamp_error_decode(own), theirs = stamp_error_decode(other);
    /* PTP's time scale differs from UTC by leap seconds, unless it does not. */
    if (!(own & other & STAMP_SYNCHRONISED) || other & STAMP_PTP || ours < 0 || theirs < 0 ||
        theirs > INT64_MAX - ours)
        figures->synchronised = false;
    else if (ours + theirs > figures->error)
        figures->error = ours + theirs;
}

static void take_numbers(struct stamp_figures *figures, const struct stamp_reply *reply)
{
    int64_t had = (int64_t)reply->sequence + 1, number = reply->request.sequence;
    if (number > figures->highest)
        figures->highest = number;
    if (had > figures->had)
        figures->had = had;
    if (reply->sequence != reply->request.sequence)
        figures->counts = true;
    if (reply->sequence > reply->request.sequence)
        figures->own_numbers = false;
}

static void take_marks(struct stamp_figures *figures, const struct stamp_arrived *arrived)
{
    if (arrived->class.known) {
        figures->dscp_there[arrived->class.dscp]++;
        figures->ecn_there[arrived->class.ecn]++;
        figures->refused += arrived->class.refused;
    }
    if (arrived->tos >= 0) {
        figures->dscp_back[arrived->tos >> 2 & 63]++;
        figures->ecn_back[arrived->tos & 3]++;
    }
    figures->ttl_there = arrived->reply.ttl ? arrived->reply.ttl : -1;
    figures->ttl_back = arrived->ttl;
}

void stamp_figures_take(struct stamp_figures *figures, const struct stamp_arrived *arrived,
                        uint16_t own)
{
    const struct stamp_reply *reply = &arrived->reply;
    uint32_t number = reply->request.sequence;
    struct stamp_probe *probe = number < figures->sent ? &figures->probes[number] : NULL;
    if (!probe || probe->sent != reply->request.sent) {
        figures->wrong++;
        return;
    }
    if (probe->answered) {
        figures->duplicates++;
        return;
    }
    int64_t whole = stamp_elapsed(probe->sent, arrived->at);
    uint64_t received = time_of(reply, reply->received), sent = time_of(reply, reply->sent);
    int64_t held = stamp_elapsed(received, sent);
    if (whole > STAMP_LATE) {
        figures->late++;
        return;
    }
    if (held < 0 || held > whole) {
        figures->wrong++;
        return;
    }
    probe->answered = true;
    figures->received++;
    take_numbers(figures, reply);
    take_error(figures, own, reply->error);
    take_marks(figures, arrived);
    times_add(&figures->rtt, whole - held);
    times_add(&figures->there, stamp_elapsed(probe->sent, received));
    times_add(&figures->back, stamp_elapsed(sent, arrived->at));
}

void stamp_figures_close(struct stamp_figures *figures, const struct stamp_reply *reply)
{
    if (reply->sequence == reply->request.sequence)
        return;
    figures->counts = true;
    if (reply->sequence > figures->sent)
        figures->own_numbers = false;
    else
        figures->had = reply->sequence; /* before this one */
    figures->highest = (int64_t)figures->sent - 1;
}

struct stamp_lost stamp_figures_lost(const struct stamp_figures *figures)
{
    struct stamp_lost lost = {
        .all = (int64_t)(figures->sent - figures->received),
        .there = METRIC_ABSENT,
        .back = METRIC_ABSENT,
        .unknown = METRIC_ABSENT,
    };
    if (!lost.all) {
        lost.there = lost.back = lost.unknown = 0;
        return lost;
    }
    int64_t there = figures->highest + 1 - figures->had;
    int64_t back = figures->had - (int64_t)figures->received;
    if (!figures->counts || !figures->own_numbers || there < 0 || back < 0)
        return lost;
    lost.there = there;
    lost.back = back;
    lost.unknown = lost.all - there - back;
    return lost;
}

/* ---- times */

static int compare(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

int64_t stamp_times_at(struct stamp_times *times, double share)
{
    if (!times->count)
        return METRIC_ABSENT;
    qsort(times->values, times->count, sizeof *times->values, compare);
    double rank = ceil(share * (double)times->count);
    size_t index = rank < 1 ? 0 : (size_t)rank - 1;
    return times->values[index < times->count ? index : times->count - 1];
}

int64_t stamp_times_mean(const struct stamp_times *times)
{
    long double sum = 0;
    for (size_t i = 0; i < times->count; i++)
        sum += times->values[i];
    return times->count ? (int64_t)llroundl(sum / times->count) : METRIC_ABSENT;
}

int64_t stamp_times_jitter(const struct stamp_times *times)
{
    return times->count < 2 ? METRIC_ABSENT : times->jitter >> JITTER_SHIFT;
}
