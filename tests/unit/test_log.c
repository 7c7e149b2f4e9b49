/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests messages for whoever runs a program: levels, and what standard error gets to see. */
#include "log.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const names[] = {"error", "warning", "info", "debug", "trace"};

enum { LEVELS = sizeof names / sizeof names[0], SAID_MAX = 2048 };

/* What the messages of all levels write to standard error while `level` is set. */
static void listen_to(enum log_level level, char said[SAID_MAX])
{
    FILE *file = tmpfile();
    fflush(stderr);
    int before = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    log_set_level(level);
    log_error("%s", "first 100%");
    log_warning("second %d", 2);
    log_info("third");
    log_debug("fourth");
    log_trace("fifth");
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    said[fread(said, 1, SAID_MAX - 1, file)] = '\0';
    fclose(file);
}

static void levels_have_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEVELS; i++) {
        enum log_level level;
        assert_true(log_parse_level(names[i], &level, NULL));
        assert_int_equal(level, i);
    }
}

static void names_that_are_none(void **state)
{
    static const char *const cases[] = {"", "Error", "warn", "errors", "0", " info"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum log_level level;
        struct fail fail = {0};
        char quoted[32];
        snprintf(quoted, sizeof quoted, "'%s' is not a log level: ", cases[i]);
        assert_false(log_parse_level(cases[i], &level, &fail));
        assert_non_null(strstr(fail.text, quoted));
        for (size_t j = 0; j < LEVELS; j++)
            assert_non_null(strstr(fail.text, names[j]));
    }
}

static void a_level_includes_those_above(void **state)
{
    (void)state;
    for (int level = 0; level < LEVELS; level++) {
        log_set_level(level);
        assert_int_equal(log_get_level(), level);
        for (int other = 0; other < LEVELS; other++)
            assert_int_equal(log_enabled(other), other <= level);
    }
    log_set_level(LOG_LEVEL_TRACE + 3);
    assert_int_equal(log_get_level(), LOG_LEVEL_TRACE);
}

static void only_enabled_messages_are_written(void **state)
{
    static const char *const messages[] = {"first 100%", "second 2", "third", "fourth", "fifth"};
    (void)state;
    log_open("flowtest", false);
    for (int level = 0; level < LEVELS; level++) {
        char said[SAID_MAX];
        listen_to(level, said);
        for (int i = 0; i < LEVELS; i++)
            assert_int_equal(strstr(said, messages[i]) != NULL, i <= level);
    }
}

static void errors_are_plain_and_details_have_a_time(void **state)
{
    char said[SAID_MAX];
    int hour, minute, second, length = 0;
    (void)state;
    log_open("flowtest", false);
    listen_to(LOG_LEVEL_WARNING, said);
    assert_string_equal(said, "flowtest: first 100%\nflowtest: second 2\n");
    listen_to(LOG_LEVEL_INFO, said);
    char *third = strstr(said, "info: third");
    assert_non_null(third);
    assert_string_equal(third, "info: third\n");
    while (third > said && third[-1] != '\n')
        third--;
    assert_int_equal(
        sscanf(third, "flowtest: %2d:%2d:%2d.%*6d info: third%n", &hour, &minute, &second, &length),
        3);
    assert_true(length > 0 && hour < 24 && minute < 60 && second <= 60);
}

static void long_messages_are_cut(void **state)
{
    char said[SAID_MAX * 4];
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    (void)state;
    dup2(fileno(file), STDERR_FILENO);
    log_write(LOG_LEVEL_ERROR, "%04000d", 7);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    size_t length = fread(said, 1, sizeof said - 1, file);
    said[length] = '\0';
    fclose(file);
    assert_in_range(length, 1000, 4000);
    assert_int_equal(said[length - 1], '\n');
}

/* What a peer or a file holds is quoted in messages: it commands no terminal, and begins no line.
 */
static void messages_are_printable(void **state)
{
    char said[SAID_MAX];
    FILE *file = tmpfile();
    (void)state;
    log_open("flowtest", false);
    fflush(stderr);
    int before = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    log_write(LOG_LEVEL_ERROR, "run '%s'",
              "\x1b]0;x\x07\n\xc2\x9b"
              "2Jflowtest: all is well\xe2\x80\xae");
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    said[fread(said, 1, sizeof said - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(said, "flowtest: run '?]0;x???2Jflowtest: all is well?'\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(a_level_includes_those_above),
        cmocka_unit_test(only_enabled_messages_are_written),
        cmocka_unit_test(errors_are_plain_and_details_have_a_time),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(messages_are_printable),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
