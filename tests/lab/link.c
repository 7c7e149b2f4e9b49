// SPDX-License-Identifier: GPL-3.0-or-later
/* link.c - what happens to a frame on one direction of a link, in this order: blackout and MTU,
 * loss, queue and rate, random CE mark, delay and jitter, reordering, duplication. */
#include "link.h"

#include <math.h>

#include "frame.h"

#define DEFAULT_LIMIT_NS  100e6
#define DEFAULT_LIMIT_MIN 15000 /* bytes */

const struct link_options link_default_options = {.burst = 1, .rgap = 1000000, .order = true};

void link_init(struct link *link, uint64_t seed)
{
    *link = (struct link){0};
    rng_seed(&link->rng, seed);
    link_configure(link, &link_default_options);
}

static double backlog_bytes(const struct backlog *backlog, double rate)
{
    return backlog->bytes > 0 ? backlog->bytes : (double)backlog->ns * rate / 8e9;
}

/* Losses in bursts follow Gilbert's model with everything lost in the bad state: a burst of mean
 * length b ends with probability 1/b per frame, and begins with the one that makes the long-run
 * share lost come out. */
static void configure_bursts(struct link *link)
{
    double loss = link->options.loss;

    link->burst_end = 1 / link->options.burst;
    link->burst_begin = loss < 1 ? loss * link->burst_end / (1 - loss) : 1;
}

void link_configure(struct link *link, const struct link_options *options)
{
    struct backlog usual = {.ns = DEFAULT_LIMIT_NS};
    bool chosen = options->limit.bytes > 0 || options->limit.ns > 0;

    link->options = *options;
    link->ns_per_byte = options->rate > 0 ? 8e9 / options->rate : 0;
    link->limit_bytes = backlog_bytes(chosen ? &options->limit : &usual, options->rate);
    if (!chosen)
        link->limit_bytes = fmax(link->limit_bytes, DEFAULT_LIMIT_MIN);
    link->ecn_bytes = backlog_bytes(&options->ecn, options->rate);
    configure_bursts(link);
}

static bool chance(struct link *link, double share)
{
    return share > 0 && rng_next(&link->rng) < share;
}

static bool is_blocked(const struct link *link, const struct frame *frame)
{
    unsigned mtu = link->options.mtu;

    return link->options.down || (mtu > 0 && frame->length > mtu + ETHERNET_HEADER);
}

static bool is_lost(struct link *link)
{
    if (link->options.burst <= 1 || link->options.loss <= 0)
        return chance(link, link->options.loss);
    if (link->in_burst)
        link->in_burst = !chance(link, link->burst_end);
    else
        link->in_burst = chance(link, link->burst_begin);
    return link->in_burst;
}

static void mark(struct link *link, struct frame *frame)
{
    if (frame_mark_ce(frame))
        link->stats.marks++;
}

/* Queues a frame behind those that are still being sent and moves free_at to the end of it. False:
 * no room. */
static bool transmit(struct link *link, struct frame *frame, uint64_t now)
{
    double queued = link->free_at > now ? (double)(link->free_at - now) / link->ns_per_byte : 0;
    double took;

    if (queued > link->stats.max_queue)
        link->stats.max_queue = queued;
    if (queued + frame->length > link->limit_bytes)
        return false;
    if (link->ecn_bytes > 0 && queued > link->ecn_bytes)
        mark(link, frame);
    if (link->free_at < now)
        link->free_at = now;
    took = frame->length * link->ns_per_byte + link->free_fraction;
    link->free_at += (uint64_t)took;
    link->free_fraction = took - floor(took);
    return true;
}

static uint64_t jittered(struct link *link, uint64_t sent)
{
    const struct link_options *o = &link->options;
    double delay = (double)o->delay;

    if (o->jitter > 0)
        delay = fmax(0, delay + (2 * rng_next(&link->rng) - 1) * (double)o->jitter);
    if (o->jexp > 0)
        delay -= log(1 - rng_next(&link->rng)) * (double)o->jexp;
    return sent + (uint64_t)delay;
}

static uint64_t propagate(struct link *link, uint64_t sent)
{
    uint64_t out = jittered(link, sent);

    if (link->options.order && out < link->last_out)
        out = link->last_out;
    if (chance(link, link->options.reorder)) {
        link->stats.reordered++;
        return out + link->options.rgap; /* last_out stays, so that later frames overtake */
    }
    link->last_out = out;
    return out;
}

uint64_t link_pass(struct link *link, struct frame *frame, uint64_t now)
{
    link->stats.frames++;
    link->stats.bytes += frame->length;
    if (is_blocked(link, frame)) {
        link->stats.blocked++;
        return LINK_DROPPED;
    }
    if (is_lost(link)) {
        link->stats.losses++;
        return LINK_DROPPED;
    }
    if (link->ns_per_byte > 0) {
        if (!transmit(link, frame, now)) {
            link->stats.queue_drops++;
            return LINK_DROPPED;
        }
        now = link->free_at;
    }
    if (chance(link, link->options.ce))
        mark(link, frame);
    return propagate(link, now);
}

bool link_duplicates(struct link *link)
{
    if (!chance(link, link->options.dup))
        return false;
    link->stats.duplicates++;
    return true;
}
