/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The full-screen view of --live, and the summary after it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "output/histogram_bars.h"
#include "output/histograms.h"
#include "output/live_screen.h"
#include "output/output_options.h"
#include "output/sink.h"
#include "output/status.h"
#include "output/summary_table.h"
#include "output/summary_text.h"
#include "output/terminal.h"
#include "output/writer.h"
#include "printable.h"

enum { FLOWS_MOST = 10000, WORDS_MAX = 512 };

#define STEP     (250 * NS_PER_MS) /* between two pictures */
#define SHOW_FOR (5 * NS_PER_SEC)  /* a message */

struct live {
    struct sink sink;
    const struct output_options *options;
    struct live_model *model;
    struct live_view *view;
    bool open;
    char *title;
    char progress[WORDS_MAX], message[WORDS_MAX];
    int64_t message_at, drawn_at;
    struct buffer out;
};

static struct live *of(struct sink *sink)
{
    return (struct live *)sink;
}

static struct sink *live_open(const struct output_options *options, const char *target,
                              struct fail *fail)
{
    (void)target;
    if (!options->live)
        return NULL;
    if (options->quiet || options->takes_stdout) {
        fail_set(fail, 0, "--live can't be used with %s",
                 options->quiet ? "-q" : "output to standard output");
        return NULL;
    }
    if (!live_screen_possible(fail))
        return NULL;
    struct live *live = mem_new(1, sizeof *live);
    live->options = options;
    return &live->sink;
}

/* How far the run is, as the line on standard error would say it. */
static void take_progress(void *context, const char *text)
{
    struct live *live = context;
    snprintf(live->progress, sizeof live->progress, "%s", text);
    printable(live->progress);
}

static void draw(struct live *live, int64_t now)
{
    char message[WORDS_MAX];
    live_screen_message(message, sizeof message);
    if (*message) {
        memcpy(live->message, message, sizeof message);
        printable(live->message);
        live->message_at = now;
    }
    struct live_canvas canvas = live_screen_begin();
    live_view_draw(live->view, now, live->progress,
                   now - live->message_at < SHOW_FOR ? live->message : "", &canvas);
    live_screen_show();
    live->drawn_at = now;
}

static void leave_view(struct live *live)
{
    if (!live->open)
        return;
    live->open = false;
    status_divert(NULL, NULL);
    live_screen_close();
}

static char *make_title(const struct sink_run *run)
{
    const struct plan_place *at = run->plan->flows[0].at;
    char *title =
        mem_printf("%s%srun %.8s: %zu flow%s, %s > %s%s",
                   run->options->title ? run->options->title : "", run->options->title ? ", " : "",
                   run->run_id, run->plan->count, run->plan->count == 1 ? "" : "s", at[SOURCE].host,
                   at[DESTINATION].host, run->plan->count > 1 ? " ..." : "");
    printable(title);
    return title;
}

/* At most four pictures a second, and no more often than there are reports. */
static int64_t step_of(const struct plan *plan)
{
    int64_t step = STEP;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->flows[i].settings.interval > step)
            step = plan->flows[i].settings.interval;
    return step;
}

static void live_start(struct sink *sink, const struct sink_run *run)
{
    struct live *live = of(sink);
    if (run->plan->count > FLOWS_MOST) {
        log_warning("--live shows at most %d flows; this run goes on without it", FLOWS_MOST);
        return;
    }
    live->title = make_title(run);
    live->model = live_model_new(run->plan, step_of(run->plan));
    live->view = live_view_new(live->model, live->title, live->options->megabytes);
    live->open = live_screen_open();
    if (live->open)
        status_divert(take_progress, live);
    else
        log_warning("--live can't use the terminal; this run goes on without it");
}

static void live_interval(struct sink *sink, const struct report *report,
                          const int64_t delta[METRICS])
{
    if (of(sink)->open)
        live_model_take(of(sink)->model, report, delta);
}

static void live_event(struct sink *sink, const struct report *report,
                       const struct endpoint_result *result)
{
    if (of(sink)->open)
        live_model_event(of(sink)->model, report, result);
}

static void live_tick(struct sink *sink, int64_t now)
{
    struct live *live = of(sink);
    int key;
    bool typed = false;
    if (!live->open)
        return;
    while ((key = live_screen_key()) != LIVE_KEY_NONE) {
        live_view_key(live->view, key);
        typed = true;
    }
    if (live->view->quit) {
        leave_view(live);
        fprintf(stderr, "flowctl: the run goes on; Ctrl-C stops it\n");
        return;
    }
    live_model_update(live->model);
    if (typed || now - live->drawn_at >= STEP)
        draw(live, now);
}

static void put_line(void *context, const char *text)
{
    buffer_printf(&((struct live *)context)->out, "%s\n", text);
}

static void live_note(struct sink *sink, const struct note *note)
{
    /* Failures were said on standard error at once, and the summary says them again. */
    if (note->kind != NOTE_ERROR && note->kind != NOTE_FAILED)
        note_text(note, put_line, sink);
}

static void live_histogram(struct sink *sink, const struct histogram_about *about,
                           const struct histogram *histogram)
{
    if (about->all)
        histogram_bars(about, histogram, terminal_look(STDOUT_FILENO).width, put_line, sink);
}

static void live_summary(struct sink *sink, const struct summary *summary)
{
    struct live *live = of(sink);
    struct terminal terminal = terminal_look(STDOUT_FILENO);
    leave_view(live);
    buffer_text(&live->out, "\n");
    if (live->options->summary == SUMMARY_FULL)
        summary_text(summary, live->options->megabytes, put_line, live);
    else
        summary_table(summary, &terminal, live->options, put_line, live);
}

static void live_flush(struct sink *sink)
{
    (void)sink; /* pictures have a time of their own */
}

static bool live_close(struct sink *sink, bool used)
{
    struct live *live = of(sink);
    (void)used;
    leave_view(live);
    struct writer *writer = writer_new(STDOUT_FILENO);
    writer_put(writer, &live->out);
    int error = writer_close(writer);
    live_view_free(live->view);
    live_model_free(live->model);
    buffer_free(&live->out);
    free(live->title);
    free(live);
    return !error || error == EPIPE;
}

const struct sink_ops sink_live = {
    .name = "live",
    .open = live_open,
    .start = live_start,
    .interval = live_interval,
    .event = live_event,
    .note = live_note,
    .histogram = live_histogram,
    .summary = live_summary,
    .tick = live_tick,
    .flush = live_flush,
    .close = live_close,
};
