/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stamp/stamp_reflector.h"

/* Ports that services answer from, reflectors among them, end here. */
enum { SYSTEM_PORTS = 1024 };

/* Whether replies to the port could come back for ever. */
static bool is_looping(const struct stamp_datagram *datagram)
{
    uint16_t port = address_port(&datagram->from);
    return port < SYSTEM_PORTS || port == datagram->to_port;
}

static bool is_unicast(const struct address *address)
{
    if (address->any.sa_family == AF_INET6)
        return !IN6_IS_ADDR_MULTICAST(&address->v6.sin6_addr) &&
               !IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
    uint32_t host = ntohl(address->v4.sin_addr.s_addr);
    return host != INADDR_ANY && !IN_MULTICAST(host) && !IN_BADCLASS(host);
}

static bool may_ask(const struct stamp_reflector *reflector, const struct stamp_datagram *datagram)
{
    struct fail fail;
    const struct address *from = &datagram->from;
    return datagram->to_this_host && is_unicast(from) &&
           (address_is_loopback(from) || netlist_has(&reflector->allow, from)) &&
           quota_check_address(reflector->quotas, from, &fail);
}

/* Whether the bytes that STAMP leaves zero are so: TWAMP may pad with random bytes, in which no
 * session's number stands. */
static bool has_session(const struct stamp_key *key, const struct stamp_datagram *datagram)
{
    for (size_t i = 16; !key->length && i < STAMP_SIZE && i < datagram->length; i++)
        if (datagram->bytes[i])
            return false;
    return true;
}

enum stamp_verdict stamp_reflect(struct stamp_reflector *reflector, struct stamp_datagram *datagram,
                                 uint16_t error, int64_t now, struct stamp_answer *answer)
{
    const struct stamp_key *key = &reflector->key;
    struct stamp_request request;
    size_t head = stamp_size(key);
    if (!may_ask(reflector, datagram))
        return STAMP_FROM_STRANGER;
    if (is_looping(datagram))
        return STAMP_FROM_SERVICE;
    if (datagram->length < (key->length ? head : STAMP_REPLY_LEAST))
        return STAMP_TOO_SHORT;
    if (stamp_is_reply(key, datagram->bytes, datagram->length))
        return STAMP_IS_REPLY;
    if (!stamp_request_decode(key, datagram->bytes, datagram->length, &request))
        return STAMP_NOT_AUTHENTIC;
    if (!stamp_peers_allow(reflector->peers, &datagram->from, now))
        return STAMP_TOO_MANY;
    bool numbered = has_session(key, datagram);
    answer->reply = (struct stamp_reply){
        .sequence = stamp_peers_next(reflector->peers, &datagram->from,
                                     numbered ? request.session : 0, now),
        .received = stamp_time(datagram->received),
        .error = error,
        .session = request.session,
        .request = request,
        .ttl = datagram->ttl < 0 ? 0 : (uint8_t)datagram->ttl,
    };
    const struct stamp_arrival arrival = {
        .from_port = address_port(&datagram->from),
        .to_port = datagram->to_port,
        .tos = datagram->tos,
        .synchronised = (error & STAMP_SYNCHRONISED) != 0,
        .request_sequence = request.sequence,
        .reply_sequence = answer->reply.sequence,
    };
    answer->dscp = -1;
    if (numbered && datagram->length > head)
        answer->dscp =
            stamp_tlvs_reflect(key, &arrival, datagram->bytes + head, datagram->length - head);
    if (answer->dscp < 0)
        answer->dscp = datagram->tos < 0 ? 0 : datagram->tos >> 2;
    return STAMP_ANSWERED;
}

void stamp_reflect_finish(const struct stamp_reflector *reflector, struct stamp_answer *answer,
                          int64_t wall, struct stamp_datagram *datagram)
{
    answer->reply.sent = stamp_time(wall);
    stamp_reply_encode(&reflector->key, &answer->reply, datagram->bytes, datagram->length);
}
