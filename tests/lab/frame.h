// SPDX-License-Identifier: GPL-3.0-or-later
/* frame.h - Ethernet frames on their way through the emulator, and the pool they live in. */
#ifndef LAB_FRAME_H
#define LAB_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ETHERNET_HEADER 14

/* Where a frame stands between two links; see core.c. */
enum stage { AT_SENDER, AT_SWITCH, AT_EGRESS, AT_RECEIVER };

struct frame {
    uint64_t due;       /* ns, CLOCK_MONOTONIC: when it reaches `stage` */
    struct frame *next; /* in the pool's list of spare frames */
    uint32_t length;    /* bytes, Ethernet header included, FCS not */
    uint16_t source;    /* port numbers */
    uint16_t target;
    enum stage stage;
    unsigned char data[];
};

struct frame_pool {
    struct frame *spare;
    size_t room; /* bytes of data that each frame can hold */
};

/* A frame with undefined contents, owned by the caller until frame_put(). Ends the process when
 * memory is out. */
struct frame *frame_get(struct frame_pool *pool);
struct frame *frame_copy(struct frame_pool *pool, const struct frame *original);
void frame_put(struct frame_pool *pool, struct frame *frame);

/* Sets Congestion Experienced (RFC 3168) in an IPv4 or IPv6 packet. False: the sender is not
 * ECN-capable, or the frame carries something else; it is left as it was. */
bool frame_mark_ce(struct frame *frame);

#endif
