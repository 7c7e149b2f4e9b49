/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions: what one controller holds open on this daemon. A session owns its flows and their
 * reports, and lives as long as its lease. */
#ifndef FLOWRIG_SESSION_H
#define FLOWRIG_SESSION_H

#include "capture/capture.h"
#include "capture/trace.h"
#include "engine/collector.h"
#include "net/listener.h"
#include "mem.h"
#include "protocol.h"
#include "session/quota.h"
#include "session/resolver.h"
#include "engine/waitlist.h"
#include "engine/worker.h"

struct peer_protocol;
struct session;
struct sessions;

struct sessions_config {
    int64_t max_flows, max_sessions;
    int64_t report_memory; /* bytes */
    int64_t spill_size, retain_size;
    struct quotas quotas;
    int64_t lease_s, retain_s;
    bool live; /* sessions_live() is to know the flows' figures */
    char boot_id[PROTOCOL_ID_MAX];
};

/* The parts of the daemon that a session uses are set before the first session is opened, and
 * borrowed. */
struct sessions_parts {
    struct worker **workers;
    size_t worker_count;
    struct listeners *listeners;
    struct rendezvous *rendezvous;
    struct resolver *resolver;
    struct captures *captures;
    struct tracer *tracer;
    struct collector *collector; /* woken when there is a new lease to look after */
};

/* No sessions yet; the caller owns it. */
struct sessions *sessions_new(const struct sessions_config *config);
/* Names the parts of the daemon that sessions use; they are borrowed. */
void sessions_set_parts(struct sessions *sessions, const struct sessions_parts *parts);
/* Lets reports that find no room in memory go to a file of spill_open(), which is taken over;
 * before the first session. */
bool sessions_spill(struct sessions *sessions, int fd, struct fail *fail);
void sessions_free(struct sessions *sessions);

/* For the collector: takes an entry of a ring; looks after leases and what waits, and gives when
 * it wants to be called again. */
void sessions_take(void *sessions, const struct ring_entry *entry, int64_t now);
int64_t sessions_idle(void *sessions, int64_t now);

/* No limit to draining besides the flow's own. */
#define DRAIN_AS_SET INT64_MAX

/* Stops all flows, which drain for at most `drain` ns; closes all sessions; whether none is left;
 * whether all reports were fetched. */
void sessions_stop_all(struct sessions *sessions, int64_t drain, const char *why,
                       struct stop_all_reply *reply);
void sessions_close_all(struct sessions *sessions);
bool sessions_gone(struct sessions *sessions);
bool sessions_collected(struct sessions *sessions);
void sessions_status(struct sessions *sessions, struct status_reply *reply);
/* Fills in limits and quotas, as far as they are about sessions, for who calls; `user` NULL: nobody
 * has to say. */
void sessions_describe(struct sessions *sessions, const char *user, struct describe_reply *reply);

/* Who calls, and how the call may wait. `allowed` is false while nobody could be woken yet. */
struct call_wait {
    bool allowed;
    bool never;       /* the call is one of several in a system.multicall: it does not wait */
    const char *user; /* who calls; NULL: nobody has to say */
    const char *from; /* the address that the call came from */
    struct waiter *waiter;
    int64_t arrived;           /* when the call came, CLOCK_MONOTONIC */
    int64_t rows;              /* of session.close: what to answer once the session is gone */
    int64_t deadline;          /* set where the call wants to wait */
    struct waitlist *waitlist; /* where the waiter was put, NULL if it was not */
    struct session *session;   /* a reference that goes with it; session_put() */
};

enum call_result { CALL_DONE, CALL_FAULT, CALL_WAIT };

/* `user` NULL: nobody has to say who it is. */
enum call_result session_open(struct sessions *sessions, const struct open_call *call,
                              const char *user, struct open_reply *reply, struct fail *fail);
/* The session with a new reference and a lease that counts from `heard`, when its controller's call
 * came; or NULL with a sentence. That of another user is not found. */
struct session *session_get(struct sessions *sessions, const char *id, const char *user,
                            int64_t heard, struct fail *fail);
void session_put(struct session *session);

enum call_result session_prepare(struct session *session, const struct prepare_call *call,
                                 struct prepare_reply *reply, struct call_wait *wait,
                                 struct fail *fail);
enum call_result session_prepared(struct session *session, const struct prepared_call *call,
                                  struct prepared_reply *reply, struct call_wait *wait);
/* Endpoints whose connections are there already: those of a peer that speaks a protocol of its own,
 * and has no daemon. They are destinations, and the daemon is held to what either end may send. */
struct adoption {
    const struct prepare_endpoint *endpoints;
    const int *sockets; /* one for each, connected; taken over, whatever becomes of them */
    size_t count;
    const struct peer_protocol *protocol;
};
/* Prepares them, as session_prepare() does; false with a code and a sentence. */
bool session_adopt(struct session *session, const struct adoption *adoption, struct fail *fail);
enum call_result session_start(struct session *session, const struct start_call *call,
                               struct start_reply *reply, struct fail *fail);
/* Fills all but `table`: rows are packed. */
enum call_result session_reports(struct session *session, const struct reports_call *call,
                                 struct reports_reply *reply, struct call_wait *wait,
                                 struct fail *fail);
enum call_result session_stop(struct session *session, const struct stop_call *call,
                              struct stop_reply *reply);
/* Stops all of its flows, which drain for at most `drain` ns; those that drain already, for no
 * longer than that from now on. */
void session_stop_within(struct session *session, int64_t drain);
/* What the peer says that it has sent in each flow: flow_post_expect(). `bytes` has one number for
 * each. */
void session_expect(struct session *session, const int64_t *bytes, size_t count);
enum call_result session_renew(struct session *session, struct renew_reply *reply);
/* Closes it; the answer comes when all of its flows have been released, so that whoever is next
 * finds their places free, or after two and a half seconds. */
enum call_result session_close(struct session *session, struct close_reply *reply,
                               struct call_wait *wait);

#endif
