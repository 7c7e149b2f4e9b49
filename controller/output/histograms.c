/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/histograms.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "number.h"

enum { EDGE_PLACES = 6, LINE_MAX_LENGTH = 256 }; /* of ms: whole nanoseconds, as the edges are */

void histogram_text(const struct histogram_about *about, const struct histogram *histogram,
                    text_line *put, void *context)
{
    char whose[32] = "- -", line[LINE_MAX_LENGTH];
    uint64_t count, seen = 0, all = histogram_count(histogram);
    if (about->first) {
        put(context, "");
        put(context, "histogram: S|D id series lower upper [ms] count share");
    }
    if (!about->all)
        snprintf(whose, sizeof whose, "%c %zu", endpoint_capital(about->end), about->flow);
    for (int bucket = -HISTOGRAM_END - 1;
         (bucket = histogram_next(histogram, bucket, &count)) < HISTOGRAM_END;) {
        int64_t lower, upper;
        char from[NUMBER_TEXT_MAX], to[NUMBER_TEXT_MAX];
        histogram_edges(bucket, &lower, &upper);
        number_format_fixed(from, lower, EDGE_PLACES);
        number_format_fixed(to, upper, EDGE_PLACES);
        seen += count;
        snprintf(line, sizeof line, "histogram %s %s %s %s %" PRIu64 " %.6f", whose,
                 series_list[about->series].field, from, to, count, (double)seen / (double)all);
        put(context, line);
    }
}

void note_text(const struct note *note, text_line *put, void *context)
{
    char *line = NULL;
    switch (note->kind) {
    case NOTE_FAILED:
        line = mem_printf("failed %c %" PRId64 " %s", endpoint_capital(note->end), note->flow,
                          note->sentence);
        break;
    case NOTE_ERROR:
        line = mem_printf("error: %s", note->sentence);
        break;
    case NOTE_NO_HISTOGRAMS:
        put(context, "");
        line = mem_strdup("histogram: none, because blocks were not measured individually (this "
                          "needs message mode, as with -A, -R or --framing=message)");
        break;
    case NOTE_HISTOGRAM_LOST:
        line = mem_printf("histogram: %s: those of %zu endpoints are lost (a flowctl that died had "
                          "them, or they could not be read), and so is the combined one",
                          series_list[note->series].field, note->count);
        break;
    }
    put(context, line);
    free(line);
}
