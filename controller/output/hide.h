/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --hide-addresses: what names a host or an address is replaced, so that results can be published.
 * Hosts become "host-0", "host-1" in the order of the plan's daemons. */
#ifndef FLOWRIG_HIDE_H
#define FLOWRIG_HIDE_H

#include "output/sink.h"

struct hide;

/* NULL where nothing is to be hidden. */
struct hide *hide_new(const struct sink_run *run);
void hide_free(struct hide *hide);
/* A copy of `text`, to be freed, with each name and address of the run replaced. */
char *hide_text(const struct hide *hide, const char *text);
/* The title of the run (--title), to be freed, with what is to be hidden replaced; NULL: none. */
char *hide_title(const struct sink_run *run);

#endif
