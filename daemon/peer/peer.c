/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer/peer.h"

const struct peer_protocol *peer_protocol_of(int64_t transport, enum endpoint endpoint)
{
    static const struct peer_protocol *const streams[ENDPOINTS] = {&peer_flowrig_source,
                                                                   &peer_flowrig_destination};
    static const struct peer_protocol *const datagrams[ENDPOINTS] = {&peer_datagram_source,
                                                                     &peer_datagram_destination};
    bool stream = transport_traits[transport].capabilities & TRANSPORT_STREAM;
    return (stream ? streams : datagrams)[endpoint];
}
