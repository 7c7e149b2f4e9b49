/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/summary_limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "output/figure.h"

#define LEAST_SHARE 0.05

void summary_limit(const struct summary_direction *direction, char *text, size_t size)
{
    const struct limit_shares *limits = &direction->limits;
    if (direction->limits_known)
        snprintf(text, size, "%s %.0f %%", limits_list[limits->most].words,
                 100 * limits->share[limits->most]);
}

static void put_cause(const struct limit_shares *limits, int cause, struct buffer *text)
{
    buffer_printf(text, "%s%s %.0f %%", cause == (int)limits->most ? "" : ", ",
                  limits_list[cause].words, 100 * limits->share[cause]);
}

void summary_limits(const struct summary_direction *direction, struct buffer *text)
{
    const struct limit_shares *limits = &direction->limits;
    bool put[LIMITS] = {false};
    if (!direction->limits_known)
        return;
    put_cause(limits, (int)limits->most, text);
    put[limits->most] = true;
    for (;;) {
        int next = -1;
        for (int i = 0; i < LIMITS; i++)
            if (!put[i] && limits->share[i] >= LEAST_SHARE &&
                (next < 0 || limits->share[i] > limits->share[next]))
                next = i;
        if (next < 0)
            return;
        put_cause(limits, next, text);
        put[next] = true;
    }
}

/* A buffer that allows twice the rate: the option that set it, or the limit to what TCP takes by
 * itself. */
static void put_larger(const char *option, char end, int64_t asked, const char *sysctl,
                       const char *host, int64_t now, struct buffer *text)
{
    int64_t twice = metric_plus(now, now);
    if (asked)
        buffer_printf(text, "; for twice the rate, ask for -%s %c=%" PRId64, option, end,
                      2 * asked);
    else if (twice != METRIC_ABSENT)
        buffer_printf(
            text, "; for twice the rate, raise the last value of %s to at least %" PRId64 " on %s",
            sysctl, twice, host);
}

static void put_window(const struct summary_flow *flow, enum endpoint sender, struct buffer *text)
{
    const struct summary_direction *direction = &flow->directions[sender];
    const struct limit_shares *limits = &direction->limits;
    enum endpoint receiver = (enum endpoint)(1 - sender);
    const struct summary_endpoint *to = &flow->ends[receiver];
    char window[FIGURE_MAX], rtt[FIGURE_MAX], rate[FIGURE_MAX];
    if (limits->snd_wnd == METRIC_ABSENT || limits->srtt == METRIC_ABSENT || limits->srtt <= 0)
        return;
    double bits = 8e6 * (double)limits->snd_wnd / (double)limits->srtt;
    const struct figure_unit *unit = figure_rate_unit(bits, false);
    figure_bytes(limits->snd_wnd, window);
    figure_microseconds(limits->srtt, rtt);
    figure_format(bits / unit->size, rate);
    buffer_printf(text, "its receive window of %s over an RTT of %s ms allows %s %s", window, rtt,
                  rate, unit->name);
    put_larger("W", endpoint_letter(receiver), to->flow->ends[receiver].receive_buffer,
               "net.ipv4.tcp_rmem", to->flow->at[receiver].host,
               to->result->final.value[METRIC_receive_buffer], text);
}

void summary_remedy(const struct summary_flow *flow, enum endpoint sender, struct buffer *text)
{
    const struct summary_direction *direction = &flow->directions[sender];
    const struct summary_endpoint *from = &flow->ends[sender];
    if (!direction->limits_known)
        return;
    switch (direction->limits.most) {
    case LIMIT_receive_window:
        put_window(flow, sender, text);
        break;
    case LIMIT_send_buffer:
        buffer_text(text, "its send buffer is too small for the data in flight");
        put_larger("B", endpoint_letter(sender), from->flow->ends[sender].send_buffer,
                   "net.ipv4.tcp_wmem", from->flow->at[sender].host,
                   from->result->final.value[METRIC_send_buffer], text);
        break;
    case LIMIT_receiving_application:
        buffer_printf(text, "the daemon on %s does not read as fast as data arrives: check its CPU",
                      from->flow->at[1 - sender].host);
        break;
    default:
        break;
    }
}
