/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Differentiated services code points (RFC 2474) and their names. */
#ifndef FLOWRIG_DSCP_H
#define FLOWRIG_DSCP_H

#include <stddef.h>
#include <stdint.h>

#include "fail.h"

/* Reads a number (decimal, or hexadecimal after 0x), whose range is not checked, or a name, in
 * small or capital letters. */
bool dscp_parse(const char *text, int64_t *dscp, struct fail *fail);
/* The name, or the number of a code point that has none. */
void dscp_format(int64_t dscp, char *text, size_t size);

#endif
