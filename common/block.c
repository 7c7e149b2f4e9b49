/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "block.h"

#include "put.h"

/* Of the header on the wire. */
enum {
    AT_TYPE = 0,
    AT_FLAGS = 1,
    AT_CHECK = 2,
    AT_SIZE = 4,
    AT_RESPONSE_SIZE = 8,
    AT_SEQUENCE = 12,
    AT_SENT = 16,
    AT_ECHOED = 24,
    AT_HELD = 32,
    CHECK = 0xf10b, /* a receiver that lost its place in the stream sees it at once */
};

void block_encode(const struct block *block, uint8_t header[BLOCK_HEADER_SIZE])
{
    header[AT_TYPE] = block->type;
    header[AT_FLAGS] = block->flags;
    header[AT_CHECK] = CHECK >> 8;
    header[AT_CHECK + 1] = CHECK & 0xff;
    put_be32(header + AT_SIZE, block->size);
    put_be32(header + AT_RESPONSE_SIZE, block->response_size);
    put_be32(header + AT_SEQUENCE, block->sequence);
    put_be64(header + AT_SENT, (uint64_t)block->sent);
    put_be64(header + AT_ECHOED, (uint64_t)block->echoed);
    put_be64(header + AT_HELD, (uint64_t)block->held);
}

bool block_decode(const uint8_t header[BLOCK_HEADER_SIZE], struct block *block, struct fail *fail)
{
    *block = (struct block){
        .type = header[AT_TYPE],
        .flags = header[AT_FLAGS],
        .size = get_be32(header + AT_SIZE),
        .response_size = get_be32(header + AT_RESPONSE_SIZE),
        .sequence = get_be32(header + AT_SEQUENCE),
        .sent = (int64_t)get_be64(header + AT_SENT),
        .echoed = (int64_t)get_be64(header + AT_ECHOED),
        .held = (int64_t)get_be64(header + AT_HELD),
    };
    if (header[AT_CHECK] != CHECK >> 8 || header[AT_CHECK + 1] != (CHECK & 0xff) || block->flags ||
        block->type < BLOCK_REQUEST || block->type > BLOCK_END)
        return fail_set(fail, 0, "bad block header from the peer");
    if (block->size < BLOCK_HEADER_SIZE ||
        (block->response_size && block->response_size < BLOCK_HEADER_SIZE) ||
        (block->response_size && block->type != BLOCK_REQUEST) ||
        (block->type == BLOCK_END && block->size != BLOCK_HEADER_SIZE))
        return fail_set(fail, 0, "bad block header from the peer: sizes of %u and %u bytes",
                        block->size, block->response_size);
    return true;
}
