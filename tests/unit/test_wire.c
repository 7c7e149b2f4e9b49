/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests schemas and the wire: a schema with every type of field, and those of the real methods. */
#include "schema.c"
#include "wire.c"

#include "protocol.h"
#include "xmlguard.h"

#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { ROUNDS = 20000 };

/* ---- a schema with every type of field */

enum { TEXT_SIZE = 16, LIST_MAX = 3, INTS_MAX = 4, BYTES_MAX = 32 };

struct inner {
    int64_t depth;
    char label[TEXT_SIZE];
};

struct every {
    int64_t number, flag;
    char text[TEXT_SIZE], words[TEXT_SIZE];
    struct dist size;
    struct schema_bytes bytes;
    struct inner inner;
    struct schema_list list, ints;
    void *value;
    int64_t must;
};

#define FIELD(owner, member, kind, ...)                                          \
    {                                                                            \
        .name = #member, .type = kind, .offset = offsetof(struct owner, member), \
        .size = sizeof(((struct owner *)0)->member), __VA_ARGS__                 \
    }

static const struct field inner_fields[] = {
    FIELD(inner, depth, FIELD_INT, .minimum = 0, .maximum = 9, .fallback = 3),
    FIELD(inner, label, FIELD_TEXT, .flags = 0),
};
static const struct schema inner_schema = {"inner", sizeof(struct inner), inner_fields,
                                           COUNT(inner_fields)};

static const struct field every_fields[] = {
    FIELD(every, number, FIELD_INT, .minimum = -5, .maximum = INT64_MAX, .fallback = 7),
    FIELD(every, flag, FIELD_BOOL, .fallback = 1),
    FIELD(every, text, FIELD_TEXT, .flags = 0),
    FIELD(every, words, FIELD_WORDS, .flags = 0),
    FIELD(every, size, FIELD_DIST, .minimum = 1, .maximum = 1000, .fallback = 100),
    FIELD(every, bytes, FIELD_BYTES, .maximum = BYTES_MAX),
    FIELD(every, inner, FIELD_STRUCT, .sub = &inner_schema),
    FIELD(every, list, FIELD_LIST, .sub = &inner_schema, .maximum = LIST_MAX),
    FIELD(every, ints, FIELD_INTS, .maximum = INTS_MAX),
    FIELD(every, value, FIELD_VALUE, .flags = 0),
    FIELD(every, must, FIELD_INT, .flags = FIELD_ALWAYS, .minimum = INT64_MIN, .maximum = INT64_MAX,
          .help = "has to be there"),
};
static const struct schema every_schema = {"every", sizeof(struct every), every_fields,
                                           COUNT(every_fields)};

/* XML of one member, and of the one that has to be there. */
#define MEMBER(name, value) "<member><name>" name "</name><value>" value "</value></member>"
#define MUST                MEMBER("must", "<int>1</int>")

/* ---- helpers */

/* Reads XML as the daemon does: the guard first. Gives NULL where either refuses it. */
static xmlrpc_value *parse(const char *xml, size_t length)
{
    xmlrpc_env env;
    xmlrpc_value *value = NULL;
    if (!xml_guard(xml, length, NULL))
        return NULL;
    xmlrpc_env_init(&env);
    xmlrpc_parse_value_xml(&env, xml, length, &value);
    if (env.fault_occurred)
        value = NULL;
    xmlrpc_env_clean(&env);
    return value;
}

/* Decodes a struct of these members. */
static bool decode_members(const char *members, bool lenient, struct every *every,
                           struct fail *fail)
{
    char *xml = mem_printf("<value><struct>%s</struct></value>", members);
    xmlrpc_value *value = parse(xml, strlen(xml));
    if (!value)
        fail_msg("this is no test: %s", xml);
    bool good = wire_decode(value, &every_schema, every, lenient, fail);
    xmlrpc_DECREF(value);
    free(xml);
    return good;
}

static xmlrpc_value *encode(const struct schema *schema, void *object)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *value = wire_encode(&env, schema, object);
    if (env.fault_occurred)
        fail_msg("%s", env.fault_string);
    xmlrpc_env_clean(&env);
    return value;
}

/* The value as XML, with a NUL behind it; free() it. */
static char *serialize(xmlrpc_value *value, size_t *length)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *block = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
    xmlrpc_serialize_value(&env, block, value);
    assert_false(env.fault_occurred);
    *length = XMLRPC_MEMBLOCK_SIZE(char, block);
    char *xml = mem_printf("%.*s", (int)*length, XMLRPC_MEMBLOCK_CONTENTS(char, block));
    XMLRPC_MEMBLOCK_FREE(char, block);
    xmlrpc_env_clean(&env);
    return xml;
}

/* The value as the other side sees it. */
static xmlrpc_value *through_xml(xmlrpc_value *value)
{
    size_t length;
    char *xml = serialize(value, &length);
    xmlrpc_value *copy = parse(xml, length);
    if (!copy)
        fail_msg("what was encoded is refused: %s", xml);
    free(xml);
    return copy;
}

static bool objects_equal(const struct schema *schema, const void *one, const void *other);

static bool lists_equal(const struct field *field, const struct schema_list *one,
                        const struct schema_list *other)
{
    bool equal = one->count == other->count;
    for (size_t i = 0; equal && i < one->count; i++) {
        if (field->type == FIELD_INTS)
            equal = ((int64_t *)one->items)[i] == ((int64_t *)other->items)[i];
        else
            equal = objects_equal(field->sub, (char *)one->items + i * field->sub->size,
                                  (char *)other->items + i * field->sub->size);
    }
    return equal;
}

static bool fields_equal(const struct field *field, const void *one, const void *other)
{
    const struct schema_bytes *bytes = one, *more = other;
    switch (field->type) {
    case FIELD_INT:
    case FIELD_BOOL:
        return *(const int64_t *)one == *(const int64_t *)other;
    case FIELD_TEXT:
    case FIELD_WORDS:
        return !strcmp(one, other);
    case FIELD_DIST:
        return dist_equal(one, other);
    case FIELD_BYTES:
        return bytes->length == more->length &&
               (!bytes->length || !memcmp(bytes->data, more->data, bytes->length));
    case FIELD_STRUCT:
        return objects_equal(field->sub, one, other);
    case FIELD_LIST:
    case FIELD_INTS:
        return lists_equal(field, one, other);
    case FIELD_VALUE:
        return true;
    }
    return false;
}

static bool objects_equal(const struct schema *schema, const void *one, const void *other)
{
    bool equal = true;
    for (size_t i = 0; equal && i < schema->count; i++)
        equal = fields_equal(&schema->fields[i], (const char *)one + schema->fields[i].offset,
                             (const char *)other + schema->fields[i].offset);
    return equal;
}

/* Text of at most `size` bytes with its NUL that XML can carry as it is. */
static void random_text(char *text, size_t size, bool words)
{
    static const char *const pieces[] = {"a",
                                         "Z",
                                         "0",
                                         "<",
                                         "&",
                                         "\"",
                                         "]]>",
                                         "'",
                                         "?",
                                         "=",
                                         "\xc2\x80",
                                         "\xc3\xa9",
                                         "\xdf\xbf",
                                         "\xe0\xa0\x80",
                                         "\xe2\x82\xac",
                                         "\xef\xbf\xbd",
                                         "\t",
                                         "\n",
                                         " "};
    size_t length = 0, room = random_below(4) ? random_below(size < 40 ? size : 40) : size - 1;
    size_t kinds = COUNT(pieces) - (words ? 3 : 0);
    while (length < room) {
        const char *piece = pieces[random_below(kinds)];
        if (words && length && text[length - 1] != ' ' && random_below(4) == 0)
            piece = " ";
        if (length + strlen(piece) > room)
            piece = "x";
        length += (size_t)sprintf(text + length, "%s", piece);
    }
    text[length] = '\0';
    if (words && length && text[length - 1] == ' ')
        text[length - 1] = '\0';
}

static int64_t random_between(int64_t low, int64_t high)
{
    uint64_t span = (uint64_t)high - (uint64_t)low;
    if (random_below(8) == 0)
        return random_below(2) ? low : high;
    uint64_t step = random_bits() >> random_below(64);
    return (int64_t)((uint64_t)low + (span == UINT64_MAX ? step : step % (span + 1)));
}

static void fill(const struct schema *schema, void *object);

static void fill_list(const struct field *field, struct schema_list *list)
{
    size_t size = field->sub ? field->sub->size : sizeof(int64_t);
    list->count = random_below((uint64_t)(field->maximum < 3 ? field->maximum : 3) + 1);
    list->items = list->count ? mem_new(list->count, size) : NULL;
    for (size_t i = 0; i < list->count; i++) {
        if (field->sub)
            fill(field->sub, (char *)list->items + i * size);
        else
            ((int64_t *)list->items)[i] = random_between(INT64_MIN, INT64_MAX);
    }
}

static void fill_bytes(const struct field *field, struct schema_bytes *bytes)
{
    bytes->length = random_below((uint64_t)(field->maximum < 99 ? field->maximum : 99) + 1);
    bytes->data = bytes->length ? mem_new(bytes->length, 1) : NULL;
    for (size_t i = 0; i < bytes->length; i++)
        ((uint8_t *)bytes->data)[i] = (uint8_t)random_bits();
}

static void fill_field(const struct field *field, void *at)
{
    switch (field->type) {
    case FIELD_INT:
        *(int64_t *)at = random_between(field->minimum, field->maximum);
        break;
    case FIELD_BOOL:
        *(int64_t *)at = (int64_t)random_below(2);
        break;
    case FIELD_TEXT:
        random_text(at, field->size, false);
        break;
    case FIELD_WORDS:
        random_text(at, field->size - 1, true);
        break;
    case FIELD_DIST:
        *(struct dist *)at = dist_constant((double)random_between(field->minimum, field->maximum));
        break;
    case FIELD_BYTES:
        fill_bytes(field, at);
        break;
    case FIELD_STRUCT:
        fill(field->sub, at);
        break;
    case FIELD_LIST:
    case FIELD_INTS:
        fill_list(field, at);
        break;
    case FIELD_VALUE:
        break;
    }
}

/* Fills an object with values within the ranges; some fields keep their defaults. */
static void fill(const struct schema *schema, void *object)
{
    schema_defaults(schema, object);
    for (size_t i = 0; i < schema->count; i++)
        if (random_below(3))
            fill_field(&schema->fields[i], (char *)object + schema->fields[i].offset);
}

/* ---- defaults */

static void defaults_fill_the_struct(void **state)
{
    struct every every;
    (void)state;
    memset(&every, 0xee, sizeof every);
    schema_defaults(&every_schema, &every);
    assert_int_equal(every.number, 7);
    assert_int_equal(every.flag, 1);
    assert_string_equal(every.text, "");
    assert_string_equal(every.words, "");
    assert_true(every.size.kind == DIST_CONSTANT && every.size.a == 100 && every.size.b == 0);
    assert_int_equal(every.bytes.length, 0);
    assert_int_equal(every.inner.depth, 3);
    assert_string_equal(every.inner.label, "");
    assert_int_equal(every.list.count, 0);
    assert_int_equal(every.ints.count, 0);
    assert_null(every.value);
    assert_int_equal(every.must, 0);
}

static void freeing_leaves_an_empty_struct(void **state)
{
    struct every every;
    (void)state;
    schema_free(&every_schema, NULL);
    schema_defaults(&every_schema, &every);
    schema_free(&every_schema, &every);
    every.bytes = (struct schema_bytes){mem_new(3, 1), 3};
    every.ints = (struct schema_list){mem_new(2, sizeof(int64_t)), 2};
    every.list = (struct schema_list){mem_new(2, sizeof(struct inner)), 2};
    schema_free(&every_schema, &every);
    assert_null(every.bytes.data);
    assert_null(every.ints.items);
    assert_null(every.list.items);
    assert_int_equal(every.bytes.length + every.ints.count + every.list.count, 0);
    schema_free(&every_schema, &every);
}

static void what_has_its_default_is_left_out(void **state)
{
    struct every every;
    size_t length;
    (void)state;
    schema_defaults(&every_schema, &every);
    xmlrpc_value *value = encode(&every_schema, &every);
    char *xml = serialize(value, &length);
    assert_non_null(strstr(xml, "<name>must</name>"));
    for (size_t i = 0; i + 1 < every_schema.count; i++) {
        char *name = mem_printf("<name>%s</name>", every_fields[i].name);
        assert_null(strstr(xml, name));
        free(name);
    }
    free(xml);
    xmlrpc_DECREF(value);
}

static void what_is_left_out_has_its_default(void **state)
{
    struct every every, defaults;
    (void)state;
    memset(&every, 0xee, sizeof every);
    assert_true(decode_members(MUST, false, &every, NULL));
    schema_defaults(&every_schema, &defaults);
    defaults.must = 1;
    assert_true(objects_equal(&every_schema, &every, &defaults));
    schema_free(&every_schema, &every);
}

/* A struct member whose own members are not all at their defaults is written whole enough. */
static void one_changed_member_writes_its_struct(void **state)
{
    struct every every, read;
    (void)state;
    schema_defaults(&every_schema, &every);
    every.inner.depth = 4;
    xmlrpc_value *value = encode(&every_schema, &every);
    assert_true(wire_decode(value, &every_schema, &read, false, NULL));
    assert_int_equal(read.inner.depth, 4);
    assert_string_equal(read.inner.label, "");
    xmlrpc_DECREF(value);
}

/* ---- every type read */

static void integers_in_every_form(void **state)
{
    static const struct {
        const char *members;
        int64_t number;
    } cases[] = {
        {MUST MEMBER("number", "<int>5</int>"), 5},
        {MUST MEMBER("number", "<i4>-5</i4>"), -5},
        {MUST MEMBER("number", "<int>+5</int>"), 5},
        {MUST MEMBER("number", "<i8>9223372036854775807</i8>"), INT64_MAX},
        {MUST MEMBER("number", "<i8>-5</i8>"), -5},
        {MUST MEMBER("number", "<ex:i8>12345678901</ex:i8>"), 12345678901},
        {MUST MEMBER("number", "<i2>12</i2>"), 12},
        {MUST MEMBER("number", "<string>12345678901</string>"), 12345678901},
        {MUST MEMBER("number", "<string>9223372036854775807</string>"), INT64_MAX},
        {MUST MEMBER("number", "-5"), -5}, /* a value without a type is a string */
        {MEMBER("must", "<i8>-9223372036854775808</i8>"), 7},
        {MEMBER("must", "<string>-9223372036854775808</string>"), 7},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        if (!decode_members(cases[i].members, false, &every, &fail))
            fail_msg("%s: %s", cases[i].members, fail.text);
        assert_int_equal(every.number, cases[i].number);
        assert_true(every.must == 1 || every.must == INT64_MIN);
    }
}

static void texts_and_flags_are_read(void **state)
{
    struct every every;
    (void)state;
    assert_true(decode_members(MUST MEMBER("flag", "<boolean>0</boolean>")
                                   MEMBER("text", "<string>fifteen &lt;bytes</string>")
                                       MEMBER("size", "<string>C:1.5</string>"),
                               false, &every, NULL));
    assert_int_equal(every.flag, 0);
    assert_string_equal(every.text, "fifteen <bytes");
    assert_true(every.size.a == 1.5);
    assert_true(decode_members(MUST MEMBER("text", "123456789012345"), false, &every, NULL));
    assert_string_equal(every.text, "123456789012345");
    assert_true(decode_members(MUST MEMBER("text", "<string>12345678901\xe2\x82\xac.</string>"),
                               false, &every, NULL));
    assert_string_equal(every.text, "12345678901\xe2\x82\xac.");
    assert_true(decode_members(MUST MEMBER("text", "<string/>"), false, &every, NULL));
    assert_string_equal(every.text, "");
}

#define ARRAY(items) "<array><data>" items "</data></array>"
#define ITEM(value)  "<value>" value "</value>"
#define I(number)    ITEM("<int>" number "</int>")

static void lists_and_bytes_are_read(void **state)
{
    struct every every;
    (void)state;
    assert_true(decode_members(
        MUST MEMBER("ints", ARRAY(I("1") ITEM("<i8>-9223372036854775808</i8>") ITEM("33") I("4")))
            MEMBER("list", ARRAY(ITEM("<struct></struct>")
                                     ITEM("<struct>" MEMBER("depth", "<int>9</int>") "</struct>")))
                MEMBER("bytes", "<base64>AAEC/w==</base64>")
                    MEMBER("words", ARRAY(ITEM("one") ITEM("two"))),
        false, &every, NULL));
    const int64_t *ints = every.ints.items;
    const struct inner *list = every.list.items;
    assert_int_equal(every.ints.count, 4);
    assert_true(ints[0] == 1 && ints[1] == INT64_MIN && ints[2] == 33 && ints[3] == 4);
    assert_int_equal(every.list.count, 2);
    assert_true(list[0].depth == 3 && list[1].depth == 9);
    assert_int_equal(every.bytes.length, 4);
    assert_memory_equal(every.bytes.data, "\0\1\2\xff", 4);
    assert_string_equal(every.words, "one two");
    schema_free(&every_schema, &every);
}

static void empty_lists_and_bytes_are_read(void **state)
{
    struct every every;
    (void)state;
    assert_true(decode_members(MUST MEMBER("ints", ARRAY("")) MEMBER("list", ARRAY(""))
                                   MEMBER("bytes", "<base64></base64>") MEMBER("words", ARRAY("")),
                               false, &every, NULL));
    assert_int_equal(every.ints.count + every.list.count + every.bytes.length, 0);
    assert_string_equal(every.words, "");
    schema_free(&every_schema, &every);
}

static void the_longest_of_all_are_read(void **state)
{
    struct every every;
    (void)state;
    assert_true(decode_members(
        MUST MEMBER("list", ARRAY(ITEM("<struct/>") ITEM("<struct/>") ITEM("<struct/>")))
            MEMBER("bytes", "<base64>MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=</base64>"),
        false, &every, NULL));
    assert_int_equal(every.list.count, LIST_MAX);
    assert_int_equal(every.bytes.length, BYTES_MAX);
    schema_free(&every_schema, &every);
}

static void words_fill_their_room_like_texts(void **state)
{
    static const struct {
        const char *members, *words;
    } cases[] = {
        {MUST MEMBER("words", ARRAY(ITEM("123456789012345"))), "123456789012345"},
        {MUST MEMBER("words", ARRAY(ITEM("1234567") ITEM("1234567"))), "1234567 1234567"},
        {MUST MEMBER("words", ARRAY(ITEM("12345678901234"))), "12345678901234"},
        {MUST MEMBER("words", ARRAY(ITEM("1234567890123") ITEM("x"))), "1234567890123 x"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        if (!decode_members(cases[i].members, false, &every, &fail))
            fail_msg("'%s': %s", cases[i].words, fail.text);
        assert_string_equal(every.words, cases[i].words);
    }
}

/* Nothing behind the NUL belongs to the words. */
static void words_are_written_one_by_one(void **state)
{
    static const struct {
        const char *words;
        int count;
    } cases[] = {{"one two", 2}, {"one", 1}, {"a b c", 3}, {"", 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        xmlrpc_env env;
        schema_defaults(&every_schema, &every);
        memset(every.words, 'z', sizeof every.words - 1);
        strcpy(every.words, cases[i].words);
        xmlrpc_env_init(&env);
        xmlrpc_value *array = encode_words(&env, every.words);
        assert_int_equal(xmlrpc_array_size(&env, array), cases[i].count);
        xmlrpc_DECREF(array);
        xmlrpc_env_clean(&env);
    }
}

/* What a daemon says of its features must be words again: no two spaces, none at the ends. */
static void words_that_are_none_are_refused_or_repaired(void **state)
{
    static const char *const cases[] = {
        MUST MEMBER("words", ARRAY(ITEM("a b"))),
        MUST MEMBER("words", ARRAY(ITEM("a") ITEM(""))),
        MUST MEMBER("words", ARRAY(ITEM("") ITEM("a"))),
        MUST MEMBER("words", ARRAY(ITEM("a") ITEM("") ITEM("b"))),
        MUST MEMBER("words", ARRAY(ITEM(" a"))),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every, again;
        struct fail fail = {0};
        if (!decode_members(cases[i], false, &every, &fail)) {
            assert_non_null(strstr(fail.text, "words"));
            continue;
        }
        assert_null(strstr(every.words, "  "));
        assert_true(every.words[0] != ' ');
        assert_true(!*every.words || every.words[strlen(every.words) - 1] != ' ');
        xmlrpc_value *value = encode(&every_schema, &every);
        assert_true(wire_decode(value, &every_schema, &again, false, NULL));
        assert_string_equal(again.words, every.words);
        xmlrpc_DECREF(value);
    }
}

/* ---- refusals */

static void refusals_name_the_member(void **state)
{
    static const struct {
        const char *members, *sentence;
    } cases[] = {
        {"", "member 'must' is missing: has to be there"},
        {MEMBER("number", "<int>1</int>"), "member 'must' is missing: has to be there"},
        {MUST MEMBER("number", "<int>-6</int>"),
         "number: -6 is not within -5 to 9223372036854775807"},
        {MUST MEMBER("number", "<string>-6</string>"), "number: -6 is not within"},
        {MUST MEMBER("number", "<string>5x</string>"), "number: '5x' is not a whole number"},
        {MUST MEMBER("number", "<string></string>"), "number: '' is not a whole number"},
        {MUST MEMBER("number", "<string>9223372036854775808</string>"),
         "number: '9223372036854775808' is too large"},
        {MUST MEMBER("number", "<double>5</double>"), "number: an integer"},
        {MUST MEMBER("number", "<boolean>1</boolean>"), "number: an integer"},
        {MUST MEMBER("number", "<nil/>"), "number: an integer"},
        {MUST MEMBER("number", ARRAY("")), "number: an integer"},
        {MEMBER("must", "<nil/>"), "must: an integer"},
        {MUST MEMBER("flag", "<int>1</int>"), "flag: a boolean is expected"},
        {MUST MEMBER("flag", "true"), "flag: a boolean is expected"},
        {MUST MEMBER("text", "<int>1</int>"), "text: a string is expected"},
        {MUST MEMBER("text", "<base64>YQ==</base64>"), "text: a string is expected"},
        {MUST MEMBER("text", "1234567890123456"), "text: the string is longer than 15 bytes"},
        {MUST MEMBER("text", "1234567890123\xe2\x82\xac"), "text: the string is longer than 15"},
        {MUST MEMBER("size", "<string>D:1</string>"), "size: 'D:1' names no distribution"},
        {MUST MEMBER("size", "<string>C:nan</string>"), "size: 'nan' is not a number"},
        {MUST MEMBER("size", "<int>100</int>"), "size: a string is expected"},
        {MUST MEMBER("bytes", "<string>AA==</string>"), "bytes: base64 is expected"},
        {MUST MEMBER("bytes", "<base64>MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEy</base64>"),
         "bytes: is longer than 32 bytes"},
        {MUST MEMBER("inner", "<int>1</int>"), "inner: a struct is expected"},
        {MUST MEMBER("inner", ARRAY("")), "inner: a struct is expected"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        if (decode_members(cases[i].members, false, &every, &fail) ||
            !strstr(fail.text, cases[i].sentence))
            fail_msg("%s: %s", cases[i].members, fail.text);
        assert_false(decode_members(cases[i].members, false, &every, NULL));
        assert_false(decode_members(cases[i].members, true, &every, NULL));
    }
}

static void refusals_deeper_down_name_the_path(void **state)
{
    static const struct {
        const char *members, *sentence;
    } cases[] = {
        {MUST MEMBER("inner", "<struct>" MEMBER("depth", "<int>10</int>") "</struct>"),
         "inner: depth: 10 is not within 0 to 9"},
        {MUST MEMBER("list", ARRAY(ITEM("<struct/>") ITEM(
                                 "<struct>" MEMBER("label", "<int>1</int>") "</struct>"))),
         "list: item 1: label: a string is expected"},
        {MUST MEMBER("list", ARRAY(I("1"))), "list: item 0: a struct is expected"},
        {MUST MEMBER("list", "<struct></struct>"), "list: an array is expected"},
        {MUST MEMBER("list", ARRAY(ITEM("<struct/>") ITEM("<struct/>") ITEM("<struct/>")
                                       ITEM("<struct/>"))),
         "list: has 4 items, at most 3 are taken"},
        {MUST MEMBER("ints", ARRAY(I("1") I("2") I("3") I("4") I("5"))),
         "ints: has 5 items, at most 4 are taken"},
        {MUST MEMBER("ints", ARRAY(I("1") ITEM("x"))), "ints: item 1: 'x' is not a whole number"},
        {MUST MEMBER("ints", ARRAY(I("1") ITEM("<nil/>"))), "ints: item 1: an integer"},
        {MUST MEMBER("ints", "<int>1</int>"), "ints: an array is expected"},
        {MUST MEMBER("words", "<string>a b</string>"), "words: an array is expected"},
        {MUST MEMBER("words", ARRAY(I("1"))), "words: "},
        {MUST MEMBER("words", ARRAY(ITEM("1234567890123456"))), "words: "},
        {MUST MEMBER("words", ARRAY(ITEM("12345678") ITEM("12345678"))), "words: "},
        {MUST MEMBER("words", ARRAY(ITEM("123456789012345") ITEM("1"))), "words: "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        if (decode_members(cases[i].members, false, &every, &fail) ||
            !strstr(fail.text, cases[i].sentence))
            fail_msg("%s: %s", cases[i].members, fail.text);
        assert_false(decode_members(cases[i].members, false, &every, NULL));
    }
}

/* The size of a block of the size 0 ends as a divisor, one of 1e300 as an integer. */
static void distributions_have_a_range(void **state)
{
    static const struct {
        const char *members;
        bool good;
    } cases[] = {
        {MUST MEMBER("size", "C:1"), true},       {MUST MEMBER("size", "C:1000"), true},
        {MUST MEMBER("size", "C:0"), false},      {MUST MEMBER("size", "C:0.5"), false},
        {MUST MEMBER("size", "C:-1"), false},     {MUST MEMBER("size", "C:1001"), false},
        {MUST MEMBER("size", "C:1000.5"), false}, {MUST MEMBER("size", "C:1e300"), false},
        {MUST MEMBER("size", "C:-1e300"), false}, {MUST MEMBER("size", "N:2000:50"), true},
        {MUST MEMBER("size", "U:2:1"), false},    {MUST MEMBER("size", "F:0"), true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        if (decode_members(cases[i].members, false, &every, &fail) != cases[i].good)
            fail_msg("%s: %s", cases[i].members, cases[i].good ? fail.text : "was taken");
        if (!cases[i].good)
            assert_true(strstr(fail.text, "size: ") &&
                        (strstr(fail.text, "is not within 1 to 1000") ||
                         strstr(fail.text, "parameter must not be below 0") ||
                         strstr(fail.text, "the minimum is above the maximum")));
    }
}

static void unknown_members_are_named(void **state)
{
    static const char members[] = MUST MEMBER("numbr", "<int>1</int>");
    struct every every;
    struct fail fail = {0};
    (void)state;
    assert_false(decode_members(members, false, &every, &fail));
    assert_string_equal(fail.text, "unknown member 'numbr'; there are number, flag, text, words, "
                                   "size, bytes, inner, list, ints, value, must");
    assert_true(decode_members(members, true, &every, &fail));
    assert_int_equal(every.must, 1);
    assert_int_equal(every.number, 7);
}

static void unknown_members_deeper_down_are_named(void **state)
{
    static const char members[] =
        MUST MEMBER("inner", "<struct>" MEMBER("Depth", "<int>1</int>") "</struct>");
    static const char in_list[] =
        MUST MEMBER("list", ARRAY(ITEM("<struct>" MEMBER("Label", "x") "</struct>")));
    struct every every;
    struct fail fail = {0};
    (void)state;
    assert_false(decode_members(members, false, &every, &fail));
    assert_string_equal(fail.text, "inner: unknown member 'Depth'; there are depth, label");
    assert_true(decode_members(members, true, &every, &fail));
    assert_false(decode_members(in_list, false, &every, &fail));
    assert_string_equal(fail.text, "list: item 0: unknown member 'Label'; there are depth, label");
    assert_true(decode_members(in_list, true, &every, &fail));
    assert_int_equal(every.list.count, 1);
    schema_free(&every_schema, &every);
}

static void unknown_members_of_an_empty_schema(void **state)
{
    static const struct schema empty = {"empty", 1, NULL, 0};
    static const char xml[] = "<value><struct>" MEMBER("a", "1") "</struct></value>";
    struct fail fail = {0};
    char object;
    (void)state;
    xmlrpc_value *value = parse(xml, sizeof xml - 1);
    assert_false(wire_decode(value, &empty, &object, false, &fail));
    assert_string_equal(fail.text, "unknown member 'a'; none is taken");
    assert_true(wire_decode(value, &empty, &object, true, &fail));
    xmlrpc_DECREF(value);
}

static void long_names_do_not_fill_the_sentence(void **state)
{
    struct every every;
    struct fail fail = {0};
    (void)state;
    char *members = mem_printf(MUST MEMBER("%0600d", "1"), 7);
    assert_false(decode_members(members, false, &every, &fail));
    assert_non_null(strstr(fail.text, "unknown member '000000"));
    assert_non_null(strstr(fail.text, "there are number, flag"));
    free(members);
}

static void a_sentence_about_many_members_is_cut(void **state)
{
    static struct field fields[64];
    struct schema schema = {"many", 8, fields, COUNT(fields)};
    static const char xml[] = "<value><struct>" MEMBER("b", "1") "</struct></value>";
    struct fail fail = {0};
    int64_t object;
    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++)
        fields[i] = (struct field){.name = "a_rather_long_name", .type = FIELD_INT};
    xmlrpc_value *value = parse(xml, sizeof xml - 1);
    assert_false(wire_decode(value, &schema, &object, false, &fail));
    assert_int_equal(strlen(fail.text), sizeof fail.text - 1);
    xmlrpc_DECREF(value);
}

static void what_is_no_struct_is_refused(void **state)
{
    static const char *const cases[] = {
        "<value><int>1</int></value>",  "<value>text</value>",      "<value><nil/></value>",
        "<value>" ARRAY("") "</value>", "<value><base64/></value>",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        xmlrpc_value *value = parse(cases[i], strlen(cases[i]));
        assert_false(wire_decode(value, &every_schema, &every, true, &fail));
        assert_string_equal(fail.text, "a struct is expected");
        xmlrpc_DECREF(value);
    }
}

/* XML can't hold a NUL, but values can. */
static void a_nul_is_refused(void **state)
{
    static const struct {
        const char *name, *text;
        size_t length;
        const char *sentence;
    } cases[] = {
        {"text", "a\0b", 3, "text: "},
        {"number", "5\0", 2, "number: "},
        {"size", "C:5\0", 4, "size: "},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every every;
        struct fail fail = {0};
        xmlrpc_env env;
        xmlrpc_env_init(&env);
        xmlrpc_value *value = xmlrpc_struct_new(&env), *must = xmlrpc_int_new(&env, 1);
        xmlrpc_value *text = xmlrpc_string_new_lp(&env, cases[i].length, cases[i].text);
        xmlrpc_struct_set_value(&env, value, "must", must);
        xmlrpc_struct_set_value(&env, value, cases[i].name, text);
        assert_false(env.fault_occurred);
        assert_false(wire_decode(value, &every_schema, &every, false, &fail));
        assert_non_null(strstr(fail.text, cases[i].sentence));
        assert_non_null(strstr(fail.text, "NUL"));
        xmlrpc_DECREF(text);
        xmlrpc_DECREF(must);
        xmlrpc_DECREF(value);
        xmlrpc_env_clean(&env);
    }
}

static void a_name_with_a_nul_is_unknown(void **state)
{
    struct every every;
    struct fail fail = {0};
    xmlrpc_env env;
    (void)state;
    xmlrpc_env_init(&env);
    xmlrpc_value *value = xmlrpc_struct_new(&env), *one = xmlrpc_int_new(&env, 1);
    xmlrpc_value *key = xmlrpc_string_new_lp(&env, 6, "must\0x");
    xmlrpc_struct_set_value_v(&env, value, key, one);
    assert_false(env.fault_occurred);
    assert_false(wire_decode(value, &every_schema, &every, false, &fail));
    assert_non_null(strstr(fail.text, "unknown member ''"));
    assert_false(wire_decode(value, &every_schema, &every, true, &fail));
    assert_non_null(strstr(fail.text, "'must' is missing"));
    xmlrpc_DECREF(key);
    xmlrpc_DECREF(one);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
}

/* The parser keeps the last of members with one name; none of them gets lost in memory. */
static void a_member_given_twice_counts_once(void **state)
{
    struct every every;
    struct fail fail = {0};
    (void)state;
    if (decode_members(MUST MEMBER("ints", ARRAY(I("1"))) MEMBER("ints", ARRAY(I("2") I("3"))),
                       false, &every, &fail)) {
        assert_int_equal(every.ints.count, 2);
        schema_free(&every_schema, &every);
    } else {
        assert_non_null(strstr(fail.text, "ints"));
    }
}

/* ---- text for XML */

static char *text_on_the_wire(const char *text)
{
    xmlrpc_env env;
    const char *read = NULL;
    xmlrpc_env_init(&env);
    xmlrpc_value *value = wire_text(&env, text);
    assert_false(env.fault_occurred);
    xmlrpc_read_string(&env, value, &read);
    assert_false(env.fault_occurred);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
    return (char *)read;
}

static void text_that_xml_cannot_carry_is_replaced(void **state)
{
    static const struct {
        const char *text, *carried;
    } cases[] = {
        {"", ""},
        {"flow <1> & \"2\"", "flow <1> & \"2\""},
        {"\t\n", "\t\n"},
        {"a\rb", "a\nb"}, /* as XML 1.0, 2.11 has it */
        {"\x01\x08\x0b\x0c\x0e\x1f\x7f", "???????"},
        {"\xc2\x80\xdf\xbf", "\xc2\x80\xdf\xbf"},
        {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd",
         "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd"},
        {"\xf0\x9f\x98\x80.", "????."},         /* four bytes */
        {"\xc0\x80\xc1\xbf", "????"},           /* overlong, two bytes */
        {"\xe0\x80\x80\xe0\x9f\xbf", "??????"}, /* overlong, three bytes */
        {"\xed\xa0\x80\xed\xbf\xbf", "??????"}, /* surrogates */
        {"\xef\xbf\xbe\xef\xbf\xbf", "??????"}, /* no characters */
        {"\x80\xbf\xf8\xfe\xff", "?????"},
        {"a\xc3", "a?"}, /* cut off */
        {"a\xe2\x82", "a??"},
        {"a\xe2", "a?"},
        {"\xe2\x82x\xc3y", "??x?y"},
        {"\xe2\xc3\xa9", "?\xc3\xa9"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *carried = text_on_the_wire(cases[i].text);
        assert_string_equal(carried, cases[i].carried);
        free(carried);
    }
}

static size_t encode_utf8(unsigned code, char *text)
{
    unsigned char *at = (unsigned char *)text;
    if (code < 0x80)
        *at++ = (unsigned char)code;
    else if (code < 0x800)
        *at++ = (unsigned char)(0xc0 | code >> 6);
    else if (code < 0x10000)
        *at++ = (unsigned char)(0xe0 | code >> 12);
    else
        *at++ = (unsigned char)(0xf0 | code >> 18);
    if (code >= 0x10000)
        *at++ = (unsigned char)(0x80 | (code >> 12 & 0x3f));
    if (code >= 0x800)
        *at++ = (unsigned char)(0x80 | (code >> 6 & 0x3f));
    if (code >= 0x80)
        *at++ = (unsigned char)(0x80 | (code & 0x3f));
    *at = '\0';
    return (size_t)((char *)at - text);
}

/* The production "Char" of XML 1.0, without what lies beyond 16 bits and without DEL. */
static bool is_xml_character(unsigned code)
{
    return code == '\t' || code == '\n' || (code >= 0x20 && code <= 0xd7ff && code != 0x7f) ||
           (code >= 0xe000 && code <= 0xfffd);
}

static void every_character_is_carried_or_replaced(void **state)
{
    (void)state;
    for (unsigned code = 1; code <= 0x10ffff; code += code < 0x10000 ? 1 : 997) {
        char text[8], expected[8];
        size_t length = encode_utf8(code, text);
        if (code == '\r')
            continue;
        strcpy(expected, text);
        if (!is_xml_character(code))
            memset(expected, '?', length);
        char *carried = text_on_the_wire(text);
        if (strcmp(carried, expected))
            fail_msg("U+%04X became %s", code, carried);
        free(carried);
    }
}

static void random_bytes_become_text(void **state)
{
    static const unsigned char likely[] = {0x80, 0xbf, 0xc2, 0xdf, 0xe0, 0xa0, 0xed,
                                           0x9f, 0xef, 0xbe, 0xf0, 0xff, 'a',  0x1f};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char text[24] = "";
        size_t length = random_below(sizeof text);
        for (size_t at = 0; at < length; at++)
            text[at] = random_below(2) ? (char)likely[random_below(sizeof likely)]
                                       : (char)(1 + random_below(255));
        for (char *at = text; (at = strchr(at, '\r'));)
            *at = 'r';
        char *carried = text_on_the_wire(text), *again = text_on_the_wire(carried);
        assert_int_equal(strlen(carried), length);
        for (size_t at = 0; at < length; at++)
            assert_true(carried[at] == text[at] || carried[at] == '?');
        assert_string_equal(again, carried);
        struct inner inner = {.depth = 3};
        snprintf(inner.label, sizeof inner.label, "%.*s", TEXT_SIZE - 1, text);
        xmlrpc_value *value = encode(&inner_schema, &inner), *read = through_xml(value);
        assert_true(wire_decode(read, &inner_schema, &inner, false, NULL));
        xmlrpc_DECREF(value);
        xmlrpc_DECREF(read);
        free(again);
        free(carried);
    }
}

static void integers_take_the_smallest_form(void **state)
{
    static const struct {
        int64_t number;
        xmlrpc_type type;
    } cases[] = {
        {0, XMLRPC_TYPE_INT},
        {INT32_MAX, XMLRPC_TYPE_INT},
        {INT32_MIN, XMLRPC_TYPE_INT},
        {INT32_MAX + INT64_C(1), XMLRPC_TYPE_I8},
        {INT32_MIN - INT64_C(1), XMLRPC_TYPE_I8},
        {INT64_MAX, XMLRPC_TYPE_I8},
        {INT64_MIN, XMLRPC_TYPE_I8},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        xmlrpc_env env;
        int64_t number;
        xmlrpc_env_init(&env);
        xmlrpc_value *value = wire_int(&env, cases[i].number);
        assert_int_equal(xmlrpc_value_type(value), cases[i].type);
        assert_true(read_int(value, &number, NULL));
        assert_int_equal(number, cases[i].number);
        xmlrpc_DECREF(value);
        xmlrpc_env_clean(&env);
    }
}

/* ---- there and back */

static void a_value_is_taken_over(void **state)
{
    struct every every, read;
    xmlrpc_env env;
    size_t length;
    (void)state;
    xmlrpc_env_init(&env);
    schema_defaults(&every_schema, &every);
    every.value = xmlrpc_int_new(&env, 424242);
    xmlrpc_env_clean(&env);
    xmlrpc_value *value = encode(&every_schema, &every);
    assert_null(every.value);
    char *xml = serialize(value, &length);
    assert_non_null(strstr(xml, "<name>value</name>"));
    assert_non_null(strstr(xml, "424242"));
    assert_true(wire_decode(value, &every_schema, &read, false, NULL));
    assert_null(read.value);
    free(xml);
    xmlrpc_DECREF(value);
}

static void check_round_trip(const struct schema *schema)
{
    void *object = mem_new(1, schema->size), *read = mem_new(1, schema->size);
    struct fail fail = {0};
    fill(schema, object);
    xmlrpc_value *value = encode(schema, object), *copy = value;
    if (random_below(2))
        copy = through_xml(value);
    else
        xmlrpc_INCREF(copy);
    if (!wire_decode(copy, schema, read, false, &fail))
        fail_msg("%s: %s", schema->name, fail.text);
    if (!objects_equal(schema, object, read))
        fail_msg("%s changed on its way", schema->name);
    xmlrpc_DECREF(value);
    xmlrpc_DECREF(copy);
    schema_free(schema, object);
    schema_free(schema, read);
    free(object);
    free(read);
}

static void random_structs_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++)
        check_round_trip(&every_schema);
}

static void random_calls_and_replies_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const struct method *method = &methods[random_below(METHODS)];
        check_round_trip(random_below(2) ? method->call : method->reply);
    }
}

/* Damages XML: other bytes, pieces of XML, holes. */
static size_t damage(char *xml, size_t length, size_t room)
{
    static const char *const pieces[] = {
        "<value>",
        "</value>",
        "<int>",
        "</int>",
        "<i8>5</i8>",
        "<nil/>",
        "<struct>",
        "</struct>",
        "<array><data>",
        "</data></array>",
        "<string>",
        "</string>",
        "-",
        "99999999999999999999",
        "<base64>A=",
        "</base64>",
        "&#0;",
        "&#65;",
        "\xf0\x9f\x98\x80",
        "\xff",
        "<double>1e9</double>",
        "must",
        "number",
        "<member><name>ints</name><value><int>1</int></value></member>",
        "<member><name></name><value/></member>",
        "<boolean>1</boolean>",
        "<![CDATA[]]>",
        "<!-- -->",
        "<?x?>",
        "C:",
        " ",
    };
    for (uint64_t hits = 1 + random_below(4); hits > 0; hits--) {
        size_t at = random_below(length);
        const char *piece = pieces[random_below(COUNT(pieces))];
        switch (random_below(3)) {
        case 0:
            xml[at] = (char)random_bits();
            break;
        case 1:
            memmove(xml + at, xml + at + 1, length-- - at - 1);
            break;
        default:
            if (length + strlen(piece) > room)
                break;
            memmove(xml + at + strlen(piece), xml + at, length - at);
            memcpy(xml + at, piece, strlen(piece));
            length += strlen(piece);
        }
    }
    return length;
}

/* Decodes; what is taken must be good enough to be sent and read again. */
static bool check_hostile(const char *xml, size_t length, bool lenient)
{
    struct every every, again;
    struct fail fail = {0};
    xmlrpc_value *value = parse(xml, length);
    if (!value)
        return false;
    bool good = wire_decode(value, &every_schema, &every, lenient, &fail);
    if (good) {
        xmlrpc_value *sent = encode(&every_schema, &every);
        assert_true(wire_decode(sent, &every_schema, &again, false, &fail));
        assert_int_equal(again.number, every.number);
        assert_int_equal(again.ints.count, every.ints.count);
        assert_true(strlen(every.text) < TEXT_SIZE && strlen(every.words) < TEXT_SIZE);
        assert_true(every.list.count <= LIST_MAX && every.ints.count <= INTS_MAX);
        xmlrpc_DECREF(sent);
        schema_free(&every_schema, &again);
        schema_free(&every_schema, &every);
    } else {
        assert_int_not_equal(fail.text[0], '\0');
    }
    xmlrpc_DECREF(value);
    return good;
}

static void damaged_calls_are_refused_or_meant(void **state)
{
    enum { FRESH = 20, ROOM = 8192 };
    static char xml[ROOM];
    int taken = 0;
    (void)state;
    for (int i = 0; i < ROUNDS / FRESH; i++) {
        struct every every;
        size_t length;
        fill(&every_schema, &every);
        xmlrpc_value *value = encode(&every_schema, &every);
        char *whole = serialize(value, &length);
        for (int j = 0; j < FRESH; j++) {
            memcpy(xml, whole, length);
            taken += check_hostile(xml, damage(xml, length, ROOM), random_below(2));
        }
        free(whole);
        xmlrpc_DECREF(value);
        schema_free(&every_schema, &every);
    }
    assert_true(taken > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_the_struct),
        cmocka_unit_test(freeing_leaves_an_empty_struct),
        cmocka_unit_test(what_has_its_default_is_left_out),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(one_changed_member_writes_its_struct),
        cmocka_unit_test(integers_in_every_form),
        cmocka_unit_test(texts_and_flags_are_read),
        cmocka_unit_test(lists_and_bytes_are_read),
        cmocka_unit_test(empty_lists_and_bytes_are_read),
        cmocka_unit_test(the_longest_of_all_are_read),
        cmocka_unit_test(words_fill_their_room_like_texts),
        cmocka_unit_test(words_are_written_one_by_one),
        cmocka_unit_test(words_that_are_none_are_refused_or_repaired),
        cmocka_unit_test(refusals_name_the_member),
        cmocka_unit_test(refusals_deeper_down_name_the_path),
        cmocka_unit_test(distributions_have_a_range),
        cmocka_unit_test(unknown_members_are_named),
        cmocka_unit_test(unknown_members_deeper_down_are_named),
        cmocka_unit_test(unknown_members_of_an_empty_schema),
        cmocka_unit_test(long_names_do_not_fill_the_sentence),
        cmocka_unit_test(a_sentence_about_many_members_is_cut),
        cmocka_unit_test(what_is_no_struct_is_refused),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(a_name_with_a_nul_is_unknown),
        cmocka_unit_test(a_member_given_twice_counts_once),
        cmocka_unit_test(text_that_xml_cannot_carry_is_replaced),
        cmocka_unit_test(every_character_is_carried_or_replaced),
        cmocka_unit_test(random_bytes_become_text),
        cmocka_unit_test(integers_take_the_smallest_form),
        cmocka_unit_test(a_value_is_taken_over),
        cmocka_unit_test(random_structs_come_back),
        cmocka_unit_test(random_calls_and_replies_come_back),
        cmocka_unit_test(damaged_calls_are_refused_or_meant),
    };
    seed_random();
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
