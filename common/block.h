/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of each block of message mode. All numbers are in network byte order. */
#ifndef FLOWRIG_BLOCK_H
#define FLOWRIG_BLOCK_H

#include <stdint.h>

#include "fail.h"

enum { BLOCK_HEADER_SIZE = 40 /* flowgrind's smallest block */ };

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

/* Writes the header of a block. */
void block_encode(const struct block *block, uint8_t header[BLOCK_HEADER_SIZE]);
/* Checks type, flags and sizes; what it refuses can only be a broken or hostile peer. */
bool block_decode(const uint8_t header[BLOCK_HEADER_SIZE], struct block *block, struct fail *fail);

#endif
