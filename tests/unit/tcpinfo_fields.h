/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of daemon/net/tcpinfo_linux.c share: where struct tcp_info has its fields, and a
 * kernel that says of them what a test wants. */
#ifndef FLOWRIG_UNIT_TCPINFO_FIELDS_H
#define FLOWRIG_UNIT_TCPINFO_FIELDS_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "unit.h"

enum { KERNEL_MAX = 512 };

/* What getsockopt() and uname() say. */
static struct {
    int pretend; /* 0: the real kernel answers, and its answer is kept in `bytes` */
    uint8_t bytes[KERNEL_MAX];
    socklen_t size; /* of the kernel's struct tcp_info */
    int error;
    const char *release;
} faked;

static inline int test_getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
    if (!faked.pretend) {
        int result = getsockopt(fd, level, option, value, length);
        if (!result)
            memcpy(faked.bytes, value, faked.size = *length);
        return result;
    }
    if (faked.error) {
        errno = faked.error;
        return -1;
    }
    *length = *length < faked.size ? *length : faked.size;
    memcpy(value, faked.bytes, *length);
    return 0;
}

static inline int test_uname(struct utsname *system)
{
    memset(system, 0, sizeof *system);
    snprintf(system->release, sizeof system->release, "%s", faked.release);
    return 0;
}

#define getsockopt test_getsockopt
#define uname      test_uname
#include "daemon/net/tcpinfo_linux.c"
#undef getsockopt
#undef uname

enum { LINUX_6_18 = 280 };

/* Where struct tcp_info of Linux 6.18 has its fields that are whole bytes. */
static const struct {
    enum metric metric;
    size_t at, width;
} fields[] = {
    {METRIC_tcp_state, 0, 1},
    {METRIC_ca_state, 1, 1},
    {METRIC_tret, 2, 1},
    {METRIC_probes, 3, 1},
    {METRIC_backoff, 4, 1},
    {METRIC_options, 5, 1},
    {METRIC_rto, 8, 4},
    {METRIC_ato, 12, 4},
    {METRIC_snd_mss, 16, 4},
    {METRIC_rcv_mss, 20, 4},
    {METRIC_unacked, 24, 4},
    {METRIC_sacked, 28, 4},
    {METRIC_lost, 32, 4},
    {METRIC_retrans, 36, 4},
    {METRIC_last_data_sent, 44, 4},
    {METRIC_last_data_recv, 52, 4},
    {METRIC_last_ack_recv, 56, 4},
    {METRIC_pmtu_cookie, 60, 4},
    {METRIC_rcv_ssthresh, 64, 4},
    {METRIC_srtt, 68, 4},
    {METRIC_rttvar, 72, 4},
    {METRIC_ssthresh, 76, 4},
    {METRIC_cwnd, 80, 4},
    {METRIC_advmss, 84, 4},
    {METRIC_reordering, 88, 4},
    {METRIC_rcv_rtt, 92, 4},
    {METRIC_rcv_space, 96, 4},
    {METRIC_total_retrans, 100, 4},
    {METRIC_pacing_rate, 104, 8},
    {METRIC_max_pacing_rate, 112, 8},
    {METRIC_bytes_acked, 120, 8},
    {METRIC_bytes_received, 128, 8},
    {METRIC_segs_out, 136, 4},
    {METRIC_segs_in, 140, 4},
    {METRIC_notsent, 144, 4},
    {METRIC_min_rtt, 148, 4},
    {METRIC_data_segs_in, 152, 4},
    {METRIC_data_segs_out, 156, 4},
    {METRIC_delivery_rate, 160, 8},
    {METRIC_busy_time, 168, 8},
    {METRIC_rwnd_limited, 176, 8},
    {METRIC_sndbuf_limited, 184, 8},
    {METRIC_delivered, 192, 4},
    {METRIC_delivered_ce, 196, 4},
    {METRIC_bytes_sent, 200, 8},
    {METRIC_bytes_retrans, 208, 8},
    {METRIC_dsack_dups, 216, 4},
    {METRIC_reord_seen, 220, 4},
    {METRIC_rcv_ooopack, 224, 4},
    {METRIC_snd_wnd, 228, 4},
    {METRIC_rcv_wnd, 232, 4},
    {METRIC_rehash, 236, 4},
    {METRIC_total_rto, 240, 2},
    {METRIC_total_rto_recoveries, 242, 2},
    {METRIC_total_rto_time, 244, 4},
    {METRIC_received_ce, 248, 4},
    {METRIC_delivered_e1_bytes, 252, 4},
    {METRIC_delivered_e0_bytes, 256, 4},
    {METRIC_delivered_ce_bytes, 260, 4},
    {METRIC_received_e1_bytes, 264, 4},
    {METRIC_received_e0_bytes, 268, 4},
    {METRIC_received_ce_bytes, 272, 4},
    {METRIC_accecn_fail, 276, 2},
    {METRIC_accecn_opt, 278, 2},
};

static inline bool is_counter(enum metric metric)
{
    return metrics[metric].kind == METRIC_KIND_COUNTER;
}

static inline uint64_t get_from(const uint8_t *bytes, size_t at, size_t width)
{
    uint64_t value = 0;
    uint32_t word;
    uint16_t half;
    memcpy(&half, bytes + at, sizeof half);
    memcpy(&word, bytes + at, sizeof word);
    memcpy(&value, bytes + at, sizeof value);
    return width == 1 ? bytes[at] : width == 2 ? half : width == 4 ? word : value;
}

static inline uint64_t get(size_t at, size_t width)
{
    return get_from(faked.bytes, at, width);
}

static inline void put(size_t at, size_t width, uint64_t value)
{
    uint32_t word = (uint32_t)value;
    uint16_t half = (uint16_t)value;
    uint8_t byte = (uint8_t)value;
    memcpy(faked.bytes + at,
           width == 1   ? (void *)&byte
           : width == 2 ? (void *)&half
           : width == 4 ? (void *)&word
                        : (void *)&value,
           width);
}

static inline void put_metric(enum metric metric, uint64_t value)
{
    for (size_t i = 0; i < COUNT(fields); i++)
        if (fields[i].metric == metric)
            put(fields[i].at, fields[i].width, value);
}

/* A kernel of that release, whose fields are all 0x11, 0x1111, ... */
static inline void pretend(const char *release, socklen_t size)
{
    faked.pretend = 1;
    faked.error = 0;
    faked.size = size;
    faked.release = release;
    memset(faked.bytes, 0x11, sizeof faked.bytes);
    once = (pthread_once_t)PTHREAD_ONCE_INIT;
}

static inline void clear(int64_t values[METRICS])
{
    for (int i = 0; i < METRICS; i++)
        values[i] = METRIC_ABSENT;
}

#endif
