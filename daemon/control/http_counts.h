/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a daemon was asked over HTTP since it was started. From any thread. */
#ifndef FLOWRIG_HTTP_COUNTS_H
#define FLOWRIG_HTTP_COUNTS_H

#include <stdatomic.h>

enum { HTTP_REFUSALS_MAX = 16 }; /* statuses that are counted; there are fewer */

struct http_counts {
    atomic_int_fast64_t calls, scrapes; /* answered */
    struct {
        atomic_uint status; /* 0: not used yet */
        atomic_int_fast64_t count;
    } refused[HTTP_REFUSALS_MAX];
};

#endif
