/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet/access.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fleet/embedded.h"
#include "fleet/interrupt.h"
#include "fleet/known_hosts.h"
#include "log.h"
#include "mem.h"

struct access {
    struct access_options options;
    struct token_file token; /* without users where only certificates are shown */
    bool is_private;         /* to daemons that this process has started */
};

/* ---- options ---- */

bool access_take_option(struct access_options *options, enum access_option id, const char *value,
                        struct fail *fail)
{
    if (value && !*value)
        return fail_set(fail, 0, "the name of the file is empty");
    switch (id) {
    case ACCESS_TOKEN_FILE:
        options->token_file = value;
        break;
    case ACCESS_ACCEPT_NEW_KEYS:
        options->accept_new_keys = true;
        break;
    case ACCESS_CA:
        options->ca = value;
        break;
    case ACCESS_CERTIFICATE:
        options->certificate = value;
        break;
    case ACCESS_KEY:
        options->key = value;
        break;
    case ACCESS_OPTIONS:
        break;
    }
    return true;
}

static bool check_readable(const char *option, const char *path, struct fail *fail)
{
    return !path || !access(path, R_OK) ||
           fail_set(fail, 0, "option %s: %s can't be read: %s", option, path, fail_errno(errno));
}

static bool check_options(const struct access_options *options, struct fail *fail)
{
    if (!options->certificate != !options->key)
        return fail_set(fail, 0, "option %s: %s is needed, too",
                        options->key ? "--tls-key" : "--tls-cert",
                        options->key ? "--tls-cert" : "--tls-key");
    return check_readable("--tls-ca", options->ca, fail) &&
           check_readable("--tls-cert", options->certificate, fail) &&
           check_readable("--tls-key", options->key, fail);
}

const char *access_token_file(const struct access_options *options)
{
    const char *variable = getenv("FLOWRIG_TOKEN_FILE");
    if (options->token_file)
        return options->token_file;
    return variable && *variable ? variable : NULL;
}

bool access_open(const struct access_options *options, struct access **access, struct fail *fail)
{
    struct access_options all = *options;
    struct token_file token = {0};
    *access = NULL;
    all.token_file = access_token_file(options);
    if (!check_options(&all, fail) ||
        (all.token_file && !token_file_read(all.token_file, &token, fail)))
        return false;
    if (!all.token_file && !all.ca && !all.certificate)
        return true;
    *access = mem_new(1, sizeof **access);
    (*access)->options = all;
    (*access)->token = token;
    return true;
}

struct access *access_private(const char *secret)
{
    struct access *access = mem_new(1, sizeof *access);
    access->is_private = true;
    access->token.users = mem_new(1, sizeof *access->token.users);
    access->token.user_count = 1;
    snprintf(access->token.users->name, sizeof access->token.users->name, EMBEDDED_USER);
    snprintf(access->token.users->secret, sizeof access->token.users->secret, "%s", secret);
    return access;
}

bool access_has_tls(const struct access *access)
{
    return access && !access->is_private;
}

void access_close(struct access *access)
{
    if (!access)
        return;
    token_file_free(&access->token);
    free(access);
}

/* ---- learning a key ---- */

static void set_up_tls(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* A resumed session shows no certificate: each connection is checked by itself. */
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

void access_set_up_probe(CURL *easy)
{
    set_up_tls(easy);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
}

bool access_probed_key(CURL *easy, char fingerprint[FINGERPRINT_MAX], struct fail *fail)
{
    static const char field[] = "Cert:";
    const struct curl_certinfo *info = NULL;
    curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info);
    /* The first one is the daemon's, what follows signed it. */
    for (const struct curl_slist *at = info && info->num_of_certs ? info->certinfo[0] : NULL; at;
         at = at->next)
        if (!strncmp(at->data, field, sizeof field - 1))
            return fingerprint_of_pem(at->data + sizeof field - 1,
                                      strlen(at->data + sizeof field - 1), fingerprint, fail);
    return fail_set(fail, 0, "no certificate presented");
}

/* ---- trusting it ---- */

bool access_needs_keys(const struct access *access)
{
    return !access->options.ca && !access->is_private;
}

static bool changed(const char *name, const char *now, const char *before, const char *where,
                    struct fail *fail)
{
    return fail_set(fail, 0,
                    "the key of flowd at %s has CHANGED, so this may be another machine: it is %s, "
                    "but should be %s according to %s. Nothing was sent to it. If the daemon has "
                    "got a new key on purpose, correct this line",
                    name, now, before, where);
}

/* Reads a line, unless an interrupt comes first; what does not fit is left out. */
static bool read_answer(char *answer, size_t size)
{
    size_t length = 0;
    char letter = '\0';
    struct pollfd waits[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = interrupt_fd(), .events = POLLIN}};
    while (letter != '\n') {
        if (poll(waits, 2, -1) < 0 && errno != EINTR)
            return false;
        if (interrupt_asked())
            return false;
        if (!waits[0].revents)
            continue;
        if (read(STDIN_FILENO, &letter, 1) != 1)
            return false;
        if (letter != '\n' && length + 1 < size)
            answer[length++] = letter;
    }
    answer[length] = '\0';
    return true;
}

/* Asks until there is an answer, though not for ever: what is typed may be meant for another
 * program. Every line fits a terminal of 80 columns; names of hosts may be longer. */
static bool ask(const char *name, const char *fingerprint)
{
    enum { TRIES = 3 };
    char answer[16];
    fprintf(stderr,
            "flowctl: flowd at %s is not known yet. Its key is\n"
            "  %s\n"
            "The same as 'flowd --show-key' prints on that host? Trust it (yes/no)? ",
            name, fingerprint);
    for (int i = 0; i < TRIES; i++) {
        if (!read_answer(answer, sizeof answer) || !strcasecmp(answer, "no") ||
            !strcasecmp(answer, "n"))
            return false;
        if (!strcasecmp(answer, "yes") || !strcasecmp(answer, "y"))
            return true;
        if (i + 1 < TRIES)
            fprintf(stderr, "Please answer yes or no. Trust it (yes/no)? ");
    }
    return false;
}

static bool trust_new(const struct access *access, const char *path, const char *name,
                      const char *fingerprint, struct fail *fail)
{
    if (access->options.accept_new_keys)
        log_warning("trusting flowd at %s from now on: its key is %s", name, fingerprint);
    else if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return fail_set(fail, 0,
                        "flowd at %s is not known yet, and there is no terminal to ask on: its key "
                        "is %s. If that is correct, add 'key %s' to the token file, or use "
                        "--accept-new-keys",
                        name, fingerprint, fingerprint);
    else if (!ask(name, fingerprint))
        return fail_set(fail, 0, "flowd at %s is not trusted; nothing was sent to it", name);
    return known_hosts_add(path, name, fingerprint, fail);
}

static bool check_known(const struct access *access, const char *path, const char *name,
                        const char *fingerprint, struct fail *fail)
{
    char known[FINGERPRINT_MAX], where[64];
    int line;
    if (!known_hosts_find(path, name, known, &line, fail))
        return false;
    if (!line)
        return trust_new(access, path, name, fingerprint, fail);
    if (!strcmp(known, fingerprint))
        return true;
    snprintf(where, sizeof where, "line %d of ", line);
    char *place = mem_printf("%s%s", where, path);
    changed(name, fingerprint, known, place, fail);
    free(place);
    return false;
}

bool access_trusts(struct access *access, const char *name, const char *host, uint16_t port,
                   const char *fingerprint, struct fail *fail)
{
    const struct token_key *key = token_key_of(&access->token, host, port);
    if (key && strcmp(key->fingerprint, fingerprint))
        return changed(name, fingerprint, key->fingerprint, access->options.token_file, fail);
    if (key || token_has_key(&access->token, fingerprint))
        return true;
    char *path = known_hosts_path();
    if (!path)
        return fail_set(fail, 0,
                        "there is no directory for known keys: neither XDG_CONFIG_HOME nor HOME is "
                        "set");
    bool good = check_known(access, path, name, fingerprint, fail);
    free(path);
    return good;
}

/* ---- using it ---- */

void access_set_up(const struct access *access, CURL *easy, const char *fingerprint)
{
    if (!access->is_private)
        set_up_tls(easy);
    if (access->is_private) {
        /* Its socket was opened by this process: nobody else can answer there. */
    } else if (access->options.ca) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, access->options.ca);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    } else {
        curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, fingerprint);
    }
    if (access->options.certificate) {
        curl_easy_setopt(easy, CURLOPT_SSLCERT, access->options.certificate);
        curl_easy_setopt(easy, CURLOPT_SSLKEY, access->options.key);
    }
    if (access->token.user_count) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, access->token.users[0].name);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, access->token.users[0].secret);
    }
}

const char *access_explain_status(const struct access *access, long status)
{
    if (status == 401)
        return access && access->token.user_count
                   ? "refuses the token: it was started with another --token-file"
                   : "requires a token: use --token-file";
    if (status == 403)
        return access && access->options.certificate
                   ? "refuses the certificate of --tls-cert; its log says why"
                   : "requires a certificate: use --tls-cert and --tls-key";
    if (status == 503)
        return "is overloaded or shutting down: try again later";
    return NULL;
}
