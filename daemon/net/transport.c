/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/transport.h"

const struct transport *const transports[TRANSPORTS] = {
    [TRANSPORT_TCP] = &transport_tcp,
    [TRANSPORT_MPTCP] = &transport_mptcp,
    [TRANSPORT_UDP] = &transport_udp,
};
