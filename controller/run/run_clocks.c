/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clocks of the daemons: exchanges of times before, during and after the run, and what daemons
 * are told of each other's clocks. */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "run/run_state.h"

enum { LATER_TIMEOUT_MS = 2000, STEP_MS = 20, BURST = 4 };

/* The drift is known the better the farther exchanges are apart: at first they come close, as what
 * is extrapolated from the exchanges before the start gets worse quickly. */
#define PAUSE_FIRST (50 * NS_PER_MS)
#define PAUSE_LAST  NS_PER_SEC

static void on_clock(void *owner, const struct fleet_result *result);

static void ask_clock(struct run *run, size_t daemon, int64_t timeout_ms)
{
    struct empty_message nothing = {0};
    run->daemons[daemon].asking_clock = true;
    fleet_call(run->fleet, daemon, LANE_COMMAND, METHOD_CLOCK, &nothing, timeout_ms, on_clock);
}

static void on_clock(void *owner, const struct fleet_result *result)
{
    struct run *run = owner;
    struct run_daemon *daemon = &run->daemons[result->daemon];
    daemon->asking_clock = false;
    int64_t took = result->received - result->sent;
    if (result->outcome == FLEET_ANSWERED)
        clocksync_add(run->clocks, result->daemon, result->sent, result->received, result->reply);
    if (result->outcome == FLEET_ANSWERED && took > run->slowest)
        run->slowest = took;
    daemon->tell_clocks = daemon->clocks.count > 0;
    /* On busy hosts single exchanges are slow: of a few the quickest is worth more. On long paths
     * all are, and the next one is soon due. */
    if (run->later_clocks && took < RUN_LONG_TIME / 4 && result->outcome == FLEET_ANSWERED &&
        ++daemon->clock_burst < BURST)
        ask_clock(run, result->daemon, LATER_TIMEOUT_MS);
    else
        daemon->clock_burst = 0;
    /* Once the flows are under way, an exchange that fails does not fail the run. */
    if (result->outcome != FLEET_ANSWERED && !run->later_clocks)
        run_fail_call(run, result);
}

static void on_early_clock(void *owner, const struct fleet_result *result)
{
    struct run *run = owner;
    int64_t took = result->received - result->sent;
    if (result->outcome != FLEET_ANSWERED) {
        run_fail_call(run, result);
        return;
    }
    clocksync_add(run->clocks, result->daemon, result->sent, result->received, result->reply);
    run->slowest = took > run->slowest ? took : run->slowest;
    run->early_clocks++;
}

void run_read_clocks_early(struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct empty_message nothing = {0};
        fleet_call(run->fleet, i, LANE_REPORTS, METHOD_CLOCK, &nothing, RUN_CALL_TIMEOUT_MS,
                   on_early_clock);
    }
}

bool run_is_long(const struct run *run)
{
    return run->round_trip >= RUN_LONG_TIME;
}

/* On long paths fewer rounds have to do: no new one begins after RUN_LONG_TIME. */
bool run_read_clocks(struct run *run, int rounds)
{
    int64_t began = clock_now();
    for (int round = 0; round < rounds && (!round || clock_now() - began < RUN_LONG_TIME);
         round++) {
        for (size_t i = 0; i < run->plan->daemon_count; i++)
            if (!run->daemons[i].lost)
                ask_clock(run, i, RUN_CALL_TIMEOUT_MS);
        if (!run_wait(run))
            return false;
    }
    return true;
}

/* Whether there is anything to compare while the flows run. */
static bool keeps_clocks(const struct run *run)
{
    return run->options->clock != CLOCK_MODE_NONE && run->plan->daemon_count > 1;
}

void run_keep_clocks(struct run *run)
{
    int64_t now = clock_now();
    for (size_t i = 0; keeps_clocks(run) && i < run->plan->daemon_count; i++) {
        struct run_daemon *daemon = &run->daemons[i];
        if (daemon->lost || daemon->finished || daemon->asking_clock || now < daemon->clock_at)
            continue;
        int64_t pause = daemon->clock_pause ? 2 * daemon->clock_pause : PAUSE_FIRST;
        daemon->clock_pause = pause < PAUSE_LAST ? pause : PAUSE_LAST;
        daemon->clock_at = now + daemon->clock_pause;
        ask_clock(run, i, LATER_TIMEOUT_MS);
    }
}

/* ---- what daemons are told ---- */

static void add_peer(struct run_daemon *daemon, size_t peer)
{
    struct peer_clock *list = daemon->clocks.items;
    for (size_t i = 0; i < daemon->clocks.count; i++)
        if (list[i].peer == (int64_t)peer)
            return;
    if (daemon->clocks.count == PROTOCOL_CLOCKS_MAX)
        return; /* its delays stay absent */
    list = mem_grow(list, daemon->clocks.count + 1, sizeof *list);
    list[daemon->clocks.count++] = (struct peer_clock){.peer = (int64_t)peer};
    daemon->clocks.items = list;
    daemon->tell_clocks = true;
}

void run_find_peers(struct run *run)
{
    if (run->options->clock == CLOCK_MODE_NONE)
        return;
    for (size_t i = 0; i < run->plan->count; i++) {
        const struct plan_flow *flow = &run->plan->flows[i];
        for (int end = 0; end < ENDPOINTS; end++)
            if (flow->ends[1 - end].one_way_delay)
                add_peer(&run->daemons[flow->at[end].daemon], flow->at[1 - end].daemon);
    }
}

struct schema_list run_peer_clocks(struct run *run, size_t index)
{
    struct run_daemon *daemon = &run->daemons[index];
    struct peer_clock *list = daemon->clocks.items;
    int64_t now = clock_now();
    size_t known = 0;
    if (!daemon->tell_clocks)
        return (struct schema_list){0};
    daemon->tell_clocks = false;
    /* The known ones come to the front: of a daemon that was lost before somebody attached to the
     * run, nothing is. */
    for (size_t i = 0; i < daemon->clocks.count; i++) {
        struct clock_map map;
        int64_t peer = list[i].peer;
        if (!clocksync_map(run->clocks, index, (size_t)peer, now, &map))
            continue;
        list[i].peer = list[known].peer;
        list[known++] = (struct peer_clock){
            .peer = peer,
            .reference = map.reference,
            .offset = map.offset,
            .rate_ppb = map.rate_ppb,
            .bound = map.bound,
            .bound_ppb = map.bound_ppb,
        };
    }
    return (struct schema_list){known ? list : NULL, known};
}

/* ---- after the run ---- */

/* When an endpoint really began, by the common instant and all that is known of the clocks now. The
 * instants of one daemon alone are the common one by definition. Who attaches to a run does not
 * know what its daemons were told: there is what they say, without a bound. */
static void settle_start(const struct run *run, size_t daemon, struct endpoint_result *result)
{
    int64_t late = result->start.key[REPORT_BEGIN], bound = 0;
    if (!result->started)
        return;
    if (run->plan->daemon_count > 1 && run->attached)
        bound = CLOCK_NEVER;
    else if (run->plan->daemon_count > 1)
        late += clocksync_local(run->clocks, daemon, run->daemons[daemon].start_at, run->start,
                                &bound) -
                run->start;
    result->start_late = late;
    result->start_bound = bound;
}

static bool any_delay(const struct run *run)
{
    for (size_t i = 0; i < run->plan->count; i++)
        for (int end = 0; end < ENDPOINTS; end++)
            if (run->plan->flows[i].ends[end].one_way_delay)
                return true;
    return false;
}

static void warn_unsteady(const struct run *run)
{
    if (!any_delay(run) || run->options->clock != CLOCK_MODE_ESTIMATE || !keeps_clocks(run))
        return;
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        struct clock_estimate estimate;
        if (clockfit_estimate(&run->clocks->daemons[i].fit, run->start, &estimate) &&
            estimate.left_out)
            log_warning(
                "the clock of flowd at %s did not run steadily (it was set, or its rate was "
                "changed): one-way delays may be off by more than their bound",
                run_daemon_name(run, i));
    }
}

void run_check_synchronised(const struct run *run)
{
    if (run->options->clock != CLOCK_MODE_SYNC)
        return;
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!run->clocks->daemons[i].last.synchronised)
            log_warning("--clock=sync: the kernel reports the clock of flowd at %s as "
                        "unsynchronised: figures that depend on it are as wrong as that clock",
                        run_daemon_name(run, i));
}

void run_settle_clocks(struct run *run)
{
    int64_t deadline = clock_now() + LATER_TIMEOUT_MS * NS_PER_MS;
    /* On a long path the last exchange of the run is hardly older than one that begins now. */
    bool again = keeps_clocks(run) && !run_is_long(run);
    for (size_t i = 0; again && i < run->plan->daemon_count; i++)
        if (!run->daemons[i].lost && !run->daemons[i].asking_clock)
            ask_clock(run, i, LATER_TIMEOUT_MS);
    while (again && fleet_pending(run->fleet) && clock_now() < deadline && !interrupt_asked())
        fleet_step(run->fleet, STEP_MS);
    for (size_t i = 0; i < run->plan->count; i++)
        for (int end = 0; end < ENDPOINTS; end++)
            settle_start(run, run->plan->flows[i].at[end].daemon,
                         &run->results->flows[i].ends[end]);
    warn_unsteady(run);
}
