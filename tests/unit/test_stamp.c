/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the packets of STAMP: where RFC 8762 puts each field, times and their errors, and what is
 * not believed. */
#include "../../common/stamp.c"

#include "mem.h"
#include "unit.h"

static const struct stamp_key no_key, a_key = {"sixteen and more", 16},
                                      other_key = {"sixteen and mora", 16};

static const struct stamp_key *const keys[] = {&no_key, &a_key};

static const struct stamp_reply some_reply = {
    .sequence = 0x01020304,
    .sent = 0x1112131415161718,
    .received = 0x2122232425262728,
    .error = 0x8001,
    .session = 0x3132,
    .request = {.sequence = 0x41424344, .sent = 0x5152535455565758, .error = 0x4007},
    .ttl = 61,
};

static bool is_at(const uint8_t *bytes, size_t at, const char *hex)
{
    char text[32] = "";
    for (size_t i = 0; i < strlen(hex) / 2; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[at + i]);
    return !strcmp(text, hex);
}

/* Figures 4 and 7 of RFC 8762, with the SSID of RFC 8972. */
static void replies_have_the_fields_of_the_rfc(void **state)
{
    static const struct {
        size_t plain, authenticated;
        const char *hex;
    } fields[] = {
        {0, 0, "01020304"},
        {4, 16, "1112131415161718"},
        {12, 24, "8001"},
        {14, 26, "3132"},
        {16, 32, "2122232425262728"},
        {24, 48, "41424344"},
        {28, 64, "5152535455565758"},
        {36, 72, "4007"},
        {38, 74, "0000"},
        {40, 80, "3d"},
    };
    uint8_t bytes[STAMP_SIZE_AUTH];
    (void)state;
    stamp_reply_encode(&no_key, &some_reply, bytes, STAMP_SIZE);
    for (size_t i = 0; i < COUNT(fields); i++)
        assert_true(is_at(bytes, fields[i].plain, fields[i].hex));
    stamp_reply_encode(&a_key, &some_reply, bytes, sizeof bytes);
    for (size_t i = 0; i < COUNT(fields); i++)
        assert_true(is_at(bytes, fields[i].authenticated, fields[i].hex));
}

static void packets_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(keys); i++) {
        uint8_t bytes[STAMP_SIZE_AUTH];
        struct stamp_request said = {7, 0x1112131415161718, 0x8102, 9}, heard;
        struct stamp_reply reply;
        stamp_request_encode(keys[i], &said, bytes);
        assert_true(stamp_request_decode(keys[i], bytes, stamp_size(keys[i]), &heard));
        assert_true(heard.sequence == 7 && heard.sent == said.sent && heard.error == said.error &&
                    heard.session == 9);
        stamp_reply_encode(keys[i], &some_reply, bytes, stamp_size(keys[i]));
        assert_true(stamp_reply_decode(keys[i], bytes, stamp_size(keys[i]), &reply));
        assert_memory_equal(&reply, &some_reply, sizeof reply);
        assert_false(stamp_request_decode(keys[i], bytes, 40, &heard));
    }
}

/* A reply of TWAMP Light may end after the TTL: nothing behind it is written. */
static void short_replies_stay_short(void **state)
{
    uint8_t bytes[STAMP_SIZE + 1];
    struct stamp_reply reply;
    (void)state;
    memset(bytes, 0xee, sizeof bytes);
    stamp_reply_encode(&no_key, &some_reply, bytes, STAMP_REPLY_LEAST);
    assert_int_equal(bytes[STAMP_REPLY_LEAST - 1], 61);
    assert_int_equal(bytes[STAMP_REPLY_LEAST], 0xee);
    assert_true(stamp_reply_decode(&no_key, bytes, STAMP_REPLY_LEAST, &reply));
    assert_false(stamp_reply_decode(&no_key, bytes, STAMP_REPLY_LEAST - 1, &reply));
}

/* Each bit before the HMAC and in it counts, and so does the key. */
static void forged_packets_are_refused(void **state)
{
    uint8_t bytes[STAMP_SIZE_AUTH];
    struct stamp_request heard;
    struct stamp_reply reply;
    (void)state;
    stamp_reply_encode(&a_key, &some_reply, bytes, sizeof bytes);
    assert_false(stamp_reply_decode(&other_key, bytes, sizeof bytes, &reply));
    assert_false(stamp_reply_decode(&a_key, bytes, sizeof bytes - 1, &reply));
    for (int bit = 0; bit < 8 * STAMP_SIZE_AUTH; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(stamp_reply_decode(&a_key, bytes, sizeof bytes, &reply));
        assert_false(stamp_request_decode(&a_key, bytes, sizeof bytes, &heard));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(stamp_reply_decode(&a_key, bytes, sizeof bytes, &reply));
}

/* RFC 4231, test case 2: HMAC-SHA-256 with the key "Jefe". */
static void hmac_is_that_of_the_standard(void **state)
{
    static const struct stamp_key jefe = {"Jefe", 4};
    static const char data[] = "what do ya want for nothing?";
    uint8_t hmac[STAMP_HMAC_SIZE];
    (void)state;
    stamp_hmac(&jefe, data, sizeof data - 1, hmac);
    assert_true(is_at(hmac, 0, "5bdcc146bf60754e"));
    assert_true(is_at(hmac, 8, "6a042426089575c7"));
}

static void times_are_of_ntp(void **state)
{
    uint64_t epoch = stamp_time(0);
    (void)state;
    assert_true(epoch == UINT64_C(2208988800) << 32);
    assert_true(stamp_time(NS_PER_SEC / 2) == epoch + (UINT64_C(1) << 31));
    assert_int_equal(stamp_elapsed(epoch, stamp_time(1234567890123)), 1234567890123);
    assert_int_equal(stamp_elapsed(stamp_time(5 * NS_PER_SEC + 7), stamp_time(7)), -5 * NS_PER_SEC);
    /* NTP's era ends in 2036. */
    assert_int_equal(stamp_elapsed(UINT64_MAX, 0), 0);
    assert_int_equal(stamp_elapsed(UINT64_MAX - (UINT64_C(1) << 32) + 1, 0), NS_PER_SEC);
    assert_true(stamp_time_of_ptp(UINT64_C(3) << 32 | 500000000) == stamp_time(3500000000));
    for (int i = 0; i < 1000; i++) {
        int64_t ns = (int64_t)random_below(UINT64_C(4000000000) * NS_PER_SEC), apart = 0;
        apart = stamp_elapsed(epoch, stamp_time(ns % (60 * 365 * 86400 * NS_PER_SEC)));
        assert_in_range(apart - ns % (60 * 365 * 86400 * NS_PER_SEC) + 1, 0, 2);
    }
}

/* Never less than the error, and at most 1/128 and 2^-32 s more. */
static void errors_are_rounded_up(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        int64_t error = (int64_t)(random_bits() >> (24 + random_below(40))), read;
        uint16_t estimate = stamp_error_encode(i & 1, error);
        read = stamp_error_decode(estimate);
        assert_true(read >= error && read <= error + error / 64 + 2);
        assert_true(!(estimate & STAMP_SYNCHRONISED) == !(i & 1) && !(estimate & STAMP_PTP));
        assert_true(estimate & 0xff);
    }
    assert_int_equal(stamp_error_decode(0x8300), -1);
    assert_true(stamp_error_decode(0x3fff) == INT64_MAX);
    assert_true(stamp_error_decode(0x2001) == NS_PER_SEC); /* 1 * 2^32 * 2^-32 s */
}

static void replies_are_told_from_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(keys); i++) {
        uint8_t bytes[STAMP_SIZE_AUTH];
        struct stamp_reply reply = some_reply;
        stamp_request_encode(keys[i], &(struct stamp_request){.sent = stamp_time(0)}, bytes);
        assert_false(stamp_is_reply(keys[i], bytes, stamp_size(keys[i])));
        reply.received = stamp_time(5 * NS_PER_SEC);
        reply.sent = stamp_time(5 * NS_PER_SEC + 999 * NS_PER_MS);
        stamp_reply_encode(keys[i], &reply, bytes, stamp_size(keys[i]));
        assert_true(stamp_is_reply(keys[i], bytes, stamp_size(keys[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_have_the_fields_of_the_rfc),
        cmocka_unit_test(packets_come_back),
        cmocka_unit_test(short_replies_stay_short),
        cmocka_unit_test(forged_packets_are_refused),
        cmocka_unit_test(hmac_is_that_of_the_standard),
        cmocka_unit_test(times_are_of_ntp),
        cmocka_unit_test(errors_are_rounded_up),
        cmocka_unit_test(replies_are_told_from_requests),
    };
    seed_random();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
