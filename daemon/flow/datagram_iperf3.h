/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagrams of iperf3: seconds, microseconds, a number that begins with 1. Before them each end
 * sends four bytes, by which the server learns the address of a stream. */
#ifndef FLOWRIG_DATAGRAM_IPERF3_H
#define FLOWRIG_DATAGRAM_IPERF3_H

#include "flow/datagram_wire.h"

enum { IPERF3_CONNECT_SIZE = 4 };

/* By the width of the number, 4 bytes (0) or 8 (1), and by the clock of what is sent: that of all
 * versions from 3.7 on (0), or the wall clock that receivers before expect (1). */
extern const struct datagram_format datagram_formats_iperf3[2][2];

/* Whether the datagram opens a stream, as a client of any version does; `answer` is what it waits
 * for then. */
bool iperf3_connect_answer(const uint8_t *bytes, size_t size, uint8_t answer[IPERF3_CONNECT_SIZE]);

#endif
