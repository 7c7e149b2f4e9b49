/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A histogram for people: a few rows with bars. */
#ifndef FLOWRIG_HISTOGRAM_BARS_H
#define FLOWRIG_HISTOGRAM_BARS_H

#include "output/sink.h"
#include "output/text.h"

/* An empty line, two lines with how many values there are and their percentiles, and at most 20
 * rows, each a range of values, its share of all values and a bar. A range is one bucket, or 2, 4,
 * 8 ... neighbours, so that its edges are exact and small values have narrow ranges. No line is
 * wider than `width`, where that is 60 or more. The histogram is not empty. */
void histogram_bars(const struct histogram_about *about, const struct histogram *histogram,
                    int width, text_line *put, void *context);

#endif
