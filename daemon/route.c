/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "route.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct route_request {
    struct nlmsghdr header;
    struct rtmsg route;
    struct rtattr attribute;
    uint8_t destination[16];
};

/* An IPv4 address that an IPv6 socket gave is one of IPv4. */
static void fill_destination(struct route_request *request, const struct address *to)
{
    bool v6 = to->any.sa_family == AF_INET6;
    bool mapped = v6 && IN6_IS_ADDR_V4MAPPED(&to->v6.sin6_addr);
    size_t length = v6 && !mapped ? 16 : 4;
    const uint8_t *address = !v6      ? (const uint8_t *)&to->v4.sin_addr
                             : mapped ? to->v6.sin6_addr.s6_addr + 12
                                      : to->v6.sin6_addr.s6_addr;
    *request = (struct route_request){
        .header = {.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
        .route = {.rtm_family = length == 16 ? AF_INET6 : AF_INET,
                  .rtm_dst_len = (uint8_t)(8 * length)},
        .attribute = {.rta_type = RTA_DST, .rta_len = (uint16_t)RTA_LENGTH(length)},
    };
    memcpy(request->destination, address, length);
    request->header.nlmsg_len =
        (uint32_t)(NLMSG_LENGTH(sizeof request->route) + RTA_LENGTH(length));
}

/* The interface's number in the answer, or 0. */
static unsigned outgoing(struct nlmsghdr *header, size_t length)
{
    if (!NLMSG_OK(header, length) || header->nlmsg_type != RTM_NEWROUTE)
        return 0;
    struct rtmsg *route = NLMSG_DATA(header);
    size_t left = RTM_PAYLOAD(header);
    for (struct rtattr *at = RTM_RTA(route); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        unsigned number;
        if (at->rta_type != RTA_OIF || RTA_PAYLOAD(at) < sizeof number)
            continue;
        memcpy(&number, RTA_DATA(at), sizeof number);
        return number;
    }
    return 0;
}

bool route_interface(const struct address *to, char name[IF_NAMESIZE])
{
    struct route_request request;
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } answer;
    struct timeval patience = {.tv_sec = 1};
    /* A link-local address names its interface itself. */
    if (to->any.sa_family == AF_INET6 && to->v6.sin6_scope_id)
        return if_indextoname(to->v6.sin6_scope_id, name) != NULL;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return false;
    fill_destination(&request, to);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t got = -1;
    if (send(fd, &request, request.header.nlmsg_len, 0) == (ssize_t)request.header.nlmsg_len)
        got = recv(fd, &answer, sizeof answer, 0);
    close(fd);
    unsigned number = got > 0 ? outgoing(&answer.header, (size_t)got) : 0;
    return number && if_indextoname(number, name);
}
