/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All sinks of a run, as one. */
#ifndef FLOWRIG_SINKS_H
#define FLOWRIG_SINKS_H

#include "output/output_options.h"
#include "output/sink.h"

enum { SINKS_MAX = 4 + OUTPUTS_MAX };

struct sinks {
    struct sink *list[SINKS_MAX];
    size_t count;
    bool incomplete; /* after sinks_close(): what should outlive this process lacks something */
};

/* Opens those that the options ask for; returns false with a sentence if one can't be. */
bool sinks_open(struct sinks *sinks, const struct output_options *options, struct fail *fail);
void sinks_start(struct sinks *sinks, const struct sink_run *run);
void sinks_interval(struct sinks *sinks, const struct report *report, const int64_t delta[METRICS]);
void sinks_event(struct sinks *sinks, const struct report *report,
                 const struct endpoint_result *result);
void sinks_host(struct sinks *sinks, const struct host_row *row);
void sinks_note(struct sinks *sinks, const struct note *note);
/* Hands over every histogram: of each endpoint, then of all together. */
void sinks_histograms(struct sinks *sinks, const struct results *results);
void sinks_summary(struct sinks *sinks, const struct summary *summary);
void sinks_flush(struct sinks *sinks);
/* Tells them the time, CLOCK_MONOTONIC. */
void sinks_tick(struct sinks *sinks, int64_t now);
/* Returns false if something is lost that one of them took. */
bool sinks_close(struct sinks *sinks, bool used);
/* What the sinks have taken, to be asked about later. */
struct sinks_mark {
    uint64_t put[SINKS_MAX];
};
void sinks_mark(const struct sinks *sinks, struct sinks_mark *mark);
/* Whether all that was taken until then is written, where there is something that outlives this
 * process; once that is broken it never is. */
bool sinks_reached(const struct sinks *sinks, const struct sinks_mark *mark);
/* Whether nobody takes the results any more: all are broken, and the reader of one is gone. */
bool sinks_deserted(const struct sinks *sinks);

#endif
