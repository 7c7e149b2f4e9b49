/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls to many daemons at once. Each daemon has two lanes, each with a connection of its own: a
 * call that waits for reports never delays one that stops a flow. */
#ifndef FLOWRIG_FLEET_H
#define FLOWRIG_FLEET_H

#include <stdint.h>

#include "fleet/access.h"
#include "fail.h"
#include "protocol.h"

struct fleet;

enum fleet_lane { LANE_COMMAND, LANE_REPORTS, LANES };

enum fleet_outcome {
    FLEET_ANSWERED,    /* the reply is there */
    FLEET_FAULT,       /* the daemon refused; fail.code is a number of protocol.h */
    FLEET_NOT_REACHED, /* no connection: name unknown, refused, timed out */
    FLEET_BROKEN,      /* connected, but no answer that makes sense */
};

/* A call that has come to an end. The reply, decoded by the method's schema, belongs to the fleet
 * and is freed after the function returns. */
struct fleet_result {
    size_t daemon;
    enum method_id method;
    enum fleet_outcome outcome;
    struct fail fail;
    bool refused; /* the host is there, and says that nobody listens */
    void *reply;
    int64_t sent, received; /* CLOCK_MONOTONIC here; received includes no decoding */
};

/* What to add to the sentence about a daemon that could not be reached at first, "" for nothing. */
const char *fleet_advice(const struct fleet_result *result, const char *host);

typedef void fleet_done(void *owner, const struct fleet_result *result);

/* `owner` is handed to the function of each call that ends. `extra_fd` (or -1) ends a wait early
 * when it is readable. */
struct fleet *fleet_new(void *owner, int extra_fd);
void fleet_free(struct fleet *fleet);

/* How the daemons that are added from now on are talked to; NULL: without TLS. Borrowed. */
void fleet_set_access(struct fleet *fleet, struct access *access);

/* Adds a daemon and gives its number: 0, 1, ... */
size_t fleet_add(struct fleet *fleet, const char *host, uint16_t port);

/* Makes a call, after those that its lane has already. The call's struct is read before this
 * returns; `done` (NULL: nobody) is called when the call ends. */
void fleet_call(struct fleet *fleet, size_t daemon, enum fleet_lane lane, enum method_id method,
                void *call, int64_t timeout_ms, fleet_done *done);

/* Whether the lane's calls are on their way, all of them and whole. */
bool fleet_is_sent(const struct fleet *fleet, size_t daemon, enum fleet_lane lane);
/* Calls that have not ended. */
size_t fleet_pending(const struct fleet *fleet);
/* Works until something ended or `timeout_ms` is over. */
void fleet_step(struct fleet *fleet, int64_t timeout_ms);
/* Abandons all calls of a daemon; their functions are not called. */
void fleet_cancel(struct fleet *fleet, size_t daemon);

#endif
