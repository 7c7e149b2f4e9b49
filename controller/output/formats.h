/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The formats of --output: one row each in formats.c. */
#ifndef FLOWRIG_FORMATS_H
#define FLOWRIG_FORMATS_H

#include <stddef.h>
#include <stdio.h>

struct output_format {
    const char *name;
    const struct sink_ops *ops;
    int needs_target; /* 0: standard output where none is given */
    const char *target;
    const char *help; /* what is written */
};

extern const struct output_format output_formats[];
extern const size_t output_formats_count;

/* The format called by the first `length` bytes of `name`, or NULL. */
const struct output_format *output_format_find(const char *name, size_t length);
/* --help=output. */
void output_formats_help(FILE *out);

#endif
