/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/session/spill.c under a store: files that can't be made, grow or be read. */
#include "spill_bench.h"

#include <signal.h>
#include <sys/resource.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_that_can_not_grow),
        cmocka_unit_test(test_a_file_that_lost_its_end),
        cmocka_unit_test(test_a_block_that_can_not_be_read),
        cmocka_unit_test(test_no_directory),
    };
    return cmocka_run_group_tests_name("spill_failures", tests, make_directory, remove_directory);
}
