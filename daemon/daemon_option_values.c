/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon_options_state.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "clock.h"
#include "host/cpus.h"
#include "number.h"

#define CLOCK_OFFSET_MAX (366 * 86400 * NS_PER_SEC)

/* Where a value goes, and what it may be. */
struct place {
    bool (*set)(const struct place *place, struct daemon_options *options, const char *value,
                struct fail *fail);
    size_t offset;     /* in struct daemon_options */
    int64_t low, high; /* of whole numbers */
};

/* The member of `type` that a place stands for. */
#define MEMBER(place, options, type) ((type *)((char *)(options) + (place)->offset))

static bool set_flag(const struct place *place, struct daemon_options *options, const char *value,
                     struct fail *fail)
{
    (void)value, (void)fail;
    *MEMBER(place, options, bool) = true;
    return true;
}

static bool set_int(const struct place *place, struct daemon_options *options, const char *value,
                    struct fail *fail)
{
    int64_t *number = MEMBER(place, options, int64_t);
    if (!number_parse_int(value, number, fail))
        return false;
    if (*number >= place->low && *number <= place->high)
        return true;
    return fail_set(fail, 0, "'%s' is not within %" PRId64 " to %" PRId64, value, place->low,
                    place->high);
}

static bool set_seconds(const struct place *place, struct daemon_options *options,
                        const char *value, struct fail *fail)
{
    int64_t ns, *seconds = MEMBER(place, options, int64_t);
    if (!number_parse_seconds(value, &ns, fail))
        return false;
    *seconds = ns / NS_PER_SEC;
    if (ns % NS_PER_SEC == 0 && *seconds >= 1 && *seconds <= 30 * 86400)
        return true;
    return fail_set(fail, 0, "'%s' is not within 1 s to 30 days, in whole seconds", value);
}

/* A path that is opened later, which says what is wrong with it. */
static bool set_path(const struct place *place, struct daemon_options *options, const char *value,
                     struct fail *fail)
{
    (void)fail;
    *MEMBER(place, options, const char *) = value;
    return true;
}

/* The name of a file or user. */
static bool set_name(const struct place *place, struct daemon_options *options, const char *value,
                     struct fail *fail)
{
    set_path(place, options, value, fail);
    return *value || fail_set(fail, 0, "the name is empty");
}

static bool set_memory(const struct place *place, struct daemon_options *options, const char *value,
                       struct fail *fail)
{
    int64_t *bytes = MEMBER(place, options, int64_t);
    if (!number_parse_bytes(value, bytes, fail))
        return false;
    return *bytes >= 1 << 16 || fail_set(fail, 0, "'%s' is below 64k", value);
}

static bool set_rate(const struct place *place, struct daemon_options *options, const char *value,
                     struct fail *fail)
{
    int64_t *rate = MEMBER(place, options, int64_t);
    if (!number_parse_rate(value, rate, fail))
        return false;
    return *rate > 0 || fail_set(fail, 0, "'%s' would allow nothing", value);
}

static bool set_duration(const struct place *place, struct daemon_options *options,
                         const char *value, struct fail *fail)
{
    int64_t *ns = MEMBER(place, options, int64_t);
    if (!number_parse_seconds(value, ns, fail))
        return false;
    return *ns > 0 || fail_set(fail, 0, "'%s' would allow nothing", value);
}

static bool set_networks(const struct place *place, struct daemon_options *options,
                         const char *value, struct fail *fail)
{
    return netlist_add(MEMBER(place, options, struct netlist), value, fail);
}

static bool add_user_quota(const struct place *place, struct daemon_options *options,
                           const char *value, struct fail *fail)
{
    (void)place;
    return quota_add_user(&options->quotas, value, fail);
}

static bool set_iperf3(const struct place *place, struct daemon_options *options, const char *value,
                       struct fail *fail)
{
    (void)place, (void)fail;
    options->serve_iperf3 = true;
    options->iperf3.at = value;
    return true;
}

static bool set_stamp(const struct place *place, struct daemon_options *options, const char *value,
                      struct fail *fail)
{
    (void)place, (void)fail;
    options->serve_stamp = true;
    options->stamp.at = value;
    return true;
}

static bool set_ports(const struct place *place, struct daemon_options *options, const char *value,
                      struct fail *fail)
{
    (void)place;
    if (!strchr(value, '-'))
        return fail_set(fail, 0, "'%s' is not a port range (e.g. 6000-6100)", value);
    return number_parse_range(value, 1, 65535, &options->data_port_low, &options->data_port_high,
                              fail);
}

static bool add_bind(const struct place *place, struct daemon_options *options, const char *value,
                     struct fail *fail)
{
    (void)place;
    if (options->control.bind_count == BINDS_MAX)
        return fail_set(fail, 0, "more than %d addresses can't be served", BINDS_MAX);
    options->control.binds[options->control.bind_count++] = value;
    return true;
}

static bool add_metrics(const struct place *place, struct daemon_options *options,
                        const char *value, struct fail *fail)
{
    (void)place;
    options->metrics.wanted = true;
    if (!value)
        return true;
    if (options->metrics.bind_count == BINDS_MAX)
        return fail_set(fail, 0, "more than %d addresses can't be served", BINDS_MAX);
    options->metrics.binds[options->metrics.bind_count++] = value;
    return *value || fail_set(fail, 0, "the address is empty");
}

static bool set_cpus(const struct place *place, struct daemon_options *options, const char *value,
                     struct fail *fail)
{
    (void)place;
    CPU_ZERO(&options->cpus);
    return cpus_parse(value, &options->cpus, fail);
}

static bool add_debug(const struct place *place, struct daemon_options *options, const char *value,
                      struct fail *fail)
{
    (void)place, (void)value, (void)fail;
    options->verbosity++;
    return true;
}

static bool set_log_level(const struct place *place, struct daemon_options *options,
                          const char *value, struct fail *fail)
{
    (void)place;
    options->log_level_given = true;
    return log_parse_level(value, &options->log_level, fail);
}

/* Seconds with a sign. That the clock stays above 0 is checked when it is shifted. */
static bool set_offset(const struct place *place, struct daemon_options *options, const char *value,
                       struct fail *fail)
{
    int64_t *offset = MEMBER(place, options, int64_t);
    bool negative = value[0] == '-';
    if (!number_parse_seconds(value + negative, offset, fail))
        return false;
    if (*offset > CLOCK_OFFSET_MAX)
        return fail_set(fail, 0, "'%s' is more than %lld days", value,
                        (long long)(CLOCK_OFFSET_MAX / NS_PER_SEC / 86400));
    *offset = negative ? -*offset : *offset;
    return true;
}

static bool set_skew(const struct place *place, struct daemon_options *options, const char *value,
                     struct fail *fail)
{
    double ppm, most = (double)CLOCK_SKEW_MAX_PPB / 1000;
    if (!number_parse_real(value, &ppm, fail))
        return false;
    if (ppm < -most || ppm > most)
        return fail_set(fail, 0, "'%s' is not within %.0f to %.0f", value, -most, most);
    *MEMBER(place, options, int64_t) =
        number_from_real(ppm * 1000, -CLOCK_SKEW_MAX_PPB, CLOCK_SKEW_MAX_PPB);
    return true;
}

#define AT(member) .offset = offsetof(struct daemon_options, member)

static const struct place places[OPTIONS] = {
    [OPT_BIND] = {.set = add_bind},
    [OPT_PORT] = {set_int, AT(control.port), 0, 65535},
    [OPT_CPU] = {.set = set_cpus},
    [OPT_DEBUG] = {.set = add_debug},
    [OPT_DUMP_DIR] = {set_path, AT(dump_dir)},
    [OPT_DUMP_FILE_SIZE] = {set_memory, AT(dump_file_size)},
    [OPT_DUMP_SPACE] = {set_memory, AT(dump_space)},
    [OPT_DUMP_FILES] = {set_int, AT(dump_files), 1, 100000},
    [OPT_HELP] = {set_flag, AT(help)},
    [OPT_VERSION] = {set_flag, AT(version)},
    [OPT_WORKERS] = {set_int, AT(workers), 1, 256},
    [OPT_DATA_PORTS] = {.set = set_ports},
    [OPT_MAX_FLOWS] = {set_int, AT(max_flows), 1, 1000000},
    [OPT_MAX_SESSIONS] = {set_int, AT(max_sessions), 1, 10000},
    [OPT_REPORT_MEMORY] = {set_memory, AT(report_memory)},
    [OPT_SPILL_SIZE] = {set_memory, AT(spill_size)},
    [OPT_RETAIN_SIZE] = {set_memory, AT(retain_size)},
    [OPT_LEASE] = {set_seconds, AT(lease_s)},
    [OPT_RETAIN] = {set_seconds, AT(retain_s)},
    [OPT_PID_FILE] = {set_path, AT(pid_file)},
    [OPT_STATE_DIR] = {set_path, AT(state_dir)},
    [OPT_LOG_LEVEL] = {.set = set_log_level},
    [OPT_NO_AUTH] = {set_flag, AT(no_auth)},
    [OPT_CLOCK_OFFSET] = {set_offset, AT(clock_offset)},
    [OPT_CLOCK_SKEW] = {set_skew, AT(clock_skew_ppb)},
    [OPT_CONFIG] = {set_name, AT(config)},
    [OPT_USER] = {set_name, AT(user)},
    [OPT_TRACE] = {set_flag, AT(trace)},
    [OPT_KEEP_NET_ADMIN] = {set_flag, AT(keep_net_admin)},
    [OPT_TOKEN_FILE] = {set_name, AT(gate.token_file)},
    [OPT_MAKE_TOKEN] = {set_name, AT(make_token)},
    [OPT_SHOW_KEY] = {set_flag, AT(show_key)},
    [OPT_TLS_CERT] = {set_name, AT(gate.tls_certificate)},
    [OPT_TLS_KEY] = {set_name, AT(gate.tls_key)},
    [OPT_TLS_CLIENT_CA] = {set_name, AT(gate.tls_client_ca)},
    [OPT_MAX_FLOW_RATE] = {set_rate, AT(quotas.flow_rate)},
    [OPT_MAX_TOTAL_RATE] = {set_rate, AT(quotas.total_rate)},
    [OPT_MAX_DURATION] = {set_duration, AT(quotas.duration)},
    [OPT_ALLOW_TEST] = {set_networks, AT(quotas.allow)},
    [OPT_DENY_TEST] = {set_networks, AT(quotas.deny)},
    [OPT_USER_QUOTA] = {.set = add_user_quota},
    [OPT_METRICS] = {.set = add_metrics},
    [OPT_IPERF3] = {.set = set_iperf3},
    [OPT_ALLOW_IPERF] = {set_networks, AT(iperf3.allow)},
    [OPT_STAMP] = {.set = set_stamp},
    [OPT_ALLOW_STAMP] = {set_networks, AT(stamp.allow)},
    [OPT_STAMP_KEY] = {set_name, AT(stamp.key_file)},
};

bool daemon_option_set(struct daemon_options *options, enum daemon_option id, const char *value,
                       struct fail *fail)
{
    return places[id].set(&places[id], options, value, fail);
}
