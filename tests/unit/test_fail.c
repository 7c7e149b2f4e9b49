/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests sentences about failures: setting, prefixing, and what is cut. */
#include "fail.c"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void a_failure_has_code_and_sentence(void **state)
{
    struct fail fail = {.code = 7, .text = "before"};
    (void)state;
    assert_false(fail_set(&fail, 3004, "'%s' has %d%%", "x", 5));
    assert_int_equal(fail.code, 3004);
    assert_string_equal(fail.text, "'x' has 5%");
}

static void prefixes_lead_from_the_outside_in(void **state)
{
    struct fail fail;
    (void)state;
    fail_set(&fail, 5, "is too large");
    assert_false(fail_prefix(&fail, "item %d", 3));
    assert_false(fail_prefix(&fail, "%s", "list"));
    assert_string_equal(fail.text, "list: item 3: is too large");
    assert_int_equal(fail.code, 5);
}

static void nobody_has_to_listen(void **state)
{
    (void)state;
    assert_false(fail_set(NULL, 1, "%s", "unheard"));
    assert_false(fail_prefix(NULL, "%s", "unheard"));
}

static void long_sentences_are_cut(void **state)
{
    struct fail fail;
    (void)state;
    fail_set(&fail, 0, "%0*d", 2 * FAIL_TEXT_MAX, 7);
    assert_int_equal(strlen(fail.text), FAIL_TEXT_MAX - 1);
    fail_prefix(&fail, "begin");
    assert_int_equal(strlen(fail.text), FAIL_TEXT_MAX - 1);
    assert_int_equal(strncmp(fail.text, "begin: 0000", 11), 0);
    fail_set(&fail, 0, "end");
    fail_prefix(&fail, "%0*d", 2 * FAIL_TEXT_MAX, 7);
    assert_int_equal(strlen(fail.text), FAIL_TEXT_MAX - 1);
}

static void a_prefix_may_hold_percents(void **state)
{
    struct fail fail;
    (void)state;
    fail_set(&fail, 0, "%s", "100%s");
    fail_prefix(&fail, "%s", "%d");
    assert_string_equal(fail.text, "%d: 100%s");
}

static void errors_have_names(void **state)
{
    (void)state;
    assert_string_equal(fail_errno(ENOENT), "No such file or directory");
    assert_string_equal(fail_errno(EADDRINUSE), "Address already in use");
    assert_non_null(strstr(fail_errno(99999), "99999"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_has_code_and_sentence),
        cmocka_unit_test(prefixes_lead_from_the_outside_in),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(long_sentences_are_cut),
        cmocka_unit_test(a_prefix_may_hold_percents),
        cmocka_unit_test(errors_have_names),
    };
    return cmocka_run_group_tests_name("fail", tests, NULL, NULL);
}
