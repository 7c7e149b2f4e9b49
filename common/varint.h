/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers in as few bytes as they need: seven bits in each, the lowest first, and the eighth set in
 * all but the last. */
#ifndef FLOWRIG_VARINT_H
#define FLOWRIG_VARINT_H

#include <stddef.h>
#include <stdint.h>

enum { VARINT_MAX = 10 };

/* Bytes that the number takes, 1 to VARINT_MAX. */
size_t varint_size(uint64_t number);
/* Writes varint_size() bytes; gives where they end. */
uint8_t *varint_put(uint8_t *at, uint64_t number);
/* Reads a number that ends before `end`; gives where it ends, or NULL if it does not, or has more
 * than 64 bits. */
const uint8_t *varint_get_long(const uint8_t *at, const uint8_t *end, uint64_t *number);

/* The same; most numbers have one byte. */
static inline const uint8_t *varint_get(const uint8_t *at, const uint8_t *end, uint64_t *number)
{
    if (at >= end || *at & 0x80)
        return varint_get_long(at, end, number);
    *number = *at;
    return at + 1;
}

#endif
