/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/token.c: what a token file may hold, who may read it, and what is made. */
#include "token.c"

#include "mem.h"
#include "unit.h"

#define KEY_A  "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B  "sha256//BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB="
#define SECRET "0123456789abcdef"

static void users_and_keys(void **state)
{
    (void)state;
    struct token_file file;
    struct fail fail;
    const char text[] =
        "# comment: with a colon\n\n  \t\r\nkey " KEY_A " host1 [fd00::1]:6000 10.0.0.1\r\n"
        "a:" SECRET "\n  b.c_d@e-f:~!:" SECRET "  \nkey\t" KEY_B;
    if (!token_file_parse(text, &file, &fail))
        fail_msg("%s", fail.text);
    assert_int_equal(file.user_count, 2);
    assert_string_equal(file.users[0].name, "a");
    assert_string_equal(file.users[0].secret, SECRET);
    assert_string_equal(file.users[1].name, "b.c_d@e-f");
    assert_string_equal(file.users[1].secret, "~!:" SECRET);
    assert_int_equal(file.key_count, 2);
    assert_string_equal(file.keys[0].hosts, "host1 [fd00::1]:6000 10.0.0.1");
    assert_string_equal(file.keys[1].hosts, "");

    const struct token_key *none = NULL;
    assert_ptr_equal(token_key_of(&file, "host1", 5999), &file.keys[0]);
    assert_ptr_equal(token_key_of(&file, "HOST1", 5999), &file.keys[0]);
    assert_ptr_equal(token_key_of(&file, "host1", 6000), none);
    assert_ptr_equal(token_key_of(&file, "fd00::1", 6000), &file.keys[0]);
    assert_ptr_equal(token_key_of(&file, "fd00::1", 5999), none);
    assert_ptr_equal(token_key_of(&file, "host", 5999), none);
    assert_true(token_has_key(&file, KEY_A) && token_has_key(&file, KEY_B));
    assert_false(token_has_key(&file, "sha256//"));
    token_file_free(&file);
    assert_null(file.users);
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "it contains no user"},
        {"key " KEY_A, "it contains no user"},
        {"a", "line 1: is neither USER:SECRET nor a key"},
        {":" SECRET, "line 1: is neither"},
        {"a b:" SECRET, "line 1: is neither"},
        {"a\"b:" SECRET, "line 1: is neither"},
        {"\n\na:0123456789abcde", "line 3: the secret of user 'a' has 15 characters; it must "
                                  "have 16 to 127"},
        {"a:" SECRET "\nb:" SECRET "\na:" SECRET, "line 3: user 'a' is listed twice"},
        {"a:0123456789 abcdef", "line 1: the secret of user 'a' has a space"},
        {"a:0123456789abcdef\xc3\xa4", "line 1: the secret of user 'a' has a space, or a"},
        {"key", "line 1: 'key' needs a fingerprint"},
        {"key sha256//AAAA= h", "line 1: 'key' needs a fingerprint"},
        {"key  ", "line 1: 'key' needs a fingerprint"},
        {"key " KEY_A " host:0x", "line 1: "},
        {"key md5//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= h", "line 1: 'key' needs"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct token_file file;
        struct fail fail = {0};
        if (token_file_parse(cases[i].text, &file, &fail))
            fail_msg("taken: %s", cases[i].text);
        if (strncmp(fail.text, cases[i].sentence, strlen(cases[i].sentence)))
            fail_msg("'%s': %s", cases[i].text, fail.text);
        assert_null(strstr(fail.text, "0123456789"));
        assert_null(file.users);
    }
}

static void lengths(void **state)
{
    (void)state;
    struct token_file file;
    char text[400];
    snprintf(text, sizeof text, "%063d:%0127d", 0, 0);
    assert_true(token_file_parse(text, &file, NULL));
    assert_int_equal(strlen(file.users[0].name), 63);
    assert_int_equal(strlen(file.users[0].secret), 127);
    token_file_free(&file);
    snprintf(text, sizeof text, "%064d:%0127d", 0, 0);
    assert_false(token_file_parse(text, &file, NULL));
    snprintf(text, sizeof text, "%063d:%0128d", 0, 0);
    assert_false(token_file_parse(text, &file, NULL));
}

/* Whatever it is, it is refused or taken, and nothing is left. */
static void noise(void **state)
{
    static const char letters[] = "key sha256//A=:\n\r\t #a0[]%";
    (void)state;
    for (int round = 0; round < 20000; round++) {
        char text[300] = "";
        size_t length = random_below(sizeof text - 1);
        for (size_t i = 0; i < length; i++)
            text[i] = random_below(8) ? letters[random_below(sizeof letters - 1)]
                                      : (char)(1 + random_below(255));
        struct token_file file;
        struct fail fail = {0};
        if (token_file_parse(text, &file, &fail))
            token_file_free(&file);
        else
            assert_true(fail.text[0]);
    }
}

static void files(void **state)
{
    (void)state;
    char directory[] = "/tmp/flowrig-token-XXXXXX";
    struct token_file file;
    struct fail fail = {0};
    struct token_key key = {.fingerprint = KEY_A, .hosts = "host1 10.0.0.1"};
    struct stat status;
    assert_non_null(mkdtemp(directory));
    char *path = mem_printf("%s/token", directory);
    umask(0);
    assert_true(token_file_make(path, &key, &fail));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_true(token_file_read(path, &file, &fail));
    assert_int_equal(file.user_count, 1);
    assert_string_equal(file.users[0].name, "flowrig");
    assert_int_equal(strlen(file.users[0].secret), 64); /* 256 bits */
    assert_string_equal(file.keys[0].hosts, "host1 10.0.0.1");
    struct token_user first = file.users[0];
    token_file_free(&file);

    assert_false(token_file_make(path, &key, &fail)); /* what is there stays */
    assert_non_null(strstr(fail.text, "can't be created: File exists"));
    char *other = mem_printf("%s/other", directory);
    assert_true(token_file_make(other, &key, &fail));
    assert_true(token_file_read(other, &file, &fail));
    assert_string_not_equal(file.users[0].secret, first.secret);
    token_file_free(&file);

    for (int bit = 1; bit < 0100; bit <<= 1) {
        char expected[64];
        assert_int_equal(chmod(path, (mode_t)(0600 | bit)), 0);
        assert_false(token_file_read(path, &file, &fail));
        snprintf(expected, sizeof expected, "is accessible to others (mode %04o)", 0600 | bit);
        assert_non_null(strstr(fail.text, expected));
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_true(token_file_read(path, &file, &fail));
    token_file_free(&file);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 0), 0);
        assert_false(token_file_read(path, &file, &fail));
        assert_non_null(strstr(fail.text, "belongs to user 12345"));
    }
    assert_false(token_file_read(directory, &file, &fail));
    assert_non_null(strstr(fail.text, "is not a regular file"));
    unlink(path);
    assert_false(token_file_read(path, &file, &fail));
    assert_non_null(strstr(fail.text, "can't be read: No such file"));
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it: that must not hang */
    assert_false(token_file_read(path, &file, &fail));
    unlink(path);
    unlink(other);
    rmdir(directory);
    free(path);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_and_keys), cmocka_unit_test(what_is_refused),
        cmocka_unit_test(lengths),        cmocka_unit_test(noise),
        cmocka_unit_test(files),
    };
    seed_random();
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
