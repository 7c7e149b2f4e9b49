/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of reports as session.reports gives them to people and scripts, and what reports.schema says
 * of them. */
#ifndef FLOWRIG_RPC_REPORTS_H
#define FLOWRIG_RPC_REPORTS_H

#include "fail.h"
#include "protocol.h"

/* How many bytes of packed rows the answer may be made of: a table takes far more memory than its
 * rows. */
int64_t rpc_reports_most_bytes(const struct reports_call *call);
/* The memory, in bytes, that the answer takes while it is made of the packed rows in `reply`: an
 * estimate, rather too high. */
int64_t rpc_reports_memory(const struct reports_call *call, const struct reports_reply *reply);
/* Makes of the packed rows what the call asks for: a table is an array of arrays, one for each row.
 * Returns false with a sentence where there is no memory; the reply has no rows then. */
bool rpc_reports_encode(const struct reports_call *call, struct reports_reply *reply,
                        struct fail *fail);

/* Fills in the columns of a row, in both encodings. */
void rpc_reports_describe(const struct schema_call *call, struct schema_reply *reply);

#endif
