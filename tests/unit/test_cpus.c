/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/host/cpus.c: lists of CPUs and NUMA nodes, and binding to them. */
#include "daemon/host/cpus.c"

#include "mem.h"
#include "unit.h"

static void lists(void **state)
{
    static const struct {
        const char *list;
        int cpus[8], count;
    } cases[] = {
        {"0", {0}, 1},
        {"3", {3}, 1},
        {"0-3", {0, 1, 2, 3}, 4},
        {"8,0-1,1-2", {0, 1, 2, 8}, 4},
        {"5-5,5", {5}, 1},
        {"1022-1023", {1022, 1023}, 2},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cpu_set_t set;
        struct fail fail = {0};
        CPU_ZERO(&set);
        if (!cpus_parse(cases[i].list, &set, &fail))
            fail_msg("%s: %s", cases[i].list, fail.text);
        assert_int_equal(CPU_COUNT(&set), cases[i].count);
        for (int k = 0; k < cases[i].count; k++)
            assert_true(CPU_ISSET(cases[i].cpus[k], &set));
    }
}

static void lists_that_are_refused(void **state)
{
    static const struct {
        const char *list, *sentence;
    } cases[] = {
        {"", "no CPU is given"},
        {"x", "'x' is not a whole number"},
        {"0,1024", "'1024' is not within 0 to 1023"},
        {"2-1", "'2-1': the end is below the start"},
        {"-1", "'' is not a whole number"},
        {"node:", "'' is not a whole number"},
        {"node:-1", "this machine has no NUMA node -1"},
        {"0,node:99999", "this machine has no NUMA node 99999"},
        {"node", "'node' is not a whole number"},
        {"5-5,,5", "'5-5,,5' has a comma with nothing before or after it"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cpu_set_t set;
        struct fail fail = {0};
        CPU_ZERO(&set);
        assert_false(cpus_parse(cases[i].list, &set, &fail));
        assert_string_equal(fail.text, cases[i].sentence);
    }
}

static cpu_set_t usable(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    return set;
}

/* Every CPU belongs to one node: those of all nodes are those of the machine. */
static void nodes(void **state)
{
    cpu_set_t all, own = usable(), both;
    int count = 0;
    (void)state;
    CPU_ZERO(&all);
    for (int node = 0; node < 256; node++) {
        char name[32];
        cpu_set_t set;
        CPU_ZERO(&set);
        snprintf(name, sizeof name, "node:%d", node);
        if (!cpus_parse(name, &set, NULL))
            continue;
        CPU_AND(&both, &all, &set);
        assert_int_equal(CPU_COUNT(&both), 0);
        CPU_OR(&all, &all, &set);
        count++;
    }
    if (!count) {
        printf("# this system says nothing of NUMA nodes\n");
        return;
    }
    CPU_AND(&both, &all, &own);
    assert_true(CPU_EQUAL(&both, &own));
}

static void binding(void **state)
{
    cpu_set_t before = usable(), one, now;
    struct fail fail = {0};
    int first = 0;
    (void)state;
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_true(cpus_bind(&one, &fail));
    now = usable();
    assert_true(CPU_EQUAL(&now, &one));
    assert_true(cpus_bind(&before, &fail));
    CPU_SET(1023, &one);
    assert_false(cpus_bind(&one, &fail));
    assert_string_equal(fail.text, "CPU 1023 does not exist, or is not available to this process");
    CPU_CLR(first, &one);
    assert_false(cpus_bind(&one, &fail));
    assert_string_equal(fail.text, "CPU 1023 does not exist, or is not available to this process");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(lists_that_are_refused),
        cmocka_unit_test(nodes),
        cmocka_unit_test(binding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
