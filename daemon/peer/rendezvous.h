/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where accepted connections find their flows: the tokens of destinations that wait. */
#ifndef FLOWRIG_RENDEZVOUS_H
#define FLOWRIG_RENDEZVOUS_H

#include <stdbool.h>
#include <stdint.h>

#include "preamble.h"

struct flow;
struct rendezvous;

/* An empty table, owned by the caller. */
struct rendezvous *rendezvous_new(void);
void rendezvous_free(struct rendezvous *rendezvous);

/* The flow waits for a connection that shows flow_token(). */
void rendezvous_add(struct rendezvous *rendezvous, struct flow *flow);
/* It no longer does. After this no connection is handed to it any more. */
void rendezvous_remove(struct rendezvous *rendezvous, struct flow *flow);
/* For how long the flows that wait let a source try, in ns: the longest connect_timeout since none
 * waited; 0 while none does. */
int64_t rendezvous_patience(struct rendezvous *rendezvous);
/* Hands the connection to the flow that waits for the preamble's token, which is then used up.
 * Returns false, and leaves the connection alone, where none does. */
bool rendezvous_meet(struct rendezvous *rendezvous, const struct preamble *preamble, int fd);

#endif
