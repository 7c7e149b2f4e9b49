/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What both directions of message mode share. message_send.c plans and sends blocks,
 * message_receive.c takes them, framing_message.c is what the flow sees. */
#ifndef FLOWRIG_MESSAGE_H
#define FLOWRIG_MESSAGE_H

#include "fifo.h"
#include "flow/flow_state.h"

enum {
    MESSAGE_TURN = 1024 * 1024, /* bytes of one turn's reading or sending */
    WAITING_MAX = 1 << 20,      /* responses of one flow that one side may owe the other */
};

/* A response that is owed. */
struct owed {
    uint32_t size, sequence;
    int64_t echoed; /* when the request was sent, by its sender's clock */
    int64_t read;   /* when it was read here */
};

/* A request that was sent and asks for a response. */
struct asked {
    uint32_t size, sequence;
    int64_t due, sent; /* when it was to be sent, and when it was handed to the socket */
};

/* A block on its way into the socket. */
struct outgoing {
    uint8_t header[BLOCK_HEADER_SIZE];
    uint32_t size, sent;
    enum block_type type;
    int64_t due; /* of a request */
    int64_t gap; /* from a request to the next */
};

struct message_state {
    /* sending */
    struct outgoing current; /* begun and not complete, if size > sent */
    uint32_t next_sequence;
    uint32_t first_not_refused; /* requests before this one were counted as refused, or sent */
    bool end_sent;
    bool blocked;       /* the socket took less than was offered */
    int64_t full_until; /* the last instant at which the socket was known to be full, or 0 */
    struct fifo owed;   /* of struct owed */
    struct fifo asked;  /* of struct asked: what the peer owes */
    /* receiving */
    uint8_t header[BLOCK_HEADER_SIZE];
    size_t header_length;
    struct block block;   /* once its header is complete */
    uint32_t left;        /* of the block's payload */
    int64_t last_request; /* when the last request was complete, 0 before the first */
};

/* The flow's state, made at its first use. */
struct message_state *message_state_of(struct flow *flow);

/* Members of framing_message. */
bool message_send(struct flow *flow);
bool message_flushed(const struct flow *flow);
bool message_due(const struct flow *flow);
int64_t message_next_send(const struct flow *flow);
bool message_receive(struct flow *flow);

#endif
