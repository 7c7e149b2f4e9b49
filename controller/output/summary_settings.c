/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/summary_settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "info.h"
#include "number.h"

static const struct endpoint_settings *own(const struct summary_endpoint *endpoint)
{
    return &endpoint->flow->ends[endpoint->end];
}

/* The value that the daemon has read, in the form of the setting. */
static void format_real(const struct setting *setting, const char *value,
                        char text[SETTING_TEXT_MAX])
{
    struct endpoint_settings real;
    int64_t number;
    if (setting->type == SETTING_NAME || !number_parse_int(value, &number, NULL)) {
        snprintf(text, SETTING_TEXT_MAX, "%s", *value ? value : "nan");
        return;
    }
    memcpy((char *)&real + setting->offset, &number, sizeof number);
    setting_format(setting, &real, text);
}

static void put_request(const struct summary_endpoint *endpoint, const struct setting *setting,
                        struct buffer *line)
{
    char value[64], real[SETTING_TEXT_MAX], requested[SETTING_TEXT_MAX];
    results_info(endpoint->result, setting->field, value, sizeof value);
    format_real(setting, value, real);
    setting_format(setting, own(endpoint), requested);
    buffer_printf(line, ", %s = %s/%s (real/req)", setting->name, real, requested);
}

/* Whether the daemon tells what became of the request; those for buffers, congestion control and
 * dumps are shown elsewhere. */
static bool is_read_back(const struct summary_endpoint *endpoint, const struct setting *setting)
{
    static const enum info_id shown[] = {INFO_send_buffer, INFO_receive_buffer,
                                         INFO_congestion_control, INFO_dump, INFO_trace};
    char value[64];
    for (size_t i = 0; i < COUNT(shown); i++)
        if (!strcmp(setting->field, infos[shown[i]].name))
            return false;
    results_info(endpoint->result, setting->field, value, sizeof value);
    return *value || setting->form == SETTING_FORM_SOCKOPT;
}

/* What an endpoint was asked for, as it came out: socket options, DSCP, CPU. */
static void put_requests(const struct summary_endpoint *endpoint, struct buffer *line)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_list[i];
        if (setting->scope == SCOPE_ENDPOINT && !setting_is_default(setting, own(endpoint)) &&
            is_read_back(endpoint, setting))
            put_request(endpoint, setting, line);
    }
}

static void put_mptcp(const struct summary_endpoint *endpoint, struct buffer *line)
{
    char state[64];
    results_info(endpoint->result, infos[INFO_mptcp].name, state, sizeof state);
    if (!strcmp(state, "yes"))
        buffer_text(line, ", MPTCP in force");
    else if (!strcmp(state, "fallback"))
        buffer_text(line, ", MPTCP fell back to TCP");
    else if (*state)
        buffer_text(line, ", MPTCP (unknown whether it is in use)");
}

/* How well the rate or the gaps were kept. */
static void put_paced(const struct summary_endpoint *endpoint, struct buffer *line)
{
    const int64_t *value = endpoint->result->final.value;
    if (!settings_are_paced(own(endpoint)))
        return;
    if (value[METRIC_refused] > 0)
        buffer_printf(line, ", blocks refused by the socket = %" PRId64 " [#]",
                      value[METRIC_refused]);
    if (value[METRIC_congested] != METRIC_ABSENT)
        buffer_printf(line, ", stopped by local congestion after %.3f [s]",
                      (double)value[METRIC_congested] / NS_PER_SEC);
    if (value[METRIC_credit_lost] > 0)
        buffer_printf(line, ", backlog dropped = %.3f [ms]",
                      (double)value[METRIC_credit_lost] / NS_PER_MS);
}

void summary_settings(const struct summary_endpoint *endpoint, struct buffer *line)
{
    put_requests(endpoint, line);
    put_mptcp(endpoint, line);
    if (own(endpoint)->rate) {
        char text[NUMBER_TEXT_MAX];
        number_format_fixed(text, own(endpoint)->rate, 6);
        buffer_printf(line, ", rate = %s [Mbit/s]", text);
    }
    put_paced(endpoint, line);
    if (settings_are_random(own(endpoint)))
        buffer_printf(line, ", random seed = %" PRId64, endpoint->flow->settings.seed);
    if (endpoint->flow->settings.late_connect)
        buffer_text(line, ", late connecting");
    if (endpoint->flow->settings.shutdown)
        buffer_text(line, ", calling shutdown");
}
