/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/peer/rendezvous.c: a connection reaches the flow whose token it shows, once. */
#include "daemon/peer/rendezvous.c"

#include <stdatomic.h>
#include <unistd.h>

#include "clock.h"

#include "daemon/flow/flow_state.h"
#include "unit.h"

/* splitmix64 */
static uint64_t draw_from(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* What the flows were handed: in place of flow.c. */
static struct {
    struct flow *flow;
    int fd;
    uint8_t header_size;
    int count;
} adopted;

static bool counts_by_id; /* for threads: flow->id counts what it was handed */

void flow_post_adopt(struct flow *flow, int fd, const struct preamble *preamble)
{
    if (counts_by_id) {
        flow->id++; /* under the table's lock */
        return;
    }
    adopted.flow = flow;
    adopted.fd = fd;
    adopted.header_size = preamble->header_size;
    adopted.count++;
}

/* rendezvous_meet() for a preamble with this token. */
static bool show(struct rendezvous *rendezvous, const uint8_t token[SECRET_SIZE], int fd,
                 uint8_t header_size)
{
    struct preamble preamble = {.header_size = header_size};
    memcpy(preamble.token, token, SECRET_SIZE);
    return rendezvous_meet(rendezvous, &preamble, fd);
}

static struct flow *flows_with_random_tokens(size_t count)
{
    struct flow *flows = calloc(count, sizeof *flows);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < SECRET_SIZE; k++)
            flows[i].token[k] = (uint8_t)random_bits();
    return flows;
}

static bool meet(struct rendezvous *rendezvous, const struct flow *flow)
{
    adopted.count = 0;
    adopted.flow = NULL;
    bool met = show(rendezvous, flow->token, 77, 40);
    if (met != (adopted.count == 1) ||
        (met && (adopted.flow != flow || adopted.fd != 77 || adopted.header_size != 40)))
        fail();
    return met;
}

static void test_nobody_waits(void **state)
{
    (void)state;
    struct rendezvous *rendezvous = rendezvous_new();
    struct flow *flow = flows_with_random_tokens(1);
    assert_false(meet(rendezvous, flow));
    rendezvous_remove(rendezvous, flow);
    assert_false(meet(rendezvous, flow));
    rendezvous_free(rendezvous);
    rendezvous_free(NULL);
    free(flow);
}

static void test_a_token_is_good_once(void **state)
{
    (void)state;
    struct rendezvous *rendezvous = rendezvous_new();
    struct flow *flow = flows_with_random_tokens(1);
    rendezvous_add(rendezvous, flow);
    assert_true(meet(rendezvous, flow));
    assert_false(meet(rendezvous, flow));
    assert_false(meet(rendezvous, flow));
    rendezvous_free(rendezvous);
    free(flow);
}

static void test_what_is_handed_over(void **state)
{
    (void)state;
    struct rendezvous *rendezvous = rendezvous_new();
    struct flow *flows = flows_with_random_tokens(2);
    rendezvous_add(rendezvous, &flows[0]);
    rendezvous_add(rendezvous, &flows[1]);
    assert_true(show(rendezvous, flows[1].token, 5, 0));
    assert_ptr_equal(adopted.flow, &flows[1]);
    assert_int_equal(adopted.fd, 5);
    assert_int_equal(adopted.header_size, 0);
    assert_true(show(rendezvous, flows[0].token, 6, 255));
    assert_ptr_equal(adopted.flow, &flows[0]);
    assert_int_equal(adopted.fd, 6);
    assert_int_equal(adopted.header_size, 255);
    rendezvous_free(rendezvous);
    free(flows);
}

/* Any bit that is wrong makes it another token. */
static void test_every_bit_counts(void **state)
{
    (void)state;
    struct rendezvous *rendezvous = rendezvous_new();
    struct flow *flow = flows_with_random_tokens(1);
    rendezvous_add(rendezvous, flow);
    for (int bit = 0; bit < 8 * SECRET_SIZE; bit++) {
        uint8_t guess[SECRET_SIZE];
        memcpy(guess, flow->token, SECRET_SIZE);
        guess[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(show(rendezvous, guess, 1, 0));
    }
    assert_true(meet(rendezvous, flow));
    rendezvous_free(rendezvous);
    free(flow);
}

static void test_removed_is_not_found(void **state)
{
    (void)state;
    struct rendezvous *rendezvous = rendezvous_new();
    struct flow *flows = flows_with_random_tokens(3);
    for (int i = 0; i < 3; i++)
        rendezvous_add(rendezvous, &flows[i]);
    rendezvous_remove(rendezvous, &flows[1]);
    rendezvous_remove(rendezvous, &flows[1]);
    assert_true(meet(rendezvous, &flows[0]));
    assert_false(meet(rendezvous, &flows[1]));
    assert_true(meet(rendezvous, &flows[2]));
    rendezvous_remove(rendezvous, &flows[0]); /* was met */
    rendezvous_add(rendezvous, &flows[1]);
    assert_true(meet(rendezvous, &flows[1]));
    rendezvous_free(rendezvous);
    free(flows);
}

/* Tokens that differ in their last bytes only, or that are all bits or none: no order of adding,
 * meeting and removing makes one hide another. */
static void test_tokens_that_are_alike(void **state)
{
    (void)state;
    enum { ALIKE = 200 };
    struct rendezvous *rendezvous = rendezvous_new();
    struct flow *flows = calloc(ALIKE, sizeof *flows);
    for (int i = 0; i < ALIKE; i++) {
        memset(flows[i].token, i % 2 ? 0xff : 0, SECRET_SIZE);
        flows[i].token[SECRET_SIZE - 1] = (uint8_t)i;
        rendezvous_add(rendezvous, &flows[i]);
    }
    for (int i = 0; i < ALIKE; i += 3)
        rendezvous_remove(rendezvous, &flows[i]);
    for (int i = ALIKE - 1; i >= 0; i--)
        assert_int_equal(meet(rendezvous, &flows[i]), i % 3 != 0);
    for (int i = 0; i < ALIKE; i++)
        assert_false(meet(rendezvous, &flows[i]));
    rendezvous_free(rendezvous);
    free(flows);
}

static void test_many(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct rendezvous *rendezvous = rendezvous_new();
    struct flow *flows = flows_with_random_tokens(MANY);
    for (int i = 0; i < MANY; i++)
        rendezvous_add(rendezvous, &flows[i]);
    for (int i = 0; i < MANY; i += 2)
        rendezvous_remove(rendezvous, &flows[i]);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(meet(rendezvous, &flows[i]), i % 2);
    rendezvous_free(rendezvous);
    free(flows);
}

/* A daemon that runs for years: the table is as large as what waits, not as what has waited. */
static void test_does_not_grow_without_need(void **state)
{
    (void)state;
    struct rendezvous *rendezvous = rendezvous_new();
    struct flow *flows = flows_with_random_tokens(50);
    for (int round = 0; round < 5000; round++) {
        for (int i = 0; i < 50; i++) {
            for (int k = 0; k < 8; k++)
                flows[i].token[k] = (uint8_t)random_bits();
            rendezvous_add(rendezvous, &flows[i]);
        }
        for (int i = 0; i < 50; i++) {
            if (i % 2)
                rendezvous_remove(rendezvous, &flows[i]);
            else
                assert_true(meet(rendezvous, &flows[i]));
        }
    }
    assert_in_range(rendezvous->capacity, 64, 1024);
    rendezvous_free(rendezvous);
    free(flows);
}

static void test_random_against_flags(void **state)
{
    (void)state;
    enum { FLOWS = 700 };
    struct rendezvous *rendezvous = rendezvous_new();
    struct flow *flows = flows_with_random_tokens(FLOWS);
    bool waits[FLOWS] = {false};
    for (int step = 0; step < 100000; step++) {
        uint64_t i = random_bits() % FLOWS;
        /* fills up and empties, again and again */
        uint64_t adding = step / 5000 % 2 ? 3 : 1;
        if (!waits[i] && random_bits() % 4 < adding) {
            rendezvous_add(rendezvous, &flows[i]);
            waits[i] = true;
        } else if (random_bits() % 2) {
            assert_int_equal(meet(rendezvous, &flows[i]), waits[i]);
            waits[i] = false;
        } else if (random_bits() % 4 >= adding) {
            rendezvous_remove(rendezvous, &flows[i]);
            waits[i] = false;
        }
    }
    for (int i = 0; i < FLOWS; i++)
        assert_int_equal(meet(rendezvous, &flows[i]), waits[i]);
    rendezvous_free(rendezvous);
    free(flows);
}

/* ---- control threads add and remove while workers meet ---- */

enum { THREAD_FLOWS = 500, ROUNDS = 20 };

struct crowd {
    struct rendezvous *rendezvous;
    struct flow *flows;
    atomic_bool over;
    uint64_t random;
};

static void *show_tokens(void *argument)
{
    struct crowd *crowd = argument;
    uint64_t random = crowd->random;
    while (!atomic_load(&crowd->over))
        show(crowd->rendezvous, crowd->flows[draw_from(&random) % THREAD_FLOWS].token, 1, 0);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[2];
    struct crowd crowd = {.rendezvous = rendezvous_new(),
                          .flows = flows_with_random_tokens(THREAD_FLOWS),
                          .random = random_bits()};
    int64_t handed_over = 0;
    counts_by_id = true;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, show_tokens, &crowd);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < THREAD_FLOWS; i++) {
            crowd.flows[i].id = 0;
            rendezvous_add(crowd.rendezvous, &crowd.flows[i]);
        }
        for (int i = 0; i < THREAD_FLOWS; i++) {
            rendezvous_remove(crowd.rendezvous, &crowd.flows[i]);
            /* Nothing is handed to it any more: the flow may be looked at without a lock. */
            assert_in_range(crowd.flows[i].id, 0, 1);
            handed_over += crowd.flows[i].id;
        }
    }
    atomic_store(&crowd.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    counts_by_id = false;
    printf("# %" PRId64 " of %d handed over\n", handed_over, ROUNDS * THREAD_FLOWS);
    rendezvous_free(crowd.rendezvous);
    free(crowd.flows);
}

/* The longest timeout of those that wait, until nobody does. */
static void patience_is_that_of_the_flows(void **state)
{
    struct rendezvous *rendezvous = rendezvous_new();
    struct flow *flows = flows_with_random_tokens(2);
    (void)state;
    flows[0].settings.connect_timeout = 7;
    flows[1].settings.connect_timeout = 3;
    assert_int_equal(rendezvous_patience(rendezvous), 0);
    rendezvous_add(rendezvous, &flows[1]);
    assert_int_equal(rendezvous_patience(rendezvous), 3);
    rendezvous_add(rendezvous, &flows[0]);
    assert_int_equal(rendezvous_patience(rendezvous), 7);
    rendezvous_remove(rendezvous, &flows[0]);
    assert_true(show(rendezvous, flows[1].token, 5, 0));
    assert_int_equal(rendezvous_patience(rendezvous), 0);
    free(flows);
    rendezvous_free(rendezvous);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patience_is_that_of_the_flows),
        cmocka_unit_test(test_nobody_waits),
        cmocka_unit_test(test_a_token_is_good_once),
        cmocka_unit_test(test_what_is_handed_over),
        cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_removed_is_not_found),
        cmocka_unit_test(test_tokens_that_are_alike),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_does_not_grow_without_need),
        cmocka_unit_test(test_random_against_flags),
        cmocka_unit_test(test_threads),
    };
    seed_random();
    alarm(60); /* a test that hangs fails */
    return cmocka_run_group_tests_name("rendezvous", tests, NULL, NULL);
}
