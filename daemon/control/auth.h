/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may command the daemon: users and their secrets, and those who try others. */
#ifndef FLOWRIG_AUTH_H
#define FLOWRIG_AUTH_H

#include "address.h"
#include "token.h"

struct auth;

enum { AUTH_PREFIX_SIZE = 16 };

/* What stands for an address where peers are counted: an IPv4 address, or of IPv6 its /64, for a
 * host may use all of that. */
void auth_prefix(const struct address *peer, uint8_t prefix[AUTH_PREFIX_SIZE]);

/* Takes the users of `file` over, which may be NULL: then nobody has a secret, and failures are
 * only counted. */
struct auth *auth_new(struct token_file *file);
void auth_free(struct auth *auth);
/* Whether users have to show a secret. */
bool auth_has_users(const struct auth *auth);

/* The user whose name and secret an HTTP header "Authorization" (NULL: there was none) shows, or
 * NULL. The time it takes tells nothing about how much of them was right. From any thread. */
const char *auth_user(const struct auth *auth, const char *header);

/* Someone at `peer` was refused, for the reason `why`: counts, logs that where this was not logged
 * just now, and returns how long the answer has to be held back, in ns: longer after each failure
 * from an address, until a minute has passed without one. From any thread. */
int64_t auth_failed(struct auth *auth, const struct address *peer, const char *why, int64_t now);

#endif
