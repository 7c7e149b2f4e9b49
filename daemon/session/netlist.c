/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session/netlist.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "number.h"

enum { V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = 96 };

/* An address as a network of its own. */
static struct network network_of(const struct address *address)
{
    struct network network = {.family = AF_INET, .bits = V4_BITS};
    if (address->any.sa_family == AF_INET) {
        memcpy(network.prefix, &address->v4.sin_addr, 4);
    } else if (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr)) {
        memcpy(network.prefix, (const uint8_t *)&address->v6.sin6_addr + MAPPED_BITS / 8, 4);
    } else {
        network = (struct network){.family = AF_INET6, .bits = V6_BITS};
        memcpy(network.prefix, &address->v6.sin6_addr, 16);
    }
    return network;
}

static bool same_bits(const uint8_t *one, const uint8_t *other, int bits)
{
    int whole = bits / 8, rest = bits % 8;
    if (memcmp(one, other, (size_t)whole))
        return false;
    return !rest || (one[whole] ^ other[whole]) >> (8 - rest) == 0;
}

static bool parse_bits(const char *text, bool was_v6, struct network *network, struct fail *fail)
{
    int64_t bits;
    int most = was_v6 ? V6_BITS : V4_BITS;
    if (!number_parse_int(text, &bits, fail))
        return false;
    if (bits < 0 || bits > most)
        return fail_set(fail, 0, "a prefix of %s bits is not within 0 to %d", text, most);
    if (was_v6 && network->family == AF_INET) {
        if (bits < MAPPED_BITS)
            return fail_set(fail, 0, "write a network of IPv4-mapped addresses as an IPv4 network");
        bits -= MAPPED_BITS;
    }
    network->bits = (int)bits;
    return true;
}

/* A bit beyond the prefix is a mistake, in one or the other. */
static bool check_rest(const struct network *network, struct fail *fail)
{
    int most = network->family == AF_INET ? V4_BITS : V6_BITS;
    for (int bit = network->bits; bit < most; bit++)
        if (network->prefix[bit / 8] >> (7 - bit % 8) & 1)
            return fail_set(fail, 0, "the address has bits set beyond its prefix length of %d",
                            network->bits);
    return true;
}

static bool parse_network(char *text, struct network *network, struct fail *fail)
{
    struct address address;
    char *slash = strchr(text, '/');
    if (slash)
        *slash = '\0';
    if (strchr(text, '%') || !address_parse(text, 0, &address))
        return fail_set(fail, 0, "'%s' is not an IPv4 or IPv6 address", text);
    *network = network_of(&address);
    return !slash || (parse_bits(slash + 1, address.any.sa_family == AF_INET6, network, fail) &&
                      check_rest(network, fail));
}

bool netlist_add(struct netlist *list, const char *text, struct fail *fail)
{
    char *copy = mem_strdup(text), *next = copy;
    bool good = true;
    while (good && next) {
        char *one = strsep(&next, ",");
        const char *typed = text + (one - copy);
        struct network network;
        good = parse_network(one, &network, fail) ||
               fail_prefix(fail, "'%.*s' is not a network (e.g. 10.0.0.0/8)",
                           (int)strcspn(typed, ","), typed);
        if (good && list->count == NETWORKS_MAX)
            good = fail_set(fail, 0, "more than %d networks", NETWORKS_MAX);
        if (good)
            list->list[list->count++] = network;
    }
    free(copy);
    return good;
}

bool netlist_has(const struct netlist *list, const struct address *address)
{
    static const uint8_t zero[16], v4_host[4] = {127, 0, 0, 1};
    struct network network = network_of(address);
    if (network.family == AF_INET && !memcmp(network.prefix, zero, 4))
        memcpy(network.prefix, v4_host, sizeof v4_host);
    else if (network.family == AF_INET6 && !memcmp(network.prefix, zero, 16))
        network.prefix[15] = 1;
    for (size_t i = 0; i < list->count; i++)
        if (list->list[i].family == network.family &&
            same_bits(list->list[i].prefix, network.prefix, list->list[i].bits))
            return true;
    return false;
}

void netlist_format(const struct netlist *list, char text[PROTOCOL_NETWORKS_TEXT])
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        char address[INET6_ADDRSTRLEN];
        inet_ntop(list->list[i].family, list->list[i].prefix, address, sizeof address);
        length += (size_t)snprintf(text + length, PROTOCOL_NETWORKS_TEXT - length, "%s%s/%d",
                                   i ? " " : "", address, list->list[i].bits);
    }
}
