/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directory of dumps: what is in it, and what it may hold. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "capture/dump_file.h"
#include "token.h"

struct dump_made {
    char name[DUMP_NAME_MAX];
    char user[TOKEN_NAME_MAX]; /* "": nobody has to say who they are */
};

/* Root may write anywhere, says access(2), but not where the file system makes no files. */
static bool check_writable(int fd, const char *path, struct fail *fail)
{
    char name[64];
    int file = openat(fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) {
        snprintf(name, sizeof name, ".flowd-%ld", (long)getpid());
        file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (file >= 0)
            unlinkat(fd, name, 0);
    }
    if (file < 0)
        return fail_set(fail, 0, "option -w: can't create a file in %s: %s", path,
                        fail_errno(errno));
    close(file);
    return true;
}

static void count_files(struct dump_dir *dir);

bool dump_dir_open(struct dump_dir *dir, const char *path, const struct dump_limits *limits,
                   struct fail *fail)
{
    *dir = (struct dump_dir){
        .fd = -1,
        .space = {.limit = limits->space},
        .files = {.limit = limits->files},
        .file_maximum = limits->file_size,
    };
    pthread_mutex_init(&dir->lock, NULL);
    if (!path)
        return true;
    dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->fd < 0)
        return fail_set(fail, 0, "option -w: %s can't be used: %s", path, fail_errno(errno));
    if (!check_writable(dir->fd, path, fail))
        return false;
    count_files(dir);
    return true;
}

void dump_dir_close(struct dump_dir *dir)
{
    if (dir->fd >= 0)
        close(dir->fd);
    dir->fd = -1;
    free(dir->made);
    dir->made = NULL;
    dir->made_count = 0;
}

void dump_dir_describe(const struct dump_dir *dir, struct quotas_message *quotas)
{
    if (dir->fd < 0)
        return;
    quotas->dump_file_size = dir->file_maximum;
    quotas->dump_space = dir->space.limit;
}

static bool look_at(const struct dump_dir *dir, const char *name, struct stat *status)
{
    return !fstatat(dir->fd, name, status, AT_SYMLINK_NOFOLLOW) && S_ISREG(status->st_mode);
}

/* ---- what is there ---- */

static void count_files(struct dump_dir *dir)
{
    int64_t bytes = 0, files = 0;
    struct stat status;
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *all = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *entry; all && (entry = readdir(all));) {
        if (!dump_name_check(entry->d_name) || !look_at(dir, entry->d_name, &status))
            continue;
        bytes += status.st_size;
        files++;
    }
    if (all)
        closedir(all);
    dir->space.used = bytes;
    dir->files.used = files;
    dir->counted_at = clock_now();
}

/* Users remove what they have fetched. Counting takes a while where much is there, so it is not
 * done for each dump. */
static void count_again(struct dump_dir *dir)
{
    pthread_mutex_lock(&dir->lock);
    bool full = dir->files.used >= dir->files.limit || dir->space.used >= dir->space.limit;
    if (full && clock_now() - dir->counted_at >= NS_PER_SEC)
        count_files(dir);
    pthread_mutex_unlock(&dir->lock);
}

bool dump_dir_take_file(struct dump_dir *dir, struct fail *fail)
{
    count_again(dir);
    return budget_take(&dir->files, 1) ||
           fail_set(fail, FAULT_TOO_MANY,
                    "there are %" PRId64
                    " packet dumps in the directory of this flowd, which is the limit "
                    "(--dump-files): fetch and remove them",
                    dir->files.limit);
}

/* ---- what was made, with the lock ---- */

/* The place of the first one whose name does not sort before this one. */
static size_t find_place(const struct dump_dir *dir, const char *name)
{
    size_t low = 0, high = dir->made_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(dir->made[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct dump_made *find(const struct dump_dir *dir, const char *name)
{
    size_t at = find_place(dir, name);
    return at < dir->made_count && !strcmp(dir->made[at].name, name) ? &dir->made[at] : NULL;
}

static void forget(struct dump_dir *dir, struct dump_made *made)
{
    size_t after = (size_t)(dir->made + --dir->made_count - made);
    memmove(made, made + 1, after * sizeof *made);
}

void dump_dir_forget(struct dump_dir *dir, const char *name)
{
    pthread_mutex_lock(&dir->lock);
    struct dump_made *made = find(dir, name);
    if (made)
        forget(dir, made);
    pthread_mutex_unlock(&dir->lock);
}

/* Those that were removed since make room. */
static void forget_removed(struct dump_dir *dir)
{
    struct stat status;
    size_t kept = 0;
    for (size_t i = 0; i < dir->made_count; i++)
        if (look_at(dir, dir->made[i].name, &status))
            dir->made[kept++] = dir->made[i];
    dir->made_count = kept;
}

void dump_dir_add(struct dump_dir *dir, const char *name, const char *user)
{
    struct dump_made made = {0};
    snprintf(made.name, sizeof made.name, "%s", name);
    snprintf(made.user, sizeof made.user, "%s", user);
    pthread_mutex_lock(&dir->lock);
    struct dump_made *before = find(dir, name); /* removed, and made again */
    if (before)
        forget(dir, before);
    if ((int64_t)dir->made_count >= dir->files.limit)
        forget_removed(dir);
    size_t at = find_place(dir, name);
    dir->made = mem_grow(dir->made, dir->made_count + 1, sizeof *dir->made);
    memmove(dir->made + at + 1, dir->made + at, (dir->made_count++ - at) * sizeof *dir->made);
    dir->made[at] = made;
    pthread_mutex_unlock(&dir->lock);
}

/* ---- calls ---- */

static bool no_directory(struct fail *fail)
{
    return fail_set(fail, FAULT_POLICY,
                    "this flowd has no directory for packet dumps (its option -w, --dump-dir)");
}

bool dump_dir_list(struct dump_dir *dir, const struct dumps_list_call *call, const char *user,
                   struct dumps_list_reply *reply, struct fail *fail)
{
    struct stat status;
    if (dir->fd < 0)
        return no_directory(fail);
    struct dump_entry *list = mem_new(PROTOCOL_DUMPS_MAX, sizeof *list);
    size_t listed = 0;
    pthread_mutex_lock(&dir->lock);
    for (size_t i = find_place(dir, call->after); i < dir->made_count && !reply->more; i++) {
        const struct dump_made *made = &dir->made[i];
        if (!strcmp(made->name, call->after) || strcmp(made->user, user) ||
            (call->run[0] && !dump_name_of_run(made->name, call->run)) ||
            !look_at(dir, made->name, &status))
            continue;
        if (listed == PROTOCOL_DUMPS_MAX) {
            reply->more = 1;
            break;
        }
        snprintf(list[listed].name, sizeof list[listed].name, "%s", made->name);
        list[listed].size = status.st_size;
        list[listed].modified = status.st_mtim.tv_sec * NS_PER_SEC + status.st_mtim.tv_nsec;
        listed++;
    }
    pthread_mutex_unlock(&dir->lock);
    reply->dumps = (struct schema_list){list, listed};
    return true;
}

static bool read_part(int fd, const struct dumps_read_call *call, struct dumps_read_reply *reply,
                      struct fail *fail)
{
    struct stat status;
    if (fstat(fd, &status) || !S_ISREG(status.st_mode))
        return fail_set(fail, FAULT_BAD_CALL, "%s is not a file", call->name);
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

static bool belongs_to(struct dump_dir *dir, const char *name, const char *user)
{
    pthread_mutex_lock(&dir->lock);
    const struct dump_made *made = find(dir, name);
    bool belongs = made && !strcmp(made->user, user);
    pthread_mutex_unlock(&dir->lock);
    return belongs;
}

bool dump_dir_read(struct dump_dir *dir, const struct dumps_read_call *call, const char *user,
                   struct dumps_read_reply *reply, struct fail *fail)
{
    if (dir->fd < 0)
        return no_directory(fail);
    if (!dump_name_check(call->name))
        return fail_set(fail, FAULT_BAD_CALL, "'%s' is not the name of a dump", call->name);
    bool known = belongs_to(dir, call->name, user);
    int fd =
        known ? openat(dir->fd, call->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0)
        return fail_set(fail, !known || errno == ENOENT ? FAULT_GONE : FAULT_SYSTEM,
                        "the dump %s can't be read: %s", call->name,
                        fail_errno(known ? errno : ENOENT));
    bool good = read_part(fd, call, reply, fail);
    close(fd);
    return good;
}
