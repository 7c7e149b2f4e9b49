/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests dscp: names as the RFCs have them, numbers, and what is neither. */
#include "dscp.c"

#include <string.h>

#include "unit.h"

/* The rules by which the names are made: class selectors are 8n (RFC 2474), assured forwarding is
 * 8 times the class plus 2 times the drop precedence (RFC 2597). */
static void names_follow_their_rules(void **state)
{
    char text[32];
    int64_t dscp;
    (void)state;
    for (int class = 0; class < 8; class ++) {
        snprintf(text, sizeof text, "cs%d", class);
        assert_true(dscp_parse(text, &dscp, NULL));
        assert_int_equal(dscp, 8 * class);
    }
    for (int class = 1; class <= 4; class ++)
        for (int drop = 1; drop <= 3; drop++) {
            snprintf(text, sizeof text, "AF%d%d", class, drop);
            assert_true(dscp_parse(text, &dscp, NULL));
            assert_int_equal(dscp, 8 * class + 2 * drop);
        }
}

static void single_names(void **state)
{
    static const struct {
        const char *name;
        int dscp;
    } cases[] = {{"df", 0},  {"be", 0},  {"le", 1},           {"ef", 46},
                 {"EF", 46}, {"va", 44}, {"voice-admit", 44}, {"nqb", 45}};
    int64_t dscp;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(dscp_parse(cases[i].name, &dscp, NULL));
        assert_int_equal(dscp, cases[i].dscp);
    }
}

static void what_is_shown_is_read_again(void **state)
{
    (void)state;
    for (int64_t dscp = 0; dscp < 64; dscp++) {
        char text[32];
        int64_t again = -1;
        dscp_format(dscp, text, sizeof text);
        assert_true(dscp_parse(text, &again, NULL));
        assert_int_equal(again, dscp);
    }
}

static void what_is_neither_is_refused(void **state)
{
    static const char *const cases[] = {"",    "e",   "eff", "af10", "af14", "af51", "cs8",  "-1",
                                        "+46", " ef", "ef ", "4 6",  "0x",   "0xgg", "46.0", "x2e"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fail fail = {0};
        int64_t dscp = 77;
        if (dscp_parse(cases[i], &dscp, &fail))
            fail_msg("'%s' is taken", cases[i]);
        assert_int_equal(dscp, 77);
        assert_true(strlen(fail.text) > 8);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_their_rules),
        cmocka_unit_test(single_names),
        cmocka_unit_test(what_is_shown_is_read_again),
        cmocka_unit_test(what_is_neither_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
