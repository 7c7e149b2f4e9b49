/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/plan/startat.c: every way to write an instant, in a zone with summer time, and
 * every sentence that refuses one. */
#include "controller/plan/startat.c"

#include "mem.h"
#include "unit.h"

/* 2026-11-22 14:00:00 UTC, 15:00 in the zone of the tests. */
#define NOW (INT64_C(1795356000) * NS_PER_SEC)

static void use_zone(void)
{
    /* Central European time by its rule, as no zone files need to be here. */
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
}

static void instants_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        double seconds; /* from NOW on */
    } cases[] = {
        {"+10s", 10},
        {"+0.5", 0.5},
        {"+2min", 120},
        {"+24h", 86400},
        {"@1795356001", 1},
        {"@1795356000.25", 0.25},
        {"15:00:01", 1},
        {"15:00:00.5", 0.5},
        {"15:01", 60},
        {"15:00", 86400}, /* now is past: tomorrow */
        {"14:59:59", 86399},
        {"00:00", 9 * 3600},
        {"2026-11-22T15:00:01", 1},
        {"2026-11-22 15:30", 1800},
        {"2026-11-22T14:00:01Z", 1},
        {"2026-11-22T14:00:01.125Z", 1.125},
        {"2026-11-22T14:01Z", 60},
        {"2026-11-22T15:00:30+01:00", 30},
        {"2026-11-22T15:00:30+0100", 30},
        {"2026-11-22T10:30:30-03:30", 30},
        {"2026-11-23T15:00:00", 86400},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fail fail = {0};
        int64_t at;
        if (!startat_parse(cases[i].text, NOW, &at, &fail))
            fail_msg("%s", fail.text);
        int64_t wanted = NOW + (int64_t)(cases[i].seconds * 1e9);
        if (at != wanted)
            fail_msg("'%s' is %.3f s from now", cases[i].text, (double)(at - NOW) / 1e9);
    }
}

static int64_t instant(const char *utc)
{
    struct fail fail;
    int64_t at;
    assert_true(read_instant(utc, &at, &fail));
    return at;
}

static void assert_refused(const char *text, int64_t now, const char *sentence)
{
    struct fail fail = {0};
    int64_t at;
    if (startat_parse(text, now, &at, &fail))
        fail_msg("'%s' is taken", text);
    assert_string_equal(fail.text, sentence);
}

/* In the night to 2026-03-29 the clocks go from 2:00 to 3:00, in that to 2026-10-25 back. */
static void summer_time_begins_and_ends(void **state)
{
    int64_t at, evening = instant("2026-03-28T21:00:00Z"); /* 22:00 */
    (void)state;
    assert_true(startat_parse("01:59", evening, &at, NULL));
    assert_int_equal(at, instant("2026-03-29T00:59:00Z"));
    assert_true(startat_parse("03:00", evening, &at, NULL));
    assert_int_equal(at, instant("2026-03-29T01:00:00Z"));
    assert_refused("02:30", evening, "'02:30': this local time does not exist");
    assert_refused("2026-03-29T02:30", evening,
                   "'2026-03-29T02:30': this local time does not exist");
    /* That day has 25 hours: 21:00 comes 24 hours after 22:00 of the day before. */
    int64_t autumn = instant("2026-10-24T20:00:00Z"); /* 22:00 */
    assert_true(startat_parse("21:00", autumn, &at, NULL));
    assert_int_equal(at, instant("2026-10-25T20:00:00Z"));
}

/* Tomorrow is tomorrow's date, also where its noon is 23 or 25 hours from today's. */
static void tomorrow_over_a_clock_change(void **state)
{
    static const struct {
        const char *now, *text, *at;
    } cases[] = {
        {"2026-10-24T21:50:00Z", "23:45", "2026-10-25T22:45:00Z"}, /* 23:50: 25 hours long */
        {"2026-10-24T12:00:00Z", "13:30", "2026-10-25T12:30:00Z"},
        {"2026-10-25T00:30:00Z", "01:00", "2026-10-26T00:00:00Z"}, /* 02:30, the first of two */
        {"2026-03-28T22:50:00Z", "23:45", "2026-03-29T21:45:00Z"}, /* 23 hours */
        {"2026-03-28T12:00:00Z", "12:30", "2026-03-29T10:30:00Z"},
        {"2026-12-31T23:30:00Z", "00:15", "2027-01-01T23:15:00Z"}, /* 00:30 of the new year */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fail fail = {0};
        int64_t at;
        if (!read_today(cases[i].text, instant(cases[i].now), &at, &fail))
            fail_msg("%s", fail.text);
        if (at != instant(cases[i].at))
            fail_msg("'%s' at %s is off by %" PRId64 " s", cases[i].text, cases[i].now,
                     (at - instant(cases[i].at)) / NS_PER_SEC);
    }
}

static void what_is_past_or_far_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"+0", "'+0' was 0.000 s ago"},
        {"@1795355999.5", "'@1795355999.5' was 0.500 s ago"},
        {"2026-11-22T15:00:00", "'2026-11-22T15:00:00' was 0.000 s ago"},
        {"2026-11-22T14:59:00", "'2026-11-22T14:59:00' was 60.000 s ago"},
        {"+86401s", "'+86401s' is more than a day away"},
        {"@1795442401", "'@1795442401' is more than a day away"},
        {"2026-11-24T00:00", "'2026-11-24T00:00' is more than a day away"},
        {"9999-12-31T23:59:59", "'9999-12-31T23:59:59' is more than a day away"},
        {"+9000000000", "'+9000000000' is more than a day away"},
    };
    struct fail fail = {0};
    int64_t at;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i][0], NOW, cases[i][1]);
    assert_false(startat_parse("0001-01-01T00:00Z", NOW, &at, &fail));
    assert_non_null(strstr(fail.text, " s ago"));
}

/* Whatever is cut off or put in somewhere is refused, or an instant within a day. */
static void broken_texts_are_refused(void **state)
{
    static const char *const good[] = {"2026-11-22T15:00:01.5+01:00", "15:00:01.25", "+10s",
                                       "@1795356001", "2026-11-23 14:59Z"};
    static const char letters[] = "0123456789:-+TZ.@ sx";
    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[64] = "";
        struct fail fail = {0};
        int64_t at = 0;
        snprintf(text, sizeof text, "%s", good[random_below(COUNT(good))]);
        text[random_below(strlen(text) + 1)] = letters[random_below(sizeof letters)];
        text[sizeof text - 1] = '\0';
        if (startat_parse(text, NOW, &at, &fail))
            assert_true(at > NOW && at <= NOW + 86400 * NS_PER_SEC);
        else
            assert_true(fail.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_as_people_write_them),
        cmocka_unit_test(summer_time_begins_and_ends),
        cmocka_unit_test(tomorrow_over_a_clock_change),
        cmocka_unit_test(what_is_past_or_far_is_refused),
        cmocka_unit_test(broken_texts_are_refused),
    };
    seed_random();
    use_zone();
    return cmocka_run_group_tests_name("startat", tests, NULL, NULL);
}
