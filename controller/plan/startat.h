/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Instants as people give them for the start of a run. */
#ifndef FLOWRIG_STARTAT_H
#define FLOWRIG_STARTAT_H

#include <stdbool.h>
#include <stdint.h>

#include "fail.h"

/* No later than a day from now: daemons take no start beyond, and hold their connections open until
 * then. */
#define STARTAT_MAX_S (INT64_C(86400))

/* Reads an instant, and gives it in ns since 1970. `now` is the present, likewise.
 *     2026-11-22T14:30[:05[.25]][Z|+01:00]  a date and a time; local time without a zone; a blank
 *                                           will do for the T
 *     14:30[:05[.25]]                       today, or tomorrow if that is past; local time
 *     +10s                                  from now on; units as in number_parse_seconds()
 *     @1795327200[.5]                       seconds since 1970
 * Returns false and a sentence for anything else, for what is past and what is more than a day
 * away, and for local times that the clocks leave out. */
bool startat_parse(const char *text, int64_t now, int64_t *at, struct fail *fail);

#endif
