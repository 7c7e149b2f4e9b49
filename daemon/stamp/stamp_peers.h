/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who sends to a STAMP reflector: how much each address may, and how many replies each session has
 * had. Both are tables of fixed size; time is passed in. */
#ifndef FLOWRIG_STAMP_PEERS_H
#define FLOWRIG_STAMP_PEERS_H

#include "address.h"

enum {
    STAMP_RATE = 1000, /* replies per second to one IPv4 address or IPv6 /64 */
    STAMP_BURST = 200, /* and at once */
    STAMP_SOURCES_MAX = 512,
    STAMP_SESSIONS_MAX = 4096,
};

struct stamp_peers;

/* The caller owns it. */
struct stamp_peers *stamp_peers_new(void);
void stamp_peers_free(struct stamp_peers *peers);

/* Whether one more reply may go to the address, which is then counted. Where all places are taken
 * by addresses that were answered just now, another has to wait. */
bool stamp_peers_allow(struct stamp_peers *peers, const struct address *from, int64_t now);
/* The number of the next reply of a session: of an address, a port and a SSID, from 0 on. One that
 * was quiet for 15 minutes (REFWAIT of RFC 5357), or that others took the place of, begins again.
 */
uint32_t stamp_peers_next(struct stamp_peers *peers, const struct address *from, uint16_t ssid,
                          int64_t now);

#endif
