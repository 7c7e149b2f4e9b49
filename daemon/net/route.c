/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/route.h"

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

struct route_answer {
    union {
        struct nlmsghdr header;
        char bytes[4096];
    };
    size_t length;
};

/* The kernel's route to the address; false where there is none, or it does not say. */
static bool ask(const struct address *to, struct route_answer *answer)
{
    struct route_request request;
    struct timeval patience = {.tv_sec = 1};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return false;
    fill_destination(&request, to);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t got = -1;
    if (send(fd, &request, request.header.nlmsg_len, 0) == (ssize_t)request.header.nlmsg_len)
        got = recv(fd, answer->bytes, sizeof answer->bytes, 0);
    close(fd);
    answer->length = got > 0 ? (size_t)got : 0;
    return NLMSG_OK(&answer->header, answer->length) && answer->header.nlmsg_type == RTM_NEWROUTE;
}

/* The interface's number in the answer, or 0. */
static unsigned outgoing(struct nlmsghdr *header)
{
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
    struct route_answer answer;
    /* A link-local address names its interface itself. */
    if (to->any.sa_family == AF_INET6 && to->v6.sin6_scope_id)
        return if_indextoname(to->v6.sin6_scope_id, name) != NULL;
    unsigned number = ask(to, &answer) ? outgoing(&answer.header) : 0;
    return number && if_indextoname(number, name);
}

bool route_is_local(const struct address *to)
{
    struct route_answer answer;
    return ask(to, &answer) && ((struct rtmsg *)NLMSG_DATA(&answer.header))->rtm_type == RTN_LOCAL;
}
