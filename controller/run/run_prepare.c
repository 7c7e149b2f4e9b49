/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From finding the daemons to flows that are ready to start. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "secret.h"
#include "log.h"
#include "mem.h"
#include "run/run_state.h"

enum {
    PREPARE_TIMEOUT_MS = 60000, /* names are looked up, a thousand sockets are made */
    CHUNK = 200, /* endpoints in one call, so that both ends are prepared at the same time */
    SPARE_FILES = 64,
    OPENED_TIME_MS = 1000,
    STEP_MS = 200,
};

/* ---- calls that fail ---- */

/* Where some hosts are named: whose host is not, and so this daemon is taken. NULL: nobody's. */
static const char *unnamed_ends(const struct plan *plan, size_t daemon)
{
    for (size_t i = 0; plan->hosts_named && i < ENDPOINTS * plan->count; i++) {
        const struct plan_place *place = &plan->flows[i / ENDPOINTS].at[i % ENDPOINTS];
        if (place->daemon == daemon && !place->named)
            return i % ENDPOINTS == SOURCE ? "source (s=HOST)" : "destination (d=HOST)";
    }
    return NULL;
}

void run_fail_contact(struct run *run, const struct fleet_result *result)
{
    if (result->outcome != FLEET_NOT_REACHED) {
        run_fail_call(run, result);
        return;
    }
    run->not_reached = true;
    if (run->quiet_contact)
        return;
    const char *unnamed = unnamed_ends(run->plan, result->daemon);
    run_fail(run, EXIT_PARTIAL, "%s%s%s%s", result->fail.text, unnamed ? "; -H names no " : "",
             unnamed ? unnamed : "",
             unnamed ? ", so it defaults to localhost"
                     : fleet_advice(result, run->plan->daemons[result->daemon].host));
}

/* ---- finding the daemons ---- */

void run_take_description(struct run *run, const struct fleet_result *result)
{
    const struct describe_reply *reply = result->reply;
    run->described[result->daemon] = *reply;
    run->daemons[result->daemon].described = true;
    log_info("flowd %s at %s: %s %s, %" PRId64 " CPUs", reply->version,
             run_daemon_name(run, result->daemon), reply->os, reply->os_release, reply->cpus);
    if (strcmp(reply->product, PACKAGE_NAME) || reply->api != PROTOCOL_API)
        run_fail(run, EXIT_PARTIAL,
                 "%s at %s speaks version %" PRId64 " of the protocol, this flowctl (%s) speaks "
                 "version %d: install the same version of flowrig on both",
                 reply->product, run_daemon_name(run, result->daemon), reply->api, PACKAGE_VERSION,
                 PROTOCOL_API);
}

void run_take_schema(struct run *run, const struct fleet_result *result)
{
    const struct schema_reply *reply = result->reply;
    const struct schema_column *list = reply->columns.items;
    struct run_daemon *daemon = &run->daemons[result->daemon];
    daemon->layout.columns = 0;
    for (size_t i = 0; i < reply->columns.count; i++)
        report_layout_add(&daemon->layout, list[i].name);
}

static void note_call(struct run *run, const struct fleet_result *result)
{
    int64_t *quickest = &run->daemons[result->daemon].quickest_call;
    int64_t took = result->received - result->sent;
    if (result->outcome == FLEET_ANSWERED && (!*quickest || took < *quickest))
        *quickest = took;
}

/* A daemon that is near, or on this host, does not make a run one of short paths. */
static void find_round_trip(struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (run->daemons[i].quickest_call > run->round_trip)
            run->round_trip = run->daemons[i].quickest_call;
}

static void on_described(void *owner, const struct fleet_result *result)
{
    note_call(owner, result);
    if (result->outcome == FLEET_ANSWERED)
        run_take_description(owner, result);
    else
        run_fail_contact(owner, result);
}

static void on_schema(void *owner, const struct fleet_result *result)
{
    note_call(owner, result);
    if (result->outcome == FLEET_ANSWERED)
        run_take_schema(owner, result);
    else
        run_fail_contact(owner, result);
}

static void on_opened(void *owner, const struct fleet_result *result)
{
    struct run *run = owner;
    const struct open_reply *reply = result->reply;
    note_call(run, result);
    if (result->outcome == FLEET_ANSWERED)
        memcpy(run->daemons[result->daemon].session, reply->session, sizeof reply->session);
    else
        run_fail_contact(run, result);
}

/* Who knows the key of session.open gets the session for it: so it is not the number of the run,
 * which is in names and logs, and each daemon gets one of its own. */
static void open_session(struct run *run, size_t daemon)
{
    struct open_call call = {0};
    uint8_t random[SECRET_SIZE];
    secret_make(random);
    secret_format(random, call.key);
    snprintf(call.run, sizeof call.run, "%.8s", run->id);
    memcpy(call.controller, run->controller, sizeof call.controller);
    fleet_call(run->fleet, daemon, LANE_REPORTS, METHOD_OPEN, &call, RUN_CALL_TIMEOUT_MS,
               on_opened);
}

/* On a long path the names of columns come while destinations are prepared. */
static bool all_described(const struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!run->daemons[i].described)
            return false;
    return true;
}

static bool all_opened(const struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!run->daemons[i].session[0])
            return false;
    return true;
}

/* Where the run ends here: a session that is just being opened has to be known to be closed. */
static void settle_opened(struct run *run)
{
    int64_t deadline = clock_now() + OPENED_TIME_MS * NS_PER_MS;
    while (fleet_pending(run->fleet) && !all_opened(run) && clock_now() < deadline)
        fleet_step(run->fleet, STEP_MS);
}

bool run_contact(struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++) {
        const struct plan_daemon *daemon = &run->plan->daemons[i];
        struct empty_message nothing = {0};
        struct schema_call names = {.names_only = true};
        fleet_add(run->fleet, daemon->host, daemon->port);
        fleet_call(run->fleet, i, LANE_COMMAND, METHOD_DESCRIBE, &nothing, RUN_CALL_TIMEOUT_MS,
                   on_described);
        open_session(run, i);
        fleet_call(run->fleet, i, LANE_REPORTS, METHOD_SCHEMA, &names, RUN_CALL_TIMEOUT_MS,
                   on_schema);
    }
    /* All are heard out: it makes a difference whether none was reached, or one was not. */
    while (fleet_pending(run->fleet) && !all_described(run) && !interrupt_asked())
        fleet_step(run->fleet, RUN_CALL_TIMEOUT_MS);
    if (!run->failed && !run->not_reached && !interrupt_asked())
        return true;
    settle_opened(run);
    if (!run->not_reached)
        return false;
    bool any = false;
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        any |= run->daemons[i].described;
    run->status = any ? EXIT_PARTIAL : EXIT_NOT_REACHED;
    return false;
}

/* ---- limits ---- */

static bool check_files(struct run *run, size_t daemon)
{
    const struct limits_message *limits = &run->described[daemon].limits;
    int64_t endpoints = (int64_t)run->plan->daemons[daemon].endpoints;
    int64_t most = run->described[daemon].quotas.max_flows;
    int64_t needed = endpoints + limits->open_files_used + SPARE_FILES;
    if (most && endpoints + limits->flows > most)
        run_fail(run, EXIT_PARTIAL,
                 "flowd at %s allows %" PRId64 " flow endpoints at once and has %" PRId64
                 ", but %" PRId64 " are requested: start it with --max-flows %" PRId64,
                 run_daemon_name(run, daemon), most, limits->flows, endpoints,
                 endpoints + limits->flows);
    else if (needed > limits->open_files)
        run_fail(run, EXIT_PARTIAL,
                 "flowd at %s may have %" PRId64 " open files, but %" PRId64
                 " flow endpoints need %" PRId64 ": raise its limit (ulimit -n %" PRId64 ")",
                 run_daemon_name(run, daemon), limits->open_files, endpoints, needed, needed);
    return !run->failed;
}

/* Connections from one source host to one destination differ in the source's port only. */
static void check_ports(struct run *run, size_t source, size_t connections)
{
    const struct limits_message *limits = &run->described[source].limits;
    if ((int64_t)connections > limits->ports)
        run_fail(run, EXIT_PARTIAL,
                 "%zu flows go from %s to one host, which has %" PRId64
                 " local ports for them: raise net.ipv4.ip_local_port_range there",
                 connections, run_daemon_name(run, source), limits->ports);
}

static void warn_backlog(struct run *run, size_t destination, size_t connections)
{
    const struct limits_message *limits = &run->described[destination].limits;
    if (limits->somaxconn < 256 && (int64_t)connections > limits->somaxconn)
        log_warning("net.core.somaxconn of %s is %" PRId64
                    ": connections of %zu flows may be slow to set up; 4096 is a good value",
                    run_daemon_name(run, destination), limits->somaxconn, connections);
}

static bool check_connections(struct run *run)
{
    size_t count = run->plan->daemon_count;
    size_t *connections = mem_new(count * count, sizeof *connections);
    for (size_t i = 0; i < run->plan->count; i++) {
        const struct plan_flow *flow = &run->plan->flows[i];
        connections[flow->at[SOURCE].daemon * count + flow->at[DESTINATION].daemon]++;
    }
    for (size_t destination = 0; destination < count; destination++) {
        size_t sum = 0;
        for (size_t source = 0; source < count; source++) {
            size_t some = connections[source * count + destination];
            check_ports(run, source, some);
            sum += some;
        }
        if (!run->failed)
            warn_backlog(run, destination, sum);
    }
    free(connections);
    return !run->failed;
}

static bool check_limits(struct run *run)
{
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        if (!check_files(run, i))
            return false;
    return check_connections(run);
}

/* ---- endpoints ---- */

static void fill_endpoint(const struct run *run, size_t index, enum endpoint end,
                          struct prepare_endpoint *endpoint)
{
    const struct plan_flow *flow = &run->plan->flows[index];
    const struct run_link *link = &run->links[index];
    endpoint->flow = (int64_t)index;
    endpoint->endpoint = end;
    memcpy(endpoint->host, flow->at[end].host, sizeof endpoint->host);
    endpoint->source = flow->ends[SOURCE];
    endpoint->destination = flow->ends[DESTINATION];
    endpoint->settings = flow->settings;
    const struct plan_place *peer = &flow->at[endpoint_other(end)];
    memcpy(endpoint->peer_host, peer->host, sizeof endpoint->peer_host);
    endpoint->peer_clock =
        flow->ends[1 - end].one_way_delay ? (int64_t)flow->at[1 - end].daemon : -1;
    if (end == DESTINATION)
        return;
    endpoint->port = link->port;
    memcpy(endpoint->secret, link->secret, sizeof endpoint->secret);
    memcpy(endpoint->proof, link->proof, sizeof endpoint->proof);
}

/* The daemon keeps what comes with the first call, so the others need not carry it. */
static size_t put_tables(const struct plan *plan, struct prepare_table tables[PROTOCOL_TABLES_MAX])
{
    for (size_t i = 0; i < plan->tables.count; i++)
        tables[i].text =
            (struct schema_bytes){plan->tables.list[i].text, plan->tables.list[i].length};
    return plan->tables.count;
}

/* What the flows of one command have in common is much, so it is said once: as the first endpoint
 * has it, but for what is its own. */
static struct prepare_endpoint common_of(const struct prepare_endpoint *first)
{
    struct prepare_endpoint common = *first;
    common.flow = 0;
    common.secret[0] = common.proof[0] = '\0';
    return common;
}

static void on_destinations(void *owner, const struct fleet_result *result);

static void send_chunk(struct run *run, size_t daemon, enum endpoint end, size_t number,
                       struct prepare_endpoint *endpoints, size_t count)
{
    struct prepare_table tables[PROTOCOL_TABLES_MAX];
    struct prepare_call call = {.common = common_of(endpoints), .endpoints = {endpoints, count}};
    if (number == 0)
        call.tables = (struct schema_list){tables, put_tables(run->plan, tables)};
    memcpy(call.session, run->daemons[daemon].session, sizeof call.session);
    snprintf(call.key, sizeof call.key, "%c%zu", endpoint_letter(end), number);
    run->preparing++;
    fleet_call(run->fleet, daemon, LANE_COMMAND, METHOD_PREPARE, &call, PREPARE_TIMEOUT_MS,
               on_destinations);
}

/* Prepares the endpoints that wait at a daemon, in whole chunks; `all`: with the rest. */
static void prepare_waiting(struct run *run, size_t daemon, enum endpoint end, bool all)
{
    struct fifo *waiting = &run->daemons[daemon].waiting[end];
    size_t least = all ? 1 : CHUNK;
    while (waiting->count >= least && !run->failed) {
        struct prepare_endpoint *chunk = mem_new(CHUNK, sizeof *chunk);
        size_t count = 0;
        for (; count < CHUNK && waiting->count; count++) {
            fill_endpoint(run, *(size_t *)fifo_at(waiting, 0, sizeof(size_t)), end, &chunk[count]);
            fifo_drop(waiting);
        }
        send_chunk(run, daemon, end, run->daemons[daemon].prepare_calls[end]++, chunk, count);
        free(chunk);
    }
}

static void add_waiting(struct run *run, size_t flow, enum endpoint end)
{
    size_t daemon = run->plan->flows[flow].at[end].daemon;
    *(size_t *)fifo_add(&run->daemons[daemon].waiting[end], sizeof(size_t)) = flow;
}

/* Not for the names of columns, which take longer on a long path and are needed at the end only. */
static void await_prepare_calls(struct run *run)
{
    while (run->preparing && fleet_pending(run->fleet) && !interrupt_asked() && !run->failed)
        fleet_step(run->fleet, RUN_STEP_MS);
}

/* Sources follow as their destinations answer. */
static bool prepare_ends(struct run *run)
{
    for (size_t i = 0; i < run->plan->count; i++) {
        size_t daemon = run->plan->flows[i].at[DESTINATION].daemon;
        add_waiting(run, i, DESTINATION);
        prepare_waiting(run, daemon, DESTINATION, false);
        if (!run->daemons[daemon].waiting[DESTINATION].count)
            fleet_step(run->fleet, 0);
    }
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        prepare_waiting(run, i, DESTINATION, true);
    await_prepare_calls(run);
    if (!run->failed && !interrupt_asked() && run->linked < run->plan->count)
        run_fail(run, EXIT_PARTIAL, "the destinations of %zu of %zu flows were not prepared",
                 run->plan->count - run->linked, run->plan->count);
    return !run->failed && !interrupt_asked();
}

static bool take_destination(struct run *run, size_t daemon, const struct prepare_destination *made)
{
    if (made->flow < 0 || (size_t)made->flow >= run->plan->count ||
        run->plan->flows[made->flow].at[DESTINATION].daemon != daemon)
        return false;
    struct run_link *link = &run->links[made->flow];
    if (link->port)
        return false;
    link->port = made->port;
    memcpy(link->secret, made->secret, sizeof link->secret);
    memcpy(link->proof, made->proof, sizeof link->proof);
    return true;
}

static void on_destinations(void *owner, const struct fleet_result *result)
{
    struct run *run = owner;
    const struct prepare_reply *reply = result->reply;
    note_call(run, result);
    run->preparing--;
    if (result->outcome != FLEET_ANSWERED) {
        run_fail_contact(run, result);
        return;
    }
    const struct prepare_destination *list = reply->destinations.items;
    for (size_t i = 0; i < reply->destinations.count; i++)
        if (take_destination(run, result->daemon, &list[i])) {
            add_waiting(run, (size_t)list[i].flow, SOURCE);
            run->linked++;
        }
    for (size_t i = 0; i < run->plan->daemon_count; i++)
        prepare_waiting(run, i, SOURCE, run->linked == run->plan->count);
}

bool run_prepare(struct run *run)
{
    bool good = check_limits(run);
    while (good && !all_opened(run) && fleet_pending(run->fleet) && !interrupt_asked()) {
        fleet_step(run->fleet, STEP_MS);
        good = !run->failed;
    }
    if (!good || run->failed || interrupt_asked()) {
        settle_opened(run);
        return false;
    }
    if (!prepare_ends(run))
        return false;
    find_round_trip(run);
    run_ask_prepared(run);
    if (run_is_long(run))
        run_read_clocks_early(run);
    return run_await_prepared(run);
}
