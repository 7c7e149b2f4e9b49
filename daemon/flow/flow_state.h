/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a flow is made of, and what its files ask of each other. No file of another room includes
 * this. */
#ifndef FLOWRIG_FLOW_STATE_H
#define FLOWRIG_FLOW_STATE_H

#include "block.h"
#include "capture/capture.h"
#include "capture/trace.h"
#include "flow/closing.h"
#include "flow/direction.h"
#include "flow/flow.h"
#include "flow/intervals.h"
#include "flow/pacer.h"
#include "flow/peerclock.h"
#include "flow/sender_time.h"
#include "flow/traffic.h"
#include "host/cpu_time.h"
#include "report.h"
#include "tally.h"

/* How blocks travel. Every pointer is set unless it says that it may be NULL. */
struct framing {
    uint8_t header_size;
    /* The measured time begins. NULL: nothing to do. */
    void (*begin)(struct flow *flow);
    /* One turn of reading, or of sending. They clear flow->readable or flow->writable when the
     * socket has no more, and give whether another turn would do something. */
    bool (*receive)(struct flow *flow);
    bool (*send)(struct flow *flow);
    /* Whether nothing that has begun, and no response, waits to be sent. */
    bool (*flushed)(const struct flow *flow);
    /* Responses that were asked for and have not come. */
    int64_t (*awaited)(const struct flow *flow);
    /* Whether a request is due, or is sent in part. NULL: always. */
    bool (*due)(const struct flow *flow);
    /* When send() has something to send although it has not now; CLOCK_NEVER: it always has. */
    int64_t (*next_send)(const struct flow *flow);
    /* Sets the requests and responses that were sent and received within the time. */
    void (*count)(const struct flow *flow, int64_t value[METRICS]);
    /* Sets those that came after it; what count() sets is there. */
    void (*count_tail)(const struct flow *flow, int64_t value[METRICS]);
    /* Sets what is known of the inter-arrival times of `blocks`, which came in `elapsed` ns, beyond
     * flow->iat. */
    void (*set_iat)(int64_t blocks, int64_t elapsed, int64_t value[METRICS]);
    /* What it has to do by time, besides sending: at `wakes`, or later; CLOCK_NEVER: nothing. NULL
     * where there never is. */
    void (*wake)(struct flow *flow);
    int64_t (*wakes)(const struct flow *flow);
    /* Whether a row is due for what came while draining. NULL: never, it has columns of its own. */
    bool (*unreported)(const struct flow *flow);
    /* The socket has input after the flow's end. NULL: it is of no interest. */
    void (*linger)(struct flow *flow);
    /* Frees what it allocated for the flow. */
    void (*release)(struct flow *flow);
};

extern const struct framing framing_stream, framing_message, framing_datagram;

/* A final report that was taken, and waits for what only the end of the dump and of the trace
 * shows. */
struct final_row {
    struct report report;
    struct buffer info;
    char *error; /* NULL: none */
    int awaited; /* of the two */
    bool dump_ended, trace_ended;
    struct dump_result dumped;
    struct trace_result traced;
};

/* What the peer says that it has sent: flow_post_expect(). */
struct expectation {
    bool told;
    int64_t bytes;     /* METRIC_ABSENT: it does not say */
    int64_t last_read; /* when bytes came last; kept where the peer has no daemon */
    int64_t told_at;
};

struct message_state;  /* of framing_message, allocated on first use */
struct datagram_state; /* of framing_datagram */

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
    const struct peer_protocol *protocol;
    void *peer_state;    /* its own */
    bool renews_options; /* after each read */
    bool holds_peer;     /* to the rate that was agreed */
    flow_check_address *check_source;
    const struct quotas *quotas; /* for it */
    struct addresses own, peer;  /* test addresses; the peer's port is set */
    struct listener *listener;   /* destination: a reference, released by the session */
    struct dump *dump;           /* NULL: none; closed with the flow */
    struct trace *trace;         /* likewise */
    uint8_t secret[SECRET_SIZE], proof[SECRET_SIZE];
    uint8_t token[SECRET_SIZE]; /* preamble_token() of the secret */

    /* The worker's. */
    enum flow_state state;
    struct watch watch;
    struct timer timer;
    struct task task;
    int fd;
    bool readable, writable;   /* until the socket says otherwise */
    bool peer_closed;          /* its end, or an error, is to be read after what has come */
    size_t peer_tried;         /* addresses of the peer that were tried */
    struct buffer peer_errors; /* why each of these failed */
    int64_t deadline;          /* of what the state waits for */
    int64_t connect_time, exchange_time;

    int64_t run_start;         /* absolute; 0 before the start is known */
    int64_t base;              /* the schedule counts from here */
    struct cpu_ticks host_cpu; /* of the host, likewise */
    int64_t worker_cpu;        /* its worker's CPU time when the flow began, ns, or METRIC_ABSENT */
    struct direction tx, rx;
    struct intervals intervals;
    int64_t last_sample, began;
    int64_t row_number;
    int64_t rows_lost; /* that found no room on their way to the session */
    bool stop_asked;
    char *stopped; /* who or what stopped it before its time; NULL: its controller, or nobody */
    bool tx_ended; /* the sending direction was shut down */
    bool rx_eof;   /* the peer's was */
    bool peer_finished; /* the peer asks for no further response */
    struct closing closing;
    struct expectation expected;

    struct account memory; /* for queues and histograms */
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
    void *connection;                        /* the transport's own state */
    struct pacer pacer;
    struct sender_time sender_time; /* of streams */
    int64_t volume_time;            /* METRIC_volume_time */
    int64_t *omitted;  /* values of all metrics when the final report's figures began, or NULL */
    int64_t congested; /* when local congestion ended its sending (-C), 0: it did not */
    struct traffic traffic;
    struct message_state *message;
    struct datagram_state *datagrams;
    int64_t blocks_reported; /* received, in intervals so far */
    char *error;             /* why it failed */
    struct final_row *final;
    int final_code;     /* of RING_DONE, which follows the final row */
    struct buffer info; /* how the connection was before the start */
};

/* The start of the run, CLOCK_MONOTONIC. */
void flow_start(struct flow *flow, int64_t at);
/* Ends the flow before its time, with whatever it has; it drains for at most `drain` ns. The flow
 * takes `why` over. */
void flow_stop(struct flow *flow, int64_t drain, char *why);
/* The flow's dump, or trace, has ended as it was asked to. */
void flow_dump_ended(struct flow *flow, const struct dump_result *result);
void flow_trace_ended(struct flow *flow, const struct trace_result *result);
/* Local congestion ends the sending direction before its time: the flow goes on. */
void flow_stop_congested(struct flow *flow);
/* Its whole volume was handed to the socket: sending ends before its time. */
void flow_end_tx(struct flow *flow);
/* So much of what the peer sends of its own accord was read: ends that where it is the volume. */
void flow_check_volume(struct flow *flow, int64_t bytes, int64_t blocks);
/* flow_post_expect(): so much was sent. */
void flow_expect(struct flow *flow, int64_t bytes);
/* Ends the flow that has what was expected, or for which nothing comes any more. */
void flow_check_expected(struct flow *flow);
/* When to look next whether that is so. */
int64_t flow_expected_deadline(const struct flow *flow);
/* Its timer, socket and turns lead to what is due. */
void flow_run_init(struct flow *flow);
/* What `now` has reached happens, and the timer is set to what comes next. */
void flow_advance(struct flow *flow, int64_t now);
/* The measured time begins: the connection is there, and the start instant is reached. */
void flow_begin(struct flow *flow);
/* Whether there may be more to read after a read that had this much room and returned this much.
 * Less than there was room for has emptied the socket: whatever comes later is an event of its own.
 */
static inline bool flow_has_more(const struct flow *flow, ssize_t got, size_t room)
{
    return got > 0 && ((size_t)got == room || flow->peer_closed);
}
/* Cancels its timer, turns and whatever its protocol waits for: nothing further happens. */
void flow_detach(struct flow *flow);
/* The flow has come to its end with `code` (0: well), and so do its dump and its trace, which
 * belong into the final report. */
void flow_finish(struct flow *flow, int code);
/* Nothing may use the flow here afterwards. */
void flow_release(struct flow *flow);
/* Adds "name=value" lines about the connection, and what was asked for, as they really are. */
void flow_describe(const struct flow *flow, struct buffer *lines);
/* The peer has closed its direction. */
void flow_eof(struct flow *flow);
/* It fails if the peer has sent more than was agreed, where it is held to that. */
void flow_check_peer(struct flow *flow);
/* It found no room for what its peer has it remember: it fails. */
void flow_no_memory(struct flow *flow);

/* A row found no room. */
void flow_count_lost(struct flow *flow);
/* Tells the collector something other than a row. */
void flow_tell(struct flow *flow, enum ring_type type, int code, const void *data, size_t size);
void flow_forget_final(struct flow *flow);

/* Its end: flow_drain.c. */
/* Fails the flow whose peer has closed so long ago that it can't be the clocks' error. */
void flow_check_early_eof(struct flow *flow, int64_t now);
/* The measured time is over. */
void flow_start_draining(struct flow *flow);
/* Half-closes when the endpoint's time is over and it owes nothing. */
void flow_end_sending_if_due(struct flow *flow);
/* Whether everything has come, and everything that was sent has arrived. */
bool flow_is_drained(const struct flow *flow);
/* When to look next whether it is, at the latest when that is waited for no more. */
int64_t flow_drain_deadline(struct flow *flow);
/* Reports, drained or not. */
void flow_finish_drained(struct flow *flow, bool drained);

/* Whether a dump or a trace is made at either end. Both ends then close the connection before they
 * have finished: its end belongs to them. */
static inline bool flow_is_dumped(const struct flow *flow)
{
    return flow->ends[SOURCE].dump || flow->ends[DESTINATION].dump || flow->ends[SOURCE].trace ||
           flow->ends[DESTINATION].trace;
}

/* With -C, and a rate or gaps to fall behind. */
static inline bool flow_stops_on_congestion(const struct flow *flow)
{
    const struct endpoint_settings *own = &flow->ends[flow->endpoint];
    return own->stop_on_congestion && settings_are_paced(own);
}

/* Whether the flow's transport has a capability of enum transport_capability. */
static inline bool flow_transport_can(const struct flow *flow, unsigned capability)
{
    return transport_traits[flow->settings.transport].capabilities & capability;
}

/* transport->send() and receive() on the flow's connection. */
static inline ssize_t flow_send(struct flow *flow, const struct iovec *parts, size_t count)
{
    return flow->transport->send(flow->connection, flow->fd, parts, count);
}

static inline ssize_t flow_receive(struct flow *flow, void *to, size_t size, bool keep)
{
    return flow->transport->receive(flow->connection, flow->fd, to, size, keep);
}

/* Whether the endpoint may send new requests now. */
static inline bool flow_sending(const struct flow *flow)
{
    return flow->state == FLOW_RUNNING && flow->tx.started && !flow->tx.stopped;
}

/* flow_own_settings() and flow_peer_settings() for this room, where each block asks. */
static inline const struct endpoint_settings *flow_own(const struct flow *flow)
{
    return &flow->ends[flow->endpoint];
}

static inline const struct endpoint_settings *flow_other(const struct flow *flow)
{
    return &flow->ends[1 - flow->endpoint];
}

#endif
