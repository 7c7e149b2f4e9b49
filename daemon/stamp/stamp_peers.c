/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stamp/stamp_peers.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"

enum { PREFIX_SIZE = 16, WAYS = 8, SETS = STAMP_SESSIONS_MAX / WAYS };

#define REPLY_TIME    (NS_PER_SEC / STAMP_RATE)
#define SESSION_QUIET (900 * NS_PER_SEC)

/* An address that replies go to. */
struct source {
    uint8_t prefix[PREFIX_SIZE];
    int64_t paid; /* the time until which its replies are paid for, STAMP_RATE a second */
};

struct session {
    struct address from; /* length 0: the place is free */
    uint16_t ssid;
    uint32_t next;
    int64_t last;
};

struct stamp_peers {
    struct source sources[STAMP_SOURCES_MAX];
    struct session sessions[SETS][WAYS];
};

struct stamp_peers *stamp_peers_new(void)
{
    return mem_new(1, sizeof(struct stamp_peers));
}

void stamp_peers_free(struct stamp_peers *peers)
{
    free(peers);
}

/* An IPv6 host may use all of its /64. */
static void prefix_of(const struct address *from, uint8_t prefix[PREFIX_SIZE])
{
    memset(prefix, 0, PREFIX_SIZE);
    if (from->any.sa_family == AF_INET) {
        prefix[10] = prefix[11] = 0xff;
        memcpy(prefix + 12, &from->v4.sin_addr, 4);
    } else {
        memcpy(prefix, &from->v6.sin6_addr, 8);
    }
}

/* That of the address; else the one that is paid for the shortest. */
static struct source *find_source(struct stamp_peers *peers, const uint8_t prefix[PREFIX_SIZE])
{
    struct source *oldest = &peers->sources[0];
    for (size_t i = 0; i < STAMP_SOURCES_MAX; i++) {
        struct source *source = &peers->sources[i];
        if (!memcmp(source->prefix, prefix, PREFIX_SIZE))
            return source;
        if (source->paid < oldest->paid)
            oldest = source;
    }
    return oldest;
}

bool stamp_peers_allow(struct stamp_peers *peers, const struct address *from, int64_t now)
{
    uint8_t prefix[PREFIX_SIZE];
    prefix_of(from, prefix);
    struct source *source = find_source(peers, prefix);
    if (memcmp(source->prefix, prefix, PREFIX_SIZE)) {
        if (source->paid > now)
            return false;
        memcpy(source->prefix, prefix, PREFIX_SIZE);
    }
    if (source->paid < now)
        source->paid = now;
    if (source->paid - now > (STAMP_BURST - 1) * REPLY_TIME)
        return false;
    source->paid += REPLY_TIME;
    return true;
}

/* FNV-1a: who sends chooses its ports anyhow. */
static size_t set_of(const struct address *from, uint16_t ssid)
{
    uint8_t key[PREFIX_SIZE + 4] = {0};
    uint16_t port = address_port(from);
    uint32_t hash = UINT32_C(2166136261);
    if (from->any.sa_family == AF_INET)
        memcpy(key, &from->v4.sin_addr, 4);
    else
        memcpy(key, &from->v6.sin6_addr, PREFIX_SIZE);
    memcpy(key + PREFIX_SIZE, &port, sizeof port);
    memcpy(key + PREFIX_SIZE + sizeof port, &ssid, sizeof ssid);
    for (size_t i = 0; i < sizeof key; i++)
        hash = (hash ^ key[i]) * UINT32_C(16777619);
    return hash % SETS;
}

uint32_t stamp_peers_next(struct stamp_peers *peers, const struct address *from, uint16_t ssid,
                          int64_t now)
{
    struct session *set = peers->sessions[set_of(from, ssid)], *session = &set[0];
    bool found = false;
    for (int i = 0; i < WAYS && !found; i++) {
        found = set[i].from.length && set[i].ssid == ssid && address_equal(&set[i].from, from);
        if (found || set[i].last < session->last)
            session = &set[i];
    }
    if (!found || now - session->last > SESSION_QUIET)
        *session = (struct session){.from = *from, .ssid = ssid};
    session->last = now;
    return session->next++;
}
