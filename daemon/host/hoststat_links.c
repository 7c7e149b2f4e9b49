/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters of interfaces and queueing disciplines, from dumps of rtnetlink(7). */
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/hoststat_sample.h"
#include "net/kernel.h"

/* Attributes of a message, by type; what exceeds the message is left out. */
static void find_attributes(const struct rtattr *at, int left, const struct rtattr **found,
                            size_t count)
{
    memset(found, 0, count * sizeof *found);
    for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        size_t type = at->rta_type & NLA_TYPE_MASK;
        if (type < count)
            found[type] = at;
    }
}

/* The attribute's bytes as a struct that may be longer or shorter in this kernel. */
static bool copy_attribute(const struct rtattr *attribute, void *to, size_t size, size_t least)
{
    size_t length = attribute ? RTA_PAYLOAD(attribute) : 0;
    memset(to, 0, size);
    if (length < least)
        return false;
    memcpy(to, RTA_DATA(attribute), length < size ? length : size);
    return true;
}

static const char *text_of(const struct rtattr *attribute)
{
    return attribute && memchr(RTA_DATA(attribute), '\0', RTA_PAYLOAD(attribute))
               ? RTA_DATA(attribute)
               : NULL;
}

/* Counters are 64 bits without a sign; what does not fit is no figure. */
static int64_t figure(uint64_t count)
{
    return count > INT64_MAX ? METRIC_ABSENT : (int64_t)count;
}

static struct hoststat_object *add(struct hoststat_sample *sample, enum hoststat_scope scope,
                                   const char *name, int64_t id)
{
    if (sample->count == HOSTSTAT_OBJECTS_MAX)
        return NULL;
    struct hoststat_object *object = &sample->list[sample->count++];
    hoststat_row_init(&object->row, scope, name);
    object->id = id;
    return object;
}

static void take_link(const struct nlmsghdr *message, struct hoststat_sample *sample)
{
    const struct ifinfomsg *link = NLMSG_DATA(message);
    const struct rtattr *found[IFLA_STATS64 + 1];
    struct rtnl_link_stats64 stats;
    int left = (int)message->nlmsg_len - (int)NLMSG_LENGTH(sizeof *link);
    if (left < 0)
        return;
    find_attributes(IFLA_RTA(link), left, found, COUNT(found));
    const char *name = text_of(found[IFLA_IFNAME]);
    if (!name || !(link->ifi_flags & IFF_UP) ||
        !copy_attribute(found[IFLA_STATS64], &stats, sizeof stats,
                        offsetof(struct rtnl_link_stats64, multicast)))
        return;
    struct hoststat_object *object = add(sample, HOSTSTAT_SCOPE_INTERFACE, name, link->ifi_index);
    if (!object)
        return;
    int64_t *value = object->row.value;
    value[HOSTSTAT_rx_bytes] = figure(stats.rx_bytes);
    value[HOSTSTAT_tx_bytes] = figure(stats.tx_bytes);
    value[HOSTSTAT_rx_packets] = figure(stats.rx_packets);
    value[HOSTSTAT_tx_packets] = figure(stats.tx_packets);
    value[HOSTSTAT_rx_errors] = figure(stats.rx_errors);
    value[HOSTSTAT_tx_errors] = figure(stats.tx_errors);
    value[HOSTSTAT_rx_dropped] = figure(stats.rx_dropped);
    value[HOSTSTAT_tx_dropped] = figure(stats.tx_dropped);
}

static const char *interface_name(const struct hoststat_sample *sample, int index)
{
    for (size_t i = 0; i < sample->count; i++)
        if (sample->list[i].row.scope == HOSTSTAT_SCOPE_INTERFACE && sample->list[i].id == index)
            return sample->list[i].row.object;
    return NULL;
}

static void take_queue_stats(const struct rtattr *nested, int64_t *value)
{
    const struct rtattr *found[TCA_STATS_PKT64 + 1];
    struct gnet_stats_basic basic;
    struct gnet_stats_queue queue;
    uint64_t packets;
    find_attributes(RTA_DATA(nested), (int)RTA_PAYLOAD(nested), found, COUNT(found));
    size_t least = offsetof(struct gnet_stats_basic, packets) + sizeof basic.packets;
    if (copy_attribute(found[TCA_STATS_BASIC], &basic, sizeof basic, least)) {
        value[HOSTSTAT_qdisc_bytes] = figure(basic.bytes);
        value[HOSTSTAT_qdisc_packets] = basic.packets;
    }
    if (copy_attribute(found[TCA_STATS_PKT64], &packets, sizeof packets, sizeof packets))
        value[HOSTSTAT_qdisc_packets] = figure(packets);
    if (!copy_attribute(found[TCA_STATS_QUEUE], &queue, sizeof queue, sizeof queue))
        return;
    value[HOSTSTAT_qdisc_queue] = queue.qlen;
    value[HOSTSTAT_qdisc_backlog] = queue.backlog;
    value[HOSTSTAT_qdisc_drops] = queue.drops;
    value[HOSTSTAT_qdisc_requeues] = queue.requeues;
    value[HOSTSTAT_qdisc_overlimits] = queue.overlimits;
}

static void take_qdisc(const struct nlmsghdr *message, struct hoststat_sample *sample)
{
    const struct tcmsg *queue = NLMSG_DATA(message);
    const struct rtattr *found[TCA_STATS2 + 1];
    char name[HOSTSTAT_OBJECT_MAX], parent[24] = "root";
    int left = (int)message->nlmsg_len - (int)NLMSG_LENGTH(sizeof *queue);
    if (left < 0)
        return;
    find_attributes(TCA_RTA(queue), left, found, COUNT(found));
    const char *kind = text_of(found[TCA_KIND]);
    const char *device = interface_name(sample, queue->tcm_ifindex);
    if (!kind || !device || !found[TCA_STATS2] || !strcmp(kind, "noqueue"))
        return;
    if (queue->tcm_parent == TC_H_INGRESS)
        snprintf(parent, sizeof parent, "ingress");
    else if (queue->tcm_parent != TC_H_ROOT)
        snprintf(parent, sizeof parent, "%x:%x", queue->tcm_parent >> 16,
                 queue->tcm_parent & 0xffff);
    snprintf(name, sizeof name, "%.16s/%.16s/%s", device, kind, parent);
    int64_t id = (int64_t)queue->tcm_ifindex << 32 | queue->tcm_handle;
    struct hoststat_object *object = add(sample, HOSTSTAT_SCOPE_QDISC, name, id);
    if (object)
        take_queue_stats(found[TCA_STATS2], object->row.value);
}

bool hoststat_parse_messages(const void *bytes, size_t length, struct hoststat_sample *sample)
{
    const char *at = bytes;
    while (NLMSG_OK((const struct nlmsghdr *)at, length)) {
        const struct nlmsghdr *message = (const struct nlmsghdr *)at;
        if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
            return false;
        if (message->nlmsg_type == RTM_NEWLINK)
            take_link(message, sample);
        else if (message->nlmsg_type == RTM_NEWQDISC)
            take_qdisc(message, sample);
        size_t step = NLMSG_ALIGN(message->nlmsg_len);
        if (step >= length) /* the padding may be beyond the end */
            break;
        at += step;
        length -= step;
    }
    return true;
}

int hoststat_open_netlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

/* The kernel answers a dump while it is asked and read: nothing here waits. */
static void dump(int fd, uint16_t type, struct hoststat_sample *sample)
{
    struct {
        struct nlmsghdr head;
        union {
            struct ifinfomsg link;
            struct tcmsg queue;
        };
    } request = {.head = {.nlmsg_len = NLMSG_LENGTH(type == RTM_GETLINK ? sizeof request.link
                                                                        : sizeof request.queue),
                          .nlmsg_type = type,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
    union {
        struct nlmsghdr head;
        char bytes[32 * 1024];
    } answer;
    ssize_t got = send(fd, &request, request.head.nlmsg_len, 0);
    while (got > 0) {
        got = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
        if (got > 0 && !hoststat_parse_messages(&answer, (size_t)got, sample))
            return;
    }
}

static void read_file(const char *path, struct hoststat_row *row)
{
    char text[16 * 1024];
    size_t length = 0, got;
    FILE *file = fopen(path, "re");
    while (file && length < sizeof text - 1 &&
           (got = fread(text + length, 1, sizeof text - 1 - length, file)))
        length += got;
    if (file)
        fclose(file);
    text[length] = '\0';
    hoststat_parse_mib(text, row);
}

void hoststat_read(struct hoststat_sample *sample, int netlink)
{
    char line[256];
    sample->count = 0;
    struct hoststat_row *row = &add(sample, HOSTSTAT_SCOPE_HOST, "", 0)->row;
    kernel_read_line("/proc/stat", line, sizeof line);
    hoststat_parse_cpu(line, row);
    read_file("/proc/net/snmp", row);
    read_file("/proc/net/netstat", row);
    if (netlink < 0)
        return;
    dump(netlink, RTM_GETLINK, sample);
    dump(netlink, RTM_GETQDISC, sample);
}
