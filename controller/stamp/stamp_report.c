/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stamp/stamp_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "dscp.h"
#include "output/figure.h"
#include "output/json.h"

enum { MARK_TEXT = 16 };

static const char *const ecn_names[4] = {"not-ect", "ect1", "ect0", "ce"};

/* The figures of one kind of time. */
struct spread {
    int64_t min, mean, median, p99, max, jitter;
};

static struct spread spread_of(struct stamp_times *times)
{
    return (struct spread){
        .min = stamp_times_at(times, 0),
        .mean = stamp_times_mean(times),
        .median = stamp_times_at(times, 0.5),
        .p99 = stamp_times_at(times, 0.99),
        .max = stamp_times_at(times, 1),
        .jitter = stamp_times_jitter(times),
    };
}

/* ---- text */

static void print_spread(const char *name, const struct spread *spread)
{
    const struct {
        const char *name;
        int64_t value;
    } all[] = {{"min", spread->min}, {"avg", spread->mean}, {"median", spread->median},
               {"p99", spread->p99}, {"max", spread->max},  {"jitter", spread->jitter}};
    printf("%s", name);
    for (size_t i = 0; i < COUNT(all); i++) {
        char text[FIGURE_MAX];
        figure_milliseconds(all[i].value, text);
        printf("%s %s %s", i ? "," : ":", all[i].name, text);
    }
    printf(" ms\n");
}

static void print_one_way(struct stamp_figures *figures)
{
    struct spread there = spread_of(&figures->there), back = spread_of(&figures->back);
    char error[FIGURE_MAX], jitter[2][FIGURE_MAX];
    if (figures->received && figures->synchronised) {
        figure_milliseconds(figures->error, error);
        print_spread("delay there", &there);
        print_spread("delay back", &back);
        printf("one-way delays are off by up to %s ms, the error that both clocks report\n", error);
        return;
    }
    figure_milliseconds(there.jitter, jitter[0]);
    figure_milliseconds(back.jitter, jitter[1]);
    printf("one-way jitter: there %s, back %s ms; no one-way delay: the clocks do not both report "
           "that they are synchronised, with an error\n",
           jitter[0], jitter[1]);
}

static void print_lost(const struct stamp_figures *figures)
{
    struct stamp_lost lost = stamp_figures_lost(figures);
    printf("lost: %" PRId64 " of %zu", lost.all, figures->sent);
    if (lost.there == METRIC_ABSENT)
        printf("; directions unknown: the reflector's numbers do not tell\n");
    else if (lost.unknown)
        printf(", there %" PRId64 ", back %" PRId64 ", unknown %" PRId64 "\n", lost.there,
               lost.back, lost.unknown);
    else
        printf(", there %" PRId64 ", back %" PRId64 "\n", lost.there, lost.back);
}

static void print_marks(const char *name, const size_t dscp[STAMP_MARKS], const size_t ecn[4])
{
    bool any = false;
    for (int i = 0; i < STAMP_MARKS; i++) {
        char text[MARK_TEXT];
        dscp_format(i, text, sizeof text);
        if (dscp[i])
            printf("%s DSCP %s: %zu", any ? "," : name, text, dscp[i]);
        any = any || dscp[i];
    }
    for (int i = 0; any && i < 4; i++)
        if (ecn[i])
            printf(", %s: %zu", ecn_names[i], ecn[i]);
    if (any)
        putchar('\n');
}

void stamp_report_text(const struct stamp_session *session, struct stamp_figures *figures)
{
    char to[ADDRESS_TEXT_MAX];
    struct spread rtt = spread_of(&figures->rtt);
    address_format_port(&session->to, to);
    printf("%s: %zu requests of %" PRId64 " bytes sent, %zu replies", to, figures->sent,
           session->size, figures->received);
    if (figures->duplicates || figures->late || figures->wrong || figures->not_sent)
        printf(" (also %zu duplicate, %zu late, %zu invalid; %zu requests not sent)",
               figures->duplicates, figures->late, figures->wrong, figures->not_sent);
    putchar('\n');
    print_lost(figures);
    if (!figures->received)
        return;
    print_spread("RTT", &rtt);
    print_one_way(figures);
    print_marks("seen by the reflector:", figures->dscp_there, figures->ecn_there);
    print_marks("seen here:", figures->dscp_back, figures->ecn_back);
    if (figures->refused)
        printf("%zu replies without the requested DSCP\n", figures->refused);
}

/* ---- JSON */

static void set_spread(json_t *object, const char *name, struct stamp_times *times, bool whole)
{
    struct spread spread = spread_of(times);
    json_t *own = json_object();
    if (whole) {
        json_set_seconds(own, "min", spread.min);
        json_set_seconds(own, "mean", spread.mean);
        json_set_seconds(own, "median", spread.median);
        json_set_seconds(own, "p99", spread.p99);
        json_set_seconds(own, "max", spread.max);
    }
    json_set_seconds(own, "jitter", spread.jitter);
    json_object_set_new(object, name, own);
}

static void set_marks(json_t *object, const char *name, const size_t dscp[STAMP_MARKS],
                      const size_t ecn[4])
{
    json_t *own = json_object(), *dscps = json_object(), *ecns = json_object();
    for (int i = 0; i < STAMP_MARKS; i++) {
        char text[MARK_TEXT];
        snprintf(text, sizeof text, "%d", i);
        if (dscp[i])
            json_set_integer(dscps, text, (int64_t)dscp[i]);
    }
    for (int i = 0; i < 4; i++)
        if (ecn[i])
            json_set_integer(ecns, ecn_names[i], (int64_t)ecn[i]);
    bool seen = json_object_size(dscps) > 0;
    json_object_set_new(own, "dscp", dscps);
    json_object_set_new(own, "ecn", ecns);
    if (seen)
        json_object_set_new(object, name, own);
    else
        json_decref(own);
}

static void set_counts(json_t *object, const struct stamp_figures *figures)
{
    struct stamp_lost lost = stamp_figures_lost(figures);
    json_set_integer(object, "sent", (int64_t)figures->sent);
    json_set_integer(object, "not_sent", (int64_t)figures->not_sent);
    json_set_integer(object, "received", (int64_t)figures->received);
    json_set_integer(object, "duplicates", (int64_t)figures->duplicates);
    json_set_integer(object, "late", (int64_t)figures->late);
    json_set_integer(object, "invalid", (int64_t)figures->wrong);
    json_set_integer(object, "lost", lost.all);
    json_set_integer(object, "lost_there", lost.there);
    json_set_integer(object, "lost_back", lost.back);
    json_set_integer(object, "lost_unknown", lost.unknown);
}

void stamp_report_json(const struct stamp_session *session, struct stamp_figures *figures)
{
    json_t *object = json_new_record("stamp");
    struct buffer text = {0};
    char to[ADDRESS_TEXT_MAX];
    bool delays = figures->received && figures->synchronised;
    address_format_port(&session->to, to);
    json_set_text(NULL, object, "reflector", to);
    json_set_integer(object, "size", session->size);
    json_set_seconds(object, "interval", session->interval);
    json_set_integer(object, "dscp", session->dscp);
    set_counts(object, figures);
    set_spread(object, "rtt", &figures->rtt, true);
    set_spread(object, "there", &figures->there, delays);
    set_spread(object, "back", &figures->back, delays);
    json_set_seconds(object, "one_way_error", delays ? figures->error : METRIC_ABSENT);
    set_marks(object, "seen_there", figures->dscp_there, figures->ecn_there);
    set_marks(object, "seen_back", figures->dscp_back, figures->ecn_back);
    json_set_integer(object, "ttl_there",
                     figures->ttl_there < 0 ? METRIC_ABSENT : figures->ttl_there);
    json_set_integer(object, "ttl_back", figures->ttl_back < 0 ? METRIC_ABSENT : figures->ttl_back);
    json_put(object, &text);
    printf("%.*s\n", (int)text.length, text.data);
    buffer_free(&text);
}
