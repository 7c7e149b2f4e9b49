/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/session/contacts.c: how many connections may lead to no agreement. Time is passed
 * in. */
#include "daemon/session/contacts.c"

#include <string.h>

#include "unit.h"

static struct address host(const char *text, uint16_t port)
{
    struct address address;
    assert_true(address_parse(text, port, &address));
    return address;
}

/* Begins contacts, as many as are let through up to `most`, and ends them so. */
static int try_out(struct contacts *contacts, struct contact_bucket *user, const char *text,
                   int most, enum contact_end end, int64_t now)
{
    int taken = 0;
    struct address address = host(text, 5999);
    while (taken < most && contacts_begin(contacts, user, &address, now, NULL))
        taken++;
    for (int i = 0; i < taken; i++)
        contacts_end(contacts, user, &address, end, now);
    return taken;
}

static void who_agrees_is_not_bounded(void **state)
{
    struct contacts *contacts = contacts_new();
    struct contact_bucket user = {0};
    (void)state;
    for (int round = 0; round < 50; round++)
        assert_int_equal(try_out(contacts, &user, "10.0.0.1", 1000, CONTACT_AGREED, 1), 1000);
    assert_int_equal(try_out(contacts, &user, "10.0.0.1", 5000, CONTACT_AGREED, 2), 5000);
    contacts_free(contacts);
}

/* In the long run so many per second, however they are asked for. */
static void a_target_is_tried_so_often(void **state)
{
    struct contacts *contacts = contacts_new();
    (void)state;
    int64_t sum = 0, seconds = 600;
    for (int64_t now = NS_PER_SEC; now < (seconds + 1) * NS_PER_SEC; now += NS_PER_SEC / 2) {
        struct contact_bucket other = {0}; /* each time another user */
        sum += try_out(contacts, &other, "10.0.0.1", 600, CONTACT_REFUSED, now);
    }
    assert_in_range(sum, CONTACTS_PER_SECOND * seconds / 2,
                    CONTACTS_PER_SECOND * seconds + CONTACTS_BURST + 600);
    contacts_free(contacts);
}

static void a_user_tries_so_many_targets(void **state)
{
    struct contacts *contacts = contacts_new();
    struct contact_bucket user = {0}, other = {0};
    int64_t sum = 0;
    char text[32];
    (void)state;
    for (int i = 0; i < 60000; i++) { /* for a minute */
        snprintf(text, sizeof text, "10.1.%d.%d", i / 250, i % 250 + 1);
        sum += try_out(contacts, &user, text, 1, CONTACT_REFUSED, NS_PER_SEC + i * NS_PER_MS);
    }
    assert_in_range(sum, CONTACTS_PER_SECOND * 60, CONTACTS_PER_SECOND * 60 + CONTACTS_BURST + 1);
    assert_int_equal(try_out(contacts, &other, "10.2.0.1", 1, CONTACT_REFUSED, 61 * NS_PER_SEC), 1);
    contacts_free(contacts);
}

/* What has agreed stays open for a user who has tried too many others, but not if it fails. */
static void without_users_only_targets_count(void **state)
{
    struct contacts *contacts = contacts_new();
    (void)state;
    assert_int_equal(try_out(contacts, NULL, "10.0.0.1", 600, CONTACT_REFUSED, 1), 600);
    assert_int_equal(try_out(contacts, NULL, "10.0.0.1", 600, CONTACT_REFUSED, 1), 0);
    assert_int_equal(try_out(contacts, NULL, "10.0.0.2", 600, CONTACT_AGREED, 1), 600);
    contacts_free(contacts);
}

static void who_has_agreed_is_known(void **state)
{
    struct contacts *contacts = contacts_new();
    struct contact_bucket user = {.free_at = 3600 * NS_PER_SEC};
    struct contact_bucket friend = {0};
    (void)state;
    assert_int_equal(try_out(contacts, &user, "10.0.0.1", 1, CONTACT_AGREED, 1), 0);
    assert_int_equal(try_out(contacts, &friend, "10.0.0.1", 1, CONTACT_AGREED, 1), 1);
    assert_int_equal(try_out(contacts, &user, "10.0.0.1", 9, CONTACT_AGREED, 2), 9);
    assert_int_equal(try_out(contacts, &user, "10.0.0.1", 500, CONTACT_REFUSED, 3), 500);
    assert_int_equal(try_out(contacts, &user, "10.0.0.1", 9, CONTACT_AGREED, 4), 0);
    contacts_free(contacts);
}

static void unknown_targets_have_some_under_way(void **state)
{
    struct contacts *contacts = contacts_new();
    struct contact_bucket user = {0};
    struct address address = host("2001:db8::1", 1), port = host("2001:db8::1", 2);
    struct fail fail = {0};
    (void)state;
    for (int i = 0; i < CONTACTS_UNKNOWN_MAX; i++)
        assert_true(contacts_begin(contacts, &user, i % 2 ? &address : &port, 1, NULL));
    assert_false(contacts_begin(contacts, &user, &address, 1, &fail));
    assert_int_equal(fail.code, FAULT_POLICY);
    contacts_end(contacts, &user, &port, CONTACT_UNTRIED, 1);
    assert_true(contacts_begin(contacts, &user, &address, 1, &fail));
    contacts_end(contacts, &user, &port, CONTACT_AGREED, 1);
    for (int i = 0; i < 3 * CONTACTS_UNKNOWN_MAX; i++)
        assert_true(contacts_begin(contacts, &user, &address, 2, NULL));
    contacts_free(contacts);
}

static void it_is_told_when(void **state)
{
    struct contacts *contacts = contacts_new();
    struct contact_bucket user = {0};
    struct address address = host("10.0.0.1", 1);
    struct fail fail = {0};
    (void)state;
    assert_int_equal(try_out(contacts, &user, "10.0.0.1", 600, CONTACT_REFUSED, 1), 600);
    assert_false(contacts_begin(contacts, &user, &address, 1, &fail));
    assert_string_equal(fail.text,
                        "too many connections to this host without the agreement of a flowd "
                        "there; 10.0.0.1 can be tried again in 10 s");
    assert_true(contacts_begin(contacts, &user, &address, 1 + 10 * NS_PER_SEC, &fail));
    contacts_free(contacts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_agrees_is_not_bounded),
        cmocka_unit_test(a_target_is_tried_so_often),
        cmocka_unit_test(a_user_tries_so_many_targets),
        cmocka_unit_test(without_users_only_targets_count),
        cmocka_unit_test(who_has_agreed_is_known),
        cmocka_unit_test(unknown_targets_have_some_under_way),
        cmocka_unit_test(it_is_told_when),
    };
    return cmocka_run_group_tests_name("contacts", tests, NULL, NULL);
}
