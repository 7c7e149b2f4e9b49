/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/cell.c: every form of a column, for screen and log, to the last digit. */
#include "controller/output/cell.c"

#include <math.h>

#include "unit.h"

enum { ROUNDS = 100000 };

static const struct cell_style log_style = {0};
static const struct cell_style screen_style = {.symbolic = true, .is_screen = true};
static const struct cell_style number_style = {.is_screen = true};
static const struct cell_style mega_style = {.is_screen = true, .megabytes = true};
static const struct cell_style byte_style = {.symbolic = true, .is_screen = true, .bytes = true};

static const struct column *column_of(const char *name)
{
    const struct column *column = column_find(name, strlen(name));
    if (!column)
        fail_msg("there is no column %s", name);
    return column;
}

static void nothing_there(int64_t values[METRICS])
{
    for (int i = 0; i < METRICS; i++)
        values[i] = METRIC_ABSENT;
}

/* One cell of a report that has nothing else. */
static void check_cell(const char *name, int64_t value, int64_t elapsed,
                       const struct cell_style *style, const char *expected)
{
    const struct column *column = column_of(name);
    int64_t values[METRICS];
    char text[CELL_MAX];
    nothing_there(values);
    values[column->metric] = value;
    memset(text, '~', sizeof text);
    size_t length = cell_format(column, values, elapsed, style, text);
    if (strcmp(text, expected))
        fail_msg("%s of %" PRId64 " in %" PRId64 " ns is '%s', not '%s'", name, value, elapsed,
                 text, expected);
    assert_int_equal(length, strlen(expected));
}

/* ---- the way that most values take */

/* The same by 128 bits alone. */
static void check_against_128_bits(const struct column *column, int64_t value, int64_t multiplier,
                                   int64_t divisor)
{
    char text[CELL_MAX], expected[CELL_MAX];
    assert_int_equal(put_scaled(column, value, multiplier, divisor, text),
                     put_large(column, value, multiplier, divisor, expected));
    assert_string_equal(text, expected);
}

static void short_arithmetic_is_that_of_128_bits(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const struct column *column = &columns[(size_t)random() % columns_count];
        int64_t value = (int64_t)((uint64_t)random() << 33 ^ (uint64_t)random()) >> random() % 63;
        int64_t divisor = 1 + (random() >> random() % 31);
        value = random() % 2 ? value : -value;
        check_against_128_bits(column, value, 1, 1);
        check_against_128_bits(column, value, 1, divisor);
        check_against_128_bits(column, value, NS_PER_SEC, divisor);
        check_against_128_bits(column, value, 8 * NS_PER_SEC, divisor);
    }
    for (size_t i = 0; i < columns_count; i++) {
        int64_t power = 1;
        for (unsigned k = 0; k < columns[i].power; k++)
            power *= 10;
        assert_int_equal(power_of_ten(columns[i].power), power);
        check_against_128_bits(&columns[i], INT64_MAX, 8 * NS_PER_SEC, 1);
        check_against_128_bits(&columns[i], INT64_MIN + 1, 8 * NS_PER_SEC, 1);
    }
}

/* ---- what is absent */

static void absent_values_are_nan(void **state)
{
    static const struct cell_style *const styles[] = {&log_style, &screen_style, &number_style,
                                                      &mega_style, &byte_style};
    int64_t values[METRICS];
    char text[CELL_MAX];
    (void)state;
    nothing_there(values);
    for (size_t i = 0; i < columns_count; i++) {
        bool of_tally = metrics[columns[i].metric].kind == METRIC_KIND_COUNT;
        for (size_t k = 0; k < COUNT(styles); k++) {
            size_t length = cell_format(&columns[i], values, NS_PER_SEC, styles[k], text);
            assert_string_equal(text, of_tally ? "inf" : "nan");
            assert_int_equal(length, 3);
        }
    }
}

static void without_time_there_is_no_rate(void **state)
{
    static const char *const names[] = {"through", "rx_through", "transac"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        check_cell(names[i], 1000, 0, &log_style, "nan");
        check_cell(names[i], 1000, -1, &log_style, "nan");
        check_cell(names[i], 1000, 0, &mega_style, "nan");
    }
    /* Differences and gauges have none to do with it. */
    check_cell("tx_bytes", 1000, 0, &log_style, "1000");
    check_cell("pacing_rate", 1000000, 0, &log_style, "8.000000");
    check_cell("rtt", 1000, 0, &log_style, "1.000");
}

/* ---- counters */

static void differences(void **state)
{
    (void)state;
    check_cell("tx_bytes", 0, 50000000, &log_style, "0");
    check_cell("tx_bytes", 13459160, 50000000, &screen_style, "13459160");
    check_cell("requ", 42, 50000000, &log_style, "42");
    check_cell("requ", 65535, 50000000, &screen_style, "65535"); /* no symbol for counters */
    check_cell("segs_out", -3, 50000000, &log_style, "-3");
    check_cell("busy", 1234567, 50000000, &log_style, "1234.567"); /* us in ms */
    check_cell("busy", 5, 50000000, &log_style, "0.005");
    check_cell("tx_bytes", INT64_C(9223372036854775806), 1, &log_style, "9223372036854775806");
}

static void rates_per_second(void **state)
{
    (void)state;
    check_cell("transac", 10, NS_PER_SEC, &log_style, "10.00");
    check_cell("transac", 1, 3 * NS_PER_SEC, &log_style, "0.33");
    check_cell("transac", 2, 3 * NS_PER_SEC, &log_style, "0.67");
    check_cell("transac", 1, 8 * NS_PER_SEC, &log_style, "0.13"); /* 0.125: half goes up */
    check_cell("transac", -1, 8 * NS_PER_SEC, &log_style, "-0.13");
    check_cell("transac", 7, 50000000, &log_style, "140.00");
    check_cell("transac", 0, 50000000, &log_style, "0.00");
}

static void bit_rates(void **state)
{
    (void)state;
    check_cell("through", 13459160, NS_PER_SEC, &log_style, "107.673280");
    check_cell("through", 125000, NS_PER_SEC, &screen_style, "1.000000");
    check_cell("through", 0, 50000000, &screen_style, "0.000000");
    check_cell("through", 1, 16 * NS_PER_SEC, &log_style, "0.000001"); /* 0.5e-6 */
    check_cell("through", 1, 16 * NS_PER_SEC + 1, &log_style, "0.000000");
    /* 1 GiB in 49 999 999 ns: 171798.695236... */
    check_cell("rx_through", INT64_C(1) << 30, 49999999, &log_style, "171798.695276");
    /* 2**20 byte/s */
    check_cell("through", 1 << 20, NS_PER_SEC, &mega_style, "1.000000");
    check_cell("through", 3 << 20, 2 * NS_PER_SEC, &mega_style, "1.500000");
    check_cell("through", 1000000, NS_PER_SEC, &mega_style, "0.953674");
    /* Nothing that the kernel can count is too much to be written. */
    check_cell("through", INT64_MAX, 1, &log_style, "inf");
    check_cell("through", INT64_MAX, NS_PER_SEC, &log_style, "inf");
    check_cell("through", INT64_C(1000000000000000000), NS_PER_SEC, &log_style,
               "8000000000000.000000");
}

static void bit_rates_that_are_gauges(void **state)
{
    (void)state;
    check_cell("pacing_rate", 12500000, 50000000, &log_style, "100.000000");
    check_cell("delivery_rate", 1, 77, &log_style, "0.000008");
    check_cell("delivery_rate", 1 << 20, 77, &mega_style, "1.000000");
}

/* ---- gauges */

static void gauges(void **state)
{
    (void)state;
    check_cell("cwnd", 10, 0, &log_style, "10");
    check_cell("rtt", 20156, 0, &log_style, "20.156");
    check_cell("rtt", 65535, 0, &screen_style, "65.535"); /* no USHRT_MAX */
    check_cell("rto", 200000, 0, &screen_style, "200.000");
    check_cell("last_data_sent", 4, 0, &log_style, "4");
    check_cell("pmtu", 1500, 0, &screen_style, "1500");
}

static void limits_have_names_on_the_screen(void **state)
{
    static const struct {
        int64_t value;
        const char *name, *number;
    } cases[] = {
        {2147483647, "INT_MAX", "2147483647"},    {65535, "USHRT_MAX", "65535"},
        {4294967295, "UINT_MAX", "4294967295"},   {65534, "65534", "65534"},
        {2147483646, "2147483646", "2147483646"}, {4294967296, "4294967296", "4294967296"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_cell("cwnd", cases[i].value, 0, &screen_style, cases[i].name);
        check_cell("cwnd", cases[i].value, 0, &number_style, cases[i].number);
        check_cell("cwnd", cases[i].value, 0, &log_style, cases[i].number);
    }
}

static void infinite_thresholds(void **state)
{
    (void)state;
    check_cell("ssth", METRIC_INFINITE, 0, &log_style, "inf");
    check_cell("ssth", METRIC_INFINITE, 0, &screen_style, "INT_MAX");
    check_cell("ssth", METRIC_INFINITE, 0, &number_style, "2147483647");
}

static void windows_in_bytes(void **state)
{
    const struct column *cwnd = column_of("cwnd"), *ssth = column_of("ssth");
    int64_t values[METRICS];
    char text[CELL_MAX];
    (void)state;
    nothing_there(values);
    values[METRIC_snd_mss] = 1448;
    values[METRIC_cwnd] = values[METRIC_unacked] = 10;
    values[METRIC_ssthresh] = 7;
    cell_format(cwnd, values, 0, &byte_style, text);
    assert_string_equal(text, "14480");
    cell_format(ssth, values, 0, &byte_style, text);
    assert_string_equal(text, "10136");
    cell_format(cwnd, values, 0, &screen_style, text);
    assert_string_equal(text, "10");
    cell_format(column_of("uack"), values, 0, &byte_style, text);
    assert_string_equal(text, "10"); /* no window */
    values[METRIC_ssthresh] = METRIC_INFINITE;
    cell_format(ssth, values, 0, &byte_style, text);
    assert_string_equal(text, "INT_MAX"); /* not times 1448 */
    values[METRIC_cwnd] = METRIC_ABSENT;
    cell_format(cwnd, values, 0, &byte_style, text);
    assert_string_equal(text, "nan");
}

/* ---- tallies */

static void check_tally(const char *prefix, const int64_t tally[4], const char *least,
                        const char *mean, const char *most)
{
    static const char *const kinds[] = {"min", "avg", "max"};
    const char *expected[] = {least, mean, most};
    for (int i = 0; i < 3; i++) {
        char name[16], text[CELL_MAX];
        int64_t values[METRICS];
        snprintf(name, sizeof name, "%s%s", kinds[i], prefix);
        const struct column *column = column_of(name);
        nothing_there(values);
        memcpy(&values[column->metric], tally, 4 * sizeof *tally);
        size_t length = cell_format(column, values, 0, &screen_style, text);
        assert_string_equal(text, expected[i]);
        assert_int_equal(length, strlen(text));
    }
}

static void tallies(void **state)
{
    static const char *const names[] = {"RTT", "IAT", "DLY"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        /* count, min, max, sum */
        check_tally(names[i], (int64_t[]){3, 20156000, 69706499, 139809500}, "20.156", "46.603",
                    "69.706");
        check_tally(names[i], (int64_t[]){2, 500, 1499, 1999}, "0.001", "0.001", "0.001");
        check_tally(names[i], (int64_t[]){1, 0, 0, 0}, "0.000", "0.000", "0.000");
        /* Clocks are only known so well: a delay may come out below 0. */
        check_tally(names[i], (int64_t[]){2, -1500, 400, -1100}, "-0.002", "-0.001", "0.000");
        /* Of no blocks there is nothing. */
        check_tally(names[i], (int64_t[]){0, 0, 0, 0}, "inf", "inf", "inf");
        check_tally(names[i], (int64_t[]){0, METRIC_ABSENT, METRIC_ABSENT, METRIC_ABSENT}, "inf",
                    "inf", "inf");
        check_tally(names[i], (int64_t[]){METRIC_ABSENT, 5, 5, 5}, "inf", "inf", "inf");
        /* In stream mode the mean is known, the extremes are not. */
        check_tally(names[i], (int64_t[]){4, METRIC_ABSENT, METRIC_ABSENT, 8000000}, "inf", "2.000",
                    "inf");
        check_tally(names[i], (int64_t[]){4, 1000000, 2000000, METRIC_ABSENT}, "1.000", "inf",
                    "2.000");
    }
}

/* ---- words */

static void congestion_control_states(void **state)
{
    static const char *const words[] = {"open", "disorder", "cwr", "recovery", "loss"};
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++)
        check_cell("ca_state", (int64_t)i, 0, &log_style, words[i]);
    check_cell("ca_state", 5, 0, &log_style, "unknown");
    check_cell("ca_state", -1, 0, &log_style, "unknown");
    check_cell("ca_state", INT64_MAX, 0, &screen_style, "unknown");
}

/* include/net/tcp_states.h: TCP_ESTABLISHED is 1. */
static void connection_states(void **state)
{
    static const char *const words[] = {
        "unknown",   "established", "syn_sent",   "syn_recv", "fin_wait1", "fin_wait2",
        "time_wait", "close",       "close_wait", "last_ack", "listen",    "closing",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++)
        check_cell("tcp_state", (int64_t)i, 0, &log_style, words[i]);
    check_cell("tcp_state", 12, 0, &log_style, "unknown");
    check_cell("tcp_state", -1, 0, &log_style, "unknown");
}

static void states_of_the_directions(void **state)
{
    (void)state;
    check_cell("status", 'n' << 8 | 'o', 0, &log_style, "n/o");
    check_cell("status", 'c' << 8 | 'f', 0, &screen_style, "c/f");
}

/* include/uapi/linux/tcp.h: timestamps 1, SACK 2, window scale 4, ECN 8, ECN seen 16, SYN data 32.
 */
static void options_in_use(void **state)
{
    (void)state;
    check_cell("options", 0, 0, &log_style, "-");
    check_cell("options", 1, 0, &log_style, "t");
    check_cell("options", 7, 0, &log_style, "tsw");
    check_cell("options", 8, 0, &log_style, "e");
    check_cell("options", 16, 0, &log_style, "E");
    check_cell("options", 63, 0, &screen_style, "tsweEf");
    check_cell("options", 64, 0, &log_style, "-"); /* newer than we are */
    check_cell("options", 64 | 34, 0, &log_style, "sf");
}

/* ---- units */

static void units(void **state)
{
    static const struct {
        const char *name, *plain, *mega, *byte;
    } cases[] = {
        {"through", "Mbit/s", "MiB/s", "Mbit/s"},
        {"pacing_rate", "Mbit/s", "MiB/s", "Mbit/s"},
        {"cwnd", "1", "1", "B"},
        {"ssth", "1", "1", "B"},
        {"uack", "1", "1", "1"},
        {"tx_bytes", "B", "B", "B"},
        {"rtt", "ms", "ms", "ms"},
        {"ca_state", "-", "-", "-"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct column *column = column_of(cases[i].name);
        assert_string_equal(cell_unit(column, &log_style), cases[i].plain);
        assert_string_equal(cell_unit(column, &screen_style), cases[i].plain);
        assert_string_equal(cell_unit(column, &mega_style), cases[i].mega);
        assert_string_equal(cell_unit(column, &byte_style), cases[i].byte);
    }
}

/* ---- anything */

/* Every number is within half of its last place of the exact one. long double has 64 bits, which
 * is more than these need. */
static void random_numbers_are_rounded(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        const struct column *column = &columns[random_below(columns_count)];
        int64_t values[METRICS], elapsed = 1 + (int64_t)random_below(UINT64_C(1) << 36);
        int64_t value = (int64_t)(random_bits() >> (24 + random_below(40)));
        long double exact = (long double)value, ulp = powl(10, -(long double)column->places);
        char text[CELL_MAX], *end;
        if (column->form == COLUMN_PER_S || column->form == COLUMN_BITRATE)
            exact = exact * 1e9L / (long double)elapsed;
        if (column->form == COLUMN_BITRATE || column->form == COLUMN_BITS)
            exact *= 8;
        else if (column->form != COLUMN_DELTA && column->form != COLUMN_VALUE &&
                 column->form != COLUMN_PER_S)
            continue;
        exact /= powl(10, column->power);
        nothing_there(values);
        values[column->metric] = value;
        size_t length = cell_format(column, values, elapsed, &log_style, text);
        long double shown = strtold(text, &end);
        if (*end || fabsl(shown - exact) > ulp / 2 * (1 + 1e-6L))
            fail_msg("%s of %" PRId64 " in %" PRId64 ": %s", column->name, value, elapsed, text);
        const char *point = strchr(text, '.');
        assert_int_equal(point ? strlen(point + 1) : 0, column->places);
        assert_int_equal(length, strlen(text));
    }
}

/* Whatever a daemon sends fits into a cell. */
static void random_cells_fit(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        static const int64_t extremes[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MIN + 1};
        int64_t values[METRICS];
        char text[CELL_MAX + 8];
        for (int i = 0; i < METRICS; i++)
            values[i] = random_below(2) ? extremes[random_below(COUNT(extremes))]
                                        : (int64_t)(random_bits() >> 1 >> random_below(63));
        values[METRIC_cwnd] &= 0xffffffff; /* what a kernel can say: 32 bits */
        values[METRIC_ssthresh] &= 0xffffffff;
        values[METRIC_snd_mss] &= 0xffffffff >> 1;
        values[METRIC_status] = 'a' << 8 | 'z';
        struct cell_style style = {
            .symbolic = random_below(2),
            .is_screen = random_below(2),
            .megabytes = random_below(2),
            .bytes = random_below(2),
        };
        const struct column *column = &columns[random_below(columns_count)];
        int64_t elapsed = (int64_t)random_bits() >> random_below(63);
        memset(text, '~', sizeof text);
        size_t length = cell_format(column, values, elapsed, &style, text);
        assert_true(length > 0 && length < CELL_MAX);
        assert_int_equal(strlen(text), length);
        assert_null(strpbrk(text, " \n~"));
        assert_memory_equal(text + CELL_MAX, "~~~~~~~~", 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_arithmetic_is_that_of_128_bits),
        cmocka_unit_test(absent_values_are_nan),
        cmocka_unit_test(without_time_there_is_no_rate),
        cmocka_unit_test(differences),
        cmocka_unit_test(rates_per_second),
        cmocka_unit_test(bit_rates),
        cmocka_unit_test(bit_rates_that_are_gauges),
        cmocka_unit_test(gauges),
        cmocka_unit_test(limits_have_names_on_the_screen),
        cmocka_unit_test(infinite_thresholds),
        cmocka_unit_test(windows_in_bytes),
        cmocka_unit_test(tallies),
        cmocka_unit_test(congestion_control_states),
        cmocka_unit_test(connection_states),
        cmocka_unit_test(states_of_the_directions),
        cmocka_unit_test(options_in_use),
        cmocka_unit_test(units),
        cmocka_unit_test(random_numbers_are_rounded),
        cmocka_unit_test(random_cells_fit),
    };
    seed_random();
    return cmocka_run_group_tests_name("cell", tests, NULL, NULL);
}
