/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/engine/payload.c: what is sent is right, and no two workers share a page of it. */
#include "daemon/engine/payload.c"

#include "unit.h"

static void every_byte_of_the_pages_is_zero(void **state)
{
    (void)state;
    struct payload payload;
    payload_init(&payload);
    assert_true(payload_open(&payload));
    for (size_t i = 0; i < PAYLOAD_SIZE; i++)
        assert_int_equal(payload.zeros[i], 0);
    payload_close(&payload);
    assert_null(payload.zeros);
    assert_int_equal(payload.reservoir[0], -1);
}

/* Page frame number of the page at `address`, or 0 where only root may know it. */
static uint64_t frame_of(const void *address)
{
    uint64_t entry = 0;
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (file < 0 || *(const volatile uint8_t *)address != 0 ||
        pread(file, &entry, sizeof entry,
              (off_t)((uintptr_t)address / (uintptr_t)getpagesize() * sizeof entry)) != sizeof entry)
        entry = 0;
    if (file >= 0)
        close(file);
    return entry & ((1ull << 55) - 1);
}

static void no_page_is_shared(void **state)
{
    (void)state;
    struct payload one, other;
    payload_init(&one), payload_init(&other);
    assert_true(payload_open(&one) && payload_open(&other));
    assert_ptr_not_equal(one.zeros, other.zeros);
    uint64_t frame = frame_of(one.zeros), another = frame_of(other.zeros);
    if (frame && another)
        assert_int_not_equal(frame, another);
    payload_close(&one), payload_close(&other);
    if (!frame || !another) /* cmocka's skip() is a failure in TAP */
        puts("# not compared: only root sees the frames of pages");
}

static void the_reservoir_holds_zeros(void **state)
{
    (void)state;
    struct payload payload;
    uint8_t bytes[4096];
    payload_init(&payload);
    assert_true(payload_open(&payload));
    ssize_t length = read(payload.reservoir[0], bytes, sizeof bytes);
    assert_int_equal(length, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], 0);
    payload_close(&payload);
}

static void numbers_go_up(void **state)
{
    (void)state;
    const uint8_t *bytes = payload_numbers();
    assert_non_null(bytes);
    assert_ptr_equal(bytes, payload_numbers());
    for (size_t i = 0; i < PAYLOAD_SIZE + PAYLOAD_NUMBERS_PERIOD; i++)
        assert_int_equal(bytes[i], i % 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_the_pages_is_zero),
        cmocka_unit_test(no_page_is_shared),
        cmocka_unit_test(the_reservoir_holds_zeros),
        cmocka_unit_test(numbers_go_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
