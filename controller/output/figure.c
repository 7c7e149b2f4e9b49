/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/figure.h"

#include <math.h>
#include <stdio.h>

#include "clock.h"
#include "metrics.h"

const struct figure_unit *figure_rate_unit(double largest, bool megabytes)
{
    static const struct figure_unit mebibytes = {"MiB/s", 8.0 * (1 << 20)};
    static const struct figure_unit units[] = {
        {"bit/s", 1}, {"kbit/s", 1e3}, {"Mbit/s", 1e6}, {"Gbit/s", 1e9}};
    const struct figure_unit *unit = units;
    if (megabytes)
        return &mebibytes;
    while (unit < &units[3] && largest >= 1e4 * unit->size)
        unit++;
    return unit;
}

void figure_format(double value, char text[FIGURE_MAX])
{
    double size = fabs(value);
    if (!isfinite(value))
        snprintf(text, FIGURE_MAX, "-");
    else if (size == 0)
        snprintf(text, FIGURE_MAX, "0");
    else
        snprintf(text, FIGURE_MAX, "%.*f",
                 size >= 999.95    ? 0
                 : size >= 99.995  ? 1
                 : size >= 9.9995  ? 2
                 : size >= 0.99995 ? 3
                                   : 4,
                 value);
}

void figure_milliseconds(int64_t ns, char text[FIGURE_MAX])
{
    double value = ns == METRIC_ABSENT ? NAN : (double)ns / NS_PER_MS;
    if (value != 0 && fabs(value) < 0.99995)
        snprintf(text, FIGURE_MAX, "%.3f", value); /* nobody knows more than µs */
    else
        figure_format(value, text);
}

void figure_microseconds(int64_t us, char text[FIGURE_MAX])
{
    int64_t ns;
    bool known = us != METRIC_ABSENT && !__builtin_mul_overflow(us, NS_PER_US, &ns);
    figure_milliseconds(known ? ns : METRIC_ABSENT, text);
}

void figure_bytes(int64_t bytes, char text[FIGURE_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    int unit = 0;
    char number[FIGURE_MAX];
    for (; fabs(value) >= 999.95 && unit < 5; unit++)
        value /= 1000;
    figure_format(value, number);
    if (bytes == METRIC_ABSENT)
        snprintf(text, FIGURE_MAX, "-");
    else if (!unit)
        snprintf(text, FIGURE_MAX, "%d B", (int)bytes);
    else
        snprintf(text, FIGURE_MAX, "%.20s %s", number, units[unit]);
}
