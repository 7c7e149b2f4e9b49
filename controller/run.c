/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block.h"
#include "embedded.h"
#include "histograms.h"
#include "log.h"
#include "log_replay.h"
#include "mem.h"
#include "run_state.h"
#include "summary.h"

enum { STEP_MS = 200, CLOSE_TIMEOUT_MS = 3000, CLOSE_TIME_MS = 3500 };

void run_fail(struct run *run, int status, const char *format, ...)
{
    char text[2 * FAIL_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (run->failed) {
        log_debug("and: %s", text);
        return;
    }
    run->failed = true;
    run->status = status;
    log_error("%s", text);
}

const char *run_daemon_name(const struct run *run, size_t daemon)
{
    static _Thread_local char text[PROTOCOL_HOST_MAX + 16];
    plan_daemon_text(&run->plan->daemons[daemon], text);
    return text;
}

bool run_wait(struct run *run)
{
    while (fleet_pending(run->fleet) && !interrupt_asked() && !run->failed)
        fleet_step(run->fleet, STEP_MS);
    /* What has come at the same time is still of use to say how many daemons were reached. */
    return !run->failed && !interrupt_asked();
}

static void on_result(void *owner, struct fleet_result *result)
{
    struct run *run = owner;
    if (run->attached && run_rejoin_result(run, result))
        return;
    if (!run_prepare_result(run, result))
        run_gather_result(run, result);
}

/* What is drawn at random for a new run is, where `before` is not NULL, as it was then. */
static void set_up(struct run *run, struct run_options *options, const struct run_file *before)
{
    uint8_t random[SECRET_SIZE];
    *run = (struct run){
        .options = options, .plan = options->plan, .status = EXIT_WELL, .file = {.fd = -1}};
    if (options->log && !options->log_file)
        options->log_file = run->log_name = flowlog_default_path();
    secret_make(random);
    secret_format(random, run->id);
    /* For people to type again, so not 64 bits. */
    run->seed = 1 + (random[0] | random[1] << 8 | random[2] << 16);
    if (before) {
        run->attached = true;
        run->seed = before->seed;
        memcpy(run->id, before->id, sizeof run->id);
    }
    plan_set_seed(run->plan, run->seed);
    if (gethostname(run->controller, sizeof run->controller - 1))
        snprintf(run->controller, sizeof run->controller, "unknown");
    run->results = results_new(run->plan->count);
    run->links = mem_new(run->plan->count, sizeof *run->links);
}

/* Private daemons listen on loopback only and ask for nothing. */
static void set_up_fleet(struct run *run, bool embedded)
{
    size_t count = run->plan->daemon_count;
    run->fleet = fleet_new(on_result, run, interrupt_fd());
    fleet_set_access(run->fleet, embedded ? NULL : run->access);
    run->clocks = clocksync_new(count, run->options->clock);
    run->daemons = mem_new(count, sizeof *run->daemons);
    run->described = mem_new(count, sizeof *run->described);
}

static void take_down_fleet(struct run *run)
{
    fleet_free(run->fleet);
    clocksync_free(run->clocks);
    for (size_t i = 0; run->daemons && i < run->plan->daemon_count; i++) {
        free(run->daemons[i].clocks.items);
        fifo_free(&run->daemons[i].waiting[SOURCE]);
        fifo_free(&run->daemons[i].waiting[DESTINATION]);
    }
    free(run->daemons);
    free(run->described);
    run->fleet = NULL;
    run->clocks = NULL;
    run->daemons = NULL;
    run->described = NULL;
}

/* Ends the sessions: nothing of the run stays behind. A daemon that does not answer in time ends
 * its own by the lease. */
static void close_sessions(struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct session_call call = {0};
        if (!run->daemons[i].session[0] || run->daemons[i].lost)
            continue;
        fleet_cancel(run->fleet, i);
        memcpy(call.session, run->daemons[i].session, sizeof call.session);
        fleet_call(run->fleet, i, LANE_COMMAND, METHOD_CLOSE, &call, CLOSE_TIMEOUT_MS, NULL);
    }
    int64_t deadline = clock_now() + CLOSE_TIME_MS * NS_PER_MS;
    while (fleet_pending(run->fleet) && clock_now() < deadline)
        fleet_step(run->fleet, STEP_MS);
}

static void point_at_embedded(struct plan *plan, const struct embedded daemons[ENDPOINTS])
{
    for (size_t i = 0; i < plan->count; i++) {
        for (int end = 0; end < ENDPOINTS; end++) {
            struct plan_place *place = &plan->flows[i].at[end];
            snprintf(place->control, sizeof place->control, "127.0.0.1");
            place->port = daemons[end].pid ? daemons[end].port : daemons[SOURCE].port;
        }
    }
    plan_group(plan);
}

/* Starts private daemons: one for each end, or one for both. */
static bool start_embedded(struct run *run, struct embedded daemons[ENDPOINTS], bool both)
{
    struct fail fail;
    for (int end = 0; end < (both ? ENDPOINTS : 1); end++) {
        if (!embedded_start(&daemons[end], plan_dumps(run->plan) ? "." : NULL, &fail)) {
            run_fail(run, EXIT_NOT_REACHED, "%s", fail.text);
            return false;
        }
    }
    if (both)
        fprintf(stderr,
                "flowctl: using private flowds at 127.0.0.1:%u and 127.0.0.1:%u for this "
                "run\n",
                daemons[SOURCE].port, daemons[DESTINATION].port);
    else
        fprintf(stderr,
                "flowctl: no flowd answers on localhost; using a private one at "
                "127.0.0.1:%u for this run\n",
                daemons[SOURCE].port);
    point_at_embedded(run->plan, daemons);
    run->private = true;
    return true;
}

/* Finds the daemons, or starts private ones where none was named and none answers. */
static bool find_daemons(struct run *run, struct embedded daemons[ENDPOINTS])
{
    if (run->options->embedded && !start_embedded(run, daemons, true))
        return false;
    bool may_embed = !run->options->embedded && !run->plan->hosts_named;
    set_up_fleet(run, run->options->embedded);
    run->quiet_contact = may_embed;
    bool good = run_contact(run);
    run->quiet_contact = false;
    if (!may_embed || !run->not_reached || interrupt_asked())
        return good;
    take_down_fleet(run);
    run->not_reached = false;
    run->status = EXIT_WELL;
    if (!start_embedded(run, daemons, false))
        return false;
    set_up_fleet(run, true);
    return run_contact(run);
}

/* Whether all dumps are whole; else a sentence says so. */
static bool check_dumps(const struct run *run)
{
    char note[PROTOCOL_REASON_MAX], first[PROTOCOL_REASON_MAX] = "", more[64] = "";
    size_t flow = 0, count = 0;
    enum endpoint end = SOURCE;
    for (size_t i = 0; i < ENDPOINTS * run->plan->count; i++) {
        results_info(&run->results->flows[i / ENDPOINTS].ends[i % ENDPOINTS], "dump_note", note,
                     sizeof note);
        if (!*note || count++)
            continue;
        memcpy(first, note, sizeof first);
        flow = i / ENDPOINTS;
        end = (enum endpoint)(i % ENDPOINTS);
    }
    if (count > 1)
        snprintf(more, sizeof more, ", and so are %zu others", count - 1);
    if (count)
        log_warning("the dump of flow %zu, %s, is not whole%s: %s", flow, endpoint_name(end), more,
                    first);
    return !count;
}

/* From the first row, or from the first that nobody has taken yet, to the summary. */
static void measure(struct run *run, int64_t wall_start)
{
    struct sink_run sink_run = {
        .options = run->options,
        .daemons = run->described,
        .run_id = run->id,
        .controller = run->controller,
        .start = run->start,
        .wall_start = wall_start,
        .start_bound = run->attached ? run->file.bound : CLOCK_NEVER,
    };
    sinks_start(&run->sinks, &sink_run);
    run_gather(run);
    run_settle_clocks(run);
    if (!run->attached)
        sink_run.start_bound = clocksync_bound(run->clocks, run->start);
    if (run->options->histogram)
        histograms_write(&run->sinks, run->results);
    log_info("run %.8s: all reports are here", run->id);
    summary_write(&run->sinks, &sink_run, run->results, run->clocks);
    struct results_total total;
    results_sum_up(run->results, run->plan, &total);
    if (total.failed || !check_dumps(run))
        run->status = EXIT_PARTIAL;
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (run->daemons[i].lost || run->daemons[i].rows_lost)
            run->status = EXIT_PARTIAL;
}

static bool run_through(struct run *run, struct embedded daemons[ENDPOINTS])
{
    if (!find_daemons(run, daemons))
        return false;
    log_info("run %.8s: preparing %zu flows on %zu daemons", run->id, run->plan->count,
             run->plan->daemon_count);
    if (!run_prepare(run))
        return false;
    log_info("run %.8s: all flows are prepared", run->id);
    if (!run_start(run))
        return false;
    log_info("run %.8s: starts in %.3f s", run->id,
             (double)(run->start - clock_now()) / NS_PER_SEC);
    measure(run, run->file.wall_start);
    return true;
}

static bool go_on(struct run *run)
{
    if (!run_rejoin(run))
        return false;
    measure(run, run->file.wall_start);
    return true;
}

/* A sentence has said what is lost. */
static void close_sinks(struct run *run, bool used)
{
    if (!sinks_close(&run->sinks, used) && run->status == EXIT_WELL)
        run->status = EXIT_PARTIAL;
}

/* After the sinks are closed: what the daemons still keep is in the log, or else stays there. */
static void leave(struct run *run)
{
    if (run->fleet && !(run->sinks.incomplete && run_leave_rows(run))) {
        if (run_is_collected(run))
            run_file_collected(&run->file);
        close_sessions(run);
        run_forget(run);
    }
    if (interrupt_asked())
        run->status = EXIT_INTERRUPTED;
}

static void take_down(struct run *run)
{
    if (run->fleet)
        take_down_fleet(run);
    access_close(run->access);
    results_free(run->results);
    run_file_close(&run->file);
    free(run->links);
    free(run->log_name);
}

int run_execute(struct run_options *options)
{
    struct run run;
    struct fail fail;
    struct embedded daemons[ENDPOINTS] = {0};
    set_up(&run, options, NULL);
    if (!access_open(&options->access, &run.access, &fail) ||
        !sinks_open(&run.sinks, options, &fail)) {
        log_error("%s", fail.text);
        run.status = EXIT_USAGE;
    } else {
        interrupt_catch();
        bool measured = run_through(&run, daemons);
        close_sinks(&run, measured);
        leave(&run);
        for (int end = 0; end < ENDPOINTS; end++)
            embedded_stop(&daemons[end]);
    }
    take_down(&run);
    return run.status;
}

static bool replay(struct run *run, struct log_replay *before, struct fail *fail)
{
    run->options->log = run->file.log != NULL;
    run->options->log_file = run->file.log;
    run->options->continued_log = before;
    if (run->file.log)
        return log_replay(run->file.log, run->id, run->results, before, fail);
    for (size_t i = 0; i < run->plan->count; i++)
        for (int end = 0; end < ENDPOINTS; end++)
            run->results->flows[i].ends[end].joined = true;
    return true;
}

/* Its controller died when it had nothing to do any more but to close the sessions. */
static void close_collected(struct run *run)
{
    log_warning("run %.8s had come to its end, and all was collected", run->id);
    set_up_fleet(run, false);
    run_name_sessions(run);
    leave(run);
    run_file_remove(&run->file);
}

int run_attach(struct run_options *options, struct run_file *file)
{
    struct run run;
    struct fail fail;
    struct log_replay before = {0};
    set_up(&run, options, file);
    run.file = *file;
    *file = (struct run_file){.fd = -1};
    bool allowed = access_open(&options->access, &run.access, &fail);
    if (allowed && run.file.collected) {
        close_collected(&run);
    } else if (!allowed || !replay(&run, &before, &fail) ||
               !sinks_open(&run.sinks, options, &fail)) {
        log_error("%s", fail.text);
        run.status = EXIT_USAGE;
    } else {
        interrupt_catch();
        set_up_fleet(&run, false);
        bool measured = go_on(&run);
        close_sinks(&run, measured || before.has_head);
        leave(&run);
    }
    take_down(&run);
    return run.status;
}
