/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session of an iperf3 test: it is opened, started, read and closed as a controller does it,
 * without calls over the network. All on one worker, which is told when something has happened. */
#ifndef FLOWRIG_IPERF3_FLOWS_H
#define FLOWRIG_IPERF3_FLOWS_H

#include "iperf/iperf3_output.h"
#include "session/session.h"

struct iperf3_flows {
    struct worker *worker;
    void (*changed)(struct iperf3_flows *flows); /* what was waited for may have happened */
    struct sessions *sessions;
    struct session *session; /* NULL: none */
    char id[PROTOCOL_ID_MAX];
    int64_t renew_every, renew_at; /* the lease */
    struct iperf3_stream *streams;
    size_t count, finished;
    struct iperf3_output output;
    int64_t after;                     /* the last row that was read */
    bool over;                         /* no further row will come */
    char stopped[PROTOCOL_REASON_MAX]; /* who or what stopped them, "": nobody has */
    /* Of a call that waits. */
    struct waiter waiter;
    struct waitlist *waitlist;
    struct session *waits_for;
    bool waiting;
};

/* Opens the session for the client at an address; false with a code and a sentence. */
bool iperf3_flows_open(struct iperf3_flows *flows, const char *address,
                       const struct iperf3_params *params, struct fail *fail);
/* Prepares a flow over each of the sockets, which it takes over. */
bool iperf3_flows_adopt(struct iperf3_flows *flows, const struct iperf3_params *params,
                        const int *sockets, size_t count, int64_t longest, struct fail *fail);

enum iperf3_prepared { IPERF3_PREPARING, IPERF3_PREPARED, IPERF3_UNPREPARED };

/* Whether all are prepared: IPERF3_UNPREPARED has a code and a sentence; after IPERF3_PREPARING
 * changed() follows. */
enum iperf3_prepared iperf3_flows_prepared(struct iperf3_flows *flows, struct fail *fail);
/* Starts them at once. */
bool iperf3_flows_start(struct iperf3_flows *flows, struct fail *fail);
/* Stops them at the end of the test; with `senders` only those in which the server sends. */
void iperf3_flows_stop(struct iperf3_flows *flows, bool senders);
/* Reads the rows that are there; changed() follows when there are more, unless all is over. */
void iperf3_flows_read(struct iperf3_flows *flows);
/* Whether every stream in the direction has its final report. */
bool iperf3_flows_finished(const struct iperf3_flows *flows, bool reverse);
/* Why one of them has failed, NULL: none has. */
const struct iperf3_stream *iperf3_flows_failed(const struct iperf3_flows *flows);
/* Renews the lease if that is due; gives when it is next. */
int64_t iperf3_flows_renew(struct iperf3_flows *flows, int64_t now);

/* Closes the session. Returns false while a wakeup is on its way to the worker: then changed()
 * comes once more, and the struct has to stay until then. */
bool iperf3_flows_close(struct iperf3_flows *flows);

#endif
