/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/dumpname.c: whatever prefix, run and host say, a name is never a path. */
#include "dumpname.c"

#include "unit.h"

static void prefixes(void **state)
{
    static const char *const good[] = {"a", "run-1.", "A_b-9", "_", "-x"};
    static const char *const bad[] = {"",     ".",   "..",   "../x",     "/etc/x", "a/b",
                                      ".hid", "a b", "a\nb", "\xc3\xa4", "a%n",    "a\\b"};
    struct fail fail;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(dump_prefix_check(good[i], NULL));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fail.text[0] = '\0';
        assert_false(dump_prefix_check(bad[i], &fail));
        assert_non_null(strstr(fail.text, "may not start with a dot"));
    }
}

static void names(void **state)
{
    char name[DUMP_NAME_MAX];
    (void)state;
    dump_name_make(name, "", "1f6c0a2b", 7, 's', "host1", DUMP_SUFFIX);
    assert_string_equal(name, "flowrig-1f6c0a2b-7-s-host1.pcap");
    assert_true(dump_name_check(name));
    dump_name_make(name, "mine.", "../../etc", 9999999, 'd', "fe80::1%eth0", DUMP_SUFFIX);
    assert_string_equal(name, "mine..._.._etc-9999999-d-fe80__1_eth0.pcap");
    assert_true(dump_name_check(name));
}

static void checked_names(void **state)
{
    char long_name[DUMP_NAME_MAX + 8];
    static const char *const bad[] = {"",         ".pcap",   "..",      "x",        "../x.pcap",
                                      "a/b.pcap", ".x.pcap", "x.pcap/", "x.pcapng", "x.pcap\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(dump_name_check(bad[i]));
    memset(long_name, 'a', sizeof long_name);
    strcpy(long_name + DUMP_NAME_MAX - 5, ".pcap");
    assert_false(dump_name_check(long_name));
    strcpy(long_name + DUMP_NAME_MAX - 6, ".pcap");
    assert_true(dump_name_check(long_name));
}

static void runs(void **state)
{
    (void)state;
    assert_true(dump_name_of_run("flowrig-1f6c-0-s-h.pcap", "1f6c"));
    assert_true(dump_name_of_run("a-1-b-1f6c-10-d-h.pcap", "1f6c"));
    assert_false(dump_name_of_run("flowrig-1f6c-0-s-h.pcap", "1f6"));
    assert_false(dump_name_of_run("flowrig-1f6c-0-s-h.pcap", "f6c"));
    assert_false(dump_name_of_run("flowrig-1f6c-0-s-h.pcap", ""));
    assert_false(dump_name_of_run("flowrig-1f6c-0-s-h.pcap", "h"));
    assert_false(dump_name_of_run("x-1f6c.pcap", "1f6c"));
    assert_true(dump_name_of_run("flowrig-a_b-0-s-h.pcap", "a/b"));
}

/* What comes from the network has any bytes. */
static void random_texts(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        char run[64], host[64], name[DUMP_NAME_MAX];
        for (size_t k = 0; k < sizeof run; k++) {
            run[k] = (char)random_bits();
            host[k] = (char)random_bits();
        }
        run[random_below(sizeof run)] = host[random_below(sizeof host)] = '\0';
        dump_name_make(name, "", run, (int64_t)random_below(10000000), 's', host,
                       random_below(2) ? DUMP_SUFFIX : TRACE_SUFFIX);
        assert_true(dump_name_check(name));
        assert_null(strchr(name, '/'));
        assert_true(!*run || dump_name_of_run(name, run));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes), cmocka_unit_test(names),        cmocka_unit_test(checked_names),
        cmocka_unit_test(runs),     cmocka_unit_test(random_texts),
    };
    seed_random();
    return cmocka_run_group_tests_name("dumpname", tests, NULL, NULL);
}
