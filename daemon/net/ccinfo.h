/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a congestion control algorithm says of its own state, as metrics. */
#ifndef FLOWRIG_CCINFO_H
#define FLOWRIG_CCINFO_H

#include <stdint.h>

#include "metrics.h"

/* Which algorithm's figures a connection has. */
enum ccinfo_kind { CCINFO_NONE, CCINFO_BBR, CCINFO_DCTCP, CCINFO_VEGAS };

/* By the connection's algorithm as it is now: one that has run into trouble goes by another name
 * (dctcp without ECN is dctcp-reno). */
enum ccinfo_kind ccinfo_kind(int fd);
/* Reads TCP_CC_INFO into `values` (indexed by enum metric); what does not exist stays as it is. */
void ccinfo_read(int fd, enum ccinfo_kind kind, int64_t values[METRICS]);

#endif
