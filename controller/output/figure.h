/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figures for people: four significant digits, without exponents, in a unit that suits the run. */
#ifndef FLOWRIG_FIGURE_H
#define FLOWRIG_FIGURE_H

#include <stdbool.h>
#include <stdint.h>

enum { FIGURE_MAX = 32 };

/* A unit and how many of the base unit (bit/s, bytes) it is. */
struct figure_unit {
    const char *name;
    double size;
};

/* The unit for rates up to `largest` bit/s: from bit/s to Gbit/s, so that up to four digits stand
 * before the point; MiB/s where `megabytes`. */
const struct figure_unit *figure_rate_unit(double largest, bool megabytes);

/* Writes `value` with four significant digits; "-" for NAN and infinity. */
void figure_format(double value, char text[FIGURE_MAX]);
/* Writes ns in ms, below 1 ms to the µs; "-" for METRIC_ABSENT. */
void figure_milliseconds(int64_t ns, char text[FIGURE_MAX]);
/* The same of us, which the kernel's figures are in. */
void figure_microseconds(int64_t us, char text[FIGURE_MAX]);
/* Writes a number of bytes with its own unit, "116.5 MB"; "-" for METRIC_ABSENT. */
void figure_bytes(int64_t bytes, char text[FIGURE_MAX]);

#endif
