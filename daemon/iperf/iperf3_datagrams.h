/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the streams of datagrams of iperf3's clients begin: a client's first datagram says which
 * port its stream has. It is believed only of an address whose client has agreed to a test by its
 * control connection, and only while that test waits for it. */
#ifndef FLOWRIG_IPERF3_DATAGRAMS_H
#define FLOWRIG_IPERF3_DATAGRAMS_H

#include "iperf/iperf3_test.h"

struct iperf3_datagrams {
    struct iperf3_host *host;
    int fd;
    struct watch watch;
    struct task task;
};

/* Binds the socket; false with a sentence and errno. */
bool iperf3_datagrams_open(struct iperf3_datagrams *datagrams, struct iperf3_host *host,
                           const struct address *address, struct fail *fail);
/* From then on it listens, on the host's worker; until it does no more. */
void iperf3_datagrams_start(struct iperf3_datagrams *datagrams);
void iperf3_datagrams_stop(struct iperf3_datagrams *datagrams);
void iperf3_datagrams_close(struct iperf3_datagrams *datagrams);

#endif
