/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/interface.h"

#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "info.h"
#include "net/kernel.h"

/* ---- ethtool ---- */

static bool ask_ethtool(int fd, const char *name, void *data)
{
    struct ifreq request = {.ifr_data = data};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    return !ioctl(fd, SIOCETHTOOL, &request);
}

static void describe_offloads(int fd, const char *name, struct buffer *lines)
{
    static const struct {
        const char *name;
        uint32_t command, mask;
    } offloads[] = {{"tso", ETHTOOL_GTSO, UINT32_MAX},
                    {"gso", ETHTOOL_GGSO, UINT32_MAX},
                    {"gro", ETHTOOL_GGRO, UINT32_MAX},
                    {"lro", ETHTOOL_GFLAGS, ETH_FLAG_LRO}};
    char text[64] = "";
    bool known = false;
    for (size_t i = 0; i < COUNT(offloads); i++) {
        struct ethtool_value value = {.cmd = offloads[i].command};
        size_t used = strlen(text);
        bool answered = ask_ethtool(fd, name, &value);
        known |= answered;
        if (answered && value.data & offloads[i].mask)
            snprintf(text + used, sizeof text - used, "%s%s", used ? "," : "", offloads[i].name);
    }
    if (known)
        info_add_text(lines, INFO_interface_offloads, *text ? text : "none");
}

static void describe_speed(int fd, const char *name, struct buffer *lines)
{
    union {
        struct ethtool_link_settings settings; /* with masks after it */
        uint32_t room[sizeof(struct ethtool_link_settings) / sizeof(uint32_t) + 3 * INT8_MAX];
    } link = {.settings.cmd = ETHTOOL_GLINKSETTINGS};
    /* The first call tells how long the masks have to be, as a negative number. */
    if (!ask_ethtool(fd, name, &link) || link.settings.link_mode_masks_nwords >= 0)
        return;
    link.settings.cmd = ETHTOOL_GLINKSETTINGS;
    link.settings.link_mode_masks_nwords = (int8_t)-link.settings.link_mode_masks_nwords;
    if (ask_ethtool(fd, name, &link) && link.settings.speed &&
        link.settings.speed != (uint32_t)SPEED_UNKNOWN)
        info_add_number(lines, INFO_interface_speed, link.settings.speed);
}

/* ---- netlink ---- */

static void read_qdisc(const struct nlmsghdr *message, struct buffer *lines)
{
    int left = (int)message->nlmsg_len - (int)NLMSG_LENGTH(sizeof(struct ifinfomsg));
    const struct rtattr *at = IFLA_RTA(NLMSG_DATA(message));
    for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        const char *text = RTA_DATA(at);
        if (at->rta_type == IFLA_QDISC && memchr(text, '\0', RTA_PAYLOAD(at)))
            info_add_text(lines, INFO_interface_qdisc, text);
    }
}

static void describe_qdisc(const char *name, struct buffer *lines)
{
    struct {
        struct nlmsghdr head;
        struct ifinfomsg link;
    } request = {
        .head = {.nlmsg_len = sizeof request,
                 .nlmsg_type = RTM_GETLINK,
                 .nlmsg_flags = NLM_F_REQUEST},
        .link.ifi_index = (int)if_nametoindex(name),
    };
    union {
        struct nlmsghdr head;
        char bytes[16 * 1024];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return;
    ssize_t got = -1;
    if (request.link.ifi_index && send(fd, &request, sizeof request, 0) == sizeof request)
        got = recv(fd, &answer, sizeof answer, 0);
    if (got > 0 && NLMSG_OK(&answer.head, (size_t)got) && answer.head.nlmsg_type == RTM_NEWLINK)
        read_qdisc(&answer.head, lines);
    close(fd);
}

void interface_describe(struct interface_cache *cache, int fd, int64_t now, struct buffer *lines)
{
    struct address local;
    char name[IFNAMSIZ];
    struct buffer found = {0};
    if (!address_local(fd, &local))
        return;
    address_set_port(&local, 0);
    if (now >= cache->until || !address_equal(&cache->local, &local)) {
        if (kernel_interface(fd, name)) {
            info_add_text(&found, INFO_interface, name);
            describe_qdisc(name, &found);
            describe_offloads(fd, name, &found);
            describe_speed(fd, name, &found);
        }
        buffer_add(&found, "", 1);
        if (!mem_copy_text(cache->lines, sizeof cache->lines, found.data))
            cache->lines[0] = '\0';
        cache->local = local;
        cache->until = now + INTERFACE_AGE;
        buffer_free(&found);
    }
    buffer_text(lines, cache->lines);
}
