/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "mem.h"
#include "number.h"
#include "protocol.h"

int gate_passed_token(void)
{
    const char *text = getenv("FLOWRIG_TOKEN_FD");
    int64_t fd = 0;
    if (!text)
        return 0;
    if (!number_parse_int(text, &fd, NULL) || fd < 3 || fd > INT_MAX) {
        log_error("FLOWRIG_TOKEN_FD: '%s' is not the number of a passed descriptor", text);
        exit(EXIT_FAILURE);
    }
    unsetenv("FLOWRIG_TOKEN_FD");
    fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    return (int)fd;
}

/* Reads the users of the token file that was named, or passed; none without either. */
static bool read_users(const struct gate_config *config, struct token_file *file, struct fail *fail)
{
    static const char name[] = "the passed token file";
    if (config->token_file)
        return token_file_read(config->token_file, file, fail) ||
               fail_prefix(fail, "option --token-file");
    if (!config->passed_fd)
        return true;
    char *text = file_read_text(name, config->passed_fd, TOKEN_FILE_MAX, fail);
    close(config->passed_fd);
    bool good = text && (token_file_parse(text, file, fail) || fail_prefix(fail, name));
    free(text);
    return good;
}

bool gate_asks(const struct gate_config *config)
{
    return config->token_file || config->tls_client_ca;
}

bool gate_needs_key(const struct gate_config *config)
{
    return gate_asks(config) || config->tls_certificate;
}

static struct tls *load_tls(const struct gate_config *config, const char *state_dir,
                            struct fail *fail)
{
    return tls_load(
        &(struct tls_config){
            .certificate = config->tls_certificate,
            .key = config->tls_key,
            .client_ca = config->tls_client_ca,
            .state_dir = state_dir,
        },
        fail);
}

/* A name that is misspelt would leave a user without a quota. Clients of other programs are no
 * users of the file. */
static bool check_users(const struct quotas *quotas, const struct token_file *file,
                        struct fail *fail)
{
    for (size_t i = 0; i < quotas->user_count; i++) {
        const char *name = quotas->users[i].user;
        bool found = !*name || !strcmp(name, IPERF3_USER);
        for (size_t k = 0; !found && k < file->user_count; k++)
            found = !strcmp(file->users[k].name, name);
        if (!found)
            return fail_set(fail, 0, "the token file has no user '%s'", name);
    }
    return true;
}

bool gate_open(struct gate *gate, const struct gate_config *config, const struct quotas *quotas,
               const char *state_dir, struct fail *fail)
{
    struct token_file file = {0};
    if (!read_users(config, &file, fail))
        return false;
    bool known = !config->token_file || check_users(quotas, &file, fail);
    gate->auth = auth_new(&file);
    if (!known)
        return fail_prefix(fail, "option --user-quota");
    if (!gate_needs_key(config))
        return true;
    gate->tls = load_tls(config, state_dir, fail);
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
static void name_hosts(const struct control_sockets_config *sockets, struct token_key *key)
{
    char host[PROTOCOL_HOST_MAX] = "";
    if (!gethostname(host, sizeof host - 1) && !is_wildcard_or_loopback(host))
        add_host(key, host, sockets->port);
    for (int i = 0; i < sockets->bind_count; i++) {
        uint16_t port = (uint16_t)sockets->port;
        if (address_split_host_port(sockets->binds[i], host, sizeof host, &port, NULL) &&
            !is_wildcard_or_loopback(host))
            add_host(key, host, port);
    }
}

bool gate_make_token(const char *path, const struct gate_config *config,
                     const struct control_sockets_config *sockets, const char *state_dir,
                     struct fail *fail)
{
    struct token_key key = {0};
    struct tls *tls = load_tls(config, state_dir, fail);
    if (!tls)
        return false;
    memcpy(key.fingerprint, tls->fingerprint, sizeof key.fingerprint);
    tls_free(tls);
    name_hosts(sockets, &key);
    if (!token_file_make(path, &key, fail))
        return fail_prefix(fail, "option --make-token");
    printf("%s contains a new token and this daemon's key %s%s%s.\nDaemons and controllers with "
           "this file trust each other: copy it to their hosts, and\ngive it to flowd and flowctl "
           "with --token-file.\n",
           path, key.fingerprint, *key.hosts ? " for " : "", key.hosts);
    return true;
}

bool gate_show_key(const struct gate_config *config, const char *state_dir, struct fail *fail)
{
    char *key = config->tls_certificate ? NULL : mem_printf("%s/tls-key.pem", state_dir);
    bool there = !key || !access(key, F_OK) || errno != ENOENT ||
                 fail_set(fail, 0,
                          "option --show-key: there is no key at %s; flowd creates one when it is "
                          "started with --token-file or --make-token",
                          key);
    struct tls *tls = there ? load_tls(config, state_dir, fail) : NULL;
    if (tls)
        printf("%s\n", tls->fingerprint);
    tls_free(tls);
    free(key);
    return tls != NULL;
}
