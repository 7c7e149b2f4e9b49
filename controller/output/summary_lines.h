/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sentences below the summary's table, in lines that fit the terminal. */
#ifndef FLOWRIG_SUMMARY_LINES_H
#define FLOWRIG_SUMMARY_LINES_H

#include "mem.h"
#include "output/figure.h"
#include "output/text.h"
#include "results/summary.h"

enum { SUMMARY_PERCENT_PLACES = 2, SUMMARY_LOSS_PLACES = 4 };

/* Where lines go, and the one that is being made. */
struct summary_lines {
    const struct summary *summary;
    const struct figure_unit *unit; /* of rates */
    int width;                      /* of the terminal */
    text_line *put;
    void *context;
    struct buffer line;
};

/* Hands over the line without blanks at its end. */
void summary_lines_end(struct summary_lines *lines);
/* What failed, and what is missing, endpoint by endpoint. */
void summary_lines_errors(struct summary_lines *lines);
/* What could be changed so that flows are faster, of the first few that have it. */
void summary_lines_remedies(struct summary_lines *lines);
/* What holds of all flows. */
void summary_lines_total(struct summary_lines *lines);

/* Which percentage of the bytes sent a part is; NAN where that is not known. */
double summary_share(int64_t part, int64_t whole);

#endif
