/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/conf.c: how lines are read. */
#include "common/conf.c"

#include <unistd.h>

#include "mem.h"
#include "unit.h"

static bool note(void *context, const char *name, const char *value, struct fail *fail)
{
    buffer_printf(context, "%s[%s]", name, value ? value : "-");
    return strcmp(name, "bad") || fail_set(fail, 0, "it is bad");
}

static bool read_text(const char *text, char *seen, size_t size, struct fail *fail)
{
    struct buffer buffer = {0};
    char *copy = mem_strdup(text);
    bool good = conf_parse(copy, note, &buffer, fail);
    snprintf(seen, size, "%.*s", (int)buffer.length, buffer.data ? buffer.data : "");
    buffer_free(&buffer);
    free(copy);
    return good;
}

static void lines(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"\n\n # x\n\t\r\n", ""},
        {"name", "name[-]"},
        {" name \r\n", "name[-]"},
        {"name value", "name[value]"},
        {"name=value", "name[value]"},
        {"name = a b = c ", "name[a b = c]"},
        {"name\ta # b\nother", "name[a # b]other[-]"},
        {"a=1\r\nb 2", "a[1]b[2]"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char seen[200];
        struct fail fail = {0};
        if (!read_text(cases[i][0], seen, sizeof seen, &fail))
            fail_msg("%s", fail.text);
        assert_string_equal(seen, cases[i][1]);
    }
}

static void refusals(void **state)
{
    static const char *const cases[][2] = {
        {"\nbad 1\nx", "line 2: it is bad"},
        {"bad = 1 # no", "line 1: it is bad (comments need their own line)"},
        {"bad = 1#no", "line 1: it is bad"},
        {"= 5", "line 1: a setting has no name"},
        {"name =", "line 1: name has no value after its '='"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char seen[200];
        struct fail fail = {0};
        assert_false(read_text(cases[i][0], seen, sizeof seen, &fail));
        assert_string_equal(fail.text, cases[i][1]);
    }
}

static void files(void **state)
{
    (void)state;
    char path[] = "/tmp/flowrig-conf-XXXXXX", *text = NULL;
    struct buffer seen = {0};
    struct fail fail = {0};
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "a 1\nbad\n", 8), 8);
    assert_false(conf_read(path, note, &seen, &text, &fail));
    char expected[64];
    snprintf(expected, sizeof expected, "%s: line 2: it is bad", path);
    assert_string_equal(fail.text, expected);
    free(text);
    text = NULL;
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, "a\0b", 3, 0), 3);
    assert_false(conf_read(path, note, &seen, &text, &fail));
    assert_non_null(strstr(fail.text, "is not a text file"));
    free(text);
    text = NULL;
    assert_int_equal(ftruncate(fd, CONF_MAX + 1), 0);
    assert_false(conf_read(path, note, &seen, &text, &fail));
    assert_non_null(strstr(fail.text, "is larger than 1048576 bytes"));
    free(text);
    text = NULL;
    close(fd);
    unlink(path);
    assert_false(conf_read(path, note, &seen, &text, &fail));
    assert_non_null(strstr(fail.text, "can't be read: No such file"));
    assert_null(text);
    assert_false(conf_read("/", note, &seen, &text, &fail));
    assert_non_null(strstr(fail.text, "Is a directory"));
    free(text);
    buffer_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(refusals),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
