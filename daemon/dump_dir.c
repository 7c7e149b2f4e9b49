/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directory of dumps: what is in it, and what it may hold. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "dump_file.h"

bool dump_dir_open(struct dump_dir *dir, const char *path, int64_t total_maximum,
                   int64_t file_maximum, struct fail *fail)
{
    *dir = (struct dump_dir){
        .fd = -1,
        .space = {.what = "space for dumps", .limit = total_maximum},
        .file_maximum = file_maximum,
    };
    if (!path)
        return true;
    dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->fd < 0)
        return fail_set(fail, 0, "option -w: %s can't be used: %s", path, fail_errno(errno));
    dump_dir_count(dir);
    return true;
}

void dump_dir_close(struct dump_dir *dir)
{
    if (dir->fd >= 0)
        close(dir->fd);
    dir->fd = -1;
}

void dump_dir_describe(const struct dump_dir *dir, struct quotas_message *quotas)
{
    if (dir->fd < 0)
        return;
    quotas->dump_file_size = dir->file_maximum;
    quotas->dump_space = dir->space.limit;
}

/* All dumps, in the order of their names; the array and each name are to be freed. */
static int all_names(const struct dump_dir *dir, char ***names)
{
    struct dirent **entries;
    int count = scandirat(dir->fd, ".", &entries, NULL, alphasort), kept = 0;
    *names = mem_new(count > 0 ? (size_t)count : 1, sizeof(char *));
    for (int i = 0; i < count; i++) {
        if (dump_name_check(entries[i]->d_name))
            (*names)[kept++] = mem_strdup(entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return kept;
}

static void free_names(char **names, int count)
{
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static bool look_at(const struct dump_dir *dir, const char *name, struct stat *status)
{
    return !fstatat(dir->fd, name, status, AT_SYMLINK_NOFOLLOW) && S_ISREG(status->st_mode);
}

void dump_dir_count(struct dump_dir *dir)
{
    char **names;
    int64_t bytes = 0;
    struct stat status;
    if (dir->fd < 0)
        return;
    int count = all_names(dir, &names);
    for (int i = 0; i < count; i++)
        if (look_at(dir, names[i], &status))
            bytes += status.st_size;
    free_names(names, count);
    dir->space.used = bytes;
}

static bool no_directory(struct fail *fail)
{
    return fail_set(fail, FAULT_POLICY,
                    "this flowd has no directory for packet dumps (its option -w, --dump-dir)");
}

bool dump_dir_list(const struct dump_dir *dir, const struct dumps_list_call *call,
                   struct dumps_list_reply *reply, struct fail *fail)
{
    char **names;
    struct stat status;
    if (dir->fd < 0)
        return no_directory(fail);
    int count = all_names(dir, &names);
    struct dump_entry *list = mem_new(PROTOCOL_DUMPS_MAX, sizeof *list);
    size_t listed = 0;
    for (int i = 0; i < count && !reply->more; i++) {
        if (strcmp(names[i], call->after) <= 0 ||
            (call->run[0] && !dump_name_of_run(names[i], call->run)) ||
            !look_at(dir, names[i], &status))
            continue;
        if (listed == PROTOCOL_DUMPS_MAX) {
            reply->more = 1;
            break;
        }
        snprintf(list[listed].name, sizeof list[listed].name, "%s", names[i]);
        list[listed].size = status.st_size;
        list[listed].modified = status.st_mtim.tv_sec * NS_PER_SEC + status.st_mtim.tv_nsec;
        listed++;
    }
    free_names(names, count);
    reply->dumps = (struct schema_list){list, listed};
    return true;
}

static bool read_part(int fd, const struct dumps_read_call *call, struct dumps_read_reply *reply,
                      struct fail *fail)
{
    struct stat status;
    if (fstat(fd, &status) || !S_ISREG(status.st_mode))
        return fail_set(fail, FAULT_BAD_CALL, "%s is no file", call->name);
    int64_t left = status.st_size - call->offset;
    size_t wanted = left < 0 ? 0 : (size_t)(left < call->max_bytes ? left : call->max_bytes);
    reply->size = status.st_size;
    reply->data.data = mem_new(wanted + 1, 1);
    while (reply->data.length < wanted) {
        size_t at = reply->data.length;
        ssize_t got = pread(fd, (char *)reply->data.data + at, wanted - at,
                            (off_t)(call->offset + (int64_t)at));
        if (got < 0 && errno != EINTR)
            return fail_set(fail, FAULT_SYSTEM, "%s can't be read: %s", call->name,
                            fail_errno(errno));
        if (got == 0)
            break; /* it became shorter */
        reply->data.length += got > 0 ? (size_t)got : 0;
    }
    return true;
}

bool dump_dir_read(const struct dump_dir *dir, const struct dumps_read_call *call,
                   struct dumps_read_reply *reply, struct fail *fail)
{
    if (dir->fd < 0)
        return no_directory(fail);
    if (!dump_name_check(call->name))
        return fail_set(fail, FAULT_BAD_CALL, "'%s' is no name of a dump", call->name);
    int fd = openat(dir->fd, call->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fail_set(fail, errno == ENOENT ? FAULT_GONE : FAULT_SYSTEM,
                        "the dump %s can't be read: %s", call->name, fail_errno(errno));
    bool good = read_part(fd, call, reply, fail);
    close(fd);
    return good;
}
