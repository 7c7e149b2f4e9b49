/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests reports on the wire: packing, layouts of older and newer senders, hostile bytes. */
#include "report.c"

#include "mem.h"

#include "unit.h"

enum { ROUNDS = 30000, ROW_MAX = 16384 };

static int64_t random_value(void)
{
    static const int64_t corners[] = {METRIC_ABSENT, METRIC_INFINITE, 0, -1, 1};
    return random_below(3) ? (int64_t)random_bits() : corners[random_below(COUNT(corners))];
}

static void random_report(struct report *report)
{
    for (size_t i = 0; i < REPORT_KEYS; i++)
        report->key[i] = random_value();
    for (size_t i = 0; i < METRICS; i++)
        report->value[i] = random_value();
}

/* The columns of a report under their own numbers. */
static int64_t column(const struct report *report, size_t index)
{
    return index < REPORT_KEYS ? report->key[index] : report->value[index - REPORT_KEYS];
}

static void assert_same_report(const struct report *one, const struct report *other)
{
    assert_memory_equal(one->key, other->key, sizeof one->key);
    assert_memory_equal(one->value, other->value, sizeof one->value);
}

static void assert_same_section(const struct report_section *one,
                                const struct report_section *other)
{
    assert_int_equal(one->type, other->type);
    assert_int_equal(one->length, other->length);
    if (one->length)
        assert_memory_equal(one->data, other->data, one->length);
}

static void a_new_report_has_no_values(void **state)
{
    struct report report;
    (void)state;
    memset(&report, 0x55, sizeof report);
    report_init(&report);
    for (size_t i = 0; i < REPORT_COLUMNS; i++)
        assert_int_equal(column(&report, i), i < REPORT_KEYS ? 0 : METRIC_ABSENT);
}

static void columns_are_described(void **state)
{
    static const char *const keys_in_order[] = {"flow",   "endpoint", "subflow", "kind",
                                                "number", "begin",    "end"};
    (void)state;
    for (size_t i = 0; i < REPORT_COLUMNS; i++) {
        assert_true(strlen(report_column_name(i)) > 0);
        assert_true(strlen(report_column_unit(i)) > 0);
        assert_true(strlen(report_column_kind(i)) > 0);
        assert_true(strlen(report_column_help(i)) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(report_column_name(i), report_column_name(j));
    }
    for (size_t i = 0; i < COUNT(keys_in_order); i++) {
        assert_string_equal(report_column_name(i), keys_in_order[i]);
        assert_string_equal(report_column_kind(i), "key");
    }
    assert_int_equal(COUNT(keys_in_order), REPORT_KEYS);
    assert_string_equal(report_column_name(REPORT_KEYS + METRIC_cwnd), "cwnd");
    assert_string_equal(report_column_kind(REPORT_KEYS + METRIC_cwnd), "gauge");
    assert_string_equal(report_column_unit(REPORT_KEYS + METRIC_tx_bytes), "B");
    assert_string_equal(report_column_help(REPORT_KEYS + METRIC_cwnd), "congestion window");
}

/* The bytes as report.h describes them, read here without the help of report.c. */
static uint64_t little_endian(const uint8_t *at, int length)
{
    uint64_t number = 0;
    while (length > 0)
        number = number << 8 | at[--length];
    return number;
}

/* Writes a row of these columns, as report.h describes it, without the help of report.c; sections
 * may follow. `there`: one bit for each, or NULL: all are. Returns its length. */
static size_t pack_columns(uint8_t *bytes, const int64_t *values, const bool *there, size_t count)
{
    size_t at = 8 + (count + 7) / 8;
    memset(bytes, 0, at);
    for (size_t i = 0; i < count; i++) {
        if (there && !there[i])
            continue;
        bytes[8 + i / 8] = (uint8_t)(bytes[8 + i / 8] + (1 << i % 8));
        /* 0, -1, 1, -2 ... are 0, 1, 2, 3 ... */
        uint64_t number = values[i] < 0 ? ~(uint64_t)values[i] * 2 + 1 : (uint64_t)values[i] * 2;
        do {
            uint64_t rest = number / 128;
            bytes[at++] = (uint8_t)(number % 128 + (rest ? 128 : 0));
            number = rest;
        } while (number);
    }
    while (at % 8)
        bytes[at++] = 0;
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(at >> 8 * i);
    return at;
}

static void a_row_lies_as_described(void **state)
{
    static const uint8_t tail[] = {1, 0, 0, 0, 3, 0, 0, 0, 'a', '=', 'b', 0,   0,   0,   0,   0,
                                   2, 0, 0, 0, 8, 0, 0, 0, '1', '2', '3', '4', '5', '6', '7', '8'};
    const struct report_section sections[] = {{REPORT_SECTION_INFO, 3, "a=b"},
                                              {REPORT_SECTION_ERROR, 8, "12345678"}};
    static uint8_t bytes[ROW_MAX];
    struct report report;
    (void)state;
    random_report(&report);
    static uint8_t expected[ROW_MAX];
    int64_t values[REPORT_COLUMNS];
    bool there[REPORT_COLUMNS];
    for (size_t i = 0; i < REPORT_COLUMNS; i++) {
        values[i] = column(&report, i);
        there[i] = i < REPORT_KEYS || values[i] != METRIC_ABSENT;
    }
    size_t fixed = pack_columns(expected, values, there, REPORT_COLUMNS);
    size_t size = report_packed_size(&report, sections, 2);
    assert_int_equal(size, fixed + sizeof tail);
    assert_int_equal(report_packed_size(&report, NULL, 0), fixed);
    memset(bytes, 0xee, sizeof bytes);
    report_pack(&report, sections, 2, bytes);
    assert_int_equal(little_endian(bytes, 4), size);
    assert_int_equal(little_endian(bytes + 4, 4), 2);
    assert_memory_equal(bytes + 8, expected + 8, fixed - 8);
    assert_memory_equal(bytes + fixed, tail, sizeof tail);
    assert_int_equal(bytes[size], 0xee);
}

/* What takes how many bytes, as the description has it. */
static void numbers_are_as_long_as_they_need(void **state)
{
    static const struct {
        int64_t value;
        size_t length;
    } cases[] = {
        {0, 1},         {-1, 1},         {63, 1},          {-64, 1},        {64, 2},
        {-65, 2},       {8191, 2},       {-8192, 2},       {8192, 3},       {1 << 20, 4},
        {INT32_MAX, 5}, {INT64_MAX, 10}, {-INT64_MAX, 10}, {INT64_MIN, 10}, {INT64_MAX / 2, 9},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(varint_size(folded(cases[i].value)), cases[i].length);
        assert_int_equal(unfolded(folded(cases[i].value)), cases[i].value);
    }
    struct report report;
    report_init(&report);
    /* Keys only, each 0: the head, the bits, and a byte for each key. */
    assert_int_equal(report_packed_size(&report, NULL, 0),
                     (8 + (REPORT_COLUMNS + 7) / 8 + REPORT_KEYS + 7) / 8 * 8);
}

static void sections_are_padded(void **state)
{
    (void)state;
    for (uint32_t length = 0; length <= 24; length++) {
        struct report report;
        random_report(&report);
        struct report_section section = {1, length, NULL};
        size_t size = report_packed_size(&report, &section, 1);
        assert_int_equal(size, report_packed_size(&report, NULL, 0) + 8 + (length + 7) / 8 * 8);
    }
}

static void an_empty_section_needs_no_bytes(void **state)
{
    const struct report_section sections[] = {{7, 0, NULL}, {8, 0, ""}};
    static uint8_t bytes[ROW_MAX];
    struct report report;
    struct report_layout layout;
    struct report_row row;
    size_t used;
    (void)state;
    report_init(&report);
    report_layout_own(&layout);
    report_pack(&report, sections, 2, bytes);
    assert_true(report_unpack(bytes, sizeof bytes, &layout, &row, &used, NULL));
    assert_int_equal(row.section_count, 2);
    assert_int_equal(row.sections[0].length, 0);
    assert_int_equal(row.sections[1].type, 8);
}

/* Packs a random report with random sections, whose data lie in `data`. */
static size_t pack_random(struct report *report, struct report_section *sections, size_t *count,
                          const uint8_t *data, void *bytes)
{
    *count = random_below(5);
    for (size_t i = 0; i < *count; i++)
        sections[i] = (struct report_section){(uint32_t)random_bits(), (uint32_t)random_below(70),
                                              data + random_below(64)};
    random_report(report);
    size_t size = report_packed_size(report, sections, *count);
    report_pack(report, sections, *count, bytes);
    return size;
}

static void random_rows_come_back(void **state)
{
    static uint8_t bytes[ROW_MAX];
    uint8_t data[256];
    struct report_layout layout;
    (void)state;
    report_layout_own(&layout);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)random_bits();
    for (int i = 0; i < ROUNDS; i++) {
        struct report report;
        struct report_section sections[5];
        struct report_row row;
        size_t count, used = 0, shift = random_below(8); /* rows may lie anywhere */
        size_t size = pack_random(&report, sections, &count, data, bytes + shift);
        size_t more = random_below(2) ? random_below(100) : 0;
        assert_true(report_unpack(bytes + shift, size + more, &layout, &row, &used, NULL));
        assert_int_equal(used, size);
        assert_same_report(&row.report, &report);
        assert_int_equal(row.section_count, count);
        for (size_t j = 0; j < count; j++)
            assert_same_section(&row.sections[j], &sections[j]);
    }
}

static void rows_follow_each_other(void **state)
{
    enum { ROWS = 3 };
    static uint8_t bytes[ROWS * ROW_MAX];
    const struct report_section sections[] = {{1, 1, "x"}, {2, 2, "yz"}};
    struct report reports[ROWS];
    struct report_layout layout;
    struct report_row row;
    size_t end = 0, at = 0;
    (void)state;
    report_layout_own(&layout);
    for (size_t i = 0; i < ROWS; i++) {
        random_report(&reports[i]);
        report_pack(&reports[i], sections, i, bytes + end);
        end += report_packed_size(&reports[i], sections, i);
    }
    for (size_t i = 0; i < ROWS; i++) {
        size_t used;
        assert_true(report_unpack(bytes + at, end - at, &layout, &row, &used, NULL));
        assert_same_report(&row.report, &reports[i]);
        assert_int_equal(row.section_count, i);
        at += used;
    }
    assert_int_equal(at, end);
}

/* ---- senders of other versions */

static void our_own_layout_is_in_order(void **state)
{
    struct report_layout layout;
    (void)state;
    memset(&layout, 0x55, sizeof layout);
    report_layout_own(&layout);
    assert_int_equal(layout.columns, REPORT_COLUMNS);
    for (size_t i = 0; i < REPORT_COLUMNS; i++)
        assert_int_equal(layout.place[i], i);
}

static void columns_of_an_older_sender_are_absent(void **state)
{
    static const int64_t values[] = {17, 1, 4711, -9};
    struct report_layout layout = {0};
    struct report_row row;
    uint8_t bytes[64];
    size_t used;
    (void)state;
    assert_true(report_layout_add(&layout, "flow"));
    assert_true(report_layout_add(&layout, "endpoint"));
    assert_true(report_layout_add(&layout, "tx_bytes"));
    assert_true(report_layout_add(&layout, "accecn_opt"));
    size_t size = pack_columns(bytes, values, NULL, 4);
    assert_true(report_unpack(bytes, size, &layout, &row, &used, NULL));
    assert_int_equal(row.report.key[REPORT_FLOW], 17);
    assert_int_equal(row.report.key[REPORT_ENDPOINT], 1);
    assert_int_equal(row.report.key[REPORT_END], 0);
    for (size_t i = 0; i < METRICS; i++) {
        int64_t expected = i == METRIC_tx_bytes     ? 4711
                           : i == METRIC_accecn_opt ? -9
                                                    : METRIC_ABSENT;
        assert_int_equal(row.report.value[i], expected);
    }
    assert_int_equal(row.section_count, 0);
}

static void columns_of_a_newer_sender_are_skipped(void **state)
{
    static const int64_t values[] = {1, 2, 3, 4, 5};
    static const char *const names[] = {"quantum_rtt", "cwnd", "", "flow", "Flow"};
    struct report_layout layout = {0};
    struct report_row row;
    uint8_t bytes[64];
    size_t used;
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_true(report_layout_add(&layout, names[i]));
    assert_int_equal(layout.columns, 5);
    assert_int_equal(layout.place[0], -1);
    assert_int_equal(layout.place[2], -1);
    assert_int_equal(layout.place[4], -1);
    size_t size = pack_columns(bytes, values, NULL, 5);
    assert_true(report_unpack(bytes, size, &layout, &row, &used, NULL));
    assert_int_equal(row.report.value[METRIC_cwnd], 2);
    assert_int_equal(row.report.key[REPORT_FLOW], 4);
}

static void a_layout_has_room_for_so_many(void **state)
{
    static int64_t values[512];
    static uint8_t bytes[8 + 11 * 512];
    struct report_layout layout = {0};
    struct report_row row;
    size_t used;
    (void)state;
    for (size_t i = 0; i < 511; i++)
        assert_true(report_layout_add(&layout, "unknown"));
    assert_true(report_layout_add(&layout, "end"));
    assert_false(report_layout_add(&layout, "flow"));
    assert_int_equal(layout.columns, 512);
    values[511] = 5;
    pack_columns(bytes, values, NULL, 512);
    assert_true(report_unpack(bytes, sizeof bytes, &layout, &row, &used, NULL));
    assert_int_equal(row.report.key[REPORT_END], 5);
    assert_int_equal(row.report.key[REPORT_FLOW], 0);
}

static void a_sender_without_columns(void **state)
{
    struct report_layout layout = {0};
    struct report report;
    struct report_row row;
    uint8_t bytes[8];
    size_t used;
    (void)state;
    report_init(&report);
    assert_int_equal(pack_columns(bytes, NULL, NULL, 0), 8);
    assert_true(report_unpack(bytes, sizeof bytes, &layout, &row, &used, NULL));
    assert_int_equal(used, 8);
    assert_same_report(&row.report, &report);
}

/* Columns of both sides in any order, some of them known to one side only. */
static void random_layouts_find_columns_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct report_layout layout = {0};
        struct report_row row;
        struct report expected;
        int64_t values[40];
        bool there[40];
        uint8_t bytes[16 + 10 * 40];
        size_t used, count = random_below(COUNT(values) + 1), first = random_below(REPORT_COLUMNS);
        report_init(&expected);
        for (size_t j = 0; j < count; j++) {
            size_t known = (first + 7 * j) % REPORT_COLUMNS;
            bool is_known = random_below(3);
            values[j] = random_value();
            assert_true(report_layout_add(&layout, is_known ? report_column_name(known) : "new"));
            int64_t *slot =
                known < REPORT_KEYS ? &expected.key[known] : &expected.value[known - REPORT_KEYS];
            there[j] = random_below(5);
            if (is_known && there[j])
                *slot = values[j];
        }
        size_t size = pack_columns(bytes, values, there, count);
        assert_true(report_unpack(bytes, size, &layout, &row, &used, NULL));
        assert_same_report(&row.report, &expected);
    }
}

/* ---- sections */

static void sections_are_found_by_type(void **state)
{
    const struct report_section sections[] = {
        {9, 1, "?"}, {REPORT_SECTION_ERROR, 5, "first"}, {REPORT_SECTION_ERROR, 6, "second"}};
    static uint8_t bytes[ROW_MAX];
    struct report report;
    struct report_layout layout;
    struct report_row row;
    size_t used;
    (void)state;
    report_init(&report);
    report_layout_own(&layout);
    report_pack(&report, sections, 3, bytes);
    assert_true(report_unpack(bytes, sizeof bytes, &layout, &row, &used, NULL));
    const struct report_section *found = report_section(&row, REPORT_SECTION_ERROR);
    assert_non_null(found);
    assert_same_section(found, &sections[1]);
    assert_non_null(report_section(&row, 9));
    assert_null(report_section(&row, REPORT_SECTION_INFO));
}

static void sections_beyond_the_room_are_left_out(void **state)
{
    enum { MANY = REPORT_SECTIONS_MAX + 10 };
    struct report_section sections[MANY];
    static uint8_t bytes[ROW_MAX];
    struct report report;
    struct report_layout layout;
    struct report_row row;
    size_t used;
    (void)state;
    for (uint32_t i = 0; i < MANY; i++)
        sections[i] = (struct report_section){i, 3, "abc"};
    report_init(&report);
    report_layout_own(&layout);
    report_pack(&report, sections, MANY, bytes);
    size_t size = report_packed_size(&report, sections, MANY);
    assert_true(report_unpack(bytes, size, &layout, &row, &used, NULL));
    assert_int_equal(used, size);
    assert_int_equal(row.section_count, REPORT_SECTIONS_MAX);
    for (uint32_t i = 0; i < REPORT_SECTIONS_MAX; i++)
        assert_same_section(&row.sections[i], &sections[i]);
}

/* ---- what does not add up */

/* Unpacks from memory of exactly this length, so that a sanitizer sees every byte beyond. */
static bool unpack_exactly(const uint8_t *bytes, size_t length, const struct report_layout *layout,
                           struct report_row *row, struct fail *fail)
{
    size_t used = 0;
    uint8_t *copy = mem_new(length, 1);
    memcpy(copy, bytes, length);
    bool good = report_unpack(copy, length, layout, row, &used, fail);
    assert_true(!good || (used <= length && used >= 8 && used % 8 == 0));
    for (size_t i = 0; good && i < row->section_count; i++) {
        const uint8_t *data = row->sections[i].data;
        assert_true(data >= copy && data + row->sections[i].length <= copy + used);
    }
    free(copy);
    return good;
}

static void short_rows_are_refused(void **state)
{
    static uint8_t bytes[ROW_MAX];
    const struct report_section section = {1, 5, "12345"};
    struct report report;
    struct report_layout layout;
    struct report_row row;
    (void)state;
    random_report(&report);
    report_layout_own(&layout);
    report_pack(&report, &section, 1, bytes);
    size_t size = report_packed_size(&report, &section, 1);
    size_t least = (8 + (REPORT_COLUMNS + 7) / 8 + 7) / 8 * 8;
    for (size_t length = 0; length < size; length++) {
        struct fail fail = {0};
        char expected[96];
        assert_false(unpack_exactly(bytes, length, &layout, &row, &fail));
        if (length < least)
            snprintf(expected, sizeof expected, "%zu bytes are too few for a report", length);
        else
            snprintf(expected, sizeof expected, "claims %zu bytes, but has %zu", size, length);
        assert_non_null(strstr(fail.text, expected));
    }
    assert_true(unpack_exactly(bytes, size, &layout, &row, NULL));
}

static void set32(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> 8 * i);
}

static void lengths_that_lie_are_refused(void **state)
{
    static const struct {
        uint32_t row, sections, section;
        const char *sentence; /* NULL: it is good */
    } cases[] = {
        /* 40 bytes: the head, two columns in 16 bytes, one section with 5 of 8 bytes */
        {40, 1, 5, NULL},
        {40, 1, 8, NULL},
        {40, 1, 9, "a section exceeds its report"},
        {40, 1, 0xffffffff, "a section exceeds its report"},
        {40, 1, 0xfffffff9, "a section exceeds its report"},
        {40, 1, 0x80000000, "a section exceeds its report"},
        {40, 2, 5, "a section exceeds its report"},
        {40, 0xffffffff, 5, "a section exceeds its report"},
        {40, 2, 0, NULL}, /* the bytes of the section are an empty one */
        {32, 1, 5, "a section exceeds its report"},
        {24, 1, 5, "a section exceeds its report"},
        {24, 0, 5, NULL},
        {16, 0, 5, "a column exceeds its report"},
        {8, 0, 5, "a report claims 8 bytes, but has 40"},
        {0, 0, 5, "a report claims 0 bytes"},
        {48, 1, 5, "a report claims 48 bytes, but has 40"},
        {0xffffffff, 1, 5, "a report claims 4294967295 bytes, but has 40"},
        {39, 1, 5, "a report claims 39 bytes"},
        {36, 1, 5, "a report claims 36 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct report_layout layout = {.columns = 2, .place = {0, -1}};
        int64_t values[] = {INT64_MAX, 0};
        uint8_t bytes[40] = {0};
        struct report_row row;
        struct fail fail = {0};
        assert_int_equal(pack_columns(bytes, values, NULL, 2), 24);
        set32(bytes, cases[i].row);
        set32(bytes + 4, cases[i].sections);
        set32(bytes + 24, REPORT_SECTION_INFO);
        set32(bytes + 28, cases[i].section);
        bool good = unpack_exactly(bytes, sizeof bytes, &layout, &row, &fail);
        if (good != !cases[i].sentence || (!good && !strstr(fail.text, cases[i].sentence)))
            fail_msg("%u, %u, %u: %s", cases[i].row, cases[i].sections, cases[i].section,
                     fail.text);
    }
}

static void numbers_that_do_not_end_are_refused(void **state)
{
    static const struct {
        uint8_t number[16];
        bool good;
    } cases[] = {
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, true}, /* the largest */
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}, false},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, false},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, true}, /* 0, the long way */
        {{0x80, 0x00}, true},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
         false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct report_layout layout = {.columns = 1, .place = {REPORT_FLOW}};
        uint8_t bytes[24] = {24};
        struct report_row row;
        struct fail fail = {0};
        bytes[8] = 1;
        memcpy(bytes + 9, cases[i].number, 15);
        bool good = unpack_exactly(bytes, sizeof bytes, &layout, &row, &fail);
        assert_int_equal(good, cases[i].good);
        if (!good)
            assert_string_equal(fail.text, "a column exceeds its report");
        else
            assert_int_equal(row.report.key[REPORT_FLOW], i ? 0 : INT64_MIN);
    }
}

static void damaged_rows_are_refused_or_whole(void **state)
{
    static uint8_t bytes[ROW_MAX];
    static const uint8_t data[256];
    struct report_layout own;
    int refused = 0;
    (void)state;
    report_layout_own(&own);
    for (int i = 0; i < ROUNDS; i++) {
        struct report_layout layout = own;
        struct report report;
        struct report_section sections[5];
        struct report_row row;
        size_t count, length = pack_random(&report, sections, &count, data, bytes);
        size_t fixed = report_packed_size(&report, NULL, 0);
        for (uint64_t hits = random_below(4); hits > 0; hits--) {
            size_t at = random_below(3) ? random_below(random_below(2) ? 8 : fixed)
                                        : fixed + random_below(length - fixed + 1);
            bytes[at] = (uint8_t)(random_below(2) ? random_below(64) : random_bits());
        }
        if (random_below(4) == 0)
            length = random_below(length + 1);
        if (random_below(4) == 0)
            layout.columns = random_below(REPORT_COLUMNS);
        refused += !unpack_exactly(bytes, length, &layout, &row, NULL);
    }
    assert_in_range(refused, 1, ROUNDS - 1);
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t bytes[160];
        size_t length = random_below(sizeof bytes + 1);
        struct report_layout layout = {.columns = random_below(12)};
        struct report_row row;
        for (size_t at = 0; at < length; at++)
            bytes[at] = (uint8_t)(random_below(3) ? 0 : random_bits());
        if (length >= 8)
            set32(bytes, (uint32_t)(length - random_below(9)));
        unpack_exactly(bytes, length, &layout, &row, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_report_has_no_values),
        cmocka_unit_test(columns_are_described),
        cmocka_unit_test(a_row_lies_as_described),
        cmocka_unit_test(numbers_are_as_long_as_they_need),
        cmocka_unit_test(sections_are_padded),
        cmocka_unit_test(an_empty_section_needs_no_bytes),
        cmocka_unit_test(random_rows_come_back),
        cmocka_unit_test(rows_follow_each_other),
        cmocka_unit_test(our_own_layout_is_in_order),
        cmocka_unit_test(columns_of_an_older_sender_are_absent),
        cmocka_unit_test(columns_of_a_newer_sender_are_skipped),
        cmocka_unit_test(a_layout_has_room_for_so_many),
        cmocka_unit_test(a_sender_without_columns),
        cmocka_unit_test(random_layouts_find_columns_by_name),
        cmocka_unit_test(sections_are_found_by_type),
        cmocka_unit_test(sections_beyond_the_room_are_left_out),
        cmocka_unit_test(short_rows_are_refused),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(numbers_that_do_not_end_are_refused),
        cmocka_unit_test(damaged_rows_are_refused_or_whole),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    seed_random();
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
