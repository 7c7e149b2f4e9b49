/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan/advice.h"

#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "number.h"

/* "10M is 10485760 bit/s", for those who meant 10000000. */
static void advise_prefix(const char *typed)
{
    static const char letters[] = "kMG";
    const char *unit = typed + strspn(typed, "0123456789.");
    const char *word = unit[1] == 'B' ? "B/s" : "bit";
    int digits = (int)(unit - typed), power = 1 + (int)(strchr(letters, *unit) - letters);
    int64_t binary, decimal;
    char other[64];
    snprintf(other, sizeof other, "%.*s%c%s", digits, typed, *unit, word);
    if (!number_parse_rate(typed, &binary, NULL) || !number_parse_rate(other, &decimal, NULL))
        return;
    log_warning("the rate %s is %" PRId64 " bit/s (%c is 2**%d); %s is %" PRId64 " bit/s", typed,
                binary, *unit, 10 * power, other, decimal);
}

/* A time of three digits, in the largest unit of which there is one. */
static void format_time(char text[32], double seconds)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}, {"ms", 1e-3}};
    size_t i = 0;
    while (i + 1 < COUNT(units) && seconds < units[i].seconds)
        i++;
    snprintf(text, 32, "%.3g %s", seconds / units[i].seconds, units[i].name);
}

/* Whether the second block would be due after the end; says so. */
static bool advise_block(size_t flow, enum endpoint end, const struct endpoint_settings *settings)
{
    char block_time[32], duration[32];
    int64_t block = settings_block_size(settings);
    if (!settings->rate || !settings->duration || settings->kernel_pacing || settings->fit_mtu)
        return false;
    double takes = 8.0 * (double)block / (double)settings->rate;
    if (takes < (double)settings->duration / NS_PER_SEC)
        return false;
    format_time(block_time, takes);
    format_time(duration, (double)settings->duration / NS_PER_SEC);
    log_warning("flow %zu: at %" PRId64 " bit/s a block of %" PRId64
                " B takes %s: the %s sends only "
                "the first in %s (-S sets a smaller size)",
                flow, settings->rate, block, block_time, endpoint_name(end), duration);
    return true;
}

void plan_advise(const struct plan *plan)
{
    if (plan->binary_rate)
        advise_prefix(plan->binary_rate);
    for (size_t i = 0; i < ENDPOINTS * plan->count; i++) {
        enum endpoint end = (enum endpoint)(i % ENDPOINTS);
        if (advise_block(i / ENDPOINTS, end, &plan->flows[i / ENDPOINTS].ends[end]))
            return;
    }
}
