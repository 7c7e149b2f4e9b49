/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests paths: where they come from, and that what is missing is made for the user alone. */
#include "path.c"

#include <stdio.h>

#include "unit.h"

static char top[] = "/tmp/test_path.XXXXXX";

static int enter(void **state)
{
    (void)state;
    return !mkdtemp(top) || chdir(top);
}

static int leave(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", top);
    return chdir("/") || system(command);
}

static void check_text(char *text, const char *expected)
{
    assert_string_equal(text, expected);
    free(text);
}

static void variables_go_before_the_home(void **state)
{
    (void)state;
    setenv("HOME", "/home/one", 1);
    setenv("XDG_TEST", "/else/where", 1);
    check_text(path_of_user("XDG_TEST", ".local/state", "x"), "/else/where/x");
    setenv("XDG_TEST", "else/where", 1); /* relative: the specification has it ignored */
    check_text(path_of_user("XDG_TEST", ".local/state", "x"), "/home/one/.local/state/x");
    unsetenv("XDG_TEST");
    check_text(path_of_user("XDG_TEST", ".local/state", "x"), "/home/one/.local/state/x");
    setenv("HOME", "", 1);
    assert_null(path_of_user("XDG_TEST", ".local/state", "x"));
}

static void relative_paths_are_those_of_here(void **state)
{
    char expected[128];
    (void)state;
    check_text(path_absolute("/a/b"), "/a/b");
    snprintf(expected, sizeof expected, "%s/a/b", top);
    check_text(path_absolute("a/b"), expected);
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    return stat(path, &status) ? 0 : status.st_mode & 0777;
}

static void what_is_missing_is_made(void **state)
{
    bool made = false;
    (void)state;
    assert_true(path_make("one/two/three", &made));
    assert_true(made);
    assert_int_equal(mode_of("one/two"), 0700);
    assert_int_equal(mode_of("one/two/three"), 0700);
    assert_true(path_make("one/two/three", &made));
    assert_false(made);
    assert_true(path_make("one/four", NULL));
    assert_true(path_make_parent("five/six/file"));
    assert_int_equal(mode_of("five/six"), 0700);
    assert_int_equal(mode_of("five/six/file"), 0);
    assert_true(path_make_parent("file"));
    fclose(fopen("plain", "w"));
    assert_false(path_make("plain/below", &made));
    assert_int_equal(errno, ENOTDIR);
    assert_false(path_make_parent("plain/below/file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_go_before_the_home),
        cmocka_unit_test(relative_paths_are_those_of_here),
        cmocka_unit_test(what_is_missing_is_made),
    };
    return cmocka_run_group_tests_name("path", tests, enter, leave);
}
