/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of a run share: run.c has the stages, run_prepare.c and run_gather.c carry them
 * out. */
#ifndef FLOWRIG_RUN_STATE_H
#define FLOWRIG_RUN_STATE_H

#include "clocksync.h"
#include "fifo.h"
#include "fleet.h"
#include "interrupt.h"
#include "run.h"
#include "run_file.h"
#include "sink.h"

/* A daemon during the run. */
struct run_daemon {
    bool described, has_layout;
    struct report_layout layout; /* of its reports */
    char session[PROTOCOL_ID_MAX];
    struct fifo waiting[ENDPOINTS];  /* size_t: flows whose end is to be prepared there */
    size_t prepare_calls[ENDPOINTS]; /* that were made */
    bool prepared;                   /* all its endpoints are ready */
    int64_t after;                   /* number of the last row that was taken */
    int64_t acknowledged;            /* of the last one that is known to be written, too */
    int64_t marked;                  /* of one that is on its way to the disk; 0: none is */
    struct sinks_mark mark;
    bool finished; /* it has no further rows */
    bool lost;     /* it does not answer any more */
    bool gone;     /* it has nothing of this run any more */
    bool polling;
    int64_t last_contact, retry_at; /* CLOCK_MONOTONIC */
    int64_t refused_since;          /* since when connections are refused, 0: they are not */
    int64_t rows_lost;              /* that found no room at the daemon */
    int64_t start_at;               /* the common instant as the daemon was told, by its clock */
    bool asking_clock;              /* an exchange of times is under way */
    int clock_burst;                /* exchanges of this burst that are over */
    int64_t clock_at, clock_pause;  /* when the next one is due, and the pause before it */
    bool tell_clocks;               /* more is known of its peers' than it was told */
    struct schema_list clocks;      /* struct peer_clock: of its flows' peers, owned */
};

/* What a destination issued for its flow. */
struct run_link {
    int64_t port;
    char secret[PROTOCOL_ID_MAX], proof[PROTOCOL_ID_MAX];
};

struct run {
    struct run_options *options;
    struct plan *plan;
    struct access *access; /* to daemons that are not our own; NULL: without TLS */
    struct fleet *fleet;
    struct sinks sinks;
    struct results *results;
    struct clocksync *clocks;
    struct run_daemon *daemons;       /* as many as the plan has */
    struct describe_reply *described; /* likewise */
    struct run_link *links;           /* one per flow */
    size_t linked;                    /* flows whose destination has answered */
    char id[PROTOCOL_ID_MAX], controller[PROTOCOL_LABEL_MAX];
    struct run_file file; /* for the case that this process dies */
    bool attached;        /* another controller began the run, and died */
    bool private;         /* the daemons end with this process */
    char *log_name;       /* where the options named no log */
    int64_t seed;         /* of flows that draw and were given none */
    int64_t start;        /* the common instant, local CLOCK_MONOTONIC */
    int64_t slowest;      /* of the calls that read clocks before the start, ns */
    bool failed;          /* the run can't go on: its sentence was printed */
    int status;           /* the exit status that failure has */
    bool later_clocks; /* they have begun: an exchange of times that fails is no failure any more */
    bool stopping;     /* all flows were told to stop */
    bool not_reached;  /* while looking for daemons: one was not */
    bool quiet_contact; /* a daemon that is not reached is no failure yet */
};

/* Notes that the run can't go on, and prints the first sentence that says why. */
void run_fail(struct run *run, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "host:port" of a daemon, in a buffer of the thread. */
const char *run_daemon_name(const struct run *run, size_t daemon);

/* Works until no call is pending; gives false if the run failed or was interrupted. */
bool run_wait(struct run *run);

/* Calls of one kind to every daemon, for those that take nothing but the session. */
void run_call_all(struct run *run, enum method_id method);

/* The stages. Each gives false if the run can't go on. */
bool run_contact(struct run *run);
bool run_prepare(struct run *run);
bool run_start(struct run *run);
void run_gather(struct run *run);
/* Compares the clocks once more, finds out when each endpoint really started, and says what is
 * wrong with clocks. */
void run_settle_clocks(struct run *run);

/* run_clocks.c. Exchanges times with every daemon that is not lost, `rounds` times. */
bool run_read_clocks(struct run *run, int rounds);
/* Exchanges times with those for which it is due. */
void run_keep_clocks(struct run *run);
void run_take_clock(struct run *run, const struct fleet_result *result);
/* --start-at: waits until shortly before the wanted start, at least `lead` ns, and sets the run's
 * start to it. Meanwhile the sessions stay alive and the clocks are watched. */
bool run_await_start(struct run *run, int64_t lead);
/* Makes room for what each daemon is told of its peers' clocks. */
void run_find_peers(struct run *run);
/* Warns of clocks that --clock=sync should not trust. */
void run_check_synchronised(const struct run *run);
/* What a daemon is to be told of its peers' clocks now, empty if that is what it was told last; the
 * list is the daemon's. */
struct schema_list run_peer_clocks(struct run *run, size_t daemon);

/* Before the start: writes down what it takes to attach to the run. */
void run_remember(struct run *run);
/* Notes that the flows are about to be started. */
void run_remember_start(struct run *run);
/* Nothing of the run is left at the daemons: there is nothing to attach to. */
void run_forget(struct run *run);
/* The log lacks rows: whether the daemons keep them for somebody who attaches, who is told so. */
bool run_leave_rows(struct run *run);
/* Whether every daemon has given its last row. */
bool run_is_collected(const struct run *run);
/* Takes daemons and sessions from run->file. */
void run_name_sessions(struct run *run);
/* Goes on with a run whose sessions are in run->file: finds its daemons and renews its leases. */
bool run_rejoin(struct run *run);
/* Gives a daemon up: its flows end here. */
void run_lose_daemon(struct run *run, size_t index, const char *why);

/* What comes back: each takes the results of its stage's methods, and says if it did. */
bool run_rejoin_result(struct run *run, const struct fleet_result *result);
bool run_prepare_result(struct run *run, const struct fleet_result *result);
bool run_gather_result(struct run *run, const struct fleet_result *result);

#endif
