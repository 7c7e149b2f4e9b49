/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of text on their way to a sink. */
#ifndef FLOWRIG_TEXT_H
#define FLOWRIG_TEXT_H

/* Takes a line, without its end, which is valid during the call. */
typedef void text_line(void *context, const char *line);

#endif
