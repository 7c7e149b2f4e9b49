/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the kernel would send packets. */
#ifndef FLOWRIG_ROUTE_H
#define FLOWRIG_ROUTE_H

#include <net/if.h>

#include "sock.h"

/* The interface of the route to the address, as the kernel's table has it now; false where there is
 * no route, or the kernel does not say. */
bool route_interface(const struct address *to, char name[IF_NAMESIZE]);

#endif
