/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/auth.h"

#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "mem.h"

enum {
    OFFENDERS_MAX = 512, /* addresses that are remembered; then the quietest is forgotten */
    DOUBLINGS_MAX = 6,
    LINES_MAX = 10, /* in the log within LOG_PAUSE, of all addresses */
};

#define FIRST_DELAY      (100 * NS_PER_MS)
#define MOST_DELAY       (5 * NS_PER_SEC)
#define OFFENCE_LIFETIME (60 * NS_PER_SEC)
#define LOG_PAUSE        (10 * NS_PER_SEC)

/* An address that failures came from. */
struct offender {
    uint8_t prefix[AUTH_PREFIX_SIZE];
    int64_t count; /* 0: the place is free */
    int64_t last, logged;
};

struct auth {
    struct token_file file;
    pthread_mutex_t lock; /* of what follows */
    struct offender offenders[OFFENDERS_MAX];
    int64_t window; /* when the lines in the log began to be counted */
    int lines;
    int64_t unlogged;
};

struct auth *auth_new(struct token_file *file)
{
    struct auth *auth = mem_new(1, sizeof *auth);
    pthread_mutex_init(&auth->lock, NULL);
    if (file) {
        auth->file = *file;
        *file = (struct token_file){0};
    }
    return auth;
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    pthread_mutex_destroy(&auth->lock);
    token_file_free(&auth->file);
    free(auth);
}

bool auth_has_users(const struct auth *auth)
{
    return auth->file.user_count > 0;
}

/* ---- users ---- */

static bool same(const struct token_user *one, const struct token_user *other)
{
    const volatile uint8_t *a = (const uint8_t *)one, *b = (const uint8_t *)other;
    unsigned differ = 0;
    for (size_t i = 0; i < sizeof *one; i++)
        differ |= a[i] ^ b[i];
    return !differ;
}

/* All are looked at, whichever it is. */
static const char *find_user(const struct auth *auth, const struct token_user *shown)
{
    const char *found = NULL;
    for (size_t i = 0; i < auth->file.user_count; i++)
        if (same(&auth->file.users[i], shown))
            found = auth->file.users[i].name;
    return found;
}

/* "name:secret" (RFC 7617); gives false where it can't be a user's. */
static bool split(const char *text, size_t length, struct token_user *user)
{
    const char *colon = memchr(text, ':', length);
    size_t name_length = colon ? (size_t)(colon - text) : 0;
    size_t secret_length = colon ? length - name_length - 1 : 0;
    if (!colon || name_length >= sizeof user->name || secret_length >= sizeof user->secret ||
        memchr(text, '\0', length))
        return false;
    memcpy(user->name, text, name_length);
    memcpy(user->secret, colon + 1, secret_length);
    return true;
}

const char *auth_user(const struct auth *auth, const char *header)
{
    static const char scheme[] = "Basic";
    struct token_user shown = {0};
    gnutls_datum_t text = {0};
    const char *user = NULL;
    if (!header || strncasecmp(header, scheme, sizeof scheme - 1) ||
        header[sizeof scheme - 1] != ' ')
        return NULL;
    header += sizeof scheme - 1;
    header += strspn(header, " ");
    gnutls_datum_t base64 = {(unsigned char *)header, (unsigned)strlen(header)};
    if (!base64.size || gnutls_base64_decode2(&base64, &text) < 0)
        return NULL;
    if (split((const char *)text.data, text.size, &shown))
        user = find_user(auth, &shown);
    explicit_bzero(&shown, sizeof shown);
    explicit_bzero(text.data, text.size);
    gnutls_free(text.data);
    return user;
}

/* ---- failures ---- */

void auth_prefix(const struct address *peer, uint8_t prefix[AUTH_PREFIX_SIZE])
{
    memset(prefix, 0, AUTH_PREFIX_SIZE);
    if (peer->any.sa_family == AF_INET) {
        prefix[10] = prefix[11] = 0xff;
        memcpy(prefix + 12, &peer->v4.sin_addr, 4);
    } else if (peer->any.sa_family == AF_INET6) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&peer->v6.sin6_addr);
        memcpy(prefix, &peer->v6.sin6_addr, mapped ? 16 : 8);
    }
}

/* The place of the address; that of the one that was quiet for longest if it has none. */
static struct offender *find_offender(struct auth *auth, const struct address *peer, int64_t now)
{
    uint8_t prefix[AUTH_PREFIX_SIZE];
    struct offender *quietest = &auth->offenders[0];
    auth_prefix(peer, prefix);
    for (size_t i = 0; i < OFFENDERS_MAX; i++) {
        struct offender *offender = &auth->offenders[i];
        if (offender->count && now - offender->last > OFFENCE_LIFETIME)
            offender->count = 0;
        if (offender->count && !memcmp(offender->prefix, prefix, AUTH_PREFIX_SIZE))
            return offender;
        if (quietest->count && (!offender->count || offender->last < quietest->last))
            quietest = offender;
    }
    *quietest = (struct offender){.logged = now - LOG_PAUSE};
    memcpy(quietest->prefix, prefix, AUTH_PREFIX_SIZE);
    return quietest;
}

static void log_failure(struct auth *auth, struct offender *offender, const struct address *peer,
                        const char *why, int64_t now)
{
    char text[ADDRESS_TEXT_MAX], more[64] = "";
    if (now - auth->window >= LOG_PAUSE) {
        auth->window = now;
        auth->lines = 0;
    }
    if (now - offender->logged < LOG_PAUSE || auth->lines == LINES_MAX) {
        auth->unlogged++;
        return;
    }
    offender->logged = now;
    auth->lines++;
    if (auth->unlogged)
        snprintf(more, sizeof more, "; %" PRId64 " refusals were not logged", auth->unlogged);
    auth->unlogged = 0;
    address_format_port(peer, text);
    log_warning("refused %s: %s (%" PRId64 " from there in a row%s)", text, why, offender->count,
                more);
}

int64_t auth_failed(struct auth *auth, const struct address *peer, const char *why, int64_t now)
{
    pthread_mutex_lock(&auth->lock);
    struct offender *offender = find_offender(auth, peer, now);
    int64_t doublings = offender->count < DOUBLINGS_MAX ? offender->count : DOUBLINGS_MAX;
    int64_t delay = FIRST_DELAY << doublings;
    offender->count++;
    offender->last = now;
    log_failure(auth, offender, peer, why, now);
    pthread_mutex_unlock(&auth->lock);
    return delay < MOST_DELAY ? delay : MOST_DELAY;
}
