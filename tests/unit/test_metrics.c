/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the list of metrics and columns: unique names, units, and that the two fit together. */
#include "metrics.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <cmocka.h>

#include "mem.h"

static const char name_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

static bool is_one_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(text, list[i]))
            return true;
    return false;
}

static void assert_sentence(const char *name, const char *help)
{
    if (!help || strlen(help) < 10 || strchr(help, '\n') || strchr(help, '\t') ||
        strstr(help, "  ") || help[0] == ' ' || help[strlen(help) - 1] == ' ')
        fail_msg("%s: '%s' is no sentence", name, help ? help : "");
}

/* ---- metrics */

static void metrics_have_names_of_their_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < METRICS; i++) {
        const char *name = metrics[i].field;
        assert_true(*name >= 'a' && *name <= 'z');
        assert_int_equal(strspn(name, name_letters), strlen(name));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(name, metrics[j].field);
    }
}

static void metrics_have_units_and_sentences(void **state)
{
    static const char *const units[] = {"B", "ns", "us", "ms", "B/s", "ppm", "seg", "1"};
    (void)state;
    for (size_t i = 0; i < METRICS; i++) {
        if (!is_one_of(metrics[i].unit, units, COUNT(units)))
            fail_msg("%s has the unit '%s'", metrics[i].field, metrics[i].unit);
        assert_sentence(metrics[i].field, metrics[i].help);
    }
}

static bool is_slot(const struct metric_info *metric, const char *base, size_t length,
                    const char *suffix, enum metric_kind kind)
{
    return metric->kind == kind && !strncmp(metric->field, base, length) &&
           !strcmp(metric->field + length, suffix);
}

/* Who writes a tally and who reads one count on these places. */
static void tallies_have_four_slots_in_order(void **state)
{
    size_t tallies = 0;
    (void)state;
    for (size_t i = 0; i < METRICS; i++) {
        if (metrics[i].kind < METRIC_KIND_COUNT || metrics[i].kind == METRIC_KIND_PERCENTILE)
            continue;
        size_t length = strlen(metrics[i].field) - strlen("_count");
        assert_true(i + 3 < METRICS);
        assert_true(is_slot(&metrics[i], metrics[i].field, length, "_count", METRIC_KIND_COUNT));
        assert_true(is_slot(&metrics[i + 1], metrics[i].field, length, "_min", METRIC_KIND_MIN));
        assert_true(is_slot(&metrics[i + 2], metrics[i].field, length, "_max", METRIC_KIND_MAX));
        assert_true(is_slot(&metrics[i + 3], metrics[i].field, length, "_sum", METRIC_KIND_SUM));
        assert_string_equal(metrics[i].unit, "1");
        assert_string_equal(metrics[i + 1].unit, metrics[i + 2].unit);
        assert_string_equal(metrics[i + 1].unit, metrics[i + 3].unit);
        i += 3;
        tallies++;
    }
    assert_int_equal(tallies, 9);
    assert_int_equal(METRIC_iat_sum - METRIC_iat_count, 3);
}

static void series_have_four_percentiles_in_order(void **state)
{
    static const char *const suffixes[] = {"_p50", "_p90", "_p99", "_p999"};
    size_t percentiles = 0;
    (void)state;
    for (size_t i = 0; i < METRICS; i++)
        percentiles += metrics[i].kind == METRIC_KIND_PERCENTILE;
    assert_int_equal(SERIES, 9);
    assert_int_equal(percentiles, COUNT(suffixes) * SERIES);
    for (int i = 0; i < SERIES; i++) {
        const struct series_info *series = &series_list[i];
        size_t length = strlen(series->field);
        assert_true(
            is_slot(&metrics[series->count], series->field, length, "_count", METRIC_KIND_COUNT));
        for (size_t k = 0; k < COUNT(suffixes); k++) {
            assert_true(is_slot(&metrics[series->p50 + k], series->field, length, suffixes[k],
                                METRIC_KIND_PERCENTILE));
            assert_string_equal(metrics[series->p50 + k].unit, metrics[series->count + 1].unit);
        }
    }
    assert_string_equal(series_list[SERIES_delay].field, "delay");
}

static void the_enum_counts_like_the_list(void **state)
{
    (void)state;
    assert_int_equal(METRIC_tx_bytes, 0);
    assert_string_equal(metrics[METRIC_tx_bytes].field, "tx_bytes");
    assert_string_equal(metrics[METRIC_cwnd].field, "cwnd");
    assert_string_equal(metrics[METRIC_rtt_max].field, "rtt_max");
    assert_int_equal(metrics[METRIC_cwnd].kind, METRIC_KIND_GAUGE);
    assert_int_equal(metrics[METRIC_bytes_acked].kind, METRIC_KIND_COUNTER);
    assert_int_equal(metrics[METRIC_connect_time].kind, METRIC_KIND_FINAL);
}

static void kinds_have_names(void **state)
{
    static const struct {
        enum metric_kind kind;
        const char *name;
    } cases[] = {
        {METRIC_KIND_COUNTER, "counter"}, {METRIC_KIND_GAUGE, "gauge"},
        {METRIC_KIND_FINAL, "final"},     {METRIC_KIND_COUNT, "count"},
        {METRIC_KIND_MIN, "min"},         {METRIC_KIND_MAX, "max"},
        {METRIC_KIND_SUM, "sum"},         {METRIC_KIND_PERCENTILE, "percentile"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(metric_kind_name(cases[i].kind), cases[i].name);
}

static void sentinels_are_no_measurements(void **state)
{
    (void)state;
    assert_true(METRIC_ABSENT < 0);
    assert_true(METRIC_ABSENT == INT64_MIN);
    assert_true(METRIC_INFINITE == INT64_MAX);
}

/* ---- columns */

static void the_log_begins_with_the_columns_of_flowgrind(void **state)
{
    static const char *const names[] = {
        "through", "transac", "requ",     "resp",   "minRTT", "avgRTT", "maxRTT", "minIAT",
        "avgIAT",  "maxIAT",  "minDLY",   "avgDLY", "maxDLY", "cwnd",   "ssth",   "uack",
        "sack",    "lost",    "retr",     "tret",   "fack",   "reor",   "bkof",   "rtt",
        "rttvar",  "rto",     "ca_state", "smss",   "pmtu"};
    (void)state;
    assert_true(columns_count > COUNT(names));
    for (size_t i = 0; i < COUNT(names); i++)
        assert_string_equal(columns[i].name, names[i]);
}

static void columns_have_names_of_their_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < columns_count; i++) {
        const struct column *column = &columns[i];
        assert_true(*column->name != '\0');
        assert_int_equal(strspn(column->name, name_letters), strlen(column->name));
        assert_true(*column->head != '\0' && !strpbrk(column->head, "\t\n"));
        assert_sentence(column->name, column->help);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(column->name, columns[j].name);
            assert_string_not_equal(column->head, columns[j].head);
        }
    }
}

/* Names that the option -c gives another meaning. */
static void groups_are_words(void **state)
{
    static const char *const taken[] = {"all", "interval"};
    (void)state;
    for (size_t i = 0; i < columns_count; i++) {
        const char *group = columns[i].group;
        assert_true(*group != '\0');
        assert_int_equal(strspn(group, "abcdefghijklmnopqrstuvwxyz-"), strlen(group));
        assert_false(is_one_of(group, taken, COUNT(taken)));
        assert_false(is_one_of(columns[i].name, taken, COUNT(taken)));
    }
}

/* What a form needs of its metric; words have no unit and no decimals. */
static const struct {
    enum metric_kind kind;
    bool in_words;
} forms[] = {
    [COLUMN_DELTA] = {METRIC_KIND_COUNTER, false},   [COLUMN_PER_S] = {METRIC_KIND_COUNTER, false},
    [COLUMN_BITRATE] = {METRIC_KIND_COUNTER, false}, [COLUMN_VALUE] = {METRIC_KIND_GAUGE, false},
    [COLUMN_BITS] = {METRIC_KIND_GAUGE, false},      [COLUMN_MIN] = {METRIC_KIND_COUNT, false},
    [COLUMN_AVG] = {METRIC_KIND_COUNT, false},       [COLUMN_MAX] = {METRIC_KIND_COUNT, false},
    [COLUMN_CA_STATE] = {METRIC_KIND_GAUGE, true},   [COLUMN_STATUS] = {METRIC_KIND_GAUGE, true},
    [COLUMN_TCP_STATE] = {METRIC_KIND_GAUGE, true},  [COLUMN_OPTIONS] = {METRIC_KIND_GAUGE, true},
};

static void columns_show_metrics_of_their_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < columns_count; i++) {
        const struct column *column = &columns[i];
        assert_in_range(column->metric, 0, METRICS - 1);
        assert_true((size_t)column->form < COUNT(forms));
        enum metric_kind kind = metrics[column->metric].kind;
        bool is_percentile = kind == METRIC_KIND_PERCENTILE && column->form == COLUMN_VALUE;
        if (kind != forms[column->form].kind && !is_percentile)
            fail_msg("%s shows a %s", column->name, metric_kind_name(metrics[column->metric].kind));
        assert_true(column->places <= 6 && column->power <= 9);
    }
}

/* The unit that follows from the metric's, the form and the power of ten. */
static const char *natural_unit(const struct column *column)
{
    static const struct {
        const char *unit;
        unsigned power;
        const char *shown;
    } units[] = {
        {"1", 0, "1"},   {"seg", 0, "1"}, {"ppm", 6, "1"}, {"ppm", 4, "%"}, {"B", 0, "B"},
        {"ns", 6, "ms"}, {"us", 3, "ms"}, {"ms", 0, "ms"},
    };
    const struct metric_info *metric = &metrics[column->metric];
    bool tally = metric->kind == METRIC_KIND_COUNT;
    const char *unit = metrics[column->metric + (tally ? 1 : 0)].unit;
    if (forms[column->form].in_words)
        return "-";
    if (column->form == COLUMN_BITRATE || column->form == COLUMN_BITS)
        return column->power != 6                                        ? "?"
               : strcmp(unit, column->form == COLUMN_BITS ? "B/s" : "B") ? "?"
                                                                         : "Mbit/s";
    if (column->form == COLUMN_PER_S && !strcmp(unit, "ns")) /* time a time */
        return column->power == 7 ? "%" : "?";
    if (column->form == COLUMN_PER_S)
        return strcmp(unit, "1") || column->power ? "?" : "1/s";
    for (size_t i = 0; i < COUNT(units); i++)
        if (!strcmp(unit, units[i].unit) && column->power == units[i].power)
            return units[i].shown;
    return "?";
}

static void columns_have_the_unit_of_their_metric(void **state)
{
    (void)state;
    for (size_t i = 0; i < columns_count; i++)
        if (strcmp(columns[i].unit, natural_unit(&columns[i])))
            fail_msg("%s is shown in %s", columns[i].name, columns[i].unit);
}

static void columns_have_sensible_decimals(void **state)
{
    (void)state;
    for (size_t i = 0; i < columns_count; i++) {
        const struct column *column = &columns[i];
        if (forms[column->form].in_words)
            assert_int_equal(column->places + column->power, 0);
        else if (column->form != COLUMN_PER_S)
            assert_true(column->places <= column->power);
    }
}

static void what_is_measured_can_be_shown(void **state)
{
    bool shown[METRICS] = {false};
    (void)state;
    for (size_t i = 0; i < columns_count; i++)
        shown[columns[i].metric] = true;
    for (size_t i = 0; i < METRICS; i++) {
        bool is_first =
            metrics[i].kind == METRIC_KIND_COUNTER || metrics[i].kind == METRIC_KIND_GAUGE ||
            metrics[i].kind == METRIC_KIND_COUNT || metrics[i].kind == METRIC_KIND_PERCENTILE;
        if (is_first != shown[i])
            fail_msg("%s is %s", metrics[i].field, shown[i] ? "shown" : "in no column");
    }
}

static void minimum_mean_and_maximum_stand_together(void **state)
{
    size_t found = 0;
    (void)state;
    for (size_t i = 0; i < columns_count; i++) {
        if (columns[i].form != COLUMN_MIN)
            continue;
        assert_true(i + 2 < columns_count);
        assert_int_equal(columns[i + 1].form, COLUMN_AVG);
        assert_int_equal(columns[i + 2].form, COLUMN_MAX);
        assert_int_equal(columns[i + 1].metric, columns[i].metric);
        assert_int_equal(columns[i + 2].metric, columns[i].metric);
        assert_string_equal(columns[i + 1].group, columns[i].group);
        assert_string_equal(columns[i + 2].group, columns[i].group);
        found++;
    }
    assert_int_equal(found, 9);
}

/* flowgrind printed the minimum RTT as "min IAT", and counted transactions at the wrong end. */
static void well_known_columns_show_the_right_metric(void **state)
{
    static const struct {
        const char *name;
        enum column_form form;
        enum metric metric;
    } cases[] = {
        {"through", COLUMN_BITRATE, METRIC_tx_bytes},
        {"transac", COLUMN_PER_S, METRIC_rx_responses},
        {"requ", COLUMN_DELTA, METRIC_tx_requests},
        {"resp", COLUMN_DELTA, METRIC_tx_responses},
        {"minRTT", COLUMN_MIN, METRIC_rtt_count},
        {"minIAT", COLUMN_MIN, METRIC_iat_count},
        {"avgIAT", COLUMN_AVG, METRIC_iat_count},
        {"maxDLY", COLUMN_MAX, METRIC_delay_count},
        {"cwnd", COLUMN_VALUE, METRIC_cwnd},
        {"ssth", COLUMN_VALUE, METRIC_ssthresh},
        {"retr", COLUMN_VALUE, METRIC_retrans},
        {"tret", COLUMN_VALUE, METRIC_tret},
        {"rtt", COLUMN_VALUE, METRIC_srtt},
        {"ca_state", COLUMN_CA_STATE, METRIC_ca_state},
        {"pmtu", COLUMN_VALUE, METRIC_path_mtu},
        {"rx_through", COLUMN_BITRATE, METRIC_rx_bytes},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct column *column = column_find(cases[i].name, strlen(cases[i].name));
        assert_non_null(column);
        assert_int_equal(column->form, cases[i].form);
        assert_int_equal(column->metric, cases[i].metric);
    }
}

static void columns_are_found_by_their_whole_name(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        const char *name;
    } cases[] = {
        {"cwnd", 4, "cwnd"},     {"cwnd,rtt", 4, "cwnd"}, {"rttvar", 3, "rtt"},
        {"rttvar", 6, "rttvar"}, {"rttvar", 5, NULL},     {"cwnds", 5, NULL},
        {"CWND", 4, NULL},       {"", 0, NULL},           {"min RTT", 7, NULL},
        {"kernel", 6, NULL},     {"cwnd ", 5, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct column *column = column_find(cases[i].text, cases[i].length);
        if (cases[i].name)
            assert_string_equal(column ? column->name : "none", cases[i].name);
        else
            assert_null(column);
    }
    for (size_t i = 0; i < columns_count; i++)
        assert_ptr_equal(column_find(columns[i].name, strlen(columns[i].name)), &columns[i]);
}

/* A report may be false: its figures are added all the same. */
static void sums_know_what_is_absent(void **state)
{
    (void)state;
    assert_int_equal(metric_plus(2, 3), 5);
    assert_int_equal(metric_plus(METRIC_ABSENT, 3), METRIC_ABSENT);
    assert_int_equal(metric_plus(3, METRIC_ABSENT), METRIC_ABSENT);
    assert_int_equal(metric_plus(INT64_MAX, 1), METRIC_ABSENT);
    assert_int_equal(metric_plus(INT64_MIN + 1, -2), METRIC_ABSENT);
    assert_int_equal(metric_sum(2, 3), 5);
    assert_int_equal(metric_sum(METRIC_ABSENT, 3), 3);
    assert_int_equal(metric_sum(3, METRIC_ABSENT), 3);
    assert_int_equal(metric_sum(METRIC_ABSENT, METRIC_ABSENT), METRIC_ABSENT);
    assert_int_equal(metric_sum(INT64_MAX, INT64_MAX), METRIC_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_have_names_of_their_own),
        cmocka_unit_test(metrics_have_units_and_sentences),
        cmocka_unit_test(tallies_have_four_slots_in_order),
        cmocka_unit_test(series_have_four_percentiles_in_order),
        cmocka_unit_test(the_enum_counts_like_the_list),
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(sentinels_are_no_measurements),
        cmocka_unit_test(the_log_begins_with_the_columns_of_flowgrind),
        cmocka_unit_test(columns_have_names_of_their_own),
        cmocka_unit_test(groups_are_words),
        cmocka_unit_test(columns_show_metrics_of_their_kind),
        cmocka_unit_test(columns_have_the_unit_of_their_metric),
        cmocka_unit_test(sums_know_what_is_absent),
        cmocka_unit_test(columns_have_sensible_decimals),
        cmocka_unit_test(what_is_measured_can_be_shown),
        cmocka_unit_test(minimum_mean_and_maximum_stand_together),
        cmocka_unit_test(well_known_columns_show_the_right_metric),
        cmocka_unit_test(columns_are_found_by_their_whole_name),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
