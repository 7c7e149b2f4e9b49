/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "preamble.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HIGH = 0x80, PREAMBLE_VERSION = 2, KIND_PREAMBLE = 0, KIND_ANSWER = 1 };

enum {
    AT_VERSION = 4,
    AT_HEADER_SIZE = 5,
    AT_KIND = 6,
    AT_ZERO = 7,
    AT_NONCE = 8,
    AT_TOKEN = 24,
    AT_PROOF = 8, /* of the answer */
    HMAC_SIZE = PREAMBLE_SIZE - AT_PROOF,
};

static const uint8_t magic[4] = {HIGH | 'f', HIGH | 'l', HIGH | 'r', HIGH | 'g'};

/* The HMAC of `text`, with all high bits set. */
static void derive(const uint8_t key[SECRET_SIZE], const void *text, size_t length,
                   uint8_t derived[HMAC_SIZE])
{
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, SECRET_SIZE, text, length, derived)) {
        fprintf(stderr, "GnuTLS has no HMAC with SHA-256\n");
        abort();
    }
    for (int i = 0; i < HMAC_SIZE; i++)
        derived[i] |= HIGH;
}

void preamble_token(const uint8_t secret[SECRET_SIZE], uint8_t token[SECRET_SIZE])
{
    static const char label[] = "flowrig source";
    uint8_t derived[HMAC_SIZE];
    derive(secret, label, sizeof label - 1, derived);
    memcpy(token, derived, SECRET_SIZE);
}

void preamble_make_nonce(uint8_t nonce[SECRET_SIZE])
{
    secret_make(nonce);
    for (int i = 0; i < SECRET_SIZE; i++)
        nonce[i] |= HIGH;
}

/* Masks a token, or takes the mask off. */
static void mask(const uint8_t nonce[SECRET_SIZE], const uint8_t from[SECRET_SIZE],
                 uint8_t to[SECRET_SIZE])
{
    static const char label[] = "flowrig mask";
    uint8_t bits[HMAC_SIZE];
    derive(nonce, label, sizeof label - 1, bits);
    for (int i = 0; i < SECRET_SIZE; i++)
        to[i] = HIGH | (from[i] ^ bits[i]);
}

static void encode_head(uint8_t header_size, uint8_t kind, uint8_t bytes[AT_NONCE])
{
    memcpy(bytes, magic, sizeof magic);
    bytes[AT_VERSION] = HIGH | PREAMBLE_VERSION;
    bytes[AT_HEADER_SIZE] = HIGH | header_size;
    bytes[AT_KIND] = HIGH | kind;
    bytes[AT_ZERO] = HIGH;
}

void preamble_encode(const struct preamble *preamble, uint8_t bytes[PREAMBLE_SIZE])
{
    encode_head(preamble->header_size, KIND_PREAMBLE, bytes);
    memcpy(bytes + AT_NONCE, preamble->nonce, SECRET_SIZE);
    mask(preamble->nonce, preamble->token, bytes + AT_TOKEN);
}

bool preamble_decode(const uint8_t bytes[PREAMBLE_SIZE], struct preamble *preamble,
                     struct fail *fail)
{
    uint8_t high = HIGH;
    for (int i = 0; i < PREAMBLE_SIZE; i++)
        high &= bytes[i];
    if (!high || memcmp(bytes, magic, sizeof magic))
        return fail_set(fail, 0, "bad preamble from the peer");
    if (bytes[AT_VERSION] != (HIGH | PREAMBLE_VERSION))
        return fail_set(fail, 0, "the preamble has version %d, this is version %d",
                        bytes[AT_VERSION] & ~HIGH, PREAMBLE_VERSION);
    if (bytes[AT_KIND] != (HIGH | KIND_PREAMBLE) || bytes[AT_ZERO] != HIGH)
        return fail_set(fail, 0, "bad preamble from the peer");
    preamble->header_size = bytes[AT_HEADER_SIZE] & PREAMBLE_HEADER_SIZE_MAX;
    memcpy(preamble->nonce, bytes + AT_NONCE, SECRET_SIZE);
    mask(preamble->nonce, bytes + AT_TOKEN, preamble->token);
    return true;
}

void preamble_answer(const uint8_t proof[SECRET_SIZE], const struct preamble *preamble,
                     uint8_t bytes[PREAMBLE_SIZE])
{
    static const char label[] = "flowrig destination";
    uint8_t text[sizeof label - 1 + SECRET_SIZE];
    memcpy(text, label, sizeof label - 1);
    memcpy(text + sizeof label - 1, preamble->nonce, SECRET_SIZE);
    encode_head(preamble->header_size, KIND_ANSWER, bytes);
    derive(proof, text, sizeof text, bytes + AT_PROOF);
}

bool preamble_answered(const uint8_t proof[SECRET_SIZE], const struct preamble *preamble,
                       const uint8_t bytes[PREAMBLE_SIZE])
{
    uint8_t expected[PREAMBLE_SIZE];
    preamble_answer(proof, preamble, expected);
    bool first = secret_equal(bytes + AT_PROOF, expected + AT_PROOF);
    bool second = secret_equal(bytes + AT_PROOF + SECRET_SIZE, expected + AT_PROOF + SECRET_SIZE);
    return first && second && !memcmp(bytes, expected, AT_PROOF);
}
