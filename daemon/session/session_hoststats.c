/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows about the host while the flows of a session run: one sampler for all of them, on the
 * collector's thread. */
#include "host/hoststat_sampler.h"
#include "report.h"
#include "session/session_state.h"

/* The instants of a row, ns after the start. */
struct host_rows {
    struct session *session;
    int64_t begin, end, now;
};

static void take_host_row(void *context, const struct hoststat_row *row)
{
    struct host_rows *rows = context;
    struct session *session = rows->session;
    struct buffer text = {0}, packed = {0};
    struct report report;
    report_init(&report);
    report.key[REPORT_FLOW] = -1;
    report.key[REPORT_KIND] = REPORT_HOST;
    report.key[REPORT_NUMBER] = session->host_numbers++;
    report.key[REPORT_BEGIN] = rows->begin;
    report.key[REPORT_END] = rows->end;
    hoststat_row_put(row, &text);
    struct report_section section = {REPORT_SECTION_HOST, (uint32_t)text.length, text.data};
    size_t size = report_packed_size(&report, &section, 1);
    report_pack(&report, &section, 1, buffer_reserve(&packed, size));
    session_take_row(session, packed.data, size, rows->now);
    buffer_free(&packed);
    buffer_free(&text);
}

static void sample(struct session *session, int64_t now)
{
    struct host_rows rows = {session, session->host_from, clock_now() - session->start_at, now};
    session->host_from = rows.end;
    hoststat_sampler_step(session->host_sampler, take_host_row, &rows);
}

int64_t session_sample_host(struct session *session, int64_t now)
{
    int64_t interval = session->host_interval;
    if (!interval || session->state != SESSION_STARTED)
        return CLOCK_NEVER;
    if (now < session->start_at)
        return session->start_at;
    if (!session->host_sampler) {
        session->host_from = clock_now() - session->start_at;
        session->host_sampler = hoststat_sampler_new();
    }
    int64_t due = session->start_at + (session->host_from / interval + 1) * interval;
    if (now < due)
        return due;
    sample(session, now);
    return session->start_at + (session->host_from / interval + 1) * interval;
}

void session_end_host(struct session *session, int64_t now)
{
    if (session->host_sampler && session->state == SESSION_STARTED)
        sample(session, now);
    hoststat_sampler_free(session->host_sampler);
    session->host_sampler = NULL;
}
