/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the headers of a request alone decide: a web page is not a controller, and a request whose
 * length or host can be read in two ways is not taken. */
#ifndef FLOWRIG_HTTP_HEADERS_H
#define FLOWRIG_HTTP_HEADERS_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "protocol.h"

/* The names under which controllers reach the daemon, besides addresses and "localhost". */
struct host_names {
    char (*list)[PROTOCOL_HOST_MAX];
    size_t count;
};

/* Adds the host's own name, and its part before the first dot. */
void host_names_add_own(struct host_names *names);
/* Adds the host of a value of -b, "host" or "host:port". What is not one is left out. */
void host_names_add(struct host_names *names, const char *text);
void host_names_free(struct host_names *names);
/* Whether the value of a header Host, with a port or without, is an address, "localhost" or one of
 * the names. No web page can give an address the meaning of another one, as it can with a name of
 * its own domain. */
bool host_names_match(const struct host_names *names, const char *host);

/* An HTTP status and why, in one line; 0 and NULL: nothing speaks against the request. */
struct http_refusal {
    unsigned status;
    const char *why;
};

/* Refuses what comes from a web page, what can be read in two ways, and another host's name.
 * `names` NULL: the daemon asks callers who they are, and Host may be anything. The text is
 * static. */
struct http_refusal http_headers_check(struct MHD_Connection *connection,
                                       const struct host_names *names);
/* Refuses what is not XML. */
struct http_refusal http_headers_check_type(struct MHD_Connection *connection);

#endif
