/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The peer protocols: one table of struct peer_protocol and one file each. */
#ifndef FLOWRIG_PEER_H
#define FLOWRIG_PEER_H

#include "flow/flow.h"

/* Both ends are daemons that a controller has told about each other: the source connects and shows
 * the flow's secret, the destination answers with its proof. */
extern const struct peer_protocol peer_flowrig_source, peer_flowrig_destination;
/* The same of datagrams: each end shows the other, between the two sockets that are to carry the
 * flow, that it knows the flow's secrets; no data is sent before. */
extern const struct peer_protocol peer_datagram_source, peer_datagram_destination;

/* Its connection is there already, and no daemon is at the other end. */
extern const struct peer_protocol peer_accepted;
/* The same of iperf3's datagrams: as datagram_formats_iperf3. */
extern const struct peer_protocol peer_accepted_datagrams[2][2];

/* The protocol of one end of flowrig's own flows. */
const struct peer_protocol *peer_protocol_of(int64_t transport, enum endpoint endpoint);

/* For the sources: keeps why the address that was tried last failed, in flow_peer_errors(). A
 * reason that is not the address's own, such as an option that is refused, is kept once. */
void peer_note_failure(struct flow *flow, const char *why);

#endif
