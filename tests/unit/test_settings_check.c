/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests settings that belong together: the checks of a flow, and its schedule. */
#include "settings_check.c"

#include <string.h>

#include "mem.h"
#include "unit.h"

enum { ROUNDS = 20000 };

/* -D and IP_TOS are the same byte. */
static void marks_have_to_agree(void **state)
{
    static const struct {
        int64_t dscp, tos;
        const char *sentence; /* NULL: it is taken */
    } cases[] = {
        {-1, -1, NULL},
        {46, -1, NULL},
        {-1, 252, NULL},
        {0, 0, NULL},
        {46, 184, NULL},
        {46, 40, "the source's DSCP 46 (-D) is IP_TOS=184, but IP_TOS=40 is requested"},
        {0, 4, "the source's DSCP 0 (-D) is IP_TOS=0, but IP_TOS=4 is requested"},
        {-1, 1, "the source's IP_TOS=1 sets ECN bits"},
        {-1, 2, "the source's IP_TOS=2 sets ECN bits"},
        {-1, 3, "the source's IP_TOS=3 sets ECN bits"},
        {46, 187, "the source's IP_TOS=187 sets ECN bits"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint_settings ends[ENDPOINTS];
        struct flow_settings flow;
        struct fail fail = {0};
        schema_defaults(&flow_settings_schema, &flow);
        for (int end = 0; end < ENDPOINTS; end++)
            schema_defaults(&endpoint_settings_schema, &ends[end]);
        ends[SOURCE].duration = NS_PER_SEC;
        ends[SOURCE].dscp = cases[i].dscp;
        ends[SOURCE].tos = cases[i].tos;
        assert_int_equal(settings_check(ends, &flow, &fail), !cases[i].sentence);
        if (cases[i].sentence)
            assert_non_null(strstr(fail.text, cases[i].sentence));
    }
}

/* ---- checks of a whole flow */

/* A flow as a test writes it down: sizes, times in s, and choices of both ends. */
struct sketch {
    int64_t duration[ENDPOINTS], delay[ENDPOINTS];
    int64_t request[ENDPOINTS], response[ENDPOINTS], cap[ENDPOINTS], rate[ENDPOINTS];
    int framing;
    bool late_connect;
};

static void draw(const struct sketch *sketch, struct endpoint_settings ends[ENDPOINTS],
                 struct flow_settings *flow)
{
    schema_defaults(&flow_settings_schema, flow);
    flow->framing = sketch->framing;
    flow->late_connect = sketch->late_connect;
    for (int i = 0; i < ENDPOINTS; i++) {
        schema_defaults(&endpoint_settings_schema, &ends[i]);
        ends[i].duration = sketch->duration[i] * NS_PER_SEC;
        ends[i].delay = sketch->delay[i] * NS_PER_SEC;
        if (sketch->request[i])
            ends[i].request_size = dist_constant((double)sketch->request[i]);
        ends[i].response_size = dist_constant((double)sketch->response[i]);
        ends[i].block_cap = sketch->cap[i];
        ends[i].rate = sketch->rate[i];
    }
}

static void flows_that_are_good(void **state)
{
    static const struct sketch cases[] = {
        {.duration = {10, 0}},
        {.duration = {0, 10}},
        {.duration = {10, 10}, .delay = {1, 2}},
        {.duration = {10, 0}, .request = {1, 0}}, /* stream blocks may be tiny */
        {.duration = {10, 0}, .request = {40, 0}, .response = {40, 0}},
        {.duration = {10, 0}, .request = {1, 0}, .framing = FRAMING_STREAM},
        {.duration = {10, 0}, .request = {40, 0}, .framing = FRAMING_MESSAGE},
        {.duration = {10, 0}, .rate = {1000, 0}},
        {.duration = {10, 0}, .request = {0, 1}, .response = {40, 0}}, /* d sends nothing itself */
        {.duration = {10, 0}, .response = {0, 1}},
        {.duration = {10, 0}, .rate = {0, 1000}, .framing = FRAMING_STREAM},
        {.duration = {10, 0}, .request = {9000, 0}, .cap = {9000, 0}},
        {.duration = {10, 0}, .response = {9000, 0}, .cap = {9000, 0}},
        {.duration = {10, 0}, .cap = {8192, 1}},
        {.duration = {10, 10}, .delay = {2, 2}, .late_connect = true},
        {.duration = {10, 10}, .delay = {2, 3}, .late_connect = true},
        {.duration = {10, 0}, .delay = {2, 0}, .late_connect = true},
        {.duration = {0, 10}, .late_connect = true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint_settings ends[ENDPOINTS];
        struct flow_settings flow;
        struct fail fail = {0};
        draw(&cases[i], ends, &flow);
        if (!settings_check(ends, &flow, &fail))
            fail_msg("flow %zu: %s", i, fail.text);
    }
}

static void flows_that_are_refused(void **state)
{
    static const struct {
        struct sketch sketch;
        const char *sentence;
    } cases[] = {
        {{.duration = {0, 0}}, "neither endpoint sends"},
        {{.duration = {10, 0}, .delay = {0, 1}},
         "the destination has a delay (-Y) but no duration"},
        {{.duration = {0, 10}, .delay = {1, 0}}, "the source has a delay (-Y) but no duration"},
        {{.duration = {10, 10}, .delay = {2, 1}, .late_connect = true},
         "the destination would send before the source has connected"},
        {{.duration = {10, 0}, .response = {40, 0}, .framing = FRAMING_STREAM},
         "stream framing carries no headers"},
        {{.duration = {10, 0}, .rate = {1, 0}, .framing = FRAMING_STREAM},
         "stream framing carries no headers"},
        {{.duration = {10, 0}, .request = {39, 0}, .rate = {1, 0}},
         "the source's blocks (-S) have 39 bytes, but each needs a header of 40 bytes"},
        {{.duration = {10, 10}, .request = {0, 7}, .framing = FRAMING_MESSAGE},
         "the destination's blocks (-S) have 7 bytes"},
        /* One end that needs headers makes the other's blocks carry them. */
        {{.duration = {10, 10}, .request = {0, 39}, .response = {40, 0}},
         "the destination's blocks (-S) have 39 bytes"},
        {{.duration = {10, 0}, .response = {39, 0}},
         "the source requests responses of 39 bytes, but each needs a header of 40 bytes"},
        {{.duration = {0, 10}, .response = {0, 1}},
         "the destination requests responses of 1 bytes"},
        {{.duration = {10, 0}, .request = {9001, 0}, .cap = {9000, 0}},
         "the source requests blocks of 9001 bytes, above its cap of 9000 (-U)"},
        {{.duration = {10, 10}, .response = {0, 9001}, .cap = {0, 9000}},
         "the destination requests blocks of 9001 bytes, above its cap of 9000 (-U)"},
        {{.duration = {10, 0}, .request = {10000, 0}, .response = {12000, 0}, .cap = {9000, 0}},
         "blocks of 12000 bytes, above"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint_settings ends[ENDPOINTS];
        struct flow_settings flow;
        struct fail fail = {0};
        draw(&cases[i].sketch, ends, &flow);
        if (settings_check(ends, &flow, &fail) || !strstr(fail.text, cases[i].sentence))
            fail_msg("flow %zu: %s", i, fail.text);
        assert_false(settings_check(ends, &flow, NULL));
    }
}

static void kernels_pace_what_they_can(void **state)
{
    (void)state;
    for (int transport = 0; transport < TRANSPORTS; transport++) {
        for (int end = 0; end < ENDPOINTS; end++) {
            struct endpoint_settings ends[ENDPOINTS];
            struct flow_settings flow;
            struct fail fail = {0};
            struct sketch sketch = {0};
            sketch.duration[end] = 10;
            sketch.rate[end] = 1000;
            draw(&sketch, ends, &flow);
            flow.transport = transport;
            assert_true(settings_check(ends, &flow, &fail));
            ends[end].kernel_pacing = 1;
            assert_int_equal(settings_check(ends, &flow, &fail), transport == TRANSPORT_TCP);
            if (transport == TRANSPORT_TCP)
                continue;
            assert_memory_equal(fail.text + 4, endpoint_name(end), strlen(endpoint_name(end)));
            if (transport == TRANSPORT_UDP) {
                assert_non_null(strstr(fail.text, "'s --pacing does not apply to UDP"));
                continue;
            }
            assert_non_null(strstr(
                fail.text, "'s rate can't be paced by the kernel (--pacing): Linux does not pace "
                           "Multipath TCP connections; omit --pacing"));
        }
    }
}

/* Whether an end sends or not: its sizes are checked. */
static void sizes_of_both_ends_are_checked(void **state)
{
    static const struct {
        struct dist request, response;
        const char *sentence; /* NULL: they are taken */
    } cases[] = {
        {{DIST_CONSTANT, 1, 0}, {DIST_CONSTANT, 0, 0}, NULL},
        {{DIST_EXPONENTIAL, 0.5, 0}, {DIST_EMPIRICAL, 0, 0}, NULL},
        {{DIST_UNIFORM, 0, 1 << 30}, {DIST_NORMAL, 0, 0}, NULL},
        {{DIST_CONSTANT, 99.5, 0}, {DIST_CONSTANT, 0, 0}, "sizes are not whole numbers of bytes"},
        {{DIST_CONSTANT, 99, 0}, {DIST_CONSTANT, 0.5, 0}, "sizes are not whole numbers of bytes"},
        {{DIST_CONSTANT, (1 << 30) + 1, 0}, {DIST_CONSTANT, 0, 0}, "sizes are above 1073741824"},
        {{DIST_CONSTANT, 99, 0}, {DIST_UNIFORM, 0, 1e300}, "sizes are above 1073741824 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int end = 0; end < ENDPOINTS; end++) {
            struct endpoint_settings ends[ENDPOINTS];
            struct flow_settings flow;
            struct fail fail = {0};
            draw(&(struct sketch){.duration = {end == SOURCE, end == DESTINATION}}, ends, &flow);
            for (int other = 0; other < ENDPOINTS; other++) {
                struct endpoint_settings both[ENDPOINTS] = {ends[SOURCE], ends[DESTINATION]};
                both[other].request_size = cases[i].request;
                both[other].response_size = cases[i].response;
                if (settings_check(both, &flow, &fail) != !cases[i].sentence)
                    fail_msg("sizes %zu of the %s: %s", i, endpoint_name(other), fail.text);
                if (cases[i].sentence)
                    assert_non_null(strstr(fail.text, cases[i].sentence));
            }
        }
    }
}

/* A size may be divided by, and is cast, whatever the settings are. */
static void sizes_stay_within_their_bounds(void **state)
{
    static const double values[] = {NAN,    -INFINITY, -1e300, -1,    0,
                                    1e-320, 0.4,       1e10,   1e300, INFINITY};
    (void)state;
    for (int kind = DIST_CONSTANT; kind <= DIST_EMPIRICAL; kind++) {
        for (size_t i = 0; i < COUNT(values); i++) {
            struct endpoint_settings end;
            schema_defaults(&endpoint_settings_schema, &end);
            end.request_size = end.response_size = (struct dist){kind, values[i], values[i]};
            int64_t most = kind == DIST_CONSTANT && values[i] >= 1e10 ? SETTINGS_SIZE_LIMIT : 0;
            assert_int_equal(settings_block_size(&end), most ? most : 1);
            assert_int_equal(settings_response_size(&end), most);
            assert_in_range(settings_block_cap(&end), DEFAULT_CAP, SETTINGS_SIZE_LIMIT);
        }
    }
}

static void what_needs_headers(void **state)
{
    static const struct {
        struct sketch sketch;
        bool messages;
    } cases[] = {
        {{.duration = {10, 10}}, false},
        {{.duration = {10, 10}, .framing = FRAMING_STREAM}, false},
        {{.duration = {10, 10}, .framing = FRAMING_MESSAGE}, true},
        {{.duration = {10, 0}, .response = {40, 0}}, true},
        {{.duration = {0, 10}, .response = {0, 40}}, true},
        {{.duration = {0, 10}, .response = {40, 0}}, false}, /* who does not send asks nothing */
        {{.duration = {10, 0}, .rate = {1, 0}}, true},
        {{.duration = {10, 1}, .rate = {0, 1}}, true},
        {{.duration = {10, 0}, .rate = {0, 1}}, false},
        {{.duration = {10, 0}, .request = {40, 0}}, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint_settings ends[ENDPOINTS];
        struct flow_settings flow;
        draw(&cases[i].sketch, ends, &flow);
        if (settings_need_messages(ends, &flow) != cases[i].messages)
            fail_msg("flow %zu", i);
    }
}

static void varying_sizes_need_headers(void **state)
{
    struct endpoint_settings ends[ENDPOINTS];
    struct flow_settings flow;
    (void)state;
    draw(&(struct sketch){.duration = {10, 0}}, ends, &flow);
    ends[SOURCE].request_size.kind = DIST_CONSTANT + 1;
    assert_true(settings_need_messages(ends, &flow));
    draw(&(struct sketch){.duration = {10, 0}}, ends, &flow);
    ends[SOURCE].response_size.kind = DIST_CONSTANT + 1;
    assert_true(settings_ask_responses(&ends[SOURCE]));
    assert_false(settings_ask_responses(&ends[DESTINATION]));
    assert_true(settings_need_messages(ends, &flow));
}

/* Only what flowd itself sends by the clock is due at an instant. */
static void what_is_paced(void **state)
{
    static const struct {
        int64_t duration, rate, kernel_pacing;
        double gap;
        bool paced;
    } cases[] = {
        {10, 0, 0, 0, false},  {10, 1000, 0, 0, true},   {10, 1000, 1, 0, false},
        {10, 0, 0, 0.5, true}, {10, 1000, 1, 0.5, true}, {0, 1000, 0, 0, false},
        {0, 0, 0, 0.5, false}, {10, 0, 1, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint_settings end;
        schema_defaults(&endpoint_settings_schema, &end);
        end.duration = cases[i].duration * NS_PER_SEC;
        end.rate = cases[i].rate;
        end.kernel_pacing = cases[i].kernel_pacing;
        end.gap = dist_constant(cases[i].gap);
        if (settings_are_paced(&end) != cases[i].paced)
            fail_msg("case %zu", i);
    }
}

/* ---- the schedule, in s */

static void schedules(void **state)
{
    static const struct {
        struct sketch sketch;
        struct flow_schedule expected;
    } cases[] = {
        {{.duration = {10, 0}},
         {.start = {0, 0}, .stop = {10, 0}, .from = {0, 0}, .to = {10, 0}, .end = 10}},
        {{.duration = {10, 0}, .delay = {3, 0}},
         {.start = {3, 0}, .stop = {13, 0}, .from = {3, 0}, .to = {13, 0}, .end = 13}},
        {{.duration = {10, 2}, .delay = {3, 20}},
         {.start = {3, 20}, .stop = {13, 22}, .from = {3, 20}, .to = {13, 22}, .end = 22}},
        /* Responses: their sender is counted while its peer asks. */
        {{.duration = {10, 0}, .delay = {3, 0}, .response = {40, 0}},
         {.start = {3, 0}, .stop = {13, 0}, .from = {3, 3}, .to = {13, 13}, .end = 13}},
        {{.duration = {0, 10}, .delay = {0, 3}, .response = {0, 40}},
         {.start = {0, 3}, .stop = {0, 13}, .from = {3, 3}, .to = {13, 13}, .end = 13}},
        /* ... and while it sends of its own accord. */
        {{.duration = {10, 2}, .delay = {3, 1}, .response = {40, 0}},
         {.start = {3, 1}, .stop = {13, 3}, .from = {3, 1}, .to = {13, 13}, .end = 13}},
        {{.duration = {2, 20}, .delay = {3, 1}, .response = {40, 0}},
         {.start = {3, 1}, .stop = {5, 21}, .from = {3, 1}, .to = {5, 21}, .end = 21}},
        {{.duration = {2, 3}, .delay = {1, 7}, .response = {40, 40}},
         {.start = {1, 7}, .stop = {3, 10}, .from = {1, 1}, .to = {10, 10}, .end = 10}},
        /* Who has no duration asks nothing. */
        {{.duration = {10, 0}, .response = {0, 40}},
         {.start = {0, 0}, .stop = {10, 0}, .from = {0, 0}, .to = {10, 0}, .end = 10}},
        {{.duration = {0, 0}}, {.end = 0}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct flow_schedule *expected = &cases[i].expected;
        struct endpoint_settings ends[ENDPOINTS];
        struct flow_settings flow;
        draw(&cases[i].sketch, ends, &flow);
        struct flow_schedule schedule = settings_schedule(ends);
        for (int end = 0; end < ENDPOINTS; end++) {
            assert_int_equal(schedule.start[end], expected->start[end] * NS_PER_SEC);
            assert_int_equal(schedule.stop[end], expected->stop[end] * NS_PER_SEC);
            assert_int_equal(schedule.from[end], expected->from[end] * NS_PER_SEC);
            assert_int_equal(schedule.to[end], expected->to[end] * NS_PER_SEC);
        }
        assert_int_equal(schedule.end, expected->end * NS_PER_SEC);
    }
}

static int64_t least(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* An end is counted from its first to its last instant in which it or who asks it sends. */
static void random_schedules_cover_what_is_sent(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct sketch sketch = {0};
        struct endpoint_settings ends[ENDPOINTS];
        struct flow_settings flow;
        for (int i = 0; i < ENDPOINTS; i++) {
            sketch.duration[i] = (int64_t)random_below(4);
            sketch.delay[i] = sketch.duration[i] ? (int64_t)random_below(5) : 0;
            sketch.response[i] = random_below(2) ? 40 : 0;
        }
        draw(&sketch, ends, &flow);
        struct flow_schedule schedule = settings_schedule(ends);
        for (int i = 0; i < ENDPOINTS; i++) {
            int64_t from = INT64_MAX, to = 0;
            for (int by = 0; by < ENDPOINTS; by++) {
                if (!sketch.duration[by] || (by != i && !sketch.response[by]))
                    continue;
                from = least(from, sketch.delay[by]);
                to = -least(-to, -sketch.delay[by] - sketch.duration[by]);
            }
            assert_int_equal(schedule.from[i], (to ? from : 0) * NS_PER_SEC);
            assert_int_equal(schedule.to[i], to * NS_PER_SEC);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_have_to_agree),
        cmocka_unit_test(flows_that_are_good),
        cmocka_unit_test(flows_that_are_refused),
        cmocka_unit_test(kernels_pace_what_they_can),
        cmocka_unit_test(sizes_of_both_ends_are_checked),
        cmocka_unit_test(sizes_stay_within_their_bounds),
        cmocka_unit_test(what_needs_headers),
        cmocka_unit_test(varying_sizes_need_headers),
        cmocka_unit_test(what_is_paced),
        cmocka_unit_test(schedules),
        cmocka_unit_test(random_schedules_cover_what_is_sent),
    };
    seed_random();
    return cmocka_run_group_tests_name("settings_check", tests, NULL, NULL);
}
