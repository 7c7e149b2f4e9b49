/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/fleet/known_hosts.c. */
#include "controller/fleet/known_hosts.c"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "unit.h"

#define KEY_A "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "sha256//BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB="

static char directory[] = "/tmp/flowrig-known-XXXXXX";

static void where_it_lies(void **state)
{
    (void)state;
    setenv("XDG_CONFIG_HOME", "/x", 1);
    setenv("HOME", "/h", 1);
    char *path = known_hosts_path();
    assert_string_equal(path, "/x/flowrig/known_hosts");
    free(path);
    setenv("XDG_CONFIG_HOME", "relative", 1); /* such are to be ignored */
    path = known_hosts_path();
    assert_string_equal(path, "/h/.config/flowrig/known_hosts");
    free(path);
    unsetenv("HOME");
    assert_null(known_hosts_path());
}

static void what_is_added_is_found(void **state)
{
    (void)state;
    char key[FINGERPRINT_MAX];
    int line = -1;
    struct fail fail = {0};
    struct stat status;
    char *path = mem_printf("%s/a/b/known", directory);
    assert_true(known_hosts_find(path, "host1:5999", key, &line, &fail));
    assert_int_equal(line, 0);
    umask(0);
    assert_true(known_hosts_add(path, "host1:5999", KEY_A, &fail));
    assert_true(known_hosts_add(path, "[fd00::1]:5999", KEY_B, &fail));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(known_hosts_find(path, "HOST1:5999", key, &line, &fail));
    assert_int_equal(line, 1);
    assert_string_equal(key, KEY_A);
    assert_true(known_hosts_find(path, "[fd00::1]:5999", key, &line, &fail));
    assert_int_equal(line, 2);
    assert_string_equal(key, KEY_B);
    assert_true(known_hosts_find(path, "host1:6000", key, &line, &fail));
    assert_int_equal(line, 0);
    unlink(path);
    free(path);
}

static void lines_that_are_none(void **state)
{
    static const char *const bad[] = {"host1:5999", "host1:5999 x", "x:1 " KEY_A " more",
                                      "host1:5999 sha256//AAAA"};
    (void)state;
    char key[FINGERPRINT_MAX], expected[128];
    int line;
    struct fail fail = {0};
    char *path = mem_printf("%s/a/b/known", directory);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        FILE *file = fopen(path, "w");
        fprintf(file, "# comment\n\nother:1 %s\r\n%s\n", KEY_A, bad[i]);
        fclose(file);
        assert_false(known_hosts_find(path, "host1:5999", key, &line, &fail));
        snprintf(expected, sizeof expected,
                 "%s, line 4 is not a host with its port and the fingerprint of a key", path);
        assert_string_equal(fail.text, expected);
        assert_true(known_hosts_find(path, "other:1", key, &line, &fail));
        assert_int_equal(line, 3);
    }
    unlink(path);
    assert_false(known_hosts_add("/proc/none/known", "h:1", KEY_A, &fail));
    assert_non_null(strstr(fail.text, "/proc/none/known can't be written: "));
    free(path);
}

/* Half a line would make the file one that nobody can read; what others wrote stays. */
static void a_line_is_added_whole_or_not(void **state)
{
    (void)state;
    struct fail fail = {0};
    struct rlimit before, small;
    char key[FINGERPRINT_MAX], text[256], expected[256];
    int line;
    char *path = mem_printf("%s/a/b/known", directory);
    FILE *file = fopen(path, "w");
    fprintf(file, "other:1 %s", KEY_A); /* somebody edited it, and ended the line with nothing */
    fclose(file);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){strlen("other:1 " KEY_A) + 20, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    bool added = known_hosts_add(path, "host1:5999", KEY_B, &fail);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_false(added);
    assert_non_null(strstr(fail.text, "can't be written: File too large"));
    assert_true(known_hosts_find(path, "other:1", key, &line, &fail));
    assert_true(known_hosts_find(path, "host1:5999", key, &line, &fail));
    assert_int_equal(line, 0);
    assert_true(known_hosts_add(path, "host1:5999", KEY_B, &fail));
    file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    snprintf(expected, sizeof expected, "other:1 %s\nhost1:5999 %s\n", KEY_A, KEY_B);
    assert_string_equal(text, expected);
    unlink(path);
    free(path);
}

/* Several add at the same time, and some of them find no room: all whole lines stay. */
static void many_add_at_once(void **state)
{
    enum { WRITERS = 8, LINES = 50 };
    (void)state;
    struct fail fail = {0};
    char key[FINGERPRINT_MAX], name[32];
    int line;
    char *path = mem_printf("%s/a/b/known", directory);
    for (int i = 0; i < WRITERS; i++) {
        if (fork())
            continue;
        for (int k = 0; k < LINES; k++) {
            snprintf(name, sizeof name, "host%d:%d", i, k + 1);
            known_hosts_add(path, name, KEY_A, NULL);
        }
        _exit(0);
    }
    while (wait(NULL) > 0)
        continue;
    for (int i = 0; i < WRITERS * LINES; i++) {
        snprintf(name, sizeof name, "host%d:%d", i / LINES, i % LINES + 1);
        if (!known_hosts_find(path, name, key, &line, &fail) || !line)
            fail_msg("%s: %s", name, fail.text);
    }
    unlink(path);
    free(path);
}

static void what_is_no_file_is_not_waited_for(void **state)
{
    (void)state;
    struct fail fail = {0};
    char key[FINGERPRINT_MAX];
    int line;
    char *path = mem_printf("%s/a/b/known", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(known_hosts_find(path, "host1:5999", key, &line, &fail));
    assert_non_null(strstr(fail.text, "known is not a regular file"));
    assert_false(known_hosts_add(path, "host1:5999", KEY_A, &fail));
    assert_non_null(strstr(fail.text, "known is not a regular file"));
    unlink(path);
    FILE *file = fopen(path, "w");
    fwrite("host1:5999 " KEY_A "\n\0x", 1, strlen("host1:5999 " KEY_A) + 3, file);
    fclose(file);
    assert_false(known_hosts_find(path, "host1:5999", key, &line, &fail));
    assert_non_null(strstr(fail.text, "known contains a NUL byte"));
    unlink(path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_it_lies),       cmocka_unit_test(what_is_added_is_found),
        cmocka_unit_test(lines_that_are_none), cmocka_unit_test(a_line_is_added_whole_or_not),
        cmocka_unit_test(many_add_at_once),    cmocka_unit_test(what_is_no_file_is_not_waited_for),
    };
    if (!mkdtemp(directory))
        return 1;
    int failed = cmocka_run_group_tests_name("known_hosts", tests, NULL, NULL);
    static const char *const parts[] = {"/a/b", "/a", ""};
    for (int i = 0; i < 3; i++) {
        char *path = mem_printf("%s%s", directory, parts[i]);
        rmdir(path);
        free(path);
    }
    return failed;
}
