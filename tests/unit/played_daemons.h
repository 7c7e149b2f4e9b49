/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of a run's stages up to its start share: daemons that are played here instead of the
 * fleet, runs of two of them, and what was said on standard error. Time passes as the played
 * daemons take it, so a program that includes this wraps the clock. */
#ifndef FLOWRIG_UNIT_PLAYED_DAEMONS_H
#define FLOWRIG_UNIT_PLAYED_DAEMONS_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "failure.h"
#include "log.h"
#include "mem.h"
#include "run/run_state.h"
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
static int said_fd, standard_error;

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

static inline void answer_prepare(const struct called *called, struct prepare_reply *reply)
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

static inline void answer(struct called *called)
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
static inline const char *said(void)
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

static inline struct run *new_run(size_t flows)
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

static inline void free_run(struct run *run)
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
static inline const struct called *find(enum method_id method, size_t daemon, size_t from)
{
    for (size_t i = from; i < call_count; i++)
        if (calls[i].method == method && calls[i].daemon == daemon)
            return &calls[i];
    return NULL;
}

static inline int begin(void **state)
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

static inline struct run *contacted(size_t flows)
{
    struct run *run = new_run(flows);
    assert_true(run_contact(run));
    return run;
}

/* Before and after all cases: standard error is heard. */
static inline int hear(void **state)
{
    (void)state;
    standard_error = dup(STDERR_FILENO);
    said_fd = memfd_create("said", 0);
    log_open("test", false);
    return said_fd < 0 || dup2(said_fd, STDERR_FILENO) < 0;
}

/* For what a sanitizer finds at the end. */
static inline int hear_no_more(void **state)
{
    (void)state;
    return dup2(standard_error, STDERR_FILENO) < 0;
}

#define CASE(name) cmocka_unit_test_setup(name, begin)

#endif
