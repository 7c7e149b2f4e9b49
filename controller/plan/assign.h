/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What options say of flows, kept until their number is known: the order of options does not
 * matter, except that -F selects for what follows. */
#ifndef FLOWRIG_ASSIGN_H
#define FLOWRIG_ASSIGN_H

#include "plan/plan.h"

struct assignments;

/* No assignments yet; the caller owns it. */
struct assignments *assignments_new(void);
void assignments_free(struct assignments *all);

/* The functions below give false and a sentence without the option's name; `given` is the option
 * as it was typed. */

/* -F: what follows is for the flows of this list. */
bool assignments_select(struct assignments *all, const char *list, struct fail *fail);
/* An option of settings.def; `value` is NULL where there is none. */
bool assignments_give_setting(struct assignments *all, const struct setting *setting,
                              const char *given, const char *value, struct fail *fail);
/* -H, -O and -G. */
bool assignments_give_host(struct assignments *all, const char *given, const char *list,
                           struct fail *fail);
bool assignments_give_sockopt(struct assignments *all, const char *given, const char *list,
                              struct fail *fail);
bool assignments_give_traffic(struct assignments *all, const char *given, const char *list,
                              struct fail *fail);

/* Sets the plan's flows. Sentences begin with the option that they are about. The plan takes the
 * tables over. */
bool assignments_apply(struct assignments *all, struct plan *plan, struct fail *fail);

#endif
