/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../../common/fifo.c"

#include "unit.h"

static void add(struct fifo *fifo, int64_t value)
{
    *(int64_t *)fifo_add(fifo, sizeof value) = value;
}

static int64_t at(const struct fifo *fifo, size_t index)
{
    return *(int64_t *)fifo_at(fifo, index, sizeof(int64_t));
}

static void test_empty(void **state)
{
    (void)state;
    struct fifo fifo = {0};
    assert_int_equal(fifo.count, 0);
    assert_null(fifo_at(&fifo, 0, sizeof(int64_t)));
    fifo_free(&fifo);
    assert_int_equal(fifo.count, 0);
}

static void test_order(void **state)
{
    (void)state;
    struct fifo fifo = {0};
    for (int64_t i = 0; i < 100; i++)
        add(&fifo, i);
    assert_int_equal(fifo.count, 100);
    for (int64_t i = 0; i < 100; i++) {
        assert_int_equal(at(&fifo, 0), i);
        assert_int_equal(at(&fifo, fifo.count - 1), 99);
        fifo_drop(&fifo);
    }
    assert_int_equal(fifo.count, 0);
    fifo_free(&fifo);
}

/* It may grow with its first item anywhere in its memory. */
static void test_growth_at_every_place(void **state)
{
    (void)state;
    for (int64_t dropped = 0; dropped < 20; dropped++) {
        struct fifo fifo = {0};
        int64_t next = 0, first = 0;
        while (first < dropped) {
            add(&fifo, next++);
            assert_int_equal(at(&fifo, 0), first++);
            fifo_drop(&fifo);
        }
        while (fifo.count < 50) {
            add(&fifo, next++);
            for (size_t i = 0; i < fifo.count; i++)
                assert_int_equal(at(&fifo, i), first + (int64_t)i);
        }
        fifo_free(&fifo);
    }
}

/* Against a plain count of what went in and out. */
static void test_random(void **state)
{
    (void)state;
    struct fifo fifo = {0};
    int64_t next = 0, first = 0;
    seed_random();
    for (int step = 0; step < 20000; step++) {
        if (fifo.count && random_below(5) < 2) {
            assert_int_equal(at(&fifo, 0), first++);
            fifo_drop(&fifo);
        } else {
            add(&fifo, next++);
        }
        assert_int_equal(fifo.count, next - first);
    }
    fifo_free(&fifo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_growth_at_every_place),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("fifo", tests, NULL, NULL);
}
