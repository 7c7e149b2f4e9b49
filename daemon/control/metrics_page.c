/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/metrics_page.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "exposed.h"
#include "host/own_process.h"
#include "session/live.h"

#define PAGE_LIFE NS_PER_SEC

struct metrics_page {
    struct sessions *sessions;
    const struct http_counts *counts;
    const struct stamp_counts *stamp; /* NULL: there is no reflector */
    pthread_mutex_t lock;
    struct buffer text;
    int64_t made_at; /* 0: never */
};

struct metrics_page *metrics_page_new(struct sessions *sessions, const struct http_counts *counts,
                                      const struct stamp_counts *stamp)
{
    struct metrics_page *page = mem_new(1, sizeof *page);
    page->sessions = sessions;
    page->counts = counts;
    page->stamp = stamp;
    pthread_mutex_init(&page->lock, NULL);
    return page;
}

void metrics_page_free(struct metrics_page *page)
{
    if (!page)
        return;
    pthread_mutex_destroy(&page->lock);
    buffer_free(&page->text);
    free(page);
}

/* ---- flows */

/* The labels of each endpoint; each text is to be freed. */
static char **endpoint_labels(const struct live_figures *live)
{
    char **labels = mem_new(live->endpoint_count, sizeof *labels);
    for (size_t i = 0; i < live->endpoint_count; i++) {
        const struct live_endpoint *endpoint = &live->endpoints[i];
        struct buffer text = {0};
        exposition_label_number(&text, "slot", endpoint->slot);
        exposition_label_number(&text, "flow", endpoint->flow);
        exposition_label(&text, "endpoint", endpoint_name(endpoint->endpoint));
        labels[i] = text.data;
    }
    return labels;
}

static void put_exposed(struct exposition *page, const struct live_figures *live,
                        enum exposed index, char *const *labels)
{
    unsigned places = exposed_unit(index).places;
    exposed_family(page, index);
    for (size_t i = 0; i < live->endpoint_count; i++) {
        int64_t value = live->endpoints[i].value[index];
        if (value != METRIC_ABSENT && value != METRIC_INFINITE)
            exposition_fixed(page, labels[i], value, places);
    }
}

static void put_flows(struct exposition *page, const struct live_figures *live)
{
    char **labels = endpoint_labels(live);
    exposition_family(page, EXPOSITION_GAUGE, "flow_report_age_seconds", "seconds",
                      "time since the report with the figures of the endpoint was taken");
    for (size_t i = 0; i < live->endpoint_count; i++)
        exposition_fixed(page, labels[i], live->endpoints[i].age, 9);
    for (int i = 0; i < EXPOSED_METRICS; i++)
        put_exposed(page, live, (enum exposed)i, labels);
    for (size_t i = 0; i < live->endpoint_count; i++)
        free(labels[i]);
    free(labels);
}

/* ---- lists: of sessions and of users */

/* A figure of each item of a list; `of` returns METRIC_ABSENT where an item has none. */
struct family {
    enum exposition_type type;
    const char *name, *unit, *help;
    unsigned places;
    int64_t (*of)(const void *item);
};

static int64_t endpoints_of(const void *session)
{
    return ((const struct live_session *)session)->status.flows;
}

static int64_t running_of(const void *session)
{
    return ((const struct live_session *)session)->status.running;
}

static int64_t failed_of(const void *session)
{
    return ((const struct live_session *)session)->status.failed;
}

static int64_t tx_of(const void *session)
{
    return ((const struct live_session *)session)->tx;
}

static int64_t rx_of(const void *session)
{
    return ((const struct live_session *)session)->rx;
}

static int64_t rows_of(const void *session)
{
    return ((const struct live_session *)session)->status.rows;
}

static int64_t row_bytes_of(const void *session)
{
    const struct live_session *live = session;
    return live->status.bytes + live->status.spilled;
}

static int64_t lost_of(const void *session)
{
    return ((const struct live_session *)session)->lost;
}

static int64_t lease_of(const void *session)
{
    return ((const struct live_session *)session)->status.lease_left_ns;
}

static int64_t age_of(const void *session)
{
    return ((const struct live_session *)session)->status.age_ns;
}

static const struct family session_families[] = {
    {EXPOSITION_GAUGE, "session_endpoints", "", "flow endpoints of the session", 0, endpoints_of},
    {EXPOSITION_GAUGE, "session_running_endpoints", "", "endpoints that run", 0, running_of},
    {EXPOSITION_GAUGE, "session_failed_endpoints", "", "endpoints that failed", 0, failed_of},
    {EXPOSITION_COUNTER, "session_tx_bytes", "bytes", "tx bytes of all endpoints", 0, tx_of},
    {EXPOSITION_COUNTER, "session_rx_bytes", "bytes", "rx bytes of all endpoints", 0, rx_of},
    {EXPOSITION_GAUGE, "session_reports", "", "reports kept until they are fetched", 0, rows_of},
    {EXPOSITION_GAUGE, "session_report_bytes", "bytes", "their size, in memory and file", 0,
     row_bytes_of},
    {EXPOSITION_GAUGE, "session_lost_reports", "", "reports that found no room", 0, lost_of},
    {EXPOSITION_GAUGE, "session_lease_seconds", "seconds",
     "time until the session ends unless its controller calls", 9, lease_of},
    {EXPOSITION_GAUGE, "session_age_seconds", "seconds", "time since the session was opened", 9,
     age_of},
};

/* A limit, absent where there is none. */
static int64_t limit(int64_t most)
{
    return most ? most : METRIC_ABSENT;
}

static int64_t user_sessions(const void *user)
{
    return ((const struct live_user *)user)->sessions;
}

static int64_t user_sessions_limit(const void *user)
{
    return limit(((const struct live_user *)user)->quota->sessions);
}

static int64_t user_flows(const void *user)
{
    return ((const struct live_user *)user)->flows;
}

static int64_t user_flows_limit(const void *user)
{
    return limit(((const struct live_user *)user)->quota->flows);
}

/* Rates are added up only where something bounds them. */
static int64_t user_rate(const void *user)
{
    const struct live_user *live = user;
    return live->quota->rate ? live->rate / 8 : METRIC_ABSENT;
}

static int64_t user_rate_limit(const void *user)
{
    int64_t rate = ((const struct live_user *)user)->quota->rate;
    return rate ? rate / 8 : METRIC_ABSENT;
}

static int64_t user_reports(const void *user)
{
    return ((const struct live_user *)user)->reports;
}

static int64_t user_reports_limit(const void *user)
{
    return limit(((const struct live_user *)user)->quota->reports);
}

static const struct family user_families[] = {
    {EXPOSITION_GAUGE, "user_sessions", "", "open sessions of the user", 0, user_sessions},
    {EXPOSITION_GAUGE, "user_sessions_limit", "", "how many the user may have", 0,
     user_sessions_limit},
    {EXPOSITION_GAUGE, "user_endpoints", "", "flow endpoints of the user", 0, user_flows},
    {EXPOSITION_GAUGE, "user_endpoints_limit", "", "how many the user may have", 0,
     user_flows_limit},
    {EXPOSITION_GAUGE, "user_rate_bytes_per_second", "bytes_per_second",
     "rate that the endpoints of the user asked to send", 0, user_rate},
    {EXPOSITION_GAUGE, "user_rate_limit_bytes_per_second", "bytes_per_second",
     "rate that they may ask to send", 0, user_rate_limit},
    {EXPOSITION_GAUGE, "user_report_bytes", "bytes", "reports kept for the user", 0, user_reports},
    {EXPOSITION_GAUGE, "user_report_limit_bytes", "bytes", "reports that may be kept for the user",
     0, user_reports_limit},
};

/* Each family with all items, whose labels are `labels`. */
static void put_families(struct exposition *page, const struct family *families, size_t count,
                         const void *items, size_t item_size, size_t item_count,
                         const struct buffer *labels)
{
    for (size_t i = 0; i < count; i++) {
        exposition_family(page, families[i].type, families[i].name, families[i].unit,
                          families[i].help);
        for (size_t k = 0; k < item_count; k++) {
            int64_t value = families[i].of((const char *)items + k * item_size);
            if (value != METRIC_ABSENT)
                exposition_fixed(page, labels[k].data, value, families[i].places);
        }
    }
}

static void put_session_info(struct exposition *page, const struct live_figures *live)
{
    exposition_family(page, EXPOSITION_GAUGE, "session_info", "",
                      "run, controller, user and state of the session");
    for (size_t i = 0; i < live->session_count; i++) {
        const struct status_session *status = &live->sessions[i].status;
        struct buffer labels = {0};
        exposition_label_number(&labels, "slot", live->sessions[i].slot);
        exposition_label(&labels, "run", status->run);
        exposition_label(&labels, "controller", status->controller);
        exposition_label(&labels, "user", status->user);
        exposition_label(&labels, "state", session_states.names[status->state]);
        exposition_fixed(page, labels.data, 1, 0);
        buffer_free(&labels);
    }
}

static void free_labels(struct buffer *labels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_free(&labels[i]);
    free(labels);
}

static void put_sessions(struct exposition *page, const struct live_figures *live)
{
    struct buffer *labels = mem_new(live->session_count, sizeof *labels);
    for (size_t i = 0; i < live->session_count; i++)
        exposition_label_number(&labels[i], "slot", live->sessions[i].slot);
    put_session_info(page, live);
    put_families(page, session_families, COUNT(session_families), live->sessions,
                 sizeof *live->sessions, live->session_count, labels);
    free_labels(labels, live->session_count);
}

static void put_users(struct exposition *page, const struct live_figures *live)
{
    struct buffer *labels = mem_new(live->user_count, sizeof *labels);
    for (size_t i = 0; i < live->user_count; i++)
        exposition_label(&labels[i], "user", live->users[i].name);
    put_families(page, user_families, COUNT(user_families), live->users, sizeof *live->users,
                 live->user_count, labels);
    free_labels(labels, live->user_count);
}

/* ---- the daemon */

static void put_one(struct exposition *page, enum exposition_type type, const char *name,
                    const char *unit, const char *help, int64_t value, unsigned places)
{
    if (value == METRIC_ABSENT)
        return;
    exposition_family(page, type, name, unit, help);
    exposition_fixed(page, "", value, places);
}

#define GAUGE(name, unit, help, value, places) \
    put_one(page, EXPOSITION_GAUGE, "flowd_" name, unit, help, value, places)
#define COUNTER(name, unit, help, value, places) \
    put_one(page, EXPOSITION_COUNTER, "flowd_" name, unit, help, value, places)

static void put_process(struct exposition *page)
{
    struct own_process process;
    own_process_read(&process);
    COUNTER("cpu_seconds", "seconds", "CPU time of all threads", process.cpu, 9);
    GAUGE("resident_memory_bytes", "bytes", "memory in RAM", process.resident, 0);
    GAUGE("virtual_memory_bytes", "bytes", "size of the address space", process.virtual_size, 0);
    GAUGE("threads", "", "threads", process.threads, 0);
    GAUGE("open_files", "", "open file descriptors", process.files, 0);
    GAUGE("open_files_limit", "", "limit to these", process.files_max, 0);
}

static void put_limits(struct exposition *page, const struct live_figures *live)
{
    const struct quotas_message *quotas = &live->quotas;
    bool rates = quotas->max_total_rate > 0;
    GAUGE("sessions", "", "open sessions", (int64_t)live->session_count, 0);
    GAUGE("sessions_limit", "", "limit to these (--max-sessions)", quotas->max_sessions, 0);
    GAUGE("endpoints", "", "flow endpoints that hold a place", live->flows, 0);
    GAUGE("endpoints_limit", "", "limit to these (--max-flows)", quotas->max_flows, 0);
    GAUGE("endpoints_reporting", "", "endpoints that have reported", (int64_t)live->reporting, 0);
    GAUGE("endpoints_listed", "", "of these, endpoints that are listed here one by one",
          (int64_t)live->endpoint_count, 0);
    GAUGE("rate_bytes_per_second", "bytes_per_second", "rate that endpoints asked to send",
          rates ? live->rate / 8 : METRIC_ABSENT, 0);
    GAUGE("rate_limit_bytes_per_second", "bytes_per_second", "limit to this (--max-total-rate)",
          rates ? quotas->max_total_rate / 8 : METRIC_ABSENT, 0);
    GAUGE("report_memory_bytes", "bytes", "memory in use for reports", live->report_memory, 0);
    GAUGE("report_memory_limit_bytes", "bytes", "limit to this (--report-memory)",
          quotas->report_memory, 0);
    GAUGE("spill_bytes", "bytes", "reports in the state directory",
          quotas->spill_size ? live->spilled : METRIC_ABSENT, 0);
    GAUGE("spill_limit_bytes", "bytes", "limit to these (--spill-size)", limit(quotas->spill_size),
          0);
}

static void put_requests(struct exposition *page, const struct http_counts *counts)
{
    COUNTER("calls", "", "calls that were answered", counts->calls, 0);
    COUNTER("scrapes", "", "requests for this page that were answered", counts->scrapes, 0);
    exposition_family(page, EXPOSITION_COUNTER, "flowd_refused_requests", "",
                      "requests that were refused, by HTTP status");
    for (size_t i = 0; i < COUNT(counts->refused) && counts->refused[i].status; i++) {
        struct buffer labels = {0};
        exposition_label_number(&labels, "status", counts->refused[i].status);
        exposition_fixed(page, labels.data, counts->refused[i].count, 0);
        buffer_free(&labels);
    }
}

static void put_stamp(struct exposition *page, const struct stamp_counts *counts)
{
    static const char *const names[STAMP_VERDICTS] = STAMP_VERDICT_NAMES;
    if (!counts)
        return;
    COUNTER("stamp_replies", "", "STAMP requests that were answered",
            counts->verdicts[STAMP_ANSWERED], 0);
    exposition_family(page, EXPOSITION_COUNTER, "flowd_stamp_ignored_requests", "",
                      "STAMP requests that were not answered, by reason");
    for (int i = STAMP_ANSWERED + 1; i < STAMP_VERDICTS; i++) {
        struct buffer labels = {0};
        exposition_label(&labels, "reason", names[i]);
        exposition_fixed(page, labels.data, counts->verdicts[i], 0);
        buffer_free(&labels);
    }
}

static void put_daemon(struct exposition *page, const struct live_figures *live,
                       const struct http_counts *counts)
{
    struct buffer labels = {0};
    exposition_label(&labels, "version", PACKAGE_VERSION);
    exposition_family(page, EXPOSITION_GAUGE, "build_info", "", "version of flowd");
    exposition_fixed(page, labels.data, 1, 0);
    buffer_free(&labels);
    GAUGE("uptime_seconds", "seconds", "time since flowd was started", live->uptime, 9);
    COUNTER("opened_sessions", "", "sessions since then", live->opened, 0);
    COUNTER("tx_bytes", "bytes", "tx bytes of all endpoints since then", live->tx, 0);
    COUNTER("rx_bytes", "bytes", "rx bytes of all endpoints since then", live->rx, 0);
    put_limits(page, live);
    put_requests(page, counts);
    put_process(page);
}

/* ---- the page */

static void make(struct metrics_page *page)
{
    struct live_figures live;
    struct exposition exposition = {.out = &page->text, .form = EXPOSITION_TEXT};
    page->text.length = 0;
    sessions_live(page->sessions, METRICS_ENDPOINTS_MAX, &live);
    put_daemon(&exposition, &live, page->counts);
    put_stamp(&exposition, page->stamp);
    put_users(&exposition, &live);
    put_sessions(&exposition, &live);
    put_flows(&exposition, &live);
    exposition_end(&exposition);
    live_free(&live);
}

void metrics_page_get(struct metrics_page *page, int64_t now, struct buffer *out)
{
    pthread_mutex_lock(&page->lock);
    if (!page->made_at || now - page->made_at >= PAGE_LIFE) {
        make(page);
        page->made_at = now;
    }
    buffer_add(out, page->text.data, page->text.length);
    pthread_mutex_unlock(&page->lock);
}
