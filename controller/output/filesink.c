/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/filesink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "output/target.h"

static bool is_regular(int fd)
{
    struct stat status;
    return !fstat(fd, &status) && S_ISREG(status.st_mode);
}

static const char *kind_of(const struct filesink *file)
{
    return file->kind ? file->kind : "output file";
}

/* A new file, or an old one that may be written to; -1 with a sentence. */
static int open_file(struct filesink *file, const char *path, bool overwrite, struct fail *fail)
{
    bool *is_new = &file->is_new;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_EXCL, 0666);
    *is_new = fd >= 0;
    if (fd < 0 && errno == EEXIST)
        fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        fail_set(fail, 0, "the %s %s can't be written: %s", kind_of(file), path, fail_errno(errno));
    } else if (!*is_new && !overwrite && is_regular(fd)) {
        close(fd);
        fd = -1;
        fail_set(fail, 0, "the %s %s exists; -o overwrites it", kind_of(file), path);
    }
    return fd;
}

bool filesink_open(struct filesink *file, const char *target, bool overwrite, struct fail *fail)
{
    bool standard = target_is_stdout(target);
    file->fd = standard ? dup(STDOUT_FILENO) : open_file(file, target, overwrite, fail);
    if (file->fd < 0 && standard)
        fail_set(fail, 0, "standard output can't be written: %s", fail_errno(errno));
    if (file->fd < 0)
        return false;
    file->path = mem_strdup(standard ? "standard output" : target);
    file->regular = !standard && is_regular(file->fd);
    file->writer = writer_new(file->fd);
    return true;
}

static void complain(const struct filesink *file, int error)
{
    if (error != EPIPE) /* a reader that has seen enough is no news */
        log_warning("can't continue to write the %s %s: %s; the run continues", kind_of(file),
                    file->path, fail_errno(error));
}

void filesink_begin(struct filesink *file)
{
    if (file->regular && !file->is_new && ftruncate(file->fd, 0))
        complain(file, errno);
}

void filesink_flush(struct sink *sink)
{
    struct filesink *file = (struct filesink *)sink;
    if (sink->broken || writer_put(file->writer, &file->out))
        return;
    sink->broken = true;
    sink->deserted = writer_error(file->writer) == EPIPE;
    complain(file, writer_error(file->writer));
}

bool filesink_close(struct filesink *file, bool used)
{
    filesink_flush(&file->sink);
    int error = writer_close(file->writer);
    if (close(file->fd) && !error)
        error = errno;
    if (error && !file->sink.broken)
        complain(file, error);
    if (!used && file->is_new)
        unlink(file->path); /* nothing was measured */
    buffer_free(&file->out);
    free(file->path);
    free(file);
    return !error;
}
