/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stamp.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "clock.h"
#include "put.h"
#include "secret.h"
#include "token.h"

/* From NTP's epoch (1900) to that of Unix (1970). */
#define NTP_TO_UNIX INT64_C(2208988800)

enum { SHA256_SIZE = 32, SCALE_SHIFT = 8, SCALE_MAX = 63, MULTIPLIER_MAX = 255 };

/* Where fields are (RFC 8762, 4.2 and 4.3). */
struct layout {
    size_t size, sent, error, session, received;
    size_t sender_sequence, sender_sent, sender_error, ttl, hmac;
};

static const struct layout plain = {STAMP_SIZE, 4, 12, 14, 16, 24, 28, 36, 40, 0};
static const struct layout authenticated = {STAMP_SIZE_AUTH, 16, 24, 26, 32, 48, 64, 72, 80, 96};

static const struct layout *layout_of(const struct stamp_key *key)
{
    return key->length ? &authenticated : &plain;
}

static void put_be16(uint8_t *to, uint16_t number)
{
    number = htobe16(number);
    memcpy(to, &number, sizeof number);
}

/* ---- the key */

bool stamp_key_read(const char *path, struct stamp_key *key, struct fail *fail)
{
    char *text = token_read_private("the key", path, fail);
    if (!text)
        return false;
    size_t length = strcspn(text, "\r\n");
    *key = (struct stamp_key){.length = length <= STAMP_KEY_MAX ? length : 0};
    memcpy(key->bytes, text, key->length);
    explicit_bzero(text, strlen(text));
    free(text);
    if (length >= STAMP_KEY_LEAST && length <= STAMP_KEY_MAX)
        return true;
    return fail_set(fail, 0, "%s: the first line, which is the key, must have %d to %d bytes", path,
                    STAMP_KEY_LEAST, STAMP_KEY_MAX);
}

void stamp_hmac(const struct stamp_key *key, const void *data, size_t length,
                uint8_t hmac[STAMP_HMAC_SIZE])
{
    uint8_t whole[SHA256_SIZE];
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key->bytes, key->length, data, length, whole) < 0)
        abort();
    memcpy(hmac, whole, STAMP_HMAC_SIZE);
}

/* ---- times and their errors */

uint64_t stamp_time(int64_t wall)
{
    int64_t seconds = wall / NS_PER_SEC, ns = wall % NS_PER_SEC;
    if (ns < 0) {
        seconds--;
        ns += NS_PER_SEC;
    }
    uint64_t fraction = ((uint64_t)ns << 32) / (uint64_t)NS_PER_SEC;
    return (uint64_t)(seconds + NTP_TO_UNIX) << 32 | fraction;
}

int64_t stamp_elapsed(uint64_t earlier, uint64_t later)
{
    int64_t difference = (int64_t)(later - earlier);
    int64_t seconds = difference >> 32, fraction = difference & UINT32_MAX;
    return seconds * NS_PER_SEC + ((fraction * NS_PER_SEC + (INT64_C(1) << 31)) >> 32);
}

uint64_t stamp_time_of_ptp(uint64_t ptp)
{
    uint64_t ns = ptp & UINT32_MAX;
    uint64_t seconds = (ptp >> 32) + (uint64_t)NTP_TO_UNIX + ns / (uint64_t)NS_PER_SEC;
    return seconds << 32 | (ns % (uint64_t)NS_PER_SEC << 32) / (uint64_t)NS_PER_SEC;
}

uint16_t stamp_error_encode(bool synchronised, int64_t error)
{
    unsigned scale = 0;
    int64_t most = INT64_C(1) << 40; /* ns, 18 minutes: beyond it no clock is of use */
    error = error < 0 ? 0 : error > most ? most : error;
    /* Rounded up, in units of 2^-32 s. */
    unsigned __int128 units = ((unsigned __int128)(uint64_t)error << 32) + NS_PER_SEC - 1;
    uint64_t multiplier = (uint64_t)(units / (uint64_t)NS_PER_SEC);
    for (; multiplier > MULTIPLIER_MAX; scale++)
        multiplier = (multiplier + 1) >> 1;
    if (!multiplier)
        multiplier = 1;
    return (uint16_t)((synchronised ? STAMP_SYNCHRONISED : 0) | scale << SCALE_SHIFT | multiplier);
}

int64_t stamp_error_decode(uint16_t estimate)
{
    unsigned scale = estimate >> SCALE_SHIFT & SCALE_MAX;
    uint64_t multiplier = estimate & MULTIPLIER_MAX;
    if (!multiplier)
        return -1;
    if (scale > 48) /* more than 18 hours, whatever it says */
        return INT64_MAX;
    return (int64_t)(((unsigned __int128)(multiplier << scale) * NS_PER_SEC + UINT32_MAX) >> 32);
}

uint16_t stamp_error_own(void)
{
    struct timex state = {0};
    int known = adjtimex(&state);
    bool synchronised = known >= 0 && known != TIME_ERROR && !(state.status & STA_UNSYNC);
    return stamp_error_encode(synchronised, state.maxerror * NS_PER_US);
}

/* ---- packets */

size_t stamp_size(const struct stamp_key *key)
{
    return layout_of(key)->size;
}

static void sign(const struct stamp_key *key, uint8_t *bytes)
{
    if (key->length)
        stamp_hmac(key, bytes, authenticated.hmac, bytes + authenticated.hmac);
}

static bool is_signed(const struct stamp_key *key, const uint8_t *bytes)
{
    uint8_t hmac[STAMP_HMAC_SIZE];
    if (!key->length)
        return true;
    stamp_hmac(key, bytes, authenticated.hmac, hmac);
    return secret_equal(hmac, bytes + authenticated.hmac);
}

_Static_assert((int)STAMP_HMAC_SIZE == (int)SECRET_SIZE, "secret_equal() compares them");

void stamp_request_encode(const struct stamp_key *key, const struct stamp_request *request,
                          uint8_t *bytes)
{
    const struct layout *at = layout_of(key);
    memset(bytes, 0, at->size);
    put_be32(bytes, request->sequence);
    put_be64(bytes + at->sent, request->sent);
    put_be16(bytes + at->error, request->error);
    put_be16(bytes + at->session, request->session);
    sign(key, bytes);
}

void stamp_reply_encode(const struct stamp_key *key, const struct stamp_reply *reply,
                        uint8_t *bytes, size_t length)
{
    const struct layout *at = layout_of(key);
    memset(bytes, 0, length < at->size ? length : at->size);
    put_be32(bytes, reply->sequence);
    put_be64(bytes + at->sent, reply->sent);
    put_be16(bytes + at->error, reply->error);
    put_be16(bytes + at->session, reply->session);
    put_be64(bytes + at->received, reply->received);
    put_be32(bytes + at->sender_sequence, reply->request.sequence);
    put_be64(bytes + at->sender_sent, reply->request.sent);
    put_be16(bytes + at->sender_error, reply->request.error);
    bytes[at->ttl] = reply->ttl;
    sign(key, bytes);
}

bool stamp_request_decode(const struct stamp_key *key, const uint8_t *bytes, size_t length,
                          struct stamp_request *request)
{
    const struct layout *at = layout_of(key);
    if (length < (key->length ? at->size : STAMP_REPLY_LEAST) || !is_signed(key, bytes))
        return false;
    *request = (struct stamp_request){
        .sequence = get_be32(bytes),
        .sent = get_be64(bytes + at->sent),
        .error = get_be16(bytes + at->error),
        .session = get_be16(bytes + at->session),
    };
    return true;
}

bool stamp_reply_decode(const struct stamp_key *key, const uint8_t *bytes, size_t length,
                        struct stamp_reply *reply)
{
    const struct layout *at = layout_of(key);
    if (length < (key->length ? at->size : STAMP_REPLY_LEAST) || !is_signed(key, bytes))
        return false;
    *reply = (struct stamp_reply){
        .sequence = get_be32(bytes),
        .sent = get_be64(bytes + at->sent),
        .received = get_be64(bytes + at->received),
        .error = get_be16(bytes + at->error),
        .session = get_be16(bytes + at->session),
        .request = {.sequence = get_be32(bytes + at->sender_sequence),
                    .sent = get_be64(bytes + at->sender_sent),
                    .error = get_be16(bytes + at->sender_error)},
        .ttl = bytes[at->ttl],
    };
    return true;
}

bool stamp_is_reply(const struct stamp_key *key, const uint8_t *bytes, size_t length)
{
    const struct layout *at = layout_of(key);
    if (length < at->received + sizeof(uint64_t))
        return false;
    uint64_t sent = get_be64(bytes + at->sent), received = get_be64(bytes + at->received);
    return received && sent - received < UINT64_C(1) << 32;
}
