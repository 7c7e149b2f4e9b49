/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel says of a read besides its data: when it came, how it is to be cut, and the marks
 * of its packets. */
#ifndef FLOWRIG_UDP_MARKS_H
#define FLOWRIG_UDP_MARKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "mem.h"

/* What came with one read. */
struct udp_marks {
    int64_t stamp; /* CLOCK_REALTIME, 0: none */
    size_t segment;
    int16_t tos, ttl; /* -1: unknown */
    uint32_t drops;   /* of the socket so far (SO_RXQ_OVFL) */
};

/* Datagrams that were received with each value of the TOS byte and of the TTL. */
struct udp_seen {
    int64_t tos[256], ttl[256];
};

/* The marks of a message of `length` bytes. */
struct udp_marks udp_marks_read(struct msghdr *message, size_t length);
/* Counts a datagram that came with these marks. */
void udp_marks_count(struct udp_seen *seen, int tos, int ttl);
/* Adds the lines of info.def about them. */
void udp_marks_describe(const struct udp_seen *seen, struct buffer *lines);

#endif
