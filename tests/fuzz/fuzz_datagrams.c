/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes to a socket of datagrams: control messages, and data whose numbers are any. */
#include "fuzz.h"

#include <string.h>

#include "daemon/flow/datagram_iperf3.h"
#include "daemon/flow/seqtrack.h"

static const uint8_t secret[SECRET_SIZE] = {1}, proof[SECRET_SIZE] = {2};

static void fuzz_control(const struct datagram_keys *keys, const uint8_t *data, size_t size)
{
    struct control control, again;
    uint8_t bytes[CONTROL_SIZE];
    if (control_decode(keys, data, size, &control)) {
        control_encode(keys, &control, bytes);
        FUZZ_CHECK(control_decode(keys, bytes, sizeof bytes, &again));
        FUZZ_CHECK(!memcmp(control.values, again.values, sizeof again.values));
    }
}

/* Each byte moves on, jumps, or goes back; now and then a whole number is taken as it is. */
static void fuzz_numbers(const uint8_t *data, size_t size)
{
    struct seqtrack track = {0};
    uint64_t at = 0;
    for (size_t i = 0; i + 8 < size; i++) {
        struct datagram_header header;
        uint8_t bytes[DATAGRAM_HEADER_SIZE];
        at = data[i] < 240   ? at + data[i] % 5
             : data[i] < 250 ? at - (uint64_t)data[i + 1] * data[i + 2]
                             : get_be64(data + i);
        datagram_header_encode(3, &(struct datagram_header){.sequence = at}, bytes);
        FUZZ_CHECK(datagram_header_decode(3, bytes, sizeof bytes, &header));
        FUZZ_CHECK(header.sequence == at);
        at &= (UINT64_C(1) << 62) - 1;
        seqtrack_take(&track, at, (int64_t)i);
        FUZZ_CHECK((uint64_t)(track.distinct + track.missing) == track.next);
        FUZZ_CHECK(track.received == track.distinct + track.duplicates + track.old);
        FUZZ_CHECK(track.reordered_n <= track.reordered && track.extent_max <= track.distinct);
    }
    struct seqtrack_runs runs = seqtrack_runs(&track, 0);
    FUZZ_CHECK(runs.count >= 0 && runs.longest <= track.missing);
    FUZZ_CHECK((runs.count == 0) == (track.missing == 0));
    seqtrack_free(&track);
}

/* Whatever is decoded is decoded again from what it is encoded to. */
static void fuzz_iperf3(const uint8_t *data, size_t size)
{
    for (int i = 0; size > 8 && i < 4; i++) {
        const struct datagram_format *format = &datagram_formats_iperf3[i / 2][i % 2];
        struct datagram_header header, again;
        uint8_t bytes[DATAGRAM_HEADER_SIZE];
        uint64_t next = get_be64(data) >> 2;
        if (!format->decode(0, next, data + 8, size - 8, &header))
            continue;
        format->encode(0, &header, bytes);
        FUZZ_CHECK(format->decode(0, next, bytes, format->header_size, &again));
        FUZZ_CHECK(again.sequence == header.sequence);
    }
    uint8_t answer[IPERF3_CONNECT_SIZE];
    FUZZ_CHECK(!iperf3_connect_answer(data, size, answer) || size == IPERF3_CONNECT_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct datagram_keys keys;
    struct datagram_header header;
    struct datagram_answer answer;
    if (!keys.tags[0])
        datagram_keys_make(&keys, secret, proof);
    fuzz_control(&keys, data, size);
    datagram_header_decode(keys.tags[SOURCE], data, size, &header);
    datagram_answer_decode(keys.tags[DESTINATION], data, size, &answer);
    fuzz_numbers(data, size);
    fuzz_iperf3(data, size);
    return 0;
}
