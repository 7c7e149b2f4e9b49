/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/fingerprint.c against what openssl says of a certificate. */
#include "fingerprint.c"

#include "unit.h"

/* Made, and the fingerprint computed, by openssl 3:
 * openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary |
 *     base64 */
static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBhTCCASugAwIBAgIUUl8d+TLYepJp9WDqLOs75L9VtYcwCgYIKoZIzj0EAwIw\n"
    "FzEVMBMGA1UEAwwMZmxvd3JpZy10ZXN0MCAXDTI2MTEyMjA2MjEwOFoYDzIxMjYx\n"
    "MDI5MDYyMTA4WjAXMRUwEwYDVQQDDAxmbG93cmlnLXRlc3QwWTATBgcqhkjOPQIB\n"
    "BggqhkjOPQMBBwNCAAT4mHrhiOmZ3ChHqMOvbTzWoKlXI/pZofE97fHodK3QP4U6\n"
    "dShAnSdKHLVB098+HqWYzJrzSb3ZPamCm69voHM5o1MwUTAdBgNVHQ4EFgQU/34l\n"
    "WtHa2gGWaEsoAemfK8C3YWYwHwYDVR0jBBgwFoAU/34lWtHa2gGWaEsoAemfK8C3\n"
    "YWYwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBqgeR5FELk7sMU\n"
    "gy2aPH+8m4lspMCsg3nNLRSh+0dZMAIhAOLja38s1HsS2tyKjRhqjOpC/zsq8gCP\n"
    "NVy8q9SQdMfc\n"
    "-----END CERTIFICATE-----\n";
static const char expected[] = "sha256//ISGYhTUlE83/9Z7BGhbUedzy0OIiDRpes3xjV9fN3Xo=";

static void it_is_that_of_openssl(void **state)
{
    (void)state;
    char text[FINGERPRINT_MAX];
    struct fail fail;
    if (!fingerprint_of_pem(certificate, strlen(certificate), text, &fail))
        fail_msg("%s", fail.text);
    assert_string_equal(text, expected);
    assert_true(fingerprint_valid(text));
}

static void what_is_no_certificate(void **state)
{
    (void)state;
    char text[FINGERPRINT_MAX];
    struct fail fail = {0};
    assert_false(fingerprint_of_pem("", 0, text, &fail));
    assert_non_null(strstr(fail.text, "the certificate can't be read: "));
    assert_false(fingerprint_of_pem("x", 1, text, &fail));
    /* Cut short, or with a letter changed: refused or another key, and no harm. */
    for (size_t length = 0; length < strlen(certificate) - 30; length++)
        assert_false(fingerprint_of_pem(certificate, length, text, &fail));
    for (int round = 0; round < 2000; round++) {
        char copy[sizeof certificate];
        memcpy(copy, certificate, sizeof copy);
        for (int i = 0; i < 3; i++)
            copy[random_below(sizeof copy - 1)] = (char)(32 + random_below(95));
        if (fingerprint_of_pem(copy, strlen(copy), text, &fail))
            assert_true(fingerprint_valid(text));
    }
}

static void how_it_is_written(void **state)
{
    (void)state;
    char text[FINGERPRINT_MAX + 1];
    assert_true(fingerprint_valid(expected));
    for (size_t i = 0; i < FINGERPRINT_LENGTH; i++) {
        memcpy(text, expected, FINGERPRINT_MAX);
        text[i] = '*';
        assert_false(fingerprint_valid(text));
        text[i] = '\0';
        assert_false(fingerprint_valid(text));
    }
    snprintf(text, sizeof text, "%s=", expected);
    assert_false(fingerprint_valid(text));
    assert_false(fingerprint_valid(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_that_of_openssl),
        cmocka_unit_test(what_is_no_certificate),
        cmocka_unit_test(how_it_is_written),
    };
    seed_random();
    return cmocka_run_group_tests_name("fingerprint", tests, NULL, NULL);
}
