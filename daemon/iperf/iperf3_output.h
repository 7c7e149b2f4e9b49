/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server's own table of a test, which a client asks for with --get-server-output: a line for
 * each second of each stream, with what the kernel says of it. Pure: no clock, no sockets. */
#ifndef FLOWRIG_IPERF3_OUTPUT_H
#define FLOWRIG_IPERF3_OUTPUT_H

#include "iperf/iperf3_results.h"

enum { IPERF3_OUTPUT_MAX = 128 << 10 }; /* bytes of lines about intervals */

/* All-zero is one that nobody wants. */
struct iperf3_output {
    bool wanted, cut, datagrams;
    int64_t omit; /* ns: what ends by then is marked */
    struct buffer text;
};

/* Adds the line of an interval of stream `index`; what there is no room for is left out, which is
 * said. */
void iperf3_output_interval(struct iperf3_output *output, size_t index,
                            struct iperf3_stream *stream, const struct report *report);
/* Adds the lines of the final reports; the text is the output's. NULL where nobody wants it. */
const char *iperf3_output_finish(struct iperf3_output *output, const struct iperf3_stream *streams,
                                 size_t count);
void iperf3_output_free(struct iperf3_output *output);

#endif
