/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How daemons are convinced that we may command them, and we that they are the ones we mean. */
#ifndef FLOWRIG_ACCESS_H
#define FLOWRIG_ACCESS_H

#include <curl/curl.h>
#include <stdint.h>

#include "option.h"
#include "token.h"

/* The options about it, which every command that talks to daemons takes. */
struct access_options {
    const char *token_file; /* NULL: $FLOWRIG_TOKEN_FILE */
    const char *ca, *certificate, *key;
    bool accept_new_keys;
};

enum access_option {
    ACCESS_TOKEN_FILE,
    ACCESS_ACCEPT_NEW_KEYS,
    ACCESS_CA,
    ACCESS_CERTIFICATE,
    ACCESS_KEY,
    ACCESS_OPTIONS
};

/* Rows of an option table, under the heading `group`; their ids are first + enum access_option. */
#define ACCESS_SPECS(group, first)                                                                 \
    {0,                                                                                            \
     "token-file",                                                                                 \
     OPTION_REQUIRED,                                                                              \
     "FILE",                                                                                       \
     group,                                                                                        \
     "use TLS, and authenticate with the token in FILE (default: $FLOWRIG_TOKEN_FILE)",            \
     (first) + ACCESS_TOKEN_FILE},                                                                 \
        {0,                                                                                        \
         "accept-new-keys",                                                                        \
         OPTION_NONE,                                                                              \
         NULL,                                                                                     \
         group,                                                                                    \
         "trust daemons with unknown keys without asking, and remember their keys",                \
         (first) + ACCESS_ACCEPT_NEW_KEYS},                                                        \
        {0,                                                                                        \
         "tls-ca",                                                                                 \
         OPTION_REQUIRED,                                                                          \
         "FILE",                                                                                   \
         group,                                                                                    \
         "trust daemons whose certificate is issued by a CA in FILE for their host name, instead " \
         "of checking known keys",                                                                 \
         (first) + ACCESS_CA},                                                                     \
        {0,                                                                                        \
         "tls-cert",                                                                               \
         OPTION_REQUIRED,                                                                          \
         "FILE",                                                                                   \
         group,                                                                                    \
         "present this certificate to daemons that request one",                                   \
         (first) + ACCESS_CERTIFICATE},                                                            \
    {                                                                                              \
        0, "tls-key", OPTION_REQUIRED, "FILE", group, "private key of --tls-cert",                 \
            (first) + ACCESS_KEY                                                                   \
    }

/* Takes an option. */
bool access_take_option(struct access_options *options, enum access_option id, const char *value,
                        struct fail *fail);

/* The token file that they name, or that the environment does; NULL where there is none. */
const char *access_token_file(const struct access_options *options);

struct access;

/* Reads what the options name. *access becomes NULL where they ask for nothing: then daemons are
 * talked to without TLS. */
bool access_open(const struct access_options *options, struct access **access, struct fail *fail);
/* To private daemons, which are talked to without TLS: shows this secret. */
struct access *access_private(const char *secret);
void access_close(struct access *access);

/* Whether daemons are talked to inside TLS; NULL: they are not. */
bool access_has_tls(const struct access *access);

/* A connection that learns a daemon's key and sends nothing. */
void access_set_up_probe(CURL *easy);
/* The key of the daemon that it is connected to now. */
bool access_probed_key(CURL *easy, char fingerprint[FINGERPRINT_MAX], struct fail *fail);

/* Whether the keys of daemons have to be learned before the token may be shown: not with a CA. */
bool access_needs_keys(const struct access *access);
/* Whether the daemon `name` ("host:port" as sentences have it) may be trusted with this key; asks
 * whoever sits at the terminal where it is not known yet. */
bool access_trusts(struct access *access, const char *name, const char *host, uint16_t port,
                   const char *fingerprint, struct fail *fail);
/* Makes a handle show the token and the certificate, to nobody but a daemon with this key (NULL:
 * with a certificate of the CA). */
void access_set_up(const struct access *access, CURL *easy, const char *fingerprint);
/* What a daemon meant that answered with this HTTP status, or NULL. */
const char *access_explain_status(const struct access *access, long status);

#endif
