/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where flowd listens for its controllers. */
#ifndef FLOWRIG_CONTROL_SOCKETS_H
#define FLOWRIG_CONTROL_SOCKETS_H

#include "daemon_options.h"
#include "fail.h"

struct control_sockets {
    int fds[2 * BINDS_MAX]; /* the caller's */
    int count;
    int passed; /* that whoever started the daemon opened, and knows */
};

/* How many sockets whoever started the daemon has opened for it (sd_listen_fds(3)); asked once. */
int control_sockets_passed(void);
/* Takes those that were passed, or listens where the options say. Gives false and a sentence where
 * that can't be, or where anybody could command the daemon. */
bool control_sockets_open(struct control_sockets *sockets, const struct daemon_options *options,
                          struct fail *fail);
/* Says on stderr where the daemon listens, unless the sockets were passed. */
void control_sockets_tell(const struct control_sockets *sockets);

#endif
