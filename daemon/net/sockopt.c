/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/sockopt.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "metrics.h"
#include "protocol.h"
#include "address.h"
#include "mem.h"
#include "net/kernel.h"

/* Connections of TCP Fast Open that may wait for the end of their handshake. */
enum { FASTOPEN_QUEUE = 1024 };

struct sockopt;

/* A socket and how far it is. */
struct target {
    int fd, family;
    enum sockopt_phase phase;
};

typedef bool sockopt_setter(const struct target *target, const struct sockopt *row, int64_t value,
                            struct fail *fail);
/* Gives METRIC_ABSENT where the kernel does not say. */
typedef int64_t sockopt_getter(int fd, bool v6, const struct sockopt *row);

/* One line of the table. */
struct sockopt {
    size_t offset; /* of the setting */
    const char *field, *name;
    int level, option;
    int level6, option6; /* what IPv6 has instead; 0: the same */
    unsigned phases;
    int64_t none; /* the setting's value where nothing was asked for */
    int flag;     /* what a flag stands for; 0: the setting is the value */
    unsigned shift;
    const char *capability; /* without which it may be refused */
    sockopt_setter *set;    /* NULL: an int */
    sockopt_getter *get;
};

static sockopt_setter set_route_record, set_fastopen;
static sockopt_getter get_maxseg, get_route_record, get_fastopen;

#define ROW(field_, name_, level_, option_)                                                \
    .offset = offsetof(struct endpoint_settings, field_), .field = #field_, .name = name_, \
    .level = level_, .option = option_
#define OR_IPV6(option_) .level6 = IPPROTO_IPV6, .option6 = option_
#define WHEN(list)       .phases = list

/* The transport describes it, asked for or not. */
enum { SHOWN_ANYWAY = 1 << 8 };

/* IP_TOS also sets the priority, and has to come before it. */
static const struct sockopt rows[] = {
    {ROW(send_buffer, "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF), WHEN(SOCKOPT_CREATED | SHOWN_ANYWAY)},
    {ROW(receive_buffer, "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF), WHEN(SOCKOPT_CREATED | SHOWN_ANYWAY)},
    {ROW(dscp, "IP_TOS", IPPROTO_IP, IP_TOS), WHEN(SOCKOPT_CREATED), OR_IPV6(IPV6_TCLASS),
     .none = -1, .shift = 2},
    {ROW(tos, "IP_TOS", IPPROTO_IP, IP_TOS), WHEN(SOCKOPT_CREATED), OR_IPV6(IPV6_TCLASS),
     .none = -1},
    {ROW(ttl, "IP_TTL", IPPROTO_IP, IP_TTL), WHEN(SOCKOPT_CREATED), OR_IPV6(IPV6_UNICAST_HOPS),
     .none = -1},
    {ROW(mtu_discover, "IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER), WHEN(SOCKOPT_CREATED),
     OR_IPV6(IPV6_MTU_DISCOVER), .flag = IP_PMTUDISC_DO},
    {ROW(freebind, "IP_FREEBIND", IPPROTO_IP, IP_FREEBIND), WHEN(SOCKOPT_CREATED)},
    {ROW(nodelay, "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY), WHEN(SOCKOPT_CREATED)},
    {ROW(maxseg, "TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG), WHEN(SOCKOPT_CREATED), .get = get_maxseg},
    {ROW(notsent_lowat, "TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT),
     WHEN(SOCKOPT_CREATED)},
    {ROW(user_timeout, "TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT), WHEN(SOCKOPT_CREATED),
     .none = -1},
    {ROW(window_clamp, "TCP_WINDOW_CLAMP", IPPROTO_TCP, TCP_WINDOW_CLAMP),
     WHEN(SOCKOPT_CREATED | SOCKOPT_AGREED | SOCKOPT_READ)},
    {ROW(debug, "SO_DEBUG", SOL_SOCKET, SO_DEBUG), WHEN(SOCKOPT_CREATED),
     .capability = "CAP_NET_ADMIN"},
    {ROW(mark, "SO_MARK", SOL_SOCKET, SO_MARK), WHEN(SOCKOPT_CREATED), .none = -1,
     .capability = "CAP_NET_ADMIN"},
    {ROW(priority, "SO_PRIORITY", SOL_SOCKET, SO_PRIORITY), .none = -1,
     .capability = "CAP_NET_ADMIN", WHEN(SOCKOPT_CREATED | SOCKOPT_ACCEPTED)},
    {ROW(fastopen, "TCP_FASTOPEN", IPPROTO_TCP, TCP_FASTOPEN), .set = set_fastopen,
     .get = get_fastopen, WHEN(SOCKOPT_LISTENING | SOCKOPT_CONNECTING)},
    {ROW(route_record, "ROUTE_RECORD", IPPROTO_IP, IP_OPTIONS), .set = set_route_record,
     .get = get_route_record, WHEN(SOCKOPT_CONNECTING | SOCKOPT_ACCEPTED)},
    /* It would hold the preamble back. */
    {ROW(cork, "TCP_CORK", IPPROTO_TCP, TCP_CORK), WHEN(SOCKOPT_AGREED)},
    {ROW(quickack, "TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK), WHEN(SOCKOPT_AGREED | SOCKOPT_READ)},
};

enum { ROWS = COUNT(rows) };

static int64_t setting_of(const struct sockopt *row, const struct endpoint_settings *settings)
{
    return *(const int64_t *)((const char *)settings + row->offset);
}

/* Says why the kernel refused an option. */
static bool refused(int fd, const struct sockopt *row, int64_t value, int error, struct fail *fail)
{
    int protocol = 0;
    socklen_t length = sizeof protocol;
    if ((error == ENOPROTOOPT || error == EOPNOTSUPP) &&
        !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) && protocol == IPPROTO_MPTCP)
        return fail_set(fail, FAULT_SYSTEM, "the kernel there can't set %s on MPTCP connections",
                        row->name);
    if ((error == EPERM || error == EACCES) && row->capability)
        return fail_set(fail, FAULT_SYSTEM,
                        "%s=%" PRId64 " needs the capability %s, which flowd lacks there",
                        row->name, value, row->capability);
    return fail_set(fail, FAULT_SYSTEM, "the system refused %s=%" PRId64 ": %s", row->name, value,
                    fail_errno(error));
}

/* A socket of IPv6 may carry IPv4, and is given both. */
static bool set_int(const struct target *target, const struct sockopt *row, int64_t value,
                    struct fail *fail)
{
    int number = (int)(uint32_t)value;
    bool both = target->family == AF_INET6 && row->level6;
    if (both && setsockopt(target->fd, row->level6, row->option6, &number, sizeof number))
        return refused(target->fd, row, value, errno, fail);
    if (setsockopt(target->fd, row->level, row->option, &number, sizeof number) && !both)
        return refused(target->fd, row, value, errno, fail);
    return true;
}

/* Whether the connection's packets are those of IPv6. */
static bool is_v6(int fd)
{
    struct address address;
    return address_local(fd, &address) && address.any.sa_family == AF_INET6 &&
           !IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr);
}

static int64_t get_int(int fd, bool v6, const struct sockopt *row)
{
    bool other = v6 && row->level6;
    int number = 0;
    socklen_t length = sizeof number;
    if (getsockopt(fd, other ? row->level6 : row->level, other ? row->option6 : row->option,
                   &number, &length))
        return METRIC_ABSENT;
    int64_t value = (uint32_t)number;
    if (row->flag)
        return value == row->flag;
    /* TCP keeps its ECN bits in the same byte. */
    if (row->option == IP_TOS && row->level == IPPROTO_IP)
        value &= ~(int64_t)3;
    return value >> row->shift;
}

/* Room for nine addresses (RFC 791): the option's type, its length, and where the next one goes,
 * padded to a multiple of four. */
static bool set_route_record(const struct target *target, const struct sockopt *row, int64_t value,
                             struct fail *fail)
{
    uint8_t option[MAX_IPOPTLEN] = {IPOPT_NOP, IPOPT_RR, MAX_IPOPTLEN - 1, IPOPT_MINOFF};
    bool accepted = target->phase == SOCKOPT_ACCEPTED;
    if (accepted ? is_v6(target->fd) : target->family == AF_INET6)
        return fail_set(fail, FAULT_SYSTEM,
                        "ROUTE_RECORD is an IPv4 option, but the connection uses IPv6");
    if (!setsockopt(target->fd, IPPROTO_IP, IP_OPTIONS, option, sizeof option))
        return true;
    return refused(target->fd, row, value, errno, fail);
}

static int64_t get_route_record(int fd, bool v6, const struct sockopt *row)
{
    uint8_t option[MAX_IPOPTLEN] = {0};
    socklen_t length = sizeof option;
    (void)row;
    if (v6)
        return 0;
    if (getsockopt(fd, IPPROTO_IP, IP_OPTIONS, option, &length))
        return METRIC_ABSENT;
    return length > 1 && (option[0] == IPOPT_RR || option[1] == IPOPT_RR);
}

/* net.ipv4.tcp_fastopen has a bit for each role. */
static bool set_fastopen(const struct target *target, const struct sockopt *row, int64_t value,
                         struct fail *fail)
{
    bool connects = target->phase == SOCKOPT_CONNECTING;
    int64_t bit = connects ? 1 : 2, sysctl = kernel_sysctl("/proc/sys/net/ipv4/tcp_fastopen", 0);
    int number = connects ? 1 : FASTOPEN_QUEUE;
    if (!(sysctl & bit))
        return fail_set(fail, FAULT_SYSTEM,
                        "TCP_FASTOPEN is disabled for the end that %s: set net.ipv4.tcp_fastopen "
                        "to %" PRId64 " there",
                        connects ? "connects" : "listens", sysctl | bit);
    if (!setsockopt(target->fd, IPPROTO_TCP, connects ? TCP_FASTOPEN_CONNECT : TCP_FASTOPEN,
                    &number, sizeof number))
        return true;
    return refused(target->fd, row, value, errno, fail);
}

static bool read_tcp_info(int fd, struct tcp_info *info)
{
    socklen_t length = sizeof *info;
    memset(info, 0, sizeof *info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &length) == 0;
}

/* What is in force: once the connection is closed, the option gives back what was asked for. */
static int64_t get_maxseg(int fd, bool v6, const struct sockopt *row)
{
    struct tcp_info info;
    (void)v6, (void)row;
    return read_tcp_info(fd, &info) ? info.tcpi_snd_mss : METRIC_ABSENT;
}

/* Whether data in the SYN was acknowledged. */
static int64_t get_fastopen(int fd, bool v6, const struct sockopt *row)
{
    struct tcp_info info;
    (void)v6, (void)row;
    return read_tcp_info(fd, &info) ? (info.tcpi_options & TCPI_OPT_SYN_DATA) != 0 : METRIC_ABSENT;
}

static bool set_device(int fd, const char *name, struct fail *fail)
{
    if (!*name || !setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)))
        return true;
    if (errno == ENODEV)
        return fail_set(fail, FAULT_SYSTEM, "SO_BINDTODEVICE: no interface '%s' on this host",
                        name);
    if (errno == EPERM)
        return fail_set(fail, FAULT_SYSTEM,
                        "SO_BINDTODEVICE=%s needs the capability CAP_NET_RAW, which flowd lacks "
                        "there",
                        name);
    return fail_set(fail, FAULT_SYSTEM, "the system refused SO_BINDTODEVICE=%s: %s", name,
                    fail_errno(errno));
}

bool sockopt_set(int fd, int family, enum sockopt_phase phase,
                 const struct endpoint_settings *settings, struct fail *fail)
{
    const struct target target = {fd, family, phase};
    for (int i = 0; i < ROWS; i++) {
        const struct sockopt *row = &rows[i];
        int64_t value = setting_of(row, settings);
        if (value == row->none || !(row->phases & phase))
            continue;
        value = row->flag ? row->flag : value << row->shift;
        if (!(row->set ? row->set : set_int)(&target, row, value, fail))
            return false;
    }
    return phase != SOCKOPT_CREATED || set_device(fd, settings->bind_device, fail);
}

bool sockopt_renews(const struct endpoint_settings *settings)
{
    for (int i = 0; i < ROWS; i++)
        if (rows[i].phases & SOCKOPT_READ && setting_of(&rows[i], settings) != rows[i].none)
            return true;
    return false;
}

void sockopt_describe(int fd, const struct endpoint_settings *settings, struct buffer *lines)
{
    bool v6 = is_v6(fd);
    char device[SETTINGS_NAME_MAX] = "";
    socklen_t length = sizeof device - 1;
    for (int i = 0; i < ROWS; i++) {
        const struct sockopt *row = &rows[i];
        if (setting_of(row, settings) == row->none || (row->phases & SHOWN_ANYWAY))
            continue;
        int64_t value = (row->get ? row->get : get_int)(fd, v6, row);
        if (value != METRIC_ABSENT)
            buffer_printf(lines, "%s=%" PRId64 "\n", row->field, value);
    }
    if (settings->bind_device[0] && !getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &length))
        buffer_printf(lines, "bind_device=%s\n", device);
}

bool sockopt_same(const struct endpoint_settings *one, const struct endpoint_settings *other)
{
    for (int i = 0; i < ROWS; i++)
        if (setting_of(&rows[i], one) != setting_of(&rows[i], other))
            return false;
    return !strcmp(one->bind_device, other->bind_device) &&
           !strcmp(one->congestion_control, other->congestion_control);
}
