/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests random secrets and their text. */
#include "secret.c"

#include <string.h>

#include "mem.h"
#include "unit.h"

static void a_secret_differs_in_any_bit(void **state)
{
    uint8_t one[SECRET_SIZE], other[SECRET_SIZE];
    (void)state;
    secret_make(one);
    memcpy(other, one, sizeof other);
    assert_true(secret_equal(one, other));
    for (int bit = 0; bit < 8 * SECRET_SIZE; bit++) {
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(secret_equal(one, other));
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    /* Differences that would cancel out in a sum. */
    other[0] ^= 0x40;
    other[1] ^= 0x40;
    assert_false(secret_equal(one, other));
}

static void secrets_are_new_each_time(void **state)
{
    uint8_t made[64][SECRET_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT(made); i++) {
        memset(made[i], 0, SECRET_SIZE);
        secret_make(made[i]);
        for (size_t j = 0; j < i; j++)
            assert_false(secret_equal(made[i], made[j]));
    }
    for (size_t at = 0; at < SECRET_SIZE; at++) {
        size_t same = 0;
        for (size_t i = 1; i < COUNT(made); i++)
            same += made[i][at] == made[0][at];
        assert_true(same < COUNT(made) / 2); /* no byte is left alone */
    }
}

static void secrets_are_hexadecimal(void **state)
{
    static const uint8_t secret[SECRET_SIZE] = {0x00, 0x01, 0x0f, 0x10, 0x7f, 0x80, 0x9a, 0xff,
                                                0xab, 0xcd, 0xef, 0x12, 0x34, 0x56, 0x78, 0x90};
    static const char digits[] = "00010f107f809affabcdef1234567890";
    char text[2 * SECRET_SIZE + 1];
    uint8_t read[SECRET_SIZE];
    (void)state;
    secret_format(secret, text);
    assert_string_equal(text, digits);
    assert_true(secret_parse(digits, read));
    assert_memory_equal(read, secret, sizeof read);
}

static void texts_that_are_no_secrets(void **state)
{
    static const char *const cases[] = {
        "",
        "0",
        "00010f107f809affabcdef123456789",   /* 31 digits */
        "00010f107f809affabcdef12345678900", /* 33 */
        "00010f107f809affabcdef1234567890 ",
        " 0010f107f809affabcdef1234567890",
        "00010F107F809AFFABCDEF1234567890",
        "00010f107f809affabcdef123456789g",
        "00010f107f809affabcdef12345678/0",
        "00010f107f809affabcdef12345678:0",
        "00010f107f809affabcdef12345678`0",
        "0x010f107f809affabcdef1234567890",
        "00010f107f809aff\303\244cdef1234567890",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t secret[SECRET_SIZE];
        if (secret_parse(cases[i], secret))
            fail_msg("'%s' was taken", cases[i]);
    }
}

static void random_secrets_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[2 * SECRET_SIZE + 1];
        uint8_t secret[SECRET_SIZE], read[SECRET_SIZE];
        for (size_t at = 0; at < SECRET_SIZE; at++)
            secret[at] = (uint8_t)random_bits();
        secret_format(secret, text);
        assert_true(secret_parse(text, read));
        assert_true(secret_equal(read, secret));
        text[random_below(2 * SECRET_SIZE)] = "gG /:`@\x7f"[random_below(8)];
        assert_false(secret_parse(text, read));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_differs_in_any_bit), cmocka_unit_test(secrets_are_new_each_time),
        cmocka_unit_test(secrets_are_hexadecimal),     cmocka_unit_test(texts_that_are_no_secrets),
        cmocka_unit_test(random_secrets_come_back),
    };
    seed_random();
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
