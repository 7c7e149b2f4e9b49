/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "protocol.h"
#include "state_dir.h"

bool gate_asks(const struct daemon_options *options)
{
    return options->token_file || options->tls_client_ca;
}

bool gate_needs_key(const struct daemon_options *options)
{
    return gate_asks(options) || options->tls_certificate;
}

static struct tls *load_tls(const struct daemon_options *options, const char *state_dir,
                            struct fail *fail)
{
    return tls_load(
        &(struct tls_config){
            .certificate = options->tls_certificate,
            .key = options->tls_key,
            .client_ca = options->tls_client_ca,
            .state_dir = state_dir,
        },
        fail);
}

/* A name that is misspelt would leave a user without a quota. */
static bool check_users(const struct quotas *quotas, const struct token_file *file,
                        struct fail *fail)
{
    for (size_t i = 0; i < quotas->user_count; i++) {
        const char *name = quotas->users[i].user;
        bool found = !*name;
        for (size_t k = 0; !found && k < file->user_count; k++)
            found = !strcmp(file->users[k].name, name);
        if (!found)
            return fail_set(fail, 0, "the token file has no user '%s'", name);
    }
    return true;
}

bool gate_open(struct gate *gate, const struct daemon_options *options, const char *state_dir,
               struct fail *fail)
{
    struct token_file file = {0};
    if (options->token_file && !token_file_read(options->token_file, &file, fail))
        return fail_prefix(fail, "option --token-file");
    bool known = !options->token_file || check_users(&options->quotas, &file, fail);
    gate->auth = auth_new(&file);
    if (!known)
        return fail_prefix(fail, "option --user-quota");
    if (!gate_needs_key(options))
        return true;
    gate->tls = load_tls(options, state_dir, fail);
    if (gate->tls)
        log_info("the key of this daemon is %s", gate->tls->fingerprint);
    return gate->tls != NULL;
}

void gate_close(struct gate *gate)
{
    auth_free(gate->auth);
    tls_free(gate->tls);
    *gate = (struct gate){0};
}

/* ---- making a token ---- */

static void add_host(struct token_key *key, const char *host, int64_t port)
{
    char one[PROTOCOL_HOST_MAX + 16];
    size_t length = strlen(key->hosts);
    bool v6 = strchr(host, ':') != NULL;
    if (port == PROTOCOL_PORT)
        snprintf(one, sizeof one, "%s", host);
    else
        snprintf(one, sizeof one, "%s%s%s:%" PRId64, v6 ? "[" : "", host, v6 ? "]" : "", port);
    if (*host && length + strlen(one) + 2 < sizeof key->hosts)
        snprintf(key->hosts + length, sizeof key->hosts - length, "%s%s", length ? " " : "", one);
}

static bool is_wildcard_or_loopback(const char *host)
{
    struct address address;
    if (!address_parse(host, 0, &address))
        return !strcasecmp(host, "localhost");
    struct address any = address_wildcard(address.any.sa_family, 0);
    return address_is_loopback(&address) || address_equal(&address, &any);
}

/* The host's name, and the addresses that the daemon would be told to listen at: what others call
 * it, as far as it can know. */
static void name_hosts(const struct daemon_options *options, struct token_key *key)
{
    char host[PROTOCOL_HOST_MAX] = "";
    if (!gethostname(host, sizeof host - 1) && !is_wildcard_or_loopback(host))
        add_host(key, host, options->port);
    for (int i = 0; i < options->bind_count; i++) {
        uint16_t port = (uint16_t)options->port;
        if (sock_split_host_port(options->binds[i], host, sizeof host, &port, NULL) &&
            !is_wildcard_or_loopback(host))
            add_host(key, host, port);
    }
}

static bool make_for_key(const struct daemon_options *options, const char *state_dir,
                         struct fail *fail)
{
    struct token_key key = {0};
    struct tls *tls = load_tls(options, state_dir, fail);
    if (!tls)
        return false;
    memcpy(key.fingerprint, tls->fingerprint, sizeof key.fingerprint);
    tls_free(tls);
    name_hosts(options, &key);
    if (!token_file_make(options->make_token, &key, fail))
        return fail_prefix(fail, "option --make-token");
    printf("%s has a new token, and this daemon's key %s%s%s.\n"
           "Daemons and controllers with this file trust each other: copy it to their hosts, and\n"
           "give it to flowd and flowctl with --token-file.\n",
           options->make_token, key.fingerprint, *key.hosts ? " for " : "", key.hosts);
    return true;
}

bool gate_make_token(const struct daemon_options *options, struct fail *fail)
{
    char *made = NULL;
    const char *state_dir = options->state_dir;
    if (!state_dir && !options->tls_certificate)
        state_dir = made = state_dir_default(options->user, fail);
    bool good = (state_dir || options->tls_certificate) && make_for_key(options, state_dir, fail);
    free(made);
    return good;
}
