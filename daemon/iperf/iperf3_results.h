/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The results that the two ends of an iperf3 test exchange. Knows neither sockets nor sessions. */
#ifndef FLOWRIG_IPERF3_RESULTS_H
#define FLOWRIG_IPERF3_RESULTS_H

#include "iperf/iperf3_params.h"
#include "mem.h"
#include "report.h"

enum { IPERF3_RESULTS_MAX = 256 << 10 }; /* bytes of a client's results */

/* What one stream has come to, as this end has counted it. */
struct iperf3_stream {
    bool finished, reverse, datagrams;
    struct report report; /* the final one */
    struct { /* of datagrams, at the end of the omitted time; `end` 0: nothing is omitted */
        int64_t end, bytes, packets, lost;
    } omitted;
    int64_t shown_packets, shown_lost;      /* likewise: */
    int64_t shown_bytes, shown_retransmits; /* in lines about intervals so far */
    char congestion[SETTINGS_NAME_MAX];
    char error[PROTOCOL_REASON_MAX]; /* why it failed, "": it did not */
};

/* What the daemon has used of one CPU meanwhile, in percent. */
struct iperf3_cpu {
    double total, user, system;
};

/* iperf3 counts streams from 1 on and leaves out 2. */
int64_t iperf3_stream_id(size_t index);
/* Bytes of a stream within its time, 0 where nothing is known; and retransmitted segments of what
 * it has sent, or -1. */
int64_t iperf3_stream_bytes(const struct iperf3_stream *stream);
int64_t iperf3_stream_retransmits(const struct iperf3_stream *stream);
/* Its time in ns without what was omitted. */
int64_t iperf3_stream_time(const struct iperf3_stream *stream);

/* Datagrams sent, or the highest number that has come; and those of them that have not. Of other
 * streams 0. */
int64_t iperf3_stream_packets(const struct iperf3_stream *stream);
int64_t iperf3_stream_lost(const struct iperf3_stream *stream);
/* Takes the row of an interval: the first that ends with the omitted time, or after it, has the
 * figures of that. */
void iperf3_stream_omit(struct iperf3_stream *stream, const struct report *row, int64_t omit);

/* The server's results as JSON, to be freed. `output` is the text of --get-server-output, NULL:
 * it was not asked for. */
char *iperf3_results_write(const struct iperf3_stream *streams, size_t count,
                           const struct iperf3_cpu *cpu, const char *output);

/* Reads from a client's results what it says that it has sent: `bytes` has a place for each of
 * `count` streams, METRIC_ABSENT where it does not say. False with a sentence where the text is no
 * object of results. */
bool iperf3_results_read(const char *text, size_t length, int64_t *bytes, size_t count,
                         struct fail *fail);

#endif
