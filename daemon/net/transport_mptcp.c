/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Multipath TCP (RFC 8684). The kernel shows TCP_INFO of the first subflow, and says of the
 * connection as a whole what MPTCP_INFO has. A peer, or something on the path, that does not speak
 * MPTCP turns the connection into one of TCP: the kernel falls back without telling. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "net/kernel.h"
#include "net/socket.h"
#include "net/transport_stream.h"

#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif

/* From include/uapi/linux/mptcp.h, which headers of the C library may lack. */
enum { GET_MPTCP_INFO = 1, FLAG_FALLBACK = 1 };

/* The begin of struct mptcp_info, of Linux 5.16 and newer; subflows_total came with 6.7. */
struct kernel_mptcp_info {
    uint8_t subflows, add_addr_signal, add_addr_accepted, subflows_max, add_addr_signal_max;
    uint8_t add_addr_accepted_max;
    uint32_t flags, token;
    uint64_t write_seq, snd_una, rcv_nxt;
    uint8_t local_addr_used, local_addr_max, csum_enabled;
    uint32_t retransmits;
    uint64_t bytes_retrans, bytes_sent, bytes_received, bytes_acked;
    uint8_t subflows_total, reserved[3];
    uint32_t last_data_sent, last_data_recv, last_ack_recv;
};

_Static_assert(offsetof(struct kernel_mptcp_info, retransmits) == 44, "as in the kernel");
_Static_assert(offsetof(struct kernel_mptcp_info, subflows_total) == 80, "as in the kernel");

enum mptcp_state { MPTCP_UNKNOWN, MPTCP_FALLBACK, MPTCP_IN_FORCE };

static enum mptcp_state read_info(int fd, struct kernel_mptcp_info *info, socklen_t *length)
{
    int protocol = 0;
    socklen_t size = sizeof protocol;
    /* A listener gives out plain sockets for connections that came without the option. */
    if (!getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) && protocol != IPPROTO_MPTCP)
        return MPTCP_FALLBACK;
    *length = sizeof *info;
    memset(info, 0, sizeof *info);
    if (!getsockopt(fd, SOL_MPTCP, GET_MPTCP_INFO, info, length))
        return info->flags & FLAG_FALLBACK ? MPTCP_FALLBACK : MPTCP_IN_FORCE;
    /* After a fallback the call is TCP's, which does not know it; before 5.16 nobody does. */
    return errno == EOPNOTSUPP ? MPTCP_FALLBACK : MPTCP_UNKNOWN;
}

/* Subflows of the connection, the first one included, or METRIC_ABSENT; there are none any more
 * once both ends have closed. */
static int64_t subflows_of(int fd)
{
    struct kernel_mptcp_info info;
    socklen_t length;
    if (read_info(fd, &info, &length) != MPTCP_IN_FORCE)
        return METRIC_ABSENT;
    if (length > offsetof(struct kernel_mptcp_info, subflows_total))
        return info.subflows_total ? info.subflows_total : METRIC_ABSENT;
    return info.subflows + 1; /* those beside the first */
}

static int mptcp_listen(const struct address *address, const struct endpoint_settings *settings,
                        struct fail *fail)
{
    return socket_listen(IPPROTO_MPTCP, address, settings, fail);
}

static int mptcp_create(int family, const struct endpoint_settings *settings, struct fail *fail)
{
    return stream_create(IPPROTO_MPTCP, family, settings, fail);
}

static int mptcp_connect(const struct addresses *own, const struct address *peer,
                         const struct endpoint_settings *settings,
                         const struct socket_watcher *watcher, struct fail *fail)
{
    return stream_connect(IPPROTO_MPTCP, own, peer, settings, watcher, fail);
}

static void mptcp_sample(void *state, int fd, bool baseline, int64_t values[METRICS])
{
    stream_sample(state, fd, baseline, values);
    values[METRIC_mptcp_subflows] = subflows_of(fd);
}

static void mptcp_describe(const void *state, int fd, const struct endpoint_settings *settings,
                           struct buffer *lines)
{
    static const char *const words[] = {
        [MPTCP_UNKNOWN] = "unknown", [MPTCP_FALLBACK] = "fallback", [MPTCP_IN_FORCE] = "yes"};
    struct kernel_mptcp_info info;
    socklen_t length;
    stream_describe(state, fd, settings, lines);
    buffer_printf(lines, "mptcp=%s\n", words[read_info(fd, &info, &length)]);
}

/* The connection's end is a byte in its sequence, which SIOCOUTQ counts; the subflows' own states
 * say nothing of it. */
static bool mptcp_end_acknowledged(int fd)
{
    return stream_unacked(fd) == 0;
}

const struct transport transport_mptcp = {
    TRANSPORT_STREAM_OPS,
    .listen = mptcp_listen,
    .create = mptcp_create,
    .connect = mptcp_connect,
    .sample = mptcp_sample,
    .describe = mptcp_describe,
    .end_acknowledged = mptcp_end_acknowledged,
    .pace = NULL, /* Linux refuses SO_MAX_PACING_RATE on these sockets with EOPNOTSUPP */
};
