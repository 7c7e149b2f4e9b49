/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What both directions of a flow of datagrams share. datagram_send.c sends and keeps to the consent
 * of the receiver, datagram_receive.c takes and counts, framing_datagram.c is what the flow sees.
 */
#ifndef FLOWRIG_DATAGRAM_H
#define FLOWRIG_DATAGRAM_H

#include "flow/datagram_wire.h"
#include "flow/flow.h"
#include "flow/seqtrack.h"

enum {
    DATAGRAM_TRAIN_MAX = 64,      /* datagrams of one call */
    DATAGRAM_TRAIN_BYTES = 65000, /* of one call that sends a train */
    DATAGRAM_TURN = 1024 * 1024,  /* bytes of one turn's reading or sending */
    DATAGRAM_EXCHANGE_TURN = 64,  /* datagrams read in one turn before there is an agreement */
    DATAGRAM_READ_MAX = 32 * DATAGRAM_TRAIN_MAX,
};

/* Silence of the receiver for so long ends the sending. */
#define CONSENT_TIME (3 * NS_PER_SEC)

/* What a stalled sender makes up for: no more than this is sent back to back. */
#define DATAGRAM_DEPTH NS_PER_MS

struct datagram_state {
    const struct datagram_format *format;
    struct datagram_keys keys;
    uint64_t own_tag, peer_tag;
    bool trains; /* times of arrival are those of trains: none is told */
    /* before the start */
    uint8_t salt[SECRET_SIZE]; /* destination: of the nonces that it gives out */
    uint64_t exchange[2];      /* source: its nonce, and the destination's once it is known */
    int attempts;              /* source: messages of this kind that were sent */
    /* sending */
    size_t size;           /* of datagrams that have no size of their own */
    uint64_t next;         /* sequence number: as many were sent */
    uint64_t nonces[2];    /* the latest, and the one before it */
    int64_t nonce_at;      /* when the latest was drawn, 0: none was */
    int64_t consent_until; /* absolute; 0 before the first datagram */
    uint64_t keeps_seen;   /* counter of the last proof */
    int64_t queue_dropped; /* by the host's own queue */
    int64_t sent_bytes;    /* of data */
    int64_t breaker_at;    /* when its counts are from; 0: there are none */
    uint64_t breaker_sent, breaker_distinct;
    int64_t not_offered; /* were due, and would have come in a burst */
    int64_t longest_burst;
    uint64_t end_nonce; /* 0: the end was not told yet */
    int64_t end_due, end_wait;
    bool end_known; /* the receiver has heard of the end */
    /* answers */
    struct fifo asked;   /* of struct asked: what was sent and may still be answered */
    uint64_t asked_from; /* number of the first of these */
    int64_t asked_count, answered, awaited;
    int64_t answers_repeated;
    int64_t answers_until; /* what is not answered by then is lost */
    /* receiving */
    struct seqtrack track;
    size_t overhead;  /* bytes of headers below each payload */
    int64_t ip_bytes; /* of distinct ones */
    int64_t late, foreign, corrupted;
    int64_t last_data;            /* when the last distinct one came */
    int64_t last_arrival;         /* 0: none */
    int64_t transit, transit_min; /* by two clocks: only differences mean anything */
    int64_t jitter;               /* ns, in sixteenths */
    bool jitter_known;
    uint64_t nonce_seen;
    int64_t keep_due; /* CLOCK_NEVER before the first datagram, and after the end */
    uint64_t keeps_sent;
    int64_t peer_sent;  /* by its END; -1: unknown */
    int64_t late_until; /* what is missing may come until then; CLOCK_NEVER: no end is known */
    bool unreported;    /* something has changed since the last row */
};

/* Where the bytes of a datagram begin to count with --check-data: each at another number. */
static inline size_t datagram_numbers_at(uint64_t sequence)
{
    return DATAGRAM_HEADER_SIZE + (size_t)(sequence % 251);
}

/* Room for a worker's reads. */
struct datagram_room {
    struct datagram list[DATAGRAM_READ_MAX];
};

/* The flow's state, made at its first use. */
struct datagram_state *datagram_state_of(struct flow *flow);

/* Sends a control message on the flow's connected socket, once: who waits for its answer repeats
 * it. */
void datagram_send_control(struct flow *flow, enum datagram_kind kind,
                           const uint64_t values[CONTROL_VALUES]);
/* Size of the datagrams that fit the path of a connected socket, at most that of Ethernet's MTU. */
size_t datagram_fitting_size(const struct flow *flow);

/* Sending. */
bool datagram_send(struct flow *flow);
int64_t datagram_next_send(const struct flow *flow);
/* A proof that the receiver still agrees. */
void datagram_take_keep(struct flow *flow, const struct control *keep);
/* What time asks of the sender: the receiver's silence, and the end that is to be told. */
void datagram_send_wake(struct flow *flow);
int64_t datagram_send_wakes(const struct flow *flow);

/* Answers: datagram_answer.c. The datagram was sent and asks for one. */
void datagram_note_asked(struct flow *flow, uint64_t sequence, int64_t due, int64_t sent);
/* Answers a datagram that has come and asks for it, with no more bytes than it has. */
void datagram_answer(struct flow *flow, const struct datagram_header *header,
                     const struct datagram *datagram);
/* An answer has come; false where nothing that was sent asks for it. */
bool datagram_take_answer(struct flow *flow, const struct datagram_answer *answer,
                          const struct datagram *datagram);
/* Answers that may still come. */
int64_t datagram_awaited(const struct flow *flow);

/* Receiving. */
bool datagram_receive(struct flow *flow);
void datagram_receive_wake(struct flow *flow);
int64_t datagram_receive_wakes(const struct flow *flow);
/* Answers a peer that has not heard that its end is known; takes nothing else. */
void datagram_linger(struct flow *flow);
/* Datagrams that are lost as far as is known: may become fewer. */
int64_t datagram_lost(const struct datagram_state *state);

#endif
