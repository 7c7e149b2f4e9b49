/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/session/store.c: rows keep their numbers, are read in parts, and go when
 * acknowledged. */
#include "daemon/session/store.c"

#include "clock.h"

#include "unit.h"

enum { ROW_MAX = 200 * 1024 };

/* A row as the store sees it: its length, then whatever; here its number. */
static bool add(struct store *store, int64_t number, size_t length)
{
    static uint8_t row[ROW_MAX];
    uint32_t size = htole32((uint32_t)length);
    memcpy(row, &size, 4);
    memset(row + 4, (int)(number & 0xff), length - 4);
    if (length >= 16)
        memcpy(row + 8, &number, 8);
    return store_add(store, row, length);
}

/* Whether what lies at `at` is that row. */
static bool is_row(const char *at, int64_t number, size_t length)
{
    int64_t written = number;
    uint32_t size;
    memcpy(&size, at, 4);
    if (length >= 16)
        memcpy(&written, at + 8, 8);
    return le32toh(size) == length && written == number && (uint8_t)at[4] == (number & 0xff) &&
           (length <= 16 || (uint8_t)at[length - 1] == (number & 0xff));
}

static void check_read(struct store *store, int64_t after, size_t most, int64_t first,
                       int64_t count)
{
    struct buffer rows = {0};
    int64_t got_first;
    assert_int_equal(store_read(store, after, most, &rows, &got_first), count);
    assert_int_equal(got_first, first);
    buffer_free(&rows);
}

static void test_empty(void **state)
{
    (void)state;
    struct store store;
    store_init(&store, NULL);
    assert_int_equal(store_rows(&store), 0);
    check_read(&store, 0, 1000, 1, 0);
    store_acknowledge(&store, 0);
    store_acknowledge(&store, 100);
    store_acknowledge(&store, -100);
    assert_int_equal(store_rows(&store), 0);
    assert_true(add(&store, 1, 64));
    check_read(&store, 0, 1000, 1, 1); /* still number 1 */
    store_free(&store);
}

static void test_numbers_count_from_1(void **state)
{
    (void)state;
    struct store store;
    struct buffer rows = {0};
    int64_t first;
    store_init(&store, NULL);
    for (int64_t i = 1; i <= 5; i++)
        assert_true(add(&store, i, 64));
    assert_int_equal(store_rows(&store), 5);
    assert_int_equal(store_read(&store, 0, 10000, &rows, &first), 5);
    assert_int_equal(first, 1);
    assert_int_equal(rows.length, 5 * 64);
    for (int64_t i = 0; i < 5; i++)
        assert_true(is_row(rows.data + 64 * i, i + 1, 64));
    buffer_free(&rows);
    store_free(&store);
}

static void test_reading_takes_nothing(void **state)
{
    (void)state;
    struct store store;
    store_init(&store, NULL);
    for (int64_t i = 1; i <= 5; i++)
        assert_true(add(&store, i, 64));
    for (int i = 0; i < 3; i++)
        check_read(&store, 0, 10000, 1, 5);
    assert_int_equal(store_rows(&store), 5);
    store_free(&store);
}

static void test_read_after(void **state)
{
    (void)state;
    static const struct {
        int64_t after, first, count;
    } cases[] = {{0, 1, 5}, {1, 2, 4}, {4, 5, 1}, {5, 6, 0}, {-1, 1, 5}, {INT64_MIN, 1, 5}};
    struct store store;
    store_init(&store, NULL);
    for (int64_t i = 1; i <= 5; i++)
        assert_true(add(&store, i, 64));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_read(&store, cases[i].after, 10000, cases[i].first, cases[i].count);
    store_free(&store);
}

/* What a controller may ask for: any 64-bit number. */
static void test_read_after_what_never_was(void **state)
{
    (void)state;
    static const int64_t after[] = {6, 1000000, INT64_MAX - 1, INT64_MAX};
    struct store store;
    store_init(&store, NULL);
    for (int64_t i = 1; i <= 5; i++)
        assert_true(add(&store, i, 64));
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        struct buffer rows = {0};
        int64_t first;
        assert_int_equal(store_read(&store, after[i], 1000, &rows, &first), 0);
        assert_true(first > 5);
        assert_int_equal(rows.length, 0);
        buffer_free(&rows);
    }
    store_acknowledge(&store, INT64_MAX);
    assert_int_equal(store_rows(&store), 0);
    assert_true(add(&store, 6, 64));
    check_read(&store, 0, 1000, 6, 1);
    store_free(&store);
}

static void test_parts(void **state)
{
    (void)state;
    static const struct {
        size_t most;
        int64_t count;
    } cases[] = {{0, 1},   {1, 1},   {64, 1},  {127, 1},    {128, 2},
                 {191, 2}, {319, 4}, {320, 5}, {1 << 20, 5}};
    struct store store;
    store_init(&store, NULL);
    for (int64_t i = 1; i <= 5; i++)
        assert_true(add(&store, i, 64));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_read(&store, 0, cases[i].most, 1, cases[i].count);
    store_free(&store);
}

/* A large row that does not fit is not passed over for a small one behind it. */
static void test_parts_stay_in_order(void **state)
{
    (void)state;
    struct store store;
    store_init(&store, NULL);
    assert_true(add(&store, 1, 64));
    assert_true(add(&store, 2, ROW_MAX));
    assert_true(add(&store, 3, 64));
    check_read(&store, 0, 1000, 1, 1);
    check_read(&store, 1, 1000, 2, 1); /* one at least */
    check_read(&store, 2, 1000, 3, 1);
    check_read(&store, 0, ROW_MAX + 64, 1, 2);
    check_read(&store, 0, ROW_MAX + 128, 1, 3);
    store_free(&store);
}

static void test_appends(void **state)
{
    (void)state;
    struct store store;
    struct buffer rows = {0};
    int64_t first;
    store_init(&store, NULL);
    assert_true(add(&store, 1, 64));
    buffer_text(&rows, "before");
    assert_int_equal(store_read(&store, 0, 1000, &rows, &first), 1);
    assert_int_equal(rows.length, 6 + 64);
    assert_memory_equal(rows.data, "before", 6);
    assert_true(is_row(rows.data + 6, 1, 64));
    buffer_free(&rows);
    store_free(&store);
}

static void test_acknowledged_rows_go(void **state)
{
    (void)state;
    struct store store;
    store_init(&store, NULL);
    for (int64_t i = 1; i <= 5; i++)
        assert_true(add(&store, i, 64));
    store_acknowledge(&store, 2);
    assert_int_equal(store_rows(&store), 3);
    check_read(&store, 0, 10000, 3, 3);
    check_read(&store, 2, 10000, 3, 3);
    check_read(&store, 3, 10000, 4, 2);
    store_acknowledge(&store, 2);
    store_acknowledge(&store, 1); /* late */
    assert_int_equal(store_rows(&store), 3);
    store_acknowledge(&store, 5);
    assert_int_equal(store_rows(&store), 0);
    check_read(&store, 0, 10000, 6, 0);
    assert_true(add(&store, 6, 64));
    check_read(&store, 5, 10000, 6, 1);
    store_free(&store);
}

static void test_acknowledged_beforehand(void **state)
{
    (void)state;
    struct store store;
    store_init(&store, NULL);
    assert_true(add(&store, 1, 64));
    store_acknowledge(&store, 1000); /* no row that comes later is meant */
    for (int64_t i = 2; i <= 4; i++)
        assert_true(add(&store, i, 64));
    assert_int_equal(store_rows(&store), 3);
    check_read(&store, 0, 10000, 2, 3);
    store_free(&store);
}

static void test_memory_is_charged_and_given_back(void **state)
{
    (void)state;
    struct budget budget = {.limit = INT64_MAX};
    struct store store;
    store_init(&store, &budget);
    for (int64_t i = 1; i <= 3000; i++)
        assert_true(add(&store, i, 512));
    assert_true(budget.used >= 3000 * 512);
    assert_int_equal(store.bytes, budget.used);
    int64_t full = budget.used;
    store_acknowledge(&store, 1500);
    assert_true(budget.used >= 1500 * 512);
    assert_true(budget.used < full);
    assert_int_equal(store.bytes, budget.used);
    store_acknowledge(&store, 3000);
    assert_int_equal(budget.used, 0);
    assert_int_equal(store.bytes, 0);
    assert_true(add(&store, 3001, 512));
    assert_true(budget.used > 0);
    store_free(&store);
    assert_int_equal(budget.used, 0);
}

static void test_budget_refuses(void **state)
{
    (void)state;
    enum { LIMIT = 1 << 20 };
    struct budget budget = {.limit = LIMIT};
    struct store store;
    store_init(&store, &budget);
    int64_t count = 0;
    while (add(&store, count + 1, 1000))
        count++;
    assert_true(count * 1000 <= LIMIT);
    assert_true(count > LIMIT / 1000 / 2);
    assert_int_equal(store_rows(&store), count);
    for (int i = 0; i < 100; i++)
        assert_false(add(&store, 0, 1000));
    assert_true(budget.used <= LIMIT);
    assert_int_equal(store_rows(&store), count);
    check_read(&store, count - 1, 10000, count, 1);
    store_acknowledge(&store, count / 2);
    /* The number that was refused is given to the next that finds room. */
    assert_true(add(&store, count + 1, 1000));
    check_read(&store, count, 10000, count + 1, 1);
    store_free(&store);
    assert_int_equal(budget.used, 0);
}

static void test_a_budget_of_nothing(void **state)
{
    (void)state;
    struct budget budget = {.limit = 100};
    struct store store;
    store_init(&store, &budget);
    assert_false(add(&store, 1, 200));
    assert_int_equal(store_rows(&store), 0);
    assert_int_equal(budget.used, 0);
    check_read(&store, 0, 1000, 1, 0);
    store_free(&store);
}

/* ---- against a plain array of what was added ---- */

enum { ADDED_MAX = 6000 };

struct model {
    struct store store;
    struct budget budget;
    size_t length[ADDED_MAX + 1]; /* of row 1, 2, ... */
    int64_t last, acknowledged;
};

static size_t draw_length(void)
{
    return 8 * (random_bits() % 100 ? 1 + random_bits() % 200 : 1 + random_bits() % (ROW_MAX / 8));
}

static void add_one(struct model *model)
{
    size_t length = draw_length();
    int64_t before = model->budget.used;
    if (model->last == ADDED_MAX)
        return;
    if (add(&model->store, model->last + 1, length))
        model->length[++model->last] = length;
    else
        assert_int_equal(model->budget.used, before);
    assert_true(model->budget.used <= model->budget.limit);
}

static void read_some(struct model *model)
{
    struct buffer rows = {0};
    int64_t after = (int64_t)(random_bits() % (uint64_t)(model->last + 1)), first;
    int64_t from = (after > model->acknowledged ? after : model->acknowledged) + 1;
    size_t most = random_bits() % 20000, at = 0;
    int64_t count = store_read(&model->store, after, most, &rows, &first);
    assert_int_equal(first, from);
    for (int64_t i = from; i < from + count; i++) {
        assert_true(i <= model->last);
        assert_true(at + model->length[i] <= rows.length);
        assert_true(is_row(rows.data + at, i, model->length[i]));
        at += model->length[i];
    }
    assert_int_equal(at, rows.length);
    assert_true(at <= most || count == 1);
    /* No more would have fitted. */
    if (from + count <= model->last)
        assert_true(count && at + model->length[from + count] > most);
    buffer_free(&rows);
}

static void acknowledge_some(struct model *model)
{
    int64_t upto = model->acknowledged + (int64_t)(random_bits() % 40) - 10;
    store_acknowledge(&model->store, upto);
    upto = upto < model->last ? upto : model->last;
    model->acknowledged = upto > model->acknowledged ? upto : model->acknowledged;
}

static void test_random_against_array(void **state)
{
    (void)state;
    static struct model model;
    model = (struct model){.budget = {.limit = 1 << 20}};
    store_init(&model.store, &model.budget);
    for (int i = 0; i < 12000; i++) {
        uint64_t what = random_bits() % 16;
        if (what < 12)
            add_one(&model);
        else if (what < 14)
            read_some(&model);
        else
            acknowledge_some(&model);
        assert_int_equal(store_rows(&model.store), model.last - model.acknowledged);
        assert_int_equal(model.store.bytes, model.budget.used);
    }
    store_free(&model.store);
    assert_int_equal(model.budget.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_numbers_count_from_1),
        cmocka_unit_test(test_reading_takes_nothing),
        cmocka_unit_test(test_read_after),
        cmocka_unit_test(test_read_after_what_never_was),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_parts_stay_in_order),
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_acknowledged_rows_go),
        cmocka_unit_test(test_acknowledged_beforehand),
        cmocka_unit_test(test_memory_is_charged_and_given_back),
        cmocka_unit_test(test_budget_refuses),
        cmocka_unit_test(test_a_budget_of_nothing),
        cmocka_unit_test(test_random_against_array),
    };
    seed_random();
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
