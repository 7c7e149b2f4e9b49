/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One test of an iperf3 client: its control connection, from the cookie on, and its streams. */
#ifndef FLOWRIG_IPERF3_TEST_H
#define FLOWRIG_IPERF3_TEST_H

#include "address.h"
#include "iperf/iperf3_channel.h"
#include "iperf/iperf3_flows.h"

enum { IPERF3_COOKIE_SIZE = 37 };

/* What a test needs of the daemon; borrowed. */
struct iperf3_host {
    struct worker *worker;
    struct sessions *sessions;
    const struct quotas *quotas;
    struct list tests; /* of the worker */
    size_t test_count;
    atomic_int alive; /* tests whose memory is not freed */
};

/* The test whose cookie this is, or NULL. */
struct iperf3_test *iperf3_test_find(struct iperf3_host *host,
                                     const uint8_t cookie[IPERF3_COOKIE_SIZE]);
/* Tests of clients at the address. */
size_t iperf3_tests_of(struct iperf3_host *host, const struct address *address);

/* Begins the test of a client that has shown its cookie; takes the watched socket over. */
void iperf3_test_new(struct iperf3_host *host, int fd, const struct address *peer,
                     const uint8_t cookie[IPERF3_COOKIE_SIZE]);
/* Returns it a further connection with its cookie: of the client's streams the one that was
 * accepted as number `serial` of all. Returns false, and leaves the socket alone, where the test
 * waits for none from that address. */
bool iperf3_test_add_stream(struct iperf3_test *test, int fd, const struct address *peer,
                            uint64_t serial);
/* The test that waits for a first datagram from a host, or NULL: of one host there is one at a
 * time, for nothing in a datagram says which test it belongs to. */
struct iperf3_test *iperf3_test_awaits_datagrams(struct iperf3_host *host,
                                                 const struct address *peer);
/* The address of this end of its control connection; false where that is gone. */
bool iperf3_test_own_address(const struct iperf3_test *test, struct address *own);
/* Whether what it sends may be fragmented. */
bool iperf3_test_may_fragment(const struct iperf3_test *test);
/* Takes over the socket of its next stream, which is connected to the client's. */
void iperf3_test_add_datagrams(struct iperf3_test *test, int fd);
/* Ends all tests, before their worker ends. */
void iperf3_tests_end(struct iperf3_host *host);

#endif
