// SPDX-License-Identifier: GPL-3.0-or-later
/* frame.c - the frame pool and the one change that links make to a packet: the CE mark. */
#include "frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ECN_CE         3

struct frame *frame_get(struct frame_pool *pool)
{
    struct frame *frame = pool->spare;

    if (frame) {
        pool->spare = frame->next;
        return frame;
    }
    frame = malloc(sizeof *frame + pool->room);
    if (!frame) {
        fputs("labwire: out of memory for frames\n", stderr);
        exit(1);
    }
    return frame;
}

struct frame *frame_copy(struct frame_pool *pool, const struct frame *original)
{
    struct frame *copy = frame_get(pool);

    memcpy(copy, original, sizeof *copy + original->length);
    return copy;
}

void frame_put(struct frame_pool *pool, struct frame *frame)
{
    frame->next = pool->spare;
    pool->spare = frame;
}

static unsigned get16(const unsigned char *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* The header checksum is updated in place: HC' = ~(~HC + ~m + m') (RFC 1624, equation 3). */
static bool mark_ipv4(unsigned char *ip)
{
    unsigned before = get16(ip);
    unsigned sum;

    if ((ip[1] & ECN_CE) == 0)
        return false;
    ip[1] |= ECN_CE;
    sum = (~get16(ip + 10) & 0xffff) + (~before & 0xffff) + get16(ip);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    ip[10] = (unsigned char)(~sum >> 8);
    ip[11] = (unsigned char)~sum;
    return true;
}

/* The traffic class straddles the first two bytes; its ECN bits are 5 and 4 of the second (RFC
 * 8200). */
static bool mark_ipv6(unsigned char *ip)
{
    if ((ip[1] & ECN_CE << 4) == 0)
        return false;
    ip[1] |= ECN_CE << 4;
    return true;
}

bool frame_mark_ce(struct frame *frame)
{
    unsigned char *ip = frame->data + ETHERNET_HEADER;
    unsigned type = get16(frame->data + 12);

    if (type == ETHERTYPE_IPV4 && frame->length >= ETHERNET_HEADER + 20)
        return mark_ipv4(ip);
    if (type == ETHERTYPE_IPV6 && frame->length >= ETHERNET_HEADER + 40)
        return mark_ipv6(ip);
    return false;
}
