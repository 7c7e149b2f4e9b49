/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of flowd. */
#ifndef FLOWRIG_DAEMON_OPTIONS_H
#define FLOWRIG_DAEMON_OPTIONS_H

#include <sched.h>
#include <stdint.h>

#include "control/control_sockets.h"
#include "control/gate.h"
#include "fail.h"
#include "iperf/iperf3_server.h"
#include "log.h"
#include "session/quota.h"
#include "stamp/stamp_server.h"

struct daemon_options {
    struct control_sockets_config control;
    struct control_sockets_config metrics;
    struct gate_config gate;
    cpu_set_t cpus; /* empty: any */
    int verbosity;  /* how often -d was given; 0: go to the background */
    const char *dump_dir, *pid_file, *state_dir;
    int64_t workers; /* 0: one per CPU */
    int64_t data_port_low, data_port_high;
    int64_t max_flows, max_sessions, report_memory, lease_s, retain_s;
    int64_t spill_size, retain_size;
    int64_t dump_file_size, dump_space; /* bytes */
    int64_t dump_files;                 /* their number */
    enum log_level log_level;
    bool log_level_given;
    bool no_auth;
    int64_t clock_offset, clock_skew_ppb; /* for tests: clock_shift() */
    const char *make_token, *user;
    bool show_key;
    bool keep_net_admin;
    bool trace;
    struct quotas quotas;
    bool serve_iperf3;
    struct iperf3_server_config iperf3;
    bool serve_stamp;
    struct stamp_server_config stamp;
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
