/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of a session share: session.c has its life, session_prepare.c makes its flows,
 * session_reports.c takes and gives its reports. */
#ifndef FLOWRIG_SESSION_STATE_H
#define FLOWRIG_SESSION_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "flow.h"
#include "session.h"
#include "store.h"
#include "token.h"

enum session_state { PREPARING, STARTED, ENDED, FAILED, CLOSED };

/* "preparing", ... */
extern const char *const session_state_names[];

enum member_state { MEMBER_PREPARING, MEMBER_READY, MEMBER_FAILED, MEMBER_DONE };

/* A flow endpoint as its session sees it. */
struct member {
    struct flow *flow; /* NULL once the worker has released it */
    int64_t id;
    enum endpoint endpoint;
    enum member_state state;
    bool failed;
    int code;
    char *reason;
    bool released;
};

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
    struct budget flows, rate;
};

struct session {
    struct list link; /* of all sessions; empty once it is closed */
    struct sessions *owner;
    atomic_int references;
    char id[PROTOCOL_ID_MAX];
    char run[PROTOCOL_LABEL_MAX], controller[PROTOCOL_LABEL_MAX];
    struct user *user;
    char open_key[PROTOCOL_KEY_MAX], start_key[PROTOCOL_KEY_MAX];
    int64_t lease, opened_at;
    atomic_int_fast64_t lease_end;

    pthread_mutex_t lock; /* of what follows */
    enum session_state state;
    int64_t ended_at, start_at;
    struct member *members;
    size_t count, capacity;
    size_t ready, failed, done;
    struct cdf *tables; /* empirical distributions; set once, before the flows that use them */
    size_t table_count;
    int64_t table_bytes;          /* charged to the budget */
    struct session_clock *clocks; /* of peers: in the order of their first endpoints */
    size_t clock_count;
    struct prepared *prepared;
    size_t prepared_count;
    struct store store;
    struct budget budget;
    int64_t lost;
    bool orphaned; /* stopped because its lease ended */
    bool sockets_closed;
    int64_t wake_at; /* when the calls that wait for reports are answered */
    struct waitlist waitlist;
};

struct sessions {
    struct sessions_config config;
    struct sessions_parts parts;
    struct budget memory;
    struct spill *spill; /* NULL without a state directory */
    struct budget rate;  /* bit/s that endpoints have asked to send */
    struct budget flows; /* endpoints that are not released */
    int64_t opened_at;
    pthread_mutex_t lock; /* of the list; taken before a session's lock */
    struct list all;
    size_t count;
    struct list users;
    atomic_int sessions_alive; /* closed ones with references included */
};

struct session *session_reference(struct session *session);
/* With the session's lock, and while no flow can use them. */
void session_free_tables(struct session *session);

/* Until when a call may wait that wants to for `wait_ms`. */
int64_t session_call_deadline(const struct call_wait *wait, int64_t wait_ms);

/* The call has to wait, until `deadline` and for half the lease at most. Called with the session's
 * lock, so that nothing happens between the look at the session and the wait. */
enum call_result session_wait(struct session *session, struct waitlist *waitlist,
                              struct call_wait *wait, int64_t deadline);

/* With the session's lock: stops the flows whose numbers are in `only`, or all, which drain for
 * at most `drain` ns; gives how many endpoints. The workers give the flows up; connections end. No
 * further row will come. */
int64_t session_stop_members(struct session *session, const struct schema_list *only,
                             int64_t drain);
void session_release_members(struct session *session);
bool session_is_finished(const struct session *session);

/* With the session's lock: the clock of peer `number`, made at its first use; NULL for -1. */
struct peerclock *session_peer_clock(struct session *session, int64_t number);
/* With the session's lock: takes what a call says of peers' clocks. Gives false, and takes nothing,
 * if one is of a peer that no endpoint has. */
bool session_take_clocks(struct session *session, const struct schema_list *clocks,
                         struct fail *fail);
void session_free_clocks(struct session *session);
/* Whether it ended and its controller is gone: only its reports are left. */
bool session_is_retained(struct session *session, int64_t now);

/* ---- quotas ---- */

void sessions_init_quotas(struct sessions *sessions);
void sessions_free_users(struct sessions *sessions);
/* With the lock of all sessions: the user of this name. */
struct user *sessions_user(struct sessions *sessions, const char *name);
/* With the lock of all sessions, which may be let go meanwhile: whether one more session has room.
 * Where it has none, those are given up that only wait for somebody to fetch their reports. */
bool sessions_make_room(struct sessions *sessions, const struct user *user, struct fail *fail);

/* Takes so many endpoints, or what an endpoint will send, from the quotas of the user and of the
 * daemon; else FAULT_TOO_MANY and a sentence that says which quota is used up. Gives it back. */
bool session_take_flows(struct session *session, size_t count, struct fail *fail);
void session_give_flows(struct session *session, size_t count);
bool session_take_rate(struct session *session, const struct endpoint_settings ends[ENDPOINTS],
                       enum endpoint which, struct fail *fail);
void session_give_rate(struct session *session, const struct endpoint_settings ends[ENDPOINTS],
                       enum endpoint which);

/* Takes the session off the list: nobody finds it any more, and it goes with its last flow. */
void session_remove(struct session *session);

/* All sessions, each with a reference; the array is to be freed. */
struct session **sessions_snapshot(struct sessions *sessions, size_t *count);

#endif
