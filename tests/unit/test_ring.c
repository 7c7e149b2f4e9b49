/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/engine/ring.c: entries of any length arrive whole and in order, rows are held to a
 * limit.
 */
#include "daemon/engine/ring.c"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#include "unit.h"

/* Sanitizers are slow, and find races without being led to them. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum { MEGABYTE = 1 << 20 };

/* splitmix64 */
static uint64_t draw_from(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Most are small; some end just before, at, or behind a chunk, and some are larger than one. */
static size_t draw_size(uint64_t *state)
{
    switch (draw_from(state) % 64) {
    case 0:
        return 0;
    case 1:
        return CHUNK_SIZE - 64 + draw_from(state) % 128;
    case 2:
        return draw_from(state) % (2 * CHUNK_SIZE);
    default:
        return draw_from(state) % 2000;
    }
}

/* Entry number `number` with content that follows from it. */
static bool push(struct ring *ring, enum ring_type type, uint32_t number, size_t size)
{
    struct ring_entry *entry = ring_reserve(ring, type, size);
    if (!entry)
        return false;
    entry->code = (int16_t)(number * 7);
    entry->flow = (struct flow *)(uintptr_t)number;
    memset(entry->data, (int)(number * 31 & 0xff), size);
    ring_push(ring);
    return true;
}

/* Whether the oldest entry is that one, whole; takes it out. */
static bool pop(struct ring *ring, enum ring_type type, uint32_t number, size_t size)
{
    const struct ring_entry *entry = ring_peek(ring);
    if (!entry || (uintptr_t)entry % 8 || entry->size != size || entry->type != type ||
        entry->code != (int16_t)(number * 7) || (uintptr_t)entry->flow != number)
        return false;
    if (size &&
        (entry->data[0] != (number * 31 & 0xff) || memcmp(entry->data, entry->data + 1, size - 1)))
        return false;
    ring_pop(ring);
    return true;
}

static void test_empty(void **state)
{
    (void)state;
    struct ring *ring = ring_new(MEGABYTE);
    assert_null(ring_peek(ring));
    assert_null(ring_peek(ring));
    ring_free(ring);
    ring_free(NULL);
}

static void test_one_entry(void **state)
{
    (void)state;
    struct ring *ring = ring_new(MEGABYTE);
    struct ring_entry *entry = ring_reserve(ring, RING_FAILED, 6);
    assert_int_equal(entry->size, 6);
    assert_int_equal(entry->type, RING_FAILED);
    assert_int_equal(entry->code, 0);
    assert_null(entry->flow);
    entry->code = -3004;
    memcpy(entry->data, "hello", 6);
    assert_null(ring_peek(ring)); /* not published yet */
    ring_push(ring);
    const struct ring_entry *read = ring_peek(ring);
    assert_non_null(read);
    assert_ptr_equal(ring_peek(ring), read); /* stays */
    assert_int_equal(read->size, 6);
    assert_int_equal(read->type, RING_FAILED);
    assert_int_equal(read->code, -3004);
    assert_string_equal((const char *)read->data, "hello");
    ring_pop(ring);
    assert_null(ring_peek(ring));
    ring_free(ring);
}

static void test_reserved_again_replaces(void **state)
{
    (void)state;
    struct ring *ring = ring_new(MEGABYTE);
    assert_non_null(ring_reserve(ring, RING_ROW, 1000));
    assert_true(push(ring, RING_DONE, 1, 3));
    assert_true(pop(ring, RING_DONE, 1, 3));
    assert_null(ring_peek(ring));
    ring_free(ring);
}

static void test_without_data(void **state)
{
    (void)state;
    struct ring *ring = ring_new(MEGABYTE);
    for (uint32_t i = 0; i < 20000; i++)
        assert_true(push(ring, RING_READY, i, 0));
    for (uint32_t i = 0; i < 20000; i++)
        assert_true(pop(ring, RING_READY, i, 0));
    assert_null(ring_peek(ring));
    ring_free(ring);
}

static void test_sizes_about_a_chunk(void **state)
{
    (void)state;
    struct ring *ring = ring_new(64 * MEGABYTE);
    uint32_t number = 0;
    for (size_t size = CHUNK_SIZE - 40; size < CHUNK_SIZE + 40; size++) {
        assert_true(push(ring, RING_ROW, number, size));
        assert_true(push(ring, RING_ROW, number + 1, 5));
        assert_true(pop(ring, RING_ROW, number++, size));
        assert_true(pop(ring, RING_ROW, number++, 5));
    }
    assert_null(ring_peek(ring));
    ring_free(ring);
}

static void test_larger_than_a_chunk(void **state)
{
    (void)state;
    struct ring *ring = ring_new(64 * MEGABYTE);
    assert_true(push(ring, RING_ROW, 1, 100));
    assert_true(push(ring, RING_ROW, 2, 3 * MEGABYTE));
    assert_true(push(ring, RING_ROW, 3, 100));
    assert_true(pop(ring, RING_ROW, 1, 100));
    assert_true(pop(ring, RING_ROW, 2, 3 * MEGABYTE));
    assert_true(pop(ring, RING_ROW, 3, 100));
    assert_null(ring_peek(ring));
    ring_free(ring);
}

/* Rows until one is refused; returns how many. */
static uint32_t fill(struct ring *ring, uint32_t number, size_t size)
{
    uint32_t count = 0;
    while (push(ring, RING_ROW, number + count, size))
        count++;
    return count;
}

static void test_limit_refuses_rows(void **state)
{
    (void)state;
    enum { SIZE = 1000, LIMIT = 50000, OVERHEAD = 32 };
    struct ring *ring = ring_new(LIMIT);
    uint32_t count = fill(ring, 0, SIZE);
    assert_true(count * SIZE <= LIMIT);
    assert_true((count + 1) * (SIZE + OVERHEAD) > LIMIT);
    assert_false(push(ring, RING_ROW, count, SIZE));
    assert_true(pop(ring, RING_ROW, 0, SIZE));
    assert_true(push(ring, RING_ROW, count, SIZE));
    assert_false(push(ring, RING_ROW, count + 1, SIZE));
    for (uint32_t i = 1; i <= count; i++)
        assert_true(pop(ring, RING_ROW, i, SIZE));
    assert_null(ring_peek(ring));
    /* All of the limit is free again. */
    assert_int_equal(fill(ring, 0, SIZE), count);
    ring_free(ring);
}

static void test_limit_is_for_rows_only(void **state)
{
    (void)state;
    static const enum ring_type others[] = {RING_READY, RING_FAILED, RING_DONE, RING_RELEASED};
    struct ring *ring = ring_new(10000);
    uint32_t count = fill(ring, 0, 1000), number = count;
    for (int turn = 0; turn < 100; turn++)
        for (int i = 0; i < 4; i++)
            assert_true(push(ring, others[i], number++, 500));
    assert_false(push(ring, RING_ROW, number, 8));
    for (uint32_t i = 0; i < count; i++)
        assert_true(pop(ring, RING_ROW, i, 1000));
    for (uint32_t i = count; i < number; i++)
        assert_true(pop(ring, others[(i - count) % 4], i, 500));
    assert_true(push(ring, RING_ROW, 0, 1000));
    ring_free(ring);
}

static void test_a_row_above_the_limit(void **state)
{
    (void)state;
    struct ring *ring = ring_new(100);
    assert_false(push(ring, RING_ROW, 0, 101));
    assert_true(push(ring, RING_DONE, 1, 101));
    assert_true(pop(ring, RING_DONE, 1, 101));
    assert_true(push(ring, RING_ROW, 2, 50));
    assert_true(pop(ring, RING_ROW, 2, 50));
    ring_free(ring);
}

/* A refused row leaves what is there, and what comes, as it is. */
static void test_refusal_leaves_no_trace(void **state)
{
    (void)state;
    struct ring *ring = ring_new(2000);
    assert_true(push(ring, RING_ROW, 1, 900));
    for (int i = 0; i < 1000; i++)
        assert_false(push(ring, RING_ROW, 2, 1900));
    assert_true(push(ring, RING_ROW, 3, 900));
    assert_true(pop(ring, RING_ROW, 1, 900));
    assert_true(pop(ring, RING_ROW, 3, 900));
    assert_null(ring_peek(ring));
    ring_free(ring);
}

/* Random pushes and pops: the sizes of what is in it are drawn again from a second generator. */
static void test_random_sizes(void **state)
{
    (void)state;
    struct ring *ring = ring_new(INT64_MAX);
    uint64_t into = random_bits(), out = into;
    uint32_t pushed = 0, popped = 0;
    while (pushed < 10000) {
        bool filling = random_bits() % 2;
        for (uint64_t n = random_bits() % 100; n; n--) {
            if (filling)
                assert_true(push(ring, RING_ROW, pushed++, draw_size(&into)));
            else if (popped < pushed)
                assert_true(pop(ring, RING_ROW, popped++, draw_size(&out)));
            else
                assert_null(ring_peek(ring));
        }
    }
    while (popped < pushed)
        assert_true(pop(ring, RING_ROW, popped++, draw_size(&out)));
    assert_null(ring_peek(ring));
    ring_free(ring);
}

static void test_free_with_entries(void **state)
{
    (void)state;
    struct ring *ring = ring_new(INT64_MAX);
    uint64_t sizes = random_bits();
    for (uint32_t i = 0; i < 500; i++)
        assert_true(push(ring, RING_ROW, i, draw_size(&sizes)));
    ring_free(ring);
}

/* ---- two threads ---- */

enum { TRANSFERS = SANITIZED ? 5000 : 30000 };

struct transfer {
    struct ring *ring;
    uint64_t sizes;
    uint64_t refused;
};

static void *produce(void *argument)
{
    struct transfer *transfer = argument;
    for (uint32_t i = 0; i < TRANSFERS; i++) {
        size_t size = draw_size(&transfer->sizes);
        while (!push(transfer->ring, i % 16 ? RING_ROW : RING_DONE, i, size)) {
            transfer->refused++;
            sched_yield();
        }
    }
    return NULL;
}

/* The consumer is slower, or faster, than the producer, as the limit and the machine have it. */
static void transfer_with_limit(int64_t limit)
{
    pthread_t thread;
    struct transfer transfer = {.ring = ring_new(limit), .sizes = random_bits()};
    uint64_t sizes = transfer.sizes;
    bool good = true;
    assert_int_equal(pthread_create(&thread, NULL, produce, &transfer), 0);
    for (uint32_t i = 0; i < TRANSFERS; i++) {
        while (!ring_peek(transfer.ring))
            sched_yield();
        size_t size = draw_size(&sizes);
        good = good && pop(transfer.ring, i % 16 ? RING_ROW : RING_DONE, i, size);
        if (!good)
            ring_pop(transfer.ring); /* on to the end, so that the producer gets there */
    }
    pthread_join(thread, NULL);
    assert_true(good);
    assert_null(ring_peek(transfer.ring));
    assert_true(push(transfer.ring, RING_ROW, 1, 8));
    ring_free(transfer.ring);
}

static void test_threads(void **state)
{
    (void)state;
    transfer_with_limit(64 * MEGABYTE);
}

static void test_threads_at_the_limit(void **state)
{
    (void)state;
    transfer_with_limit(300000); /* room for one of the largest */
}

/* Consumers that look into empty rings all the time, more threads than CPUs: one is interrupted at
 * any point of its looking, while its producer goes on to other chunks. */
enum { PAIRS = 6, ROUNDS = SANITIZED ? 300 : 15000 };

static void *produce_slowly(void *argument)
{
    struct transfer *transfer = argument;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct ring_entry *entry =
            ring_reserve(transfer->ring, RING_DONE, i % 2 ? 8 : CHUNK_SIZE - 100);
        entry->flow = (struct flow *)(uintptr_t)i;
        ring_push(transfer->ring);
        for (volatile uint64_t wait = draw_from(&transfer->sizes) % 4000; wait; wait--)
            continue;
    }
    return NULL;
}

static void *consume_eagerly(void *argument)
{
    struct transfer *transfer = argument;
    for (uintptr_t i = 0; i < ROUNDS && !transfer->refused; i++) {
        const struct ring_entry *entry;
        while (!(entry = ring_peek(transfer->ring)))
            continue;
        transfer->refused = (uintptr_t)entry->flow != i;
        ring_pop(transfer->ring);
    }
    return NULL;
}

static void test_threads_interrupted(void **state)
{
    (void)state;
    pthread_t threads[2 * PAIRS];
    struct transfer transfers[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        transfers[i] = (struct transfer){.ring = ring_new(0), .sizes = random_bits()};
        pthread_create(&threads[2 * i], NULL, consume_eagerly, &transfers[i]);
        pthread_create(&threads[2 * i + 1], NULL, produce_slowly, &transfers[i]);
    }
    for (int i = 0; i < 2 * PAIRS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < PAIRS; i++) {
        assert_int_equal(transfers[i].refused, 0);
        ring_free(transfers[i].ring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_one_entry),
        cmocka_unit_test(test_reserved_again_replaces),
        cmocka_unit_test(test_without_data),
        cmocka_unit_test(test_sizes_about_a_chunk),
        cmocka_unit_test(test_larger_than_a_chunk),
        cmocka_unit_test(test_limit_refuses_rows),
        cmocka_unit_test(test_limit_is_for_rows_only),
        cmocka_unit_test(test_a_row_above_the_limit),
        cmocka_unit_test(test_refusal_leaves_no_trace),
        cmocka_unit_test(test_random_sizes),
        cmocka_unit_test(test_free_with_entries),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_threads_at_the_limit),
        cmocka_unit_test(test_threads_interrupted),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
