/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the extensions of STAMP as RFC 8972 has them: which a reflector fills in, and how it flags
 * those that it does not know, that are cut, or whose HMAC is wrong. */
#include "../../common/stamp_tlv.c"

#include "unit.h"

enum { ECT0 = 2, EF = 46, AF11 = 10 };

static const struct stamp_key no_key, a_key = {"sixteen and more", 16};
static const struct stamp_arrival arrival = {
    .from_port = 0x1234,
    .to_port = 0x5678,
    .tos = AF11 << 2 | ECT0,
    .synchronised = true,
    .request_sequence = 3,
    .reply_sequence = 8,
};

static void known_ones_are_filled_in(void **state)
{
    uint8_t tlvs[] = {
        0x80, 4, 0, 4, EF << 2, 0,    0, 0, /* class of service */
        0x80, 3, 0, 4, 0,       0,    0, 0, /* timestamp information */
        0x80, 2, 0, 4, 0,       0,    0, 0, /* location */
        0x80, 1, 0, 2, 0xaa,    0xbb,       /* padding */
    };
    const uint8_t wanted[] = {
        0,
        4,
        0,
        4,
        EF << 2 | AF11 >> 4,
        (AF11 << 4 & 0xff) | ECT0 << 2,
        0,
        0, /* */
        0,
        3,
        0,
        4,
        1,
        2,
        1,
        2, /* NTP, software */
        0,
        2,
        0,
        4,
        0x56,
        0x78,
        0x12,
        0x34, /* */
        0,
        1,
        0,
        2,
        0xaa,
        0xbb, /* */
    };
    (void)state;
    assert_int_equal(stamp_tlvs_reflect(&no_key, &arrival, tlvs, sizeof tlvs), EF);
    assert_memory_equal(tlvs, wanted, sizeof wanted);
}

static void unknown_ones_are_flagged_and_passed_over(void **state)
{
    uint8_t tlvs[] = {0x80, 99, 0, 1, 7, 0x80, 8, 0, 0, 0x80, 1, 0, 0};
    const uint8_t wanted[] = {0x80, 99, 0, 1, 7, 0x80, 8, 0, 0, 0, 1, 0, 0};
    (void)state;
    assert_int_equal(stamp_tlvs_reflect(&no_key, &arrival, tlvs, sizeof tlvs), -1);
    assert_memory_equal(tlvs, wanted, sizeof wanted);
}

/* Nothing is looked at after one of a wrong length, or that goes beyond the packet. */
static void malformed_ones_end_it(void **state)
{
    uint8_t wrong[] = {0x80, 4, 0, 2, EF << 2, 0, 0x80, 1, 0, 0};
    uint8_t cut[] = {0x80, 1, 0, 0, 0x80, 1, 0, 9, 5};
    (void)state;
    assert_int_equal(stamp_tlvs_reflect(&no_key, &arrival, wrong, sizeof wrong), -1);
    assert_memory_equal(wrong, ((const uint8_t[]){0x40, 4, 0, 2, EF << 2, 0, 0x80, 1, 0, 0}),
                        sizeof wrong);
    stamp_tlvs_reflect(&no_key, &arrival, cut, sizeof cut);
    assert_memory_equal(cut, ((const uint8_t[]){0, 1, 0, 0, 0x40, 1, 0, 9, 5}), sizeof cut);
}

static void padding_of_twamp_stays(void **state)
{
    uint8_t zeros[9] = {0}, others[] = {0x13, 0x57, 0, 1, 0x80};
    (void)state;
    stamp_tlvs_reflect(&no_key, &arrival, zeros, sizeof zeros);
    assert_memory_equal(zeros, ((uint8_t[9]){0}), sizeof zeros);
    stamp_tlvs_reflect(&no_key, &arrival, others, sizeof others);
    assert_memory_equal(others, ((const uint8_t[]){0x13, 0x57, 0, 1, 0x80}), sizeof others);
}

/* What is not known of a packet is not made up. */
static void unknown_marks_are_not_told(void **state)
{
    uint8_t tlvs[] = {0x80, 4, 0, 4, EF << 2, 0, 0, 0};
    struct stamp_arrival without = arrival;
    struct stamp_class class;
    (void)state;
    without.tos = -1;
    assert_int_equal(stamp_tlvs_reflect(&no_key, &without, tlvs, sizeof tlvs), -1);
    assert_int_equal(tlvs[0], STAMP_TLV_UNKNOWN);
    assert_true(stamp_tlvs_read(&no_key, 0, tlvs, sizeof tlvs, &class));
    assert_true(!class.known && class.dscp == -1 && class.ecn == -1);
}

static void senders_read_what_was_filled_in(void **state)
{
    static const struct stamp_key *const keys[] = {&no_key, &a_key};
    (void)state;
    for (size_t i = 0; i < COUNT(keys); i++)
        for (size_t length = stamp_tlvs_least(keys[i]); length < 100; length++) {
            uint8_t tlvs[100];
            struct stamp_class class;
            stamp_tlvs_write(keys[i], 3, EF, tlvs, length);
            assert_true(stamp_tlvs_read(keys[i], 3, tlvs, length, &class) && !class.known);
            assert_int_equal(stamp_tlvs_reflect(keys[i], &arrival, tlvs, length), EF);
            assert_true(stamp_tlvs_read(keys[i], 8, tlvs, length, &class));
            assert_true(class.known && !class.refused);
            assert_int_equal(class.dscp, AF11);
            assert_int_equal(class.ecn, ECT0);
            if (keys[i]->length)
                assert_false(stamp_tlvs_read(keys[i], 9, tlvs, length, &class));
        }
}

/* A bit that is changed, or no HMAC at all: every TLV is flagged, and none is done. */
static void integrity_is_checked(void **state)
{
    enum { LENGTH = 40, PADDED = LENGTH - STAMP_TLV_HMAC_SIZE };
    uint8_t tlvs[LENGTH], without[] = {0x80, 4, 0, 4, EF << 2, 0, 0, 0};
    (void)state;
    stamp_tlvs_write(&a_key, 3, EF, tlvs, LENGTH);
    tlvs[PADDED - 1] ^= 1;
    assert_int_equal(stamp_tlvs_reflect(&a_key, &arrival, tlvs, LENGTH), -1);
    assert_int_equal(tlvs[0], STAMP_TLV_UNKNOWN | STAMP_TLV_INTEGRITY);
    assert_int_equal(tlvs[STAMP_TLV_CLASS_SIZE], STAMP_TLV_UNKNOWN | STAMP_TLV_INTEGRITY);
    assert_int_equal(tlvs[PADDED], STAMP_TLV_UNKNOWN | STAMP_TLV_INTEGRITY);
    assert_int_equal(stamp_tlvs_reflect(&a_key, &arrival, without, sizeof without), -1);
    assert_int_equal(without[0], STAMP_TLV_UNKNOWN | STAMP_TLV_INTEGRITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_ones_are_filled_in),
        cmocka_unit_test(unknown_ones_are_flagged_and_passed_over),
        cmocka_unit_test(malformed_ones_end_it),
        cmocka_unit_test(padding_of_twamp_stays),
        cmocka_unit_test(unknown_marks_are_not_told),
        cmocka_unit_test(senders_read_what_was_filled_in),
        cmocka_unit_test(integrity_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
