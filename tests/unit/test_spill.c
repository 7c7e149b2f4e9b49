/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/session/spill.c under a store: rows come back in order from memory and file, space
 * is given back, and what finds no room is refused exactly. */
#include <pthread.h>
#include <unistd.h>

/* What a test sees of the kernel: signals that were given, and a place that can't be read. */
static _Atomic int signals;
static _Atomic off_t unreadable = -1;

static int count_signal(pthread_cond_t *condition)
{
    signals++;
    return pthread_cond_signal(condition);
}

static ssize_t read_most_places(int fd, void *to, size_t size, off_t at);

#define pthread_cond_signal count_signal
#define pread               read_most_places
#include "daemon/session/spill.c"
#undef pthread_cond_signal
#undef pread

#include <endian.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/session/store.h"
#include "unit.h"

enum { MEMORY = 1 << 20, ROW_MAX = 6000 };

static char directory[] = "/tmp/flowrig-spill-XXXXXX";

static ssize_t read_most_places(int fd, void *to, size_t size, off_t at)
{
    return at == unreadable ? 0 : pread(fd, to, size, at);
}

struct bench {
    struct budget memory;
    struct spill *spill;
    struct store store;
};

static void set_up(struct bench *bench, int64_t memory, int64_t size)
{
    struct fail fail;
    *bench = (struct bench){.memory = {.limit = memory}};
    int fd = spill_open(directory, &fail);
    assert_true(fd >= 0);
    bench->spill = spill_new(fd, size, &bench->memory, &fail);
    assert_non_null(bench->spill);
    store_init(&bench->store, &bench->memory);
    bench->store.spill = bench->spill;
}

static int64_t file_bytes(const struct spill *spill)
{
    struct stat status;
    assert_int_equal(fstat(spill->fd, &status), 0);
    return (int64_t)status.st_blocks * 512;
}

static void take_down(struct bench *bench)
{
    store_free(&bench->store);
    assert_int_equal(bench->memory.used, 0);
    assert_int_equal(bench->store.spilled, 0);
    spill_free(bench->spill);
}

/* As the collector does: where there is no room, waits for the writer. */
static bool add(struct bench *bench, int64_t number, size_t length)
{
    static _Thread_local uint8_t row[ROW_MAX];
    uint32_t size = htole32((uint32_t)length);
    memset(row, (int)(number & 0xff), length);
    memcpy(row, &size, 4);
    memcpy(row + 8, &number, 8);
    while (!store_add(&bench->store, row, length))
        if (!spill_wait(bench->spill, (int64_t)length))
            return false;
    return true;
}

/* Reads all after `after`, which must be the rows from `first` on without a gap, and gives the
 * last. */
static int64_t read_all(struct bench *bench, int64_t after, bool acknowledge)
{
    for (;;) {
        struct buffer rows = {0};
        int64_t first, count = store_read(&bench->store, after, 100000, &rows, &first);
        size_t at = 0;
        for (int64_t number = first; number < first + count; number++) {
            uint32_t length;
            int64_t written;
            memcpy(&length, rows.data + at, 4);
            memcpy(&written, rows.data + at + 8, 8);
            assert_int_equal(written, number);
            at += le32toh(length);
            assert_int_equal((uint8_t)rows.data[at - 1], number & 0xff);
        }
        assert_int_equal(at, rows.length);
        buffer_free(&rows);
        if (!count)
            return after;
        assert_int_equal(first, after + 1);
        after += count;
        if (acknowledge)
            store_acknowledge(&bench->store, after);
    }
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

/* A full disk, as near as a process gets to one without a file system of its own. */
static void test_a_file_that_can_not_grow(void **state)
{
    (void)state;
    enum { SIZE = 2 << 20 };
    struct rlimit limit, before;
    struct bench bench;
    char why[200];
    int64_t kept = 0;
    set_up(&bench, MEMORY, INT64_C(1) << 30);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){SIZE, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    while (add(&bench, kept + 1, 1000))
        kept++;
    spill_explain(bench.spill, why, sizeof why);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_string_equal(why, " nor in its file in the state directory (File too large)");
    assert_true(kept * 1000 > (SIZE + MEMORY) / 10 * 9);
    assert_int_equal(read_all(&bench, 0, true), kept); /* what was taken is there */
    assert_true(add(&bench, kept + 1, 1000));
    take_down(&bench);
}

static bool is_writing(struct spill *spill)
{
    pthread_mutex_lock(&spill->lock);
    bool writing = spill->writing;
    pthread_mutex_unlock(&spill->lock);
    return writing;
}

static void test_a_file_that_lost_its_end(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench, MEMORY, INT64_C(1) << 30);
    for (int64_t i = 1; i <= 5000; i++)
        assert_true(add(&bench, i, 1000));
    assert_true(bench.store.spilled > 0);
    while (spill_wait(bench.spill, MEMORY / 2) && is_writing(bench.spill))
        continue;
    assert_int_equal(ftruncate(bench.spill->fd, 0), 0);
    int64_t after = 0, got = 0;
    for (;;) {
        struct buffer rows = {0};
        int64_t first, count = store_read(&bench.store, after, 1 << 20, &rows, &first);
        buffer_free(&rows);
        if (!count)
            break;
        got += count;
        after = first + count - 1;
    }
    assert_true(bench.store.unreadable > 0);
    assert_int_equal(got + bench.store.unreadable, 5000);
    take_down(&bench);
}

/* Waits until the writer has nothing to do. What the last row charged to the memory it need not
 * have seen: the next row would wake it, as this does. */
static void let_it_write(struct bench *bench)
{
    for (;;) {
        pthread_mutex_lock(&bench->spill->lock);
        bool busy = bench->spill->writing || has_work(bench->spill);
        pthread_cond_signal(&bench->spill->work);
        pthread_mutex_unlock(&bench->spill->lock);
        if (!busy)
            return;
        usleep(1000);
    }
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

/* What lies on both sides of a block that can't be read is not given as one piece. */
static void test_a_block_that_can_not_be_read(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench, MEMORY, INT64_C(1) << 30);
    for (int64_t i = 1; i <= 5000; i++)
        assert_true(add(&bench, i, 1000));
    let_it_write(&bench);
    struct spill_block *lost = NULL;
    int in_file = 0;
    list_for_each (link, &bench.store.blocks) {
        struct spill_block *block = list_item(link, struct spill_block, link);
        if (block->state == SPILL_IN_FILE && ++in_file == 3)
            lost = block;
    }
    assert_non_null(lost);
    int64_t first_lost = lost->first, lost_rows = lost->rows, first;
    unreadable = (off_t)lost->place * (off_t)bench.spill->block_size;
    struct buffer rows = {0};
    assert_int_equal(store_read(&bench.store, 0, SIZE_MAX, &rows, &first), first_lost - 1);
    assert_int_equal(first, 1);
    assert_int_equal(bench.store.unreadable, lost_rows);
    assert_int_equal(store_read(&bench.store, first_lost - 1, SIZE_MAX, &rows, &first),
                     5000 - first_lost - lost_rows + 1);
    assert_int_equal(first, first_lost + lost_rows); /* the gap can be seen */
    unreadable = -1;
    buffer_free(&rows);
    take_down(&bench);
}

static void test_no_directory(void **state)
{
    (void)state;
    struct fail fail;
    assert_int_equal(spill_open("/nowhere/at/all", &fail), -1);
    assert_string_equal(fail.text, "can't create a file for reports in /nowhere/at/all: No such "
                                   "file or directory");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_come_back_in_order),
        cmocka_unit_test(test_space_is_given_back),
        cmocka_unit_test(test_the_limit_is_kept),
        cmocka_unit_test(test_a_file_that_can_not_grow),
        cmocka_unit_test(test_a_file_that_lost_its_end),
        cmocka_unit_test(test_half_of_the_memory_is_kept_free),
        cmocka_unit_test(test_dropped_in_writing),
        cmocka_unit_test(test_a_drop_wakes_who_waits_for_room),
        cmocka_unit_test(test_a_place_that_is_given_back_wakes_the_writer),
        cmocka_unit_test(test_a_block_that_can_not_be_read),
        cmocka_unit_test(test_no_directory),
        cmocka_unit_test(test_without_a_spill),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_stores_share_the_file),
    };
    seed_random();
    if (!mkdtemp(directory))
        return 1;
    int failed = cmocka_run_group_tests_name("spill", tests, NULL, NULL);
    rmdir(directory);
    return failed;
}
