/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/nearest.c: distances between words, and which name is offered for one. */
#include "common/nearest.c"

#include "mem.h"
#include "unit.h"

static void distances(void **state)
{
    static const struct {
        const char *one, *other;
        size_t distance;
    } cases[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"abc", "abc", 0},
        {"duration", "durration", 1},
        {"stauts", "status", 1}, /* exchanged */
        {"ab", "ba", 1},
        {"kitten", "sitting", 3},
        {"ca", "abc", 3}, /* what was exchanged is not changed again */
        {"plto", "plot", 1},
        {"abcdef", "ghijkl", 6},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(nearest_distance(cases[i].one, cases[i].other), cases[i].distance);
        assert_int_equal(nearest_distance(cases[i].other, cases[i].one), cases[i].distance);
    }
}

static void words_of_any_length(void **state)
{
    char word[NEAREST_WORD_MAX + 2];
    (void)state;
    memset(word, 'a', sizeof word);
    word[NEAREST_WORD_MAX + 1] = 0;
    assert_int_equal(nearest_distance(word, "a"), SIZE_MAX);
    assert_int_equal(nearest_distance("a", word), SIZE_MAX);
    word[NEAREST_WORD_MAX] = 0;
    assert_int_equal(nearest_distance(word, "a"), NEAREST_WORD_MAX - 1);
}

static const char *offered(const char *word)
{
    static const char *const names[] = {"status", "stop", "attach", "plot", "rtt", "rate"};
    struct nearest nearest = nearest_to(word);
    for (size_t i = 0; i < COUNT(names); i++)
        nearest_try(&nearest, names[i]);
    return nearest.name;
}

static void the_nearest_is_offered(void **state)
{
    (void)state;
    assert_string_equal(offered("stauts"), "status");
    assert_string_equal(offered("statu"), "status");
    assert_string_equal(offered("atach"), "attach");
    assert_string_equal(offered("plto"), "plot");
    assert_string_equal(offered("rt"), "rtt");
    assert_null(offered("x"));
    assert_null(offered("10.77.0.3"));
    assert_null(offered("measure"));
    assert_null(offered(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(words_of_any_length),
        cmocka_unit_test(the_nearest_is_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
