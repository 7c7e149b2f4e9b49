/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of flowd. */
#ifndef FLOWRIG_DAEMON_OPTIONS_H
#define FLOWRIG_DAEMON_OPTIONS_H

#include <stdint.h>

#include "fail.h"
#include "log.h"

enum { BINDS_MAX = 64 };

struct daemon_options {
    const char *binds[BINDS_MAX]; /* as they were given */
    int bind_count;
    int64_t port;
    int64_t cpu;   /* -1: any */
    int verbosity; /* how often -d was given; 0: go to the background */
    const char *dump_dir, *pid_file, *state_dir;
    int64_t workers; /* 0: one per CPU */
    int64_t data_port_low, data_port_high;
    int64_t max_flows, max_sessions, report_memory, lease_s, retain_s;
    int64_t spill_size, retain_size;
    enum log_level log_level;
    bool no_auth;
    bool help, version;
};

/* Reads the command line; the strings are those of argv. */
bool daemon_options_read(int argc, char **argv, struct daemon_options *options, struct fail *fail);
/* What --help prints. */
void daemon_options_help(void);

#endif
