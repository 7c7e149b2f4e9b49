/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/packet.h"

#include <string.h>

#include "put.h"

enum {
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86dd,
    ETHER_VLAN = 0x8100,
    ETHER_SERVICE_VLAN = 0x88a8,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    TCP_HEADER = 20,
    UDP_HEADER = 8,
};

/* What is left of the packet. */
struct rest {
    const uint8_t *data;
    size_t length;
};

static bool skip(struct rest *rest, size_t length)
{
    if (rest->length < length)
        return false;
    rest->data += length;
    rest->length -= length;
    return true;
}

bool packet_link_known(int link)
{
    switch (link) {
    case PACKET_LINK_ETHERNET:
    case PACKET_LINK_RAW:
    case PACKET_LINK_SLL:
    case PACKET_LINK_IPV4:
    case PACKET_LINK_IPV6:
    case PACKET_LINK_SLL2:
        return true;
    }
    return false;
}

int packet_link_in_file(int link)
{
    return link == PACKET_LINK_RAW ? 101 : link; /* LINKTYPE_RAW */
}

/* Skips the link's header and VLAN tags; gives the type of what follows, 0 where it is none. */
static int skip_link(int link, struct rest *rest)
{
    size_t header = link == PACKET_LINK_ETHERNET ? 14
                    : link == PACKET_LINK_SLL    ? 16
                    : link == PACKET_LINK_SLL2   ? 20
                                                 : 0;
    size_t type_at = link == PACKET_LINK_SLL2 ? 0 : header - 2;
    if (rest->length < header + 1)
        return 0;
    if (!header)
        return rest->data[0] >> 4 == 6 ? ETHER_IPV6 : ETHER_IPV4;
    int type = get_be16(rest->data + type_at);
    skip(rest, header);
    while ((type == ETHER_VLAN || type == ETHER_SERVICE_VLAN) && rest->length >= 4) {
        type = get_be16(rest->data + 2);
        skip(rest, 4);
    }
    return type;
}

static void map_ipv4(uint8_t address[16], const uint8_t *ipv4)
{
    memset(address, 0, 10);
    address[10] = address[11] = 0xff;
    memcpy(address + 12, ipv4, 4);
}

static bool is_known(uint8_t protocol)
{
    return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
}

/* Returns the length of the transport's header and payload by the IP header, or 0 where it is
 * neither TCP nor UDP. */
static size_t skip_ipv4(struct rest *rest, struct packet *packet)
{
    const uint8_t *ip = rest->data;
    if (rest->length < IPV4_HEADER || ip[0] >> 4 != 4 || !is_known(ip[9]))
        return 0;
    packet->udp = ip[9] == PROTOCOL_UDP;
    size_t header = 4 * (size_t)(ip[0] & 15), total = get_be16(ip + 2);
    bool later_fragment = get_be16(ip + 6) & 0x1fff;
    if (later_fragment || header < IPV4_HEADER || total < header)
        return 0;
    map_ipv4(packet->from.address, ip + 12);
    map_ipv4(packet->to.address, ip + 16);
    return skip(rest, header) ? total - header : 0;
}

static size_t skip_ipv6(struct rest *rest, struct packet *packet)
{
    const uint8_t *ip = rest->data;
    if (rest->length < IPV6_HEADER || ip[0] >> 4 != 6 || !is_known(ip[6]))
        return 0;
    packet->udp = ip[6] == PROTOCOL_UDP;
    memcpy(packet->from.address, ip + 8, 16);
    memcpy(packet->to.address, ip + 24, 16);
    skip(rest, IPV6_HEADER);
    return get_be16(ip + 4);
}

/* What TCP's header says, besides its ports. */
static void read_tcp(const struct rest *rest, size_t tcp_length, struct packet *packet)
{
    size_t header = 4 * (size_t)(rest->data[12] >> 4);
    packet->sequence = get_be32(rest->data + 4);
    packet->acknowledged = get_be32(rest->data + 8);
    packet->flags = rest->data[13];
    packet->payload = tcp_length > header ? (uint32_t)(tcp_length - header) : 0;
}

bool packet_read(int link, const uint8_t *data, size_t length, struct packet *packet)
{
    struct rest rest = {data, length};
    int type = skip_link(link, &rest);
    *packet = (struct packet){0};
    size_t whole = type == ETHER_IPV4   ? skip_ipv4(&rest, packet)
                   : type == ETHER_IPV6 ? skip_ipv6(&rest, packet)
                                        : 0;
    size_t header = packet->udp ? UDP_HEADER : TCP_HEADER;
    if (whole < header || rest.length < header)
        return false;
    packet->from.port = get_be16(rest.data);
    packet->to.port = get_be16(rest.data + 2);
    if (packet->udp)
        packet->payload = (uint32_t)(whole - header);
    else
        read_tcp(&rest, whole, packet);
    return true;
}
