/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the file of a run says besides its rows, in the form of flowrig's JSON records, whichever
 * file it is: {"run", "hosts": [], "flows": [], "events": [], "ends": [], "end"}. "ends" has an
 * object {"flow", "endpoint", "algorithm", "error", "stopped"} for each end that says one of them;
 * "end" is null where the run was cut off. */
#ifndef FLOWRIG_RUN_ABOUT_H
#define FLOWRIG_RUN_ABOUT_H

#include <jansson.h>

#include "output/run_reader.h"

struct run_about;

/* The caller owns it. */
struct run_about *run_about_new(void);
/* The whole, when the file was read; frees the struct, and the object is the caller's. */
json_t *run_about_finish(struct run_about *about);
void run_about_free(struct run_about *about);

/* Take what a reader hands over; the context is the struct. */
void run_about_comment(void *context, const char *line);
void run_about_record(void *context, const json_t *record);

#endif
