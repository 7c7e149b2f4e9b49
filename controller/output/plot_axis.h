/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How metrics are written at the axes of plots. */
#ifndef FLOWRIG_PLOT_AXIS_H
#define FLOWRIG_PLOT_AXIS_H

#include "output/plot_data.h"

/* How a metric is written at its axis. */
struct plot_axis {
    const char *words, *unit;
    double factor; /* values times this are in the unit */
};

/* The axis of a metric whose largest value is this. */
struct plot_axis plot_axis_of(const struct plot_log *log, size_t metric, double largest);
/* Whether values of several flows can be added up: rates and counts. */
bool plot_is_additive(const struct plot_log *log, size_t metric);
/* The words of an axis: "goodput [Mbit/s]", in new memory. */
char *plot_axis_text(const struct plot_axis *axis);

#endif
