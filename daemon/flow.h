/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A flow endpoint. It is made by a control thread, then belongs to one worker: only that worker
 * touches it until it has released it. */
#ifndef FLOWRIG_FLOW_H
#define FLOWRIG_FLOW_H

#include "block.h"
#include "capture.h"
#include "log.h"
#include "pacer.h"
#include "peerclock.h"
#include "protocol.h"
#include "report.h"
#include "settings.h"
#include "tally.h"
#include "traffic.h"
#include "transport.h"
#include "worker.h"

struct cdf;
struct flow;
struct session;
struct listener;

enum flow_state {
    FLOW_NEW,
    FLOW_CONNECTING, /* source: connect() is under way */
    FLOW_EXCHANGING, /* source: the preamble is sent, the answer is not here */
    FLOW_WAITING,    /* destination: listens; source with late connect: before the start */
    FLOW_READY,      /* prepared, not started */
    FLOW_RUNNING,
    FLOW_DRAINING, /* the measured time is over */
    FLOW_DONE,     /* reported */
};

/* How blocks travel. */
struct framing {
    const char *name;
    uint8_t header_size;
    /* One turn of reading, or of sending. They clear flow->readable or flow->writable when the
     * socket has no more, and give whether another turn would do something. */
    bool (*receive)(struct flow *flow);
    bool (*send)(struct flow *flow);
    /* Whether nothing that has begun, and no response, waits to be sent. */
    bool (*flushed)(const struct flow *flow);
    /* Responses that were asked for and have not come. */
    int64_t (*awaited)(const struct flow *flow);
    /* When send() has something to send although it has not now; CLOCK_NEVER: it always has. */
    int64_t (*next_send)(const struct flow *flow);
    /* Frees what it allocated for the flow. */
    void (*release)(struct flow *flow);
};

extern const struct framing framing_stream, framing_message;

/* What differs between the ends of a connection. */
struct flow_role {
    void (*prepare)(struct flow *flow);   /* on the worker, once */
    void (*connected)(struct flow *flow); /* the socket is ready before the exchange is over */
    void (*start)(struct flow *flow);     /* the start of the run is there, and the flow is not
                                             connected yet */
    void (*timeout)(struct flow *flow);   /* flow->deadline is over before it is ready */
};

extern const struct flow_role flow_source, flow_destination;

/* One direction as this endpoint sees it. Instants are those of struct flow_schedule, absolute.
 * What its sender sends of its own accord is counted while that may send, responses while the peer
 * may ask for them; where the sender has no duration, both times are the peer's. */
struct direction {
    bool active; /* its sender has a duration */
    int64_t from, start, stop, to;
    bool opened, started, stopped, closed;                /* from, start, stop, to are reached */
    int64_t opened_at, started_at, stopped_at, closed_at; /* when they really were */
    int64_t bytes, requests, responses;
    int64_t refused; /* requests that were due and found the socket full */
    int64_t tail_bytes, tail_requests, tail_responses; /* what came after the time */
    int64_t reported;                                  /* bytes up to the last interval's report */
};

/* A final report that was taken, and waits for what only the end of the dump shows. */
struct final_row {
    struct report report;
    struct buffer info;
    char *error; /* NULL: none */
};

struct message_state; /* of framing_message, allocated on first use */

struct flow {
    /* Set when it is made. */
    struct session *session;
    struct worker *worker;
    size_t index; /* in the session */
    int64_t id;
    enum endpoint endpoint;
    struct endpoint_settings ends[ENDPOINTS];
    struct flow_settings settings;
    const struct transport *transport;
    const struct framing *framing;
    const struct flow_role *role;
    bool renews_options;        /* after each read */
    struct addresses own, peer; /* test addresses; the peer's port is set */
    struct listener *listener;  /* destination: a reference, released by the session */
    struct dump *dump;          /* NULL: none; closed with the flow */
    uint8_t secret[SECRET_SIZE], proof[SECRET_SIZE];

    /* The worker's. */
    enum flow_state state;
    struct watch watch;
    struct timer timer;
    struct task task;
    struct list connect_link; /* source: in the worker's queue of those that wait to connect */
    int fd;
    bool readable, writable; /* until the socket says otherwise */
    bool hung_up;            /* its end, or an error, is to be read behind what has come */
    bool counted_connecting;
    size_t peer_tried; /* addresses of the peer that were tried */
    int64_t deadline;  /* of what the state waits for */
    int64_t connect_began, connect_time, exchange_time;
    uint8_t exchange[PREAMBLE_SIZE]; /* of the peer's preamble or answer, what has come */
    size_t exchanged;

    int64_t run_start; /* absolute; 0 before the start is known */
    int64_t base;      /* the schedule counts from here */
    struct direction tx, rx;
    int64_t end; /* absolute end of the measured time */
    int64_t next_sample, last_sample, began;
    int64_t row_number;
    int64_t rows_lost;    /* that found no room on their way to the session */
    int64_t rows_skipped; /* intervals without a row, after a standstill */
    bool sampled_end;     /* the last interval is reported */
    bool stop_asked;
    bool tx_ended;      /* the sending direction was shut down */
    bool rx_eof;        /* the peer's was */
    bool peer_finished; /* the peer asks for no further response */
    int64_t early_eof_deadline, drain_deadline, drain_poll;

    union { /* one for each line PERCENTILES of metrics.def: rtt, rtt_due and so on; ns */
        struct series series[SERIES];
        struct {
#define PERCENTILES(field, ...) struct series field;
#include "metrics.def"
        };
    };
    struct peerclock *peer_clock; /* borrowed of the session; NULL: the peer's is not known */
    struct peerclock_view peer_view;
    int64_t delay_negative;                  /* delays below 0 */
    int64_t delay_bound, delay_bound_so_far; /* the largest of the interval and of the flow */
    struct tcpinfo tcpinfo;
    struct pacer pacer;
    int64_t congested; /* when local congestion ended its sending (-C), 0: it did not */
    struct traffic traffic;
    struct message_state *message;
    int64_t stream_blocks; /* of stream mode, received: reported in intervals so far */
    char *error;           /* why it failed */
    struct final_row *final;
    int final_code;     /* of RING_DONE, which follows the final row */
    struct buffer info; /* how the connection was before the start */
};

/* Everything that a new endpoint needs; strings and arrays are copied. */
struct flow_arguments {
    struct session *session;
    size_t index;
    const struct prepare_endpoint *endpoint;
    const struct cdf *tables; /* the session's; they outlast the flow */
    struct worker *worker;
    struct addresses own, peer;
    struct peerclock *peer_clock; /* borrowed as long as the flow lives; NULL: none */
};

struct flow *flow_new(const struct flow_arguments *arguments);
void flow_free(struct flow *flow);

/* Commands, from any thread; each runs on the flow's worker. */
void flow_post_prepare(struct flow *flow);
/* `at` is CLOCK_MONOTONIC. */
void flow_post_start(struct flow *flow, int64_t at);
void flow_post_stop(struct flow *flow, int64_t drain);
/* The flow's connection ends at once; RING_RELEASED follows, and then it may be freed. */
void flow_post_release(struct flow *flow);
/* The flow's dump has ended as it was asked to. */
void flow_post_dump_ended(struct flow *flow, const struct dump_result *result);
/* Hands over an accepted connection that has shown the flow's secret and a header size. */
void flow_post_adopt(struct flow *flow, int fd, uint8_t header_size);

/* The rest is for the flow's worker. */

/* The start of the run, CLOCK_MONOTONIC. */
void flow_start(struct flow *flow, int64_t at);
/* Ends the flow before its time, with whatever it has; it drains for at most `drain` ns. */
void flow_stop(struct flow *flow, int64_t drain);
/* What flow_post_dump_ended() leads to. */
void flow_dump_ended(struct flow *flow, const struct dump_result *result);
/* Local congestion ends the sending direction before its time: the flow goes on. */
void flow_stop_congested(struct flow *flow);
/* Its timer, socket and turns lead to what is due. */
void flow_run_init(struct flow *flow);
/* The measured time begins: the connection is there, and the start instant is reached. */
void flow_begin(struct flow *flow);
/* Whether there may be more to read behind a read that had so much room and gave so much. Less than
 * there was room for has emptied the socket: whatever comes later is an event of its own. */
static inline bool flow_has_more(const struct flow *flow, ssize_t got, size_t room)
{
    return got > 0 && ((size_t)got == room || flow->hung_up);
}
/* Nothing further will happen on its own. */
void flow_rest(struct flow *flow);
/* The flow has come to its end with `code` (0: well), and so does its dump, which belongs into the
 * final report. */
void flow_conclude(struct flow *flow, int code);
/* Nothing may use the flow here afterwards. */
void flow_release(struct flow *flow);
/* The flow can't be prepared, or has failed while it ran: says so, reports what there is. */
void flow_fail(struct flow *flow, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds "name=value" lines about the connection, and what was asked for, as they really are. */
void flow_describe(const struct flow *flow, struct buffer *lines);
/* The exchange is over. */
void flow_ready(struct flow *flow);
/* Late connect: nothing more can be prepared. */
void flow_tell_ready(struct flow *flow);
/* Takes a socket and watches it. */
bool flow_attach(struct flow *flow, int fd);
/* Its dump learns that the connection is the flow's, as soon as it can. */
void flow_claim_dump(const struct flow *flow, int fd);
void flow_close_socket(struct flow *flow);
/* Sets the timer to whatever comes next. */
void flow_rearm(struct flow *flow);
/* The peer has closed its direction. */
void flow_eof(struct flow *flow);
/* The socket gave an error. */
void flow_socket_error(struct flow *flow, int error);

/* The flow gives up its place among those that connect, if it has one. */
void flow_source_leave(struct flow *flow);

/* A destination takes an accepted connection, which showed its secret. */
void flow_destination_adopt(struct flow *flow, int fd, uint8_t header_size);

/* A row found no room. */
void flow_count_lost(struct flow *flow);

/* Whether a dump is made at either end. Both ends then close the connection before they have
 * finished: its end belongs to the dump. */
static inline bool flow_is_dumped(const struct flow *flow)
{
    return flow->ends[SOURCE].dump || flow->ends[DESTINATION].dump;
}

/* Messages about a flow: its events at LOG_LEVEL_INFO, each read, write and timer at
 * LOG_LEVEL_TRACE. */
#define flow_log(level, flow, format, ...)                        \
    log_at(level, "flow %lld %s: " format, (long long)(flow)->id, \
           endpoint_name((flow)->endpoint) __VA_OPT__(, ) __VA_ARGS__)

/* With -C, and a rate or gaps to fall behind. */
static inline bool flow_stops_on_congestion(const struct flow *flow)
{
    const struct endpoint_settings *own = &flow->ends[flow->endpoint];
    return own->flow_control && settings_are_paced(own);
}

/* Counting, for framings. */
static inline bool direction_is_over(const struct direction *direction)
{
    return direction->active ? direction->stopped : direction->closed;
}

/* Bytes that have moved since the last interval was reported. */
static inline int64_t direction_fresh_bytes(const struct direction *direction)
{
    return direction->bytes - direction->reported;
}

static inline void direction_add_bytes(struct direction *direction, int64_t bytes)
{
    *(direction_is_over(direction) ? &direction->tail_bytes : &direction->bytes) += bytes;
}

static inline void direction_add_block(struct direction *direction, bool response)
{
    if (response)
        ++*(direction->closed ? &direction->tail_responses : &direction->responses);
    else
        ++*(direction_is_over(direction) ? &direction->tail_requests : &direction->requests);
}

/* Whether the endpoint may send new requests now. */
static inline bool flow_sending(const struct flow *flow)
{
    return flow->state == FLOW_RUNNING && flow->tx.started && !flow->tx.stopped;
}

static inline const struct endpoint_settings *flow_own_settings(const struct flow *flow)
{
    return &flow->ends[flow->endpoint];
}

static inline const struct endpoint_settings *flow_peer_settings(const struct flow *flow)
{
    return &flow->ends[flow->endpoint == SOURCE ? DESTINATION : SOURCE];
}

#endif
