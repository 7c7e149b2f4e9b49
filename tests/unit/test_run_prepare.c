/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the stages of a run up to its start (controller/run/run_prepare.c, run_prepared.c,
 * run_start.c) against daemons that are played here: in which order they are called, what they are
 * told, what becomes of answers that are late, wrong or missing, and by when the flows start. Time
 * passes as the played daemons take it. */
#include "controller/run/run_prepare.c"

#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

enum { DAEMONS = 2, CALLS = 4096 };

#define BEGIN (1000 * NS_PER_SEC)
#define WALL  (INT64_C(1700000000) * NS_PER_SEC)

/* A call as a daemon got it. */
struct called {
    size_t daemon;
    enum method_id method;
    int64_t at, due;
    fleet_done *done;
    bool answered;
    size_t endpoints, tables; /* of session.prepare */
    struct prepare_endpoint common, first, last;
    struct start_call start;
    char key[PROTOCOL_KEY_MAX];
};

/* How a daemon behaves. */
struct behaviour {
    int64_t takes; /* ns for each answer */
    enum fleet_outcome outcome[METHODS];
    int64_t prepared_takes;
    struct prepared_failure failures[2];
    size_t failed;     /* entries of `failures` that it knows */
    int64_t second_at; /* and one more from then on; 0: no more */
    bool forgets;      /* leaves out a destination */
    int64_t api, open_files, ports;
};

static int64_t now;
static struct called calls[CALLS];
static size_t call_count;
static struct behaviour daemons[DAEMONS];
static void *owner_of_calls;
static int said_fd;

/* ---- the clock and the daemons that are played ---- */

int64_t __wrap_clock_now(void);
int64_t __wrap_clock_now(void)
{
    return now;
}

int64_t __wrap_clock_wall(void);
int64_t __wrap_clock_wall(void)
{
    return WALL + (now - BEGIN);
}

struct fleet *fleet_new(void *owner, int extra_fd)
{
    (void)extra_fd;
    owner_of_calls = owner;
    return (struct fleet *)calls;
}

void fleet_free(struct fleet *fleet)
{
    (void)fleet;
}

void fleet_set_access(struct fleet *fleet, struct access *access)
{
    (void)fleet;
    (void)access;
}

size_t fleet_add(struct fleet *fleet, const char *host, uint16_t port)
{
    (void)fleet;
    (void)host;
    return port - 1u;
}

const char *fleet_advice(const struct fleet_result *result, const char *host)
{
    (void)result;
    (void)host;
    return "";
}

void fleet_call(struct fleet *fleet, size_t daemon, enum fleet_lane lane, enum method_id method,
                void *call, int64_t timeout_ms, fleet_done *done)
{
    (void)fleet;
    (void)lane;
    (void)timeout_ms;
    assert_true(call_count < CALLS);
    struct called *called = &calls[call_count++];
    const struct behaviour *how = &daemons[daemon];
    bool waits = method == METHOD_PREPARED && how->prepared_takes;
    *called = (struct called){.daemon = daemon, .method = method, .at = now, .done = done};
    called->due = now + (waits ? how->prepared_takes : how->takes);
    if (method == METHOD_PREPARE) {
        const struct prepare_call *prepare = call;
        const struct prepare_endpoint *list = prepare->endpoints.items;
        called->endpoints = prepare->endpoints.count;
        called->tables = prepare->tables.count;
        called->common = prepare->common;
        called->first = list[0];
        called->last = list[called->endpoints - 1];
        memcpy(called->key, prepare->key, sizeof called->key);
    }
    if (method == METHOD_START)
        called->start = *(const struct start_call *)call;
}

size_t fleet_pending(const struct fleet *fleet)
{
    size_t pending = 0;
    (void)fleet;
    for (size_t i = 0; i < call_count; i++)
        pending += !calls[i].answered;
    return pending;
}

void fleet_cancel(struct fleet *fleet, size_t daemon)
{
    (void)fleet;
    for (size_t i = 0; i < call_count; i++)
        calls[i].answered |= calls[i].daemon == daemon;
}

static void answer_prepare(const struct called *called, struct prepare_reply *reply)
{
    static struct prepare_destination list[CALLS];
    size_t count = called->first.endpoint == DESTINATION ? called->endpoints : 0;
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct prepare_destination){.flow = called->first.flow + (int64_t)i,
                                               .port = 40000 + called->first.flow + (int64_t)i};
        snprintf(list[i].secret, sizeof list[i].secret, "secret%" PRId64, list[i].flow);
        snprintf(list[i].proof, sizeof list[i].proof, "proof%" PRId64, list[i].flow);
    }
    if (count && daemons[called->daemon].forgets)
        count--;
    reply->destinations = (struct schema_list){list, count};
}

static void answer(struct called *called)
{
    static struct describe_reply description;
    static struct schema_reply schema;
    static struct open_reply opened;
    static struct prepare_reply prepared;
    static struct prepared_reply ready;
    static struct clock_reply clock;
    static struct start_reply started;
    static void *const replies[METHODS] = {
        [METHOD_DESCRIBE] = &description, [METHOD_SCHEMA] = &schema, [METHOD_OPEN] = &opened,
        [METHOD_PREPARE] = &prepared,     [METHOD_CLOCK] = &clock,   [METHOD_PREPARED] = &ready,
        [METHOD_START] = &started,
    };
    struct behaviour *how = &daemons[called->daemon];
    struct fleet_result result = {.daemon = called->daemon,
                                  .method = called->method,
                                  .outcome = how->outcome[called->method],
                                  .sent = called->at,
                                  .received = called->due,
                                  .reply = replies[called->method]};
    snprintf(result.fail.text, sizeof result.fail.text, "daemon %zu is mute", called->daemon);
    description = (struct describe_reply){
        .api = how->api,
        .limits = {
            .open_files = how->open_files, .ports = how->ports, .lease_s = 30, .somaxconn = 4096}};
    snprintf(description.product, sizeof description.product, "%s", PACKAGE_NAME);
    snprintf(opened.session, sizeof opened.session, "session%zu", called->daemon);
    answer_prepare(called, &prepared);
    clock = (struct clock_reply){.received = called->at + how->takes / 2,
                                 .sent = called->at + how->takes / 2};
    size_t failed = how->failed + (how->second_at && now >= how->second_at);
    ready = (struct prepared_reply){.total = 1,
                                    .ready = !failed,
                                    .failed = (int64_t)failed,
                                    .failures = {how->failures, failed}};
    called->answered = true;
    if (called->done)
        called->done(owner_of_calls, &result);
}

/* One answer, the next one that is due, or the time is over. */
void fleet_step(struct fleet *fleet, int64_t timeout_ms)
{
    struct called *next = NULL;
    (void)fleet;
    for (size_t i = 0; i < call_count; i++)
        if (!calls[i].answered && (!next || calls[i].due < next->due))
            next = &calls[i];
    int64_t until = now + timeout_ms * NS_PER_MS;
    if (!next || next->due > until) {
        now = until;
        return;
    }
    now = next->due > now ? next->due : now;
    answer(next);
}

/* ---- runs ---- */

/* What was said since the last time. */
static const char *said(void)
{
    static char text[4096];
    fflush(stderr);
    ssize_t length = pread(said_fd, text, sizeof text - 1, 0);
    assert_true(length >= 0);
    text[length] = '\0';
    assert_int_equal(ftruncate(said_fd, 0), 0);
    assert_true(lseek(said_fd, 0, SEEK_SET) == 0);
    return text;
}

static struct run *new_run(size_t flows)
{
    struct run *run = mem_new(1, sizeof *run);
    struct plan *plan = plan_new(flows);
    for (size_t i = 0; i < flows; i++)
        for (int end = 0; end < ENDPOINTS; end++) {
            struct plan_place *at = &plan->flows[i].at[end];
            snprintf(at->host, sizeof at->host, "h%d", end + 1);
            snprintf(at->control, sizeof at->control, "h%d", end + 1);
            at->port = (uint16_t)(end + 1);
            at->named = true;
        }
    plan->hosts_named = true;
    plan_group(plan);
    assert_int_equal(plan->daemon_count, DAEMONS);
    run->options = mem_new(1, sizeof *run->options);
    run->options->output.quiet = true;
    run->plan = plan;
    run->results = results_new(flows);
    run->links = mem_new(flows, sizeof *run->links);
    run->fleet = fleet_new(run, -1);
    run->clocks = clocksync_new(DAEMONS, CLOCK_MODE_ESTIMATE);
    run->daemons = mem_new(DAEMONS, sizeof *run->daemons);
    run->described = mem_new(DAEMONS, sizeof *run->described);
    run->private = true; /* nothing is written down for attach */
    run->file.fd = -1;
    snprintf(run->id, sizeof run->id, "0123456789abcdef");
    return run;
}

static void free_run(struct run *run)
{
    plan_free(run->plan);
    results_free(run->results);
    clocksync_free(run->clocks);
    for (size_t i = 0; i < DAEMONS; i++) {
        fifo_free(&run->daemons[i].waiting[SOURCE]);
        fifo_free(&run->daemons[i].waiting[DESTINATION]);
        free(run->daemons[i].clocks.items);
    }
    free(run->options);
    free(run->links);
    free(run->daemons);
    free(run->described);
    free(run);
}

/* The first call of a method to a daemon from the call `from` on; NULL: there is none. */
static const struct called *find(enum method_id method, size_t daemon, size_t from)
{
    for (size_t i = from; i < call_count; i++)
        if (calls[i].method == method && calls[i].daemon == daemon)
            return &calls[i];
    return NULL;
}

static int begin(void **state)
{
    (void)state;
    now = BEGIN;
    call_count = 0;
    for (size_t i = 0; i < DAEMONS; i++)
        daemons[i] = (struct behaviour){
            .takes = NS_PER_MS, .api = PROTOCOL_API, .open_files = 100000, .ports = 28000};
    said();
    return 0;
}

/* ---- finding the daemons ---- */

static void all_daemons_are_asked_at_once(void **state)
{
    (void)state;
    struct run *run = new_run(1);
    daemons[1].takes = 300 * NS_PER_MS;
    assert_true(run_contact(run));
    assert_int_equal(now, BEGIN + 300 * NS_PER_MS); /* one round trip, not three, nor two after */
    assert_int_equal(call_count, 3 * DAEMONS);
    for (size_t i = 0; i < call_count; i++)
        assert_int_equal(calls[i].at, BEGIN);
    free_run(run);
}

static void one_that_is_missing_is_not_all(void **state)
{
    (void)state;
    struct run *run = new_run(1);
    daemons[1].outcome[METHOD_DESCRIBE] = FLEET_NOT_REACHED;
    assert_false(run_contact(run));
    assert_int_equal(run->status, EXIT_PARTIAL);
    assert_string_equal(said(), "test: daemon 1 is mute\n");
    free_run(run);

    begin(NULL);
    run = new_run(1);
    daemons[0].outcome[METHOD_DESCRIBE] = daemons[1].outcome[METHOD_DESCRIBE] = FLEET_NOT_REACHED;
    assert_false(run_contact(run));
    assert_int_equal(run->status, EXIT_NOT_REACHED);
    free_run(run);
}

static void other_versions_are_refused(void **state)
{
    (void)state;
    struct run *run = new_run(1);
    daemons[1].api = PROTOCOL_API + 1;
    assert_false(run_contact(run));
    assert_int_equal(run->status, EXIT_PARTIAL);
    assert_non_null(strstr(said(), "h2:2 speaks version"));
    /* The session that was being opened is known, so that it can be closed. */
    assert_string_equal(run->daemons[0].session, "session0");
    assert_string_equal(run->daemons[1].session, "session1");
    free_run(run);
}

/* ---- preparing ---- */

static struct run *contacted(size_t flows)
{
    struct run *run = new_run(flows);
    assert_true(run_contact(run));
    return run;
}

static void sources_get_what_destinations_issued(void **state)
{
    (void)state;
    struct run *run = contacted(450);
    assert_true(run_prepare(run));
    assert_true(run->daemons[0].prepared && run->daemons[1].prepared);
    size_t seen[ENDPOINTS] = {0}, chunks[ENDPOINTS] = {0};
    int64_t issued = 0;
    for (size_t i = 0; i < call_count; i++) {
        if (calls[i].method != METHOD_PREPARE)
            continue;
        enum endpoint end = (enum endpoint)calls[i].first.endpoint;
        const struct prepare_endpoint *last = &calls[i].last;
        char wanted[PROTOCOL_ID_MAX];
        assert_int_equal(calls[i].daemon, end); /* h1 has the sources */
        assert_int_equal(calls[i].first.flow, seen[end]);
        assert_true(calls[i].endpoints <= CHUNK);
        seen[end] += calls[i].endpoints;
        chunks[end]++;
        issued = end == DESTINATION ? calls[i].due : issued;
        snprintf(wanted, sizeof wanted, "%c%zu", endpoint_letter(end), chunks[end] - 1);
        assert_string_equal(calls[i].key, wanted);
        assert_string_equal(calls[i].common.secret, "");
        assert_string_equal(calls[i].common.proof, "");
        snprintf(wanted, sizeof wanted, "secret%" PRId64, last->flow);
        assert_string_equal(last->secret, end == SOURCE ? wanted : "");
        snprintf(wanted, sizeof wanted, "proof%" PRId64, last->flow);
        assert_string_equal(last->proof, end == SOURCE ? wanted : "");
        assert_int_equal(last->port, end == SOURCE ? 40000 + last->flow : 0);
        assert_string_equal(last->host, end == SOURCE ? "h1" : "h2");
        assert_string_equal(last->peer_host, end == SOURCE ? "h2" : "h1");
    }
    assert_int_equal(seen[SOURCE], 450);
    assert_int_equal(seen[DESTINATION], 450);
    assert_int_equal(chunks[DESTINATION], 3);
    assert_true(find(METHOD_PREPARED, 0, 0)->at >= issued);
    free_run(run);
}

static void a_destination_that_is_forgotten_fails_the_run(void **state)
{
    (void)state;
    struct run *run = contacted(3);
    daemons[1].forgets = true;
    assert_false(run_prepare(run));
    assert_int_equal(run->status, EXIT_PARTIAL);
    assert_string_equal(said(), "test: the destinations of 1 of 3 flows were not prepared\n");
    assert_null(find(METHOD_PREPARED, 0, 0));
    free_run(run);
}

static void limits_are_checked_before_anything_is_prepared(void **state)
{
    (void)state;
    struct run *run = contacted(100);
    for (size_t i = 0; i < 2; i++) {
        /* 100 endpoints and 64 files to spare */
        run->described[1].limits.open_files = 164 - (int64_t)i;
        run->described[0].limits.ports = 100;
        bool good = run_prepare(run);
        assert_int_equal(good, i == 0);
        if (i == 0)
            call_count = 0;
    }
    assert_non_null(strstr(said(), "flowd at h2:2 may have 163 open files, but 100 flow endpoints "
                                   "need 164: raise its limit (ulimit -n 164)"));
    assert_int_equal(call_count, 0);
    free_run(run);

    begin(NULL);
    run = contacted(101);
    run->described[0].limits.ports = 100;
    assert_false(run_prepare(run));
    assert_non_null(
        strstr(said(), "101 flows go from h1:1 to one host, which has 100 local ports"));
    free_run(run);
}

/* ---- failures of the preparation ---- */

static const struct prepared_failure consequence = {
    .endpoint = SOURCE, .code = FAULT_PEER, .reason = "the peer went"};
static const struct prepared_failure cause = {
    .endpoint = DESTINATION, .code = FAULT_SYSTEM, .reason = "no room"};

static void fail_at(size_t daemon, const struct prepared_failure *failure)
{
    daemons[daemon].failures[daemons[daemon].failed++] = *failure;
}

static void the_cause_is_waited_for(void **state)
{
    (void)state;
    struct run *run = contacted(1);
    fail_at(0, &consequence);
    fail_at(1, &cause);
    daemons[1].prepared_takes = 900 * NS_PER_MS;
    assert_false(run_prepare(run));
    assert_string_equal(said(), "test: flow 0, destination h2 (flowd at h2:2): no room\n");
    free_run(run);
}

static void a_consequence_without_a_cause_is_said_in_the_end(void **state)
{
    (void)state;
    struct run *run = contacted(1);
    int64_t began = now;
    fail_at(0, &consequence);
    daemons[1].prepared_takes = 5 * NS_PER_SEC;
    assert_false(run_prepare(run));
    assert_string_equal(said(), "test: flow 0, source h1 (flowd at h1:1): the peer went\n");
    assert_int_equal(run->status, EXIT_PARTIAL);
    assert_true(now - began > NS_PER_SEC && now - began < 1200 * NS_PER_MS);
    free_run(run);
}

static void other_failures_are_said_at_once(void **state)
{
    (void)state;
    struct run *run = contacted(1);
    int64_t began = now;
    struct prepared_failure own = consequence;
    own.code = FAULT_CONNECT;
    fail_at(0, &own);
    daemons[1].prepared_takes = 5 * NS_PER_SEC;
    assert_false(run_prepare(run));
    assert_string_equal(said(), "test: flow 0, source h1 (flowd at h1:1): the peer went\n");
    assert_true(now - began < 10 * NS_PER_MS);
    free_run(run);
}

/* Both ends at one daemon: it is asked again, but does not have to answer all the time. */
static void one_daemon_is_asked_again(void **state)
{
    (void)state;
    struct run *run = contacted(1);
    run->plan->flows[0].at[DESTINATION].daemon = 0;
    fail_at(0, &consequence);
    daemons[0].failures[1] = cause;
    daemons[0].second_at = now + 500 * NS_PER_MS;
    daemons[1].prepared_takes = 5 * NS_PER_SEC;
    run->links[0].port = 1;
    run_ask_prepared(run);
    size_t from = call_count;
    assert_false(run_await_prepared(run));
    assert_non_null(strstr(said(), ", destination h2 (flowd at h1:1): no room\n"));
    assert_true(call_count - from >= 5 && call_count - from <= 12);
    free_run(run);
}

static void failures_of_others_are_not_believed(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(NULL);
        struct run *run = contacted(1);
        struct prepared_failure strange = i ? consequence : cause;
        strange.flow = 7;
        strange.endpoint = SOURCE;
        fail_at(1, &strange);
        assert_false(run_prepare(run));
        assert_non_null(strstr(said(), "flowd at h2:2: an endpoint that is not its own failed: "));
        free_run(run);
    }
}

/* ---- the start ---- */

static void all_start_at_one_instant(void **state)
{
    (void)state;
    static const int64_t trips[] = {NS_PER_MS, 50 * NS_PER_MS, 600 * NS_PER_MS};
    for (size_t i = 0; i < COUNT(trips); i++) {
        begin(NULL);
        struct run *run = contacted(1);
        daemons[0].takes = daemons[1].takes = trips[i];
        assert_true(run_prepare(run));
        assert_true(run_start(run));
        for (size_t daemon = 0; daemon < DAEMONS; daemon++) {
            const struct called *start = find(METHOD_START, daemon, 0);
            assert_string_equal(start->start.key, "start");
            assert_int_equal(start->start.in_ms, -1);
            /* The played clocks are the controller's own. */
            int64_t off = start->start.at - run->start;
            assert_true(off >= -NS_PER_MS && off <= NS_PER_MS);
            /* The call is there before, by all that such a path takes, and not much earlier. */
            int64_t lead = start->start.at - start->at;
            assert_true(lead >= 100 * NS_PER_MS + trips[i]);
            assert_true(lead <= 102 * NS_PER_MS + 2 * trips[i]);
        }
        free_run(run);
    }
}

static void a_start_at_a_time_of_the_clock(void **state)
{
    (void)state;
    struct run *run = contacted(1);
    run->options->start_at = WALL + 100 * NS_PER_SEC;
    run->options->clock = CLOCK_MODE_NONE;
    assert_true(run_prepare(run));
    assert_true(run_start(run));
    assert_int_equal(run->start, BEGIN + 100 * NS_PER_SEC);
    /* Told about a second before, and no session was forgotten: its lease is 30 s. */
    int64_t heard = BEGIN;
    for (size_t i = 0; i < call_count; i++) {
        if (calls[i].method != METHOD_RENEW || calls[i].daemon != 1)
            continue;
        assert_true(calls[i].at - heard <= 11 * NS_PER_SEC);
        heard = calls[i].at;
    }
    assert_true(run->start - heard <= 12 * NS_PER_SEC);
    int64_t before = run->start - find(METHOD_START, 1, 0)->at;
    assert_true(before >= NS_PER_SEC && before < 1500 * NS_PER_MS);
    free_run(run);

    begin(NULL);
    run = contacted(1);
    run->options->start_at = WALL + 10 * NS_PER_MS;
    assert_true(run_prepare(run));
    assert_false(run_start(run));
    assert_int_equal(run->status, EXIT_PARTIAL);
    assert_non_null(strstr(said(), "option --start-at: the flows were ready 0."));
    assert_null(find(METHOD_START, 0, 0));
    free_run(run);
}

#define CASE(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(all_daemons_are_asked_at_once),
        CASE(one_that_is_missing_is_not_all),
        CASE(other_versions_are_refused),
        CASE(sources_get_what_destinations_issued),
        CASE(a_destination_that_is_forgotten_fails_the_run),
        CASE(limits_are_checked_before_anything_is_prepared),
        CASE(the_cause_is_waited_for),
        CASE(a_consequence_without_a_cause_is_said_in_the_end),
        CASE(other_failures_are_said_at_once),
        CASE(one_daemon_is_asked_again),
        CASE(failures_of_others_are_not_believed),
        CASE(all_start_at_one_instant),
        CASE(a_start_at_a_time_of_the_clock),
    };
    int standard_error = dup(STDERR_FILENO);
    said_fd = memfd_create("said", 0);
    if (said_fd < 0 || dup2(said_fd, STDERR_FILENO) < 0)
        return 1;
    log_open("test", false);
    int failed = cmocka_run_group_tests(cases, NULL, NULL);
    dup2(standard_error, STDERR_FILENO); /* for what a sanitizer finds at the end */
    return failed;
}
