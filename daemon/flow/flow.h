/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A flow endpoint, as those outside this room see it. It is made by a control thread, then belongs
 * to one worker: only that worker touches it until it has released it. What it is made of is in
 * flow_state.h, which is this room's alone. */
#ifndef FLOWRIG_FLOW_H
#define FLOWRIG_FLOW_H

#include "address.h"
#include "engine/worker.h"
#include "log.h"
#include "net/transport.h"
#include "preamble.h"
#include "protocol.h"
#include "settings.h"

struct cdf;
struct datagram_format;
struct dump;
struct trace;
struct flow;
struct listener;
struct peerclock;
struct session;

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

/* How this end finds its peer and agrees with it on the flow, up to flow_ready(). All run on the
 * flow's worker; every pointer is set unless it says that it may be NULL. */
struct peer_protocol {
    const char *name;
    size_t state_size;                    /* of flow_peer_state(), all zero at first */
    bool has_daemon;                      /* the other end is a flowd, with rows of its own */
    const struct datagram_format *format; /* of its datagrams; NULL: flowrig's own */
    void (*prepare)(struct flow *flow);   /* once */
    /* The socket has an event before the flow is ready; of datagrams also until it runs. */
    void (*connected)(struct flow *flow);
    void (*start)(struct flow *flow);   /* the start of the run is known, and the flow waits */
    void (*timeout)(struct flow *flow); /* flow->deadline is over before it is ready */
    void (*leave)(struct flow *flow);   /* the flow has ended, however far it was */
    /* Takes an accepted connection that opened with this preamble, whose token is the flow's, and
     * owns it. NULL where the end connects. */
    void (*adopt)(struct flow *flow, int fd, const struct preamble *preamble);
};

struct quotas;

/* Whether tests may be made with this address; else false with a sentence. */
typedef bool flow_check_address(const struct quotas *quotas, const struct address *address,
                                struct fail *fail);

/* Everything that a new endpoint needs; strings and arrays are copied. */
struct flow_arguments {
    struct session *session;
    size_t index;
    const struct prepare_endpoint *endpoint;
    const struct cdf *tables; /* the session's; they outlast the flow */
    struct worker *worker;
    struct addresses own, peer;
    struct budget *memory;            /* likewise: for what its peer can make grow */
    bool holds_peer;                  /* to the rate that was agreed: a quota bounds rates */
    flow_check_address *check_source; /* whether tests may be made with who connects; not NULL */
    const struct quotas *quotas;      /* given to it; they outlast the flow */
    struct peerclock *peer_clock;     /* borrowed as long as the flow lives; NULL: none */
    const struct peer_protocol *protocol;
    struct listener *listener;     /* destination: a reference, which the session releases */
    int fd;                        /* a socket that it has from the start; -1: none */
    const uint8_t *secret, *proof; /* SECRET_SIZE bytes each */
};

/* A flow that has done nothing yet, owned by the caller; flow_free() it.
 */
struct flow *flow_new(const struct flow_arguments *arguments);
void flow_free(struct flow *flow);

/* Commands, from any thread; each runs on the flow's worker. */
void flow_post_prepare(struct flow *flow);
/* `at` is CLOCK_MONOTONIC. */
void flow_post_start(struct flow *flow, int64_t at);
/* `why` is who or what stops it before its time; NULL: its controller, which knows. Copied. */
void flow_post_stop(struct flow *flow, int64_t drain, const char *why);
/* The peer has ended its sending and says how many bytes it has sent, METRIC_ABSENT: not how
 * many. What is on its way is waited for and counted, as long as some comes: then the flow ends,
 * with the instant of the last byte as the end of its time. */
void flow_post_expect(struct flow *flow, int64_t bytes);
/* The flow's connection ends at once; RING_RELEASED follows, and then it may be freed. */
void flow_post_release(struct flow *flow);
/* Gives the flow its dump, before anything is posted to it. It goes back with the flow. */
void flow_set_dump(struct flow *flow, struct dump *dump);
void flow_set_trace(struct flow *flow, struct trace *trace);
/* Hands over an accepted connection that opened with this preamble, whose token is the flow's. */
void flow_post_adopt(struct flow *flow, int fd, const struct preamble *preamble);

/* ---- what it was made of; from any thread */

struct session *flow_session(const struct flow *flow);
/* Its place in the session. */
size_t flow_index(const struct flow *flow);
int64_t flow_id(const struct flow *flow);
enum endpoint flow_endpoint(const struct flow *flow);
struct worker *flow_worker(const struct flow *flow);
struct listener *flow_listener(const struct flow *flow);
/* The settings of both ends, by endpoint; of this one; of the other; of the flow. */
const struct endpoint_settings *flow_ends(const struct flow *flow);
const struct endpoint_settings *flow_own_settings(const struct flow *flow);
const struct endpoint_settings *flow_peer_settings(const struct flow *flow);
const struct flow_settings *flow_common_settings(const struct flow *flow);
/* What the ends show each other, SECRET_SIZE bytes each; the token is preamble_token() of the
 * secret. */
const uint8_t *flow_secret(const struct flow *flow);
const uint8_t *flow_proof(const struct flow *flow);
const uint8_t *flow_token(const struct flow *flow);
/* Length of the header of each block, 0: there is none. */
uint8_t flow_header_size(const struct flow *flow);
/* The test addresses of this end, and of the other. */
const struct addresses *flow_own_addresses(const struct flow *flow);
const struct addresses *flow_peer_addresses(const struct flow *flow);

/* Messages about a flow: its events at LOG_LEVEL_INFO, each read, write and timer at
 * LOG_LEVEL_TRACE. */
#define flow_log(level, flow, format, ...)                           \
    log_at(level, "flow %lld %s: " format, (long long)flow_id(flow), \
           endpoint_name(flow_endpoint(flow)) __VA_OPT__(, ) __VA_ARGS__)

/* ---- once its worker has told RING_READY or has released it: from the collector's thread as well
 */

/* So many of the peer's addresses were tried. */
size_t flow_peers_tried(const struct flow *flow);
/* Whether the peer has agreed to the flow. */
bool flow_has_agreed(const struct flow *flow);
/* Bytes that it has sent and read during the sending times; once it is released. */
int64_t flow_bytes_sent(const struct flow *flow);
int64_t flow_bytes_read(const struct flow *flow);

/* ---- for its peer protocol, on its worker */

/* The protocol's own memory. */
void *flow_peer_state(struct flow *flow);
enum flow_state flow_state(const struct flow *flow);
/* Goes over to a state before FLOW_READY, which ends with timeout() at `deadline`, CLOCK_NEVER:
 * does not end so. */
void flow_wait(struct flow *flow, enum flow_state state, int64_t deadline);
/* Stays in its state until then. */
void flow_wait_until(struct flow *flow, int64_t deadline);
/* Lets others have their turn; connected() follows, or a turn of the flow that runs. */
void flow_yield(struct flow *flow);
/* Whether the source may be at the address that it turned out to have; else the flow has failed. */
bool flow_may_have_source(struct flow *flow, const struct address *address);
/* The start of the run, 0 before it is known. */
int64_t flow_run_start(const struct flow *flow);
/* The peer's next address, which is then the last that was tried; NULL: there is none. */
const struct address *flow_next_peer(struct flow *flow);
/* The address that was tried last, or the first one. There is at least one. */
const struct address *flow_last_peer(const struct flow *flow);
/* Why addresses failed: text of the protocol's, freed with the flow. */
struct buffer *flow_peer_errors(struct flow *flow);
/* How long the handshake and the agreement took, ns. */
void flow_set_connect_time(struct flow *flow, int64_t time);
void flow_set_exchange_time(struct flow *flow, int64_t time);
/* The connection: its transport, that one's state, and the socket, -1 before flow_attach(). */
const struct transport *flow_transport(const struct flow *flow);
void *flow_connection(const struct flow *flow);
int flow_fd(const struct flow *flow);
/* Whether the socket may have something to read, or room to write, as far as its events said. */
bool flow_is_readable(const struct flow *flow);
bool flow_is_writable(const struct flow *flow);
/* A read has found nothing. */
void flow_clear_readable(struct flow *flow);

/* The flow can't be prepared, or has failed while it ran: says so, reports what there is. */
void flow_fail(struct flow *flow, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The exchange is over. */
void flow_ready(struct flow *flow);

/* Late connect: nothing more can be prepared. */
void flow_tell_ready(struct flow *flow);

/* Takes a socket and watches it. */
bool flow_attach(struct flow *flow, int fd);

/* Its dump learns that the connection is the flow's, as soon as it can. */
void flow_claim_dump(const struct flow *flow, int fd);
/* Its trace, if it has one, is to be of this socket: before it connects, or once it was accepted.
 */
void flow_trace_socket(const struct flow *flow, int fd);

/* Closes the connection, if there is one: the next address may be tried. */
void flow_close_socket(struct flow *flow);

/* Sets the timer to whatever comes next. */
void flow_rearm(struct flow *flow);

/* The socket gave an error. */
void flow_socket_error(struct flow *flow, int error);

#endif
