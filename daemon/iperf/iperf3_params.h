/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an iperf3 client asks for: the JSON object that it sends, read with every check. Knows
 * neither sockets nor sessions. */
#ifndef FLOWRIG_IPERF3_PARAMS_H
#define FLOWRIG_IPERF3_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"
#include "protocol.h"

enum {
    IPERF3_PARAMS_MAX = 8192, /* bytes of JSON: the limit of iperf3's own server */
    IPERF3_STREAMS_MAX = 128, /* in each direction */
    IPERF3_NAME_MAX = 129,    /* of texts that are only passed on, with the NUL; cut to that */
};

/* Numbers of iperf3 that its clients of every version print as a sentence, or close to it. */
enum iperf3_error {
    IPERF3_OK = 0,
    IPERF3_DURATION = 5,       /* test duration too long */
    IPERF3_STREAMS = 6,        /* number of parallel streams too large */
    IPERF3_BLOCK_SIZE = 7,     /* block size too large */
    IPERF3_BUFFER_SIZE = 8,    /* socket buffer size too large */
    IPERF3_MSS = 10,           /* TCP MSS too large */
    IPERF3_UDP_BLOCK = 20,     /* block size invalid, of datagrams */
    IPERF3_BAD_TOS = 21,       /* bad TOS value */
    IPERF3_TOTAL_RATE = 27,    /* total required bandwidth is larger than server limit */
    IPERF3_MAX_DURATION = 37,  /* test duration longer than server's maximum; from 3.20 on */
    IPERF3_PARAMS = 114,       /* unable to receive parameters from client */
    IPERF3_RESULTS = 117,      /* unable to receive results */
    IPERF3_MESSAGE = 110,      /* received an unknown control message */
    IPERF3_TERMINATED = 120,   /* the server has terminated */
    IPERF3_DENIED = 121,       /* the server is busy running a test */
    IPERF3_PROTOCOL = 131,     /* protocol does not exist */
    IPERF3_CONGESTION = 134,   /* unable to set TCP_CONGESTION */
    IPERF3_SET_BUFFER = 141,   /* socket buffer size not set correctly */
    IPERF3_STREAM_WRITE = 205, /* unable to write to stream socket */
    IPERF3_STREAM_READ = 206,  /* unable to read from stream socket */
};

/* Absent numbers have iperf3's defaults; -1 where "absent" means something of its own. */
struct iperf3_params {
    bool udp, reverse, bidirectional;
    int64_t omit, time; /* s; time 0: no limit */
    int64_t bytes, blocks;
    int64_t parallel;    /* streams in each direction */
    int64_t block_size;  /* of writes and datagrams, in bytes */
    int64_t rate;        /* of each stream, bit/s; 0: none */
    int64_t burst;       /* blocks between two looks at the rate; 0: one */
    int64_t pacing_rate; /* of the kernel, bit/s; 0: none */
    int64_t window, mss; /* bytes; 0: the system's */
    int64_t tos;         /* -1: none */
    bool nodelay, counters_64bit, server_output, repeating_payload, dont_fragment;
    char congestion[SETTINGS_NAME_MAX]; /* "": the system's */
    char version[IPERF3_NAME_MAX];      /* as it is printed; "": 3.0, or another program */
    int64_t version_number;             /* 3012 for 3.12; 0: not known */
};

/* Reads the object. Returns what to answer, IPERF3_OK or the number of an error, with a sentence
 * for the log. */
enum iperf3_error iperf3_params_read(const char *text, size_t length, struct iperf3_params *params,
                                     struct fail *fail);

/* The streams that it has in all. */
int64_t iperf3_params_streams(const struct iperf3_params *params);
/* Whether stream `index`, counted as they come, carries what the server sends. */
bool iperf3_params_is_reverse(const struct iperf3_params *params, size_t index);

/* Whether the client's version expects the wall clock in datagrams: an old one, or none that says
 * so.
 */
bool iperf3_params_need_wall_clock(const struct iperf3_params *params);

/* Fills in the endpoint of the server for stream `index`: what it does, and for how long if the
 * client never ends it; `longest` is that of a test without a limit, in ns. */
void iperf3_params_endpoint(const struct iperf3_params *params, size_t index, int64_t longest,
                            struct prepare_endpoint *endpoint);

#endif
