/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON of a peer: objects of bounded size and depth, and their members by type. */
#ifndef FLOWRIG_IPERF3_JSON_H
#define FLOWRIG_IPERF3_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"

enum { IPERF3_JSON_DEPTH = 16 };

/* Reads an object, every number of which becomes a real; NULL with a sentence where the text is
 * something else, or nested deeper than IPERF3_JSON_DEPTH. json_decref() it. */
json_t *iperf3_json_object(const char *text, size_t length, struct fail *fail);

/* Members of an object. Those that are absent leave *value alone; false with a sentence where it is
 * of another type. Numbers are cut to whole ones, and to the range of int64_t; what is above it but
 * within uint64_t is the negative number that old clients print so. */
bool iperf3_json_number(const json_t *object, const char *name, int64_t *value, struct fail *fail);
bool iperf3_json_text(const json_t *object, const char *name, const char **value,
                      struct fail *fail);
/* A flag, which counts as set where it is there, unless it is the number 0. */
bool iperf3_json_flag(const json_t *object, const char *name, bool *value, struct fail *fail);

#endif
