/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes metrics as text for Prometheus and what reads the same: families, each with its samples
 * right after it. */
#ifndef FLOWRIG_EXPOSITION_H
#define FLOWRIG_EXPOSITION_H

#include <stdint.h>

#include "mem.h"

enum exposition_form {
    EXPOSITION_TEXT,        /* Prometheus' text format 0.0.4 */
    EXPOSITION_OPENMETRICS, /* OpenMetrics 1.0 */
};

enum exposition_type { EXPOSITION_GAUGE, EXPOSITION_COUNTER };

enum { EXPOSITION_NAME_MAX = 96 };

/* A page that is being written; set the first two members. */
struct exposition {
    struct buffer *out;
    enum exposition_form form;
    char name[EXPOSITION_NAME_MAX]; /* of the samples of the last family */
    size_t name_length;
};

/* Begins a family: flowrig_<name>, _total after the name of a counter. `unit` "": it has none. */
void exposition_family(struct exposition *page, enum exposition_type type, const char *name,
                       const char *unit, const char *help);
/* Append a sample of the last family: `value` with this many decimals; a real number that is NAN
 * or infinite is left out. `labels` is "" or what exposition_label() made. */
void exposition_fixed(struct exposition *page, const char *labels, int64_t value, unsigned places);
void exposition_real(struct exposition *page, const char *labels, double value);
/* The last line, where the form has one. */
void exposition_end(struct exposition *page);

/* Adds a label to `labels`, with braces around all of them: "{a=\"1\"}" becomes
 * "{a=\"1\",b=\"2\"}". Unprintable characters are replaced by question marks. */
void exposition_label(struct buffer *labels, const char *name, const char *value);
void exposition_label_number(struct buffer *labels, const char *name, int64_t value);

#endif
