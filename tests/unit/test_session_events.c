/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/session/session_events.c, session_lease.c, session_wait.c and session_clocks.c: what
 * a session makes of what its flows tell, what becomes of it while nobody calls, and how calls
 * wait, by a clock of the test's own. */
#include "daemon/session/session_clocks.c"
#include "daemon/session/session_events.c"
#include "daemon/session/session_lease.c"
#include "daemon/session/session_wait.c"

#include "peer/peer.h"
#include "unit.h"

enum { MEMBERS = 3, LEASE = 10, RETAIN = 100 };

/* What was posted, in place of flow_command.c. */
static struct {
    int stops, releases;
    int64_t drain;
    char why[256];
} posted[MEMBERS];

void flow_post_start(struct flow *flow, int64_t at)
{
    (void)flow, (void)at;
}

void flow_post_stop(struct flow *flow, int64_t drain, const char *why)
{
    size_t at = flow_index(flow);
    posted[at].stops++;
    posted[at].drain = drain;
    snprintf(posted[at].why, sizeof posted[at].why, "%s", why ? why : "");
}

void flow_post_release(struct flow *flow)
{
    posted[flow_index(flow)].releases++;
}

void flow_post_prepare(struct flow *flow)
{
    (void)flow;
}

void flow_post_adopt(struct flow *flow, int fd, const struct preamble *preamble)
{
    (void)flow, (void)fd, (void)preamble;
}

void flow_set_dump(struct flow *flow, struct dump *dump)
{
    (void)flow, (void)dump;
}

static struct worker worker;
static struct sessions *sessions;
static struct session *session;
static struct flow *flows[MEMBERS];
static int64_t start; /* of the session's first lease */

static void open_session(int64_t memory, bool late_connect)
{
    const struct sessions_config config = {.report_memory = memory,
                                           .retain_size = 1 << 20,
                                           .lease_s = LEASE,
                                           .retain_s = RETAIN,
                                           .max_flows = 100,
                                           .max_sessions = 2};
    sessions = sessions_new(&config);
    session = session_new(sessions, &(struct open_call){.key = "k"}, sessions_user(sessions, ""));
    start = session->opened_at;
    session->members = mem_new(MEMBERS, sizeof(struct member));
    session->count = MEMBERS;
    memset(posted, 0, sizeof posted);
    struct prepare_endpoint prepare = {.endpoint = SOURCE};
    schema_defaults(&endpoint_settings_schema, &prepare.source);
    schema_defaults(&endpoint_settings_schema, &prepare.destination);
    schema_defaults(&flow_settings_schema, &prepare.settings);
    prepare.settings.late_connect = late_connect;
    for (size_t i = 0; i < MEMBERS; i++) {
        flows[i] = flow_new(&(struct flow_arguments){.session = session_reference(session),
                                                     .index = i,
                                                     .endpoint = &prepare,
                                                     .worker = &worker,
                                                     .protocol = &peer_flowrig_source,
                                                     .fd = -1});
        worker.endpoint_count[SOURCE]++;
        session->members[i] = (struct member){.flow = flows[i], .id = (int64_t)i};
    }
    struct fail fail;
    assert_true(session_take_flows(session, MEMBERS, &fail));
}

static int set_up(void **state)
{
    (void)state;
    open_session(1 << 20, false);
    session_reference(session); /* the test's own */
    return 0;
}

static void tell(size_t at, enum ring_type type, int code, const void *data, size_t size,
                 int64_t now)
{
    struct ring_entry *entry = mem_new(1, sizeof *entry + size);
    *entry = (struct ring_entry){
        .size = (uint32_t)size, .type = (uint16_t)type, .code = (int16_t)code, .flow = flows[at]};
    if (size)
        memcpy(entry->data, data, size);
    sessions_take(NULL, entry, now);
    free(entry);
}

static void tell_done(size_t at, int code, int64_t lost, int64_t now)
{
    tell(at, RING_DONE, code, &lost, sizeof lost, now);
}

static int tear_down(void **state)
{
    (void)state;
    session_remove(session);
    for (size_t i = 0; i < MEMBERS; i++)
        if (session->members[i].flow)
            tell(i, RING_RELEASED, 0, NULL, 0, start);
    session_put(session);
    assert_true(sessions_gone(sessions));
    assert_int_equal(worker.endpoint_count[SOURCE], 0);
    sessions_free(sessions);
    return 0;
}

static int64_t at(int64_t seconds)
{
    return start + seconds * NS_PER_SEC;
}

/* ---- events */

static void it_is_ready_when_all_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMBERS; i++) {
        session->wake_at = CLOCK_NEVER;
        tell(i, RING_READY, 0, NULL, 0, start);
        assert_int_equal(session->ready, i + 1);
        assert_int_equal(session->members[i].state, MEMBER_READY);
        assert_int_equal(session->wake_at, i + 1 < MEMBERS ? CLOCK_NEVER : 0); /* who waits */
    }
}

static void a_failure_is_kept_with_its_reason(void **state)
{
    static const char why[] = "no such host";
    (void)state;
    tell(0, RING_READY, 0, NULL, 0, start);
    session->wake_at = CLOCK_NEVER;
    tell(1, RING_FAILED, FAULT_CONNECT, why, sizeof why, start);
    assert_int_equal(session->ready, 1);
    assert_int_equal(session->failed, 1);
    assert_int_equal(session->wake_at, 0);
    assert_int_equal(session->members[1].code, FAULT_CONNECT);
    assert_string_equal(session->members[1].reason, why);
    tell(0, RING_FAILED, FAULT_SYSTEM, why, sizeof why, start); /* one that was ready */
    assert_int_equal(session->ready, 0);
    assert_int_equal(session->failed, 2);
}

static void rows_wait_for_company(void **state)
{
    (void)state;
    session->state = SESSION_STARTED;
    tell(0, RING_ROW, 0, "row", 3, at(1));
    assert_int_equal(session->wake_at, at(1) + REPORT_BATCH_DELAY);
    tell(1, RING_ROW, 0, "row", 3, at(1) + NS_PER_MS); /* which does not put it off */
    assert_int_equal(session->wake_at, at(1) + REPORT_BATCH_DELAY);
    assert_int_equal(store_rows(&session->store), 2);
}

static void it_ends_with_its_last_flow(void **state)
{
    (void)state;
    session->state = SESSION_STARTED;
    tell_done(0, 0, 0, at(1));
    tell_done(2, FAULT_CONNECT, 0, at(2));
    tell_done(2, 0, 0, at(3)); /* twice counts once */
    assert_int_equal(session->state, SESSION_STARTED);
    assert_false(session_is_finished(session));
    session->wake_at = CLOCK_NEVER;
    tell_done(1, 0, 0, at(4));
    assert_int_equal(session->state, SESSION_ENDED);
    assert_true(session_is_finished(session));
    assert_int_equal(session->ended_at, at(4));
    assert_int_equal(session->wake_at, 0);
    assert_int_equal(session->lost, 0);
}

static void what_rings_lost_fails_the_session(void **state)
{
    (void)state;
    session->state = SESSION_STARTED;
    tell(1, RING_LOST, 0, NULL, 0, at(1));
    assert_int_equal(session->state, SESSION_FAILED);
    assert_int_equal(session->lost, 0); /* how many the flow says at its end */
    for (size_t i = 0; i < MEMBERS; i++) {
        assert_int_equal(posted[i].stops, 1);
        assert_non_null(strstr(posted[i].why, "report memory was full"));
        tell_done(i, 0, i == 1 ? 5 : 0, at(2));
    }
    assert_int_equal(session->lost, 5);
    assert_int_equal(session->state, SESSION_FAILED);
    assert_true(session_is_finished(session));
}

static void rows_beyond_the_memory_fail_the_session(void **state)
{
    uint8_t row[1000] = {0};
    (void)state;
    session->state = SESSION_STARTED;
    session->budget.limit = 0;
    tell(0, RING_ROW, 0, row, sizeof row, at(1));
    assert_int_equal(session->state, SESSION_FAILED);
    assert_int_equal(session->lost, 1);
    assert_int_equal(session->loss, LOSS_MEMORY);
    tell(0, RING_ROW, 0, row, sizeof row, at(2)); /* each that is lost is counted */
    assert_int_equal(session->lost, 2);
    assert_int_equal(posted[0].stops, 1);
    assert_int_equal(store_rows(&session->store), 0);
}

static void a_released_flow_gives_back_what_it_had(void **state)
{
    (void)state;
    int64_t flows_before = sessions->flows.used;
    tell(0, RING_RELEASED, 0, NULL, 0, start);
    assert_null(session->members[0].flow);
    assert_int_equal(sessions->flows.used, flows_before - 1);
    assert_int_equal(worker.endpoint_count[SOURCE], MEMBERS - 1);
}

/* ---- leases */

static void an_unstarted_session_ends_with_its_lease(void **state)
{
    (void)state;
    assert_int_equal(sessions_idle(sessions, at(LEASE) - 1), at(LEASE));
    assert_int_equal(sessions->count, 1);
    sessions_idle(sessions, at(LEASE));
    assert_int_equal(sessions->count, 0);
    for (size_t i = 0; i < MEMBERS; i++)
        assert_int_equal(posted[i].releases, 1);
}

static void a_call_renews_the_lease_and_never_shortens_it(void **state)
{
    struct fail fail;
    (void)state;
    session_put(session_get(sessions, session->id, NULL, at(4), &fail));
    assert_int_equal(sessions_idle(sessions, at(5)), at(4 + LEASE));
    session_put(session_get(sessions, session->id, NULL, at(2), &fail)); /* it came earlier */
    assert_int_equal(sessions_idle(sessions, at(5)), at(4 + LEASE));
    assert_null(session_get(sessions, "nobody's", NULL, at(9), &fail));
    assert_int_equal(fail.code, FAULT_GONE);
    assert_null(session_get(sessions, session->id, "somebody", at(9), &fail)); /* another's */
    assert_int_equal(sessions_idle(sessions, at(5)), at(4 + LEASE));
}

static void without_a_controller_its_flows_are_stopped(void **state)
{
    (void)state;
    session->state = SESSION_STARTED;
    assert_int_equal(sessions_idle(sessions, at(LEASE) - 1), at(LEASE));
    assert_int_equal(posted[0].stops, 0);
    assert_int_equal(sessions_idle(sessions, at(LEASE)), at(LEASE + 1));
    for (size_t i = 0; i < MEMBERS; i++) {
        assert_int_equal(posted[i].stops, 1);
        assert_int_equal(posted[i].drain, ORPHAN_DRAIN);
        assert_non_null(strstr(posted[i].why, "within the lease of 10 s"));
    }
    assert_true(session->orphaned);
    assert_int_equal(sessions->count, 1); /* its reports may still be fetched */
}

static void reports_are_kept_for_a_while(void **state)
{
    (void)state;
    session->state = SESSION_STARTED;
    for (size_t i = 0; i < MEMBERS; i++)
        tell_done(i, 0, 0, at(30));
    tell(0, RING_ROW, 0, "row", 3, at(30));
    assert_false(session_is_retained(session, at(LEASE) - 1));
    assert_true(session_is_retained(session, at(LEASE)));
    session->wake_at = CLOCK_NEVER;
    /* counted from its end, which came after that of its lease */
    assert_int_equal(sessions_idle(sessions, at(31)), at(30 + RETAIN));
    for (size_t i = 0; i < MEMBERS; i++)
        assert_int_equal(posted[i].releases, 1); /* its connections end */
    assert_int_equal(sessions_idle(sessions, at(30 + RETAIN) - 1), at(30 + RETAIN));
    assert_int_equal(sessions->count, 1);
    sessions_idle(sessions, at(30 + RETAIN));
    assert_int_equal(sessions->count, 0);
    for (size_t i = 0; i < MEMBERS; i++)
        assert_int_equal(posted[i].releases, 1);
}

static void retained_reports_are_bounded(void **state)
{
    uint8_t row[100] = {0};
    (void)state;
    session->state = SESSION_STARTED;
    tell(0, RING_ROW, 0, row, sizeof row, at(1));
    for (size_t i = 0; i < MEMBERS; i++)
        tell_done(i, 0, 0, at(1));
    sessions->config.retain_size = session->store.bytes;
    sessions_idle(sessions, at(LEASE));
    assert_int_equal(sessions->count, 1);
    sessions->config.retain_size--;
    sessions_idle(sessions, at(LEASE) - 1); /* its controller may still come */
    assert_int_equal(sessions->count, 1);
    sessions_idle(sessions, at(LEASE));
    assert_int_equal(sessions->count, 0);
}

static void who_waits_is_woken_at_its_time(void **state)
{
    (void)state;
    session->wake_at = at(3);
    assert_int_equal(sessions_idle(sessions, at(2)), at(3));
    assert_int_equal(session->wake_at, at(3));
    assert_int_equal(sessions_idle(sessions, at(3)), at(LEASE));
    assert_int_equal(session->wake_at, CLOCK_NEVER);
}

/* ---- calls that wait */

static int woken;

static void on_wake(struct waiter *waiter)
{
    (void)waiter;
    woken++;
}

static void calls_wait_for_half_the_lease_at_most(void **state)
{
    struct call_wait wait = {.arrived = at(3)};
    (void)state;
    assert_int_equal(session_call_deadline(session, &wait, 0), at(3));
    assert_int_equal(session_call_deadline(session, &wait, 2000), at(5));
    assert_int_equal(session_call_deadline(session, &wait, 60000), at(3 + LEASE / 2));
    wait.never = true; /* one of several */
    assert_int_equal(session_call_deadline(session, &wait, 2000), 0);
}

static void who_waits_is_in_the_list(void **state)
{
    struct waiter waiter = {.wake = on_wake};
    struct call_wait wait = {.waiter = &waiter, .allowed = true};
    (void)state;
    woken = 0;
    list_init(&waiter.link);
    int references = atomic_load(&session->references);
    assert_int_equal(session_wait(session, &session->waitlist, &wait, at(4)), CALL_WAIT);
    assert_int_equal(wait.deadline, at(4));
    assert_ptr_equal(wait.waitlist, &session->waitlist);
    assert_ptr_equal(wait.session, session);
    assert_int_equal(atomic_load(&session->references), references + 1);
    session->wake_at = at(1);
    sessions_idle(sessions, at(1));
    assert_int_equal(woken, 1);
    session_put(session);
    /* nobody could be woken yet: the call is told when it is to come again */
    struct call_wait early = {.waiter = &waiter};
    assert_int_equal(session_wait(session, &session->waitlist, &early, at(4)), CALL_WAIT);
    assert_int_equal(early.deadline, at(4));
    assert_null(early.waitlist);
    assert_null(early.session);
}

/* ---- clocks of peers */

static void each_peer_has_one_clock(void **state)
{
    (void)state;
    assert_null(session_peer_clock(session, -1));
    struct peerclock *one = session_peer_clock(session, 7), *other = session_peer_clock(session, 0);
    assert_non_null(one);
    assert_non_null(other);
    assert_ptr_not_equal(one, other);
    assert_ptr_equal(session_peer_clock(session, 7), one);
    assert_int_equal(session->clock_count, 2);
}

static void what_is_said_of_clocks_is_taken_whole_or_not_at_all(void **state)
{
    struct peer_clock list[] = {{.peer = 7, .offset = 1000, .bound = 5},
                                {.peer = 9, .offset = 2000, .bound = 6}};
    struct schema_list clocks = {list, 2};
    struct peerclock_view view = {0};
    struct fail fail;
    int64_t own, bound;
    (void)state;
    struct peerclock *seven = session_peer_clock(session, 7);
    assert_false(session_take_clocks(session, &clocks, &fail));
    assert_int_equal(fail.code, FAULT_BAD_CALL);
    assert_non_null(strstr(fail.text, "peer_clock 9"));
    assert_false(peerclock_view(seven, &view));
    session_peer_clock(session, 9);
    assert_true(session_take_clocks(session, &clocks, &fail));
    assert_true(peerclock_view(seven, &view));
    assert_true(clock_map_apply(&view.map, 0, &own, &bound));
    assert_int_equal(own, 1000);
    assert_int_equal(bound, 5);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_is_ready_when_all_are),
        CASE(a_failure_is_kept_with_its_reason),
        CASE(rows_wait_for_company),
        CASE(it_ends_with_its_last_flow),
        CASE(what_rings_lost_fails_the_session),
        CASE(rows_beyond_the_memory_fail_the_session),
        CASE(a_released_flow_gives_back_what_it_had),
        CASE(an_unstarted_session_ends_with_its_lease),
        CASE(a_call_renews_the_lease_and_never_shortens_it),
        CASE(without_a_controller_its_flows_are_stopped),
        CASE(reports_are_kept_for_a_while),
        CASE(retained_reports_are_bounded),
        CASE(who_waits_is_woken_at_its_time),
        CASE(calls_wait_for_half_the_lease_at_most),
        CASE(who_waits_is_in_the_list),
        CASE(each_peer_has_one_clock),
        CASE(what_is_said_of_clocks_is_taken_whole_or_not_at_all),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests_name("session_events", tests, NULL, NULL);
}
