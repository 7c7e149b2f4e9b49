/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private daemons of one run, on loopback ports of their own. */
#ifndef FLOWRIG_EMBEDDED_H
#define FLOWRIG_EMBEDDED_H

#include <stdint.h>
#include <sys/types.h>

#include "fail.h"

struct embedded {
    pid_t pid;
    uint16_t port;
};

/* The user that private daemons let in. */
#define EMBEDDED_USER "flowctl"

/* Starts a flowd that ends with this process at the latest. It listens when this returns, serves
 * nobody but who shows `secret` (access_private()), and puts packet dumps into the working
 * directory where it `dumps`, and traces where it `traces`. */
bool embedded_start(struct embedded *embedded, const char *secret, bool dumps, bool traces,
                    struct fail *fail);
/* Ends it and waits until it has. */
void embedded_stop(struct embedded *embedded);

#endif
