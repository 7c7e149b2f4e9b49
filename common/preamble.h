/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What opens a data connection: the source's preamble, and the destination's answer. Until the
 * source has read the answer, nobody knows whether a flowd is there. So all that it sends before is
 * derived by the daemon itself: whoever chose the secret chooses none of these bytes, and each has
 * its high bit set, so that no protocol of lines of ASCII reads them as words or as an end of line.
 *
 *   bytes  preamble                    answer
 *   4      "flrg" with the high bits   the same
 *   1      0x80 | 2, the version       the same
 *   1      0x80 | size of headers      the same
 *   1      0x80                        0x81
 *   1      0x80                        0x80
 *   16     the source's nonce          HMAC(proof, "flowrig destination" nonce)
 *   16     the token, masked           the rest of it
 *
 * The token is HMAC(secret, "flowrig source"), its first half; its mask is the first half of
 * HMAC(nonce, "flowrig mask"). HMAC is that of SHA-256 (RFC 2104), with all high bits set. */
#ifndef FLOWRIG_PREAMBLE_H
#define FLOWRIG_PREAMBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "fail.h"
#include "secret.h"

enum { PREAMBLE_SIZE = 8 + 2 * SECRET_SIZE, PREAMBLE_HEADER_SIZE_MAX = 0x7f };

/* `header_size` is the length of the block headers on this connection, 0 in stream mode. */
struct preamble {
    uint8_t header_size;
    uint8_t nonce[SECRET_SIZE];
    uint8_t token[SECRET_SIZE];
};

/* What the source shows of a flow's secret, and destinations know their flows by. */
void preamble_token(const uint8_t secret[SECRET_SIZE], uint8_t token[SECRET_SIZE]);
/* A nonce for one connection, random. */
void preamble_make_nonce(uint8_t nonce[SECRET_SIZE]);

/* Takes a nonce of preamble_make_nonce() and a token of preamble_token(). */
void preamble_encode(const struct preamble *preamble, uint8_t bytes[PREAMBLE_SIZE]);
/* Returns false with a sentence for what no source sends. */
bool preamble_decode(const uint8_t bytes[PREAMBLE_SIZE], struct preamble *preamble,
                     struct fail *fail);

/* The answer of who knows the proof to a preamble with this nonce and size of headers. */
void preamble_answer(const uint8_t proof[SECRET_SIZE], const struct preamble *preamble,
                     uint8_t bytes[PREAMBLE_SIZE]);
/* Whether it is that answer; it takes the same time wherever the proof differs. */
bool preamble_answered(const uint8_t proof[SECRET_SIZE], const struct preamble *preamble,
                       const uint8_t bytes[PREAMBLE_SIZE]);

#endif
