// SPDX-License-Identifier: GPL-3.0-or-later
/* tap.h - the near end of a TAP device that lives in another network namespace. */
#ifndef LAB_TAP_H
#define LAB_TAP_H

#include <stddef.h>

struct err;

/* Opens a TAP device that exists already (`ip -n NETNS tuntap add dev NAME mode tap`),
 * non-blocking. Its frames must fit into `room` bytes. Returns the descriptor, which the caller
 * closes, or -1 with a sentence. */
int tap_open(const char *netns, const char *name, size_t room, struct err *err);

#endif
