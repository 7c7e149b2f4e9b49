/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of each endpoint of a run: its rows are taken in order, counters become
 * differences, and the final report is kept for the summary. */
#ifndef FLOWRIG_RESULTS_H
#define FLOWRIG_RESULTS_H

#include "plan/plan.h"
#include "report.h"
#include "results/limits.h"
#include "tally.h"

/* One end of one flow. */
struct endpoint_result {
    bool started;            /* the start row is here */
    struct report start;     /* counters hold the baseline */
    int64_t start_late;      /* when it truly began, ns after the common instant ... */
    int64_t start_bound;     /* ... and how well the clocks are known for that */
    int64_t before[METRICS]; /* counters at the end of the last interval */
    int64_t intervals;       /* rows of intervals so far */
    int64_t next_number;     /* of the next row */
    int64_t missing;         /* rows whose numbers never came */
    int64_t logged_end;      /* end of the last interval that was replayed from a log, ns */
    bool joined;             /* the rows up to the first one that comes were somebody else's */
    bool finished;           /* the final row is here */
    struct report final;
    struct histogram *histograms[SERIES]; /* of the final report; NULL: without values */
    struct limits limits;
    bool algorithm_known, model_based; /* for limits: of its congestion control */
    char *info;         /* "name=value" lines of the newest start or final row; NULL */
    char *error;        /* why it failed, or why nothing is known; NULL */
    bool stopped_there; /* its daemon says by whom, not this controller */
    char *stopped; /* who or what stopped it before its time, NULL: it had its time, or failed */
};

struct flow_result {
    struct endpoint_result ends[ENDPOINTS];
};

struct results {
    struct flow_result *flows;
    size_t count;
};

/* Results of `count` flows without any row; the caller owns it. */
struct results *results_new(size_t count);
void results_free(struct results *results);

/* Takes a row, and gives the endpoint that it belongs to, or NULL with a sentence if there is none
 * such in the run. For an interval, `delta` gets counters as differences since the row before and
 * all other values as they are. */
struct endpoint_result *results_take(struct results *results, const struct report_row *row,
                                     int64_t delta[METRICS], struct fail *fail);

/* Whether the row is known already from a log that was replayed; its number is noted then, and its
 * histograms are taken. *failed is the endpoint whose failure comes with it but is not in the log,
 * as the line after the row was not written any more; else NULL. */
bool results_know(struct results *results, const struct report_row *row,
                  const struct endpoint_result **failed);

/* Notes why an endpoint has no (further) result; the first reason stays. */
void results_set_error(struct endpoint_result *result, const char *text);

/* Notes who or what stops an endpoint before its time; the first reason stays, unless the endpoint
 * has one of its own in its final report. */
void results_set_stopped(struct endpoint_result *result, const char *text);

/* Whether an endpoint sent or received for a shorter time than it was to. */
bool results_were_cut(const struct endpoint_result *result, const struct plan_flow *planned,
                      enum endpoint end);

/* The value of a name in the endpoint's info, or "" (in a buffer of the caller). */
void results_info(const struct endpoint_result *result, const char *name, char *value, size_t size);

/* The values of a series at all endpoints together, added up exactly. */
struct results_series {
    struct tally tally;          /* minimum, maximum and sum are those of the reports */
    struct histogram *histogram; /* to be freed; NULL where there is no value */
    size_t without;              /* endpoints that had values, but whose histogram is not there */
};

/* Takes the endpoints that have a histogram of the series. */
void results_merge(const struct results *results, enum series_id series,
                   struct results_series *merged);

/* What is computed over all flows. */
struct results_total {
    size_t directions; /* that have a duration and a receiver's report */
    int64_t bytes;     /* received within their times, in sum */
    double goodput;    /* the same over the time from first to last, bit/s; NAN: unknown */
    int64_t first_opened, last_closed; /* of the directions, ns after the common instant */
    double minimum, median, maximum;   /* of a flow, bit/s */
    double fairness;                   /* Jain's index of the directions */
    int64_t retransmitted;             /* bytes; METRIC_ABSENT where no endpoint knows */
    int64_t first_start, last_start;   /* true starts, ns after the common instant */
    size_t started;                    /* endpoints that did */
    size_t failed;                     /* flows with an error or without a final report of an end */
    size_t stopped; /* others that somebody or something stopped before their time */
    size_t empty;   /* others of which a direction delivered nothing */
    size_t unknown; /* directions with a duration whose receiver has no final report ... */
    int64_t until;  /* ... what their rows say was received until then; METRIC_ABSENT: no rows */
    size_t partial; /* others of which a direction did not deliver its volume */
    size_t volumes, volumes_read; /* directions with a fixed volume, and those that were complete */
    int64_t volume_time;          /* of the slowest of these, ns */
};

/* Whether this end received nothing of what the other end sent in its time. Where nothing was sent,
 * as the time was too short for a busy host, nothing is wrong with the path. */
bool results_are_empty(const struct flow_result *flow, const struct plan_flow *planned,
                       enum endpoint receiver);

/* Why the final report of an end does not hold what it should, or is not there; NULL: it does. */
const char *results_error(const struct endpoint_result *result);

/* What the rows of an end say that it received until the last of them, in bytes; METRIC_ABSENT
 * where there are none. */
int64_t results_received(const struct endpoint_result *receiver);

/* Whether this end has not read the whole volume (--bytes, --blocks) that the other end was to
 * send. */
bool results_lack_volume(const struct flow_result *flow, const struct plan_flow *planned,
                         enum endpoint receiver);

/* Goodput is what a receiver read within the sending time, over that time as it was. */
double results_goodput(const struct endpoint_result *receiver);

/* Jain's index (Jain, Chiu, Hawe 1984): sum squared over n times the sum of squares; NAN for none.
 */
double results_fairness(const double *values, size_t count);

/* Adds up what holds of all flows. */
void results_sum_up(const struct results *results, const struct plan *plan,
                    struct results_total *total);

#endif
