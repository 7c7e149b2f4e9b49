/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/datagram_wire.h"

#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum {
    SHA256_SIZE = 32,
    CODE_SIZE = 16,
    CODED = CONTROL_SIZE - CODE_SIZE,
    VALUES_AT = 4,
};

/* HMAC-SHA256, of which the first half is kept. */
static void code_of(const struct datagram_keys *keys, const void *bytes, size_t size,
                    uint8_t code[SHA256_SIZE])
{
    int error = gnutls_hmac_fast(GNUTLS_MAC_SHA256, keys->key, sizeof keys->key, bytes, size, code);
    if (error < 0) {
        log_error("can't compute an authentication code: %s", gnutls_strerror(error));
        abort();
    }
}

static uint64_t number_of(const struct datagram_keys *keys, const void *bytes, size_t size)
{
    uint8_t code[SHA256_SIZE];
    code_of(keys, bytes, size, code);
    return get_be64(code);
}

void datagram_keys_make(struct datagram_keys *keys, const uint8_t secret[SECRET_SIZE],
                        const uint8_t proof[SECRET_SIZE])
{
    memcpy(keys->key, secret, SECRET_SIZE);
    memcpy(keys->key + SECRET_SIZE, proof, SECRET_SIZE);
    keys->tags[SOURCE] = number_of(keys, "data of the source", 18);
    keys->tags[DESTINATION] = number_of(keys, "data of the destination", 23);
}

uint64_t datagram_nonce_of(const struct datagram_keys *keys, const uint8_t salt[SECRET_SIZE],
                           const void *address, size_t length)
{
    uint8_t bytes[SECRET_SIZE + 128];
    length = length < 128 ? length : 128;
    memcpy(bytes, salt, SECRET_SIZE);
    memcpy(bytes + SECRET_SIZE, address, length);
    return number_of(keys, bytes, SECRET_SIZE + length);
}

void control_encode(const struct datagram_keys *keys, const struct control *control,
                    uint8_t bytes[CONTROL_SIZE])
{
    uint8_t code[SHA256_SIZE];
    memset(bytes, 0, CONTROL_SIZE);
    bytes[0] = (uint8_t)control->kind;
    bytes[1] = (uint8_t)control->from;
    uint8_t *to = bytes + VALUES_AT;
    for (int i = 0; i < CONTROL_VALUES; i++)
        to = put_be64(to, control->values[i]);
    code_of(keys, bytes, CODED, code);
    memcpy(bytes + CODED, code, CODE_SIZE);
}

bool control_decode(const struct datagram_keys *keys, const uint8_t *bytes, size_t size,
                    struct control *control)
{
    uint8_t code[SHA256_SIZE];
    if (size != CONTROL_SIZE || bytes[0] <= DATAGRAM_DATA || bytes[0] >= DATAGRAM_KINDS_END ||
        bytes[1] >= ENDPOINTS)
        return false;
    code_of(keys, bytes, CODED, code);
    if (!secret_equal(code, bytes + CODED))
        return false;
    control->kind = (enum datagram_kind)bytes[0];
    control->from = (enum endpoint)bytes[1];
    for (int i = 0; i < CONTROL_VALUES; i++)
        control->values[i] = get_be64(bytes + VALUES_AT + 8 * i);
    return true;
}

static void own_encode(uint64_t tag, const struct datagram_header *header, uint8_t *bytes)
{
    datagram_header_encode(tag, header, bytes);
}

static bool own_decode(uint64_t tag, uint64_t next, const uint8_t *bytes, size_t size,
                       struct datagram_header *header)
{
    (void)next; /* its numbers never wrap */
    return datagram_header_decode(tag, bytes, size, header);
}

const struct datagram_format datagram_format_own = {
    .header_size = DATAGRAM_HEADER_SIZE,
    .controlled = true,
    .depth = NS_PER_MS,
    .encode = own_encode,
    .decode = own_decode,
};
