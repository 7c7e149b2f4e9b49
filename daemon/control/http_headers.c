/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/http_headers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "mem.h"
#include "address.h"

/* ---- names of this host ---- */

static void add(struct host_names *names, const char *name, size_t length)
{
    if (!length || length >= PROTOCOL_HOST_MAX)
        return;
    names->list = mem_grow(names->list, names->count + 1, sizeof *names->list);
    snprintf(names->list[names->count++], PROTOCOL_HOST_MAX, "%.*s", (int)length, name);
}

void host_names_add_own(struct host_names *names)
{
    char name[PROTOCOL_HOST_MAX] = "";
    if (gethostname(name, sizeof name - 1))
        return;
    size_t label = strcspn(name, ".");
    add(names, name, strlen(name));
    if (name[label])
        add(names, name, label);
}

/* "host:port" without the port, and without the dot that ends a name of DNS. */
static bool split(const char *text, char host[PROTOCOL_HOST_MAX])
{
    uint16_t port = 0;
    if (!address_split_host_port(text, host, PROTOCOL_HOST_MAX, &port, NULL))
        return false;
    size_t length = strlen(host);
    if (length > 1 && host[length - 1] == '.')
        host[length - 1] = '\0';
    return *host != '\0';
}

void host_names_add(struct host_names *names, const char *text)
{
    char host[PROTOCOL_HOST_MAX];
    if (split(text, host))
        add(names, host, strlen(host));
}

void host_names_free(struct host_names *names)
{
    free(names->list);
    *names = (struct host_names){0};
}

bool host_names_match(const struct host_names *names, const char *text)
{
    char host[PROTOCOL_HOST_MAX];
    struct address address;
    if (!split(text, host))
        return false;
    if (!strcasecmp(host, "localhost") || address_parse(host, 0, &address))
        return true;
    for (size_t i = 0; i < names->count; i++)
        if (!strcasecmp(host, names->list[i]))
            return true;
    return false;
}

/* ---- headers ---- */

struct seen {
    bool browser; /* a header that browsers add, and that no script of a page can leave out */
    bool no_page; /* one that no script of a page can add */
    int lengths, codings, hosts, types;
    const char *host;
};

static enum MHD_Result see(void *context, enum MHD_ValueKind kind, const char *name,
                           const char *value)
{
    static const char fetch[] = "Sec-Fetch-";
    struct seen *seen = context;
    (void)kind;
    if (!strcasecmp(name, "Origin") || !strncasecmp(name, fetch, sizeof fetch - 1)) {
        seen->browser = true;
    } else if (!strcasecmp(name, PROTOCOL_HEADER)) {
        seen->no_page = true;
    } else if (!strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH)) {
        seen->lengths++;
    } else if (!strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        seen->codings++;
    } else if (!strcasecmp(name, MHD_HTTP_HEADER_HOST)) {
        seen->hosts++;
        seen->host = value;
    } else if (!strcasecmp(name, MHD_HTTP_HEADER_CONTENT_TYPE)) {
        seen->types++;
    }
    return MHD_YES;
}

/* A media type, whatever its parameters. */
static bool is_xml(const char *type)
{
    size_t length = type ? strcspn(type, "; \t") : 0;
    return (length == strlen("text/xml") && !strncasecmp(type, "text/xml", length)) ||
           (length == strlen("application/xml") && !strncasecmp(type, "application/xml", length));
}

struct http_refusal http_headers_check(struct MHD_Connection *connection,
                                       const struct host_names *names)
{
    struct seen seen = {.browser = false};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, see, &seen);
    if (seen.browser)
        return (struct http_refusal){MHD_HTTP_FORBIDDEN, "web pages may not call this daemon"};
    /* A proxy in between might read another length, and take a part of a body for a request. */
    if (seen.lengths + seen.codings > 1 || seen.hosts > 1 || seen.types > 1)
        return (struct http_refusal){
            MHD_HTTP_BAD_REQUEST,
            "Content-Length or Transfer-Encoding, Host and Content-Type may be given only once"};
    /* No browser leaves Host out. */
    if (names && seen.host && !seen.no_page && !host_names_match(names, seen.host))
        return (struct http_refusal){
            MHD_HTTP_MISDIRECTED_REQUEST,
            "this daemon does not have that name: use its address or a name given with -b"};
    return (struct http_refusal){0};
}

struct http_refusal http_headers_check_type(struct MHD_Connection *connection)
{
    const char *type =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
    if (!is_xml(type))
        return (struct http_refusal){MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                     "the Content-Type of a call must be text/xml"};
    return (struct http_refusal){0};
}
