/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One self-contained page: data, style and scripts in one HTML file that loads nothing. */
#ifndef FLOWRIG_REPORT_PAGE_H
#define FLOWRIG_REPORT_PAGE_H

#include "mem.h"

/* The library that draws the page's charts, as Debian's libjs-dygraphs installs it. */
struct report_library {
    char *script, *style; /* NULL: it is not there */
};

/* Reads it from a directory. Returns false and a sentence where it is not there. */
bool report_library_read(const char *directory, struct report_library *library, struct fail *fail);
void report_library_free(struct report_library *library);

/* The page, in the buffer. `data` is report_data()'s text. */
void report_page(struct buffer *out, const char *title, const char *data,
                 const struct report_library *library);

#endif
