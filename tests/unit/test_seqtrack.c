/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests what sequence numbers tell against a model that looks at all arrivals at once. */
#include "../../daemon/flow/seqtrack.c"

#include "unit.h"

enum { MOST = 3000 };

/* What has come: numbers, and times. */
struct arrivals {
    uint64_t number[MOST];
    int64_t at[MOST];
    int count;
};

/* The same figures by their definitions. */
static struct seqtrack model(const struct arrivals *all, struct seqtrack_runs *runs, uint64_t end)
{
    struct seqtrack figures = {.received = all->count};
    static struct arrivals distinct;
    distinct.count = 0;
    for (int i = 0; i < all->count; i++) {
        bool again = false;
        for (int k = 0; k < distinct.count; k++)
            again |= distinct.number[k] == all->number[i];
        figures.duplicates += again;
        if (again)
            continue;
        distinct.number[distinct.count] = all->number[i];
        distinct.at[distinct.count++] = all->at[i];
    }
    for (int i = 0; i < distinct.count; i++) {
        uint64_t number = distinct.number[i];
        int first = 0, higher = 0;
        figures.next = number >= figures.next ? number + 1 : figures.next;
        while (distinct.number[first] <= number && first < i)
            first++;
        if (first == i)
            continue;
        figures.reordered++;
        for (int k = i - 1; k >= 0 && distinct.number[k] > number; k--)
            higher++;
        figures.reordered_n += higher >= SEQTRACK_N;
        if (i - first > figures.extent_max)
            figures.extent_max = i - first;
        if (distinct.at[i] - distinct.at[first] > figures.late_max)
            figures.late_max = distinct.at[i] - distinct.at[first];
    }
    figures.distinct = distinct.count;
    figures.missing = (int64_t)figures.next - distinct.count;
    *runs = (struct seqtrack_runs){0};
    for (uint64_t number = 0; number < (end > figures.next ? end : figures.next); number++) {
        bool here = false;
        for (int k = 0; k < distinct.count; k++)
            here |= distinct.number[k] == number;
        if (here)
            end_run(runs);
        else
            runs->open++;
    }
    end_run(runs);
    return figures;
}

static void assert_as_model(const struct arrivals *all, uint64_t end)
{
    struct seqtrack track = {0};
    struct seqtrack_runs expected_runs, runs;
    struct seqtrack expected = model(all, &expected_runs, end);
    for (int i = 0; i < all->count; i++)
        seqtrack_take(&track, all->number[i], all->at[i]);
    runs = seqtrack_runs(&track, end);
    assert_int_equal(track.received, expected.received);
    assert_int_equal(track.distinct, expected.distinct);
    assert_int_equal(track.duplicates, expected.duplicates);
    assert_int_equal(track.next, expected.next);
    assert_int_equal(track.missing, expected.missing);
    assert_int_equal(track.reordered, expected.reordered);
    assert_int_equal(track.reordered_n, expected.reordered_n);
    assert_int_equal(track.extent_max, expected.extent_max);
    assert_int_equal(track.late_max, expected.late_max);
    assert_int_equal(track.old, 0);
    assert_int_equal(runs.count, expected_runs.count);
    assert_int_equal(runs.longest, expected_runs.longest);
    seqtrack_free(&track);
}

static void random_networks_are_told_as_they_are(void **state)
{
    static struct arrivals all;
    (void)state;
    for (int round = 0; round < 60; round++) {
        int loss = (int)random_below(30), doubled = (int)random_below(20);
        int held = (int)random_below(30), count = 1 + (int)random_below(600);
        all.count = 0;
        for (int i = 0; i < count; i++) {
            if ((int)random_below(100) < loss)
                continue;
            int copies = 1 + ((int)random_below(100) < doubled);
            for (int copy = 0; copy < copies; copy++) {
                all.number[all.count] = (uint64_t)i;
                all.at[all.count] = 1000 * i;
                all.count++;
            }
        }
        for (int i = 0; i + 1 < all.count; i++) {
            int with = i + 1 + (int)random_below(10);
            if ((int)random_below(100) >= held || with >= all.count)
                continue;
            uint64_t number = all.number[i];
            all.number[i] = all.number[with];
            all.number[with] = number;
        }
        assert_as_model(&all, (uint64_t)count);
    }
}

static void each_pattern_has_its_figures(void **state)
{
    (void)state;
    assert_as_model(&(struct arrivals){.number = {0, 1, 2, 3}, .count = 4}, 4);
    assert_as_model(&(struct arrivals){.number = {0, 2, 3, 4, 1}, .count = 5}, 9);
    assert_as_model(&(struct arrivals){.number = {5}, .count = 1}, 0);
    assert_as_model(&(struct arrivals){.number = {3, 2, 1, 0}, .at = {1, 2, 3, 9}, .count = 4}, 4);
    assert_as_model(&(struct arrivals){.number = {0, 0, 2, 2, 1, 1}, .count = 6}, 3);
}

/* Exact as far as the window reaches, and not a number farther. */
static void the_window_has_its_size(void **state)
{
    struct seqtrack track = {0};
    (void)state;
    seqtrack_take(&track, 0, 0);
    seqtrack_take(&track, 63 + SEQTRACK_WINDOW, 0);
    assert_int_equal(seqtrack_take(&track, 1, 0), SEQTRACK_REORDERED);
    assert_int_equal(seqtrack_take(&track, 1, 0), SEQTRACK_DUPLICATE);
    seqtrack_take(&track, 64 + SEQTRACK_WINDOW, 0);
    assert_int_equal(seqtrack_take(&track, 2, 0), SEQTRACK_OLD);
    assert_int_equal(seqtrack_take(&track, 64, 0), SEQTRACK_REORDERED);
    assert_int_equal(track.old, 1);
    assert_int_equal(track.distinct + track.missing, track.next);
    seqtrack_free(&track);
}

/* What leaves the window is settled, and nothing is counted twice. */
static void long_flows_and_jumps_are_settled(void **state)
{
    struct seqtrack track = {0};
    (void)state;
    for (uint64_t number = 0; number < 5 * SEQTRACK_WINDOW; number++)
        if (number % 1000 < 990)
            seqtrack_take(&track, number, 0);
    struct seqtrack_runs runs = seqtrack_runs(&track, 5 * SEQTRACK_WINDOW);
    assert_int_equal(runs.count, 5 * SEQTRACK_WINDOW / 1000);
    assert_int_equal(runs.longest, 10);
    uint64_t far = UINT64_C(1) << 61;
    seqtrack_take(&track, far, 0);
    runs = seqtrack_runs(&track, 0);
    assert_int_equal(runs.count, 5 * SEQTRACK_WINDOW / 1000 + 1);
    assert_int_equal(runs.longest, (int64_t)(far - 5 * SEQTRACK_WINDOW));
    assert_int_equal(track.distinct + track.missing, track.next);
    seqtrack_free(&track);
}

/* A gap takes memory of its flow's account, and is refused where there is none left. */
static void gaps_are_charged(void **state)
{
    struct budget budget = {.limit = 10000};
    struct account account = {.budget = &budget};
    struct seqtrack track = {.account = &account};
    (void)state;
    for (uint64_t number = 0; number < 4000 && !account.refused; number++)
        seqtrack_take(&track, 2 * number + 1, 0);
    assert_true(account.refused);
    assert_true(account.taken > 0 && account.taken <= 10000);
    seqtrack_take(&track, 2, 0);
    seqtrack_free(&track);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_networks_are_told_as_they_are),
        cmocka_unit_test(each_pattern_has_its_figures),
        cmocka_unit_test(the_window_has_its_size),
        cmocka_unit_test(long_flows_and_jumps_are_settled),
        cmocka_unit_test(gaps_are_charged),
    };
    seed_random();
    return cmocka_run_group_tests_name("seqtrack", tests, NULL, NULL);
}
