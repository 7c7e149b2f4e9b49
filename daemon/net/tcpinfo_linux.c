/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/tcpinfo.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "mem.h"

/* struct tcp_info of Linux 6.18 (include/uapi/linux/tcp.h): newer than the headers that this may
 * be built with. An older kernel fills the first part of it, a newer one knows more. */
struct kernel_tcp_info {
    uint8_t state, ca_state, retransmits, probes, backoff, options;
    uint8_t wscales;  /* snd_wscale in the low four bits, rcv_wscale in the high ones */
    uint8_t app_bits; /* delivery_rate_app_limited: bit 0; fastopen_client_fail: bits 1 and 2 */
    uint32_t rto, ato, snd_mss, rcv_mss;
    uint32_t unacked, sacked, lost, retrans, fackets;
    uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
    uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
    uint32_t rcv_rtt, rcv_space, total_retrans;
    uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
    uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
    uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
    uint32_t delivered, delivered_ce;
    uint64_t bytes_sent, bytes_retrans;
    uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd, rcv_wnd, rehash;
    uint16_t total_rto, total_rto_recoveries;
    uint32_t total_rto_time, received_ce;
    uint32_t delivered_e1_bytes, delivered_e0_bytes, delivered_ce_bytes;
    uint32_t received_e1_bytes, received_e0_bytes, received_ce_bytes;
    uint16_t accecn_a, accecn_b; /* laid out anew in Linux 7.0 */
};

_Static_assert(offsetof(struct kernel_tcp_info, pacing_rate) == 104, "as in the kernel");
_Static_assert(sizeof(struct kernel_tcp_info) == 280, "as in Linux 6.18");

/* Which values of a field mean that it has none: the rules of metrics.def. */
enum none_rule {
    PLAIN,
    NEVER_SET,    /* the kernel does not set it (any more) */
    MAY_FALL,     /* a counter with an estimate of what is under way: it goes back when that ends */
    NONE_IF_ZERO, /* no estimate yet */
    NONE_IF_MAX,  /* all bits set */
    INFINITE_IF_HUGE, /* TCP_INFINITE_SSTHRESH of the kernel, 0x7fffffff, and above */
};

/* Where a metric is in the struct. */
struct source {
    enum metric metric;
    uint16_t offset;
    uint8_t width;       /* in bytes */
    uint8_t shift, bits; /* of a part of the value; bits 0: all of it */
    enum none_rule rule;
    int from, below; /* major versions of Linux that have the field so; 0: no bound */
};

#define AT(member)                                      \
    .offset = offsetof(struct kernel_tcp_info, member), \
    .width = sizeof(((struct kernel_tcp_info *)0)->member)

static const struct source sources[] = {
#define KERNEL(field, kind, unit, member, none_rule, sentence) \
    {METRIC_##field, AT(member), .rule = none_rule},
#include "metrics.def"
    {METRIC_snd_wscale, AT(wscales), .shift = 0, .bits = 4},
    {METRIC_rcv_wscale, AT(wscales), .shift = 4, .bits = 4},
    {METRIC_app_limited, AT(app_bits), .shift = 0, .bits = 1},
    {METRIC_fastopen_fail, AT(app_bits), .shift = 1, .bits = 2},
    {METRIC_accecn_fail, AT(accecn_a), .below = 7},
    {METRIC_accecn_opt, AT(accecn_b), .below = 7},
    {METRIC_ecn_mode, AT(accecn_a), .shift = 0, .bits = 2, .from = 7},
    {METRIC_accecn_opt, AT(accecn_a), .shift = 2, .bits = 2, .from = 7},
    {METRIC_accecn_fail, AT(accecn_a), .shift = 4, .bits = 4, .from = 7},
};

enum { SOURCES = COUNT(sources) };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int kernel_major;

static void read_kernel_version(void)
{
    struct utsname system;
    if (uname(&system) || sscanf(system.release, "%d", &kernel_major) != 1)
        kernel_major = 0;
}

static bool get_tcp_info(int fd, struct kernel_tcp_info *info, socklen_t *length)
{
    *length = sizeof *info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, length) == 0;
}

static uint64_t raw_value(const struct kernel_tcp_info *info, const struct source *source)
{
    const uint8_t *at = (const uint8_t *)info + source->offset;
    uint64_t value = 0;
    uint32_t word;
    uint16_t half;
    switch (source->width) {
    case 1:
        value = *at;
        break;
    case 2:
        memcpy(&half, at, 2);
        value = half;
        break;
    case 4:
        memcpy(&word, at, 4);
        value = word;
        break;
    default:
        memcpy(&value, at, 8);
    }
    if (source->bits)
        value = value >> source->shift & ((UINT64_C(1) << source->bits) - 1);
    return value;
}

static int64_t gauge_value(uint64_t raw, const struct source *source)
{
    uint64_t all_bits = source->width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * source->width) - 1;
    if ((source->rule == NONE_IF_ZERO && raw == 0) ||
        (source->rule == NONE_IF_MAX && raw == all_bits))
        return METRIC_ABSENT;
    if (source->rule == INFINITE_IF_HUGE && raw >= 0x7fffffff)
        return METRIC_INFINITE;
    return raw > INT64_MAX - 1 ? INT64_MAX - 1 : (int64_t)raw;
}

static bool is_there(const struct source *source, socklen_t length)
{
    return source->rule != NEVER_SET && source->offset + source->width <= length &&
           kernel_major >= source->from && (!source->below || kernel_major < source->below);
}

/* A counter's total, carried over the wrap of its width. One that may fall stands still until it is
 * beyond its highest value again: of half its range nobody can say which way it went. */
static int64_t count_on(struct tcpinfo *info, const struct source *source, uint64_t raw)
{
    int index = (int)source->metric - TCPINFO_FIRST;
    uint64_t grown = raw - (uint64_t)info->raw[index];
    if (source->width < 8)
        grown &= (UINT64_C(1) << 8 * source->width) - 1;
    if (source->rule == MAY_FALL && grown >> (8 * source->width - 1))
        return info->total[index];
    info->raw[index] = (int64_t)raw;
    info->total[index] += (int64_t)grown;
    return info->total[index];
}

static bool sample(int fd, struct tcpinfo *info, int64_t values[METRICS], bool baseline)
{
    struct kernel_tcp_info kernel;
    socklen_t length;
    pthread_once(&once, read_kernel_version);
    if (!get_tcp_info(fd, &kernel, &length))
        return false;
    for (int i = 0; i < SOURCES; i++) {
        const struct source *source = &sources[i];
        if (!is_there(source, length))
            continue;
        uint64_t raw = raw_value(&kernel, source);
        if (metrics[source->metric].kind != METRIC_KIND_COUNTER) {
            values[source->metric] = gauge_value(raw, source);
        } else if (baseline) {
            info->raw[(int)source->metric - TCPINFO_FIRST] = (int64_t)raw;
            values[source->metric] = (int64_t)raw;
        } else {
            values[source->metric] = count_on(info, source, raw);
        }
    }
    return true;
}

bool tcpinfo_baseline(int fd, struct tcpinfo *info, int64_t values[METRICS])
{
    memset(info, 0, sizeof *info);
    return sample(fd, info, values, true);
}

bool tcpinfo_read(int fd, struct tcpinfo *info, int64_t values[METRICS])
{
    return sample(fd, info, values, false);
}

int tcpinfo_state(int fd)
{
    struct kernel_tcp_info kernel;
    socklen_t length;
    return get_tcp_info(fd, &kernel, &length) && length ? kernel.state : 0;
}
