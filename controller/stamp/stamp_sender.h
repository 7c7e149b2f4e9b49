/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sends STAMP requests to a reflector, and takes its replies. */
#ifndef FLOWRIG_STAMP_SENDER_H
#define FLOWRIG_STAMP_SENDER_H

#include "address.h"
#include "stamp/stamp_figures.h"

enum {
    STAMP_SILENT_MAX = 10, /* requests to who has not answered yet; beyond it nobody is there */
    STAMP_COUNT_MAX = 1000000,
    STAMP_PACKET_MAX = 1472, /* bytes */
};

/* Nobody is sent more than 100 requests per second, nor after so long without a reply. */
#define STAMP_INTERVAL_LEAST INT64_C(10000000)
#define STAMP_SILENCE        INT64_C(30000000000)

struct stamp_session {
    struct address to;
    int64_t interval; /* ns */
    int64_t count, size;
    int64_t dscp;
    struct stamp_key key;
};

/* Sends all requests and waits for the last reply, or until the user asks for an end. What was
 * measured is in `figures`, which is to be freed, also where it returns false with a sentence:
 * nothing can be sent, or nobody answers there. */
bool stamp_send(const struct stamp_session *session, struct stamp_figures *figures,
                struct fail *fail);

#endif
