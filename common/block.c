/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "block.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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

/* Of the preamble; the answer has the same form, with the proof in the secret's place. */
static const uint8_t preamble_magic[4] = {'f', 'l', 'r', 'g'};
enum { PREAMBLE_VERSION = 1, AT_VERSION = 4, AT_HEADER_SIZE = 5, AT_SECRET = 8 };

static void put32(uint8_t *to, uint32_t number)
{
    number = htobe32(number);
    memcpy(to, &number, sizeof number);
}

static void put64(uint8_t *to, int64_t number)
{
    uint64_t raw = htobe64((uint64_t)number);
    memcpy(to, &raw, sizeof raw);
}

static uint32_t get32(const uint8_t *from)
{
    uint32_t number;
    memcpy(&number, from, sizeof number);
    return be32toh(number);
}

static int64_t get64(const uint8_t *from)
{
    uint64_t number;
    memcpy(&number, from, sizeof number);
    return (int64_t)be64toh(number);
}

void block_encode(const struct block *block, uint8_t header[BLOCK_HEADER_SIZE])
{
    header[AT_TYPE] = block->type;
    header[AT_FLAGS] = block->flags;
    header[AT_CHECK] = CHECK >> 8;
    header[AT_CHECK + 1] = CHECK & 0xff;
    put32(header + AT_SIZE, block->size);
    put32(header + AT_RESPONSE_SIZE, block->response_size);
    put32(header + AT_SEQUENCE, block->sequence);
    put64(header + AT_SENT, block->sent);
    put64(header + AT_ECHOED, block->echoed);
    put64(header + AT_HELD, block->held);
}

bool block_decode(const uint8_t header[BLOCK_HEADER_SIZE], struct block *block, struct fail *fail)
{
    *block = (struct block){
        .type = header[AT_TYPE],
        .flags = header[AT_FLAGS],
        .size = get32(header + AT_SIZE),
        .response_size = get32(header + AT_RESPONSE_SIZE),
        .sequence = get32(header + AT_SEQUENCE),
        .sent = get64(header + AT_SENT),
        .echoed = get64(header + AT_ECHOED),
        .held = get64(header + AT_HELD),
    };
    if (header[AT_CHECK] != CHECK >> 8 || header[AT_CHECK + 1] != (CHECK & 0xff) || block->flags ||
        block->type < BLOCK_REQUEST || block->type > BLOCK_END)
        return fail_set(fail, 0, "what came is no block header");
    if (block->size < BLOCK_HEADER_SIZE ||
        (block->response_size && block->response_size < BLOCK_HEADER_SIZE) ||
        (block->response_size && block->type != BLOCK_REQUEST) ||
        (block->type == BLOCK_END && block->size != BLOCK_HEADER_SIZE))
        return fail_set(fail, 0, "a block header came with impossible sizes: %u and %u bytes",
                        block->size, block->response_size);
    return true;
}

void preamble_encode(const struct preamble *preamble, uint8_t bytes[PREAMBLE_SIZE])
{
    memset(bytes, 0, PREAMBLE_SIZE);
    memcpy(bytes, preamble_magic, sizeof preamble_magic);
    bytes[AT_VERSION] = PREAMBLE_VERSION;
    bytes[AT_HEADER_SIZE] = preamble->header_size;
    memcpy(bytes + AT_SECRET, preamble->secret, SECRET_SIZE);
}

bool preamble_decode(const uint8_t bytes[PREAMBLE_SIZE], struct preamble *preamble,
                     struct fail *fail)
{
    if (memcmp(bytes, preamble_magic, sizeof preamble_magic) || bytes[6] || bytes[7])
        return fail_set(fail, 0, "what came is no preamble");
    if (bytes[AT_VERSION] != PREAMBLE_VERSION)
        return fail_set(fail, 0, "the preamble has version %d, this is version %d",
                        bytes[AT_VERSION], PREAMBLE_VERSION);
    preamble->header_size = bytes[AT_HEADER_SIZE];
    memcpy(preamble->secret, bytes + AT_SECRET, SECRET_SIZE);
    return true;
}

bool secret_equal(const uint8_t one[SECRET_SIZE], const uint8_t other[SECRET_SIZE])
{
    uint8_t difference = 0;
    for (int i = 0; i < SECRET_SIZE; i++)
        difference |= one[i] ^ other[i];
    return difference == 0;
}

void secret_format(const uint8_t secret[SECRET_SIZE], char text[2 * SECRET_SIZE + 1])
{
    for (int i = 0; i < SECRET_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", secret[i]);
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool secret_parse(const char *text, uint8_t secret[SECRET_SIZE])
{
    for (int i = 0; i < SECRET_SIZE; i++, text += 2) {
        int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        secret[i] = (uint8_t)(high << 4 | low);
    }
    return *text == '\0';
}

void secret_make(uint8_t secret[SECRET_SIZE])
{
    if (getrandom(secret, SECRET_SIZE, 0) == SECRET_SIZE)
        return;
    fprintf(stderr, "the kernel gives no random numbers\n");
    abort();
}
