/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The addresses of an endpoint and of its peer: names are looked up, and what is left fits both
 * ends. */
#include <stdio.h>
#include <string.h>

#include "session/session_prepare.h"

/* A host's own name often stands for 127.0.1.1 in its /etc/hosts. An end that is bound there can't
 * be reached from elsewhere, so such a name binds it to nothing; an address, or localhost, does. */
static void drop_own_loopback(const char *host, struct addresses *own)
{
    struct address literal;
    size_t kept = 0;
    if (!strcasecmp(host, "localhost") || address_parse(host, 0, &literal))
        return;
    for (size_t i = 0; i < own->count; i++)
        if (!address_is_loopback(&own->list[i]))
            own->list[kept++] = own->list[i];
    own->count = kept;
}

/* The zone of an address is that of the host that has it: the peer's means nothing here. */
static void without_zone(const char *host, char text[PROTOCOL_HOST_MAX])
{
    size_t length = address_family_of(host) == AF_INET6 ? strcspn(host, "%") : strlen(host);
    snprintf(text, PROTOCOL_HOST_MAX, "%.*s", (int)length, host);
}

/* The only family that the flow may have, AF_UNSPEC for either: as was asked for, or as an address
 * of one of both ends has it. */
static int wanted_family(const struct prepare_endpoint *endpoint)
{
    if (endpoint->settings.ipv4 || endpoint->settings.ipv6)
        return endpoint->settings.ipv4 ? AF_INET : AF_INET6;
    int family = address_family_of(endpoint->host);
    return family != AF_UNSPEC ? family : address_family_of(endpoint->peer_host);
}

static bool has_family(const struct addresses *addresses, int family)
{
    for (size_t i = 0; i < addresses->count; i++)
        if (addresses->list[i].any.sa_family == family)
            return true;
    return false;
}

static bool refuse_family(const struct addresses *addresses, const char *host, int family,
                          struct fail *fail)
{
    char text[ADDRESS_TEXT_MAX];
    address_format(&addresses->list[0], text);
    return fail_set(fail, FAULT_CONNECT,
                    "the host '%s' has no %s address (but %s), and the flow needs one", host,
                    address_family_name(family), text);
}

/* Leaves addresses of one family at both ends, as far as both are known here: a source that has an
 * IPv6 address only does not connect over IPv4. */
static bool choose_family(struct request *request, struct fail *fail)
{
    const struct prepare_endpoint *endpoint = request->endpoint;
    struct addresses *own = &request->own, *peer = &request->peer;
    int family = wanted_family(endpoint);
    if (family == AF_UNSPEC && peer->count && has_family(own, AF_INET) != has_family(own, AF_INET6))
        family = has_family(own, AF_INET) ? AF_INET : AF_INET6;
    if (family == AF_UNSPEC)
        return true;
    if (own->count && !has_family(own, family))
        return refuse_family(own, endpoint->host, family, fail);
    if (peer->count && !has_family(peer, family))
        return refuse_family(peer, endpoint->peer_host, family, fail);
    addresses_keep(own, family);
    addresses_keep(peer, family);
    return true;
}

/* Gives link-local addresses the zone of this host: as its own address names it, or as the only
 * interface that has that address. */
static bool choose_zone(struct request *request, struct fail *fail)
{
    char text[ADDRESS_TEXT_MAX];
    uint32_t zone = 0;
    for (size_t i = 0; i < request->own.count; i++) {
        struct address *own = &request->own.list[i];
        if (!address_is_link_local(own))
            continue;
        address_find_zone(own);
        zone = own->v6.sin6_scope_id;
    }
    for (size_t i = 0; i < request->own.count + request->peer.count; i++) {
        struct address *address = i < request->own.count
                                      ? &request->own.list[i]
                                      : &request->peer.list[i - request->own.count];
        if (!address_is_link_local(address) || address->v6.sin6_scope_id)
            continue;
        address->v6.sin6_scope_id = zone;
        address_format(address, text);
        if (!zone)
            return fail_set(fail, FAULT_CONNECT,
                            "the link-local address %s needs an interface: write the address of "
                            "this end as ADDRESS%%INTERFACE",
                            text);
    }
    return true;
}

enum call_result request_resolve(struct session *session, struct request *request, int64_t until,
                                 struct fail *fail)
{
    const struct resolver_client client = {
        .session = session,
        .user = session->user->name[0] ? session->user : NULL,
        .until = until,
    };
    struct resolver *resolver = session->owner->parts.resolver;
    const struct prepare_endpoint *endpoint = request->endpoint;
    enum resolver_answer own = RESOLVER_KNOWN, peer = RESOLVER_KNOWN;
    char peer_host[PROTOCOL_HOST_MAX];
    without_zone(endpoint->peer_host, peer_host);
    if (endpoint->host[0])
        own = resolver_lookup(resolver, endpoint->host, &client, &request->own, fail);
    if (own == RESOLVER_KNOWN)
        drop_own_loopback(endpoint->host, &request->own);
    if (own == RESOLVER_KNOWN && request_is_source(endpoint))
        peer = resolver_lookup(resolver, peer_host, &client, &request->peer, fail);
    else if (own == RESOLVER_KNOWN && endpoint->destination.dump && endpoint->peer_host[0] &&
             resolver_lookup(resolver, peer_host, &client, &request->peer, NULL) ==
                 RESOLVER_PENDING)
        peer = RESOLVER_PENDING; /* a name that only the source knows does no harm */
    if (own == RESOLVER_UNKNOWN || peer == RESOLVER_UNKNOWN) {
        request_refuse(endpoint, fail);
        return CALL_FAULT;
    }
    request->pending_host = own == RESOLVER_PENDING    ? endpoint->host
                            : peer == RESOLVER_PENDING ? endpoint->peer_host
                                                       : NULL;
    for (size_t i = 0; i < request->peer.count; i++)
        address_set_port(&request->peer.list[i], (uint16_t)endpoint->port);
    if (request->pending_host)
        return CALL_WAIT;
    if (choose_family(request, fail) && choose_zone(request, fail))
        return CALL_DONE;
    request_refuse(endpoint, fail);
    return CALL_FAULT;
}
