/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one daemon lets its users ask for, besides numbers of flows and sessions. */
#ifndef FLOWRIG_QUOTA_H
#define FLOWRIG_QUOTA_H

#include "clock.h"
#include "protocol.h"
#include "session/netlist.h"
#include "token.h"

enum { USER_QUOTAS_MAX = 128 };

/* The user that clients of iperf3 are, who have no token. */
#define IPERF3_USER "iperf3"

/* What one user may have here at once. 0: no limit besides the daemon's. */
struct user_quota {
    char user[TOKEN_NAME_MAX]; /* "": each that has none of their own */
    int64_t sessions, flows;   /* flow endpoints */
    int64_t rate;              /* bit/s that all of their endpoints may ask to send together */
    int64_t duration;          /* ns from the start to the end of a flow */
    int64_t reports;           /* bytes that are kept for them in memory and file */
    int64_t lease;             /* ns, of one session; 0: LEASE_MAX or the daemon's own */
};

/* The longest lease that a session may ask for, unless a user's quota or the daemon's own lease is
 * longer: what nobody looks after should not hold for long what others need. */
#define LEASE_MAX (300 * NS_PER_SEC)

/* 0: no limit. */
struct quotas {
    int64_t flow_rate;  /* bit/s that one endpoint may ask to send */
    int64_t total_rate; /* bit/s that all endpoints here may ask to send together */
    int64_t duration;   /* ns from the start to the end of a flow */
    struct netlist allow, deny;
    struct user_quota users[USER_QUOTAS_MAX];
    size_t user_count;
};

#define QUOTA_UNLIMITED INT64_MAX

/* What an endpoint will send by its settings, in bit/s: its requests, and its responses to the
 * other end's. QUOTA_UNLIMITED where nothing bounds it. */
int64_t quota_rate(const struct endpoint_settings ends[ENDPOINTS], enum endpoint which);

/* Takes "[USER:]sessions=#,flows=#,rate=#.#,duration=#.#,reports=#,lease=#.#", any of these; a
 * later one for the same user replaces the first. Returns false and a sentence where the text is
 * none. */
bool quota_add_user(struct quotas *quotas, const char *text, struct fail *fail);
/* The quota of a user: their own, or that of each, or one without limits. */
const struct user_quota *quota_of_user(const struct quotas *quotas, const char *user);

/* Whether an endpoint's rate and duration are allowed to `user` ("": nobody has to say who it is);
 * else FAULT_POLICY and a sentence that names the quota, and whose it is. */
bool quota_check_settings(const struct quotas *quotas, const char *user,
                          const struct endpoint_settings ends[ENDPOINTS], enum endpoint which,
                          struct fail *fail);
/* Whether a flow of these ends may drain for so long after its end: for five seconds, or as long as
 * a flow may last in all. Likewise. */
bool quota_check_drain(const struct quotas *quotas, const char *user,
                       const struct endpoint_settings ends[ENDPOINTS], int64_t drain,
                       struct fail *fail);
/* Whether tests may be made from and to the addresses, those that an endpoint binds (none: any of
 * the host's) or those that it connects to. */
bool quota_check_own(const struct quotas *quotas, const struct addresses *own, enum endpoint which,
                     struct fail *fail);
bool quota_check_peer(const struct quotas *quotas, const struct addresses *peer, struct fail *fail);
/* The same for one address: that of a source that has come. */
bool quota_check_address(const struct quotas *quotas, const struct address *address,
                         struct fail *fail);

/* Fills in what flowd.describe says of them, for `user`. */
void quota_describe(const struct quotas *quotas, const char *user, struct quotas_message *message);

#endif
