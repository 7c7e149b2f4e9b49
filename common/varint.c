/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "varint.h"

size_t varint_size(uint64_t number)
{
    size_t bits = 64 - (size_t)__builtin_clzll(number | 1);
    return (bits + 6) / 7;
}

uint8_t *varint_put(uint8_t *at, uint64_t number)
{
    for (; number > 0x7f; number >>= 7)
        *at++ = (uint8_t)(number | 0x80);
    *at++ = (uint8_t)number;
    return at;
}

const uint8_t *varint_get_long(const uint8_t *at, const uint8_t *end, uint64_t *number)
{
    uint64_t value = 0;
    *number = 0;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        uint64_t bits = *at & 0x7f;
        if (shift == 63 && bits > 1)
            return NULL;
        value |= bits << shift;
        if (!(*at++ & 0x80)) {
            *number = value;
            return at;
        }
    }
    return NULL;
}
