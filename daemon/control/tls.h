/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon's side of TLS: its key and certificate, and those of clients. */
#ifndef FLOWRIG_TLS_H
#define FLOWRIG_TLS_H

#include <gnutls/gnutls.h>

#include "token.h"

/* Versions 1.2 and 1.3 only, and the suites that GnuTLS finds good. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* Where key and certificate come from: two files, or else the state directory, where they are made
 * if they are not there. */
struct tls_config {
    const char *certificate, *key; /* files, or NULL both */
    const char *client_ca;         /* file, or NULL: clients need no certificate */
    const char *state_dir;
};

/* What a server needs, as PEM text. */
struct tls {
    char *certificate, *key;
    char *client_ca; /* NULL: none */
    char fingerprint[FINGERPRINT_MAX];
};

/* Reads or makes them; NULL and a sentence on failure. */
struct tls *tls_load(const struct tls_config *config, struct fail *fail);
void tls_free(struct tls *tls);

/* Whether the client of a session has shown a certificate of the client CA that is good now;
 * `name` becomes its common name, "" where there is not exactly one, or it has characters that no
 * user's name has. */
bool tls_check_client(gnutls_session_t session, char name[TOKEN_NAME_MAX], struct fail *fail);

#endif
