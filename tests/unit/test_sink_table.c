/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/sink_table.c and table_columns.c: the rows of a terminal's table, which
 * columns fit, and what stands where nothing is known. */
#include "controller/output/sink_table.c"
#include "controller/output/table_columns.c"

#include "unit.h"

static struct table table;
static struct output_options options;

static int set_up(void **state)
{
    (void)state;
    options = (struct output_options){0};
    table =
        (struct table){.options = &options, .terminal = {.width = 80, .height = 24}, .rows = -1};
    table.kinds = TABLE_OF_ALL | TABLE_OF_STREAMS;
    table.sorted = mem_new(2000, sizeof *table.sorted);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(table.sorted);
    buffer_free(&table.out);
    return 0;
}

static const struct window_row full_row = {
    .goodput = 123456789,
    .cwnd = 10,
    .srtt = 12345,
    .min_rtt = 10001,
    .unacked = 7,
    .retransmitted = 3,
    .delivery_rate = 99e6,
    .block_rtt = {.count = 4, .minimum = 1000000, .maximum = 9000000, .sum = 20000000},
};

static const struct window_row empty_row = {
    .goodput = NAN,
    .cwnd = METRIC_ABSENT,
    .srtt = METRIC_ABSENT,
    .min_rtt = METRIC_ABSENT,
    .unacked = METRIC_ABSENT,
    .retransmitted = METRIC_ABSENT,
    .delivery_rate = NAN,
};

/* What was written since the last time. */
static char *written(void)
{
    char *text = mem_printf("%.*s", (int)table.out.length, table.out.data);
    table.out.length = 0;
    return text;
}

static void check(const char *expected)
{
    char *text = written();
    assert_string_equal(text, expected);
    free(text);
}

static void show(const struct window_row *rows, size_t count, int64_t ms)
{
    put_window(&table, rows, count, ms * NS_PER_MS);
}

static void eighty_columns(void **state)
{
    (void)state;
    show(&full_row, 1, 1000);
    check("   time     flow    goodput      cwnd     srtt   retrans  min RTT  in flight\n"
          "      s              Mbit/s  segments       ms  segments       ms   segments\n"
          "    1.0        0      123.5        10    12.35         3    10.00          7\n");
    put_left_out(&table);
    check("not shown: delivery\n");
}

static void with_responses_others_go(void **state)
{
    (void)state;
    table.kinds |= TABLE_OF_BLOCKS;
    show(&full_row, 1, 1000);
    check("   time     flow    goodput      cwnd     srtt   retrans  block RTT  min RTT\n"
          "      s              Mbit/s  segments       ms  segments    ms mean       ms\n"
          "    1.0        0      123.5        10    12.35         3      5.000    10.00\n");
    put_left_out(&table);
    check("not shown: block RTT, in flight, delivery\n");
}

static void wide_terminals_have_all(void **state)
{
    static const int widths[] = {120, 200};
    (void)state;
    for (size_t i = 0; i < COUNT(widths); i++) {
        table.kinds |= TABLE_OF_BLOCKS;
        table.rows = -1;
        table.terminal.width = widths[i];
        show(&full_row, 1, 1000);
        check("   time     flow    goodput      cwnd     srtt   retrans  block RTT  block RTT  "
              "min RTT  in flight   delivery\n"
              "      s              Mbit/s  segments       ms  segments    ms mean     ms max"
              "       ms   segments     Mbit/s\n"
              "    1.0        0      123.5        10    12.35         3      5.000      9.000"
              "    10.00          7      99.00\n");
        put_left_out(&table);
        check("");
    }
}

static void datagrams_have_columns_of_their_own(void **state)
{
    struct window_row row = full_row;
    (void)state;
    table.kinds = TABLE_OF_ALL | TABLE_OF_DATAGRAMS;
    row.lost = 5;
    row.distinct = 95;
    row.jitter = 250000;
    show(&row, 1, 1000);
    check("   time     flow    goodput      lost     loss   jitter\n"
          "      s              Mbit/s   datagr.        %       ms\n"
          "    1.0        0      123.5         5    5.000    0.250\n");
    row.lost = row.jitter = METRIC_ABSENT;
    show(&row, 1, 2000);
    check("    2.0        0      123.5         -        -        -\n");
}

/* Columns go by rank, all of one rank together, and those of the first rank stay. */
static void columns_are_dropped_by_priority(void **state)
{
    (void)state;
    for (int width = 0; width < 160; width++) {
        for (unsigned kinds = TABLE_OF_ALL; kinds < 32; kinds += 2) {
            int rank = table_fitting_rank(width, kinds), used = TABLE_TIME_WIDTH, next = used;
            for (int i = 0; i < TABLE_COLUMNS; i++) {
                const struct table_column *column = &table_columns[i];
                bool applies = column->of & kinds;
                assert_int_equal(table_column_shown(column, rank, kinds),
                                 applies && (column->rank <= rank || column->rank == 1));
                used += applies && column->rank <= rank ? TABLE_GAP + column->width : 0;
                next += applies && column->rank <= rank + 1 ? TABLE_GAP + column->width : 0;
            }
            assert_true(used <= width || rank < 1);
            assert_true(next > width || rank == RANKS - 1);
        }
    }
}

static void what_is_not_known_is_a_dash(void **state)
{
    (void)state;
    table.terminal.width = 200;
    table.kinds |= TABLE_OF_BLOCKS;
    show(&empty_row, 1, 500);
    check(
        "   time     flow    goodput      cwnd     srtt   retrans  block RTT  block RTT  min RTT  "
        "in flight   delivery\n"
        "      s               bit/s  segments       ms  segments    ms mean     ms max       ms   "
        "segments      bit/s\n"
        "    0.5        0          -         -        -         -          -          -        -   "
        "       -          -\n");
    /* no unit was known: the next row has a head of its own, with the real one */
    show(&full_row, 1, 1000);
    char *text = written();
    assert_non_null(strstr(text, "Mbit/s"));
    assert_int_equal(table.rows, 1);
    free(text);
}

static void the_unit_is_that_of_the_first_window(void **state)
{
    struct window_row row = full_row;
    (void)state;
    show(&row, 1, 1000);
    free(written());
    row.goodput = 5e9; /* the unit stays, so that rows can be compared */
    row.flow = 12;
    row.two_way = true;
    row.sender = DESTINATION;
    show(&row, 1, 2000);
    check("    2.0     12 <       5000        10    12.35         3    10.00          7\n");
    row.sender = SOURCE;
    row.goodput = 0;
    show(&row, 1, 3000);
    check("    3.0     12 >          0        10    12.35         3    10.00          7\n");
}

static void rates_have_units_of_their_size(void **state)
{
    static const struct {
        double rate;
        bool megabytes;
        const char *unit, *figure;
    } cases[] = {
        {999, false, " bit/s", "999.0"},
        {123456, false, "kbit/s", "123.5"},
        {9.4e6, false, "kbit/s", "9400"}, /* four digits before the point */
        {94e6, false, "Mbit/s", "94.00"},
        {4.2e10, false, "Gbit/s", "42.00"},
        {8.0 * 3 * (1 << 20), true, "MiB/s", "3.000"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct window_row row = full_row;
        row.goodput = cases[i].rate;
        options.megabytes = cases[i].megabytes;
        table.unit = NULL;
        table.rows = -1;
        show(&row, 1, 1000);
        char *text = written();
        if (!strstr(text, cases[i].unit) || !strstr(text, cases[i].figure))
            fail_msg("%s or %s is not in\n%s", cases[i].unit, cases[i].figure, text);
        free(text);
    }
}

static void the_head_comes_again_with_each_page(void **state)
{
    int heads = 0;
    (void)state;
    for (int i = 1; i <= 50; i++) {
        show(&full_row, 1, 1000 * i);
        char *text = written();
        heads += strstr(text, "goodput") != NULL;
        free(text);
    }
    assert_int_equal(heads, 3); /* 21 rows between two heads, of 24 lines */
    table.terminal.height = 5;  /* but never fewer than ROWS_LEAST */
    table.rows = -1;
    heads = 0;
    for (int i = 1; i <= 20; i++) {
        show(&full_row, 1, 1000 * i);
        char *text = written();
        heads += strstr(text, "goodput") != NULL;
        free(text);
    }
    assert_int_equal(heads, 2);
}

static void many_flows_share_a_row(void **state)
{
    struct window_row rows[5];
    (void)state;
    table.together = true;
    for (int i = 0; i < 5; i++) {
        rows[i] = full_row;
        rows[i].goodput = 1e6 * (i + 1);
        rows[i].srtt = 1000 * (10 - i);
        rows[i].retransmitted = i;
    }
    rows[4] = empty_row; /* of this one nothing is known yet */
    show(rows, 5, 1000);
    check("   time   flows       sum       min    median       max   retrans      srtt\n"
          "      s            Mbit/s    Mbit/s    Mbit/s    Mbit/s  segments        ms\n"
          "    1.0       4     10.00     1.000     2.500     4.000         6     8.500\n");
    rows[3] = rows[2] = rows[1] = rows[0] = empty_row;
    show(rows, 5, 2000);
    check("    2.0       0         -         -         -         -         -         -\n");
}

static void a_silent_beginning_decides_no_unit(void **state)
{
    struct window_row rows[2] = {full_row, full_row};
    (void)state;
    table.together = true;
    rows[0].goodput = rows[1].goodput = 0;
    show(rows, 2, 1000);
    free(written());
    assert_null(table.unit);
    rows[0].goodput = 600e6;
    rows[1].goodput = 9.5e9;
    show(rows, 2, 2000);
    char *text = written();
    assert_non_null(strstr(text, "Gbit/s")); /* of the sum */
    assert_non_null(strstr(text, "10.10"));
    free(text);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(eighty_columns),
        CASE(with_responses_others_go),
        CASE(wide_terminals_have_all),
        CASE(datagrams_have_columns_of_their_own),
        CASE(columns_are_dropped_by_priority),
        CASE(what_is_not_known_is_a_dash),
        CASE(the_unit_is_that_of_the_first_window),
        CASE(rates_have_units_of_their_size),
        CASE(the_head_comes_again_with_each_page),
        CASE(many_flows_share_a_row),
        CASE(a_silent_beginning_decides_no_unit),
    };
    return cmocka_run_group_tests_name("sink_table", tests, NULL, NULL);
}
