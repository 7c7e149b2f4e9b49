/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of networks, written as CIDR does: "10.0.0.0/8", "fd00::/8", or one address. */
#ifndef FLOWRIG_NETLIST_H
#define FLOWRIG_NETLIST_H

#include "protocol.h"
#include "address.h"

enum { NETWORKS_MAX = PROTOCOL_NETWORKS_MAX };

struct network {
    int family;
    int bits; /* of the prefix */
    uint8_t prefix[16];
};

struct netlist {
    struct network list[NETWORKS_MAX];
    size_t count;
};

/* Adds the networks of a list with commas. Returns false and a sentence where one is none. */
bool netlist_add(struct netlist *list, const char *text, struct fail *fail);
/* Whether an address is in one of the networks. An IPv4 address is the same however it is written
 * in IPv6, and the unspecified address is that of this host, as connect() has it. */
bool netlist_has(const struct netlist *list, const struct address *address);
/* Writes the networks with single spaces between. */
void netlist_format(const struct netlist *list, char text[PROTOCOL_NETWORKS_TEXT]);

#endif
