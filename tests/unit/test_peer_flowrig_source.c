/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/peer/peer_flowrig_source.c: which addresses are tried, what is said of those that
 * fail, and how many flows connect at once. */
#include "daemon/engine/worker.c"
#include "daemon/peer/peer_flowrig_source.c"

#include <poll.h>

#include "address.h"
#include "daemon/flow/flow_state.h"
#include "unit.h"

static struct worker worker;

static int set_up(void **state)
{
    (void)state;
    worker_init(&worker);
    assert_true(payload_open(&worker.payload));
    worker.epoll = epoll_create1(EPOLL_CLOEXEC);
    worker.ring = ring_new(1 << 24);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(worker.epoll);
    munmap(worker.scratch, WORKER_SCRATCH_SIZE);
    free(worker.block);
    free_locals(&worker);
    ring_free(worker.ring);
    timers_free(&worker.timers);
    return 0;
}

/* A socket that listens at the address, whose port is set. */
static int listen_at(const char *text, struct address *address)
{
    struct fail fail;
    assert_true(address_parse(text, 0, address));
    int fd = address_listen(address, &fail);
    if (fd < 0)
        fail_msg("%s", fail.text);
    assert_true(address_local(fd, address));
    return fd;
}

/* An address at which nobody listens. */
static struct address closed_at(const char *text)
{
    struct address address;
    close(listen_at(text, &address));
    return address;
}

static struct flow *source_to(const struct addresses *peer)
{
    struct prepare_endpoint prepare = {.endpoint = SOURCE};
    schema_defaults(&endpoint_settings_schema, &prepare.source);
    schema_defaults(&endpoint_settings_schema, &prepare.destination);
    schema_defaults(&flow_settings_schema, &prepare.settings);
    return flow_new(&(struct flow_arguments){.endpoint = &prepare,
                                             .worker = &worker,
                                             .peer = *peer,
                                             .protocol = &peer_flowrig_source,
                                             .fd = -1});
}

/* Until it is connected, or has failed. */
static void connect_flow(struct flow *flow)
{
    flow->protocol->prepare(flow);
    run_tasks(&worker);
    while (flow->state == FLOW_CONNECTING) {
        struct pollfd ready = {.fd = flow->fd, .events = POLLOUT};
        assert_int_equal(poll(&ready, 1, 10000), 1);
        flow->writable = true;
        flow->protocol->connected(flow);
    }
}

static void discard(struct flow *flow)
{
    flow_detach(flow);
    flow_close_socket(flow);
    flow->framing->release(flow);
    flow_free(flow);
    run_tasks(&worker);
}

static void every_address_is_named_with_its_reason(void **state)
{
    struct addresses peer = {.list = {closed_at("127.0.0.1"), closed_at("127.0.0.2")}, .count = 2};
    char one[ADDRESS_TEXT_MAX], other[ADDRESS_TEXT_MAX], expected[512];
    (void)state;
    address_format_port(&peer.list[0], one);
    address_format_port(&peer.list[1], other);
    struct flow *flow = source_to(&peer);
    connect_flow(flow);
    assert_int_equal(flow->state, FLOW_DONE);
    snprintf(expected, sizeof expected,
             "can't connect to %s: Connection refused; can't connect to %s: Connection refused",
             one, other);
    assert_string_equal(flow->error, expected);
    discard(flow);
}

static void one_address_is_named_once(void **state)
{
    struct addresses peer = {.list = {closed_at("127.0.0.1")}, .count = 1};
    char text[ADDRESS_TEXT_MAX], expected[512];
    (void)state;
    address_format_port(&peer.list[0], text);
    struct flow *flow = source_to(&peer);
    connect_flow(flow);
    snprintf(expected, sizeof expected, "can't connect to %s: Connection refused", text);
    assert_string_equal(flow->error, expected);
    discard(flow);
}

static void after_a_refusal_the_next_address_is_tried(void **state)
{
    struct addresses peer = {.list = {closed_at("127.0.0.1")}, .count = 2};
    int listener = listen_at("127.0.0.2", &peer.list[1]);
    (void)state;
    struct flow *flow = source_to(&peer);
    connect_flow(flow);
    assert_int_equal(flow->state, FLOW_EXCHANGING);
    assert_int_equal(flow->peer_tried, 2);
    const struct source *source = flow->peer_state;
    assert_int_equal(source->deadline, source->began + 30 * NS_PER_SEC);
    assert_int_equal(timers_first(&worker.timers), source->placed + PLACE_TIME);
    assert_true(flow->connect_time != METRIC_ABSENT && flow->connect_time >= 0);
    assert_false(flow_has_agreed(flow));
    discard(flow);
    close(listener);
}

static int count_connecting(struct flow **flows, int count)
{
    int connecting = 0;
    for (int i = 0; i < count; i++)
        connecting += flows[i]->state == FLOW_CONNECTING;
    return connecting;
}

static void a_worker_connects_so_many_at_once(void **state)
{
    enum { FLOWS = CONNECTING_MAX + 3 };
    struct flow *flows[FLOWS];
    struct addresses peer = {.count = 1};
    int listener = listen_at("127.0.0.1", &peer.list[0]);
    (void)state;
    for (int i = 0; i < FLOWS; i++) {
        flows[i] = source_to(&peer);
        flows[i]->protocol->prepare(flows[i]);
    }
    run_tasks(&worker);
    assert_int_equal(count_connecting(flows, FLOWS), CONNECTING_MAX);
    /* One that ends makes room for one. */
    discard(flows[0]);
    assert_int_equal(count_connecting(flows + 1, FLOWS - 1), CONNECTING_MAX);
    assert_int_equal(flows[CONNECTING_MAX]->state, FLOW_CONNECTING);
    for (int i = 1; i < FLOWS; i++)
        discard(flows[i]);
    close(listener);
}

#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(every_address_is_named_with_its_reason),
        DRIVEN(one_address_is_named_once),
        DRIVEN(after_a_refusal_the_next_address_is_tried),
        DRIVEN(a_worker_connects_so_many_at_once),
    };
    return cmocka_run_group_tests_name("peer_flowrig_source", tests, NULL, NULL);
}
