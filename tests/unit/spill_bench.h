/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of daemon/session/spill.c share: a store with a little memory and a file, and rows
 * that are added and read as the collector does. */
#ifndef FLOWRIG_UNIT_SPILL_BENCH_H
#define FLOWRIG_UNIT_SPILL_BENCH_H

#include <pthread.h>
#include <unistd.h>

/* What a test sees of the kernel: signals that were given, and a place that can't be read. */
static _Atomic int signals;
static _Atomic off_t unreadable = -1;

static inline int count_signal(pthread_cond_t *condition)
{
    signals++;
    return pthread_cond_signal(condition);
}

static inline ssize_t read_most_places(int fd, void *to, size_t size, off_t at);

#define pthread_cond_signal count_signal
#define pread               read_most_places
#include "daemon/session/spill.c"
#undef pthread_cond_signal
#undef pread

#include <endian.h>

#include "daemon/session/store.h"
#include "unit.h"

enum { MEMORY = 1 << 20, ROW_MAX = 6000 };

static char directory[] = "/tmp/flowrig-spill-XXXXXX";

/* Before and after all tests of a program. */
static inline int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static inline int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static inline ssize_t read_most_places(int fd, void *to, size_t size, off_t at)
{
    return at == unreadable ? 0 : pread(fd, to, size, at);
}

struct bench {
    struct budget memory;
    struct spill *spill;
    struct store store;
};

static inline void set_up(struct bench *bench, int64_t memory, int64_t size)
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

static inline void take_down(struct bench *bench)
{
    store_free(&bench->store);
    assert_int_equal(bench->memory.used, 0);
    assert_int_equal(bench->store.spilled, 0);
    spill_free(bench->spill);
}

/* As the collector does: where there is no room, waits for the writer. */
static inline bool add(struct bench *bench, int64_t number, size_t length)
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
static inline int64_t read_all(struct bench *bench, int64_t after, bool acknowledge)
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

/* Waits until the writer has nothing to do. What the last row charged to the memory it need not
 * have seen: the next row would wake it, as this does. */
static inline void let_it_write(struct bench *bench)
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

#endif
