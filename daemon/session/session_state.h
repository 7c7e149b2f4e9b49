/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of a session share. From the top: session.c (open, start, stop, close),
 * session_prepare.c, session_adopt.c and session_reports.c carry out calls; session_live.c shows
 * what goes on; session_lease.c and session_events.c are the collector's; session_wait.c,
 * session_clocks.c; session_list.c; session_users.c (quotas) and session_members.c. A file calls
 * those below it only. */
#ifndef FLOWRIG_SESSION_STATE_H
#define FLOWRIG_SESSION_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "flow/flow.h"
#include "session/contacts.h"
#include "session/session.h"
#include "session/store.h"
#include "token.h"

enum member_state { MEMBER_PREPARING, MEMBER_READY, MEMBER_FAILED, MEMBER_DONE };

/* A flow endpoint as its session sees it. */
struct member {
    struct flow *flow; /* NULL once the worker has released it; to post: member_flow_to_post() */
    int64_t id;
    enum endpoint endpoint;
    enum member_state state;
    bool failed;
    int code;
    char *reason;
    bool contact;             /* a source whose contacts are not over */
    bool released;            /* the worker was told to release it: it may be freed at any moment */
    struct live_row *live;    /* its last report; NULL: none, or nobody wants it */
    int64_t live_tx, live_rx; /* bytes, as far as they are in the sums of the session */
};

/* With the session's lock: the member's flow while commands may be posted to it; NULL once its
 * release was posted, after which a command would reach freed memory. */
static inline struct flow *member_flow_to_post(const struct member *member)
{
    return member->released ? NULL : member->flow;
}

/* A session.prepare that was carried out: its repetition gets the same answer. */
struct prepared {
    char key[PROTOCOL_KEY_MAX];
    size_t first, count;
};

/* The clock of a peer, by the number that the controller gave it. */
struct session_clock {
    int64_t peer;
    struct peerclock *clock; /* flows look at it: it stays where it is */
};

/* Who opens sessions, and what of the quotas they have taken. Lives as long as the daemon: who may
 * be a user is up to its owner. */
struct user {
    struct list link;
    char name[TOKEN_NAME_MAX]; /* "": nobody has to say who it is */
    const struct user_quota *quota;
    int64_t sessions; /* with the lock of all sessions */
    struct budget flows, rate, reports, flow_memory;
    struct contact_bucket contacts;         /* with the lock of all contacts */
    int64_t log_began, log_lines, unlogged; /* of warnings about their sessions */
};

/* Why a session lost reports. */
enum loss {
    LOSS_MEMORY, /* its own found no room */
    LOSS_SHARE,  /* another's found no room, and it held the most */
    LOSS_QUOTA,  /* its user's quota is used up */
};

struct session {
    struct list link; /* of all sessions; empty once it is closed */
    struct sessions *owner;
    atomic_int references;
    char id[PROTOCOL_ID_MAX];
    struct holder holder; /* of ports and captures: its number, and its user */
    char run[PROTOCOL_LABEL_MAX], controller[PROTOCOL_LABEL_MAX];
    struct user *user;
    char open_key[PROTOCOL_KEY_MAX], start_key[PROTOCOL_KEY_MAX];
    int64_t lease, opened_at;
    int64_t slot; /* lowest that was free: among sessions that are open, nobody else's */
    atomic_int_fast64_t lease_end;

    pthread_mutex_t lock; /* of what follows */
    enum session_state state;
    int64_t ended_at, start_at;
    struct member *members;
    size_t count, capacity;
    size_t ready, failed, done;
    size_t held;        /* places of flows that it has taken and not given back */
    struct cdf *tables; /* empirical distributions; set once, before the flows that use them */
    size_t table_count;
    int64_t table_bytes;          /* charged to the budget */
    struct session_clock *clocks; /* of peers: in the order of their first endpoints */
    size_t clock_count;
    struct prepared *prepared;
    size_t prepared_count;
    struct store store;
    struct budget budget, flow_memory;
    int64_t lost;
    enum loss loss;                    /* why */
    bool orphaned;                     /* stopped because its lease ended */
    char stopped[PROTOCOL_REASON_MAX]; /* who or what stopped its flows; "": its controller */
    bool stop_told;                    /* and its controller knows */
    bool sockets_closed;
    int64_t live_tx, live_rx; /* bytes of its endpoints, where config.live */
    int64_t wake_at;          /* when the calls that wait for reports are answered */
    struct waitlist waitlist;

    /* Rows about the host; the collector's, once the session has started. */
    int64_t host_interval;                 /* ns, 0: none are asked for */
    int64_t host_numbers;                  /* rows so far */
    int64_t host_from;                     /* when the last of them ended, ns after the start */
    struct hoststat_sampler *host_sampler; /* NULL before the start instant */
};

struct sessions {
    struct sessions_config config;
    struct sessions_parts parts;
    struct budget memory;
    struct spill *spill;       /* NULL without a state directory */
    struct budget rate;        /* bit/s that endpoints have asked to send */
    struct budget flows;       /* endpoints that are not released */
    struct budget flow_memory; /* bytes of their queues and histograms */
    struct contacts *contacts;
    int64_t opened_at;
    int64_t opened;       /* sessions so far */
    pthread_mutex_t lock; /* of the list; taken before a session's lock */
    struct list all;
    size_t count;
    struct list users;
    atomic_int_fast64_t live_tx, live_rx; /* bytes of all endpoints so far, where config.live */
    atomic_int sessions_alive;            /* closed ones with references included */
};

/* ---- session_list.c ---- */

struct session *session_reference(struct session *session);
/* With the lock of all sessions: the session that was opened with this key by this user (NULL:
 * nobody has to say), or NULL; a new one in the list, with a reference that the list owns. */
struct session *sessions_find_key(struct sessions *sessions, const char *key, const char *user);
struct session *session_new(struct sessions *sessions, const struct open_call *call,
                            struct user *user);
/* Takes the session off the list: nobody finds it any more, and it goes with its last flow. */
void session_remove(struct session *session);
/* All sessions, each with a reference; the array is to be freed. */
struct session **sessions_snapshot(struct sessions *sessions, size_t *count);
/* With the session's lock: it has lost `rows` reports; its flows are stopped. */
void session_fail(struct session *session, int64_t rows, enum loss loss);
/* With the session's lock: no further row will come. */
bool session_is_finished(const struct session *session);
/* With the session's lock, and while no flow can use them. */
void session_free_tables(struct session *session);

/* ---- session_live.c ---- */

/* With the session's lock: notes what a report of the member says, for sessions_live(). */
void session_keep_live(struct session *session, struct member *member,
                       const struct ring_entry *entry, int64_t now);
/* Likewise what it has moved in all, now that its worker has released it. */
void session_end_live(struct session *session, struct member *member, const struct flow *flow);
/* Without locks: what flowd.status says of it. */
void session_describe(struct session *session, int64_t now, struct status_session *status);

/* ---- session_wait.c ---- */

/* Until when a call may wait that wants to for `wait_ms`: for half the lease at most, counted from
 * when the call came, however often it is woken meanwhile. In the past if it can't wait. */
int64_t session_call_deadline(const struct session *session, const struct call_wait *wait,
                              int64_t wait_ms);

/* The call has to wait, until session_call_deadline() at most. Called with the session's lock, so
 * that nothing happens between the look at the session and the wait. */
enum call_result session_wait(struct session *session, struct waitlist *waitlist,
                              struct call_wait *wait, int64_t deadline);

/* ---- session_members.c ---- */

/* Numbers of flows, as bits. */
struct flow_set {
    uint8_t *bits;
    int64_t end; /* above the highest */
};

/* Of a list of int64_t; numbers that no flow can have are left out. flow_set_free() frees. */
struct flow_set flow_set_make(const struct schema_list *numbers);
void flow_set_free(struct flow_set *set);

/* With the session's lock: stops the flows whose numbers are in `only`, or all, which drain for
 * at most `drain` ns; returns how many endpoints. The workers give the flows up; connections end.
 * No further row will come. */
int64_t session_stop_members(struct session *session, const struct flow_set *only, int64_t drain);
/* With the session's lock: notes who or what stops its flows from now on; the first cause stays. */
void session_set_stopped(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void session_release_members(struct session *session);

/* ---- session_clocks.c ---- */

/* With the session's lock: the clock of peer `number`, made at its first use; NULL for -1. */
struct peerclock *session_peer_clock(struct session *session, int64_t number);
/* With the session's lock: takes what a call says of peers' clocks. Returns false, and takes
 * nothing, if one is of a peer that no endpoint has. */
bool session_take_clocks(struct session *session, const struct schema_list *clocks,
                         struct fail *fail);
void session_free_clocks(struct session *session);

/* ---- session_lease.c ---- */

/* Whether it ended and its controller is gone: only its reports are left. */
bool session_is_retained(struct session *session, int64_t now);
/* With the lock of all sessions, which may be let go meanwhile: whether one more session has room.
 * Where it has none, those are given up that only wait for somebody to fetch their reports. */
bool sessions_make_room(struct sessions *sessions, const struct user *user, struct fail *fail);
/* Without locks: report memory is full. The session that holds the most, of the user whose sessions
 * hold the most, loses its reports, unless it is `needs` itself. Returns whether one has. */
bool sessions_shed_reports(struct sessions *sessions, const struct session *needs);

/* ---- session_events.c ---- */

/* With the session's lock, which may be let go meanwhile: keeps a packed row for the controller. On
 * the collector's thread. */
void session_take_row(struct session *session, const void *row, size_t size, int64_t now);

/* ---- session_hoststats.c ---- */

/* With the session's lock, which may be let go meanwhile: adds rows about the host if it is time;
 * gives when it will be. */
int64_t session_sample_host(struct session *session, int64_t now);
/* Likewise, for the last time: the last flow is about to be done. */
void session_end_host(struct session *session, int64_t now);

/* ---- session_users.c ---- */

/* A warning about the session: ten lines in ten seconds for each user, whatever they do. */
void session_warn(const struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Set up and free what is kept of each user. */
void sessions_init_quotas(struct sessions *sessions);
void sessions_free_users(struct sessions *sessions);
/* With the lock of all sessions: the user of this name. */
struct user *sessions_user(struct sessions *sessions, const char *name);

/* Takes so many endpoints, or what an endpoint will send, from the quotas of the user and of the
 * daemon; else FAULT_TOO_MANY and a sentence that says which quota is used up. Gives it back. */
bool session_take_flows(struct session *session, size_t count, struct fail *fail);
void session_give_flows(struct session *session, size_t count);
bool session_take_rate(struct session *session, const struct endpoint_settings ends[ENDPOINTS],
                       enum endpoint which, struct fail *fail);
void session_give_rate(struct session *session, const struct endpoint_settings ends[ENDPOINTS],
                       enum endpoint which);
/* Whether any quota of its user or of the daemon bounds rates. */
bool session_bounds_rates(const struct session *session);
/* A source is to be sent to one of these addresses after the other: contacts_begin() of each. Those
 * that may not be tried are taken off the list; false with a sentence where none is left. */
bool session_begin_contacts(struct session *session, struct addresses *peer, struct fail *fail);
/* It has tried the first `tried` of them, and the last of these has agreed or not. */
void session_end_contacts(struct session *session, const struct addresses *peer, size_t tried,
                          bool agreed);

#endif
