/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs gnuplot on a script. */
#ifndef FLOWRIG_GNUPLOT_H
#define FLOWRIG_GNUPLOT_H

#include "fail.h"
#include "mem.h"

/* A kind of picture, known by the suffix of its file. */
struct picture_format {
    const char *suffix;   /* "svg" */
    const char *terminal; /* gnuplot's, with two %g for width and height */
    double unit;          /* pixels for each of its units of length: 1, or those of an inch */
};

/* The format that a file's name asks for; NULL and a sentence where there is none. */
const struct picture_format *picture_format_of(const char *path, struct fail *fail);

/* Draws the script, which gnuplot reads from its standard input, into the file, which takes the
 * place of an earlier one only when it is whole. Returns false and a sentence otherwise. */
bool gnuplot_draw(const struct buffer *script, const char *path, struct fail *fail);

#endif
