/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How files write a row about a host: the same in every format. */
#ifndef FLOWRIG_HOST_FORM_H
#define FLOWRIG_HOST_FORM_H

#include "number.h"
#include "output/sink.h"

enum { HOST_NAME_MAX_TEXT = 48 };

/* The name of a figure with its unit: "cpu_user_ratio", "rx_bytes". */
void host_form_name(enum hoststat stat, char name[HOST_NAME_MAX_TEXT]);
/* Writes the value in that unit, and returns its length: 0 where there is none. */
size_t host_form_value(enum hoststat stat, const struct hoststat_row *row,
                       char text[NUMBER_TEXT_MAX]);
/* Appends a statement that adds the row to the table `hoststat` of a database of runs. */
void host_form_insert(const struct host_row *row, const char *run_id, struct buffer *sql);

#endif
