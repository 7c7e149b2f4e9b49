/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/info.c: lines "name=value" about a connection. */
#include "common/info.c"

#include "unit.h"

static enum info_type type_of(const char *text)
{
    struct info_line line;
    assert_true(info_next(&text, &line));
    return info_type_of(&line);
}

static void names_have_types(void **state)
{
    (void)state;
    assert_int_equal(type_of("local=127.0.0.1:80"), INFO_TYPE_ADDRESS);
    assert_int_equal(type_of("send_buffer=1"), INFO_TYPE_NUMBER);
    assert_int_equal(type_of("congestion_control=123"), INFO_TYPE_WORD);
    assert_int_equal(type_of("dump_note=5"), INFO_TYPE_TEXT);
    assert_int_equal(type_of("dscp=46"), INFO_TYPE_NUMBER);
    assert_int_equal(type_of("bind_device=7"), INFO_TYPE_WORD);
    assert_int_equal(type_of("loca=1"), INFO_TYPE_UNKNOWN);
    assert_int_equal(type_of("locality=1"), INFO_TYPE_UNKNOWN);
}

/* A name is either of the list or a setting's, and the two agree where it is both. */
static void the_list_is_sound(void **state)
{
    (void)state;
    for (int i = 0; i < INFOS; i++) {
        assert_int_equal(infos[i].name[strspn(infos[i].name, "abcdefghijklmnopqrstuvwxyz_")], '\0');
        assert_true((infos[i].type == INFO_TYPE_NUMBER) == (strcmp(infos[i].unit, "-") != 0));
        assert_true(strlen(infos[i].help) > 10);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(infos[i].name, infos[k].name);
    }
}

static void lines_are_read_as_they_were_added(void **state)
{
    struct buffer lines = {0};
    struct info_line line;
    char value[64];
    (void)state;
    info_add_text(&lines, INFO_dump_note, "one\ntwo=three");
    info_add_number(&lines, INFO_send_buffer, -7);
    buffer_add(&lines, "", 1);
    const char *text = lines.data;
    assert_true(info_next(&text, &line));
    assert_memory_equal(line.name, "dump_note=", line.name_length + 1);
    assert_int_equal(line.value_length, strlen("one two=three"));
    assert_true(info_next(&text, &line));
    assert_memory_equal(line.value, "-7\n", line.value_length + 1);
    assert_false(info_next(&text, &line));
    info_find(lines.data, "send_buffer", value, sizeof value);
    assert_string_equal(value, "-7");
    info_find(lines.data, "send", value, sizeof value);
    assert_string_equal(value, "");
    buffer_free(&lines);
}

static void lines_without_a_name_are_skipped(void **state)
{
    const char *text = "\n\nnothing\na=1";
    struct info_line line;
    (void)state;
    assert_true(info_next(&text, &line));
    assert_int_equal(line.name_length, 1);
    assert_false(info_next(&text, &line));
    text = NULL;
    assert_false(info_next(&text, &line));
}

static void facts_are_words(void **state)
{
    char words[56] = "";
    const char *at = words;
    struct info_line fact;
    (void)state;
    info_add_fact(words, sizeof words, FACT_tcp_rmem, "4096 131072\t6291456");
    info_add_fact(words, sizeof words, FACT_default_qdisc, ""); /* not known */
    info_add_fact(words, sizeof words, FACT_rmem_max, "212992");
    assert_string_equal(words, "tcp_rmem=4096,131072,6291456 rmem_max=212992");
    info_add_fact(words, sizeof words, FACT_tcp_wmem, "99999999"); /* no room: left out, not cut */
    assert_string_equal(words, "tcp_rmem=4096,131072,6291456 rmem_max=212992");
    assert_true(info_next_fact(&at, &fact));
    assert_memory_equal(fact.value, "4096,131072,6291456 ", fact.value_length + 1);
    assert_int_equal(info_type_of(&fact), INFO_TYPE_WORD);
    assert_true(info_next_fact(&at, &fact));
    assert_int_equal(info_type_of(&fact), INFO_TYPE_NUMBER);
    assert_false(info_next_fact(&at, &fact));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_words),
        cmocka_unit_test(names_have_types),
        cmocka_unit_test(the_list_is_sound),
        cmocka_unit_test(lines_are_read_as_they_were_added),
        cmocka_unit_test(lines_without_a_name_are_skipped),
    };
    return cmocka_run_group_tests_name("info", tests, NULL, NULL);
}
