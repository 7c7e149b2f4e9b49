/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes to a STAMP reflector, and to a sender: any bytes, and in authenticated mode extensions
 * behind a head whose HMAC is right. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon/stamp/stamp_reflector.h"

static struct stamp_reflector reflectors[2];
static struct quotas quotas;

/* A reply is no longer than its request, is not answered in turn, and can be read. */
static void fuzz_request(struct stamp_reflector *reflector, uint8_t *bytes, size_t size)
{
    static int64_t now;
    struct stamp_answer answer;
    struct stamp_reply reply;
    struct stamp_class class;
    size_t head = stamp_size(&reflector->key);
    struct stamp_datagram datagram = {
        .bytes = bytes,
        .length = size,
        .to_port = 862,
        .to_this_host = true,
        .received = 5 * NS_PER_SEC,
        .tos = 0xb8,
        .ttl = 64,
    };
    address_parse("127.0.0.1", 5000, &datagram.from);
    now += NS_PER_SEC;
    if (stamp_reflect(reflector, &datagram, 0x8001, now, &answer) != STAMP_ANSWERED)
        return;
    FUZZ_CHECK(answer.dscp >= 0 && answer.dscp < 64);
    stamp_reflect_finish(reflector, &answer, 5 * NS_PER_SEC + 1, &datagram);
    FUZZ_CHECK(datagram.length == size);
    FUZZ_CHECK(stamp_reply_decode(&reflector->key, bytes, size, &reply));
    FUZZ_CHECK(stamp_reflect(reflector, &datagram, 0x8001, now, &answer) == STAMP_IS_REPLY);
    if (size > head)
        stamp_tlvs_read(&reflector->key, reply.sequence, bytes + head, size - head, &class);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stamp_reply reply;
    if (!reflectors[0].peers) {
        reflectors[1].key = (struct stamp_key){"sixteen and more", 16};
        for (int i = 0; i < 2; i++) {
            reflectors[i].peers = stamp_peers_new();
            reflectors[i].quotas = &quotas;
        }
    }
    for (int i = 0; i < 2; i++) {
        uint8_t *bytes = malloc(size + 1); /* whose end a sanitizer knows */
        if (!bytes)
            return 0;
        memcpy(bytes, data, size);
        stamp_reply_decode(&reflectors[i].key, data, size, &reply);
        if (i && size >= STAMP_SIZE_AUTH)
            stamp_hmac(&reflectors[i].key, bytes, STAMP_SIZE_AUTH - STAMP_HMAC_SIZE,
                       bytes + STAMP_SIZE_AUTH - STAMP_HMAC_SIZE);
        fuzz_request(&reflectors[i], bytes, size);
        free(bytes);
    }
    return 0;
}
