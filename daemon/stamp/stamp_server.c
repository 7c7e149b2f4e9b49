/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stamp/stamp_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "net/listen_at.h"
#include "udp_marks.h"
#include "number.h"
#include "stamp/stamp_reflector.h"

enum {
    SOCKETS_MAX = 2 * ADDRESSES_MAX,
    TURN = 64,           /* datagrams of a socket before others have their turn */
    WORKER_INDEX = 1001, /* in the name of its thread */
    CONTROL_MAX = 256,   /* bytes of control messages */
    HOPS = 255,          /* of replies (RFC 8762, 4.3): the sender sees how many they took */
};

/* How long what the kernel says of its clock is taken to hold. */
#define ERROR_LIFE NS_PER_SEC

struct stamp_socket {
    struct stamp_server *server;
    int fd, family;
    uint16_t port;
    struct watch watch;
    struct task task;
};

struct stamp_server {
    struct stamp_reflector reflector;
    struct stamp_counts counts;
    struct stamp_socket sockets[SOCKETS_MAX];
    size_t socket_count;
    struct worker *worker;
    uint16_t error; /* of the clock */
    int64_t error_at;
    bool error_known;
};

/* ---- answering */

/* A datagram as the kernel hands it over, and the address that it came to. */
struct packet {
    struct iovec data;
    struct msghdr message;
    struct address from;
    union {
        struct in_pktinfo v4;
        struct in6_pktinfo v6;
    } to;
    _Alignas(struct cmsghdr) char control[CONTROL_MAX];
};

/* Whether the packet came to an address of this host; keeps the address. */
static bool read_destination(struct packet *packet)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&packet->message); at;
         at = CMSG_NXTHDR(&packet->message, at)) {
        if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
            memcpy(&packet->to.v4, CMSG_DATA(at), sizeof packet->to.v4);
            return packet->to.v4.ipi_addr.s_addr == packet->to.v4.ipi_spec_dst.s_addr;
        }
        if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
            memcpy(&packet->to.v6, CMSG_DATA(at), sizeof packet->to.v6);
            return !IN6_IS_ADDR_MULTICAST(&packet->to.v6.ipi6_addr);
        }
    }
    return false;
}

static void *add_control(struct msghdr *message, int level, int type, size_t size)
{
    struct cmsghdr *head =
        (struct cmsghdr *)((char *)message->msg_control + message->msg_controllen);
    head->cmsg_level = level;
    head->cmsg_type = type;
    head->cmsg_len = CMSG_LEN(size);
    message->msg_controllen += CMSG_SPACE(size);
    return CMSG_DATA(head);
}

/* From the address that was asked, with the DSCP of the answer. */
static void address_reply(struct packet *packet, int family, int dscp)
{
    struct msghdr *message = &packet->message;
    int tos = dscp << 2;
    memset(packet->control, 0, sizeof packet->control);
    message->msg_control = packet->control;
    message->msg_controllen = 0;
    message->msg_flags = 0;
    if (family == AF_INET) {
        packet->to.v4.ipi_ifindex = 0; /* the route decides, as for others */
        memcpy(add_control(message, IPPROTO_IP, IP_PKTINFO, sizeof packet->to.v4), &packet->to.v4,
               sizeof packet->to.v4);
        memcpy(add_control(message, IPPROTO_IP, IP_TOS, sizeof tos), &tos, sizeof tos);
        return;
    }
    if (!IN6_IS_ADDR_LINKLOCAL(&packet->to.v6.ipi6_addr))
        packet->to.v6.ipi6_ifindex = 0;
    memcpy(add_control(message, IPPROTO_IPV6, IPV6_PKTINFO, sizeof packet->to.v6), &packet->to.v6,
           sizeof packet->to.v6);
    memcpy(add_control(message, IPPROTO_IPV6, IPV6_TCLASS, sizeof tos), &tos, sizeof tos);
}

static uint16_t clock_error(struct stamp_server *server)
{
    int64_t now = server->worker->now;
    if (!server->error_known || now - server->error_at >= ERROR_LIFE) {
        server->error = stamp_error_own();
        server->error_at = now;
        server->error_known = true;
    }
    return server->error;
}

static enum stamp_verdict answer(struct stamp_socket *socket, struct packet *packet, size_t length)
{
    struct stamp_server *server = socket->server;
    struct udp_marks marks = udp_marks_read(&packet->message, length);
    struct stamp_answer answer;
    struct stamp_datagram datagram = {
        .bytes = packet->data.iov_base,
        .length = length,
        .from = packet->from,
        .to_port = socket->port,
        .to_this_host = read_destination(packet),
        .received = marks.stamp ? marks.stamp : clock_wall(),
        .tos = marks.tos,
        .ttl = marks.ttl,
    };
    enum stamp_verdict verdict = stamp_reflect(&server->reflector, &datagram, clock_error(server),
                                               server->worker->now, &answer);
    if (verdict != STAMP_ANSWERED)
        return verdict;
    address_reply(packet, socket->family, answer.dscp);
    packet->data.iov_len = length;
    stamp_reflect_finish(&server->reflector, &answer, clock_wall(), &datagram);
    if (sendmsg(socket->fd, &packet->message, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)length)
        return STAMP_NOT_SENT;
    return STAMP_ANSWERED;
}

static void answer_some(struct task *task)
{
    struct stamp_socket *socket = container_of(task, struct stamp_socket, task);
    struct worker *worker = socket->server->worker;
    worker_update_now(worker);
    for (int i = 0; i < TURN; i++) {
        struct packet packet = {.data = {worker->scratch, UINT16_MAX + 1}};
        packet.message = (struct msghdr){
            .msg_name = &packet.from.storage,
            .msg_namelen = sizeof packet.from.storage,
            .msg_iov = &packet.data,
            .msg_iovlen = 1,
            .msg_control = packet.control,
            .msg_controllen = sizeof packet.control,
        };
        ssize_t got = recvmsg(socket->fd, &packet.message, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got < 0) /* an error of what was sent before */
            continue;
        packet.from.length = packet.message.msg_namelen;
        enum stamp_verdict verdict = answer(socket, &packet, (size_t)got);
        atomic_fetch_add(&socket->server->counts.verdicts[verdict], 1);
    }
    worker_queue(worker, task);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    answer_some(&container_of(watch, struct stamp_socket, watch)->task);
}

/* ---- sockets */

/* What has to be told of each datagram, and how replies leave. */
static bool set_options(int fd, int family)
{
    const struct {
        int family, level, option, value;
    } options[] = {
        {0, SOL_SOCKET, SO_TIMESTAMPNS, 1},
        {AF_INET, IPPROTO_IP, IP_PKTINFO, 1},
        {AF_INET, IPPROTO_IP, IP_RECVTOS, 1},
        {AF_INET, IPPROTO_IP, IP_RECVTTL, 1},
        {AF_INET, IPPROTO_IP, IP_TTL, HOPS},
        {AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, 1},
        {AF_INET6, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
        {AF_INET6, IPPROTO_IPV6, IPV6_RECVTCLASS, 1},
        {AF_INET6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1},
        {AF_INET6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOPS},
    };
    for (size_t i = 0; i < COUNT(options); i++)
        if ((!options[i].family || options[i].family == family) &&
            setsockopt(fd, options[i].level, options[i].option, &options[i].value,
                       sizeof options[i].value))
            return false;
    return true;
}

/* False with a sentence and errno. */
static bool listen_here(void *owner, const struct address *address, struct address *bound,
                        struct fail *fail)
{
    struct stamp_server *server = owner;
    char text[ADDRESS_TEXT_MAX];
    address_format_port(address, text);
    if (!address_is_loopback(address) && !server->reflector.allow.count)
        return fail_set(fail, 0,
                        "%s is not a loopback address, and only senders on this host are allowed: "
                        "name others with --allow-stamp",
                        text);
    int family = address->any.sa_family;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || !set_options(fd, family) || bind(fd, &address->any, address->length)) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        fail_set(fail, 0, "can't listen on %s: %s", text, fail_errno(error));
        errno = error;
        return false;
    }
    struct stamp_socket *at = &server->sockets[server->socket_count++];
    *at = (struct stamp_socket){.server = server, .fd = fd, .family = family};
    if (!address_local(fd, bound))
        *bound = *address;
    at->port = address_port(bound);
    at->watch.ready = on_ready;
    at->task.run = answer_some;
    list_init(&at->task.link);
    return true;
}

struct stamp_server *stamp_server_open(const struct stamp_server_config *config, struct fail *fail)
{
    struct stamp_server *server = mem_new(1, sizeof *server);
    server->reflector.allow = config->allow;
    server->reflector.peers = stamp_peers_new();
    const char *option = "option --stamp-key";
    if (!config->key_file || stamp_key_read(config->key_file, &server->reflector.key, fail)) {
        const struct listen_at how = {
            .option = config->at,
            .port = STAMP_PORT,
            .loopback = !server->reflector.allow.count,
            .listen = listen_here,
            .owner = server,
        };
        option = "option --stamp";
        if (listen_at(&how, fail))
            return server;
    }
    fail_prefix(fail, "%s", option);
    stamp_server_free(server);
    return NULL;
}

void stamp_server_tell(const struct stamp_server *server)
{
    for (size_t i = 0; i < server->socket_count; i++) {
        struct address address;
        char text[ADDRESS_TEXT_MAX];
        address_local(server->sockets[i].fd, &address);
        address_format_port(&address, text);
        fprintf(stderr, "flowd: answering STAMP at %s\n", text);
    }
}

/* ---- the thread */

struct server_command {
    struct command command;
    struct stamp_server *server;
};

static void run_start(struct worker *worker, struct command *command)
{
    struct stamp_server *server = container_of(command, struct server_command, command)->server;
    for (size_t i = 0; i < server->socket_count; i++)
        if (!worker_watch(worker, &server->sockets[i].watch, server->sockets[i].fd))
            log_error("can't watch a socket for STAMP: %s", fail_errno(errno));
    free(command);
}

bool stamp_server_start(struct stamp_server *server, struct collector *collector,
                        const struct quotas *quotas, struct fail *fail)
{
    server->reflector.quotas = quotas;
    server->worker = worker_start(WORKER_INDEX, -1, collector, fail);
    if (!server->worker)
        return false;
    struct server_command *command = mem_new(1, sizeof *command);
    command->command.run = run_start;
    command->server = server;
    worker_post(server->worker, &command->command);
    return true;
}

void stamp_server_stop(struct stamp_server *server)
{
    if (server && server->worker)
        worker_stop(server->worker);
}

void stamp_server_free(struct stamp_server *server)
{
    if (!server)
        return;
    for (size_t i = 0; i < server->socket_count; i++)
        close(server->sockets[i].fd);
    worker_free(server->worker);
    stamp_peers_free(server->reflector.peers);
    explicit_bzero(&server->reflector.key, sizeof server->reflector.key);
    free(server);
}

const struct stamp_counts *stamp_server_counts(const struct stamp_server *server)
{
    return server ? &server->counts : NULL;
}
