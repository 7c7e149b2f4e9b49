/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/control/auth.c: who is let in, and how long those wait who are not. */
#include "daemon/control/auth.c"

#include "mem.h"
#include "unit.h"

static struct auth *auth_with(const char *text)
{
    struct token_file file;
    struct fail fail;
    if (!token_file_parse(text, &file, &fail))
        fail_msg("%s", fail.text);
    struct auth *auth = auth_new(&file);
    assert_null(file.users); /* taken over */
    return auth;
}

static const char *show(const struct auth *auth, const char *scheme, const char *text)
{
    static char user[TOKEN_NAME_MAX];
    gnutls_datum_t raw = {(unsigned char *)text, (unsigned)strlen(text)}, base64;
    assert_int_equal(gnutls_base64_encode2(&raw, &base64), 0);
    char *header = mem_printf("%s%.*s", scheme, (int)base64.size, (char *)base64.data);
    const char *found = auth_user(auth, header);
    snprintf(user, sizeof user, "%s", found ? found : "");
    gnutls_free(base64.data);
    free(header);
    return user;
}

static void users(void **state)
{
    static const char *const cases[][3] = {
        {"Basic ", "alice:0123456789abcdef", "alice"},
        {"basic  ", "alice:0123456789abcdef", "alice"},
        {"Basic ", "bob:0123456789:abcdef", "bob"},
        {"Basic ", "alice:0123456789:abcdef", ""},
        {"Basic ", "alice:0123456789abcde", ""},
        {"Basic ", "alice:0123456789abcdef0", ""},
        {"Basic ", "alic:0123456789abcdef", ""},
        {"Basic ", "Alice:0123456789abcdef", ""},
        {"Basic ", "alice:", ""},
        {"Basic ", ":", ""},
        {"Basic ", "alice", ""},
        {"Basic ", ":0123456789abcdef", ""},
        {"Basic", "alice:0123456789abcdef", ""},
        {"Bearer ", "alice:0123456789abcdef", ""},
        {"", "alice:0123456789abcdef", ""},
    };
    (void)state;
    struct auth *auth = auth_with("alice:0123456789abcdef\nbob:0123456789:abcdef\n");
    assert_true(auth_has_users(auth));
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(show(auth, cases[i][0], cases[i][1]), cases[i][2]);
    assert_null(auth_user(auth, NULL));
    assert_null(auth_user(auth, ""));
    assert_null(auth_user(auth, "Basic "));
    assert_null(auth_user(auth, "Basic ===="));
    char *longest = mem_new(10000, 1);
    memset(longest, 'a', 9999);
    assert_string_equal(show(auth, "Basic ", longest), "");
    longest[5000] = ':';
    assert_string_equal(show(auth, "Basic ", longest), "");
    free(longest);
    auth_free(auth);
    auth_free(NULL);
    auth = auth_new(NULL);
    assert_false(auth_has_users(auth));
    auth_free(auth);
}

static int64_t failed(struct auth *auth, const char *text, int64_t now)
{
    struct address address;
    assert_true(address_parse(text, 1000, &address));
    return auth_failed(auth, &address, "test", now);
}

static void answers_are_held_back(void **state)
{
    static const int64_t expected[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    struct auth *auth = auth_new(NULL);
    int64_t now = 1000 * NS_PER_SEC;
    for (size_t i = 0; i < COUNT(expected); i++)
        assert_int_equal(failed(auth, "10.0.0.1", now), expected[i] * NS_PER_MS);
    /* The same address in another form; others are not concerned. */
    assert_int_equal(failed(auth, "::ffff:10.0.0.1", now), MOST_DELAY);
    assert_int_equal(failed(auth, "10.0.0.2", now), FIRST_DELAY);
    /* A host of IPv6 has many addresses. */
    assert_int_equal(failed(auth, "fd00::1", now), FIRST_DELAY);
    assert_int_equal(failed(auth, "fd00::1:2:3:4", now), 2 * FIRST_DELAY);
    assert_int_equal(failed(auth, "fd00:0:0:1::1", now), FIRST_DELAY);
    /* A minute of quiet, and no less. */
    assert_int_equal(failed(auth, "10.0.0.1", now + OFFENCE_LIFETIME), MOST_DELAY);
    assert_int_equal(failed(auth, "10.0.0.1", now + 2 * OFFENCE_LIFETIME + 1), FIRST_DELAY);
    auth_free(auth);
}

/* More addresses than there are places: nothing grows, and the loudest is not forgotten. */
static void many_addresses(void **state)
{
    (void)state;
    struct auth *auth = auth_new(NULL);
    int64_t now = NS_PER_SEC;
    log_set_level(LOG_LEVEL_ERROR);
    for (int i = 0; i < 20000; i++) {
        char text[32];
        snprintf(text, sizeof text, "10.%d.%d.1", i / 256, i % 256);
        assert_int_equal(failed(auth, text, now++), FIRST_DELAY);
        int64_t delay = failed(auth, "192.0.2.1", now++);
        assert_true(i < 6 || delay == MOST_DELAY);
    }
    auth_free(auth);
}

/* Of a thousand failures few are in the log, and none is lost in the count. */
static void lines_in_the_log(void **state)
{
    (void)state;
    FILE *kept = stderr;
    char *text = NULL, address[32];
    size_t size = 0, lines = 0;
    stderr = open_memstream(&text, &size);
    log_set_level(LOG_LEVEL_WARNING);
    struct auth *auth = auth_new(NULL);
    int64_t now = 1000 * NS_PER_SEC;
    for (int i = 0; i < 1000; i++)
        failed(auth, "10.0.0.1", now);
    for (int i = 0; i < 200; i++) {
        snprintf(address, sizeof address, "10.0.1.%d", i);
        failed(auth, address, now);
    }
    failed(auth, "10.0.0.1", now + LOG_PAUSE);
    auth_free(auth);
    fclose(stderr);
    stderr = kept;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, LINES_MAX + 1);
    /* 999 of the first address, and 200 - 9 of the others. */
    assert_non_null(strstr(text, "refused 10.0.0.1:1000: test (1001 from there in a row; 191 "
                                 "refusals were not logged)"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users),
        cmocka_unit_test(answers_are_held_back),
        cmocka_unit_test(many_addresses),
        cmocka_unit_test(lines_in_the_log),
    };
    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
