/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/host/pid_file.c and daemon/host/identity.c: what may lie there, and what stays. */
#include "daemon/host/pid_file.c"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "host/identity.h"
#include "unit.h"

static char directory[] = "/tmp/flowrig-pid-XXXXXX";
static char path[64], other[64];

static void put(const char *where, const char *text)
{
    FILE *file = fopen(where, "w");
    fputs(text, file);
    fclose(file);
}

static void check_holds(const char *where, const char *expected)
{
    char text[64] = "";
    FILE *file = fopen(where, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static void check_written(void)
{
    char expected[32];
    struct fail fail = {0};
    if (!pid_file_write(path, &fail))
        fail_msg("%s", fail.text);
    snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
    check_holds(path, expected);
}

static void check_refused(const char *sentence)
{
    struct fail fail = {0};
    assert_false(pid_file_write(path, &fail));
    if (!strstr(fail.text, sentence) || strncmp(fail.text, path, strlen(path)))
        fail_msg("%s", fail.text);
}

static void what_a_daemon_left_is_replaced(void **state)
{
    (void)state;
    check_written();
    check_written();
    pid_file_remove(path);
    assert_int_equal(access(path, F_OK), -1);
    static const char *const left[] = {"", "\n", "4194304999\n", "1\n", "17"};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        put(path, left[i]);
        check_written();
    }
    pid_file_remove(path);
}

static void what_is_something_else_stays(void **state)
{
    static const char *const texts[] = {"precious", "12 and more\n", "-5\n", "0\n", "1e3"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put(path, texts[i]);
        check_refused(" is not replaced: it contains something other than a process ID");
        check_holds(path, texts[i]);
        pid_file_remove(path);
        check_holds(path, texts[i]);
    }
    unlink(path);
    put(other, "precious");
    assert_int_equal(symlink(other, path), 0);
    check_refused("is a symbolic link");
    check_holds(other, "precious");
    unlink(path);
    unlink(other);
    assert_int_equal(mkfifo(path, 0600), 0);
    check_refused("is not a regular file");
    unlink(path);
}

static void the_file_of_another_daemon_stays(void **state)
{
    char text[32], sentence[96];
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_NAME, "flowd");
        for (;;)
            pause();
    }
    while (!is_flowd(child))
        usleep(1000);
    snprintf(text, sizeof text, "%ld\n", (long)child);
    put(path, text);
    snprintf(sentence, sizeof sentence,
             "belongs to a running flowd (process %ld): use another file", (long)child);
    check_refused(sentence);
    pid_file_remove(path);
    check_holds(path, text);
    kill(child, SIGKILL);
    while (is_flowd(child)) /* it is a zombie now */
        usleep(1000);
    check_written();
    waitpid(child, NULL, 0);
    /* Another one has taken its place since. */
    put(path, "1\n");
    pid_file_remove(path);
    check_holds(path, "1\n");
    unlink(path);
    pid_file_remove(path);
    pid_file_remove(NULL);
}

static void an_identity_lasts(void **state)
{
    (void)state;
    char id[PROTOCOL_ID_MAX], again[PROTOCOL_ID_MAX], sentence[128];
    struct fail fail = {0};
    snprintf(path, sizeof path, "%s/daemon-id", directory);
    assert_true(identity_read(directory, id, &fail));
    assert_int_equal(strlen(id), 32);
    assert_true(identity_read(directory, again, &fail));
    assert_string_equal(again, id);
    put(path, ""); /* a crash left it so */
    assert_true(identity_read(directory, again, &fail));
    assert_string_not_equal(again, id);
    assert_true(identity_read(directory, id, &fail));
    assert_string_equal(again, id);
    snprintf(sentence, sizeof sentence,
             "%s does not contain an identity; remove it to get a new one", path);
    static const char *const texts[] = {"zzz", "0123456789abcdef0123456789abcdeg\n", "0123",
                                        "0123456789abcdef0123456789abcdef0\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put(path, texts[i]);
        assert_false(identity_read(directory, id, &fail));
        assert_string_equal(fail.text, sentence);
        check_holds(path, texts[i]);
    }
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it */
    assert_false(identity_read(directory, id, &fail));
    assert_non_null(strstr(fail.text, "daemon-id is not a regular file"));
    unlink(path);
    assert_int_equal(symlink(other, path), 0);
    assert_false(identity_read(directory, id, &fail));
    assert_non_null(strstr(fail.text, "daemon-id is a symbolic link"));
    assert_int_equal(access(other, F_OK), -1);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_daemon_left_is_replaced),
        cmocka_unit_test(what_is_something_else_stays),
        cmocka_unit_test(the_file_of_another_daemon_stays),
        cmocka_unit_test(an_identity_lasts),
    };
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof path, "%s/pid", directory);
    snprintf(other, sizeof other, "%s/other", directory);
    int failed = cmocka_run_group_tests_name("pid_file", tests, NULL, NULL);
    rmdir(directory);
    return failed;
}
