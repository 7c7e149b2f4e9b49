/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What transports that are streams of TCP share: all but how a socket is made, and what is to be
 * known of the connection. Members of struct transport, with the same meaning. */
#ifndef FLOWRIG_TRANSPORT_STREAM_H
#define FLOWRIG_TRANSPORT_STREAM_H

#include "net/socket.h"
#include "net/tcpinfo.h"
#include "net/transport.h"

/* `create` and `connect` of a protocol, IPPROTO_TCP for example. */
int stream_create(int protocol, int family, const struct endpoint_settings *settings,
                  struct fail *fail);
int stream_connect(int protocol, const struct addresses *own, const struct address *peer,
                   const struct endpoint_settings *settings, const struct socket_watcher *watcher,
                   struct fail *fail);

/* Members of struct transport; transport.h says what they do. */
int stream_accept(int listener);
int stream_take_error(int fd);
bool stream_in_handshake(int fd);
bool stream_set(int fd, enum sockopt_phase stage, const struct endpoint_settings *settings,
                struct fail *fail);
ssize_t stream_send(void *state, int fd, const struct iovec *parts, size_t count);
ssize_t stream_send_pipe(void *state, int fd, int pipe, size_t size);
ssize_t stream_receive(void *state, int fd, void *to, size_t size, bool keep);
/* The state is a struct tcpinfo. */
void stream_sample(void *state, int fd, bool baseline, int64_t values[METRICS]);
void stream_describe(const void *state, int fd, const struct endpoint_settings *settings,
                     struct buffer *lines);
int64_t stream_unacked(int fd);
bool stream_end_sending(int fd);
void stream_flush_acks(int fd);

/* What a table of such a transport begins with; the rest is its own. */
#define TRANSPORT_STREAM_OPS                                                                 \
    .state_size = sizeof(struct tcpinfo), .capture_filter = "tcp", .accept = stream_accept,  \
    .take_error = stream_take_error, .in_handshake = stream_in_handshake, .set = stream_set, \
    .send = stream_send, .send_pipe = stream_send_pipe, .receive = stream_receive,           \
    .unacked = stream_unacked, .end_sending = stream_end_sending, .flush_acks = stream_flush_acks

#endif
