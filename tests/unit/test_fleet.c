/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/fleet/fleet.c as far as no network is needed: addresses, the order of calls,
 * what an answer means, and the sentences about those that do not come. */
#include "controller/fleet/fleet.c"
#include "controller/fleet/fleet_answer.c"

#include "unit.h"

static void never_done(void *owner, const struct fleet_result *result)
{
    (void)owner;
    fail_msg("a call has ended: %s", result->fail.text);
}

static void daemons_have_addresses(void **state)
{
    static const struct {
        const char *host;
        uint16_t port;
        const char *name, *url;
    } cases[] = {
        {"localhost", 5999, "localhost:5999", "http://localhost:5999/RPC2"},
        {"10.0.0.1", 1, "10.0.0.1:1", "http://10.0.0.1:1/RPC2"},
        {"::1", 65535, "[::1]:65535", "http://[::1]:65535/RPC2"},
        /* RFC 6874 */
        {"fe80::1%eth0", 5999, "[fe80::1%eth0]:5999", "http://[fe80::1%25eth0]:5999/RPC2"},
    };
    (void)state;
    struct fleet *fleet = fleet_new(NULL, -1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(fleet_add(fleet, cases[i].host, cases[i].port), i);
        assert_string_equal(fleet->remotes[i]->name, cases[i].name);
        assert_string_equal(fleet->remotes[i]->url, cases[i].url);
        assert_string_equal(fleet->remotes[i]->host, cases[i].host);
    }
    assert_int_equal(fleet_pending(fleet), 0);
    fleet_free(fleet);
    fleet_free(NULL);
}

/* A call's struct has this much room: that of its method. */
static void call(struct fleet *fleet, size_t daemon, enum fleet_lane lane, enum method_id method)
{
    void *arguments = mem_new(1, methods[method].call->size);
    schema_defaults(methods[method].call, arguments);
    fleet_call(fleet, daemon, lane, method, arguments, 1000, never_done);
    schema_free(methods[method].call, arguments);
    free(arguments);
}

static void lanes_make_one_call_at_a_time(void **state)
{
    (void)state;
    static const enum method_id called[] = {METHOD_CLOCK, METHOD_DESCRIBE, METHOD_CLOCK};
    struct fleet *fleet = fleet_new(NULL, -1);
    fleet_add(fleet, "192.0.2.1", 5999); /* TEST-NET-1: nothing is sent before fleet_step() */
    fleet_add(fleet, "192.0.2.2", 5999);
    struct lane *commands = &fleet->remotes[0]->lanes[LANE_COMMAND];
    struct lane *reports = &fleet->remotes[0]->lanes[LANE_REPORTS];
    assert_false(commands->busy);
    call(fleet, 0, LANE_COMMAND, METHOD_CLOCK);
    assert_true(commands->busy);
    assert_false(reports->busy);
    int64_t sent = list_item(commands->calls.next, struct call, link)->sent;
    call(fleet, 0, LANE_COMMAND, METHOD_DESCRIBE);
    call(fleet, 0, LANE_COMMAND, METHOD_CLOCK);
    call(fleet, 0, LANE_REPORTS, METHOD_CLOCK);
    assert_int_equal(list_item(commands->calls.next, struct call, link)->sent, sent);
    assert_true(reports->busy); /* the other lane does not wait */
    call(fleet, 1, LANE_COMMAND, METHOD_CLOCK);
    assert_int_equal(fleet_pending(fleet), 5);
    int i = 0;
    for (struct list *at = commands->calls.next; at != &commands->calls; at = at->next, i++)
        assert_int_equal(list_item(at, struct call, link)->method, called[i]);
    assert_int_equal(i, 3);

    assert_false(fleet_is_sent(fleet, 0, LANE_COMMAND));
    assert_false(fleet_is_sent(fleet, 0, LANE_REPORTS));
    assert_true(fleet_is_sent(fleet, 1, LANE_REPORTS)); /* it has none */

    fleet_cancel(fleet, 0); /* those of the others stay */
    assert_int_equal(fleet_pending(fleet), 1);
    assert_false(commands->busy || reports->busy);
    assert_true(fleet->remotes[1]->lanes[LANE_COMMAND].busy);
    call(fleet, 0, LANE_COMMAND, METHOD_CLOCK); /* can be called again */
    assert_true(commands->busy);
    assert_int_equal(fleet_pending(fleet), 2);
    fleet_free(fleet);
}

/* ---- what came back */

#define BEFORE "<?xml version=\"1.0\"?><methodResponse><params><param><value>"
#define BEHIND "</value></param></params></methodResponse>"
#define CLOCKS \
    MEMBER("received", "<i4>1</i4>") MEMBER("sent", "<i4>2</i4>") MEMBER("wall", "<i4>3</i4>")
#define MEMBER(name, value) "<member><name>" name "</name><value>" value "</value></member>"

static enum fleet_outcome decode(const char *answer, struct clock_reply *reply, struct fail *fail)
{
    struct fleet *fleet = fleet_new(NULL, -1);
    fleet_add(fleet, "host1", 5999);
    struct lane *lane = &fleet->remotes[0]->lanes[LANE_COMMAND];
    buffer_text(&lane->answer, answer);
    *reply = (struct clock_reply){0};
    *fail = (struct fail){0};
    enum fleet_outcome outcome =
        fleet_decode_reply(fleet->remotes[0], lane, METHOD_CLOCK, reply, fail);
    fleet_free(fleet);
    return outcome;
}

static void answers_are_decoded(void **state)
{
    (void)state;
    struct clock_reply reply;
    struct fail fail;
    char answer[1024];
    snprintf(
        answer, sizeof answer, "%s",
        BEFORE "<struct>" MEMBER("received", "<string>9000000000123</string>") MEMBER(
            "sent", "<i4>77</i4>") MEMBER("wall", "<i8>5</i8>") MEMBER("wall_error", "<i4>0</i4>")
            MEMBER("synchronised", "<boolean>0</boolean>") MEMBER("status", "<i4>64</i4>")
                MEMBER("max_error_us", "<i4>16</i4>") MEMBER("est_error_us", "<i4>16</i4>")
                    MEMBER("newer", "<string>than this flowctl</string>") "</struct>" BEHIND);
    enum fleet_outcome outcome = decode(answer, &reply, &fail);
    if (outcome != FLEET_ANSWERED)
        fail_msg("%s", fail.text);
    assert_int_equal(reply.received, INT64_C(9000000000123));
    assert_int_equal(reply.sent, 77);
    assert_int_equal(reply.wall, 5);
}

static void faults_are_told_as_they_came(void **state)
{
    (void)state;
    struct clock_reply reply;
    struct fail fail;
    assert_int_equal(
        decode("<?xml version=\"1.0\"?><methodResponse><fault><value><struct>" MEMBER(
                   "faultCode", "<int>-42</int>")
                   MEMBER("faultString",
                          "<string>no %s &amp; no %d</string>") "</struct></value></fault></"
                                                                "methodResponse>",
               &reply, &fail),
        FLEET_FAULT);
    assert_int_equal(fail.code, -42);
    assert_string_equal(fail.text, "no %s & no %d");
}

static void what_is_no_answer_of_flowd(void **state)
{
    static const char *const answers[] = {
        "",
        "hello",
        "<html></html>",
        BEFORE "<struct></struct>" BEHIND, /* nothing of what must be there */
        BEFORE "<i4>5</i4>" BEHIND,
        BEFORE "<struct>" MEMBER("received", "<string>x</string>") "</struct>" BEHIND,
        BEFORE "<struct>",
        "<methodResponse><params></params></methodResponse>",
        /* Good but for what XML-RPC has no use for. */
        "<!DOCTYPE x [<!ENTITY a \"b\">]><methodResponse><params><param><value><struct>" CLOCKS
        "</struct>" BEHIND,
    };
    static const char sentence[] =
        "the server at host1:5999 is not a flowd that this flowctl understands: ";
    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct clock_reply reply;
        struct fail fail;
        if (decode(answers[i], &reply, &fail) != FLEET_BROKEN)
            fail_msg("'%s' is taken", answers[i]);
        assert_memory_equal(fail.text, sentence, strlen(sentence));
        assert_true(strlen(fail.text) > strlen(sentence));
    }
}

static void answers_have_a_limit(void **state)
{
    (void)state;
    char byte[16] = "0123456789abcdef";
    struct lane lane = {0};
    assert_int_equal(take_answer(byte, 1, sizeof byte, &lane), sizeof byte);
    assert_int_equal(take_answer(byte, 4, 4, &lane), sizeof byte);
    assert_int_equal(lane.answer.length, 2 * sizeof byte);
    assert_memory_equal(lane.answer.data + sizeof byte, byte, sizeof byte);
    buffer_reserve(&lane.answer, PROTOCOL_REPLY_MAX);
    lane.answer.length = PROTOCOL_REPLY_MAX - 15;
    assert_int_equal(take_answer(byte, 1, sizeof byte, &lane), 0); /* curl then gives up */
    assert_int_equal(take_answer(byte, 4, 4, &lane), 0);
    assert_int_equal(lane.answer.length, PROTOCOL_REPLY_MAX - 15);
    lane.answer.length--;
    assert_int_equal(take_answer(byte, 1, sizeof byte, &lane), sizeof byte);
    buffer_free(&lane.answer);
}

static void answers_that_do_not_come(void **state)
{
    static const struct {
        CURLcode code;
        enum fleet_outcome outcome;
        const char *error, *sentence;
    } cases[] = {
        {CURLE_COULDNT_RESOLVE_HOST, FLEET_NOT_REACHED, "", "the host name 'fd00::1' is not known"},
        {CURLE_COULDNT_CONNECT, FLEET_NOT_REACHED, "it is so",
         "no flowd can be reached at [fd00::1]:5999: it is so"},
        {CURLE_OPERATION_TIMEDOUT, FLEET_NOT_REACHED, "",
         "no flowd can be reached at [fd00::1]:5999: no answer within 5 s"},
        {CURLE_RECV_ERROR, FLEET_BROKEN, "reset",
         "the connection to flowd at [fd00::1]:5999 "
         "failed: reset"},
        {CURLE_RECV_ERROR, FLEET_BROKEN, "", NULL},
        {CURLE_GOT_NOTHING, FLEET_BROKEN, "empty",
         "the server at [fd00::1]:5999 does not speak HTTP: if it is a flowd that requires a "
         "token, "
         "use --token-file"},
        {CURLE_URL_MALFORMAT, FLEET_NOT_REACHED, "bad URL", "'fd00::1' is not a host name"},
        {CURLE_SSL_CONNECT_ERROR, FLEET_BROKEN, "gnutls_handshake() failed",
         "the server at [fd00::1]:5999 does not use TLS: it is not a flowd that was started "
         "with --token-file; nothing was sent to it"},
        {CURLE_SSL_PINNEDPUBKEYNOTMATCH, FLEET_BROKEN, "",
         "the server at [fd00::1]:5999 has another key than a moment ago, so this may be "
         "another machine; the token was not sent to it"},
        {CURLE_PEER_FAILED_VERIFICATION, FLEET_BROKEN, "it is over",
         "the certificate of flowd at [fd00::1]:5999 is refused: it is over (--tls-ca)"},
    };
    (void)state;
    struct fleet *fleet = fleet_new(NULL, -1);
    fleet_add(fleet, "fd00::1", 5999);
    struct lane *lane = &fleet->remotes[0]->lanes[LANE_COMMAND];
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fail fail = {0};
        snprintf(lane->error, sizeof lane->error, "%s", cases[i].error);
        assert_int_equal(fleet_explain_transport(fleet->remotes[0], lane, cases[i].code, &fail),
                         cases[i].outcome);
        if (cases[i].sentence)
            assert_string_equal(fail.text, cases[i].sentence);
        else /* curl's own words are its own */
            assert_non_null(strstr(fail.text, curl_easy_strerror(cases[i].code)));
    }
    struct fail fail = {0};
    char expected[128];
    snprintf(expected, sizeof expected,
             "the answer of flowd at [fd00::1]:5999 is larger than %d bytes", PROTOCOL_REPLY_MAX);
    assert_int_equal(fleet_explain_transport(fleet->remotes[0], lane, CURLE_WRITE_ERROR, &fail),
                     FLEET_BROKEN);
    assert_string_equal(fail.text, expected);
    fleet_free(fleet);
}

/* An answer that does not come while others do is one that the path loses. */
static void large_packets_that_are_lost(void **state)
{
    (void)state;
    struct fail fail = {0};
    struct fleet *fleet = fleet_new(NULL, -1);
    fleet_add(fleet, "host1", 5999);
    struct remote *remote = fleet->remotes[0];
    struct lane *lane = &remote->lanes[LANE_COMMAND];
    call(fleet, 0, LANE_COMMAND, METHOD_DESCRIBE);
    struct call *first = list_item(lane->calls.next, struct call, link);
    explain_silence(remote, lane, &fail);
    assert_string_equal(fail.text, "flowd at host1:5999 did not answer in time");
    remote->heard = first->sent; /* it may have been stopped since */
    explain_silence(remote, lane, &fail);
    assert_string_equal(fail.text, "flowd at host1:5999 did not answer in time");
    remote->heard = first->sent + 1;
    explain_silence(remote, lane, &fail);
    assert_string_equal(
        fail.text, "flowd at host1:5999 did not answer flowd.describe in time, but other calls "
                   "meanwhile: check the path for a firewall, or for a link with a smaller MTU "
                   "than the hosts assume");
    /* A call of which nobody knows whether it has arrived. */
    remote->heard = first->sent;
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    XMLRPC_MEMBLOCK_APPEND(char, &env, first->xml, (char[SMALL_CALL]){0}, SMALL_CALL);
    explain_silence(remote, lane, &fail);
    assert_string_equal(fail.text,
                        "flowd at host1:5999 did not answer in time, although it answered smaller "
                        "calls before: if it still runs, check the path for a firewall, or for a "
                        "link with a smaller MTU than the hosts assume");
    fleet_free(fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_packets_that_are_lost),
        cmocka_unit_test(daemons_have_addresses),
        cmocka_unit_test(lanes_make_one_call_at_a_time),
        cmocka_unit_test(answers_are_decoded),
        cmocka_unit_test(faults_are_told_as_they_came),
        cmocka_unit_test(what_is_no_answer_of_flowd),
        cmocka_unit_test(answers_have_a_limit),
        cmocka_unit_test(answers_that_do_not_come),
    };
    return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
