/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/summary_lines.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "output/summary_limits.h"
#include "output/summary_total.h"

enum { REMEDIES_MAX = 3 };

double summary_share(int64_t part, int64_t whole)
{
    return part == METRIC_ABSENT || whole == METRIC_ABSENT || whole <= 0
               ? NAN
               : 100.0 * (double)part / (double)whole;
}

void summary_lines_end(struct summary_lines *lines)
{
    size_t length = lines->line.length;
    while (length && lines->line.data[length - 1] == ' ')
        length--;
    lines->line.length = length;
    buffer_add(&lines->line, "", 1);
    lines->put(lines->context, lines->line.data);
    lines->line.length = 0;
}

/* Words in lines that fit; those after the first are indented. */
static void put_wrapped(struct summary_lines *lines, const char *text)
{
    while (*text) {
        int room = lines->width - (int)lines->line.length;
        size_t length = strlen(text);
        if ((int)length > room) {
            length = (size_t)room;
            while (length && text[length] != ' ')
                length--;
            if (!length)
                length = strcspn(text, " "); /* a word that fits nowhere */
        }
        buffer_add(&lines->line, text, length);
        summary_lines_end(lines);
        text += length + strspn(text + length, " ");
        if (*text)
            buffer_text(&lines->line, "  ");
    }
}

static void put_sentence(struct summary_lines *lines, struct buffer *text)
{
    buffer_add(text, "", 1);
    put_wrapped(lines, text->data);
    text->length = 0;
}

void summary_lines_errors(struct summary_lines *lines)
{
    for (size_t i = 0; i < ENDPOINTS * lines->summary->count; i++) {
        int end = i % ENDPOINTS;
        const struct summary_endpoint *endpoint = &lines->summary->flows[i / ENDPOINTS].ends[end];
        const struct endpoint_result *result = endpoint->result;
        const char *error = results_error(result);
        char *text = error ? mem_printf("flow %zu, %s: %s", i / ENDPOINTS,
                                        endpoint_name((enum endpoint)end), error)
                           : NULL;
        if (text)
            put_wrapped(lines, text);
        free(text);
        if (result->missing) {
            text = mem_printf("flow %zu, %s: %" PRId64 " reports are missing", i / ENDPOINTS,
                              endpoint_name((enum endpoint)end), result->missing);
            put_wrapped(lines, text);
            free(text);
        }
    }
}

void summary_lines_remedies(struct summary_lines *lines)
{
    struct buffer text = {0};
    size_t count = 0;
    for (size_t i = 0; i < ENDPOINTS * lines->summary->count; i++) {
        enum endpoint sender = (enum endpoint)(i % ENDPOINTS);
        buffer_printf(&text, "flow %zu, %s: ", i / ENDPOINTS, endpoint_name(sender));
        size_t before = text.length;
        summary_remedy(&lines->summary->flows[i / ENDPOINTS], sender, &text);
        if (text.length > before && ++count <= REMEDIES_MAX)
            put_sentence(lines, &text);
        text.length = 0;
    }
    if (count > REMEDIES_MAX) {
        buffer_printf(&text, "%zu more senders are limited in the same way", count - REMEDIES_MAX);
        put_sentence(lines, &text);
    }
    buffer_free(&text);
}

/* What flows get says something of fairness where all want as much as they can get. */
static bool are_alike(const struct summary *summary)
{
    for (size_t i = 0; i < ENDPOINTS * summary->count; i++) {
        const struct plan_flow *flow = &summary->plan->flows[i / ENDPOINTS];
        const struct endpoint_settings *end = &flow->ends[i % ENDPOINTS];
        if (end->rate || settings_are_paced(end) || settings_ask_responses(end))
            return false;
    }
    return summary->total.directions > 1;
}

/* The goodput of one direction over all flows, where both are used. */
static void put_directions(struct summary_lines *lines, struct buffer *text)
{
    double sums[ENDPOINTS] = {0};
    bool used[ENDPOINTS] = {false};
    for (size_t i = 0; i < ENDPOINTS * lines->summary->count; i++) {
        const struct summary_direction *direction =
            &lines->summary->flows[i / ENDPOINTS].directions[i % ENDPOINTS];
        if (!direction->exists || isnan(direction->goodput))
            continue;
        used[i % ENDPOINTS] = true;
        sums[i % ENDPOINTS] += direction->goodput;
    }
    if (!used[SOURCE] || !used[DESTINATION])
        return;
    for (int sender = 0; sender < ENDPOINTS; sender++) {
        char rate[FIGURE_MAX];
        figure_format(sums[sender] / lines->unit->size, rate);
        buffer_printf(text, "%s%s %s", sender ? " + " : " (",
                      sender ? "from destinations" : "from sources", rate);
    }
    buffer_text(text, ")");
}

static void put_spread(struct summary_lines *lines, struct buffer *text)
{
    const struct results_total *total = &lines->summary->total;
    char low[FIGURE_MAX], middle[FIGURE_MAX], high[FIGURE_MAX], fairness[FIGURE_MAX];
    if (lines->summary->count < 2 || isnan(total->median))
        return;
    figure_format(total->minimum / lines->unit->size, low);
    figure_format(total->median / lines->unit->size, middle);
    figure_format(total->maximum / lines->unit->size, high);
    buffer_printf(text, "per flow %s / %s / %s %s (min/median/max)", low, middle, high,
                  lines->unit->name);
    figure_format(total->fairness, fairness);
    if (are_alike(lines->summary))
        buffer_printf(text, ", fairness %s (Jain)", fairness);
    put_sentence(lines, text);
}

static void put_retransmissions(struct summary_lines *lines, struct buffer *text)
{
    const struct summary *summary = lines->summary;
    char bytes[FIGURE_MAX];
    int64_t sent = METRIC_ABSENT;
    for (size_t i = 0; i < ENDPOINTS * summary->count; i++) {
        const struct summary_direction *direction =
            &summary->flows[i / ENDPOINTS].directions[i % ENDPOINTS];
        sent = metric_sum(sent, direction->sent);
    }
    figure_bytes(summary->total.retransmitted, bytes);
    if (summary->total.retransmitted == METRIC_ABSENT)
        return;
    buffer_printf(text, "retransmitted %s", bytes);
    if (sent > 0)
        buffer_printf(text, " (%.*f %% of the bytes sent)", SUMMARY_PERCENT_PLACES,
                      summary_share(summary->total.retransmitted, sent));
    put_sentence(lines, text);
}

static void put_losses(struct summary_lines *lines, struct buffer *text)
{
    const struct summary *summary = lines->summary;
    int64_t sent = summary->datagrams_sent, lost = summary->datagrams_lost;
    if (sent == METRIC_ABSENT)
        return;
    buffer_printf(text, "lost %" PRId64 " of %" PRId64 " datagrams", lost, sent);
    if (sent)
        buffer_printf(text, " (%.*f %%)", SUMMARY_LOSS_PLACES, summary_share(lost, sent));
    put_sentence(lines, text);
}

static void put_volumes(struct summary_lines *lines, struct buffer *text)
{
    const struct results_total *total = &lines->summary->total;
    char last[FIGURE_MAX];
    if (!total->volumes)
        return;
    figure_format((double)total->volume_time / NS_PER_SEC, last);
    buffer_printf(text, "%zu of %zu volume%s read", total->volumes_read, total->volumes,
                  total->volumes == 1 ? "" : "s");
    if (total->volumes_read)
        buffer_printf(text, "%s after %s s", total->volumes == 1 ? "" : ", the last", last);
    put_sentence(lines, text);
}

void summary_lines_total(struct summary_lines *lines)
{
    const struct summary *summary = lines->summary;
    const struct results_total *total = &summary->total;
    struct buffer text = {0};
    char goodput[FIGURE_MAX], bytes[FIGURE_MAX];
    buffer_printf(&text, "total: %zu flow%s, ", summary->count, summary->count == 1 ? "" : "s");
    if (total->failed)
        buffer_printf(&text, "%zu failed, ", total->failed);
    figure_format(total->goodput / lines->unit->size, goodput);
    figure_bytes(total->bytes, bytes);
    if (total->directions)
        buffer_printf(&text, "goodput %s %s", goodput, lines->unit->name);
    else
        buffer_text(&text, "goodput unknown");
    put_directions(lines, &text);
    if (total->directions)
        buffer_printf(&text, ", %s received", bytes);
    summary_unknown(total, &text);
    put_sentence(lines, &text);
    put_volumes(lines, &text);
    put_spread(lines, &text);
    put_retransmissions(lines, &text);
    put_losses(lines, &text);
    buffer_free(&text);
}
