/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/socket.h"
#include "net/transport_stream.h"
#include "protocol.h"

static int tcp_listen(const struct address *address, const struct endpoint_settings *settings,
                      struct fail *fail)
{
    return socket_listen(IPPROTO_TCP, address, settings, fail);
}

static int tcp_create(int family, const struct endpoint_settings *settings, struct fail *fail)
{
    return stream_create(IPPROTO_TCP, family, settings, fail);
}

static int tcp_connect(const struct addresses *own, const struct address *peer,
                       const struct endpoint_settings *settings,
                       const struct socket_watcher *watcher, struct fail *fail)
{
    return stream_connect(IPPROTO_TCP, own, peer, settings, watcher, fail);
}

/* RFC 9293, 3.3.2: in FIN-WAIT-2 and after it the FIN is acknowledged. */
static bool tcp_end_acknowledged(int fd)
{
    int state = tcpinfo_state(fd);
    return state == TCP_FIN_WAIT2 || state == TCP_TIME_WAIT || state == TCP_CLOSE;
}

static bool tcp_pace(int fd, int64_t rate, struct fail *fail)
{
    /* 0 would let nothing pass, ever. */
    uint64_t bytes_per_second = rate < 8 ? 1 : (uint64_t)rate / 8;
    return !setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes_per_second,
                       sizeof bytes_per_second) ||
           fail_set(fail, FAULT_SYSTEM, "the kernel refuses to pace the connection (--pacing): %s",
                    fail_errno(errno));
}

const struct transport transport_tcp = {
    TRANSPORT_STREAM_OPS,
    .listen = tcp_listen,
    .create = tcp_create,
    .connect = tcp_connect,
    .sample = stream_sample,
    .describe = stream_describe,
    .end_acknowledged = tcp_end_acknowledged,
    .pace = tcp_pace,
};
