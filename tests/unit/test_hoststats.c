/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/hoststats.c: rows about a host as text, and texts that are none. */
#include "common/hoststats.c"

#include "unit.h"

static void rows_are_read_back(void **state)
{
    struct hoststat_row row, again;
    struct buffer text = {0};
    (void)state;
    hoststat_row_init(&row, HOSTSTAT_SCOPE_INTERFACE, "eth0");
    row.value[HOSTSTAT_rx_bytes] = INT64_MAX;
    row.value[HOSTSTAT_tx_dropped] = 0;
    hoststat_row_put(&row, &text);
    assert_true(hoststat_row_read(text.data, text.length, &again));
    assert_memory_equal(&row, &again, sizeof row);
    text.length = 0;
    hoststat_row_init(&row, HOSTSTAT_SCOPE_HOST, "");
    row.value[HOSTSTAT_cpu_idle] = 5;
    hoststat_row_put(&row, &text);
    assert_true(hoststat_row_read(text.data, text.length, &again));
    assert_memory_equal(&row, &again, sizeof row);
    buffer_free(&text);
}

static bool reads(const char *text, struct hoststat_row *row)
{
    return hoststat_row_read(text, strlen(text), row);
}

static void texts_that_are_none(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "host",
        "host eth0\n",
        "interface \nrx_bytes=1\n",
        "planet earth\nrx_bytes=1\n",
        "interface eth0\nrx_bytes\n",
        "interface eth0\nrx_bytes=\n",
        "interface eth0\nrx_bytes=-1\n",
        "interface eth0\nrx_bytes=1.5\n",
        "interface eth0\nrx_bytes=99999999999999999999\n",
        "interface 1234567890123456789012345678901234567890123456789012345678901234\n",
    };
    struct hoststat_row row;
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (reads(texts[i], &row))
            fail_msg("'%s' was read", texts[i]);
}

/* From a later daemon, and from one that wants to write a line of its own into the log. */
static void what_is_not_known(void **state)
{
    struct hoststat_row row;
    (void)state;
    assert_true(reads("interface a b\x01\xff\nrx_bytes=7\nrx_light=8\ncpu_user=9\n", &row));
    assert_string_equal(row.object, "a?b??");
    assert_int_equal(row.value[HOSTSTAT_rx_bytes], 7);
    assert_int_equal(row.value[HOSTSTAT_cpu_user], METRIC_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read_back),
        cmocka_unit_test(texts_that_are_none),
        cmocka_unit_test(what_is_not_known),
    };
    return cmocka_run_group_tests_name("hoststats", tests, NULL, NULL);
}
