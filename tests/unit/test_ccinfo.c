/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests ccinfo: what the kernel's structs mean, and that nothing is there for other algorithms. */
#include "daemon/net/ccinfo_linux.c"

#include <unistd.h>

#include "unit.h"

static void clear(int64_t values[METRICS])
{
    for (int i = 0; i < METRICS; i++)
        values[i] = METRIC_ABSENT;
}

static int count_present(const int64_t values[METRICS])
{
    int count = 0;
    for (int i = 0; i < METRICS; i++)
        count += values[i] != METRIC_ABSENT;
    return count;
}

/* 739/256 is BBR's gain in STARTUP, 2/ln 2; a bandwidth above 32 bits takes both halves. */
static void bbr_is_understood(void **state)
{
    union kernel_cc_info info = {
        .bbr = {.bw_lo = 7, .bw_hi = 3, .min_rtt = 1234, .pacing_gain = 739, .cwnd_gain = 512}};
    int64_t values[METRICS];
    (void)state;
    clear(values);
    read_bbr(&info, values);
    assert_int_equal(values[METRIC_bbr_bw], (INT64_C(3) << 32) + 7);
    assert_int_equal(values[METRIC_bbr_min_rtt], 1234);
    assert_int_equal(values[METRIC_bbr_pacing_gain], 2886719);
    assert_int_equal(values[METRIC_bbr_cwnd_gain], 2000000);
    assert_int_equal(count_present(values), 4);
    info.bbr.min_rtt = UINT32_MAX;
    clear(values);
    read_bbr(&info, values);
    assert_int_equal(values[METRIC_bbr_min_rtt], METRIC_ABSENT);
}

static void dctcp_is_understood(void **state)
{
    union kernel_cc_info info = {
        .dctcp = {.enabled = 1, .ce_state = 1, .alpha = 1, .ab_ecn = 3000, .ab_tot = 9000}};
    int64_t values[METRICS];
    (void)state;
    clear(values);
    read_dctcp(&info, values);
    assert_int_equal(values[METRIC_dctcp_ce_state], 1);
    assert_int_equal(values[METRIC_dctcp_alpha], 977); /* 1/1024 */
    assert_int_equal(values[METRIC_dctcp_ab_ecn], 3000);
    assert_int_equal(values[METRIC_dctcp_ab_tot], 9000);
    assert_int_equal(count_present(values), 4);
    info.dctcp.alpha = 1024;
    read_dctcp(&info, values);
    assert_int_equal(values[METRIC_dctcp_alpha], 1000000);
    info.dctcp.enabled = 0;
    clear(values);
    read_dctcp(&info, values);
    assert_int_equal(count_present(values), 0);
}

static void vegas_is_understood(void **state)
{
    union kernel_cc_info info = {
        .vegas = {.enabled = 1, .rttcnt = 5, .rtt = 10000, .minrtt = 0x7fffffff}};
    int64_t values[METRICS];
    (void)state;
    clear(values);
    read_vegas(&info, values);
    assert_int_equal(values[METRIC_vegas_enabled], 1);
    assert_int_equal(values[METRIC_vegas_rttcnt], 5);
    assert_int_equal(values[METRIC_vegas_rtt], 10000);
    assert_int_equal(values[METRIC_vegas_min_rtt], METRIC_ABSENT);
    assert_int_equal(count_present(values), 3);
}

/* Asks the kernel for each algorithm that there is. */
static void only_the_algorithm_that_runs_is_there(void **state)
{
    static const char *const names[] = {"reno", "cubic", "bbr", "dctcp", "vegas"};
    static const int figures[] = {0, 0, 4, 4, 4};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int64_t values[METRICS];
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, names[i], (socklen_t)strlen(names[i]))) {
            printf("# %s is not there\n", names[i]);
            close(fd);
            continue;
        }
        enum ccinfo_kind kind = ccinfo_kind(fd);
        assert_string_equal(algorithms[kind].name, figures[i] ? names[i] : "");
        clear(values);
        ccinfo_read(fd, kind, values);
        assert_true(count_present(values) <= figures[i]);
        close(fd);
    }
    int64_t values[METRICS];
    clear(values);
    assert_int_equal(ccinfo_kind(-1), CCINFO_NONE);
    ccinfo_read(-1, CCINFO_BBR, values);
    assert_int_equal(count_present(values), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(bbr_is_understood),
        cmocka_unit_test(dctcp_is_understood),
        cmocka_unit_test(vegas_is_understood),
        cmocka_unit_test(only_the_algorithm_that_runs_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
