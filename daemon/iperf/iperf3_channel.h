/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control connection of an iperf3 test: states of one byte, and JSON behind its length. Never
 * blocks, and keeps no more than it was told to expect. */
#ifndef FLOWRIG_IPERF3_CHANNEL_H
#define FLOWRIG_IPERF3_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iperf/iperf3_params.h"
#include "mem.h"

/* One byte, in either direction. */
enum iperf3_state {
    IPERF3_TEST_START = 1,
    IPERF3_TEST_RUNNING = 2,
    IPERF3_TEST_END = 4,
    IPERF3_PARAM_EXCHANGE = 9,
    IPERF3_CREATE_STREAMS = 10,
    IPERF3_SERVER_TERMINATE = 11,
    IPERF3_CLIENT_TERMINATE = 12,
    IPERF3_EXCHANGE_RESULTS = 13,
    IPERF3_DISPLAY_RESULTS = 14,
    IPERF3_DONE = 16,
    IPERF3_ACCESS_DENIED = -1,
    IPERF3_SERVER_ERROR = -2,
};

struct iperf3_channel {
    int fd;
    struct buffer in; /* of the JSON that comes: its length, then its bytes */
    struct buffer out;
    size_t sent; /* of `out` */
};

enum iperf3_input {
    IPERF3_INPUT_NONE, /* nothing more is there yet */
    IPERF3_INPUT_DONE,
    IPERF3_INPUT_CLOSED,
    IPERF3_INPUT_TOO_LONG,
};

/* Takes a connected socket over. */
void iperf3_channel_open(struct iperf3_channel *channel, int fd);
/* Closes it and frees what is kept. */
void iperf3_channel_close(struct iperf3_channel *channel);

/* Sends states, an error (a state and two numbers), or JSON, each in one piece. What the socket
 * does not take waits for iperf3_channel_flush(). */
void iperf3_channel_states(struct iperf3_channel *channel, const int8_t *states, size_t count);
void iperf3_channel_error(struct iperf3_channel *channel, enum iperf3_error error);
void iperf3_channel_json(struct iperf3_channel *channel, const char *text);
/* Sends on; false where the connection is gone. */
bool iperf3_channel_flush(struct iperf3_channel *channel);
/* Ends the sending direction. */
void iperf3_channel_shut(struct iperf3_channel *channel);

/* Reads one state. */
enum iperf3_input iperf3_channel_read_state(struct iperf3_channel *channel, int *state);
/* Reads on in JSON of at most `limit` bytes, which is complete with IPERF3_INPUT_DONE: it begins at
 * iperf3_channel_text() then. */
enum iperf3_input iperf3_channel_read_json(struct iperf3_channel *channel, size_t limit);
const char *iperf3_channel_text(const struct iperf3_channel *channel, size_t *length);
/* Forgets the JSON that was read. */
void iperf3_channel_forget(struct iperf3_channel *channel);
/* Reads and throws away; false at the end. */
bool iperf3_channel_discard(struct iperf3_channel *channel);

#endif
