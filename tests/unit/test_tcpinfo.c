/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/net/tcpinfo_linux.c: every field of TCP_INFO, of older and newer kernels, and
 * counters that wrap; by a kernel made up here, and by a real connection. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "mem.h"
#include "pair.h"
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

static int test_getsockopt(int fd, int level, int option, void *value, socklen_t *length)
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

static int test_uname(struct utsname *system)
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

#include "clock.h"
#include "report.h"
#include "daemon/net/kernel.h"

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

static bool is_counter(enum metric metric)
{
    return metrics[metric].kind == METRIC_KIND_COUNTER;
}

static uint64_t get_from(const uint8_t *bytes, size_t at, size_t width)
{
    uint64_t value = 0;
    uint32_t word;
    uint16_t half;
    memcpy(&half, bytes + at, sizeof half);
    memcpy(&word, bytes + at, sizeof word);
    memcpy(&value, bytes + at, sizeof value);
    return width == 1 ? bytes[at] : width == 2 ? half : width == 4 ? word : value;
}

static uint64_t get(size_t at, size_t width)
{
    return get_from(faked.bytes, at, width);
}

static void put(size_t at, size_t width, uint64_t value)
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

static void put_metric(enum metric metric, uint64_t value)
{
    for (size_t i = 0; i < COUNT(fields); i++)
        if (fields[i].metric == metric)
            put(fields[i].at, fields[i].width, value);
}

/* A kernel of that release, whose fields are all 0x11, 0x1111, ... */
static void pretend(const char *release, socklen_t size)
{
    faked.pretend = 1;
    faked.error = 0;
    faked.size = size;
    faked.release = release;
    memset(faked.bytes, 0x11, sizeof faked.bytes);
    once = (pthread_once_t)PTHREAD_ONCE_INIT;
}

static void clear(int64_t values[METRICS])
{
    for (int i = 0; i < METRICS; i++)
        values[i] = METRIC_ABSENT;
}

static int64_t value_of(enum metric metric)
{
    int64_t values[METRICS];
    struct tcpinfo info;
    clear(values);
    assert_true(tcpinfo_baseline(3, &info, values));
    return values[metric];
}

static void test_each_field_is_where_linux_has_it(void **state)
{
    (void)state;
    pretend("6.18.0", LINUX_6_18);
    for (size_t i = 0; i < COUNT(fields); i++) {
        int64_t values[METRICS];
        struct tcpinfo info;
        /* a value in this field alone: no other metric is made of it */
        uint64_t value = 0x21 + i;
        pretend("6.18.0", LINUX_6_18);
        put(fields[i].at, fields[i].width, value);
        clear(values);
        assert_true(tcpinfo_baseline(3, &info, values));
        for (size_t k = 0; k < COUNT(fields); k++)
            assert_int_equal(values[fields[k].metric],
                             k == i ? value : get(fields[k].at, fields[k].width));
    }
}

static void test_every_metric_of_the_kernel_has_its_field(void **state)
{
    (void)state;
    int64_t values[METRICS];
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    clear(values);
    assert_true(tcpinfo_baseline(3, &info, values));
    for (int i = 0; i < METRICS; i++) {
        bool never = i == METRIC_fackets || i == METRIC_last_ack_sent || i == METRIC_ecn_mode;
        bool there = i >= TCPINFO_FIRST && !never;
        if ((values[i] != METRIC_ABSENT) != there)
            fail_msg("%s", metrics[i].field);
    }
}

static void test_fields_of_a_few_bits(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
        enum metric metric;
        int64_t value;
    } cases[] = {
        {6, 0x0f, METRIC_snd_wscale, 15},   {6, 0x0f, METRIC_rcv_wscale, 0},
        {6, 0xe0, METRIC_snd_wscale, 0},    {6, 0xe0, METRIC_rcv_wscale, 14},
        {6, 0x73, METRIC_snd_wscale, 3},    {6, 0x73, METRIC_rcv_wscale, 7},
        {7, 0x01, METRIC_app_limited, 1},   {7, 0x01, METRIC_fastopen_fail, 0},
        {7, 0x06, METRIC_app_limited, 0},   {7, 0x06, METRIC_fastopen_fail, 3},
        {7, 0xf8, METRIC_app_limited, 0},   {7, 0xf8, METRIC_fastopen_fail, 0},
        {7, 0xfa, METRIC_fastopen_fail, 1}, {7, 0xfd, METRIC_fastopen_fail, 2},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        pretend("6.18.0", LINUX_6_18);
        faked.bytes[cases[i].at] = cases[i].byte;
        assert_int_equal(value_of(cases[i].metric), cases[i].value);
    }
}

static void test_values_that_stand_for_none(void **state)
{
    (void)state;
    static const struct {
        enum metric metric;
        uint64_t raw;
        int64_t value;
    } cases[] = {
        {METRIC_srtt, 0, METRIC_ABSENT},
        {METRIC_srtt, 1, 1},
        {METRIC_srtt, UINT32_MAX, UINT32_MAX},
        {METRIC_rttvar, 0, 0},
        {METRIC_rcv_rtt, 0, METRIC_ABSENT},
        {METRIC_rcv_rtt, 1, 1},
        {METRIC_delivery_rate, 0, METRIC_ABSENT},
        {METRIC_delivery_rate, 1, 1},
        {METRIC_min_rtt, UINT32_MAX, METRIC_ABSENT},
        {METRIC_min_rtt, UINT32_MAX - 1, UINT32_MAX - 1},
        {METRIC_min_rtt, 0, 0},
        {METRIC_pacing_rate, UINT64_MAX, METRIC_ABSENT},
        {METRIC_pacing_rate, UINT32_MAX, UINT32_MAX}, /* 34 Gbit/s, and a rate like others */
        {METRIC_pacing_rate, 0, 0},
        {METRIC_max_pacing_rate, UINT64_MAX, METRIC_ABSENT},
        {METRIC_max_pacing_rate, UINT32_MAX, UINT32_MAX},
        {METRIC_ssthresh, 0x7fffffff, METRIC_INFINITE},
        {METRIC_ssthresh, 0x7ffffffe, 0x7ffffffe},
        {METRIC_ssthresh, 0x80000000, METRIC_INFINITE},
        {METRIC_ssthresh, UINT32_MAX, METRIC_INFINITE},
        {METRIC_ssthresh, 0, 0},
        {METRIC_cwnd, UINT32_MAX, UINT32_MAX},
        {METRIC_cwnd, 0, 0},
        {METRIC_rto, UINT32_MAX, UINT32_MAX},
        {METRIC_tcp_state, 255, 255},
        /* A rate beyond 63 bits is large, but neither absent nor infinite. */
        {METRIC_delivery_rate, UINT64_MAX, INT64_MAX - 1},
        {METRIC_delivery_rate, INT64_MAX, INT64_MAX - 1},
        {METRIC_delivery_rate, (uint64_t)INT64_MAX + 1, INT64_MAX - 1},
        {METRIC_pacing_rate, UINT64_MAX - 1, INT64_MAX - 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        pretend("6.18.0", LINUX_6_18);
        put_metric(cases[i].metric, cases[i].raw);
        assert_int_equal(value_of(cases[i].metric), cases[i].value);
    }
}

static void test_what_linux_never_sets_is_absent(void **state)
{
    (void)state;
    pretend("6.18.0", LINUX_6_18);
    assert_int_equal(value_of(METRIC_fackets), METRIC_ABSENT);
    assert_int_equal(value_of(METRIC_last_ack_sent), METRIC_ABSENT);
}

/* Whatever length the kernel gives: a field is there if all of it is. */
static void test_older_kernels_know_less(void **state)
{
    (void)state;
    for (socklen_t size = 0; size <= LINUX_6_18; size++) {
        int64_t values[METRICS];
        struct tcpinfo info;
        pretend("5.10.0", size);
        clear(values);
        assert_true(tcpinfo_baseline(3, &info, values));
        for (size_t i = 0; i < COUNT(fields); i++) {
            bool there = fields[i].at + fields[i].width <= size;
            if ((values[fields[i].metric] != METRIC_ABSENT) != there)
                fail_msg("%s with %u bytes", metrics[fields[i].metric].field, size);
        }
        assert_int_equal(values[METRIC_rcv_wscale], size > 6 ? 1 : METRIC_ABSENT);
        assert_int_equal(values[METRIC_app_limited], size > 7 ? 1 : METRIC_ABSENT);
    }
}

static void test_newer_kernels_know_more(void **state)
{
    (void)state;
    for (socklen_t size = LINUX_6_18; size <= KERNEL_MAX; size += 4) {
        int64_t values[METRICS];
        struct tcpinfo info;
        pretend("6.99.0", size);
        clear(values);
        assert_true(tcpinfo_baseline(3, &info, values));
        for (size_t i = 0; i < COUNT(fields); i++)
            assert_int_equal(values[fields[i].metric], get(fields[i].at, fields[i].width));
    }
}

/* Accurate ECN is laid out anew in Linux 7.0. */
static void test_accurate_ecn_of_each_kernel(void **state)
{
    (void)state;
    static const struct {
        const char *release;
        uint16_t first, second;
        int64_t mode, fail, opt;
    } cases[] = {
        {"6.18.44", 3, 5, METRIC_ABSENT, 3, 5},
        {"6.18.44", 0xffff, 0xabcd, METRIC_ABSENT, 0xffff, 0xabcd},
        {"5.10.0", 1, 2, METRIC_ABSENT, 1, 2},
        {"7.0.0", 0x00d6, 0, 2, 0xd, 1},
        {"7.1", 0x0003, 0xffff, 3, 0, 0},
        {"7", 0xff0c, 0, 0, 0, 3},
        {"10.2.3-custom", 0x00f0, 0, 0, 0xf, 0},
        {"unheard of", 7, 8, METRIC_ABSENT, 7, 8},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        pretend(cases[i].release, LINUX_6_18);
        put(276, 2, cases[i].first);
        put(278, 2, cases[i].second);
        assert_int_equal(value_of(METRIC_ecn_mode), cases[i].mode);
        assert_int_equal(value_of(METRIC_accecn_fail), cases[i].fail);
        assert_int_equal(value_of(METRIC_accecn_opt), cases[i].opt);
    }
}

static void test_counters_count_from_the_baseline(void **state)
{
    (void)state;
    int64_t values[METRICS];
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    clear(values);
    assert_true(tcpinfo_baseline(3, &info, values));
    for (size_t i = 0; i < COUNT(fields); i++)
        if (is_counter(fields[i].metric))
            assert_int_equal(values[fields[i].metric], get(fields[i].at, fields[i].width));
    clear(values);
    assert_true(tcpinfo_read(3, &info, values));
    for (size_t i = 0; i < COUNT(fields); i++)
        assert_int_equal(values[fields[i].metric],
                         is_counter(fields[i].metric) ? 0 : get(fields[i].at, fields[i].width));
    for (int turn = 1; turn <= 3; turn++) {
        for (size_t i = 0; i < COUNT(fields); i++)
            put(fields[i].at, fields[i].width, get(fields[i].at, fields[i].width) + i);
        clear(values);
        assert_true(tcpinfo_read(3, &info, values));
        for (size_t i = 0; i < COUNT(fields); i++)
            assert_int_equal(values[fields[i].metric], is_counter(fields[i].metric)
                                                           ? turn * i
                                                           : get(fields[i].at, fields[i].width));
    }
    /* A new baseline begins anew. */
    assert_true(tcpinfo_baseline(3, &info, values));
    assert_true(tcpinfo_read(3, &info, values));
    assert_int_equal(values[METRIC_bytes_acked], 0);
}

static void test_counters_wrap(void **state)
{
    (void)state;
    static const struct {
        enum metric metric;
        uint64_t first, second;
        int64_t grown;
    } cases[] = {
        {METRIC_segs_out, UINT32_MAX, 0, 1},
        {METRIC_segs_out, 0, UINT32_MAX, UINT32_MAX},
        {METRIC_segs_out, 0xfffffff0, 0x20, 0x30},
        {METRIC_delivered, 10, 9, UINT32_MAX},
        {METRIC_total_rto, UINT16_MAX, 0, 1},
        {METRIC_total_rto, 0xfff0, 0x20, 0x30},
        {METRIC_total_rto_recoveries, 1, 0, UINT16_MAX},
        {METRIC_bytes_sent, UINT32_MAX, (uint64_t)UINT32_MAX + 1, 1},
        {METRIC_bytes_sent, 0, UINT64_C(1) << 62, INT64_C(1) << 62},
        {METRIC_bytes_sent, UINT64_MAX, 4, 5},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t values[METRICS];
        struct tcpinfo info;
        pretend("6.18.0", LINUX_6_18);
        put_metric(cases[i].metric, cases[i].first);
        assert_true(tcpinfo_baseline(3, &info, values));
        put_metric(cases[i].metric, cases[i].second);
        assert_true(tcpinfo_read(3, &info, values));
        assert_int_equal(values[cases[i].metric], cases[i].grown);
        assert_true(tcpinfo_read(3, &info, values));
        assert_int_equal(values[cases[i].metric], cases[i].grown);
    }
}

/* The kernel counts a recovery under way, and takes some of it back when that ends: the counter
 * stands still until it is beyond its highest value. */
static void test_time_in_recovery_never_falls(void **state)
{
    (void)state;
    static const struct {
        uint64_t raw;
        int64_t counted;
    } turns[] = {{1000, 0},   {1300, 300}, {1296, 300}, {1299, 300},
                 {1310, 310}, {900, 310},  {1311, 311}};
    int64_t values[METRICS];
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    for (size_t i = 0; i < COUNT(turns); i++) {
        put_metric(METRIC_total_rto_time, turns[i].raw);
        if (!i)
            assert_true(tcpinfo_baseline(3, &info, values));
        else
            assert_true(tcpinfo_read(3, &info, values));
        if (i)
            assert_int_equal(values[METRIC_total_rto_time], turns[i].counted);
    }
}

/* Each counter grows at random, by less than its width at a time, and wraps many times. */
static void test_counters_grow_at_random(void **state)
{
    (void)state;
    int64_t values[METRICS], grown[COUNT(fields)] = {0};
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    for (size_t i = 0; i < COUNT(fields); i++)
        put(fields[i].at, fields[i].width, random_bits());
    assert_true(tcpinfo_baseline(3, &info, values));
    for (int turn = 0; turn < 2000; turn++) {
        for (size_t i = 0; i < COUNT(fields); i++) {
            uint64_t by = random_bits() >> (fields[i].width == 2   ? 48
                                            : fields[i].width == 4 ? 32
                                                                   : 20);
            if (random_bits() % 4 == 0)
                by = 0;
            if (fields[i].metric == METRIC_total_rto_time)
                by >>= 1; /* what grows by more has fallen */
            put(fields[i].at, fields[i].width, get(fields[i].at, fields[i].width) + by);
            grown[i] += (int64_t)by;
        }
        assert_true(tcpinfo_read(3, &info, values));
        for (size_t i = 0; i < COUNT(fields); i++)
            if (is_counter(fields[i].metric))
                assert_int_equal(values[fields[i].metric], grown[i]);
    }
}

static void test_other_metrics_are_left_alone(void **state)
{
    (void)state;
    int64_t values[METRICS];
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    for (int i = 0; i < METRICS; i++)
        values[i] = -i;
    assert_true(tcpinfo_baseline(3, &info, values));
    assert_true(tcpinfo_read(3, &info, values));
    for (int i = 0; i < TCPINFO_FIRST; i++)
        assert_int_equal(values[i], -i);
}

static void test_no_connection(void **state)
{
    (void)state;
    int64_t values[METRICS];
    struct tcpinfo info;
    pretend("6.18.0", LINUX_6_18);
    faked.error = ENOPROTOOPT;
    clear(values);
    assert_false(tcpinfo_baseline(3, &info, values));
    assert_false(tcpinfo_read(3, &info, values));
    for (int i = 0; i < METRICS; i++)
        assert_int_equal(values[i], METRIC_ABSENT);
    assert_int_equal(tcpinfo_state(3), 0);
}

static void test_state(void **state)
{
    (void)state;
    pretend("6.18.0", LINUX_6_18);
    for (int i = 1; i <= 11; i++) {
        faked.bytes[0] = (uint8_t)i;
        assert_int_equal(tcpinfo_state(3), i);
    }
    faked.size = 0;
    assert_int_equal(tcpinfo_state(3), 0);
    faked.size = 1;
    assert_int_equal(tcpinfo_state(3), 11);
}

/* ---- the kernel of this machine ---- */

static void real_kernel(void)
{
    static struct utsname system;
    assert_int_equal(uname(&system), 0);
    faked.pretend = 0;
    faked.release = system.release;
    once = (pthread_once_t)PTHREAD_ONCE_INIT;
}

static void test_no_tcp_socket(void **state)
{
    (void)state;
    int64_t values[METRICS];
    struct tcpinfo info;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    real_kernel();
    clear(values);
    assert_false(tcpinfo_baseline(fd, &info, values));
    assert_false(tcpinfo_read(-1, &info, values));
    assert_int_equal(values[METRIC_cwnd], METRIC_ABSENT);
    assert_int_equal(tcpinfo_state(fd), 0);
    close(fd);
}

/* Sends from one end, reads at the other, and waits until all is acknowledged. */
static void carry(const int fds[2], size_t bytes)
{
    char chunk[1000] = {0};
    for (size_t done = 0; done < bytes; done += sizeof chunk) {
        assert_int_equal(send(fds[0], chunk, sizeof chunk, 0), sizeof chunk);
        assert_int_equal(recv(fds[1], chunk, sizeof chunk, MSG_WAITALL), sizeof chunk);
    }
    int one = 1;
    setsockopt(fds[1], IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
    for (int64_t values[METRICS] = {[METRIC_unacked] = 1}; values[METRIC_unacked];) {
        struct tcpinfo info;
        assert_true(tcpinfo_baseline(fds[0], &info, values));
        usleep(500);
    }
}

/* Against the bytes that the kernel gave, gauges as they are and counters since `before`. */
static void check_real(const int64_t values[METRICS], const uint8_t before[KERNEL_MAX])
{
    for (size_t i = 0; i < COUNT(fields); i++) {
        enum metric metric = fields[i].metric;
        size_t at = fields[i].at, width = fields[i].width;
        uint64_t raw = get(at, width), old = get_from(before, at, width);
        if (at + width > faked.size) {
            assert_int_equal(values[metric], METRIC_ABSENT);
            continue;
        }
        int64_t expected = (int64_t)raw;
        if (is_counter(metric))
            expected = (int64_t)(raw - old);
        else if ((metric == METRIC_srtt || metric == METRIC_rcv_rtt ||
                  metric == METRIC_delivery_rate) &&
                 !raw)
            expected = METRIC_ABSENT;
        else if (metric == METRIC_ssthresh && raw >= 0x7fffffff)
            expected = METRIC_INFINITE;
        else if (raw == (width == 8 ? UINT64_MAX : UINT32_MAX) &&
                 (metric == METRIC_min_rtt || metric == METRIC_pacing_rate ||
                  metric == METRIC_max_pacing_rate))
            expected = METRIC_ABSENT;
        else if ((metric == METRIC_accecn_fail || metric == METRIC_accecn_opt) &&
                 atoi(faked.release) >= 7)
            continue;
        if (values[metric] != expected)
            fail_msg("%s is %" PRId64 ", not %" PRId64, metrics[metric].field, values[metric],
                     expected);
    }
}

static void test_a_real_connection(void **state)
{
    (void)state;
    enum { FIRST = 50000, SECOND = 200000 };
    int fds[2];
    static const uint8_t nothing[KERNEL_MAX];
    uint8_t before[2][KERNEL_MAX];
    int64_t values[2][METRICS];
    struct tcpinfo info[2];
    connect_pair(fds);
    real_kernel();
    carry(fds, FIRST);
    for (int i = 0; i < 2; i++) {
        clear(values[i]);
        assert_true(tcpinfo_baseline(fds[i], &info[i], values[i]));
        check_real(values[i], nothing);
        memcpy(before[i], faked.bytes, sizeof before[i]);
    }
    assert_true(faked.size >= 232); /* Linux 5.10 */
    assert_int_equal(values[0][METRIC_bytes_sent] - values[0][METRIC_bytes_retrans], FIRST);
    assert_int_equal(values[1][METRIC_bytes_received], FIRST);
    carry(fds, SECOND);
    for (int i = 0; i < 2; i++) {
        clear(values[i]);
        assert_true(tcpinfo_read(fds[i], &info[i], values[i]));
        check_real(values[i], before[i]);
    }
    /* What is known of the connection by other means. */
    assert_int_equal(values[0][METRIC_bytes_sent] - values[0][METRIC_bytes_retrans], SECOND);
    assert_int_equal(values[0][METRIC_bytes_acked], SECOND);
    assert_int_equal(values[0][METRIC_bytes_received], 0);
    assert_int_equal(values[1][METRIC_bytes_received], SECOND);
    assert_int_equal(values[1][METRIC_bytes_sent], 0);
    assert_true(values[0][METRIC_data_segs_out] > 0);
    assert_int_equal(values[1][METRIC_data_segs_in], values[0][METRIC_data_segs_out]);
    assert_int_equal(values[0][METRIC_tcp_state], TCP_ESTABLISHED);
    assert_int_equal(values[0][METRIC_unacked], 0);
    assert_int_equal(values[0][METRIC_notsent], 0);
    assert_int_equal(values[0][METRIC_pmtu_cookie], kernel_path_mtu(fds[0]));
    assert_int_equal(values[0][METRIC_snd_wscale], values[1][METRIC_rcv_wscale]);
    assert_int_equal(values[0][METRIC_rcv_wscale], values[1][METRIC_snd_wscale]);
    assert_int_equal(tcpinfo_state(fds[0]), TCP_ESTABLISHED);
    shutdown(fds[0], SHUT_WR);
    assert_int_equal(recv(fds[1], (char[1]){0}, 1, 0), 0); /* the FIN is there */
    assert_int_equal(tcpinfo_state(fds[1]), TCP_CLOSE_WAIT);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_field_is_where_linux_has_it),
        cmocka_unit_test(test_every_metric_of_the_kernel_has_its_field),
        cmocka_unit_test(test_fields_of_a_few_bits),
        cmocka_unit_test(test_values_that_stand_for_none),
        cmocka_unit_test(test_what_linux_never_sets_is_absent),
        cmocka_unit_test(test_older_kernels_know_less),
        cmocka_unit_test(test_newer_kernels_know_more),
        cmocka_unit_test(test_accurate_ecn_of_each_kernel),
        cmocka_unit_test(test_counters_count_from_the_baseline),
        cmocka_unit_test(test_counters_wrap),
        cmocka_unit_test(test_time_in_recovery_never_falls),
        cmocka_unit_test(test_counters_grow_at_random),
        cmocka_unit_test(test_other_metrics_are_left_alone),
        cmocka_unit_test(test_no_connection),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_no_tcp_socket),
        cmocka_unit_test(test_a_real_connection),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("tcpinfo", tests, NULL, NULL);
}
