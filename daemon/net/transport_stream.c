/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/transport_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ccinfo.h"
#include "net/kernel.h"
#include "net/socket.h"
#include "protocol.h"

int stream_create(int protocol, int family, const struct endpoint_settings *settings,
                  struct fail *fail)
{
    int fd = socket_create(protocol, family, settings, fail);
    if (fd < 0 || sockopt_set(fd, family, SOCKOPT_CONNECTING, settings, fail))
        return fd;
    close(fd);
    return -1;
}

int stream_connect(int protocol, const struct addresses *own, const struct address *peer,
                   const struct endpoint_settings *settings, const struct socket_watcher *watcher,
                   struct fail *fail)
{
    int fd = stream_create(protocol, peer->any.sa_family, settings, fail);
    if (fd < 0)
        return -1;
    if (!socket_bind_own(fd, own, peer, settings, fail)) {
        close(fd);
        return -1;
    }
    if (watcher)
        watcher->made(watcher->context, fd);
    if (!connect(fd, &peer->any, peer->length) || errno == EINPROGRESS)
        return fd;
    int error = errno;
    char text[ADDRESS_TEXT_MAX];
    address_format_port(peer, text);
    fail_set(fail, FAULT_CONNECT, "can't connect to %s: %s", text,
             error != EADDRNOTAVAIL  ? fail_errno(error)
             : settings->source_port ? "another connection uses that source port"
                                     : "all local ports are in use");
    close(fd);
    return -1;
}

int stream_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int stream_take_error(int fd)
{
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) ? errno : error;
}

bool stream_in_handshake(int fd)
{
    return tcpinfo_state(fd) == TCP_SYN_SENT;
}

bool stream_set(int fd, enum sockopt_phase stage, const struct endpoint_settings *settings,
                struct fail *fail)
{
    if (stage == SOCKOPT_CREATED)
        return socket_set_created(fd, settings, fail);
    return sockopt_set(fd, AF_UNSPEC, stage, settings, fail);
}

/* One part goes by send(), which costs the kernel less than sendmsg(). */
ssize_t stream_send(void *state, int fd, const struct iovec *parts, size_t count)
{
    (void)state;
    if (count == 1)
        return send(fd, parts->iov_base, parts->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t stream_send_pipe(void *state, int fd, int pipe, size_t size)
{
    (void)state;
    return splice(pipe, NULL, fd, NULL, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

/* With MSG_TRUNC the kernel throws away what it would copy (tcp(7)). */
ssize_t stream_receive(void *state, int fd, void *to, size_t size, bool keep)
{
    (void)state;
    return recv(fd, to, size, keep ? MSG_DONTWAIT : MSG_DONTWAIT | MSG_TRUNC);
}

void stream_sample(void *state, int fd, bool baseline, int64_t values[METRICS])
{
    struct tcpinfo *info = state;
    if (baseline)
        tcpinfo_baseline(fd, info, values);
    else
        tcpinfo_read(fd, info, values);
    if (baseline)
        info->cc_kind = ccinfo_kind(fd);
    if (info->cc_kind != CCINFO_NONE)
        ccinfo_read(fd, info->cc_kind, values);
    kernel_memory(fd, values, NULL);
    values[METRIC_path_mtu] = kernel_path_mtu(fd);
}

void stream_describe(const void *state, int fd, const struct endpoint_settings *settings,
                     struct buffer *lines)
{
    (void)state;
    char name[SETTINGS_NAME_MAX];
    socket_describe_ends(fd, lines);
    kernel_congestion_control(fd, name);
    buffer_printf(lines, "congestion_control=%s\nsend_buffer=%lld\nreceive_buffer=%lld\n", name,
                  (long long)kernel_buffer(fd, SO_SNDBUF), (long long)kernel_buffer(fd, SO_RCVBUF));
    sockopt_describe(fd, settings, lines);
}

int64_t stream_unacked(int fd)
{
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) ? 0 : bytes;
}

bool stream_end_sending(int fd)
{
    return shutdown(fd, SHUT_WR) == 0;
}

void stream_flush_acks(int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}
