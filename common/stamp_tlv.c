/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stamp_tlv.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "put.h"
#include "secret.h"

enum {
    FLAGS = STAMP_TLV_UNKNOWN | STAMP_TLV_MALFORMED | STAMP_TLV_INTEGRITY,
    /* Values of the timestamp information (RFC 8972, 4.3). */
    SYNC_NTP = 1,
    SYNC_FREE_RUNNING = 5,
    STAMPED_IN_SOFTWARE = 2,
};

/* A TLV among others. */
struct tlv {
    uint8_t *at;
    uint8_t type;
    size_t length; /* of its value */
};

/* The TLV that begins `left` bytes before the end; false where it is not whole. */
static bool tlv_at(uint8_t *at, size_t left, struct tlv *tlv)
{
    if (left < STAMP_TLV_HEAD)
        return false;
    *tlv = (struct tlv){at, at[1], get_be16(at + 2)};
    return tlv->length <= left - STAMP_TLV_HEAD;
}

static void put_length(uint8_t *at, size_t length)
{
    at[2] = (uint8_t)(length >> 8);
    at[3] = (uint8_t)length;
}

/* HMAC over the sequence number and the TLVs before the one that carries it. */
static void hmac_of(const struct stamp_key *key, uint32_t sequence, const uint8_t *tlvs,
                    size_t length, uint8_t hmac[STAMP_HMAC_SIZE])
{
    uint8_t *text = mem_new(1, sizeof sequence + length);
    put_be32(text, sequence);
    memcpy(text + sizeof sequence, tlvs, length);
    stamp_hmac(key, text, sizeof sequence + length, hmac);
    free(text);
}

/* ---- a reflector */

/* DSCP1 (6 bits) is asked for, DSCP2 (6) and ECN (2) are what came; RP (2) says that DSCP1 is not
 * used, which it always is. */
static bool reflect_class(const struct stamp_arrival *arrival, uint8_t *value, size_t length,
                          int *dscp)
{
    if (length != STAMP_TLV_CLASS_SIZE - STAMP_TLV_HEAD)
        return false;
    unsigned wanted = value[0] >> 2, tos = (unsigned)arrival->tos;
    unsigned word = wanted << 10 | (tos >> 2) << 4 | (tos & 3) << 2;
    value[0] = (uint8_t)(word >> 8);
    value[1] = (uint8_t)word;
    *dscp = (int)wanted;
    return true;
}

/* Ports; of the TLVs within none is known. */
static bool reflect_location(const struct stamp_arrival *arrival, uint8_t *value, size_t length)
{
    if (length < 4)
        return false;
    value[0] = (uint8_t)(arrival->to_port >> 8);
    value[1] = (uint8_t)arrival->to_port;
    value[2] = (uint8_t)(arrival->from_port >> 8);
    value[3] = (uint8_t)arrival->from_port;
    return true;
}

/* How the clock is kept and times are taken, at arrival and at departure. */
static bool reflect_timestamp(const struct stamp_arrival *arrival, uint8_t *value, size_t length)
{
    if (length != 4)
        return false;
    value[0] = value[2] = arrival->synchronised ? SYNC_NTP : SYNC_FREE_RUNNING;
    value[1] = value[3] = STAMPED_IN_SOFTWARE;
    return true;
}

/* Where the HMAC is, which is the last TLV; `length` where there is none. */
static size_t find_hmac(uint8_t *tlvs, size_t length)
{
    struct tlv tlv;
    for (size_t at = 0; tlv_at(tlvs + at, length - at, &tlv); at += STAMP_TLV_HEAD + tlv.length)
        if (tlv.type == STAMP_TLV_HMAC && tlv.length == STAMP_HMAC_SIZE &&
            at + STAMP_TLV_HMAC_SIZE == length)
            return at;
    return length;
}

static bool is_intact(const struct stamp_key *key, uint32_t sequence, uint8_t *tlvs, size_t length,
                      size_t hmac_at)
{
    uint8_t hmac[STAMP_HMAC_SIZE];
    if (hmac_at == length)
        return false;
    hmac_of(key, sequence, tlvs, hmac_at, hmac);
    return secret_equal(hmac, tlvs + hmac_at + STAMP_TLV_HEAD);
}

static void flag_all(uint8_t *tlvs, size_t length, uint8_t flag)
{
    struct tlv tlv;
    for (size_t at = 0; tlv_at(tlvs + at, length - at, &tlv); at += STAMP_TLV_HEAD + tlv.length)
        tlvs[at] |= flag;
}

/* Sets the flags of one, and fills it in. Returns whether those after it are to be looked at. */
static bool reflect_one(const struct stamp_key *key, const struct stamp_arrival *arrival,
                        const struct tlv *tlv, int *dscp)
{
    uint8_t *value = tlv->at + STAMP_TLV_HEAD;
    bool good = true, known = true;
    if (tlv->type == STAMP_TLV_CLASS && arrival->tos >= 0)
        good = reflect_class(arrival, value, tlv->length, dscp);
    else if (tlv->type == STAMP_TLV_LOCATION)
        good = reflect_location(arrival, value, tlv->length);
    else if (tlv->type == STAMP_TLV_TIMESTAMP)
        good = reflect_timestamp(arrival, value, tlv->length);
    else if (tlv->type == STAMP_TLV_HMAC && key->length)
        good = tlv->length == STAMP_HMAC_SIZE;
    else
        known = tlv->type == STAMP_TLV_PADDING;
    tlv->at[0] &= (uint8_t)~FLAGS;
    tlv->at[0] |= !known ? STAMP_TLV_UNKNOWN : !good ? STAMP_TLV_MALFORMED : 0;
    return good;
}

int stamp_tlvs_reflect(const struct stamp_key *key, const struct stamp_arrival *arrival,
                       uint8_t *tlvs, size_t length)
{
    struct tlv tlv;
    int dscp = -1;
    size_t at = 0, hmac_at = key->length ? find_hmac(tlvs, length) : length;
    if (!length || (tlvs[0] & FLAGS) != STAMP_TLV_UNKNOWN)
        return dscp;
    if (key->length && !is_intact(key, arrival->request_sequence, tlvs, length, hmac_at)) {
        flag_all(tlvs, length, STAMP_TLV_INTEGRITY);
        return dscp;
    }
    for (; tlv_at(tlvs + at, length - at, &tlv); at += STAMP_TLV_HEAD + tlv.length)
        if (!reflect_one(key, arrival, &tlv, &dscp))
            break;
    if (length - at >= STAMP_TLV_HEAD && !tlv_at(tlvs + at, length - at, &tlv))
        tlvs[at] = (uint8_t)((tlvs[at] & ~FLAGS) | STAMP_TLV_MALFORMED);
    if (key->length)
        hmac_of(key, arrival->reply_sequence, tlvs, hmac_at, tlvs + hmac_at + STAMP_TLV_HEAD);
    return dscp;
}

/* ---- a sender */

size_t stamp_tlvs_least(const struct stamp_key *key)
{
    return STAMP_TLV_CLASS_SIZE + STAMP_TLV_HEAD + (key->length ? STAMP_TLV_HMAC_SIZE : 0);
}

static uint8_t *begin_tlv(uint8_t *at, enum stamp_tlv_type type, size_t length)
{
    at[0] = STAMP_TLV_UNKNOWN;
    at[1] = (uint8_t)type;
    put_length(at, length);
    return at + STAMP_TLV_HEAD;
}

void stamp_tlvs_write(const struct stamp_key *key, uint32_t sequence, int dscp, uint8_t *tlvs,
                      size_t length)
{
    if (!length)
        return;
    size_t end = length - (key->length ? STAMP_TLV_HMAC_SIZE : 0);
    memset(tlvs, 0, length);
    begin_tlv(tlvs, STAMP_TLV_CLASS, STAMP_TLV_CLASS_SIZE - STAMP_TLV_HEAD)[0] =
        (uint8_t)(dscp << 2);
    begin_tlv(tlvs + STAMP_TLV_CLASS_SIZE, STAMP_TLV_PADDING,
              end - STAMP_TLV_CLASS_SIZE - STAMP_TLV_HEAD);
    if (key->length)
        hmac_of(key, sequence, tlvs, end, begin_tlv(tlvs + end, STAMP_TLV_HMAC, STAMP_HMAC_SIZE));
}

bool stamp_tlvs_read(const struct stamp_key *key, uint32_t sequence, const uint8_t *tlvs,
                     size_t length, struct stamp_class *class)
{
    struct tlv tlv;
    size_t at = 0;
    uint8_t *bytes = (uint8_t *)tlvs; /* which is not written to */
    *class = (struct stamp_class){.dscp = -1, .ecn = -1};
    if (key->length && length && !is_intact(key, sequence, bytes, length, find_hmac(bytes, length)))
        return false;
    for (; tlv_at(bytes + at, length - at, &tlv); at += STAMP_TLV_HEAD + tlv.length) {
        const uint8_t *value = tlv.at + STAMP_TLV_HEAD;
        if (tlv.type != STAMP_TLV_CLASS || tlv.at[0] & FLAGS || tlv.length != 4)
            continue;
        class->known = true;
        class->refused = (value[1] & 3) != 0;
        class->dscp = (value[0] & 3) << 4 | value[1] >> 4;
        class->ecn = value[1] >> 2 & 3;
    }
    return at == length;
}
