/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What travels between the two ends of a flow of datagrams. Data datagrams begin with a header;
 * all else is a control message of one size, with an authentication code over its content. All
 * numbers are in network byte order.
 *
 *   source -> destination  CHALLENGE  nonce of the source
 *   destination -> source  ECHO       that nonce, nonce of the destination
 *   source -> destination  CONFIRM    nonce of the source, nonce of the destination
 *   destination -> source  AGREED     nonce of the source
 *   sender -> receiver     data       sequence number, time, nonce, size of the answer it asks for
 *   receiver -> sender     answer     that sequence number and time, how long it was held
 *   receiver -> sender     KEEP       counter, latest nonce, highest sequence number, distinct ones
 *   sender -> receiver     END        datagrams sent, nonce
 *   receiver -> sender     ENDED      that nonce
 *
 * An answer is at most as long as what it answers. What carries no valid code or tag gets none. */
#ifndef FLOWRIG_DATAGRAM_WIRE_H
#define FLOWRIG_DATAGRAM_WIRE_H

#include "block.h"
#include "put.h"
#include "secret.h"
#include "settings.h"

enum {
    DATAGRAM_HEADER_SIZE = BLOCK_HEADER_SIZE,
    CONTROL_SIZE = 64,
    CONTROL_VALUES = 4,
};

enum datagram_kind {
    DATAGRAM_ANSWER = 0xd0,
    DATAGRAM_DATA = 0xd1, /* in no ASCII protocol, and the version with it */
    DATAGRAM_CHALLENGE,
    DATAGRAM_ECHO,
    DATAGRAM_CONFIRM,
    DATAGRAM_AGREED,
    DATAGRAM_KEEP,
    DATAGRAM_END,
    DATAGRAM_ENDED,
    DATAGRAM_KINDS_END,
};

/* What both ends know, and the controller: the keys of one flow. */
struct datagram_keys {
    uint8_t key[2 * SECRET_SIZE];
    uint64_t tags[ENDPOINTS]; /* in the data of each sender */
};

/* From the two values that the destination has drawn. */
void datagram_keys_make(struct datagram_keys *keys, const uint8_t secret[SECRET_SIZE],
                        const uint8_t proof[SECRET_SIZE]);

struct control {
    enum datagram_kind kind;
    enum endpoint from;
    uint64_t values[CONTROL_VALUES];
};

/* Writes the message with the code of the flow over it. */
void control_encode(const struct datagram_keys *keys, const struct control *control,
                    uint8_t bytes[CONTROL_SIZE]);
/* False if it is not a control message, or its code is not that of the flow. */
bool control_decode(const struct datagram_keys *keys, const uint8_t *bytes, size_t size,
                    struct control *control);

/* A nonce for whoever is at the address, which only this flow can know: nothing has to be kept for
 * those that never confirm. */
uint64_t datagram_nonce_of(const struct datagram_keys *keys, const uint8_t salt[SECRET_SIZE],
                           const void *address, size_t length);

struct datagram_header {
    uint64_t sequence; /* counts from 0, without gaps */
    int64_t sent;      /* CLOCK_MONOTONIC of the sender, before the call, ns */
    uint64_t nonce;
    uint32_t answer; /* bytes of the answer that is asked for, 0: none */
};

/* What comes back for a data datagram. */
struct datagram_answer {
    uint64_t sequence;
    int64_t echoed; /* `sent` of what it answers */
    int64_t held;   /* from its arrival to the answer, ns */
};

/* How the header of data looks: flowrig's own, or that of a peer without a daemon. */
struct datagram_format {
    uint8_t header_size; /* at most DATAGRAM_HEADER_SIZE */
    bool controlled;     /* proofs of consent and the end come as control messages; false: another
                          * connection sees to both */
    int64_t depth;       /* ns: what a stall has made due is sent as far as it was due by then; what
                          * was due before that is not offered */
    /* Writes the header, with the tag of this end where the format has one. */
    void (*encode)(uint64_t tag, const struct datagram_header *header, uint8_t *bytes);
    /* False where it is no data with the tag of the other end. `next` is the number that is due. */
    bool (*decode)(uint64_t tag, uint64_t next, const uint8_t *bytes, size_t size,
                   struct datagram_header *header);
};

extern const struct datagram_format datagram_format_own;

static inline void datagram_header_encode(uint64_t tag, const struct datagram_header *header,
                                          uint8_t bytes[DATAGRAM_HEADER_SIZE])
{
    uint8_t *to = put_be32(bytes, (uint32_t)DATAGRAM_DATA << 24);
    to = put_be64(to, tag);
    to = put_be64(to, header->sequence);
    to = put_be64(to, (uint64_t)header->sent);
    to = put_be64(to, header->nonce);
    put_be32(to, header->answer);
}

static inline void datagram_answer_encode(uint64_t tag, const struct datagram_answer *answer,
                                          uint8_t bytes[DATAGRAM_HEADER_SIZE])
{
    uint8_t *to = put_be32(bytes, (uint32_t)DATAGRAM_ANSWER << 24);
    to = put_be64(to, tag);
    to = put_be64(to, answer->sequence);
    to = put_be64(to, (uint64_t)answer->echoed);
    to = put_be64(to, (uint64_t)answer->held);
    put_be32(to, 0);
}

/* False where it is no answer with that tag. */
static inline bool datagram_answer_decode(uint64_t tag, const uint8_t *bytes, size_t size,
                                          struct datagram_answer *answer)
{
    if (size < DATAGRAM_HEADER_SIZE || bytes[0] != DATAGRAM_ANSWER || get_be64(bytes + 4) != tag)
        return false;
    *answer = (struct datagram_answer){get_be64(bytes + 12), (int64_t)get_be64(bytes + 20),
                                       (int64_t)get_be64(bytes + 28)};
    return true;
}

/* False where it is no data datagram with that tag. */
static inline bool datagram_header_decode(uint64_t tag, const uint8_t *bytes, size_t size,
                                          struct datagram_header *header)
{
    if (size < DATAGRAM_HEADER_SIZE || bytes[0] != DATAGRAM_DATA || get_be64(bytes + 4) != tag)
        return false;
    *header = (struct datagram_header){get_be64(bytes + 12), (int64_t)get_be64(bytes + 20),
                                       get_be64(bytes + 28), get_be32(bytes + 36)};
    return true;
}

#endif
