/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a live view shows of its model, and what keys do to it: which rows, in which order, and
 * where each text stands on the screen. Pure: time is passed in, and a canvas takes the texts. */
#ifndef FLOWRIG_LIVE_VIEW_H
#define FLOWRIG_LIVE_VIEW_H

#include "output/live_model.h"

/* Keys that are no characters. */
enum live_key {
    LIVE_KEY_NONE = 0x110000,
    LIVE_KEY_UP,
    LIVE_KEY_DOWN,
    LIVE_KEY_PAGE_UP,
    LIVE_KEY_PAGE_DOWN,
    LIVE_KEY_HOME,
    LIVE_KEY_END,
    LIVE_KEY_ENTER,
    LIVE_KEY_ESCAPE,
    LIVE_KEY_ERASE,
    LIVE_KEY_RESIZE,
    LIVE_KEY_F1, /* and so on to F10 */
    LIVE_KEY_F10 = LIVE_KEY_F1 + 9,
};

enum live_style { LIVE_PLAIN = 0, LIVE_BOLD = 1, LIVE_REVERSE = 2, LIVE_BAD = 4 };

/* Takes the texts of a screen. */
struct live_canvas {
    int width, height;
    bool blocks; /* it can show U+2581 to U+2588 */
    void *context;
    /* The text is valid UTF-8 without control characters; it is cut to `width` places. */
    void (*put)(void *context, int y, int x, int width, const char *text, unsigned style);
};

enum live_sort {
    LIVE_BY_FLOW,
    LIVE_BY_FROM,
    LIVE_BY_TO,
    LIVE_BY_GOODPUT,
    LIVE_BY_RTT,
    LIVE_BY_AGAIN,
    LIVE_BY_LIMIT,
    LIVE_SORTS
};
enum live_grouping { LIVE_UNGROUPED, LIVE_BY_SOURCE, LIVE_BY_DESTINATION, LIVE_GROUPINGS };
enum live_typing { LIVE_NOT_TYPING, LIVE_FILTER, LIVE_SEARCH };

enum { LIVE_TEXT_MAX = 64 };

/* A line of the list: a row of the model, or a host with its flows. */
struct live_line {
    bool is_group;
    size_t index; /* of the row, or of the host */
};

struct live_view {
    struct live_model *model;
    bool megabytes;
    const char *title; /* what is measured, fit for a terminal */
    enum live_sort sort;
    bool reverse;
    enum live_grouping grouping;
    enum live_typing typing;
    char filter[LIVE_TEXT_MAX], search[LIVE_TEXT_MAX];
    bool help, quit;
    bool *open;              /* of each host: its flows are listed */
    struct live_line *lines; /* as many as rows and hosts */
    size_t *order;           /* of the rows, as they were sorted last */
    size_t count, cursor, top;
    int page;          /* lines of the list that the screen has */
    int64_t sorted_at; /* when; 0: not yet */
};

/* The caller frees it; the model stays the caller's. */
struct live_view *live_view_new(struct live_model *model, const char *title, bool megabytes);
void live_view_free(struct live_view *view);
/* Does what the key says. */
void live_view_key(struct live_view *view, int key);
/* Puts everything on the canvas, which is empty. Rows are sorted anew once a second at most, unless
 * a key asked for it. `progress` says how far the run is; `message` is the newest one, or "". */
void live_view_draw(struct live_view *view, int64_t now, const char *progress, const char *message,
                    const struct live_canvas *canvas);

/* ---- live_list.c */

/* Makes the lines anew: those that pass the filter, sorted if it is time, by host if asked. */
void live_list(struct live_view *view, int64_t now);
/* Whether the row has the text in its flow number, hosts, limit or state. */
bool live_row_has(const struct live_view *view, const struct live_row *row, const char *text);
/* What limits the row, or why it has ended. */
const char *live_row_words(const struct live_row *row);
/* The figures of all flows of a host together, as the view groups them; SIZE_MAX: of all flows. The
 * state and limit of a sum are unknown. Returns how many flows it has that pass the filter. */
size_t live_sum(const struct live_view *view, size_t host, struct live_row *sum);

#endif
