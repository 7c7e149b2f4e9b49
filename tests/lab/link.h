// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * link.h - one direction of an emulated link.
 *
 * It reads no clock and no global random source: time is an argument, and the seed is given, so the
 * same frames at the same times meet the same fate whatever else the emulator carries.
 */
#ifndef LAB_LINK_H
#define LAB_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "rng.h"

struct frame;

/* An amount of queued data: bytes, or, where bytes is 0, what the link sends in that time. */
struct backlog {
    double bytes;
    uint64_t ns;
};

/* What the options say (linkopt.h). Times are in ns, shares between 0 and 1; 0 switches a feature
 * off. */
struct link_options {
    double rate; /* bit/s of Ethernet frames, header included */
    uint64_t delay;
    uint64_t jitter;      /* uniform within +-jitter, but the delay never falls below 0 */
    uint64_t jexp;        /* mean of an exponential addition to the delay */
    uint64_t rgap;        /* how much later a reordered frame comes */
    double loss, burst;   /* share of the frames lost; mean number lost in a row, 1 or more */
    double dup, reorder;  /* share sent twice; share held back by rgap */
    double ce;            /* share marked CE */
    struct backlog limit; /* tail drop; all 0: 100 ms of data, or ten full frames if that is more */
    struct backlog ecn;   /* CE mark on what arrives while more than this is queued */
    unsigned mtu;         /* larger IP packets vanish; bytes without the Ethernet header */
    bool order;           /* jitter delays frames, but does not let one overtake another */
    bool down;            /* blackout */
};

struct link_stats {
    uint64_t frames, bytes; /* all that came, lost ones included */
    uint64_t queue_drops, losses, blocked, marks, reordered, duplicates;
    double max_queue; /* bytes */
};

struct link {
    struct link_options options; /* change through link_configure() */
    struct link_stats stats;
    /* derived from the options */
    double ns_per_byte, limit_bytes, ecn_bytes; /* 0: none */
    double burst_begin, burst_end;              /* chance, per frame */
    /* where the link stands */
    struct rng rng;
    bool in_burst;
    uint64_t free_at;     /* ns: the sender has then sent all that is queued */
    double free_fraction; /* of a nanosecond that free_at cannot hold */
    uint64_t last_out;    /* ns: when the last frame in order leaves */
};

#define LINK_DROPPED UINT64_MAX

extern const struct link_options link_default_options;

/* An ideal link: nothing lost, no delay, no limit. */
void link_init(struct link *link, uint64_t seed);

/* New options for what is still to come; frames on their way keep the time they were given. */
void link_configure(struct link *link, const struct link_options *options);

/* Sends a frame into the link at time `now` (ns). Returns when it comes out, or LINK_DROPPED;
 * may set the CE mark in it. */
uint64_t link_pass(struct link *link, struct frame *frame, uint64_t now);

/* Asked once about each frame that link_pass() let through: does a copy leave with it? */
bool link_duplicates(struct link *link);

#endif
