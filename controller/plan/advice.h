/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may be meant otherwise than it was typed: said before a run, which goes on. */
#ifndef FLOWRIG_ADVICE_H
#define FLOWRIG_ADVICE_H

#include "plan/plan.h"

/* Logs a warning about a rate in powers of 1024, and about one that is too low for a second block;
 * one each at most. */
void plan_advise(const struct plan *plan);

#endif
