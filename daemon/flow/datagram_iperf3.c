/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/datagram_iperf3.h"

#include <string.h>

#include "clock.h"
#include "mem.h"

enum {
    AT_MICROSECONDS = 4,
    AT_NUMBER = 8,
    NARROW_SIZE = 12,
    WIDE_SIZE = 16,
};

/* Numbers beyond are a broken peer's. */
#define NUMBER_LIMIT (UINT64_C(1) << 62)

/* Its own senders make up for a stall of any length. */
#define DEPTH NS_PER_SEC

static void put_time(int64_t time, uint8_t *bytes)
{
    put_be32(bytes, (uint32_t)(time / NS_PER_SEC));
    put_be32(bytes + AT_MICROSECONDS, (uint32_t)(time % NS_PER_SEC / NS_PER_US));
}

static int64_t wall(int64_t time)
{
    return time + clock_wall() - clock_now();
}

static int64_t get_time(const uint8_t *bytes)
{
    return get_be32(bytes) * NS_PER_SEC + get_be32(bytes + AT_MICROSECONDS) * NS_PER_US;
}

static void narrow_encode(uint64_t tag, const struct datagram_header *header, uint8_t *bytes)
{
    (void)tag;
    put_time(header->sent, bytes);
    put_be32(bytes + AT_NUMBER, (uint32_t)(header->sequence + 1));
}

static void wide_encode(uint64_t tag, const struct datagram_header *header, uint8_t *bytes)
{
    (void)tag;
    put_time(header->sent, bytes);
    put_be64(bytes + AT_NUMBER, header->sequence + 1);
}

static void narrow_wall_encode(uint64_t tag, const struct datagram_header *header, uint8_t *bytes)
{
    narrow_encode(tag, header, bytes);
    put_time(wall(header->sent), bytes);
}

static void wide_wall_encode(uint64_t tag, const struct datagram_header *header, uint8_t *bytes)
{
    wide_encode(tag, header, bytes);
    put_time(wall(header->sent), bytes);
}

/* Its number has wrapped where it would lie more than half of all behind. */
static bool narrow_decode(uint64_t tag, uint64_t next, const uint8_t *bytes, size_t size,
                          struct datagram_header *header)
{
    (void)tag;
    if (size < NARROW_SIZE)
        return false;
    int32_t ahead = (int32_t)(get_be32(bytes + AT_NUMBER) - 1 - (uint32_t)next);
    if (ahead < 0 && (uint64_t)(-(int64_t)ahead) > next)
        return false;
    *header = (struct datagram_header){next + (uint64_t)(int64_t)ahead, get_time(bytes), 0, 0};
    return true;
}

static bool wide_decode(uint64_t tag, uint64_t next, const uint8_t *bytes, size_t size,
                        struct datagram_header *header)
{
    (void)tag, (void)next;
    if (size < WIDE_SIZE)
        return false;
    uint64_t number = get_be64(bytes + AT_NUMBER);
    if (!number || number > NUMBER_LIMIT)
        return false;
    *header = (struct datagram_header){number - 1, get_time(bytes), 0, 0};
    return true;
}

const struct datagram_format datagram_formats_iperf3[2][2] = {
    {{NARROW_SIZE, false, DEPTH, narrow_encode, narrow_decode},
     {NARROW_SIZE, false, DEPTH, narrow_wall_encode, narrow_decode}},
    {{WIDE_SIZE, false, DEPTH, wide_encode, wide_decode},
     {WIDE_SIZE, false, DEPTH, wide_wall_encode, wide_decode}},
};

/* What opens a stream and what answers it: of 3.12 and later, by the order of bytes of the client's
 * host, and of those before. */
static const uint8_t openings[][2][IPERF3_CONNECT_SIZE] = {
    {"9876", "6789"},
    {"6789", "9876"},
    {{0x15, 0xcd, 0x5b, 0x07}, {0xb1, 0x68, 0xde, 0x3a}},
    {{0x07, 0x5b, 0xcd, 0x15}, {0x3a, 0xde, 0x68, 0xb1}},
};

bool iperf3_connect_answer(const uint8_t *bytes, size_t size, uint8_t answer[IPERF3_CONNECT_SIZE])
{
    for (size_t i = 0; size == IPERF3_CONNECT_SIZE && i < COUNT(openings); i++) {
        if (memcmp(bytes, openings[i][0], IPERF3_CONNECT_SIZE) != 0)
            continue;
        memcpy(answer, openings[i][1], IPERF3_CONNECT_SIZE);
        return true;
    }
    return false;
}
