/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/peerclock.c: the newest map is seen, and never half of one. */
#include "daemon/flow/peerclock.c"

#include "unit.h"

static void nothing_is_known_at_first(void **state)
{
    struct peerclock_view view = {0};
    struct peerclock *clock = peerclock_new();
    (void)state;
    assert_false(peerclock_view(NULL, &view));
    assert_false(peerclock_view(clock, &view));
    peerclock_free(clock);
    peerclock_free(NULL);
}

static void the_newest_map_counts(void **state)
{
    static const struct {
        int64_t reference, offset, seen;
    } steps[] = {
        {10, 1, 1}, {20, 2, 2}, {15, 3, 2}, {20, 4, 2}, {INT64_MIN, 5, 2}, {INT64_MAX, 6, 6},
    };
    struct peerclock_view view = {0};
    struct peerclock *clock = peerclock_new();
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        peerclock_set(
            clock, &(struct clock_map){.reference = steps[i].reference, .offset = steps[i].offset});
        assert_true(peerclock_view(clock, &view));
        assert_int_equal(view.map.offset, steps[i].seen);
    }
    peerclock_free(clock);
}

/* The first map counts whatever its reference, as that of a clock to itself, which is 0. */
static void any_first_map_is_taken(void **state)
{
    struct peerclock_view view = {0};
    struct peerclock *clock = peerclock_new();
    (void)state;
    peerclock_set(clock, &(struct clock_map){.reference = INT64_MIN, .bound = 7});
    assert_true(peerclock_view(clock, &view));
    assert_int_equal(view.map.bound, 7);
    peerclock_free(clock);
}

enum { CHANGES = 100000 };

static void *change(void *clock)
{
    for (int64_t i = 1; i <= CHANGES; i++)
        peerclock_set(clock, &(struct clock_map){i, -i, 2 * i, 3 * i, 4 * i});
    return NULL;
}

static void a_reader_never_sees_half_a_map(void **state)
{
    struct peerclock_view view = {0};
    struct peerclock *clock = peerclock_new();
    pthread_t thread;
    int64_t last = 0;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, change, clock), 0);
    while (last < CHANGES) {
        if (!peerclock_view(clock, &view))
            continue;
        int64_t now = view.map.reference;
        assert_true(now >= last);
        assert_true(view.map.offset == -now && view.map.rate_ppb == 2 * now &&
                    view.map.bound == 3 * now && view.map.bound_ppb == 4 * now);
        last = now;
    }
    pthread_join(thread, NULL);
    peerclock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_at_first),
        cmocka_unit_test(the_newest_map_counts),
        cmocka_unit_test(any_first_map_is_taken),
        cmocka_unit_test(a_reader_never_sees_half_a_map),
    };
    return cmocka_run_group_tests_name("peerclock", tests, NULL, NULL);
}
