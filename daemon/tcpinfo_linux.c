/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tcpinfo.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

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

/* When a field's value says that there is none. */
enum none_rule {
    PLAIN,
    NEVER_SET,        /* the kernel does not set it (any more) */
    NONE_IF_ZERO,     /* no estimate yet */
    NONE_IF_MAX,      /* all bits set */
    INFINITE_IF_HUGE, /* TCP_INFINITE_SSTHRESH of the kernel, 0x7fffffff, and above */
};

/* One line per field. */
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
    {METRIC_tcp_state, AT(state)},
    {METRIC_ca_state, AT(ca_state)},
    {METRIC_tret, AT(retransmits)},
    {METRIC_probes, AT(probes)},
    {METRIC_backoff, AT(backoff)},
    {METRIC_options, AT(options)},
    {METRIC_snd_wscale, AT(wscales), .shift = 0, .bits = 4},
    {METRIC_rcv_wscale, AT(wscales), .shift = 4, .bits = 4},
    {METRIC_app_limited, AT(app_bits), .shift = 0, .bits = 1},
    {METRIC_fastopen_fail, AT(app_bits), .shift = 1, .bits = 2},
    {METRIC_rto, AT(rto)},
    {METRIC_ato, AT(ato)},
    {METRIC_snd_mss, AT(snd_mss)},
    {METRIC_rcv_mss, AT(rcv_mss)},
    {METRIC_unacked, AT(unacked)},
    {METRIC_sacked, AT(sacked)},
    {METRIC_lost, AT(lost)},
    {METRIC_retrans, AT(retrans)},
    {METRIC_fackets, AT(fackets), .rule = NEVER_SET}, /* since 4.15 */
    {METRIC_last_data_sent, AT(last_data_sent)},
    {METRIC_last_ack_sent, AT(last_ack_sent), .rule = NEVER_SET},
    {METRIC_last_data_recv, AT(last_data_recv)},
    {METRIC_last_ack_recv, AT(last_ack_recv)},
    {METRIC_pmtu_cookie, AT(pmtu)},
    {METRIC_rcv_ssthresh, AT(rcv_ssthresh)},
    {METRIC_srtt, AT(rtt), .rule = NONE_IF_ZERO},
    {METRIC_rttvar, AT(rttvar)},
    {METRIC_ssthresh, AT(snd_ssthresh), .rule = INFINITE_IF_HUGE},
    {METRIC_cwnd, AT(snd_cwnd)},
    {METRIC_advmss, AT(advmss)},
    {METRIC_reordering, AT(reordering)},
    {METRIC_rcv_rtt, AT(rcv_rtt), .rule = NONE_IF_ZERO},
    {METRIC_rcv_space, AT(rcv_space)},
    {METRIC_total_retrans, AT(total_retrans)},
    {METRIC_pacing_rate, AT(pacing_rate), .rule = NONE_IF_MAX},
    {METRIC_max_pacing_rate, AT(max_pacing_rate), .rule = NONE_IF_MAX},
    {METRIC_bytes_acked, AT(bytes_acked)},
    {METRIC_bytes_received, AT(bytes_received)},
    {METRIC_segs_out, AT(segs_out)},
    {METRIC_segs_in, AT(segs_in)},
    {METRIC_notsent, AT(notsent_bytes)},
    {METRIC_min_rtt, AT(min_rtt), .rule = NONE_IF_MAX},
    {METRIC_data_segs_in, AT(data_segs_in)},
    {METRIC_data_segs_out, AT(data_segs_out)},
    {METRIC_delivery_rate, AT(delivery_rate), .rule = NONE_IF_ZERO},
    {METRIC_busy_time, AT(busy_time)},
    {METRIC_rwnd_limited, AT(rwnd_limited)},
    {METRIC_sndbuf_limited, AT(sndbuf_limited)},
    {METRIC_delivered, AT(delivered)},
    {METRIC_delivered_ce, AT(delivered_ce)},
    {METRIC_bytes_sent, AT(bytes_sent)},
    {METRIC_bytes_retrans, AT(bytes_retrans)},
    {METRIC_dsack_dups, AT(dsack_dups)},
    {METRIC_reord_seen, AT(reord_seen)},
    {METRIC_rcv_ooopack, AT(rcv_ooopack)},
    {METRIC_snd_wnd, AT(snd_wnd)},
    {METRIC_rcv_wnd, AT(rcv_wnd)},
    {METRIC_rehash, AT(rehash)},
    {METRIC_total_rto, AT(total_rto)},
    {METRIC_total_rto_recoveries, AT(total_rto_recoveries)},
    {METRIC_total_rto_time, AT(total_rto_time)},
    {METRIC_received_ce, AT(received_ce)},
    {METRIC_delivered_e1_bytes, AT(delivered_e1_bytes)},
    {METRIC_delivered_e0_bytes, AT(delivered_e0_bytes)},
    {METRIC_delivered_ce_bytes, AT(delivered_ce_bytes)},
    {METRIC_received_e1_bytes, AT(received_e1_bytes)},
    {METRIC_received_e0_bytes, AT(received_e0_bytes)},
    {METRIC_received_ce_bytes, AT(received_ce_bytes)},
    {METRIC_accecn_fail, AT(accecn_a), .below = 7},
    {METRIC_accecn_opt, AT(accecn_b), .below = 7},
    {METRIC_ecn_mode, AT(accecn_a), .shift = 0, .bits = 2, .from = 7},
    {METRIC_accecn_opt, AT(accecn_a), .shift = 2, .bits = 2, .from = 7},
    {METRIC_accecn_fail, AT(accecn_a), .shift = 4, .bits = 4, .from = 7},
};

enum { SOURCES = sizeof sources / sizeof sources[0] };

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

/* A counter's total, carried over the wrap of its width. */
static int64_t count_on(struct tcpinfo *info, const struct source *source, uint64_t raw)
{
    int index = (int)source->metric - TCPINFO_FIRST;
    uint64_t grown = raw - (uint64_t)info->raw[index];
    if (source->width < 8)
        grown &= (UINT64_C(1) << 8 * source->width) - 1;
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
