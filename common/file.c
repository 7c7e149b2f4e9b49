/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "file.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

bool file_write(int fd, const void *data, size_t length, size_t *done)
{
    size_t at = 0;
    bool good = true;
    while (good && at < length) {
        ssize_t written = write(fd, (const char *)data + at, length - at);
        if (written >= 0)
            at += (size_t)written;
        else if (errno == EAGAIN) /* whoever shares a terminal or pipe may have made it so */
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        else if (errno != EINTR)
            good = false;
    }
    if (done)
        *done = at;
    return good;
}
