/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdlib.h>

#include "mem.h"
#include "sink.h"

static const struct sink_ops *const all[] = {
    &sink_screen,
    &sink_flowlog,
};

enum { ALL = sizeof all / sizeof all[0] };
_Static_assert((int)ALL <= (int)SINKS_MAX, "room for every sink");

bool sinks_open(struct sinks *sinks, const struct run_options *options, struct fail *fail)
{
    *sinks = (struct sinks){0};
    for (size_t i = 0; i < ALL; i++) {
        fail->text[0] = '\0';
        struct sink *sink = all[i]->open(options, fail);
        if (!sink && fail->text[0]) {
            sinks_close(sinks, false);
            return false;
        }
        if (!sink)
            continue;
        sink->ops = all[i];
        sinks->list[sinks->count++] = sink;
    }
    return true;
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
    sink->ops->event(sink, report, result);
}

void sinks_line(struct sinks *sinks, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    EACH_WORKING(sinks, sink)
    if (text)
        sink->ops->line(sink, text);
    free(text);
}

void sinks_flush(struct sinks *sinks)
{
    EACH_WORKING(sinks, sink)
    sink->ops->flush(sink);
}

bool sinks_close(struct sinks *sinks, bool used)
{
    bool good = true;
    for (size_t i = 0; i < sinks->count; i++) {
        bool lasts = sinks->list[i]->ops->progress;
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
        if (sinks->list[i]->ops->progress)
            sinks->list[i]->ops->progress(sinks->list[i], &mark->put[i], &written);
}

bool sinks_reached(const struct sinks *sinks, const struct sinks_mark *mark)
{
    for (size_t i = 0; i < sinks->count; i++) {
        struct sink *sink = sinks->list[i];
        uint64_t put, written;
        if (!sink->ops->progress)
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
