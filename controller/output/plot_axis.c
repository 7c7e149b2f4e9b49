/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/plot_axis.h"

#include <string.h>

#include "mem.h"
#include "metrics.h"

/* What the columns that are drawn most are called in words; the others have their names. */
static const struct {
    const char *column, *words, *unit; /* unit NULL: that of the log */
} words[] = {
    {"through", "sent", NULL},
    {"rx_through", "goodput", NULL},
    {"transac", "transactions", NULL},
    {"cwnd", "congestion window", "segments"},
    {"ssth", "slow start threshold", "segments"},
    {"uack", "segments in flight", "segments"},
    {"rtt", "smoothed RTT", NULL},
    {"rttvar", "RTT variation", NULL},
    {"min_rtt", "minimum RTT", NULL},
    {"rto", "retransmission timeout", NULL},
    {"minRTT", "RTT of blocks, minimum", NULL},
    {"avgRTT", "RTT of blocks, mean", NULL},
    {"maxRTT", "RTT of blocks, maximum", NULL},
    {"minDLY", "one-way delay, minimum", NULL},
    {"avgDLY", "one-way delay, mean", NULL},
    {"maxDLY", "one-way delay, maximum", NULL},
    {"minIAT", "inter-arrival time, minimum", NULL},
    {"avgIAT", "inter-arrival time, mean", NULL},
    {"maxIAT", "inter-arrival time, maximum", NULL},
    {"bytes_retrans", "retransmitted", NULL},
    {"total_retrans", "retransmissions", "segments"},
    {"udp_lost", "lost", "datagrams"},
    {"udp_reordered", "reordered", "datagrams"},
    {"udp_jitter", "jitter", NULL},
    {"delivery_rate", "delivery rate", NULL},
    {"pacing_rate", "pacing rate", NULL},
    {"snd_wnd", "peer's receive window", NULL},
    {"tx_bytes", "sent", NULL},
    {"rx_bytes", "received", NULL},
};

/* Units as people read them, by the size of the largest value. */
static const struct {
    const char *unit;
    double from;
    const char *shown;
    double factor;
} scales[] = {
    {"Mbit/s", 10000, "Gbit/s", 1e-3},
    {"Mbit/s", 1, "Mbit/s", 1},
    {"Mbit/s", 0, "kbit/s", 1e3},
    {"ms", 10000, "s", 1e-3},
    {"ms", 1, "ms", 1},
    {"ms", 0, "\302\265s", 1e3},
    {"B", 1e9, "GB", 1e-9},
    {"B", 1e6, "MB", 1e-6},
    {"B", 1e4, "kB", 1e-3},
};

struct plot_axis plot_axis_of(const struct plot_log *log, size_t metric, double largest)
{
    struct plot_axis axis = {log->names[metric], log->units[metric], 1};
    for (size_t i = 0; i < COUNT(words); i++)
        if (!strcmp(words[i].column, log->names[metric])) {
            axis.words = words[i].words;
            axis.unit = words[i].unit ? words[i].unit : axis.unit;
        }
    for (size_t i = 0; largest > 0 && i < COUNT(scales); i++)
        if (!strcmp(scales[i].unit, axis.unit) && largest >= scales[i].from) {
            axis.unit = scales[i].shown;
            axis.factor = scales[i].factor;
            break;
        }
    return axis;
}

char *plot_axis_text(const struct plot_axis *axis)
{
    bool bare = !strcmp(axis->unit, "1") || !strcmp(axis->unit, "-");
    return bare ? mem_strdup(axis->words) : mem_printf("%s [%s]", axis->words, axis->unit);
}

bool plot_is_additive(const struct plot_log *log, size_t metric)
{
    const struct column *column = column_find(log->names[metric], strlen(log->names[metric]));
    return column && (column->form == COLUMN_BITRATE || column->form == COLUMN_PER_S ||
                      column->form == COLUMN_DELTA);
}
