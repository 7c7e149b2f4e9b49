/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/session/session_members.c: what is posted to the flows of a session, and to which.
 */
#include "daemon/session/session_members.c"

#include <string.h>

#include "daemon/flow/flow_state.h"
#include "unit.h"

enum { MEMBERS = 4 };

/* What was posted: in place of flow_command.c. Commands run in the order of posting, and behind a
 * release the flow may be freed. */
static struct {
    int starts, stops, releases;
    bool released;
} posted[MEMBERS];

static struct flow flows[MEMBERS];

static void post(const struct flow *flow, int *count)
{
    assert_false(posted[flow->index].released);
    ++*count;
}

void flow_post_start(struct flow *flow, int64_t at)
{
    (void)at;
    post(flow, &posted[flow->index].starts);
}

void flow_post_stop(struct flow *flow, int64_t drain, const char *why)
{
    (void)drain, (void)why;
    post(flow, &posted[flow->index].stops);
}

void flow_post_release(struct flow *flow)
{
    post(flow, &posted[flow->index].releases);
    posted[flow->index].released = true;
}

void flow_post_prepare(struct flow *flow)
{
    (void)flow;
    fail();
}

void flow_post_adopt(struct flow *flow, int fd, const struct preamble *preamble)
{
    (void)flow, (void)fd, (void)preamble;
    fail();
}

void flow_set_dump(struct flow *flow, struct dump *dump)
{
    (void)flow, (void)dump;
    fail();
}

struct house {
    struct sessions *sessions;
    struct session *session;
};

/* A session whose flows are ready, as a call finds it. */
static int set_up(void **state)
{
    static const struct sessions_config config = {.report_memory = 1 << 20, .lease_s = 60};
    struct house *house = calloc(1, sizeof *house);
    house->sessions = sessions_new(&config);
    house->session = session_new(house->sessions, &(struct open_call){.key = "k"},
                                 sessions_user(house->sessions, ""));
    house->session->members = calloc(MEMBERS, sizeof(struct member));
    house->session->count = house->session->ready = MEMBERS;
    memset(posted, 0, sizeof posted);
    for (size_t i = 0; i < MEMBERS; i++) {
        flows[i].index = i;
        house->session->members[i] =
            (struct member){.flow = &flows[i], .id = (int64_t)i, .state = MEMBER_READY};
    }
    session_reference(house->session); /* the call's own */
    *state = house;
    return 0;
}

static int tear_down(void **state)
{
    struct house *house = *state;
    session_put(house->session);
    sessions_free(house->sessions);
    free(house);
    return 0;
}

static void start(struct session *session)
{
    struct start_reply reply = {0};
    struct fail fail = {0};
    if (session_start(session, &(struct start_call){.key = "s", .in_ms = 1}, &reply, &fail))
        fail_msg("%s", fail.text);
}

static int64_t stop(struct session *session)
{
    struct stop_reply reply = {0};
    session_stop(session, &(struct stop_call){.key = "s"}, &reply);
    return reply.stopped;
}

static void each_flow_is_told_once(void **state)
{
    struct house *house = *state;
    start(house->session);
    assert_int_equal(stop(house->session), MEMBERS);
    session_remove(house->session);
    session_remove(house->session);
    for (int i = 0; i < MEMBERS; i++) {
        assert_int_equal(posted[i].starts, 1);
        assert_int_equal(posted[i].stops, 1);
        assert_int_equal(posted[i].releases, 1);
    }
}

/* A call has found the session when another closes it: the release of its flows is on its way to
 * their workers, and nothing may be posted behind it. */
static void nothing_follows_a_release(void **state)
{
    struct house *house = *state;
    struct stop_all_reply reply = {0};
    struct session *session = house->session;
    start(session);
    session_remove(session);
    assert_int_equal(stop(session), 0);
    assert_int_equal(session_stop_members(session, NULL, 0), 0);
    sessions_stop_all(house->sessions, 0, "stopped by a test", &reply);
    assert_int_equal(reply.flows, 0);
    session_release_members(session);
    for (int i = 0; i < MEMBERS; i++) {
        assert_int_equal(posted[i].stops, 0);
        assert_int_equal(posted[i].releases, 1);
    }
}

/* The sockets of a session that was left alone are closed while it is still listed. */
static void stop_all_passes_what_is_released(void **state)
{
    struct house *house = *state;
    struct stop_all_reply reply = {0};
    start(house->session);
    house->session->members[0].state = MEMBER_DONE;
    session_release_members(house->session);
    sessions_stop_all(house->sessions, 0, "stopped by a test", &reply);
    assert_int_equal(reply.flows, 0);
    assert_int_equal(reply.sessions, 0);
    session_remove(house->session);
}

static void some_flows_are_stopped(void **state)
{
    struct house *house = *state;
    int64_t numbers[] = {1, 3, 9};
    struct stop_call call = {.key = "s", .flows = {numbers, 3}};
    struct stop_reply reply = {0};
    start(house->session);
    house->session->members[3].released = true;
    session_stop(house->session, &call, &reply);
    assert_int_equal(reply.stopped, 1);
    for (int i = 0; i < MEMBERS; i++)
        assert_int_equal(posted[i].stops, i == 1);
    session_remove(house->session);
}

static void sets_hold_the_flows_that_there_can_be(void **state)
{
    int64_t numbers[] = {17, 3, INT64_MAX, 0, -1, PROTOCOL_FLOW_MAX + INT64_C(1), INT64_MIN, 17};
    struct schema_list list = {numbers, sizeof numbers / sizeof numbers[0]}, none = {0};
    (void)state;
    struct flow_set set = flow_set_make(&list);
    assert_int_equal(set.end, 18);
    for (int64_t i = 0; i < 100; i++)
        assert_int_equal(flow_set_has(&set, i), i == 0 || i == 3 || i == 17);
    flow_set_free(&set);
    set = flow_set_make(&none);
    assert_false(flow_set_has(&set, 0));
    flow_set_free(&set);
}

#define IN_A_SESSION(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_SESSION(each_flow_is_told_once),
        IN_A_SESSION(nothing_follows_a_release),
        IN_A_SESSION(stop_all_passes_what_is_released),
        IN_A_SESSION(some_flows_are_stopped),
        cmocka_unit_test(sets_hold_the_flows_that_there_can_be),
    };
    return cmocka_run_group_tests_name("session_members", tests, NULL, NULL);
}
