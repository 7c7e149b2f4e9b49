/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secret.h"
#include "fleet/embedded.h"
#include "log.h"
#include "output/flowlog_replay.h"
#include "mem.h"
#include "output/status.h"
#include "run/run_state.h"

enum { CLOSE_TIMEOUT_MS = 3000, CLOSE_TIME_MS = 3500, CLOSE_STEP_MS = 5 };

/* What is drawn at random for a new run is, where `before` is not NULL, as it was then. */
static void set_up(struct run *run, struct run_options *options, const struct run_file *before)
{
    uint8_t random[SECRET_SIZE];
    *run = (struct run){
        .options = options, .plan = options->plan, .status = EXIT_OK, .file = {.fd = -1}};
    secret_make(random);
    secret_format(random, run->id);
    if (options->output.log && !options->output.log_file)
        options->output.log_file = run->log_name = flowlog_default_path(run->id);
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

/* Private daemons know no token but the one that they were given. */
static void set_up_fleet(struct run *run, bool embedded)
{
    size_t count = run->plan->daemon_count;
    run->fleet = fleet_new(run, interrupt_fd());
    fleet_set_access(run->fleet, embedded ? run->private_access : run->access);
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
        fifo_free(&run->daemons[i].to_stop);
    }
    free(run->daemons);
    free(run->described);
    run->fleet = NULL;
    run->clocks = NULL;
    run->daemons = NULL;
    run->described = NULL;
}

static void on_closed(void *owner, const struct fleet_result *result)
{
    struct run *run = owner;
    run->daemons[result->daemon].gone |=
        result->outcome == FLEET_ANSWERED || result->outcome == FLEET_FAULT;
}

/* On a long path the answer of a daemon that has given up its flows is not waited for: whatever
 * this host sends to it from now on comes after the call. */
static bool has_left(const struct run *run, size_t daemon)
{
    return run->daemons[daemon].gone ||
           (run->daemons[daemon].released && fleet_is_sent(run->fleet, daemon, LANE_COMMAND));
}

static bool have_all_left(const struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!has_left(run, i))
            return false;
    return true;
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
        fleet_call(run->fleet, i, LANE_COMMAND, METHOD_CLOSE, &call, CLOSE_TIMEOUT_MS, on_closed);
    }
    int64_t deadline = clock_now() + CLOSE_TIME_MS * NS_PER_MS;
    while (fleet_pending(run->fleet) && !have_all_left(run) && clock_now() < deadline)
        fleet_step(run->fleet, CLOSE_STEP_MS);
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        run->daemons[i].gone |= run->daemons[i].session[0] && has_left(run, i);
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
    char secret[TOKEN_SECRET_MADE];
    token_make_secret(secret);
    run->private_access = access_private(secret);
    for (int end = 0; end < (both ? ENDPOINTS : 1); end++) {
        if (!embedded_start(&daemons[end], secret, plan_dumps(run->plan), plan_traces(run->plan),
                            &fail)) {
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
    run->status = EXIT_OK;
    if (!start_embedded(run, daemons, false))
        return false;
    set_up_fleet(run, true);
    return run_contact(run);
}

static void sum_up(struct run *run, const struct sink_run *sink_run)
{
    struct summary *summary =
        summary_new(&(struct summary_source){.plan = run->plan,
                                             .hosts = run->described,
                                             .results = run->results,
                                             .clocks = run->clocks,
                                             .start_bound = sink_run->start_bound,
                                             .now = clock_now()});
    run_judge(run, &summary->total);
    summary->status = interrupt_asked() ? EXIT_INTERRUPTED : run->status;
    if (run->options->summed)
        run->options->summed(run->options->summed_context, summary);
    sinks_summary(&run->sinks, summary);
    summary_free(summary);
}

/* From the first row, or from the first that nobody has taken yet, to the summary. */
static void measure(struct run *run, int64_t wall_start)
{
    struct sink_run sink_run = {
        .options = &run->options->output,
        .plan = run->plan,
        .daemons = run->described,
        .run_id = run->id,
        .controller = run->controller,
        .argc = run->options->argc,
        .argv = run->options->argv,
        .start = run->start,
        .wall_start = wall_start,
        .start_bound = run->attached ? run->file.bound : CLOCK_NEVER,
    };
    status_clear();
    sinks_start(&run->sinks, &sink_run);
    run_gather(run);
    status_clear();
    run_settle_clocks(run);
    if (!run->attached)
        sink_run.start_bound = clocksync_bound(run->clocks, run->start);
    if (run->options->output.histogram)
        sinks_histograms(&run->sinks, run->results);
    log_info("run %.8s: all reports received", run->id);
    sum_up(run, &sink_run);
}

static bool run_through(struct run *run, struct embedded daemons[ENDPOINTS])
{
    if (!find_daemons(run, daemons))
        return false;
    status_show("preparing %zu flow%s on %zu daemon%s", run->plan->count,
                run->plan->count == 1 ? "" : "s", run->plan->daemon_count,
                run->plan->daemon_count == 1 ? "" : "s");
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
    if (!sinks_close(&run->sinks, used) && run->status == EXIT_OK)
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
    access_close(run->private_access);
    results_free(run->results);
    run_file_close(&run->file);
    free(run->links);
    free(run->log_name);
    free(run->stopping);
}

int run_execute(struct run_options *options)
{
    struct run run;
    struct fail fail;
    struct embedded daemons[ENDPOINTS] = {0};
    set_up(&run, options, NULL);
    if (!access_open(&options->access, &run.access, &fail) ||
        !sinks_open(&run.sinks, &options->output, &fail)) {
        log_error("%s", fail.text);
        run.status = EXIT_USAGE;
    } else {
        interrupt_catch();
        status_enable(!options->output.quiet);
        bool measured = run_through(&run, daemons);
        status_enable(false);
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
    run->options->output.log = run->file.log != NULL;
    run->options->output.log_file = run->file.log;
    run->options->output.continued_log = before;
    if (run->options->output.output_count)
        log_warning("only the log is continued; files of --output are left as they are");
    run->options->output.output_count = 0;
    run->options->output.takes_stdout = false;
    if (run->file.log && !log_replay(run->file.log, run->id, run->results, before, fail))
        return false;
    for (size_t i = 0; i < before->host_count && i < run->plan->daemon_count; i++)
        run->daemons[i].host_number = before->host_next[i];
    if (run->file.log)
        return true;
    for (size_t i = 0; i < run->plan->count; i++)
        for (int end = 0; end < ENDPOINTS; end++)
            run->results->flows[i].ends[end].joined = true;
    return true;
}

/* Its controller died when it had nothing to do any more but to close the sessions. */
static void close_collected(struct run *run)
{
    log_warning("run %.8s had ended, and everything was collected", run->id);
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
               !sinks_open(&run.sinks, &options->output, &fail)) {
        log_error("%s", fail.text);
        run.status = EXIT_USAGE;
    } else {
        interrupt_catch();
        set_up_fleet(&run, false);
        bool measured = go_on(&run);
        close_sinks(&run, measured || before.has_head);
        leave(&run);
    }
    free(before.host_next);
    take_down(&run);
    return run.status;
}
