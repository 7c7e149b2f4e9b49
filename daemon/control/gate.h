/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands before the control protocol: TLS and authentication, as the options have them. */
#ifndef FLOWRIG_GATE_H
#define FLOWRIG_GATE_H

#include "control/auth.h"
#include "control/control_sockets.h"
#include "control/tls.h"
#include "session/quota.h"

/* Names of files; NULL: not given. */
struct gate_config {
    const char *token_file;
    const char *tls_certificate, *tls_key, *tls_client_ca;
    int passed_fd; /* of a token file that whoever started the daemon has passed; 0: none */
};

struct gate {
    struct tls *tls;   /* NULL: plain HTTP */
    struct auth *auth; /* without users, everybody is let in */
};

/* The descriptor of a token file that whoever started the daemon has passed, as FLOWRIG_TOKEN_FD
 * says; 0: none was. Its users have to show their secrets as others do, but without TLS: they are
 * on this host, and have opened the socket. Ends the program where the number is malformed: it was
 * meant to be guarded. To be called once. */
int gate_passed_token(void);

/* Whether controllers have to show who they are. */
bool gate_asks(const struct gate_config *config);
/* Whether TLS is served, which needs a key. */
bool gate_needs_key(const struct gate_config *config);

/* Reads tokens, keys and certificates. The key lies, or is made, in `state_dir` where none is
 * named. The users of `quotas` have to be in the token file. Returns false with a sentence;
 * gate_close() frees, after a failure too. */
bool gate_open(struct gate *gate, const struct gate_config *config, const struct quotas *quotas,
               const char *state_dir, struct fail *fail);
void gate_close(struct gate *gate);

/* Writes a new token file at `path` for a daemon that would listen where `sockets` says, and prints
 * on standard output what is in it. */
bool gate_make_token(const char *path, const struct gate_config *config,
                     const struct control_sockets_config *sockets, const char *state_dir,
                     struct fail *fail);

/* Prints the fingerprint of the daemon's key on standard output. A key that is not there is not
 * made: returns false with a sentence. */
bool gate_show_key(const struct gate_config *config, const char *state_dir, struct fail *fail);

#endif
