/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one daemon lets its users ask for, besides numbers of flows and sessions. */
#ifndef FLOWRIG_QUOTA_H
#define FLOWRIG_QUOTA_H

#include "netlist.h"
#include "protocol.h"

/* 0: no limit. */
struct quotas {
    int64_t flow_rate;  /* bit/s that one endpoint may ask to send */
    int64_t total_rate; /* bit/s that all endpoints here may ask to send together */
    int64_t duration;   /* ns from the start to the end of a flow */
    struct netlist allow, deny;
};

#define QUOTA_UNLIMITED INT64_MAX

/* What an endpoint will send by its settings, in bit/s: its requests, and its responses to the
 * other end's. QUOTA_UNLIMITED where nothing bounds it. */
int64_t quota_rate(const struct endpoint_settings ends[ENDPOINTS], enum endpoint which);

/* Whether an endpoint's rate and duration are allowed; else FAULT_POLICY and a sentence that names
 * the quota. */
bool quota_check_settings(const struct quotas *quotas,
                          const struct endpoint_settings ends[ENDPOINTS], enum endpoint which,
                          struct fail *fail);
/* Whether tests may be made from and to the addresses, those that an endpoint binds (none: any of
 * the host's) or those that it connects to. */
bool quota_check_own(const struct quotas *quotas, const struct addresses *own, enum endpoint which,
                     struct fail *fail);
bool quota_check_peer(const struct quotas *quotas, const struct addresses *peer, struct fail *fail);

#endif
