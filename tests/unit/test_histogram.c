/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests histograms: their buckets, percentiles against sorted values, sums, memory, and the form on
 * the wire. */
#include "histogram.c"

#include "unit.h"

#include <math.h>

enum { VALUES = 20000, ROUNDS = 5000 };

static const int shares[] = {1, 100, 500, 900, 990, 999, 1000};
enum { SHARES = sizeof shares / sizeof shares[0] };

/* ---- shapes of what is measured, ns */

static double uniform(void)
{
    return ((double)random_below(1 << 30) + 0.5) / (1 << 30);
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

static int64_t around_a_path_of_20_ms(void)
{
    return 20000000 + (int64_t)fabs(normal() * 300000);
}

static int64_t around_zero(void)
{
    return (int64_t)(normal() * 50000);
}

static int64_t long_tailed(void)
{
    return (int64_t)(40000 * exp(normal() * 2));
}

static int64_t two_humps(void)
{
    return random_below(10) ? 50000 + (int64_t)random_below(2000) : 200000000;
}

static int64_t small(void)
{
    return (int64_t)random_below(300) - 150;
}

static int64_t anything(void)
{
    return (int64_t)random_bits() >> random_below(64);
}

static int64_t constant(void)
{
    return 1234567;
}

static const struct shape {
    const char *name;
    int64_t (*draw)(void);
} shapes[] = {
    {"a path of 20 ms", around_a_path_of_20_ms},
    {"around zero", around_zero},
    {"long-tailed", long_tailed},
    {"two humps", two_humps},
    {"small", small},
    {"anything", anything},
    {"constant", constant},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static int by_value(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return a < b ? -1 : a > b;
}

static void draw(const struct shape *shape, int64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = shape->draw();
}

static struct histogram *histogram_of(const int64_t *values, size_t count)
{
    struct histogram *histogram = histogram_new();
    for (size_t i = 0; i < count; i++)
        histogram_add(histogram, values[i]);
    return histogram;
}

static void assert_same(const struct histogram *one, const struct histogram *other)
{
    int a = -HISTOGRAM_END - 1, b = a;
    uint64_t one_count = 0, other_count = 0;
    assert_int_equal(histogram_count(one), histogram_count(other));
    do {
        a = histogram_next(one, a, &one_count);
        b = histogram_next(other, b, &other_count);
        assert_int_equal(a, b);
        if (a < HISTOGRAM_END)
            assert_int_equal(one_count, other_count);
    } while (a < HISTOGRAM_END);
}

/* ---- buckets */

static void every_bucket_begins_where_the_one_before_ends(void **state)
{
    int64_t lower, upper, before = INT64_MIN;
    (void)state;
    for (int i = -HISTOGRAM_END; i < HISTOGRAM_END; i++) {
        histogram_edges(i, &lower, &upper);
        assert_true(lower == before && lower < upper);
        assert_int_equal(histogram_bucket(lower), i);
        assert_int_equal(histogram_bucket(upper - 1), i);
        before = upper;
    }
    assert_true(before == INT64_MAX);
    assert_int_equal(histogram_bucket(INT64_MIN), -HISTOGRAM_END);
    assert_int_equal(histogram_bucket(INT64_MAX), HISTOGRAM_END - 1);
    assert_int_equal(histogram_bucket(0), 0);
    assert_int_equal(histogram_bucket(-1), -1);
}

static void buckets_are_symmetric(void **state)
{
    (void)state;
    for (int i = 0; i < HISTOGRAM_END - 1; i++) {
        int64_t lower, upper, low, up;
        histogram_edges(i, &lower, &upper);
        histogram_edges(-1 - i, &low, &up);
        assert_true(low == -upper && up == -lower);
    }
}

/* 1 % is promised; half a bucket is 1/128. */
static void no_value_is_told_wrong_by_more_than_a_percent(void **state)
{
    (void)state;
    for (int i = 0; i < 100 * ROUNDS; i++) {
        int64_t value = anything(), told = histogram_middle(histogram_bucket(value));
        long double error = fabsl((long double)told - (long double)value);
        if (error > fabsl((long double)value) / 128)
            fail_msg("%" PRId64 " is told as %" PRId64, value, told);
    }
    for (int64_t value = -128; value < 128; value++)
        assert_true(histogram_middle(histogram_bucket(value)) == value);
}

/* ---- percentiles */

/* The definition itself: of n values in order, that at place ceil(share * n). */
static int64_t nearest_rank(const int64_t *sorted, size_t count, int thousandths)
{
    size_t rank = (count * (size_t)thousandths + 999) / 1000;
    return sorted[rank - 1];
}

static void check_percentiles(const char *name, int64_t *values, size_t count)
{
    int64_t told[SHARES];
    struct histogram *histogram = histogram_of(values, count);
    qsort(values, count, sizeof *values, by_value);
    histogram_percentiles(histogram, shares, SHARES, told);
    for (int i = 0; i < SHARES; i++) {
        int64_t exact = nearest_rank(values, count, shares[i]);
        assert_int_equal(histogram_bucket(told[i]), histogram_bucket(exact));
        if (fabsl((long double)told[i] - (long double)exact) > fabsl((long double)exact) / 100)
            fail_msg("%s, %zu values: %d of 1000 is %" PRId64 ", not %" PRId64, name, count,
                     shares[i], told[i], exact);
    }
    histogram_free(histogram);
}

static void percentiles_are_those_of_the_sorted_values(void **state)
{
    static int64_t values[VALUES];
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        draw(&shapes[i], values, VALUES);
        check_percentiles(shapes[i].name, values, VALUES);
        for (size_t count = 1; count < 120; count++) {
            draw(&shapes[i], values, count);
            check_percentiles(shapes[i].name, values, count);
        }
        draw(&shapes[i], values, 1000); /* where rank and share meet */
        check_percentiles(shapes[i].name, values, 1000);
    }
}

/* ---- sums */

static void merging_is_adding(void **state)
{
    static int64_t values[VALUES];
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        size_t cut = random_below(VALUES);
        draw(&shapes[i], values, cut);
        draw(&shapes[(i + 1) % SHAPES], values + cut, VALUES - cut);
        struct histogram *whole = histogram_of(values, VALUES);
        struct histogram *first = histogram_of(values, cut);
        struct histogram *second = histogram_of(values + cut, VALUES - cut);
        histogram_merge(first, second);
        histogram_merge(first, NULL);
        assert_same(first, whole);
        histogram_free(whole);
        histogram_free(first);
        histogram_free(second);
    }
}

static void counts_beyond_32_bits(void **state)
{
    uint64_t count, most = (UINT64_C(1) << 32) - 2;
    struct histogram *one = histogram_new(), *other = histogram_new();
    (void)state;
    add_count(one, 1000 + HISTOGRAM_END, most);
    assert_null(one->groups[0].high);
    for (uint64_t i = 1; i < 5; i++) {
        histogram_add(one, histogram_middle(1000));
        assert_int_equal(histogram_next(one, 999, &count), 1000);
        assert_true(count == most + i);
    }
    assert_non_null(one->groups[0].high);
    histogram_merge(other, one);
    histogram_merge(other, one);
    histogram_next(other, 999, &count);
    assert_true(count == 2 * (most + 4) && histogram_count(other) == count);
    /* what is cleared leaves nothing behind */
    histogram_clear(one);
    histogram_add(one, histogram_middle(1000));
    histogram_next(one, 999, &count);
    assert_int_equal(count, 1);
    histogram_free(one);
    histogram_free(other);
}

static void a_cleared_one_is_empty_and_serves_again(void **state)
{
    static int64_t values[VALUES];
    uint64_t count;
    (void)state;
    draw(&shapes[5], values, VALUES);
    struct histogram *histogram = histogram_of(values, VALUES);
    size_t memory = histogram_memory(histogram);
    for (int i = 0; i < SHAPES; i++) {
        histogram_clear(histogram);
        assert_int_equal(histogram_count(histogram), 0);
        assert_int_equal(histogram_next(histogram, -HISTOGRAM_END - 1, &count), HISTOGRAM_END);
        draw(&shapes[i], values, VALUES);
        for (size_t k = 0; k < VALUES; k++)
            histogram_add(histogram, values[k]);
        struct histogram *fresh = histogram_of(values, VALUES);
        assert_same(histogram, fresh);
        histogram_free(fresh);
    }
    assert_true(histogram_memory(histogram) >= memory);
    histogram_free(histogram);
}

/* ---- memory */

/* Stated in histogram.h and in flowd(8). */
static void memory_grows_with_the_powers_of_two_in_use(void **state)
{
    static int64_t values[VALUES];
    (void)state;
    assert_int_equal(sizeof(struct group), 8 + 4 * 64 + 8);
    assert_true(histogram_memory(NULL) == 0);
    for (int i = 0; i < SHAPES; i++) {
        draw(&shapes[i], values, VALUES);
        struct histogram *histogram = histogram_of(values, VALUES);
        struct buffer bytes = {0};
        histogram_encode(histogram, &bytes);
        printf("# %s: %zu bytes, %zu on the wire\n", shapes[i].name, histogram_memory(histogram),
               bytes.length);
        assert_true(histogram_memory(histogram) <= 136 + 272 * HISTOGRAM_GROUPS);
        if (shapes[i].draw == around_a_path_of_20_ms)
            assert_true(histogram_memory(histogram) <= 136 + 2 * 272);
        if (shapes[i].draw == constant)
            assert_true(histogram_memory(histogram) == sizeof *histogram + 272);
        buffer_free(&bytes);
        histogram_free(histogram);
    }
}

/* ---- on the wire */

static void what_is_encoded_is_decoded(void **state)
{
    static int64_t values[VALUES];
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        size_t count = random_below(VALUES);
        struct buffer bytes = {0};
        struct fail fail;
        draw(&shapes[i], values, count);
        struct histogram *histogram = histogram_of(values, count);
        histogram_encode(histogram, &bytes);
        struct histogram *back = histogram_decode(bytes.data, bytes.length, &fail);
        assert_non_null(back);
        assert_same(histogram, back);
        histogram_free(back);
        histogram_free(histogram);
        buffer_free(&bytes);
    }
}

/* As the header and flowd(8) describe it, byte for byte. */
static void the_form_is_as_described(void **state)
{
    struct buffer bytes = {0};
    struct histogram *histogram = histogram_new();
    (void)state;
    for (int i = 0; i < 200; i++)
        histogram_add(histogram, -1); /* bucket -1: 3712 after -3713 */
    histogram_add(histogram, 1000000);
    histogram_encode(histogram, &bytes);
    /* 1000000 = 2^19 * 1.907: s = 122, g = 13, bucket 14 * 64 + 58 = 954 */
    assert_int_equal(histogram_bucket(1000000), 954);
    static const uint8_t expected[] = {6, 0x80, 0x1d, 0xc8, 0x01, 0xbb, 0x07, 0x01};
    assert_int_equal(bytes.length, sizeof expected);
    assert_memory_equal(bytes.data, expected, sizeof expected);
    buffer_free(&bytes);
    histogram_free(histogram);
}

static void refused(const void *bytes, size_t length)
{
    struct fail fail = {.text = ""};
    uint8_t *exact = mem_new(length, 1); /* so that a sanitizer sees what lies beyond */
    if (length)
        memcpy(exact, bytes, length);
    struct histogram *histogram = histogram_decode(exact, length, &fail);
    if (histogram)
        fail_msg("%zu bytes were taken", length);
    assert_non_null(strstr(fail.text, " histogram in a report"));
    free(exact);
}

#define REFUSED(...) refused((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void hostile_forms_are_refused(void **state)
{
    (void)state;
    refused("", 0);
    REFUSED(5);                               /* other buckets */
    REFUSED(6, 0x01);                         /* no count */
    REFUSED(6, 0x81);                         /* a number without an end */
    REFUSED(6, 0x00, 0x01);                   /* a bucket before the first */
    REFUSED(6, 0x01, 0x00);                   /* a bucket without values */
    REFUSED(6, 0x01, 0x01, 0x00, 0x01);       /* the same bucket twice */
    REFUSED(6, 0x81, 0x00, 0x01);             /* a number longer than it must be */
    REFUSED(6, 0x81, 0x3a, 0x01);             /* bucket 3712: one too many */
    REFUSED(6, 0x80, 0x3a, 0x01, 0x01, 0x01); /* the last one, and another */
    REFUSED(6, 0x01, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10);             /* 2^46 + 1 values */
    REFUSED(6, 0x01, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0x01, 0x01); /* in sum */
    REFUSED(6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x01);
    REFUSED(6, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f);
    struct histogram *most = histogram_decode(
        (const uint8_t[]){6, 0x80, 0x3a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10}, 10, NULL);
    assert_non_null(most);
    assert_true(histogram_count(most) == HISTOGRAM_COUNT_MAX);
    histogram_free(most);
}

/* Whatever comes: refused, or a histogram that encodes to the same bytes, and is safe to use. */
static void random_bytes_are_refused_or_mean_something(void **state)
{
    int taken = 0;
    (void)state;
    for (int i = 0; i < 20 * ROUNDS; i++) {
        uint8_t bytes[40] = {HISTOGRAM_BITS};
        size_t length = 1 + random_below(sizeof bytes - 1);
        for (size_t k = 1; k < length; k++)
            bytes[k] = (uint8_t)(random_bits() & (random_below(4) ? 0x7f : 0xff));
        struct histogram *histogram = histogram_decode(bytes, length, NULL);
        if (!histogram)
            continue;
        struct buffer again = {0};
        histogram_encode(histogram, &again);
        assert_int_equal(again.length, length);
        assert_memory_equal(again.data, bytes, length);
        int64_t told[SHARES];
        if (histogram_count(histogram))
            histogram_percentiles(histogram, shares, SHARES, told);
        taken++;
        buffer_free(&again);
        histogram_free(histogram);
    }
    assert_true(taken > ROUNDS); /* else it is no test of what is taken */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bucket_begins_where_the_one_before_ends),
        cmocka_unit_test(buckets_are_symmetric),
        cmocka_unit_test(no_value_is_told_wrong_by_more_than_a_percent),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
        cmocka_unit_test(merging_is_adding),
        cmocka_unit_test(counts_beyond_32_bits),
        cmocka_unit_test(a_cleared_one_is_empty_and_serves_again),
        cmocka_unit_test(memory_grows_with_the_powers_of_two_in_use),
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(the_form_is_as_described),
        cmocka_unit_test(hostile_forms_are_refused),
        cmocka_unit_test(random_bytes_are_refused_or_mean_something),
    };
    seed_random();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
