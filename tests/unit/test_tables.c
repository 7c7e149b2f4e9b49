/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests every ops table of both programs: no pointer is NULL unless its header says that it may be,
 * and what a transport says of itself in common/settings.h is what its table can do. */
#include "controller/output/sinks.c"

#include <string.h>

#include "daemon/peer/peer.h"

#include "daemon/flow/flow_state.h"
#include "unit.h"

typedef void (*function)(void);

/* A member that a walk over a table's pointers passes by. */
struct passed {
    size_t offset;
};

/* Fails at the first pointer of a table that is NULL. A table is pointers, one behind the other,
 * but for what is named as `passed`: so a member that is added to a table is walked over as well.
 */
static void check_table(const char *kind, const char *name, const void *table, size_t size,
                        const struct passed *passed, size_t passed_count)
{
    assert_int_equal(size % sizeof(function), 0);
    for (size_t at = 0; at < size; at += sizeof(function)) {
        function member;
        bool pass = false;
        for (size_t i = 0; i < passed_count; i++)
            pass |= passed[i].offset / sizeof(function) == at / sizeof(function);
        memcpy(&member, (const char *)table + at, sizeof member);
        if (!member && !pass)
            fail_msg("%s %s: the pointer at byte %zu is NULL", kind, name, at);
    }
}

static void transports_are_whole(void **state)
{
    static const struct passed passed[] = {
        {offsetof(struct transport, state_size)}, /* no pointer */
        {offsetof(struct transport, send_pipe)},  /* may be NULL, as may: */
        {offsetof(struct transport, pace)},
        {offsetof(struct transport, accept)}, /* of streams, and of datagrams: */
        {offsetof(struct transport, associate)},
        {offsetof(struct transport, peek)},
        {offsetof(struct transport, send_to)},
        {offsetof(struct transport, allow_trains)},
        {offsetof(struct transport, send_batch)},
        {offsetof(struct transport, receive_batch)},
        {offsetof(struct transport, count_marks)},
        {offsetof(struct transport, overhead)},
        {offsetof(struct transport, dropped)},
    };
    (void)state;
    for (int i = 0; i < TRANSPORTS; i++) {
        assert_non_null(transports[i]);
        check_table("transport", transport_traits[i].name, transports[i], sizeof *transports[i],
                    passed, COUNT(passed));
    }
}

static void transports_can_what_their_traits_say(void **state)
{
    (void)state;
    for (int i = 0; i < TRANSPORTS; i++) {
        bool paces = transport_traits[i].capabilities & TRANSPORT_KERNEL_PACING;
        bool stream = transport_traits[i].capabilities & TRANSPORT_STREAM;
        const struct transport *transport = transports[i];
        assert_non_null(transport_traits[i].name);
        assert_int_equal(stream, transport->accept != NULL);
        assert_int_equal(stream, !transport->associate && !transport->peek && !transport->send_to);
        assert_int_equal(!stream, transport->associate && transport->peek && transport->send_to);
        assert_int_equal(stream, !transport->allow_trains && !transport->send_batch &&
                                     !transport->receive_batch && !transport->overhead);
        assert_int_equal(!stream, transport->allow_trains && transport->send_batch &&
                                      transport->receive_batch && transport->overhead &&
                                      transport->dropped);
        if (paces != (transports[i]->pace != NULL))
            fail_msg("%s: pacing by the kernel", transport_traits[i].name);
    }
}

static void framings_are_whole(void **state)
{
    static const struct passed passed[] = {
        {offsetof(struct framing, header_size)},
        {offsetof(struct framing, due)},   /* may be NULL, as may: */
        {offsetof(struct framing, begin)}, /* but of datagrams, not: */
        {offsetof(struct framing, wake)},
        {offsetof(struct framing, wakes)},
        {offsetof(struct framing, unreported)},
        {offsetof(struct framing, linger)},
    };
    (void)state;
    check_table("framing", "stream", &framing_stream, sizeof framing_stream, passed, COUNT(passed));
    check_table("framing", "message", &framing_message, sizeof framing_message, passed,
                COUNT(passed));
    check_table("framing", "datagram", &framing_datagram, sizeof framing_datagram, passed, 2);
}

static void peer_protocols_are_whole(void **state)
{
    static const struct passed passed[] = {
        {offsetof(struct peer_protocol, state_size)}, /* no pointer, nor is: */
        {offsetof(struct peer_protocol, has_daemon)},
        {offsetof(struct peer_protocol, adopt)},  /* may be NULL */
        {offsetof(struct peer_protocol, format)}, /* likewise */
    };
    (void)state;
    check_table("peer protocol", "source", &peer_flowrig_source, sizeof peer_flowrig_source, passed,
                COUNT(passed));
    check_table("peer protocol", "destination", &peer_flowrig_destination,
                sizeof peer_flowrig_destination, passed, COUNT(passed));
    check_table("peer protocol", "datagram source", &peer_datagram_source,
                sizeof peer_datagram_source, passed, COUNT(passed));
    check_table("peer protocol", "datagram destination", &peer_datagram_destination,
                sizeof peer_datagram_destination, passed, COUNT(passed));
    check_table("peer protocol", "accepted", &peer_accepted, sizeof peer_accepted, passed,
                COUNT(passed));
    for (int i = 0; i < 4; i++)
        check_table("peer protocol", "accepted datagrams", &peer_accepted_datagrams[i / 2][i % 2],
                    sizeof peer_accepted, passed, COUNT(passed) - 1);
    assert_non_null(peer_flowrig_destination.adopt); /* it is the one that listens */
}

static void sinks_are_whole(void **state)
{
    static const struct passed passed[] = {
        {offsetof(struct sink_ops, tick)}, /* may be NULL, like the next two */
        {offsetof(struct sink_ops, progress)},
        {offsetof(struct sink_ops, host)},
    };
    (void)state;
    for (size_t i = 0; i < ALL; i++)
        check_table("sink", all[i]->name, all[i], sizeof *all[i], passed, COUNT(passed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transports_are_whole),
        cmocka_unit_test(transports_can_what_their_traits_say),
        cmocka_unit_test(framings_are_whole),
        cmocka_unit_test(peer_protocols_are_whole),
        cmocka_unit_test(sinks_are_whole),
    };
    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
