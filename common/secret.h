/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random values of 128 bits: secrets of connections, ids of sessions, runs and daemons. */
#ifndef FLOWRIG_SECRET_H
#define FLOWRIG_SECRET_H

#include <stdbool.h>
#include <stdint.h>

enum { SECRET_SIZE = 16 }; /* bytes */

/* Compares in a time that does not depend on where they differ. */
bool secret_equal(const uint8_t one[SECRET_SIZE], const uint8_t other[SECRET_SIZE]);
/* Secrets as 32 hexadecimal digits, as the control connection carries them. */
void secret_format(const uint8_t secret[SECRET_SIZE], char text[2 * SECRET_SIZE + 1]);
bool secret_parse(const char *text, uint8_t secret[SECRET_SIZE]);
/* Random bytes of the kernel; aborts where it has none. */
void secret_make(uint8_t secret[SECRET_SIZE]);

#endif
