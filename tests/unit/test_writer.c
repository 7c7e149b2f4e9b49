/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/writer.c: nothing is lost or moved, nobody waits for a slow reader, and
 * errors are told. */
#include "controller/output/writer.c"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "unit.h"
#include "clock.h"

enum { ROUNDS = 300, PUTS_MAX = 40, SOON_MS = 10000 };

static void open_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

/* Reads until the other end is closed. */
static void *read_all(void *argument)
{
    int fd = *(int *)argument;
    struct buffer *all = mem_new(1, sizeof *all);
    ssize_t length;
    while ((length = read(fd, buffer_reserve(all, 4096), 4096)) > 0)
        all->length += (size_t)length;
    return all;
}

/* Waits for the writer's error: its thread takes its time. */
static int error_of(struct writer *writer)
{
    for (int i = 0; i < SOON_MS && !writer_error(writer); i++)
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    return writer_error(writer);
}

static void put_text(struct writer *writer, const char *text)
{
    struct buffer buffer = {0};
    buffer_text(&buffer, text);
    assert_true(writer_put(writer, &buffer));
    assert_int_equal(buffer.length, 0);
    buffer_free(&buffer);
}

static void everything_is_written_in_order(void **state)
{
    (void)state;
    int ends[2];
    char text[64];
    open_pipe(ends);
    struct writer *writer = writer_new(ends[1]);
    put_text(writer, "one\n");
    put_text(writer, "");
    put_text(writer, "two\n");
    put_text(writer, "three");
    assert_int_equal(writer_error(writer), 0);
    assert_int_equal(writer_close(writer), 0); /* waits until all is written */
    assert_int_equal(read(ends[0], text, sizeof text), 13);
    assert_memory_equal(text, "one\ntwo\nthree", 13);
    /* The descriptor is still ours. */
    assert_int_equal(write(ends[1], "!", 1), 1);
    assert_int_equal(read(ends[0], text, sizeof text), 1);
    close(ends[0]);
    close(ends[1]);
}

static void what_is_put_is_written_without_a_close(void **state)
{
    (void)state;
    int ends[2];
    char text[8];
    open_pipe(ends);
    struct writer *writer = writer_new(ends[1]);
    for (int i = 0; i < 100; i++) {
        put_text(writer, "hello");
        assert_int_equal(read(ends[0], text, sizeof text), 5); /* waits for it */
        assert_memory_equal(text, "hello", 5);
    }
    assert_int_equal(writer_close(writer), 0);
    close(ends[0]);
    close(ends[1]);
}

static void writers_without_work_are_closed(void **state)
{
    (void)state;
    struct writer *writer = writer_new(-1); /* never touched */
    assert_int_equal(writer_error(writer), 0);
    assert_int_equal(writer_close(writer), 0);
    assert_int_equal(writer_close(NULL), 0);
}

/* Nobody reads, far more than a pipe holds is put, and no put waits. */
static void slow_readers_hold_up_nobody(void **state)
{
    (void)state;
    enum { PIECE = 100000, PIECES = 50 };
    int ends[2];
    pthread_t reader;
    struct buffer buffer = {0}, *all;
    void *result;
    open_pipe(ends);
    struct writer *writer = writer_new(ends[1]);
    for (int i = 0; i < PIECES; i++) {
        memset(buffer_reserve(&buffer, PIECE), 'a' + i % 26, PIECE);
        buffer.length = PIECE;
        assert_true(writer_put(writer, &buffer));
    }
    assert_int_equal(writer_error(writer), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_all, &ends[0]), 0);
    assert_int_equal(writer_close(writer), 0);
    close(ends[1]);
    pthread_join(reader, &result);
    all = result;
    assert_int_equal(all->length, PIECES * PIECE);
    for (size_t i = 0; i < all->length; i++)
        if (all->data[i] != (char)('a' + i / PIECE % 26))
            fail_msg("byte %zu is '%c'", i, all->data[i]);
    buffer_free(all);
    free(all);
    buffer_free(&buffer);
    close(ends[0]);
}

static void closed_pipes_are_an_error(void **state)
{
    (void)state;
    int ends[2];
    struct buffer buffer = {0};
    open_pipe(ends);
    close(ends[0]);
    struct writer *writer = writer_new(ends[1]);
    buffer_text(&buffer, "nobody reads this");
    assert_true(writer_put(writer, &buffer)); /* it is not known yet */
    assert_int_equal(error_of(writer), EPIPE);
    buffer_text(&buffer, "nor this");
    assert_false(writer_put(writer, &buffer));
    assert_int_equal(buffer.length, 0); /* taken in any case */
    assert_int_equal(writer_error(writer), EPIPE);
    assert_int_equal(writer_close(writer), EPIPE);
    buffer_free(&buffer);
    close(ends[1]);
}

static void errors_of_the_last_write_are_told(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct writer *writer = writer_new(-1);
    put_text(writer, "x");
    assert_int_equal(writer_close(writer), EBADF);
    if (full < 0) {
        printf("# there is no /dev/full\n");
        return;
    }
    writer = writer_new(full);
    put_text(writer, "x");
    assert_int_equal(writer_close(writer), ENOSPC);
    close(full);
}

/* A writer that has failed writes nothing more, even if it could. */
static void after_an_error_nothing_is_written(void **state)
{
    (void)state;
    char path[] = "/tmp/flowrig-writer-XXXXXX", text[16];
    int file = mkstemp(path), ends[2];
    struct buffer buffer = {0};
    assert_true(file >= 0);
    unlink(path);
    open_pipe(ends);
    close(ends[0]);
    int fd = ends[1];
    struct writer *writer = writer_new(fd);
    put_text(writer, "lost");
    assert_int_equal(error_of(writer), EPIPE);
    assert_int_equal(dup2(file, fd), fd);
    buffer_text(&buffer, "late");
    assert_false(writer_put(writer, &buffer));
    assert_int_equal(writer_close(writer), EPIPE);
    assert_int_equal(pread(file, text, sizeof text, 0), 0);
    buffer_free(&buffer);
    close(fd);
    close(file);
}

static void nothing(int signal_number)
{
    (void)signal_number;
}

/* A reader that takes everything while signals arrive: a write that is interrupted goes on. */
static void interrupted_writes_go_on(void **state)
{
    (void)state;
    enum { PIECE = 1 << 20 };
    struct sigaction action = {.sa_handler = nothing}, before; /* without SA_RESTART */
    int ends[2];
    pthread_t reader;
    struct buffer buffer = {0}, *all;
    void *result;
    sigaction(SIGUSR1, &action, &before);
    open_pipe(ends);
    struct writer *writer = writer_new(ends[1]);
    for (int i = 0; i < PIECE / 8; i++)
        buffer_printf(&buffer, "%08d", i);
    assert_true(writer_put(writer, &buffer));
    for (int i = 0; i < 50; i++) {
        pthread_kill(writer->thread, SIGUSR1);
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS / 5}, NULL);
    }
    assert_int_equal(writer_error(writer), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_all, &ends[0]), 0);
    assert_int_equal(writer_close(writer), 0);
    close(ends[1]);
    pthread_join(reader, &result);
    all = result;
    assert_int_equal(all->length, PIECE);
    for (int i = 0; i < PIECE / 8; i++) {
        char number[16];
        snprintf(number, sizeof number, "%08d", i);
        assert_memory_equal(all->data + 8 * i, number, 8);
    }
    buffer_free(all);
    free(all);
    buffer_free(&buffer);
    close(ends[0]);
    sigaction(SIGUSR1, &before, NULL);
}

static void random_pieces_come_out_as_they_went_in(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int ends[2];
        pthread_t reader;
        void *result;
        struct buffer sent = {0}, buffer = {0}, *all;
        open_pipe(ends);
        struct writer *writer = writer_new(ends[1]);
        assert_int_equal(pthread_create(&reader, NULL, read_all, &ends[0]), 0);
        for (uint64_t i = random_below(PUTS_MAX); i > 0; i--) {
            for (uint64_t k = random_below(UINT64_C(1) << random_below(12)); k > 0; k--) {
                uint64_t piece = random_bits();
                buffer_add(&buffer, &piece, sizeof piece);
            }
            buffer_add(&sent, buffer.data, buffer.length);
            assert_true(writer_put(writer, &buffer));
        }
        assert_int_equal(writer_close(writer), 0);
        close(ends[1]);
        pthread_join(reader, &result);
        all = result;
        assert_int_equal(all->length, sent.length);
        if (sent.length)
            assert_memory_equal(all->data, sent.data, sent.length);
        buffer_free(all);
        free(all);
        buffer_free(&sent);
        buffer_free(&buffer);
        close(ends[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_written_in_order),
        cmocka_unit_test(what_is_put_is_written_without_a_close),
        cmocka_unit_test(writers_without_work_are_closed),
        cmocka_unit_test(slow_readers_hold_up_nobody),
        cmocka_unit_test(closed_pipes_are_an_error),
        cmocka_unit_test(errors_of_the_last_write_are_told),
        cmocka_unit_test(after_an_error_nothing_is_written),
        cmocka_unit_test(interrupted_writes_go_on),
        cmocka_unit_test(random_pieces_come_out_as_they_went_in),
    };
    signal(SIGPIPE, SIG_IGN);
    alarm(60); /* a put that waits would do so for ever */
    seed_random();
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
