/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the kernel would send packets. */
#ifndef FLOWRIG_ROUTE_H
#define FLOWRIG_ROUTE_H

#include <net/if.h>

#include "address.h"

/* The interface of the route to the address, as the kernel's table has it now; false where there is
 * no route, or the kernel does not say. */
bool route_interface(const struct address *to, char name[IF_NAMESIZE]);

/* Whether packets to the address would be this host's own: also by a route of type local. */
bool route_is_local(const struct address *to);

#endif
