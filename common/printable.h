/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text from outside the program (replies and rows of daemons, names that callers chose, files),
 * made fit for a terminal, a log or a script. */
#ifndef FLOWRIG_PRINTABLE_H
#define FLOWRIG_PRINTABLE_H

/* Replaces in place, by one '?' each: control characters (C0, DEL, C1), the line and paragraph
 * separators, the characters that change the direction of text (Unicode's Bidi_Control), and every
 * byte that is not part of valid UTF-8 (RFC 3629). The text never gets longer. */
void printable(char *text);
/* The same for text of several lines: '\n' stays. */
void printable_lines(char *text);

#endif
