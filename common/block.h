/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What travels on a data connection: the preamble and its answer, and in message mode the header
 * of each block. All numbers are in network byte order. */
#ifndef FLOWRIG_BLOCK_H
#define FLOWRIG_BLOCK_H

#include <stdint.h>

#include "fail.h"

enum {
    BLOCK_HEADER_SIZE = 40, /* flowgrind's smallest block */
    SECRET_SIZE = 16,       /* 128 bits, random, good for one connection */
    PREAMBLE_SIZE = 8 + SECRET_SIZE,
};

enum block_type {
    BLOCK_REQUEST = 1,
    BLOCK_RESPONSE = 2,
    BLOCK_END = 3, /* no further request comes from this side; no payload */
};

/* The header of a block, decoded. Times are CLOCK_MONOTONIC of the side that read it, in ns. */
struct block {
    uint8_t type;
    uint8_t flags;          /* none yet: 0 */
    uint32_t size;          /* of the whole block, header included */
    uint32_t response_size; /* of a request: of the response it asks for, 0 for none */
    uint32_t sequence;      /* of a request: counts from 0; of a response: its request's */
    int64_t sent;           /* when the header was handed to the socket */
    int64_t echoed;         /* of a response: `sent` of the request, the requester's clock */
    int64_t held;           /* of a response: from the read of its request to `sent` */
};

void block_encode(const struct block *block, uint8_t header[BLOCK_HEADER_SIZE]);
/* Checks type, flags and sizes; what it refuses can only be a broken or hostile peer. */
bool block_decode(const uint8_t header[BLOCK_HEADER_SIZE], struct block *block, struct fail *fail);

/* The source opens a connection with a preamble that holds the flow's secret; the destination
 * answers with the flow's proof, which only it knew. `header_size` is the length of the block
 * headers on this connection, 0 in stream mode. */
struct preamble {
    uint8_t header_size;
    uint8_t secret[SECRET_SIZE];
};

void preamble_encode(const struct preamble *preamble, uint8_t bytes[PREAMBLE_SIZE]);
bool preamble_decode(const uint8_t bytes[PREAMBLE_SIZE], struct preamble *preamble,
                     struct fail *fail);

/* Compares in a time that does not depend on where they differ. */
bool secret_equal(const uint8_t one[SECRET_SIZE], const uint8_t other[SECRET_SIZE]);
/* Secrets as 32 hexadecimal digits, as the control connection carries them. */
void secret_format(const uint8_t secret[SECRET_SIZE], char text[2 * SECRET_SIZE + 1]);
bool secret_parse(const char *text, uint8_t secret[SECRET_SIZE]);
/* Random bytes of the kernel; aborts where it has none. */
void secret_make(uint8_t secret[SECRET_SIZE]);

#endif
