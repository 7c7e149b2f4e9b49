/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of a run share: run.c has the stages, the other files carry them out. What a call
 * brings back goes to a function of the file that made the call. */
#ifndef FLOWRIG_RUN_STATE_H
#define FLOWRIG_RUN_STATE_H

#include "results/clocksync.h"
#include "failure.h"
#include "fifo.h"
#include "fleet/fleet.h"
#include "fleet/interrupt.h"
#include "run/daemon_contact.h"
#include "run/run.h"
#include "run/run_file.h"
#include "output/sinks.h"

/* A daemon during the run. */
struct run_daemon {
    bool described;
    int64_t quickest_call;       /* before the flows connected, ns; 0: none was answered */
    struct report_layout layout; /* of its reports */
    char session[PROTOCOL_ID_MAX];
    struct fifo waiting[ENDPOINTS];  /* size_t: flows whose end is to be prepared there */
    size_t prepare_calls[ENDPOINTS]; /* that were made */
    bool prepared;                   /* all its endpoints are ready */
    int64_t after;                   /* number of the last row that was taken */
    int64_t acknowledged;            /* of the last one that is known to be written, too */
    int64_t marked;                  /* of one that is on its way to the disk; 0: none is */
    struct sinks_mark mark;
    bool finished;       /* it has no further rows */
    bool released;       /* nor any socket of the flows */
    bool lost;           /* it does not answer any more */
    bool gone;           /* it has nothing of this run any more */
    bool stop_told;      /* it has told who stopped its flows */
    bool stop_said;      /* that its flows were stopped there */
    struct fifo to_stop; /* size_t: flows whose other end has ended before its time */
    unsigned stop_calls; /* for them, that were made */
    bool polling;
    int64_t host_number; /* of the next row about its host */
    bool left_out;       /* a report that it sent was refused, and that was said */
    struct daemon_contact contact;
    int64_t rows_lost;             /* that found no room at the daemon */
    int64_t start_at;              /* the common instant as the daemon was told, by its clock */
    bool asking_clock;             /* an exchange of times is under way */
    int clock_burst;               /* exchanges of this burst that are over */
    int64_t clock_at, clock_pause; /* when the next one is due, and the pause before it */
    bool tell_clocks;              /* more is known of its peers' than it was told */
    struct schema_list clocks;     /* struct peer_clock: of its flows' peers, owned */
};

/* What a destination issued for its flow. */
struct run_link {
    int64_t port;
    char secret[PROTOCOL_ID_MAX], proof[PROTOCOL_ID_MAX];
};

/* A failure of the preparation whose cause the flow's other end may know. */
struct run_consequence {
    bool held; /* it was not said yet */
    size_t daemon;
    struct failure failure;
    char sentence[FAIL_TEXT_MAX]; /* of the failure */
    int64_t asked, until; /* when the other end was last asked, and is no longer waited for */
};

struct run {
    struct run_options *options;
    struct plan *plan;
    struct access *private_access; /* to those that are; NULL: there are none */
    struct access *access;         /* to daemons that are not our own; NULL: without TLS */
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
    size_t preparing;     /* calls that prepare endpoints and were not answered yet */
    int64_t
        round_trip; /* to the farthest daemon, ns: its quickest call; 0 before all are prepared */
    size_t early_clocks; /* daemons whose clocks were read while flows connected */
    int64_t slowest;     /* of the calls that read clocks before the start, ns */
    struct run_consequence consequence;
    bool failed;       /* the run can't go on: its sentence was printed */
    int status;        /* the exit status that failure has */
    bool address_said; /* that a test address does not belong to its host */
    bool
        later_clocks; /* they have begun: an exchange of times that fails no longer fails the run */
    int64_t progress_at; /* when the status line was last written */
    char *stopping;      /* why all flows were told to stop; NULL: they were not */
    bool not_reached;    /* while looking for daemons: one was not */
    bool quiet_contact;  /* a daemon that is not reached does not fail the run yet */
};

enum { RUN_STEP_MS = 200 }; /* between two looks at what else has happened */

/* Notes that the run can't go on, and prints the first sentence that says why. */
void run_fail(struct run *run, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "host:port" of a daemon, in a buffer of the thread. */
const char *run_daemon_name(const struct run *run, size_t daemon);

/* Works until no call is pending; returns false if the run failed or was interrupted. */
bool run_wait(struct run *run);

/* Likewise, of one end of a flow, of which that daemon speaks. Returns false where it is not its
 * own. */
bool run_fail_flow(struct run *run, size_t daemon, const struct failure *failure);
/* The words for a failure: "flow 3, source 10.0.0.1 (flowd at 10.0.0.1:5999): SENTENCE". */
void run_failure_text(const struct run *run, const struct failure *failure,
                      char text[2 * FAIL_TEXT_MAX]);

/* The run can't go on without the answer of a call that failed. */
void run_fail_call(struct run *run, const struct fleet_result *result);

/* Likewise, while the daemons are not known to be there yet. */
void run_fail_contact(struct run *run, const struct fleet_result *result);

/* run_prepared.c. Asks all daemons whether their endpoints are ready. */
void run_ask_prepared(struct run *run);
/* Waits for the answers; where the failure of one endpoint may have its cause at the other end,
 * that end is heard first, for a while. Returns false if the run failed or was interrupted. */
bool run_await_prepared(struct run *run);

/* The stages. Each gives false if the run can't go on. */
bool run_contact(struct run *run);
bool run_prepare(struct run *run);
bool run_start(struct run *run);
void run_gather(struct run *run);
/* Compares the clocks once more, finds out when each endpoint really started, and says what is
 * wrong with clocks. */
void run_settle_clocks(struct run *run);

/* run_verdict.c. A final report came of a flow that was stopped: says so, unless it had its time.
 */
void run_note_stopped(struct run *run, const struct report *report, struct endpoint_result *result);
/* Decides the exit status after the last report, and gives the cause of each that is not 0. */
void run_judge(struct run *run, const struct results_total *total);

/* run_clocks.c. Exchanges times with every daemon that is not lost, `rounds` times. */
bool run_read_clocks(struct run *run, int rounds);
/* What takes longer than this, in ns, is on a long path. */
#define RUN_LONG_TIME (500 * NS_PER_MS)
/* Whether even the quickest call to some daemon has taken so long. */
bool run_is_long(const struct run *run);
/* Begins the one round of a long path, beside other calls: its error is half a round trip anyway.
 */
void run_read_clocks_early(struct run *run);
/* Exchanges times with those for which it is due. */
void run_keep_clocks(struct run *run);
/* Makes room for what each daemon is told of its peers' clocks. */
void run_find_peers(struct run *run);
/* Warns of clocks that --clock=sync should not trust. */
void run_check_synchronised(const struct run *run);
/* What a daemon is to be told of its peers' clocks now, empty if that is what it was told last; the
 * list is the daemon's. */
struct schema_list run_peer_clocks(struct run *run, size_t daemon);

/* run_journal.c. Before the start: writes down what it takes to attach to the run. */
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

/* run_attach.c. Goes on with a run whose sessions are in run->file: finds its daemons and renews
 * its leases. */
bool run_rejoin(struct run *run);

/* run_prepare.c. What a daemon says of itself, and of its reports. */
void run_take_description(struct run *run, const struct fleet_result *result);
void run_take_schema(struct run *run, const struct fleet_result *result);

/* run_host.c. Takes a row about the daemon's host; returns false with a sentence where it is
 * none that was asked for. */
bool run_take_host(struct run *run, size_t daemon, const struct report_row *row, struct fail *fail);

/* run_lost.c. Stops these flows at a daemon, or all of the run; `key` names the call. */
void run_stop_flows(struct run *run, size_t daemon, struct schema_list flows, const char *key);
/* One end of a flow has ended before its time: the other end is to be stopped, too, by the next
 * run_stop_other_ends(). */
void run_end_flow(struct run *run, size_t flow, enum endpoint ended, const char *why);
void run_stop_other_ends(struct run *run);
/* A daemon tells who or what stopped its flows: so are their other ends. */
void run_end_flows_of(struct run *run, size_t daemon, const char *why);
/* Gives a daemon up: its flows end here. */
void run_lose_daemon(struct run *run, size_t index, const char *why);

#endif
