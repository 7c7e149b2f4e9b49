/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests whom a STAMP reflector answers, how often, and with which numbers. */
#include "../../daemon/stamp/stamp_reflector.c"

#include "clock.h"
#include "mem.h"
#include "unit.h"

enum { PORT = 862 };

static const struct quotas no_quotas;

struct bench {
    struct stamp_reflector reflector;
    uint8_t bytes[256];
    struct stamp_datagram datagram;
    struct stamp_answer answer;
};

static struct bench *bench_new(const char *from, uint16_t port)
{
    struct bench *bench = mem_new(1, sizeof *bench);
    bench->reflector.peers = stamp_peers_new();
    bench->reflector.quotas = &no_quotas;
    assert_true(netlist_add(&bench->reflector.allow, "192.0.2.0/24,2001:db8::/32", NULL));
    bench->datagram = (struct stamp_datagram){
        .bytes = bench->bytes,
        .length = STAMP_SIZE,
        .to_port = PORT,
        .to_this_host = true,
        .received = 5 * NS_PER_SEC,
        .tos = 46 << 2,
        .ttl = 60,
    };
    assert_true(address_parse(from, port, &bench->datagram.from));
    stamp_request_encode(&bench->reflector.key, &(struct stamp_request){7, 8, 0x8009, 10},
                         bench->bytes);
    return bench;
}

static enum stamp_verdict reflect(struct bench *bench, int64_t now)
{
    return stamp_reflect(&bench->reflector, &bench->datagram, 0x8123, now, &bench->answer);
}

static void bench_free(struct bench *bench)
{
    stamp_peers_free(bench->reflector.peers);
    free(bench);
}

static enum stamp_verdict verdict_of(const char *from, uint16_t port)
{
    struct bench *bench = bench_new(from, port);
    enum stamp_verdict verdict = reflect(bench, NS_PER_SEC);
    bench_free(bench);
    return verdict;
}

static void only_the_allowed_are_answered(void **state)
{
    struct bench *bench = bench_new("192.0.2.1", 5000);
    (void)state;
    assert_int_equal(verdict_of("192.0.2.1", 5000), STAMP_ANSWERED);
    assert_int_equal(verdict_of("127.0.0.9", 5000), STAMP_ANSWERED);
    assert_int_equal(verdict_of("2001:db8::5", 5000), STAMP_ANSWERED);
    assert_int_equal(verdict_of("::1", 5000), STAMP_ANSWERED);
    assert_int_equal(verdict_of("192.0.3.1", 5000), STAMP_FROM_STRANGER);
    assert_int_equal(verdict_of("2001:db9::5", 5000), STAMP_FROM_STRANGER);
    assert_int_equal(verdict_of("0.0.0.0", 5000), STAMP_FROM_STRANGER);
    assert_int_equal(verdict_of("::", 5000), STAMP_FROM_STRANGER);
    bench->datagram.to_this_host = false;
    assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_FROM_STRANGER);
    bench_free(bench);
}

static void services_are_not_answered(void **state)
{
    struct bench *bench = bench_new("192.0.2.1", 5000);
    (void)state;
    assert_int_equal(verdict_of("127.0.0.1", PORT), STAMP_FROM_SERVICE);
    assert_int_equal(verdict_of("192.0.2.1", 7), STAMP_FROM_SERVICE);
    assert_int_equal(verdict_of("192.0.2.1", 1023), STAMP_FROM_SERVICE);
    assert_int_equal(verdict_of("192.0.2.1", 1024), STAMP_ANSWERED);
    bench->datagram.to_port = 5000;
    assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_FROM_SERVICE);
    bench_free(bench);
}

static void replies_and_short_ones_are_not_answered(void **state)
{
    struct bench *bench = bench_new("192.0.2.1", 5000);
    (void)state;
    bench->datagram.length = STAMP_REPLY_LEAST - 1;
    assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_TOO_SHORT);
    bench->datagram.length = STAMP_REPLY_LEAST;
    assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_ANSWERED);
    stamp_reflect_finish(&bench->reflector, &bench->answer, 5 * NS_PER_SEC + 1000,
                         &bench->datagram);
    assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_IS_REPLY);
    bench_free(bench);
}

static void replies_say_what_came(void **state)
{
    struct bench *bench = bench_new("192.0.2.1", 5000);
    struct stamp_reply reply;
    (void)state;
    assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_ANSWERED);
    stamp_reflect_finish(&bench->reflector, &bench->answer, 6 * NS_PER_SEC, &bench->datagram);
    assert_true(stamp_reply_decode(&bench->reflector.key, bench->bytes, STAMP_SIZE, &reply));
    assert_true(reply.sequence == 0 && reply.received == stamp_time(5 * NS_PER_SEC));
    assert_true(reply.sent == stamp_time(6 * NS_PER_SEC) && reply.error == 0x8123);
    assert_true(reply.request.sequence == 7 && reply.request.sent == 8);
    assert_true(reply.request.error == 0x8009 && reply.session == 10 && reply.ttl == 60);
    assert_int_equal(bench->answer.dscp, 46);
    bench_free(bench);
}

/* Only who knows the key. */
static void keys_are_asked_for(void **state)
{
    struct bench *bench = bench_new("192.0.2.1", 5000);
    static const struct stamp_key key = {"sixteen and more", 16}, other = {"sixteen and mora", 16};
    (void)state;
    bench->reflector.key = key;
    assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_TOO_SHORT);
    bench->datagram.length = STAMP_SIZE_AUTH;
    assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_NOT_AUTHENTIC);
    stamp_request_encode(&other, &(struct stamp_request){.sequence = 1}, bench->bytes);
    assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_NOT_AUTHENTIC);
    stamp_request_encode(&key, &(struct stamp_request){.sequence = 1}, bench->bytes);
    assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_ANSWERED);
    bench_free(bench);
}

/* Each session counts for itself; random padding of TWAMP makes no sessions. */
static void sessions_are_numbered(void **state)
{
    struct bench *bench = bench_new("192.0.2.1", 5000);
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_ANSWERED);
        assert_int_equal(bench->answer.reply.sequence, i);
    }
    bench->bytes[14] = 1;
    assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_ANSWERED);
    assert_int_equal(bench->answer.reply.sequence, 0);
    for (uint32_t i = 0; i < 3; i++) {
        bench->bytes[14] = (uint8_t)(77 + i);
        bench->bytes[43] = 1;
        assert_int_equal(reflect(bench, NS_PER_SEC), STAMP_ANSWERED);
        assert_int_equal(bench->answer.reply.sequence, i);
    }
    assert_int_equal(reflect(bench, 901 * NS_PER_SEC), STAMP_ANSWERED);
    assert_int_equal(bench->answer.reply.sequence, 3);
    assert_int_equal(reflect(bench, 1802 * NS_PER_SEC), STAMP_ANSWERED);
    assert_int_equal(bench->answer.reply.sequence, 0);
    bench_free(bench);
}

/* 200 at once, then 1000 a second, whatever port they come from. */
static void rates_are_capped(void **state)
{
    struct bench *bench = bench_new("192.0.2.1", 5000);
    int answered = 0;
    (void)state;
    for (int i = 0; i < 10000; i++) {
        address_set_port(&bench->datagram.from, (uint16_t)(5000 + i));
        answered += reflect(bench, NS_PER_SEC + i * NS_PER_MS / 10) == STAMP_ANSWERED;
    }
    assert_in_range(answered, STAMP_BURST + 999, STAMP_BURST + 1001);
    assert_true(address_parse("192.0.2.2", 5000, &bench->datagram.from));
    assert_int_equal(reflect(bench, 2 * NS_PER_SEC), STAMP_ANSWERED);
    bench_free(bench);
}

/* Forged addresses take no place from others that are in use, and free theirs soon. */
static void places_are_bounded(void **state)
{
    struct bench *bench = bench_new("2001:db8::1", 5000);
    int answered = 0;
    (void)state;
    for (int i = 0; i < 2 * STAMP_SOURCES_MAX; i++) {
        bench->datagram.from.v6.sin6_addr.s6_addr[4] = (uint8_t)(i >> 8);
        bench->datagram.from.v6.sin6_addr.s6_addr[5] = (uint8_t)i;
        answered += reflect(bench, NS_PER_SEC) == STAMP_ANSWERED;
    }
    assert_int_equal(answered, STAMP_SOURCES_MAX);
    assert_int_equal(reflect(bench, NS_PER_SEC + 2 * NS_PER_MS), STAMP_ANSWERED);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_allowed_are_answered),
        cmocka_unit_test(services_are_not_answered),
        cmocka_unit_test(replies_and_short_ones_are_not_answered),
        cmocka_unit_test(replies_say_what_came),
        cmocka_unit_test(keys_are_asked_for),
        cmocka_unit_test(sessions_are_numbered),
        cmocka_unit_test(rates_are_capped),
        cmocka_unit_test(places_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
