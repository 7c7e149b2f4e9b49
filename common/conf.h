/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration files: a setting in each line, "name" or "name = value". */
#ifndef FLOWRIG_CONF_H
#define FLOWRIG_CONF_H

#include "fail.h"

enum { CONF_MAX = 1 << 20 }; /* bytes */

/* Called for each setting, in order; `value` is NULL where there is none. */
typedef bool conf_handler(void *context, const char *name, const char *value, struct fail *fail);

/* Reads a file. The strings lie in *text, which is to be freed once nobody needs them, after a
 * failure too. A sentence names file and line. */
bool conf_read(const char *path, conf_handler *handler, void *context, char **text,
               struct fail *fail);
/* Reads text, which is taken apart. */
bool conf_parse(char *text, conf_handler *handler, void *context, struct fail *fail);

#endif
