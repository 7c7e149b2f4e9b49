// SPDX-License-Identifier: GPL-3.0-or-later
/* watch.h - a descriptor in the epoll set, together with what to call when it is readable. */
#ifndef LAB_WATCH_H
#define LAB_WATCH_H

#include <stddef.h>
#include <sys/epoll.h>

/* Embedded in the struct it belongs to; container_of() finds the way back. */
struct watch {
    int fd;
    void (*readable)(struct watch *watch);
};

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* Returns 0, or -1 with errno set. The watch must stay in place until its descriptor is closed. */
static inline int watch_add(int epoll_fd, struct watch *watch)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, watch->fd, &event);
}

#endif
