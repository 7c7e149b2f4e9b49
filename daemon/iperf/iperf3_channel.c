/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "iperf/iperf3_channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LENGTH_SIZE = 4,
    READ_SIZE = 4096,       /* memory grows with what has come, not with what was announced */
    DISCARD_MAX = 64 << 10, /* in one turn */
    KEEPALIVE_IDLE = 10,
    KEEPALIVE_INTERVAL = 5,
    KEEPALIVE_COUNT = 4,
};

static void set(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

/* The connection is silent for the whole test: a client that is gone is noticed all the same. */
void iperf3_channel_open(struct iperf3_channel *channel, int fd)
{
    *channel = (struct iperf3_channel){.fd = fd};
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
}

void iperf3_channel_close(struct iperf3_channel *channel)
{
    if (channel->fd >= 0)
        close(channel->fd);
    channel->fd = -1;
    buffer_free(&channel->in);
    buffer_free(&channel->out);
}

bool iperf3_channel_flush(struct iperf3_channel *channel)
{
    while (channel->sent < channel->out.length) {
        ssize_t sent = send(channel->fd, channel->out.data + channel->sent,
                            channel->out.length - channel->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        channel->sent += (size_t)sent;
    }
    channel->out.length = channel->sent = 0;
    return true;
}

void iperf3_channel_states(struct iperf3_channel *channel, const int8_t *states, size_t count)
{
    buffer_add(&channel->out, states, count);
    iperf3_channel_flush(channel);
}

void iperf3_channel_error(struct iperf3_channel *channel, enum iperf3_error error)
{
    const int8_t state = IPERF3_SERVER_ERROR;
    const uint32_t numbers[] = {htonl((uint32_t)error), 0};
    buffer_add(&channel->out, &state, 1);
    buffer_add(&channel->out, numbers, sizeof numbers);
    iperf3_channel_flush(channel);
}

void iperf3_channel_json(struct iperf3_channel *channel, const char *text)
{
    const uint32_t length = htonl((uint32_t)strlen(text));
    buffer_add(&channel->out, &length, sizeof length);
    buffer_add(&channel->out, text, strlen(text));
    iperf3_channel_flush(channel);
}

void iperf3_channel_shut(struct iperf3_channel *channel)
{
    shutdown(channel->fd, SHUT_WR);
}

/* Returns IPERF3_INPUT_DONE where at least one byte was read. */
static enum iperf3_input receive(struct iperf3_channel *channel, void *to, size_t size, size_t *got)
{
    ssize_t received;
    do
        received = recv(channel->fd, to, size, MSG_DONTWAIT);
    while (received < 0 && errno == EINTR);
    *got = received > 0 ? (size_t)received : 0;
    if (received > 0)
        return IPERF3_INPUT_DONE;
    return received < 0 && errno == EAGAIN ? IPERF3_INPUT_NONE : IPERF3_INPUT_CLOSED;
}

enum iperf3_input iperf3_channel_read_state(struct iperf3_channel *channel, int *state)
{
    int8_t byte = 0;
    size_t got;
    enum iperf3_input input = receive(channel, &byte, 1, &got);
    *state = byte;
    return input;
}

/* How many bytes are still to come, of the length first. */
static size_t missing(const struct iperf3_channel *channel, size_t *announced)
{
    uint32_t length;
    *announced = 0;
    if (channel->in.length < LENGTH_SIZE)
        return LENGTH_SIZE - channel->in.length;
    memcpy(&length, channel->in.data, sizeof length);
    *announced = ntohl(length);
    return LENGTH_SIZE + *announced - channel->in.length;
}

enum iperf3_input iperf3_channel_read_json(struct iperf3_channel *channel, size_t limit)
{
    for (;;) {
        size_t announced, got, left = missing(channel, &announced);
        if (announced > limit)
            return IPERF3_INPUT_TOO_LONG;
        if (!left)
            return IPERF3_INPUT_DONE;
        size_t size = left < READ_SIZE ? left : READ_SIZE;
        enum iperf3_input input = receive(channel, buffer_reserve(&channel->in, size), size, &got);
        channel->in.length += got;
        if (input != IPERF3_INPUT_DONE)
            return input;
    }
}

const char *iperf3_channel_text(const struct iperf3_channel *channel, size_t *length)
{
    *length = channel->in.length - LENGTH_SIZE;
    return channel->in.data + LENGTH_SIZE;
}

void iperf3_channel_forget(struct iperf3_channel *channel)
{
    buffer_free(&channel->in);
}

bool iperf3_channel_discard(struct iperf3_channel *channel)
{
    char bytes[READ_SIZE];
    size_t got, all = 0;
    enum iperf3_input input = IPERF3_INPUT_DONE;
    while (input == IPERF3_INPUT_DONE && all < DISCARD_MAX) {
        input = receive(channel, bytes, sizeof bytes, &got);
        all += got;
    }
    /* Whoever sends more than that to a connection that ends is not waited for. */
    return input == IPERF3_INPUT_NONE;
}
