/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The page that Prometheus scrapes: what sessions, flows and the daemon are doing. */
#ifndef FLOWRIG_METRICS_PAGE_H
#define FLOWRIG_METRICS_PAGE_H

#include "control/http_counts.h"
#include "mem.h"
#include "session/session.h"
#include "stamp/stamp_counts.h"

/* Endpoints that are listed one by one. */
enum { METRICS_ENDPOINTS_MAX = 500 };

struct metrics_page;

/* All are borrowed, `stamp` may be NULL; the caller owns the page. */
struct metrics_page *metrics_page_new(struct sessions *sessions, const struct http_counts *counts,
                                      const struct stamp_counts *stamp);
/* NULL is allowed. */
void metrics_page_free(struct metrics_page *page);

/* Appends the page, in Prometheus' text format 0.0.4, to `out`. It is made at most once per second;
 * whoever asks sooner gets the same again. From any thread. */
void metrics_page_get(struct metrics_page *page, int64_t now, struct buffer *out);

#endif
