/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doubly linked lists whose links lie inside the items. */
#ifndef FLOWRIG_LIST_H
#define FLOWRIG_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "mem.h"

struct list {
    struct list *next, *prev;
};

/* The item of `type` whose member `member` is the link `link`. */
#define list_item(link, type, member) container_of(link, type, member)

#define list_for_each(link, head) \
    for (struct list *link = (head)->next; link != (head); link = link->next)

/* The same where the body may take `link` out of the list. */
#define list_for_each_safe(link, head)                                                \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head); \
         link = link##_next, link##_next = link->next)

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* Takes the link out; it may be taken out again, or be empty, without harm. */
static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* Moves all items of `from` to the end of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
