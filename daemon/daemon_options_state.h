/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of daemon_options share: each option, and where its value goes; one row each in
 * daemon_option_values.c. */
#ifndef FLOWRIG_DAEMON_OPTIONS_STATE_H
#define FLOWRIG_DAEMON_OPTIONS_STATE_H

#include "daemon_options.h"

enum daemon_option {
    OPT_BIND,
    OPT_PORT,
    OPT_CPU,
    OPT_DEBUG,
    OPT_DUMP_DIR,
    OPT_DUMP_FILE_SIZE,
    OPT_DUMP_SPACE,
    OPT_DUMP_FILES,
    OPT_HELP,
    OPT_VERSION,
    OPT_WORKERS,
    OPT_DATA_PORTS,
    OPT_MAX_FLOWS,
    OPT_MAX_SESSIONS,
    OPT_REPORT_MEMORY,
    OPT_SPILL_SIZE,
    OPT_RETAIN_SIZE,
    OPT_LEASE,
    OPT_RETAIN,
    OPT_PID_FILE,
    OPT_STATE_DIR,
    OPT_LOG_LEVEL,
    OPT_NO_AUTH,
    OPT_CLOCK_OFFSET,
    OPT_CLOCK_SKEW,
    OPT_CONFIG,
    OPT_USER,
    OPT_KEEP_NET_ADMIN,
    OPT_TRACE,
    OPT_TOKEN_FILE,
    OPT_MAKE_TOKEN,
    OPT_SHOW_KEY,
    OPT_TLS_CERT,
    OPT_TLS_KEY,
    OPT_TLS_CLIENT_CA,
    OPT_MAX_FLOW_RATE,
    OPT_MAX_TOTAL_RATE,
    OPT_MAX_DURATION,
    OPT_ALLOW_TEST,
    OPT_DENY_TEST,
    OPT_USER_QUOTA,
    OPT_METRICS,
    OPT_IPERF3,
    OPT_ALLOW_IPERF,
    OPT_STAMP,
    OPT_ALLOW_STAMP,
    OPT_STAMP_KEY,
    OPTIONS
};

/* Takes the value of an option; NULL where it has none. Returns false with a sentence where it
 * makes no sense. */
bool daemon_option_set(struct daemon_options *options, enum daemon_option id, const char *value,
                       struct fail *fail);

#endif
