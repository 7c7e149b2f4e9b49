/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/metric_form.c: names and values of metrics in files. */
#include "controller/output/metric_form.c"

#include "unit.h"

static void names_end_with_the_unit(void **state)
{
    static const struct {
        enum metric metric;
        const char *name;
    } cases[] = {
        {METRIC_tx_bytes, "tx_bytes"},
        {METRIC_snd_mss, "snd_mss_bytes"},
        {METRIC_bytes_acked, "bytes_acked"},
        {METRIC_srtt, "srtt_seconds"},
        {METRIC_rtt_count, "rtt_count"},
        {METRIC_rtt_p999, "rtt_p999_seconds"},
        {METRIC_cwnd, "cwnd_segments"},
        {METRIC_pacing_rate, "pacing_rate_bits_per_second"},
        {METRIC_dctcp_alpha, "dctcp_alpha_ratio"},
        {METRIC_status, "status"},
        {METRIC_last_ack_recv, "last_ack_recv_seconds"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(metric_form(cases[i].metric)->name, cases[i].name);
}

/* Every unit of the list has a form, and no two metrics share a name. */
static void names_are_unique_and_need_no_quotes(void **state)
{
    (void)state;
    for (int i = 0; i < METRICS; i++) {
        const struct metric_form *form = metric_form((enum metric)i);
        assert_string_equal(metric_unit((enum metric)i)->from, metrics[i].unit);
        assert_int_equal(strspn(form->name, "abcdefghijklmnopqrstuvwxyz0123456789_"),
                         strlen(form->name));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(form->name, metric_form((enum metric)k)->name);
    }
}

static void values_are_exact_in_the_unit_of_the_name(void **state)
{
    static const struct {
        enum metric metric;
        int64_t value;
        const char *text;
    } cases[] = {
        {METRIC_connect_time, 1, "0.000000001"},
        {METRIC_connect_time, -1500000000, "-1.500000000"},
        {METRIC_srtt, 40123, "0.040123"},
        {METRIC_last_ack_recv, 1500, "1.500"},
        {METRIC_pacing_rate, 125, "1000"},
        {METRIC_dctcp_alpha, 250000, "0.250000"},
        {METRIC_tx_bytes, 0, "0"},
        {METRIC_tx_bytes, INT64_C(1) << 53, "9007199254740992"},
        {METRIC_tx_bytes, (INT64_C(1) << 53) + 1, ""}, /* a double would change it */
        {METRIC_pacing_rate, INT64_MAX - 1, ""},
        {METRIC_tx_bytes, METRIC_ABSENT, ""},
        {METRIC_ssthresh, METRIC_INFINITE, ""},
        {METRIC_ca_state, 3, "recovery"},
        {METRIC_tcp_state, 1, "established"},
        {METRIC_status, 'n' << 8 | 'c', "n/c"},
        {METRIC_options, 3, "ts"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t values[METRICS] = {0};
        char text[CELL_MAX];
        values[cases[i].metric] = cases[i].value;
        size_t length = metric_format(cases[i].metric, values, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(length, strlen(text));
    }
}

static void rates_need_bytes_and_time(void **state)
{
    (void)state;
    assert_int_equal(metric_bit_rate(125, NS_PER_SEC), 1000);
    assert_int_equal(metric_bit_rate(125, NS_PER_SEC / 2), 2000);
    assert_true(metric_bit_rate(METRIC_ABSENT, 1) == METRIC_ABSENT);
    assert_true(metric_bit_rate(1, 0) == METRIC_ABSENT);
    assert_true(metric_bit_rate(1, -1) == METRIC_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_end_with_the_unit),
        cmocka_unit_test(names_are_unique_and_need_no_quotes),
        cmocka_unit_test(values_are_exact_in_the_unit_of_the_name),
        cmocka_unit_test(rates_need_bytes_and_time),
    };
    return cmocka_run_group_tests_name("metric_form", tests, NULL, NULL);
}
