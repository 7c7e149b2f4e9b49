/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

/* Threads and locks. Users may hold the lock of their session when they take this one; nothing that
 * is called with this lock held takes a session's. The writer holds it only to choose a block
 * and to settle what became of it: while the file is written, the block is SPILL_IN_WRITING, its
 * data may be read but not freed, and whoever drops it only marks it `dropped` and leaves the rest
 * to the writer. A block that is in the file never returns to memory, so that spill_read() can read
 * the file without the lock; only its owner drops it.
 *
 * The newest block is written first: the oldest ones are fetched next, and are best in memory. */

enum { BLOCK_MOST = 64 * 1024, BLOCK_LEAST = 16 * 1024, RETRY_S = 1 };

struct spill {
    int fd;
    size_t block_size;
    int64_t limit; /* places that there may be */
    struct budget *memory;
    atomic_bool complained; /* about what can't be read back: once is enough */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows, and of what may change in blocks */
    pthread_cond_t work, done;
    struct list waiting; /* blocks that may be written */
    int64_t *free_places;
    size_t free_count;
    int64_t places; /* that the file has, free ones included */
    bool writing, quit;
    int wanted; /* who waits for room */
    bool full;  /* the last block could not be written */
    int error;  /* why; 0: the limit */
};

/* A file that has no name, or loses it at once where the file system can't do without. */
static int open_nameless(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    char *path = mem_printf("%s/spill-XXXXXX", directory);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    free(path);
    return fd;
}

/* ---- places, with the lock ---- */

static bool take_place(struct spill *spill, int64_t *place)
{
    if (spill->free_count)
        *place = spill->free_places[--spill->free_count];
    else if (spill->places < spill->limit)
        *place = spill->places++;
    else
        return false;
    return true;
}

static void give_place(struct spill *spill, int64_t place)
{
    off_t size = (off_t)spill->block_size;
    spill->full = false;
    spill->free_places =
        mem_grow(spill->free_places, (size_t)spill->places, sizeof *spill->free_places);
    spill->free_places[spill->free_count++] = place;
    if ((int64_t)spill->free_count == spill->places) {
        spill->free_count = 0;
        spill->places = 0;
        if (!ftruncate(spill->fd, 0))
            return;
    }
    /* A file system that makes no holes has the space back when the file is empty. */
    (void)!fallocate(spill->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)place * size,
                     size);
}

/* ---- the thread that writes ---- */

static int write_block(const struct spill *spill, const struct spill_block *block)
{
    off_t begin = (off_t)block->place * (off_t)spill->block_size;
    for (size_t at = 0; at < block->used;) {
        ssize_t written = pwrite(spill->fd, block->data + at, block->used - at, begin + (off_t)at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written ? errno : ENOSPC;
        at += (size_t)written;
    }
    return 0;
}

static void free_memory(struct spill_block *block)
{
    budget_give(block->budget, (int64_t)block->size);
    *block->bytes -= (int64_t)block->size;
    free(block->data);
    block->data = NULL;
}

/* With the lock: what becomes of a block that was written, or could not be. */
static void settle(struct spill *spill, struct spill_block *block, int error)
{
    if (error && !spill->full)
        log_error("can't write reports to the state directory: %s", fail_errno(error));
    if (error || block->dropped)
        give_place(spill, block->place);
    spill->full = error != 0;
    spill->error = error;
    if (block->dropped) {
        free(block->data);
        free(block);
        return;
    }
    block->state = error ? SPILL_IN_MEMORY : SPILL_IN_FILE;
    if (error) {
        list_append(&spill->waiting, &block->waiting);
        return;
    }
    *block->spilled += (int64_t)block->used;
    free_memory(block);
}

/* With the lock, which is let go while the file is written. The newest block goes first: those
 * before it are read from memory meanwhile. */
static void write_newest(struct spill *spill)
{
    struct spill_block *block = list_item(spill->waiting.prev, struct spill_block, waiting);
    if (!take_place(spill, &block->place)) {
        spill->full = true;
        spill->error = 0;
        return;
    }
    list_remove(&block->waiting);
    block->state = SPILL_IN_WRITING;
    spill->writing = true;
    pthread_mutex_unlock(&spill->lock);
    int error = write_block(spill, block);
    pthread_mutex_lock(&spill->lock);
    spill->writing = false;
    settle(spill, block, error);
}

static bool has_work(const struct spill *spill)
{
    return !list_empty(&spill->waiting) && !spill->full &&
           (spill->wanted || spill->memory->used > spill->memory->limit / 2);
}

/* A disk that was full may have room later. */
static void wait_for_work(struct spill *spill)
{
    struct timespec until;
    if (!spill->full) {
        pthread_cond_wait(&spill->work, &spill->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RETRY_S;
    if (pthread_cond_timedwait(&spill->work, &spill->lock, &until) == ETIMEDOUT)
        spill->full = false;
}

static void *spill_main(void *argument)
{
    struct spill *spill = argument;
    pthread_setname_np(pthread_self(), "spill");
    pthread_mutex_lock(&spill->lock);
    while (!spill->quit) {
        if (has_work(spill))
            write_newest(spill);
        else
            wait_for_work(spill);
        pthread_cond_broadcast(&spill->done);
    }
    pthread_mutex_unlock(&spill->lock);
    return NULL;
}

/* ---- for its users ---- */

static void init_conditions(struct spill *spill)
{
    pthread_condattr_t monotonic;
    pthread_mutex_init(&spill->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&spill->work, &monotonic);
    pthread_cond_init(&spill->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void destroy(struct spill *spill)
{
    close(spill->fd);
    pthread_cond_destroy(&spill->work);
    pthread_cond_destroy(&spill->done);
    pthread_mutex_destroy(&spill->lock);
    free(spill->free_places);
    free(spill);
}

int spill_open(const char *directory, struct fail *fail)
{
    int fd = open_nameless(directory);
    if (fd < 0)
        fail_set(fail, 0, "can't create a file for reports in %s: %s", directory,
                 fail_errno(errno));
    return fd;
}

struct spill *spill_new(int fd, int64_t size, struct budget *memory, struct fail *fail)
{
    struct spill *spill = mem_new(1, sizeof *spill);
    int64_t block_size = memory->limit / 16 & ~INT64_C(4095);
    block_size = block_size < BLOCK_LEAST ? BLOCK_LEAST : block_size;
    spill->block_size = (size_t)(block_size > BLOCK_MOST ? BLOCK_MOST : block_size);
    spill->fd = fd;
    spill->limit = size / (int64_t)spill->block_size;
    spill->memory = memory;
    list_init(&spill->waiting);
    init_conditions(spill);
    int error = pthread_create(&spill->thread, NULL, spill_main, spill);
    if (!error)
        return spill;
    fail_set(fail, 0, "can't start the thread that writes reports: %s", fail_errno(error));
    destroy(spill);
    return NULL;
}

void spill_free(struct spill *spill)
{
    if (!spill)
        return;
    pthread_mutex_lock(&spill->lock);
    spill->quit = true;
    pthread_cond_signal(&spill->work);
    pthread_mutex_unlock(&spill->lock);
    pthread_join(spill->thread, NULL);
    destroy(spill);
}

size_t spill_block_size(const struct spill *spill)
{
    return spill->block_size;
}

void spill_offer(struct spill *spill, struct spill_block *block)
{
    if (!spill || block->used > spill->block_size)
        return;
    pthread_mutex_lock(&spill->lock);
    if (block->state == SPILL_IN_MEMORY && list_empty(&block->waiting)) {
        list_append(&spill->waiting, &block->waiting);
        if (has_work(spill))
            pthread_cond_signal(&spill->work);
    }
    pthread_mutex_unlock(&spill->lock);
}

static bool read_file(struct spill *spill, const struct spill_block *block, uint8_t *to)
{
    off_t begin = (off_t)block->place * (off_t)spill->block_size;
    for (size_t at = 0; at < block->used;) {
        ssize_t got = pread(spill->fd, to + at, block->used - at, begin + (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (!atomic_exchange(&spill->complained, true))
                log_error("can't read reports back from the state directory: %s",
                          got ? fail_errno(errno) : "the file is too short");
            return false;
        }
        at += (size_t)got;
    }
    return true;
}

bool spill_read(struct spill *spill, struct spill_block *block, uint8_t *to)
{
    if (spill)
        pthread_mutex_lock(&spill->lock);
    bool in_file = block->state == SPILL_IN_FILE;
    if (!in_file)
        memcpy(to, block->data, block->used);
    if (spill)
        pthread_mutex_unlock(&spill->lock);
    return !in_file || read_file(spill, block, to); /* it never comes back from there */
}

void spill_drop(struct spill *spill, struct spill_block *block)
{
    if (spill)
        pthread_mutex_lock(&spill->lock);
    bool in_writing = block->state == SPILL_IN_WRITING;
    list_remove(&block->waiting);
    if (block->state == SPILL_IN_FILE) {
        *block->spilled -= (int64_t)block->used;
        give_place(spill, block->place);
        pthread_cond_signal(&spill->work);
    } else {
        budget_give(block->budget, (int64_t)block->size);
        *block->bytes -= (int64_t)block->size;
    }
    block->dropped = true;
    if (spill) {
        /* Who waits for room may have it now, or nothing left to wait for, and the writer, which
         * found nothing to do, may not tell. */
        pthread_cond_broadcast(&spill->done);
        pthread_mutex_unlock(&spill->lock);
    }
    if (in_writing)
        return;
    free(block->data);
    free(block);
}

bool spill_wait(struct spill *spill, int64_t bytes)
{
    if (!spill)
        return false;
    if (bytes < (int64_t)spill->block_size)
        bytes = (int64_t)spill->block_size;
    pthread_mutex_lock(&spill->lock);
    spill->wanted++;
    bool room;
    while (!(room = spill->memory->limit - spill->memory->used >= bytes) && !spill->full &&
           (spill->writing || !list_empty(&spill->waiting))) {
        pthread_cond_signal(&spill->work);
        pthread_cond_wait(&spill->done, &spill->lock);
    }
    spill->wanted--;
    pthread_mutex_unlock(&spill->lock);
    return room;
}

void spill_explain(struct spill *spill, char *text, size_t size)
{
    text[0] = '\0';
    if (!spill)
        return;
    pthread_mutex_lock(&spill->lock);
    if (spill->error)
        snprintf(text, size, " nor in its file in the state directory (%s)",
                 fail_errno(spill->error));
    else
        snprintf(text, size, " nor in its file of %" PRId64 " bytes (--spill-size)",
                 spill->limit * (int64_t)spill->block_size);
    pthread_mutex_unlock(&spill->lock);
}
