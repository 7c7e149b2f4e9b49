/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes to a STAMP reflector, and to a sender: any bytes, and in authenticated mode extensions
 * behind a head whose HMAC is right. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "controller/stamp/stamp_figures.h"
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

/* What a sender makes of any reply; all requests left at a time that the seeds have. */
static void fuzz_reply(const struct stamp_key *key, const uint8_t *data, size_t size)
{
    struct stamp_figures figures;
    struct stamp_arrived arrived = {.at = UINT64_C(0xe8d4a51000001000), .tos = 3, .ttl = 60};
    size_t head = stamp_size(key);
    if (!stamp_reply_decode(key, data, size, &arrived.reply))
        return;
    if (size > head)
        stamp_tlvs_read(key, arrived.reply.sequence, data + head, size - head, &arrived.class);
    stamp_figures_init(&figures, 2);
    stamp_figures_send(&figures, UINT64_C(0xe8d4a51000000000));
    stamp_figures_send(&figures, arrived.reply.request.sent);
    for (int i = 0; i < 2; i++)
        stamp_figures_take(&figures, &arrived, STAMP_SYNCHRONISED | 1);
    stamp_figures_close(&figures, &arrived.reply);
    struct stamp_lost lost = stamp_figures_lost(&figures);
    FUZZ_CHECK(figures.received <= 1 && lost.all == 2 - (int64_t)figures.received);
    FUZZ_CHECK(lost.there == METRIC_ABSENT || lost.there + lost.back + lost.unknown == lost.all);
    stamp_figures_free(&figures);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
        if (i && size >= STAMP_SIZE_AUTH)
            stamp_hmac(&reflectors[i].key, bytes, STAMP_SIZE_AUTH - STAMP_HMAC_SIZE,
                       bytes + STAMP_SIZE_AUTH - STAMP_HMAC_SIZE);
        fuzz_reply(&reflectors[i].key, bytes, size);
        fuzz_request(&reflectors[i], bytes, size);
        free(bytes);
    }
    return 0;
}
