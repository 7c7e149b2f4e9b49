/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where flowd listens for its controllers, and for who reads its metrics. */
#ifndef FLOWRIG_CONTROL_SOCKETS_H
#define FLOWRIG_CONTROL_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "fail.h"

enum { BINDS_MAX = 64 };

struct control_sockets_config {
    const char *option;           /* that gives them, for sentences */
    bool wanted;                  /* false: listen nowhere */
    const char *binds[BINDS_MAX]; /* ADDR or ADDR:PORT, as they were given; none: loopback */
    int bind_count;
    int64_t port;       /* where an address has none; 0: the system chooses */
    const char *danger; /* what anyone who can reach an address could do */
    const char *hint;   /* for an address in use */
};

struct control_sockets {
    int fds[2 * BINDS_MAX]; /* the caller's */
    int count;
    int passed; /* that whoever started the daemon opened, and knows */
};

/* Returns how many sockets whoever started the daemon has opened for it, as sd_listen_fds(3) does;
 * 0 where LISTEN_FDS is malformed or meant for another process. To be called once. */
int control_sockets_passed(void);
/* Takes those that were passed, or listens where `config` says; only at loopback addresses unless
 * `guarded`. Returns false with a sentence otherwise. */
bool control_sockets_open(struct control_sockets *sockets,
                          const struct control_sockets_config *config, bool guarded,
                          struct fail *fail);
/* Prints on stderr where the daemon listens, as "flowd: <what> at ...", unless the sockets were
 * passed. */
void control_sockets_tell(const struct control_sockets *sockets, const char *what);

#endif
