/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan of a run: every flow with every setting, resolved before any network I/O. */
#ifndef FLOWRIG_PLAN_H
#define FLOWRIG_PLAN_H

#include <stdint.h>
#include <stdio.h>

#include "fail.h"
#include "protocol.h"
#include "settings.h"

enum { PLAN_FLOWS_MAX = 1000000 };

/* A daemon, named by its control address. */
struct plan_daemon {
    char host[PROTOCOL_HOST_MAX];
    uint16_t port;
    size_t endpoints; /* of the run that lie there */
};

/* Where an endpoint is: its test address, and the daemon that it belongs to. */
struct plan_place {
    char host[PROTOCOL_HOST_MAX];    /* test address */
    char control[PROTOCOL_HOST_MAX]; /* control address; may be the same */
    uint16_t port;
    size_t daemon; /* index in the plan's daemons, after plan_group() */
    bool named;    /* with -H */
};

/* Whether both name the same host and daemon, as typed. */
bool plan_place_equal(const struct plan_place *one, const struct plan_place *other);

struct plan_flow {
    struct plan_place at[ENDPOINTS];
    struct endpoint_settings ends[ENDPOINTS];
    struct flow_settings settings;
};

/* An empirical distribution that flows draw from: F:0 stands for the first, and so on. */
struct plan_table {
    char *path;
    char *text; /* of the file */
    size_t length, points;
};

struct plan_tables {
    struct plan_table list[PROTOCOL_TABLES_MAX];
    size_t count;
};

/* Reads a table, unless it was read before, and gives its number; -1 with a sentence. */
int plan_tables_add(struct plan_tables *tables, const char *path, struct fail *fail);
void plan_tables_free(struct plan_tables *tables);

struct plan {
    struct plan_flow *flows;
    size_t count;
    struct plan_daemon *daemons;
    size_t daemon_count;
    bool hosts_named;  /* -H was given */
    char *binary_rate; /* owned: the first rate that was typed with a power of 1024, or NULL */
    struct plan_tables tables;
};

/* A plan of `count` flows with their defaults, on localhost. */
struct plan *plan_new(size_t count);
void plan_free(struct plan *plan);

/* Leaves open how long each end sends, until options say so. */
void plan_open_durations(struct plan *plan);
/* Closes what is still open: without -T an endpoint with a volume has long enough for it. The
 * source sends by default where nothing says who does. */
void plan_settle_durations(struct plan *plan);

/* Gives flows that draw at random and have no seed this one. */
void plan_set_seed(struct plan *plan, int64_t seed);

/* Finds the daemons: endpoints with one control address share one. */
void plan_group(struct plan *plan);

/* Checks each flow by itself; returns false and a sentence that names the flow. */
bool plan_check(const struct plan *plan, struct fail *fail);

/* When the last flow ends, in ns after the start, without draining. */
int64_t plan_end(const struct plan *plan);

/* Whether packets of any flow are to be dumped. */
bool plan_dumps(const struct plan *plan);
/* Whether any flow is to be traced. */
bool plan_traces(const struct plan *plan);

/* One flow in one line: where it runs, then each setting with its value and unit. Defaults are
 * left out unless `all`. The text belongs to the caller. */
char *plan_describe_flow(const struct plan *plan, size_t flow, bool all);
/* What --dry-run prints. */
void plan_print(const struct plan *plan, FILE *out);

/* "host:port", with brackets where needed. */
void plan_daemon_text(const struct plan_daemon *daemon, char text[PROTOCOL_HOST_MAX + 16]);

#endif
