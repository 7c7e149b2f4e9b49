/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/net/tcpinfo_linux.c with a real connection and the kernel of this machine. */
#include "tcpinfo_fields.h"

#include <unistd.h>

#include "pair.h"
#include "daemon/net/kernel.h"

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
        cmocka_unit_test(test_no_tcp_socket),
        cmocka_unit_test(test_a_real_connection),
    };
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("tcpinfo_real", tests, NULL, NULL);
}
