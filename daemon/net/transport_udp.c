/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagrams of UDP (RFC 768) between two sockets, each connected to the other: what others send
 * never enters. Trains (UDP_SEGMENT, UDP_GRO) are taken back at run time where a device or route
 * refuses them. */
#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "info.h"
#include "net/kernel.h"
#include "net/socket.h"
#include "net/transport.h"
#include "udp_marks.h"
#include "protocol.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
    BATCH = 64,             /* messages of one call, and segments of one train */
    SLOT = 65536 + 64 * 17, /* room for one read; the odd lines keep slots apart in caches */
    READ_BATCH = 32,        /* messages of one read */
    CONTROL_ROOM = 128,
    RECEIVE_BUFFER = 4 << 20, /* asked for where nothing was; the kernel doubles it */
    HEADERS_V4 = 28,
    HEADERS_V6 = 48,
};

/* A stamp that lies farther back was made before the clock was set. */
#define STAMP_AGE_MAX (10 * NS_PER_SEC)

struct udp_state {
    bool trains, received_train;
    int train_error;   /* why they were taken back */
    uint32_t drops;    /* of the socket, when the flow began */
    uint32_t overflow; /* of the socket, when the last datagram was queued (SO_RXQ_OVFL) */
    int64_t last_arrival;
    struct udp_seen seen;
};

static void set_flag(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

/* Each is best effort, but for the one that tells of drops in the host's own queue. */
static void set_defaults(int fd, int family, const struct endpoint_settings *settings)
{
    int size = RECEIVE_BUFFER;
    set_flag(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    set_flag(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    set_flag(fd, IPPROTO_IP, IP_RECVERR, 1);
    set_flag(fd, IPPROTO_IP, IP_RECVTOS, 1);
    set_flag(fd, IPPROTO_IP, IP_RECVTTL, 1);
    set_flag(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    if (family == AF_INET6) {
        set_flag(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
        set_flag(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
        set_flag(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
        set_flag(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
    }
    if (!settings->receive_buffer && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static int udp_create(int family, const struct endpoint_settings *settings, struct fail *fail)
{
    int fd = socket_create(IPPROTO_UDP, family, settings, fail);
    if (fd < 0)
        return -1;
    set_defaults(fd, family, settings);
    if (sockopt_set(fd, family, SOCKOPT_CONNECTING, settings, fail))
        return fd;
    close(fd);
    return -1;
}

static int udp_listen(const struct address *address, const struct endpoint_settings *settings,
                      struct fail *fail)
{
    int fd = udp_create(address->any.sa_family, settings, fail);
    if (fd < 0 || !bind(fd, &address->any, address->length))
        return fd;
    int error = errno;
    char text[ADDRESS_TEXT_MAX];
    address_format_port(address, text);
    fail_set(fail, FAULT_SYSTEM, "can't bind %s: %s", text, fail_errno(error));
    close(fd);
    errno = error;
    return -1;
}

static int udp_connect(const struct addresses *own, const struct address *peer,
                       const struct endpoint_settings *settings,
                       const struct socket_watcher *watcher, struct fail *fail)
{
    int fd = udp_create(peer->any.sa_family, settings, fail);
    (void)watcher; /* there are no traces of datagrams */
    if (fd < 0)
        return -1;
    if (!socket_bind_own(fd, own, peer, settings, fail)) {
        close(fd);
        return -1;
    }
    if (!connect(fd, &peer->any, peer->length))
        return fd;
    int error = errno;
    char text[ADDRESS_TEXT_MAX];
    address_format_port(peer, text);
    fail_set(fail, FAULT_CONNECT, "can't reach %s: %s", text,
             error != EADDRNOTAVAIL  ? fail_errno(error)
             : settings->source_port ? "another socket has that source port"
                                     : "all local ports are in use");
    close(fd);
    return -1;
}

/* What had come before from others is no part of the flow: no more than the socket holds, for the
 * peer itself may send on. */
static bool udp_associate(void *state, int fd, const struct address *peer)
{
    enum { QUEUED_MAX = 2 * RECEIVE_BUFFER / 512 };
    char byte;
    (void)state;
    if (connect(fd, &peer->any, peer->length))
        return false;
    for (int i = 0; i < QUEUED_MAX && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0; i++)
        ;
    return true;
}

/* Errors of the path are the socket's own as well, until its queue of them is read: of that only
 * the room matters. */
static int udp_take_error(int fd)
{
    char room[512];
    int error = 0;
    socklen_t length = sizeof error;
    struct msghdr message = {.msg_control = room, .msg_controllen = sizeof room};
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length))
        error = errno;
    while (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
        message.msg_controllen = sizeof room;
    return error;
}

static bool udp_in_handshake(int fd)
{
    (void)fd;
    return false;
}

static bool udp_set(int fd, enum sockopt_phase stage, const struct endpoint_settings *settings,
                    struct fail *fail)
{
    return sockopt_set(fd, AF_UNSPEC, stage, settings, fail);
}

static void udp_allow_trains(void *state_memory, int fd, bool allowed)
{
    struct udp_state *state = state_memory;
    state->trains = allowed;
    set_flag(fd, SOL_UDP, UDP_GRO, allowed);
}

static ssize_t udp_send(void *state, int fd, const struct iovec *parts, size_t count)
{
    (void)state;
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t send_train(int fd, const struct iovec *list, size_t parts, size_t count)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct msghdr message = {
        .msg_iov = (struct iovec *)list,
        .msg_iovlen = parts * count,
        .msg_control = control,
        .msg_controllen = sizeof control,
    };
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    uint16_t size = 0;
    for (size_t i = 0; i < parts; i++)
        size = (uint16_t)(size + list[i].iov_len);
    head->cmsg_level = SOL_UDP;
    head->cmsg_type = UDP_SEGMENT;
    head->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(head), &size, sizeof size);
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : (ssize_t)count;
}

/* The kernel says EINVAL for too many segments, EMSGSIZE for those above the MTU, EIO for a device
 * that can't do the checksums: it is the single datagram that decides then. */
static bool takes_trains_back(struct udp_state *state, int error)
{
    if (error != EIO && error != EINVAL && error != EMSGSIZE)
        return false;
    state->trains = false;
    state->train_error = error;
    return true;
}

static ssize_t udp_send_batch(void *state_memory, int fd, const struct iovec *list, size_t parts,
                              size_t count)
{
    struct udp_state *state = state_memory;
    struct mmsghdr messages[BATCH];
    if (count > 1 && state->trains) {
        ssize_t sent = send_train(fd, list, parts, count);
        if (sent >= 0 || !takes_trains_back(state, errno))
            return sent;
    }
    if (count == 1)
        return udp_send(state, fd, list, parts) < 0 ? -1 : 1;
    count = count < BATCH ? count : BATCH;
    for (size_t i = 0; i < count; i++)
        messages[i] = (struct mmsghdr){
            .msg_hdr = {.msg_iov = (struct iovec *)&list[parts * i], .msg_iovlen = parts}};
    return sendmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t udp_receive(void *state, int fd, void *to, size_t size, bool keep)
{
    (void)state, (void)keep;
    return recv(fd, to, size, MSG_DONTWAIT);
}

static ssize_t udp_peek(int fd, void *to, size_t size, struct address *from)
{
    memset(from, 0, sizeof *from);
    from->length = sizeof from->storage;
    return recvfrom(fd, to, size, MSG_DONTWAIT | MSG_PEEK, &from->any, &from->length);
}

static ssize_t udp_send_to(int fd, const void *data, size_t size, const struct address *to)
{
    return sendto(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, &to->any, to->length);
}

/* Kernel stamps are those of CLOCK_REALTIME; `wall` and `now` were read together after them. The
 * two clocks are known to each other no better than that: no datagram comes before the last. */
static int64_t arrival_of(struct udp_state *state, int64_t stamp, int64_t wall, int64_t now)
{
    int64_t age = wall - stamp;
    int64_t arrived = stamp && age >= 0 && age < STAMP_AGE_MAX ? now - age : now;
    if (arrived > state->last_arrival)
        state->last_arrival = arrived;
    return state->last_arrival;
}

static int64_t wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

/* Reads both clocks at one instant, as well as may be: who is interrupted in between tries again.
 */
static int64_t wall_at(int64_t *now)
{
    enum { TRIES = 4, CLOSE = 500 };
    int64_t wall = 0;
    for (int i = 0; i < TRIES; i++) {
        int64_t before = clock_now();
        wall = wall_clock();
        int64_t after = clock_now();
        *now = before + (after - before) / 2;
        if (after - before < CLOSE)
            break;
    }
    return wall;
}

/* A train is cut into its datagrams; the last may be shorter. */
static size_t cut(struct udp_state *state, const struct udp_marks *marks, const uint8_t *data,
                  size_t length, int64_t arrived, struct datagram *list, size_t max)
{
    size_t count = 0, at = 0;
    state->received_train |= marks->segment < length;
    do {
        size_t size = length - at < marks->segment ? length - at : marks->segment;
        list[count++] = (struct datagram){data + at, size, arrived, marks->tos, marks->ttl};
        at += size;
    } while (at < length && count < max);
    return count;
}

static ssize_t udp_receive_batch(void *state_memory, int fd, uint8_t *room, size_t size,
                                 struct datagram *list, size_t max)
{
    struct udp_state *state = state_memory;
    struct mmsghdr messages[READ_BATCH];
    struct iovec slots[READ_BATCH];
    _Alignas(struct cmsghdr) char control[READ_BATCH][CONTROL_ROOM];
    size_t most = size / SLOT < READ_BATCH ? size / SLOT : READ_BATCH, count = 0;
    most = max / BATCH < most ? max / BATCH : most;
    for (size_t i = 0; i < most; i++) {
        slots[i] = (struct iovec){room + i * SLOT, 65536};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &slots[i],
                                                   .msg_iovlen = 1,
                                                   .msg_control = control[i],
                                                   .msg_controllen = CONTROL_ROOM}};
    }
    int got = recvmmsg(fd, messages, (unsigned)most, MSG_DONTWAIT, NULL);
    if (got < 0)
        return -1;
    int64_t now, wall = wall_at(&now);
    for (int i = 0; i < got; i++) {
        size_t length = messages[i].msg_len;
        struct udp_marks marks = udp_marks_read(&messages[i].msg_hdr, length);
        if (marks.drops > state->overflow)
            state->overflow = marks.drops;
        count += cut(state, &marks, slots[i].iov_base, length,
                     arrival_of(state, marks.stamp, wall, now), list + count, max - count);
    }
    return (ssize_t)count;
}

static void udp_count_marks(void *state_memory, const struct datagram *datagram)
{
    struct udp_state *state = state_memory;
    udp_marks_count(&state->seen, datagram->tos, datagram->ttl);
}

static size_t udp_overhead(int fd)
{
    struct address address;
    bool v6 = address_local(fd, &address) && address.any.sa_family == AF_INET6 &&
              !IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr);
    return v6 ? HEADERS_V6 : HEADERS_V4;
}

/* The kernel counts a dropped train as one: of how many datagrams it was, nobody knows then. */
static int64_t udp_dropped(const void *state_memory, int fd)
{
    const struct udp_state *state = state_memory;
    uint32_t drops;
    if (!kernel_memory(fd, NULL, &drops))
        drops = state->overflow; /* all but those behind the last datagram */
    if (drops != state->drops && state->received_train)
        return METRIC_ABSENT;
    return (int64_t)(uint32_t)(drops - state->drops);
}

static void udp_sample(void *state_memory, int fd, bool baseline, int64_t values[METRICS])
{
    struct udp_state *state = state_memory;
    kernel_memory(fd, values, baseline ? &state->drops : NULL);
    values[METRIC_path_mtu] = kernel_path_mtu(fd);
}

static void udp_describe(const void *state_memory, int fd, const struct endpoint_settings *settings,
                         struct buffer *lines)
{
    const struct udp_state *state = state_memory;
    char gso[128];
    snprintf(gso, sizeof gso, "%s%s%s", state->trains ? "on" : "off",
             state->train_error ? ": " : "",
             state->train_error ? fail_errno(state->train_error) : "");
    socket_describe_ends(fd, lines);
    info_add_number(lines, INFO_send_buffer, kernel_buffer(fd, SO_SNDBUF));
    info_add_number(lines, INFO_receive_buffer, kernel_buffer(fd, SO_RCVBUF));
    info_add_text(lines, INFO_gso, gso);
    udp_marks_describe(&state->seen, lines);
    sockopt_describe(fd, settings, lines);
}

static int64_t udp_unacked(int fd)
{
    (void)fd;
    return METRIC_ABSENT;
}

static bool udp_end_sending(int fd)
{
    (void)fd;
    return true;
}

static bool udp_end_acknowledged(int fd)
{
    (void)fd;
    return true; /* the framing has seen to it */
}

static void udp_flush_acks(int fd)
{
    (void)fd;
}

const struct transport transport_udp = {
    .state_size = sizeof(struct udp_state),
    .capture_filter = "udp",
    .listen = udp_listen,
    .create = udp_create,
    .connect = udp_connect,
    .associate = udp_associate,
    .take_error = udp_take_error,
    .in_handshake = udp_in_handshake,
    .set = udp_set,
    .send = udp_send,
    .receive = udp_receive,
    .peek = udp_peek,
    .send_to = udp_send_to,
    .allow_trains = udp_allow_trains,
    .send_batch = udp_send_batch,
    .receive_batch = udp_receive_batch,
    .count_marks = udp_count_marks,
    .overhead = udp_overhead,
    .dropped = udp_dropped,
    .sample = udp_sample,
    .describe = udp_describe,
    .unacked = udp_unacked,
    .end_sending = udp_end_sending,
    .end_acknowledged = udp_end_acknowledged,
    .flush_acks = udp_flush_acks,
};
