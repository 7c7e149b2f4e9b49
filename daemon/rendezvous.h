/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where accepted connections find their flows: the secrets of destinations that wait. */
#ifndef FLOWRIG_RENDEZVOUS_H
#define FLOWRIG_RENDEZVOUS_H

#include <stdbool.h>
#include <stdint.h>

#include "block.h"

struct flow;
struct rendezvous;

struct rendezvous *rendezvous_new(void);
void rendezvous_free(struct rendezvous *rendezvous);

/* The flow waits for a connection that shows flow->secret. */
void rendezvous_add(struct rendezvous *rendezvous, struct flow *flow);
/* It no longer does. After this no connection is handed to it any more. */
void rendezvous_remove(struct rendezvous *rendezvous, struct flow *flow);
/* Hands the connection to the flow that waits for the secret, which is then used up. Gives false,
 * and leaves the connection alone, where none does. */
bool rendezvous_meet(struct rendezvous *rendezvous, const uint8_t secret[SECRET_SIZE], int fd,
                     uint8_t header_size);

#endif
