/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands before the control protocol: TLS and authentication, as the options have them. */
#ifndef FLOWRIG_GATE_H
#define FLOWRIG_GATE_H

#include "auth.h"
#include "daemon_options.h"
#include "tls.h"

struct gate {
    struct tls *tls;   /* NULL: plain HTTP */
    struct auth *auth; /* without users, everybody is let in */
};

/* Whether the options ask controllers to show who they are. */
bool gate_asks(const struct daemon_options *options);
/* Whether they ask for TLS, and so for a key. */
bool gate_needs_key(const struct daemon_options *options);

/* Reads tokens, keys and certificates. `state_dir` is where the key lies or is made if none is
 * named. gate_close() frees, after a failure too. */
bool gate_open(struct gate *gate, const struct daemon_options *options, const char *state_dir,
               struct fail *fail);
void gate_close(struct gate *gate);

/* Writes the token file that --make-token asks for, and says on standard output what is in it. */
bool gate_make_token(const struct daemon_options *options, struct fail *fail);

#endif
