/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/flow/pacer.c: rates are exact in the long run, and only so much lateness is made up
 * for.
 */
#include "daemon/flow/pacer.c"

#include "mem.h"
#include "unit.h"

#define START INT64_C(123456789012345) /* some time after boot */

/* How long `bytes` take at `rate`, to the nearest ns. */
static int64_t time_of(__int128 bytes, int64_t rate)
{
    return (int64_t)((2 * bytes * 8 * NS_PER_SEC + rate) / (2 * (__int128)rate));
}

/* Takes a block as soon as it is due. */
static int64_t take_when_due(struct pacer *pacer, int64_t bytes)
{
    int64_t due = pacer_due(pacer);
    pacer_take(pacer, bytes, 0, due);
    return due;
}

static void test_first_block_is_due_at_once(void **state)
{
    (void)state;
    struct pacer pacer;
    pacer_start(&pacer, 10000000, START);
    assert_int_equal(pacer_due(&pacer), START);
    assert_int_equal(pacer.lost, 0);
}

static void test_without_rate_all_is_due(void **state)
{
    (void)state;
    struct pacer pacer;
    pacer_start(&pacer, 0, START);
    for (int64_t now = START; now < START + 100 * NS_PER_SEC; now += NS_PER_SEC) {
        assert_int_equal(pacer_due(&pacer), START);
        pacer_take(&pacer, 1 << 30, 0, now);
    }
    assert_int_equal(pacer.lost, 0); /* nothing was promised */
    pacer_return(&pacer, 1 << 30, 0);
    assert_int_equal(pacer_due(&pacer), START);
}

static const int64_t rates[] = {
    1,
    7,
    1000,
    333333,
    9999991,
    10000000,
    10485760, /* flowgrind's 10M */
    123456789,
    INT64_C(1000000000),
    INT64_C(40000000001),
    INT64_C(400000000000),
    INT64_C(1000000000000000), /* the largest that an option gives */
};

static const int64_t sizes[] = {1, 40, 41, 1000, 1447, 8191, 8192, 65537, 1 << 20, 1 << 30};

static void check_exact(int64_t rate, int64_t size)
{
    struct pacer pacer;
    __int128 sent = 0;
    pacer_start(&pacer, rate, START);
    for (int i = 0; i < 20000; i++) {
        if ((sent + size) * 8 * NS_PER_SEC / rate > INT64_MAX / 4)
            return; /* in hundreds of years */
        assert_int_equal(take_when_due(&pacer, size) - START, time_of(sent, rate));
        sent += size;
    }
    assert_int_equal(pacer.lost, 0);
}

/* Not a nanosecond is lost to rounding, however many blocks there are. */
static void test_exact_in_the_long_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rates); i++)
        for (size_t k = 0; k < COUNT(sizes); k++)
            check_exact(rates[i], sizes[k]);
}

static void test_exact_for_random_sizes(void **state)
{
    (void)state;
    for (int turn = 0; turn < 200; turn++) {
        int64_t rate = (int64_t)(random_bits() >> (24 + random_bits() % 40)) + 1;
        struct pacer pacer;
        __int128 sent = 0;
        pacer_start(&pacer, rate, START);
        for (int i = 0; i < 200; i++) {
            int64_t size = (int64_t)(random_bits() % 100000) + 1;
            assert_int_equal(take_when_due(&pacer, size) - START, time_of(sent, rate));
            sent += size;
        }
    }
}

/* 400 Gbit/s for a year: bytes and bits have more than 32, and bits times ns more than 64 bits. */
static void test_64_bits(void **state)
{
    (void)state;
    const int64_t rate = INT64_C(400000000000), year = 31536000 * NS_PER_SEC;
    const int64_t bytes_per_s = rate / 8;
    struct pacer pacer;
    pacer_start(&pacer, rate, START);
    for (int64_t second = 0; second < 31536000; second += 3600)
        pacer_take(&pacer, 3600 * bytes_per_s, 0, START + second * NS_PER_SEC);
    assert_int_equal(pacer_due(&pacer), START + year);
    pacer_take(&pacer, 8192, 0, START + year);
    assert_int_equal(pacer_due(&pacer), START + year + 164); /* 163.84 */
    assert_int_equal(pacer.lost, 0);
}

static void test_late_within_depth_is_caught_up(void **state)
{
    (void)state;
    static const int64_t late[] = {1, NS_PER_MS, PACER_DEPTH / 2, PACER_DEPTH - 1, PACER_DEPTH};
    for (size_t i = 0; i < COUNT(late); i++) {
        struct pacer pacer;
        int64_t sent = 0;
        pacer_start(&pacer, 8000000, START); /* 1000 bytes a ms */
        int64_t now = START + late[i];
        while (pacer_due(&pacer) <= now) {
            pacer_take(&pacer, 1000, 0, now);
            sent++;
        }
        assert_int_equal(sent, late[i] / NS_PER_MS + 1);
        assert_int_equal(pacer.lost, 0);
        /* and on as if nothing had been */
        assert_int_equal(pacer_due(&pacer), START + sent * NS_PER_MS);
    }
}

static void test_late_beyond_depth_is_given_up(void **state)
{
    (void)state;
    static const int64_t beyond[] = {1, NS_PER_MS, NS_PER_SEC, 3600 * NS_PER_SEC};
    for (size_t i = 0; i < COUNT(beyond); i++) {
        struct pacer pacer;
        int64_t sent = 0;
        pacer_start(&pacer, 8000000, START);
        int64_t now = START + PACER_DEPTH + beyond[i];
        while (pacer_due(&pacer) <= now) {
            pacer_take(&pacer, 1000, 0, now);
            sent++;
        }
        assert_int_equal(sent, PACER_DEPTH / NS_PER_MS + 1);
        assert_int_equal(pacer.lost, beyond[i]);
        assert_int_equal(pacer_due(&pacer), now + NS_PER_MS);
    }
}

static void test_losses_add_up(void **state)
{
    (void)state;
    struct pacer pacer;
    int64_t now = START;
    pacer_start(&pacer, 8000000, START);
    for (int i = 1; i <= 10; i++) {
        while (pacer_due(&pacer) <= now)
            pacer_take(&pacer, 1000, 0, now);
        now = pacer_due(&pacer) + PACER_DEPTH + i;
    }
    pacer_take(&pacer, 1000, 0, now);
    assert_int_equal(pacer.lost, 55);
}

static void test_early_take_loses_nothing(void **state)
{
    (void)state;
    struct pacer pacer;
    pacer_start(&pacer, 8000000, START);
    for (int i = 0; i < 1000; i++)
        pacer_take(&pacer, 1000, 0, START);
    assert_int_equal(pacer.lost, 0);
    assert_int_equal(pacer_due(&pacer), START + NS_PER_SEC);
}

static void test_give_back(void **state)
{
    (void)state;
    struct pacer pacer;
    pacer_start(&pacer, 9999991, START);
    for (int i = 0; i < 1000; i++) {
        int64_t due = pacer_due(&pacer);
        pacer_take(&pacer, 8191, 0, due);
        pacer_take(&pacer, 77, 0, due);
        pacer_return(&pacer, 77, 0);
        pacer_return(&pacer, 8191, 0);
        assert_int_equal(pacer_due(&pacer), due);
        take_when_due(&pacer, 1447);
    }
    assert_int_equal(pacer_due(&pacer) - START, time_of(1447 * 1000, 9999991));
}

/* What was given up for a block is not had again by giving the block back. */
static void test_give_back_after_loss(void **state)
{
    (void)state;
    struct pacer pacer;
    int64_t now = START + PACER_DEPTH + NS_PER_SEC;
    pacer_start(&pacer, 8000000, START);
    pacer_take(&pacer, 1000, 0, now);
    pacer_return(&pacer, 1000, 0);
    assert_int_equal(pacer.lost, NS_PER_SEC);
    assert_int_equal(pacer_due(&pacer), now - PACER_DEPTH);
    pacer_take(&pacer, 1000, 0, now);
    assert_int_equal(pacer.lost, NS_PER_SEC);
}

/* A rate that changes: what was due stays so, what is still to be waited for takes the new pace. */
static void test_change_of_rate(void **state)
{
    (void)state;
    struct pacer pacer;
    pacer_start(&pacer, 8000000, START);
    pacer_take(&pacer, 100000, 0, START); /* the next is due 100 ms later */
    pacer_change(&pacer, 16000000, START + 20 * NS_PER_MS);
    assert_int_equal(pacer_due(&pacer), START + 60 * NS_PER_MS);
    pacer_change(&pacer, 1000000, START + 60 * NS_PER_MS); /* it is due, and stays so */
    assert_int_equal(pacer_due(&pacer), START + 60 * NS_PER_MS);
    pacer_change(&pacer, 8000000, START + 90 * NS_PER_MS);
    assert_int_equal(pacer_due(&pacer), START + 60 * NS_PER_MS);
    pacer_take(&pacer, 1000, 0, START + 90 * NS_PER_MS);
    assert_int_equal(pacer_due(&pacer), START + 61 * NS_PER_MS);
    assert_int_equal(pacer.lost, 0);
}

/* A rate that is almost none for a while holds nothing up for longer than that. */
static void test_a_trickle_passes(void **state)
{
    (void)state;
    struct pacer pacer;
    pacer_start(&pacer, 1, START);
    pacer_take(&pacer, INT64_C(1) << 30, 0, START);
    assert_true(pacer_due(&pacer) > START + 200 * INT64_C(31536000) * NS_PER_SEC);
    pacer_change(&pacer, INT64_C(8) << 30, START + NS_PER_SEC);
    assert_in_range(pacer_due(&pacer), START + NS_PER_SEC, START + 2 * NS_PER_SEC);
}

/* Credit is lost while nothing is sent, too, and not twice once it is. */
static void test_losses_are_known_at_once(void **state)
{
    (void)state;
    struct pacer pacer;
    pacer_start(&pacer, 8000000, START);
    assert_int_equal(pacer_lost(&pacer, START), 0);
    assert_int_equal(pacer_lost(&pacer, START + PACER_DEPTH), 0);
    assert_int_equal(pacer_lost(&pacer, START + PACER_DEPTH + 7), 7);
    pacer_take(&pacer, 1000, 0, START + PACER_DEPTH + 9);
    assert_int_equal(pacer_lost(&pacer, START + PACER_DEPTH + 9), 9);
    assert_int_equal(pacer_lost(&pacer, START + PACER_DEPTH + 9 + NS_PER_MS), 9);
    assert_int_equal(pacer_lost(&pacer, START + PACER_DEPTH + 10 + NS_PER_MS), 10);
}

static void test_gaps_add_up(void **state)
{
    (void)state;
    struct pacer pacer;
    pacer_start(&pacer, 0, START);
    pacer_take(&pacer, 1000, 5 * NS_PER_MS, START);
    pacer_take(&pacer, 1000, 7 * NS_PER_MS, START + 6 * NS_PER_MS);
    assert_int_equal(pacer_due(&pacer), START + 12 * NS_PER_MS);
    pacer_return(&pacer, 1000, 7 * NS_PER_MS);
    assert_int_equal(pacer_due(&pacer), START + 5 * NS_PER_MS);
    pacer_take(&pacer, 1000, 7 * NS_PER_MS, START + 5 * NS_PER_MS + PACER_DEPTH + 3);
    assert_int_equal(pacer_due(&pacer), START + 12 * NS_PER_MS + 3);
    assert_int_equal(pacer.lost, 3);
}

static void test_start_forgets(void **state)
{
    (void)state;
    struct pacer pacer;
    pacer_start(&pacer, 8000000, START);
    pacer_take(&pacer, 1000, 0, START + 10 * NS_PER_SEC);
    pacer_start(&pacer, 1000, START + 20 * NS_PER_SEC);
    assert_int_equal(pacer_due(&pacer), START + 20 * NS_PER_SEC);
    assert_int_equal(pacer.lost, 0);
    pacer_take(&pacer, 125, 0, START + 20 * NS_PER_SEC);
    assert_int_equal(pacer_due(&pacer), START + 21 * NS_PER_SEC);
}

/* A sender that is held up at random. However it was: what it sent and what it gave up are the
 * time that has gone by, it never ran ahead of its rate, and never made up for more than DEPTH. */
static void random_sender(int64_t rate)
{
    struct pacer pacer;
    __int128 sent = 0;
    int64_t now = START;
    pacer_start(&pacer, rate, START);
    for (int i = 0; i < 2000; i++) {
        int64_t before = pacer_due(&pacer), lost = pacer.lost;
        if (before > now) {
            /* on time, or late by up to twice the depth */
            uint64_t kind = random_bits() % 4;
            now = before + (int64_t)(kind == 0   ? random_bits() % (2 * PACER_DEPTH)
                                     : kind == 1 ? random_bits() % (10 * NS_PER_MS)
                                                 : 0);
        }
        int64_t size = (int64_t)(random_bits() % 60000) + 40;
        pacer_take(&pacer, size, 0, now);
        if (random_bits() % 8 == 0)
            pacer_return(&pacer, size, 0);
        else
            sent += size;
        int64_t late = now - before - PACER_DEPTH;
        assert_int_equal(pacer.lost - lost, late > 0 ? late : 0);
        assert_int_equal(pacer_due(&pacer), START + pacer.lost + time_of(sent, rate));
        assert_true(pacer_due(&pacer) >= now - PACER_DEPTH);
    }
}

static void test_random_sender(void **state)
{
    (void)state;
    static const int64_t odd[] = {9600, 1000003, 10000000, 999999937, INT64_C(100000000003)};
    for (size_t i = 0; i < COUNT(odd); i++)
        random_sender(odd[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_block_is_due_at_once),
        cmocka_unit_test(test_without_rate_all_is_due),
        cmocka_unit_test(test_exact_in_the_long_run),
        cmocka_unit_test(test_exact_for_random_sizes),
        cmocka_unit_test(test_64_bits),
        cmocka_unit_test(test_late_within_depth_is_caught_up),
        cmocka_unit_test(test_late_beyond_depth_is_given_up),
        cmocka_unit_test(test_losses_add_up),
        cmocka_unit_test(test_early_take_loses_nothing),
        cmocka_unit_test(test_give_back),
        cmocka_unit_test(test_give_back_after_loss),
        cmocka_unit_test(test_change_of_rate),
        cmocka_unit_test(test_a_trickle_passes),
        cmocka_unit_test(test_losses_are_known_at_once),
        cmocka_unit_test(test_gaps_add_up),
        cmocka_unit_test(test_start_forgets),
        cmocka_unit_test(test_random_sender),
    };
    seed_random();
    return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
