/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/sinks.h"

#include "output/formats.h"
#include "mem.h"

/* Those that have options of their own; --output adds others. */
static const struct sink_ops *const all[] = {
    &sink_screen,
    &sink_table,
    &sink_live,
    &sink_flowlog,
};

enum { ALL = COUNT(all) };
_Static_assert((int)ALL + (int)OUTPUTS_MAX <= (int)SINKS_MAX, "room for every sink");

static bool open_sink(struct sinks *sinks, const struct sink_ops *ops,
                      const struct output_options *options, const char *target, struct fail *fail)
{
    fail->text[0] = '\0';
    struct sink *sink = ops->open(options, target, fail);
    if (!sink)
        return !fail->text[0];
    if (!sink->ops) /* it may have chosen others of its own */
        sink->ops = ops;
    sinks->list[sinks->count++] = sink;
    return true;
}

bool sinks_open(struct sinks *sinks, const struct output_options *options, struct fail *fail)
{
    bool good = true;
    *sinks = (struct sinks){0};
    for (size_t i = 0; good && i < ALL; i++)
        good = open_sink(sinks, all[i], options, NULL, fail);
    for (size_t i = 0; good && i < options->output_count; i++)
        good = open_sink(sinks, options->outputs[i].format->ops, options,
                         options->outputs[i].target, fail);
    if (!good)
        sinks_close(sinks, false);
    return good;
}

#define EACH_WORKING(sinks, sink)                  \
    for (size_t i_ = 0; i_ < (sinks)->count; i_++) \
        for (struct sink *sink = (sinks)->list[i_]; sink && !sink->broken; sink = NULL)

void sinks_start(struct sinks *sinks, const struct sink_run *run)
{
    EACH_WORKING(sinks, sink)
    sink->ops->start(sink, run);
}

void sinks_interval(struct sinks *sinks, const struct report *report, const int64_t delta[METRICS])
{
    EACH_WORKING(sinks, sink)
    sink->ops->interval(sink, report, delta);
}

void sinks_event(struct sinks *sinks, const struct report *report,
                 const struct endpoint_result *result)
{
    EACH_WORKING(sinks, sink)
    if (sink->ops->event)
        sink->ops->event(sink, report, result);
}

void sinks_note(struct sinks *sinks, const struct note *note)
{
    EACH_WORKING(sinks, sink)
    if (sink->ops->note)
        sink->ops->note(sink, note);
}

void sinks_host(struct sinks *sinks, const struct host_row *row)
{
    EACH_WORKING(sinks, sink)
    if (sink->ops->host)
        sink->ops->host(sink, row);
}

void sinks_summary(struct sinks *sinks, const struct summary *summary)
{
    EACH_WORKING(sinks, sink)
    if (sink->ops->summary)
        sink->ops->summary(sink, summary);
}

/* Returns whether there was anything to hand over. */
static bool give_histogram(struct sinks *sinks, struct histogram_about *about,
                           const struct histogram *histogram)
{
    if (!histogram_count(histogram))
        return false;
    EACH_WORKING(sinks, sink)
    if (sink->ops->histogram)
        sink->ops->histogram(sink, about, histogram);
    about->first = false;
    return true;
}

static void give_merged(struct sinks *sinks, struct histogram_about *about,
                        const struct results *results)
{
    struct results_series merged;
    results_merge(results, about->series, &merged);
    if (merged.without)
        sinks_note(sinks, &(struct note){.kind = NOTE_HISTOGRAM_LOST,
                                         .series = about->series,
                                         .count = merged.without});
    else
        give_histogram(sinks, about, merged.histogram);
    histogram_free(merged.histogram);
}

void sinks_histograms(struct sinks *sinks, const struct results *results)
{
    struct histogram_about about = {.first = true};
    for (about.flow = 0; about.flow < results->count; about.flow++) {
        for (size_t i = 0; i < ENDPOINTS * SERIES; i++) {
            about.end = (enum endpoint)(i / SERIES);
            about.series = (enum series_id)(i % SERIES);
            give_histogram(sinks, &about,
                           results->flows[about.flow].ends[about.end].histograms[about.series]);
        }
        sinks_flush(sinks); /* many lines: they shall not pile up */
    }
    if (about.first) {
        sinks_note(sinks, &(struct note){.kind = NOTE_NO_HISTOGRAMS});
        return;
    }
    about.all = true;
    for (int i = 0; i < SERIES; i++) {
        about.series = (enum series_id)i;
        give_merged(sinks, &about, results);
    }
}

void sinks_flush(struct sinks *sinks)
{
    EACH_WORKING(sinks, sink)
    sink->ops->flush(sink);
}

void sinks_tick(struct sinks *sinks, int64_t now)
{
    EACH_WORKING(sinks, sink)
    if (sink->ops->tick)
        sink->ops->tick(sink, now);
}

/* Whether a later process can go on with what the sink wrote. */
static bool outlives(const struct sink *sink)
{
    return sink->ops->progress && !sink->fleeting;
}

bool sinks_close(struct sinks *sinks, bool used)
{
    bool good = true;
    for (size_t i = 0; i < sinks->count; i++) {
        bool lasts = outlives(sinks->list[i]);
        bool whole = sinks->list[i]->ops->close(sinks->list[i], used);
        sinks->incomplete |= lasts && !whole;
        good &= whole;
    }
    sinks->count = 0;
    return good;
}

void sinks_mark(const struct sinks *sinks, struct sinks_mark *mark)
{
    uint64_t written;
    *mark = (struct sinks_mark){0};
    for (size_t i = 0; i < sinks->count; i++)
        if (outlives(sinks->list[i]))
            sinks->list[i]->ops->progress(sinks->list[i], &mark->put[i], &written);
}

bool sinks_reached(const struct sinks *sinks, const struct sinks_mark *mark)
{
    for (size_t i = 0; i < sinks->count; i++) {
        struct sink *sink = sinks->list[i];
        uint64_t put, written;
        if (!outlives(sink))
            continue;
        sink->ops->progress(sink, &put, &written);
        if (written < mark->put[i])
            return false;
    }
    return true;
}

bool sinks_deserted(const struct sinks *sinks)
{
    bool deserted = false;
    for (size_t i = 0; i < sinks->count; i++) {
        if (!sinks->list[i]->broken)
            return false;
        deserted |= sinks->list[i]->deserted;
    }
    return deserted;
}
