/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/file.c: what others put in the place of a file neither holds a program up nor is
 * harmed by it. */
#include "common/file.c"

#include <sys/resource.h>
#include <signal.h>

#include "unit.h"

static char directory[] = "/tmp/flowrig-file-XXXXXX";
static char path[64], other[64];

static void put(const char *where, const char *data, size_t length)
{
    unlink(where);
    int fd = open(where, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0 && file_write(fd, data, length, NULL));
    close(fd);
}

static void check_holds(const char *where, const char *expected)
{
    struct fail fail = {0};
    int fd = file_open(NULL, where, O_RDONLY, 0, &fail);
    char *text = fd >= 0 ? file_read_text(where, fd, 100, &fail) : NULL;
    if (!text)
        fail_msg("%s", fail.text);
    assert_string_equal(text, expected);
    free(text);
    close(fd);
}

static void check_refused(int flags, unsigned demands, int error, const char *sentence)
{
    struct fail fail = {0};
    char expected[256];
    snprintf(expected, sizeof expected, "%s %s", path, sentence);
    assert_int_equal(file_open(NULL, path, flags, demands, &fail), -1);
    assert_int_equal(errno, error);
    assert_string_equal(fail.text, expected);
    fail.text[0] = '\0';
    assert_int_equal(file_open("the file", path, flags, demands, &fail), -1);
    assert_memory_equal(fail.text, "the file ", 9);
    unlink(path);
}

static void only_regular_files_are_opened(void **state)
{
    (void)state;
    check_refused(O_RDONLY, 0, ENOENT, "can't be read: No such file or directory");
    check_refused(O_RDWR, 0, ENOENT, "can't be opened: No such file or directory");
    /* Nobody writes to it, and nobody reads: neither is waited for. */
    mkfifo(path, 0600);
    check_refused(O_RDONLY, 0, EINVAL, "is not a regular file");
    mkfifo(path, 0600);
    check_refused(O_WRONLY, 0, ENXIO, "is not a regular file");
    mkdir(path, 0700);
    check_refused(O_RDONLY, 0, EINVAL, "is not a regular file");
    rmdir(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    check_refused(O_RDONLY, 0, EINVAL, "is not a regular file");
}

static void links_are_followed_unless_refused(void **state)
{
    (void)state;
    put(other, "hello", 5);
    assert_int_equal(symlink(other, path), 0);
    check_holds(path, "hello");
    check_refused(O_RDONLY, FILE_NO_LINK, ELOOP, "is a symbolic link, and is not followed");
    assert_int_equal(symlink("/nonexistent", path), 0);
    check_refused(O_RDONLY, FILE_NO_LINK, ELOOP, "is a symbolic link, and is not followed");
    unlink(other);
}

static void private_files_are_closed_to_others(void **state)
{
    static const mode_t open_modes[] = {0604, 0602, 0640, 0620, 0601};
    (void)state;
    struct fail fail = {0};
    put(path, "x", 1);
    int fd = file_open(NULL, path, O_RDONLY, FILE_PRIVATE, &fail);
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
        char sentence[160];
        put(path, "x", 1);
        chmod(path, open_modes[i]);
        snprintf(sentence, sizeof sentence,
                 "is accessible to others (mode %04o): restrict it with chmod 600 %s",
                 open_modes[i], path);
        check_refused(O_RDONLY, FILE_PRIVATE, EINVAL, sentence);
    }
    put(path, "x", 1);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 0), 0);
        check_refused(O_RDONLY, FILE_PRIVATE, EINVAL,
                      "belongs to user 12345, but must belong to the user that runs the program "
                      "(0)");
    }
    unlink(path);
}

static void check_text(const char *data, size_t length, size_t max, const char *sentence)
{
    struct fail fail = {0};
    put(path, data, length);
    int fd = file_open(NULL, path, O_RDONLY, 0, NULL);
    char *text = file_read_text("it", fd, max, &fail);
    if (sentence) {
        assert_null(text);
        assert_string_equal(fail.text, sentence);
    } else {
        assert_non_null(text);
        assert_string_equal(text, data);
    }
    free(text);
    close(fd);
    unlink(path);
}

static void texts_are_read_whole_or_refused(void **state)
{
    (void)state;
    check_text("", 0, 10, NULL);
    check_text("1234567890", 10, 10, NULL);
    check_text("1234567890a", 11, 10, "it is larger than 10 bytes");
    check_text("12\0", 3, 10, "it contains a NUL byte: it is not a text file, or is damaged");
    check_text("\0", 1, 10, "it contains a NUL byte: it is not a text file, or is damaged");
    struct fail fail = {0};
    int fd = open(directory, O_RDONLY);
    assert_null(file_read_text("it", fd, 10, &fail));
    assert_string_equal(fail.text, "it can't be read: Is a directory");
    close(fd);
}

static void put_replaces_and_writes_through_no_link(void **state)
{
    (void)state;
    struct fail fail = {0};
    struct stat status;
    put(other, "precious", 8);
    assert_int_equal(symlink(other, path), 0);
    assert_true(file_put(path, 0640, "new", 3, false, &fail));
    check_holds(path, "new");
    check_holds(other, "precious");
    assert_int_equal(lstat(path, &status), 0);
    assert_int_equal(status.st_mode & S_IFMT, S_IFREG);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_true(file_put(path, 0600, "kept out", 8, true, &fail));
    check_holds(path, "new");
    unlink(path);
    assert_true(file_put(path, 0600, "first", 5, true, &fail));
    check_holds(path, "first");
    /* What lies where the file is written at first is not written through either. */
    char beside[96];
    snprintf(beside, sizeof beside, "%s.%ld", path, (long)getpid());
    assert_int_equal(symlink(other, beside), 0);
    assert_true(file_put(path, 0600, "second", 6, false, &fail));
    check_holds(path, "second");
    check_holds(other, "precious");
    assert_int_equal(access(beside, F_OK), -1);
    unlink(other);
    unlink(path);
}

static void what_can_not_be_put_is_not_there(void **state)
{
    (void)state;
    struct fail fail = {0};
    struct rlimit before, small = {4, RLIM_INFINITY};
    put(path, "old", 3);
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    assert_false(file_put(path, 0600, "too long", 8, false, &fail));
    setrlimit(RLIMIT_FSIZE, &before);
    assert_non_null(strstr(fail.text, "can't be written: File too large"));
    check_holds(path, "old");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(file_put(path, 0600, "x", 1, false, &fail));
    assert_non_null(strstr(fail.text, "can't be written: Is a directory"));
    rmdir(path);
    /* Nothing is left of any of it. */
    assert_int_equal(rmdir(directory), 0);
    assert_int_equal(mkdir(directory, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(links_are_followed_unless_refused),
        cmocka_unit_test(private_files_are_closed_to_others),
        cmocka_unit_test(texts_are_read_whole_or_refused),
        cmocka_unit_test(put_replaces_and_writes_through_no_link),
        cmocka_unit_test(what_can_not_be_put_is_not_there),
    };
    umask(0);
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof path, "%s/file", directory);
    snprintf(other, sizeof other, "%s/other", directory);
    int failed = cmocka_run_group_tests_name("file", tests, NULL, NULL);
    rmdir(directory);
    return failed;
}
