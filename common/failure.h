/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What has failed at one end of a flow. The daemon knows all but the host; the controller words it
 * whole, in one form, however it has heard of it: as a fault of a call, as a failure of the
 * preparation, or in a final report. */
#ifndef FLOWRIG_FAILURE_H
#define FLOWRIG_FAILURE_H

#include "fail.h"
#include "settings.h"

struct failure {
    int64_t flow;
    enum endpoint endpoint;
    const char *host; /* the end's test address; NULL: not known */
    int code;         /* of the fault */
    const char *sentence;
};

/* Puts the flow and the endpoint before a sentence, as a fault carries them: "flow 3, source: ".
 * Returns false. */
bool failure_mark(struct fail *fail, int64_t flow, enum endpoint endpoint);
/* Takes a fault apart; the sentence points into it, the host is not known. Returns false where it
 * is not about one end of a flow. */
bool failure_read(const struct fail *fault, struct failure *failure);

#endif
