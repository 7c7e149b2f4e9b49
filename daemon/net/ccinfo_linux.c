/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/ccinfo.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "net/kernel.h"
#include "mem.h"

#ifndef TCP_CC_INFO
#define TCP_CC_INFO 26
#endif

/* union tcp_cc_info of include/uapi/linux/inet_diag.h. */
union kernel_cc_info {
    struct {
        uint32_t enabled, rttcnt, rtt, minrtt;
    } vegas;
    struct {
        uint16_t enabled, ce_state;
        uint32_t alpha, ab_ecn, ab_tot;
    } dctcp;
    struct {
        uint32_t bw_lo, bw_hi, min_rtt, pacing_gain, cwnd_gain;
    } bbr;
    uint8_t room[256]; /* later versions of an algorithm may have more to say */
};

/* Fractions of the kernel, in millionths. */
static int64_t millionths(uint32_t value, int64_t unit)
{
    return (value * INT64_C(1000000) + unit / 2) / unit;
}

/* min_rtt is all ones until there is one. */
static void read_bbr(const union kernel_cc_info *info, int64_t *values)
{
    enum { GAIN_UNIT = 256 }; /* BBR_UNIT of tcp_bbr.c */
    values[METRIC_bbr_bw] = (int64_t)((uint64_t)info->bbr.bw_hi << 32 | info->bbr.bw_lo);
    if (info->bbr.min_rtt != UINT32_MAX)
        values[METRIC_bbr_min_rtt] = info->bbr.min_rtt;
    values[METRIC_bbr_pacing_gain] = millionths(info->bbr.pacing_gain, GAIN_UNIT);
    values[METRIC_bbr_cwnd_gain] = millionths(info->bbr.cwnd_gain, GAIN_UNIT);
}

static void read_dctcp(const union kernel_cc_info *info, int64_t *values)
{
    enum { ALPHA_UNIT = 1024 }; /* DCTCP_MAX_ALPHA of tcp_dctcp.h */
    if (!info->dctcp.enabled)
        return;
    values[METRIC_dctcp_ce_state] = info->dctcp.ce_state;
    values[METRIC_dctcp_alpha] = millionths(info->dctcp.alpha, ALPHA_UNIT);
    values[METRIC_dctcp_ab_ecn] = info->dctcp.ab_ecn;
    values[METRIC_dctcp_ab_tot] = info->dctcp.ab_tot;
}

/* A round-trip time that was not sampled yet is 0x7fffffff. */
static void read_vegas(const union kernel_cc_info *info, int64_t *values)
{
    enum { NO_RTT = 0x7fffffff };
    values[METRIC_vegas_enabled] = info->vegas.enabled != 0;
    values[METRIC_vegas_rttcnt] = info->vegas.rttcnt;
    if (info->vegas.rtt != NO_RTT)
        values[METRIC_vegas_rtt] = info->vegas.rtt;
    if (info->vegas.minrtt != NO_RTT)
        values[METRIC_vegas_min_rtt] = info->vegas.minrtt;
}

static const struct algorithm {
    const char *name;
    socklen_t size; /* of its part of the union, at least */
    void (*read)(const union kernel_cc_info *info, int64_t *values);
} algorithms[] = {
    [CCINFO_NONE] = {"", 0, NULL},
    [CCINFO_BBR] = {"bbr", 20, read_bbr},
    [CCINFO_DCTCP] = {"dctcp", 16, read_dctcp},
    [CCINFO_VEGAS] = {"vegas", 16, read_vegas},
};

enum { ALGORITHMS = COUNT(algorithms) };

enum ccinfo_kind ccinfo_kind(int fd)
{
    char name[SETTINGS_NAME_MAX];
    kernel_congestion_control(fd, name);
    for (int kind = 1; kind < ALGORITHMS; kind++)
        if (!strcmp(name, algorithms[kind].name))
            return (enum ccinfo_kind)kind;
    return CCINFO_NONE;
}

void ccinfo_read(int fd, enum ccinfo_kind kind, int64_t values[METRICS])
{
    union kernel_cc_info info = {0};
    socklen_t length = sizeof info;
    const struct algorithm *algorithm = &algorithms[kind];
    if (algorithm->read && !getsockopt(fd, IPPROTO_TCP, TCP_CC_INFO, &info, &length) &&
        length >= algorithm->size)
        algorithm->read(&info, values);
}
