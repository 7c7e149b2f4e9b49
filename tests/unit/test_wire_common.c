/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the wire where items of a list have something in common that is said once. */
#include "wire_every.h"

struct item {
    int64_t must, number;
    char kind[TEXT_SIZE];
    struct dist size;
    struct inner inner;
};

struct call {
    struct schema_list items;
    struct item common;
};

static const struct field item_fields[] = {
    FIELD(item, must, FIELD_INT, .flags = FIELD_ALWAYS, .maximum = 100, .help = "has to be there"),
    FIELD(item, number, FIELD_INT, .maximum = 100, .fallback = 7),
    FIELD(item, kind, FIELD_TEXT, .flags = FIELD_ALWAYS, .help = "has to be there, too"),
    FIELD(item, size, FIELD_DIST, .minimum = 1, .maximum = 1000, .fallback = 100),
    FIELD(item, inner, FIELD_STRUCT, .sub = &inner_schema),
};
static const struct schema item_schema = {"item", sizeof(struct item), item_fields,
                                          COUNT(item_fields)};
/* The list comes first, as it may on the wire. */
static const struct field call_fields[] = {
    FIELD(call, items, FIELD_LIST, .flags = FIELD_ALWAYS, .sub = &item_schema, .maximum = LIST_MAX),
    FIELD(call, common, FIELD_STRUCT, .flags = FIELD_COMMON, .sub = &item_schema),
};
static const struct schema call_schema = {"call", sizeof(struct call), call_fields,
                                          COUNT(call_fields)};

#define STRUCT(members) "<struct>" members "</struct>"

/* Decodes a struct of these members; false with a sentence in `fail`. */
static bool decode_call(const char *members, struct call *call, struct fail *fail)
{
    char *xml = mem_printf("<value><struct>%s</struct></value>", members);
    xmlrpc_value *value = parse(xml, strlen(xml));
    assert_non_null(value);
    bool good = wire_decode(value, &call_schema, call, false, fail);
    xmlrpc_DECREF(value);
    free(xml);
    return good;
}

/* The only item of the call. */
static struct item decode_item(const char *members)
{
    struct call call;
    struct fail fail = {0};
    if (!decode_call(members, &call, &fail))
        fail_msg("%s: %s", members, fail.text);
    assert_int_equal(call.items.count, 1);
    struct item item = *(struct item *)call.items.items;
    schema_free(&call_schema, &call);
    return item;
}

#define COMMON                                                                                \
    MEMBER("common",                                                                          \
           STRUCT(MEMBER("number", "<int>9</int>") MEMBER("kind", "d") MEMBER("size", "C:50") \
                      MEMBER("inner", STRUCT(MEMBER("depth", "<int>5</int>")))))
#define ITEMS(item) MEMBER("items", ARRAY(ITEM(STRUCT(item))))

static void an_item_has_what_is_common(void **state)
{
    struct dist fifty = dist_constant(50);
    const char *orders[] = {COMMON ITEMS(MUST), ITEMS(MUST) COMMON};
    (void)state;
    for (size_t i = 0; i < COUNT(orders); i++) {
        struct item item = decode_item(orders[i]);
        assert_int_equal(item.must, 1);
        assert_int_equal(item.number, 9);
        assert_string_equal(item.kind, "d");
        assert_true(dist_equal(&item.size, &fifty));
        assert_int_equal(item.inner.depth, 5);
        assert_string_equal(item.inner.label, "");
    }
}

static void an_item_can_say_otherwise(void **state)
{
    struct dist hundred = dist_constant(100);
    (void)state;
    /* Even that it has the default. */
    struct item item = decode_item(COMMON ITEMS(MUST MEMBER("number", "<int>7</int>") MEMBER(
        "kind", "") MEMBER("size", "C:100") MEMBER("inner", STRUCT(MEMBER("label", "x")))));
    assert_int_equal(item.number, 7);
    assert_string_equal(item.kind, "");
    assert_true(dist_equal(&item.size, &hundred));
    assert_int_equal(item.inner.depth, 5); /* a struct is no value: its members are */
    assert_string_equal(item.inner.label, "x");
}

static void without_it_all_is_as_ever(void **state)
{
    struct item item = decode_item(ITEMS(MUST MEMBER("kind", "s")));
    (void)state;
    assert_int_equal(item.number, 7);
    assert_int_equal(item.inner.depth, 3);
}

static void what_has_to_be_there_is_in_one_of_them(void **state)
{
    static const struct {
        const char *members, *sentence;
    } cases[] = {
        {COMMON ITEMS(""), "items: item 0: member 'must' is missing: has to be there"},
        {ITEMS(MUST), "items: item 0: member 'kind' is missing: has to be there, too"},
        {MEMBER("common", STRUCT(MUST)) ITEMS(MUST), "items: item 0: member 'kind' is missing"},
        {COMMON, "member 'items' is missing"},
        {MEMBER("common", "<int>1</int>") ITEMS(MUST), "common: a struct is expected"},
        {ITEMS(MUST) MEMBER("common", STRUCT(MEMBER("number", "<int>101</int>"))),
         "common: number: 101 is not within 0 to 100"},
        {MEMBER("common", STRUCT(MEMBER("none", "x"))) ITEMS(MUST),
         "common: unknown member 'none'"},
        {COMMON ITEMS(MEMBER("none", "x")), "items: item 0: unknown member 'none'"},
    };
    struct call call;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fail fail = {0};
        if (decode_call(cases[i].members, &call, &fail) || !strstr(fail.text, cases[i].sentence))
            fail_msg("%s: %s", cases[i].members, fail.text);
    }
    assert_true(decode_call(COMMON MEMBER("items", ARRAY("")), &call, NULL));
    schema_free(&call_schema, &call);
}

/* Only what differs travels. */
static void what_is_common_is_said_once(void **state)
{
    struct call call, read;
    size_t length;
    (void)state;
    schema_defaults(&call_schema, &call);
    struct item items[LIST_MAX];
    snprintf(call.common.kind, TEXT_SIZE, "d");
    call.common.number = 41;
    call.common.inner.depth = 8;
    for (size_t i = 0; i < LIST_MAX; i++) {
        items[i] = call.common;
        items[i].must = (int64_t)i;
    }
    items[1].inner.depth = 3;
    call.items = (struct schema_list){items, LIST_MAX};
    xmlrpc_value *value = encode(&call_schema, &call), *copy = through_xml(value);
    char *xml = serialize(value, &length);
    static const struct {
        const char *name;
        int times;
    } expected[] = {{"must", 3}, {"kind", 1}, {"number", 1}, {"size", 0}, {"inner", 2}};
    for (size_t i = 0; i < COUNT(expected); i++) {
        int times = 0;
        char name[32];
        snprintf(name, sizeof name, "<name>%s<", expected[i].name);
        for (const char *at = xml; (at = strstr(at, name)); at++)
            times++;
        if (times != expected[i].times)
            fail_msg("%s is there %d times: %s", name, times, xml);
    }
    assert_true(wire_decode(copy, &call_schema, &read, false, NULL));
    assert_true(objects_equal(&call_schema, &call, &read));
    schema_free(&call_schema, &read);
    free(xml);
    xmlrpc_DECREF(copy);
    xmlrpc_DECREF(value);
}

/* Members of items are drawn from few values, so that many are as the common ones. */
static struct item random_item(void)
{
    struct item item = {
        .must = (int64_t)random_below(3),
        .number = 6 + (int64_t)random_below(3),
        .size = dist_constant(99 + (double)random_below(3)),
        .inner = {.depth = 2 + (int64_t)random_below(3)},
    };
    snprintf(item.kind, TEXT_SIZE, "%s", random_below(2) ? "d" : "");
    snprintf(item.inner.label, TEXT_SIZE, "%s", random_below(2) ? "x" : "");
    return item;
}

static void random_calls_come_back(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct item items[LIST_MAX];
        struct call read, call = {.common = random_item(), .items = {items, random_below(4)}};
        for (size_t i = 0; i < call.items.count; i++)
            items[i] = random_item();
        xmlrpc_value *value = encode(&call_schema, &call);
        struct fail fail = {0};
        if (!wire_decode(value, &call_schema, &read, false, &fail))
            fail_msg("%s", fail.text);
        assert_true(objects_equal(&call_schema, &call, &read));
        schema_free(&call_schema, &read);
        xmlrpc_DECREF(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_has_what_is_common),
        cmocka_unit_test(an_item_can_say_otherwise),
        cmocka_unit_test(without_it_all_is_as_ever),
        cmocka_unit_test(what_has_to_be_there_is_in_one_of_them),
        cmocka_unit_test(what_is_common_is_said_once),
        cmocka_unit_test(random_calls_come_back),
    };
    seed_random();
    return cmocka_run_group_tests_name("wire_common", tests, NULL, NULL);
}
