/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What keys do to a live view. */
#include <string.h>

#include "output/live_view.h"

static void move(struct live_view *view, int lines)
{
    int64_t to = (int64_t)view->cursor + lines;
    int64_t last = view->count ? (int64_t)view->count - 1 : 0;
    view->cursor = (size_t)(to < 0 ? 0 : to > last ? last : to);
}

/* Selects the next line that has the text, from this one on or after it. */
static void find(struct live_view *view, size_t from)
{
    for (size_t i = 0; i < view->count && *view->search; i++) {
        size_t index = (view->cursor + from + i) % view->count;
        const struct live_line *line = &view->lines[index];
        bool found = line->is_group
                         ? strcasestr(view->model->hosts[line->index], view->search) != NULL
                         : live_row_has(view, &view->model->rows[line->index], view->search);
        if (found) {
            view->cursor = index;
            return;
        }
    }
}

static void type(struct live_view *view, int key)
{
    char *text = view->typing == LIVE_FILTER ? view->filter : view->search;
    size_t length = strlen(text);
    if (key == LIVE_KEY_ENTER) {
        view->typing = LIVE_NOT_TYPING;
    } else if (key == LIVE_KEY_ESCAPE) {
        *text = '\0';
        view->typing = LIVE_NOT_TYPING;
    } else if (key == LIVE_KEY_ERASE && length) {
        text[length - 1] = '\0';
    } else if (key >= ' ' && key < 127 && length + 1 < LIVE_TEXT_MAX) {
        text[length] = (char)key;
        text[length + 1] = '\0';
    }
    if (view->typing == LIVE_SEARCH)
        find(view, key == LIVE_KEY_F1 + 2 ? 1 : 0);
}

static void sort_by(struct live_view *view, int step)
{
    view->sort = (enum live_sort)((view->sort + LIVE_SORTS + (unsigned)step) % LIVE_SORTS);
    view->sorted_at = 0;
}

/* Opens or closes the host that is selected. */
static void fold(struct live_view *view)
{
    if (view->cursor < view->count && view->lines[view->cursor].is_group)
        view->open[view->lines[view->cursor].index] ^= true;
}

static void arrange(struct live_view *view, int key)
{
    switch (key) {
    case LIVE_KEY_F1 + 4:
    case 't':
        view->grouping = (view->grouping + 1) % LIVE_GROUPINGS;
        view->cursor = view->top = 0;
        break;
    case LIVE_KEY_F1 + 5:
    case '>':
    case '.':
        sort_by(view, 1);
        break;
    case '<':
    case ',':
        sort_by(view, -1);
        break;
    case 'I':
        view->reverse ^= true;
        view->sorted_at = 0;
        break;
    case LIVE_KEY_F1 + 2:
    case '/':
        view->search[0] = '\0';
        view->typing = LIVE_SEARCH;
        break;
    case LIVE_KEY_F1 + 3:
    case '\\':
        view->typing = LIVE_FILTER;
        break;
    case LIVE_KEY_ENTER:
    case '+':
    case '-':
    case ' ':
        fold(view);
        break;
    case LIVE_KEY_F1:
    case 'h':
    case '?':
        view->help = true;
        break;
    case LIVE_KEY_F10:
    case 'q':
        view->quit = true;
        break;
    default:
        break;
    }
}

void live_view_key(struct live_view *view, int key)
{
    if (key == LIVE_KEY_NONE || key == LIVE_KEY_RESIZE)
        return;
    if (view->typing) {
        type(view, key);
        return;
    }
    if (view->help && key != 'q' && key != LIVE_KEY_F10) {
        view->help = false;
        return;
    }
    switch (key) {
    case LIVE_KEY_UP:
    case 'k':
        move(view, -1);
        break;
    case LIVE_KEY_DOWN:
    case 'j':
        move(view, 1);
        break;
    case LIVE_KEY_PAGE_UP:
    case 'b':
        move(view, -view->page);
        break;
    case LIVE_KEY_PAGE_DOWN:
    case 'f':
        move(view, view->page);
        break;
    case LIVE_KEY_HOME:
    case 'g':
        view->cursor = 0;
        break;
    case LIVE_KEY_END:
    case 'G':
        view->cursor = view->count ? view->count - 1 : 0;
        break;
    default:
        arrange(view, key);
    }
}
