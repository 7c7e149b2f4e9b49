/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/session/spill.c under a store: rows come back in order from memory and file, space
 * is given back, and what finds no room is refused exactly. */
#include "spill_bench.h"

#include <sys/stat.h>

static int64_t file_bytes(const struct spill *spill)
{
    struct stat status;
    assert_int_equal(fstat(spill->fd, &status), 0);
    return (int64_t)status.st_blocks * 512;
}

static void test_rows_come_back_in_order(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench, MEMORY, INT64_C(1) << 30);
    for (int64_t i = 1; i <= 50000; i++)
        assert_true(add(&bench, i, 800));
    assert_true(bench.memory.used <= MEMORY);
    assert_true(bench.store.spilled > 50000 * 800 - 2 * MEMORY);
    assert_int_equal(read_all(&bench, 0, false), 50000);
    assert_int_equal(read_all(&bench, 31234, false), 50000);
    take_down(&bench);
}

static void test_space_is_given_back(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench, MEMORY, INT64_C(1) << 30);
    for (int64_t i = 1; i <= 50000; i++)
        assert_true(add(&bench, i, 800));
    int64_t full = file_bytes(bench.spill);
    assert_true(full > 30000000);
    store_acknowledge(&bench.store, 25000);
    int64_t half = file_bytes(bench.spill);
    assert_true(half < full * 6 / 10);
    int64_t places = bench.spill->places;
    for (int64_t i = 50001; i <= 70000; i++)
        assert_true(add(&bench, i, 800));
    assert_int_equal(bench.spill->places, places); /* free places are taken first */
    assert_int_equal(read_all(&bench, 25000, true), 70000);
    assert_int_equal(file_bytes(bench.spill), 0);
    take_down(&bench);
}

static void test_the_limit_is_kept(void **state)
{
    (void)state;
    enum { SIZE = 4 << 20 };
    struct bench bench;
    char why[200];
    int64_t kept = 0;
    set_up(&bench, MEMORY, SIZE);
    while (add(&bench, kept + 1, 1000))
        kept++;
    assert_true(kept * 1000 <= SIZE + MEMORY);
    assert_true(kept * 1000 > (SIZE + MEMORY) / 10 * 9);
    assert_true(bench.store.spilled <= SIZE && file_bytes(bench.spill) <= SIZE);
    assert_false(add(&bench, 0, 1000));
    spill_explain(bench.spill, why, sizeof why);
    assert_string_equal(why, " nor in its file of 4194304 bytes (--spill-size)");
    store_acknowledge(&bench.store, kept / 2);
    assert_true(add(&bench, kept + 1, 1000)); /* it is not for ever */
    assert_int_equal(read_all(&bench, kept / 2, true), kept + 1);
    take_down(&bench);
}

/* The file is used before there is need: else each row would have to wait for the disk. */
static void test_half_of_the_memory_is_kept_free(void **state)
{
    (void)state;
    struct bench bench;
    uint8_t row[1000] = {0};
    uint32_t size = htole32(sizeof row);
    memcpy(row, &size, 4);
    set_up(&bench, MEMORY, INT64_C(1) << 30);
    for (size_t i = 0; i < MEMORY / 100 * 45 / sizeof row; i++)
        assert_true(store_add(&bench.store, row, sizeof row));
    let_it_write(&bench);
    assert_int_equal(bench.store.spilled, 0);
    for (size_t i = 0; i < MEMORY / 100 * 50 / sizeof row; i++)
        assert_true(store_add(&bench.store, row, sizeof row)); /* nobody waits for room */
    let_it_write(&bench);
    assert_true(bench.store.spilled > 0);
    assert_true(bench.memory.used <= MEMORY / 2 + BLOCK_MOST);
    take_down(&bench);
}

/* A block that was dropped while it was written leaves no hole. */
static void test_dropped_in_writing(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench, MEMORY, INT64_C(1) << 30);
    struct spill_block *block = mem_new(1, sizeof *block);
    *block = (struct spill_block){.data = mem_new(1, 100), .state = SPILL_IN_WRITING};
    block->dropped = true;
    pthread_mutex_lock(&bench.spill->lock);
    int64_t first = 0;
    assert_true(take_place(bench.spill, &first));
    assert_true(take_place(bench.spill, &block->place));
    settle(bench.spill, block, 0);
    assert_int_equal(bench.spill->free_count, 1);
    give_place(bench.spill, first);
    assert_int_equal(bench.spill->places, 0);
    pthread_mutex_unlock(&bench.spill->lock);
    take_down(&bench);
}

static void *wait_for_room(void *spill)
{
    return spill_wait(spill, 4096) ? spill : NULL;
}

static bool somebody_waits(struct spill *spill)
{
    pthread_mutex_lock(&spill->lock);
    bool waits = spill->wanted > 0;
    pthread_mutex_unlock(&spill->lock);
    return waits;
}

/* The block that could have been written is dropped before the writer comes to it: then there is
 * room, and no writer that says so. */
static void test_a_drop_wakes_who_waits_for_room(void **state)
{
    struct budget memory = {.limit = MEMORY};
    _Atomic int64_t bytes = MEMORY, spilled = 0;
    struct spill spill = {.memory = &memory, .block_size = 4096, .limit = 8};
    struct spill_block *block = mem_new(1, sizeof *block);
    struct timespec until;
    pthread_t thread;
    void *room = NULL;
    (void)state;
    list_init(&spill.waiting);
    init_conditions(&spill);
    assert_true(budget_take(&memory, MEMORY));
    *block = (struct spill_block){
        .size = MEMORY, .budget = &memory, .bytes = &bytes, .spilled = &spilled};
    list_append(&spill.waiting, &block->waiting);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_room, &spill), 0);
    while (!somebody_waits(&spill))
        sched_yield();
    spill_drop(&spill, block);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    assert_int_equal(pthread_timedjoin_np(thread, &room, &until), 0);
    assert_ptr_equal(room, &spill);
    pthread_cond_destroy(&spill.work);
    pthread_cond_destroy(&spill.done);
    pthread_mutex_destroy(&spill.lock);
}

/* Who has no place is told at once when there is one, and need not wait for the next try. */
static void test_a_place_that_is_given_back_wakes_the_writer(void **state)
{
    (void)state;
    struct bench bench;
    int64_t kept = 0;
    set_up(&bench, MEMORY, 4 << 20);
    while (add(&bench, kept + 1, 1000))
        kept++;
    int before = signals;
    struct spill_block *first = list_item(bench.store.blocks.next, struct spill_block, link);
    list_for_each (link, &bench.store.blocks) {
        first = list_item(link, struct spill_block, link);
        if (first->state == SPILL_IN_FILE)
            break;
    }
    assert_int_equal(first->state, SPILL_IN_FILE);
    list_remove(&first->link);
    spill_drop(bench.spill, first);
    assert_true(signals > before);
    take_down(&bench);
}

static void test_without_a_spill(void **state)
{
    (void)state;
    char why[10] = "x";
    assert_false(spill_wait(NULL, 1));
    spill_explain(NULL, why, sizeof why);
    assert_string_equal(why, "");
    spill_free(NULL);
}

/* Rows of random sizes are added, read and acknowledged in random order and amounts. */
static void test_random(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct bench bench;
        int64_t last = 0, acknowledged = 0;
        set_up(&bench, 1 << 16 << random_below(5), INT64_C(1) << 30);
        for (int i = 0; i < 4000; i++) {
            switch (random_below(20)) {
            case 0:
                assert_int_equal(read_all(&bench, acknowledged, false), last);
                break;
            case 1:
                acknowledged += (int64_t)random_below((uint64_t)(last - acknowledged) + 1);
                store_acknowledge(&bench.store, acknowledged);
                break;
            default:
                assert_true(add(&bench, last + 1, 24 + 8 * random_below(ROW_MAX / 8 - 3)));
                last++;
            }
            assert_true(bench.memory.used <= bench.memory.limit);
        }
        assert_int_equal(read_all(&bench, acknowledged, true), last);
        take_down(&bench);
    }
}

static void test_stores_share_the_file(void **state)
{
    (void)state;
    struct bench bench;
    struct store other;
    set_up(&bench, MEMORY, INT64_C(1) << 30);
    store_init(&other, &bench.memory);
    other.spill = bench.spill;
    for (int64_t i = 1; i <= 20000; i++) {
        assert_true(add(&bench, i, 500));
        uint8_t row[64] = {64};
        while (!store_add(&other, row, sizeof row))
            assert_true(spill_wait(bench.spill, sizeof row));
    }
    assert_true(bench.store.spilled && other.spilled);
    assert_int_equal(read_all(&bench, 0, true), 20000);
    struct buffer rows = {0};
    int64_t first;
    assert_int_equal(store_read(&other, 0, 1 << 24, &rows, &first), 20000);
    buffer_free(&rows);
    store_free(&other);
    take_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_come_back_in_order),
        cmocka_unit_test(test_space_is_given_back),
        cmocka_unit_test(test_the_limit_is_kept),
        cmocka_unit_test(test_half_of_the_memory_is_kept_free),
        cmocka_unit_test(test_dropped_in_writing),
        cmocka_unit_test(test_a_drop_wakes_who_waits_for_room),
        cmocka_unit_test(test_a_place_that_is_given_back_wakes_the_writer),
        cmocka_unit_test(test_without_a_spill),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_stores_share_the_file),
    };
    seed_random();
    return cmocka_run_group_tests_name("spill", tests, make_directory, remove_directory);
}
