/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers in bytes at any alignment: `be` in network byte order, `le` with the lowest byte first.
 * Each put returns where the next number goes. */
#ifndef FLOWRIG_PUT_H
#define FLOWRIG_PUT_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t *put_be32(uint8_t *to, uint32_t number)
{
    number = htobe32(number);
    memcpy(to, &number, sizeof number);
    return to + sizeof number;
}

static inline uint8_t *put_be64(uint8_t *to, uint64_t number)
{
    number = htobe64(number);
    memcpy(to, &number, sizeof number);
    return to + sizeof number;
}

static inline uint8_t *put_le32(uint8_t *to, uint32_t number)
{
    number = htole32(number);
    memcpy(to, &number, sizeof number);
    return to + sizeof number;
}

static inline uint16_t get_be16(const uint8_t *from)
{
    uint16_t number;
    memcpy(&number, from, sizeof number);
    return be16toh(number);
}

static inline uint32_t get_be32(const uint8_t *from)
{
    uint32_t number;
    memcpy(&number, from, sizeof number);
    return be32toh(number);
}

static inline uint64_t get_be64(const uint8_t *from)
{
    uint64_t number;
    memcpy(&number, from, sizeof number);
    return be64toh(number);
}

static inline uint32_t get_le32(const uint8_t *from)
{
    uint32_t number;
    memcpy(&number, from, sizeof number);
    return le32toh(number);
}

#endif
