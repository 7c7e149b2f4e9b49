/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

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

/* ---- opening ---- */

static bool check_private(const char *name, const char *path, const struct stat *status,
                          struct fail *fail)
{
    if (status->st_uid != geteuid())
        return fail_set(fail, 0,
                        "%s belongs to user %ld, but must belong to the user that runs the program "
                        "(%ld)",
                        name, (long)status->st_uid, (long)geteuid());
    return !(status->st_mode & 077) ||
           fail_set(fail, 0,
                    "%s is accessible to others (mode %04o): restrict it with chmod 600 "
                    "%s",
                    name, (unsigned)status->st_mode & 07777, path);
}

static bool check_opened(const char *name, const char *path, int fd, unsigned demands,
                         struct fail *fail)
{
    struct stat status;
    if (fstat(fd, &status))
        return fail_set(fail, 0, "%s: %s", name, fail_errno(errno));
    if (!S_ISREG(status.st_mode))
        return fail_set(fail, 0, "%s is not a regular file", name);
    return !(demands & FILE_PRIVATE) || check_private(name, path, &status, fail);
}

int file_open(const char *name, const char *path, int flags, unsigned demands, struct fail *fail)
{
    name = name ? name : path;
    flags |= O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = open(path, flags | (demands & FILE_NO_LINK ? O_NOFOLLOW : 0));
    int error = errno;
    if (fd >= 0 && check_opened(name, path, fd, demands, fail))
        return fd;
    if (fd >= 0) {
        close(fd);
        error = EINVAL;
    } else if (error == ELOOP && (demands & FILE_NO_LINK)) {
        fail_set(fail, 0, "%s is a symbolic link, and is not followed", name);
    } else if (error == ENXIO || error == ENODEV) { /* a FIFO without a reader, a socket */
        fail_set(fail, 0, "%s is not a regular file", name);
    } else {
        fail_set(fail, 0, "%s can't be %s: %s", name,
                 (flags & O_ACCMODE) == O_RDONLY ? "read" : "opened", fail_errno(error));
    }
    errno = error;
    return -1;
}

/* ---- reading ---- */

/* It may grow while it is read: one byte more than `max` is enough to know. */
static bool read_all(int fd, char *text, size_t max, size_t *length)
{
    *length = 0;
    while (*length <= max) {
        ssize_t got = pread(fd, text + *length, max + 1 - *length, (off_t)*length);
        if (got == 0)
            return true;
        if (got > 0)
            *length += (size_t)got;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

char *file_read_text(const char *name, int fd, size_t max, struct fail *fail)
{
    size_t length;
    char *text = mem_new(max + 2, 1);
    bool good = read_all(fd, text, max, &length) ||
                fail_set(fail, 0, "%s can't be read: %s", name, fail_errno(errno));
    if (good && length > max)
        good = fail_set(fail, 0, "%s is larger than %zu bytes", name, max);
    if (good && memchr(text, '\0', length))
        good =
            fail_set(fail, 0, "%s contains a NUL byte: it is not a text file, or is damaged", name);
    if (good)
        return text;
    explicit_bzero(text, length); /* it may be a secret */
    free(text);
    return NULL;
}

/* ---- writing ---- */

static bool put_beside(const char *beside, const char *path, mode_t mode, const void *data,
                       size_t length, bool keep)
{
    unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    bool good = fd >= 0 && file_write(fd, data, length, NULL) && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    if (good && keep)
        return link(beside, path) == 0 || errno == EEXIST;
    return good && rename(beside, path) == 0;
}

bool file_put(const char *path, mode_t mode, const void *data, size_t length, bool keep,
              struct fail *fail)
{
    char *beside = mem_printf("%s.%ld", path, (long)getpid());
    bool good = put_beside(beside, path, mode, data, length, keep) ||
                fail_set(fail, 0, "%s can't be written: %s", path, fail_errno(errno));
    unlink(beside);
    free(beside);
    return good;
}

void file_hold_standard(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}
