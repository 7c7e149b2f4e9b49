/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a captured packet says about its TCP connection, or its flow of UDP. */
#ifndef FLOWRIG_PACKET_H
#define FLOWRIG_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One end of a connection; IPv4 addresses are mapped (::ffff:a.b.c.d, RFC 4291). */
struct packet_end {
    uint8_t address[16];
    uint16_t port; /* in host byte order */
};

enum { PACKET_FIN = 1, PACKET_SYN = 2, PACKET_RST = 4, PACKET_ACK = 16 };

struct packet {
    struct packet_end from, to;
    bool udp;
    uint32_t sequence, acknowledged; /* of TCP, as the flags are */
    uint32_t payload;                /* bytes above TCP or UDP */
    uint8_t flags;
};

/* Link types as libpcap's pcap_datalink() names them; those that packet_read() knows. */
enum packet_link {
    PACKET_LINK_ETHERNET = 1,
    PACKET_LINK_RAW = 12,
    PACKET_LINK_SLL = 113,
    PACKET_LINK_IPV4 = 228,
    PACKET_LINK_IPV6 = 229,
    PACKET_LINK_SLL2 = 276,
};

/* Whether packets of this link type (DLT_ of libpcap) can be read. */
bool packet_link_known(int link);
/* The number that stands for it in a file: they differ for PACKET_LINK_RAW. */
int packet_link_in_file(int link);

/* Reads the headers of a packet of which `length` bytes were captured; returns false where it is no
 * TCP segment or UDP datagram, a later fragment, or cut off before the end of its fixed header. */
bool packet_read(int link, const uint8_t *data, size_t length, struct packet *packet);

#endif
