/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ccinfo.h"
#include "protocol.h"
#include "sockopt.h"
#include "transport.h"

static int tcp_listen(const struct address *address, const struct endpoint_settings *settings,
                      struct fail *fail)
{
    return sock_listen(address, settings, fail);
}

/* Binds to the first of the addresses that is this host's; none may be, behind NAT for example. */
static void bind_own(int fd, const struct addresses *own, const struct address *peer)
{
    for (size_t i = 0; i < own->count; i++)
        if (own->list[i].any.sa_family == peer->any.sa_family &&
            !bind(fd, &own->list[i].any, own->list[i].length))
            return;
}

int transport_create(int protocol, int family, const struct endpoint_settings *settings,
                     struct fail *fail)
{
    int fd = sock_create_protocol(protocol, family, settings, fail);
    if (fd < 0 || sockopt_set(fd, family, SOCKOPT_CONNECTING, settings, fail))
        return fd;
    close(fd);
    return -1;
}

int transport_connect(int protocol, const struct addresses *own, const struct address *peer,
                      const struct endpoint_settings *settings, struct fail *fail)
{
    int fd = transport_create(protocol, peer->any.sa_family, settings, fail);
    if (fd < 0)
        return -1;
    bind_own(fd, own, peer);
    if (!connect(fd, &peer->any, peer->length) || errno == EINPROGRESS)
        return fd;
    int error = errno;
    char text[ADDRESS_TEXT_MAX];
    address_format_port(peer, text);
    fail_set(fail, FAULT_CONNECT, "can't connect to %s: %s", text,
             error == EADDRNOTAVAIL ? "all local ports are in use" : fail_errno(error));
    close(fd);
    return -1;
}

static int tcp_create(int family, const struct endpoint_settings *settings, struct fail *fail)
{
    return transport_create(IPPROTO_TCP, family, settings, fail);
}

static int tcp_connect(const struct addresses *own, const struct address *peer,
                       const struct endpoint_settings *settings, struct fail *fail)
{
    return transport_connect(IPPROTO_TCP, own, peer, settings, fail);
}

static void tcp_sample(int fd, struct tcpinfo *info, bool baseline, int64_t values[METRICS])
{
    if (baseline)
        tcpinfo_baseline(fd, info, values);
    else
        tcpinfo_read(fd, info, values);
    if (baseline)
        info->cc_kind = ccinfo_kind(fd);
    if (info->cc_kind != CCINFO_NONE)
        ccinfo_read(fd, info->cc_kind, values);
    values[METRIC_path_mtu] = sock_path_mtu(fd);
}

static void tcp_describe(int fd, struct buffer *lines)
{
    struct address address;
    char text[ADDRESS_TEXT_MAX], name[SETTINGS_NAME_MAX];
    if (sock_local(fd, &address)) {
        address_format_port(&address, text);
        buffer_printf(lines, "local=%s\n", text);
    }
    if (sock_peer(fd, &address)) {
        address_format_port(&address, text);
        buffer_printf(lines, "peer=%s\n", text);
    }
    sock_congestion_control(fd, name);
    buffer_printf(lines, "congestion_control=%s\nsend_buffer=%lld\nreceive_buffer=%lld\n", name,
                  (long long)sock_buffer(fd, SO_SNDBUF), (long long)sock_buffer(fd, SO_RCVBUF));
}

static int64_t tcp_unacked(int fd)
{
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) ? 0 : bytes;
}

static bool tcp_end_sending(int fd)
{
    return shutdown(fd, SHUT_WR) == 0;
}

static bool tcp_end_acknowledged(int fd)
{
    int state = tcpinfo_state(fd);
    return state == TCP_FIN_WAIT2 || state == TCP_TIME_WAIT || state == TCP_CLOSE;
}

static void tcp_flush_acks(int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}

const struct transport *const transports[TRANSPORTS] = {
    [TRANSPORT_TCP] = &transport_tcp,
    [TRANSPORT_MPTCP] = &transport_mptcp,
};

static void tcp_pace(int fd, int64_t rate)
{
    /* 0 would let nothing pass, ever. */
    uint64_t bytes_per_second = rate < 8 ? 1 : (uint64_t)rate / 8;
    setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes_per_second, sizeof bytes_per_second);
}

const struct transport transport_tcp = {
    .name = "tcp",
    .listen = tcp_listen,
    .create = tcp_create,
    .connect = tcp_connect,
    .sample = tcp_sample,
    .describe = tcp_describe,
    .unacked = tcp_unacked,
    .end_sending = tcp_end_sending,
    .end_acknowledged = tcp_end_acknowledged,
    .tells_end = true,
    .pace = tcp_pace,
    .flush_acks = tcp_flush_acks,
};
