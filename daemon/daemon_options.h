/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of flowd. */
#ifndef FLOWRIG_DAEMON_OPTIONS_H
#define FLOWRIG_DAEMON_OPTIONS_H

#include <sched.h>
#include <stdint.h>

#include "fail.h"
#include "log.h"
#include "quota.h"

enum { BINDS_MAX = 64 };

struct daemon_options {
    const char *binds[BINDS_MAX]; /* as they were given */
    int bind_count;
    int64_t port;
    cpu_set_t cpus; /* empty: any */
    int verbosity;  /* how often -d was given; 0: go to the background */
    const char *dump_dir, *pid_file, *state_dir;
    int64_t workers; /* 0: one per CPU */
    int64_t data_port_low, data_port_high;
    int64_t max_flows, max_sessions, report_memory, lease_s, retain_s;
    int64_t spill_size, retain_size;
    int64_t dump_file_size, dump_space; /* bytes */
    enum log_level log_level;
    bool log_level_given;
    bool no_auth;
    int64_t clock_offset, clock_skew_ppb; /* for tests: clock_shift() */
    const char *token_file, *make_token;
    const char *tls_certificate, *tls_key, *tls_client_ca;
    const char *user;
    bool keep_net_admin;
    struct quotas quotas;
    const char *config;
    char *config_text; /* what the strings of a configuration file lie in */
    bool help, version;
};

/* Reads the command line, after the file that its --config names; the strings are those of argv
 * and of the file. */
bool daemon_options_read(int argc, char **argv, struct daemon_options *options, struct fail *fail);
void daemon_options_free(struct daemon_options *options);
/* What --help prints. */
void daemon_options_help(void);

#endif
