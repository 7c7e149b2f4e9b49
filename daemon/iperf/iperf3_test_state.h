/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of an iperf3 test share. From the top: iperf3_test.c (what comes), iperf3_begin.c
 * (up to its start), iperf3_end.c (from its end on), iperf3_leave.c. */
#ifndef FLOWRIG_IPERF3_TEST_STATE_H
#define FLOWRIG_IPERF3_TEST_STATE_H

#include <sys/resource.h>

#include "iperf/iperf3_test.h"

enum phase {
    PHASE_PARAMS,    /* waits for the client's parameters */
    PHASE_TURN,      /* for another test of its host, which waits for datagrams */
    PHASE_STREAMS,   /* for its connections */
    PHASE_PREPARING, /* for the flows */
    PHASE_RUNNING,   /* for the end of the test */
    PHASE_STOPPING,  /* for the end of what is sent */
    PHASE_RESULTS,   /* for the client's results */
    PHASE_FINAL,     /* for the last reports */
    PHASE_DONE,      /* for the end of the dialogue */
    PHASE_LEAVING,   /* for the client to read the answer and to close */
};

struct stream_socket {
    int fd;
    uint64_t serial;
};

struct iperf3_test {
    struct list link;
    struct iperf3_host *host;
    struct watch watch;
    struct timer timer;
    struct iperf3_channel channel;
    struct iperf3_flows flows;
    struct address peer;
    char name[ADDRESS_TEXT_MAX]; /* the client's address and port */
    uint8_t cookie[IPERF3_COOKIE_SIZE];
    enum phase phase;
    int64_t deadline;
    struct iperf3_params params;
    struct stream_socket sockets[2 * IPERF3_STREAMS_MAX]; /* until they are flows */
    size_t socket_count;
    struct rusage usage; /* the daemon's when the streams started, and from when that is */
    int64_t started;
    struct iperf3_cpu cpu;
    bool gone; /* closed: only a wakeup is waited for */
};

/* ---- iperf3_leave.c ---- */

/* Sets the timer to the deadline or the lease, whichever is first. */
void test_arm(struct iperf3_test *test);
/* Goes over to the phase, which may take `time` ns; CLOCK_NEVER: any time. */
void test_enter(struct iperf3_test *test, enum phase phase, int64_t time);
/* Sends a state. */
void test_say(struct iperf3_test *test, int8_t state);
/* Frees a test that is gone. */
void test_release(struct iperf3_test *test);
/* Closes everything at once. */
void test_finish(struct iperf3_test *test);
/* Ends the session, and the connection once the client has read what was sent. */
void test_leave(struct iperf3_test *test);
/* The same behind an error. */
void test_refuse(struct iperf3_test *test, enum iperf3_error error, const char *why);
/* The same for what the daemon has no room or no permission for. */
void test_refuse_fault(struct iperf3_test *test, const struct fail *fail);

/* ---- iperf3_begin.c ---- */

/* Another test of the same host may begin: this one waits for no datagrams any more. */
void test_pass_turn(struct iperf3_test *test);
/* Reads on in the parameters; false where nothing more is there. */
bool test_take_params(struct iperf3_test *test);
/* Starts if all flows are prepared. */
void test_check_prepared(struct iperf3_test *test);
/* Ends the test if a flow has failed. */
void test_check_running(struct iperf3_test *test);

/* ---- iperf3_end.c ---- */

/* The client has ended the test. */
void test_end(struct iperf3_test *test);
/* Asks for the client's results. */
void test_ask_results(struct iperf3_test *test);
/* Reads on in them; false where nothing more is there. */
bool test_take_results(struct iperf3_test *test);
/* All reports are there. */
void test_send_results(struct iperf3_test *test);

#endif
