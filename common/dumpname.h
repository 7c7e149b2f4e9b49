/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of packet dumps, PREFIX RUN-FLOW-ENDPOINT-HOST.pcap, and of traces (.flowtrace). Prefix,
 * run and host come from the network; a name that passes here is never a path. */
#ifndef FLOWRIG_DUMPNAME_H
#define FLOWRIG_DUMPNAME_H

#include <stdint.h>

#include "fail.h"

enum { DUMP_NAME_MAX = 160 };

#define DUMP_PREFIX  "flowrig-"
#define DUMP_SUFFIX  ".pcap"
#define TRACE_SUFFIX ".flowtrace"

/* Whether the text may begin a name: letters, digits, dot, underscore and dash only, and no dot at
 * first. Returns a sentence otherwise. */
bool dump_prefix_check(const char *prefix, struct fail *fail);

/* The name of an endpoint's dump, or trace. An empty prefix stands for DUMP_PREFIX; of run and host
 * the first 40 characters are used, those that a name can't have as underscores. */
void dump_name_make(char name[DUMP_NAME_MAX], const char *prefix, const char *run, int64_t flow,
                    char endpoint, const char *host, const char *suffix);

/* Whether a dump or trace can have this name. */
bool dump_name_check(const char *name);
/* Whether it belongs to the run. */
bool dump_name_of_run(const char *name, const char *run);

#endif
