/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers by which a daemon, or one start of it, is told from others. */
#ifndef FLOWRIG_IDENTITY_H
#define FLOWRIG_IDENTITY_H

#include "fail.h"
#include "protocol.h"

/* A random one. */
void identity_make(char id[PROTOCOL_ID_MAX]);
/* The one that lies in the state directory, in the file daemon-id; made where there is none, or an
 * empty file, as an older flowd could leave it. Returns false with a sentence if the file holds
 * anything else, is a link or no file, or can't be written. */
bool identity_read(const char *state_dir, char id[PROTOCOL_ID_MAX], struct fail *fail);

#endif
