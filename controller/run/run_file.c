/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/run_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "file.h"
#include "mem.h"
#include "number.h"
#include "path.h"

#define MAGIC  "flowrig-run 1\n"
#define PREFIX "run-"

enum { FILE_MAX = 16 << 20, ARGS_MAX = 1 << 20 };

/* ---- where they are ---- */

/* The folder, in new memory; NULL where the user has none. */
static char *folder(void)
{
    return path_of_user("XDG_STATE_HOME", ".local/state", "flowrig");
}

static void sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

/* ---- writing ---- */

/* A word of any bytes in one line: what is not printable, and '%', as %XX. */
static void put_line(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, "%s ", name);
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        buffer_printf(out, *at < 0x20 || *at == '%' || *at == 0x7f ? "%%%02X" : "%c", *at);
    buffer_text(out, "\n");
}

static void put_all(struct buffer *out, const struct run_file *file)
{
    buffer_text(out, MAGIC);
    put_line(out, "run", file->id);
    put_line(out, "version", file->version);
    if (file->log)
        put_line(out, "log", file->log);
    put_line(out, "directory", file->directory);
    if (file->token)
        put_line(out, "token", file->token);
    buffer_printf(out, "read %" PRId64 "\nseed %" PRId64 "\n", file->read_at, file->seed);
    for (size_t i = 0; i < file->session_count; i++)
        buffer_printf(out, "session %s %s\n", file->sessions[i].session, file->sessions[i].boot_id);
    for (int i = 0; i < file->argc; i++)
        put_line(out, "arg", file->argv[i]);
    buffer_text(out, "end\n");
}

/* One that does not say all that happened would mislead whoever attaches to the run. */
static void give_up(struct run_file *file)
{
    run_file_remove(file);
    close(file->fd);
    file->fd = -1;
}

/* A folder that the user may not write to will not take the next run either. */
static bool has_no_place(int error)
{
    return error == EROFS || error == EACCES || error == EPERM || error == ENOENT;
}

bool run_file_write(struct run_file *file, struct fail *fail)
{
    struct buffer out = {0};
    char *where = folder();
    file->fd = -1;
    if (!where)
        return fail_set(fail, RUN_FILE_NO_PLACE, "neither XDG_STATE_HOME nor HOME is a directory");
    file->path = mem_printf("%s/" PREFIX "%s", where, file->id);
    if (path_make(where, NULL))
        file->fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    put_all(&out, file);
    bool good = file->fd >= 0 && !flock(file->fd, LOCK_EX | LOCK_NB) &&
                file_write(file->fd, out.data, out.length, NULL) && !fsync(file->fd);
    if (good)
        sync_folder(where);
    else
        fail_set(fail, has_no_place(errno) ? RUN_FILE_NO_PLACE : 0, "%s can't be written: %s",
                 file->path, fail_errno(errno));
    if (!good && file->fd >= 0)
        give_up(file);
    buffer_free(&out);
    free(where);
    return good;
}

static bool add_lines(struct run_file *file, struct buffer *lines)
{
    bool good = file->fd < 0 || file_write(file->fd, lines->data, lines->length, NULL);
    int error = errno;
    if (!good)
        give_up(file);
    buffer_free(lines);
    errno = error;
    return good;
}

bool run_file_started(struct run_file *file, struct fail *fail)
{
    struct buffer lines = {0};
    buffer_printf(&lines, "bound %" PRId64 "\nstarted %" PRId64 "\n", file->bound,
                  file->wall_start);
    return add_lines(file, &lines) ||
           fail_set(fail, 0, "%s can't be written: %s", file->path, fail_errno(errno));
}

void run_file_collected(struct run_file *file)
{
    struct buffer lines = {0};
    buffer_text(&lines, "collected 1\n");
    add_lines(file, &lines);
}

/* ---- reading ---- */

static int hex(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

/* What put_line() wrote, in place; returns false for what it never writes. */
static bool unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        if (*at != '%') {
            *to++ = *at;
            continue;
        }
        int high = hex(at[1]), low = high < 0 ? -1 : hex(at[2]);
        if (low < 0 || !(high | low))
            return false;
        *to++ = (char)(high << 4 | low);
        at += 2;
    }
    *to = '\0';
    return true;
}

static bool take_argument(struct run_file *file, const char *text)
{
    if (file->argc == ARGS_MAX)
        return false;
    file->argv = mem_grow(file->argv, (size_t)file->argc + 2, sizeof *file->argv);
    file->argv[file->argc++] = mem_strdup(text);
    file->argv[file->argc] = NULL;
    return true;
}

static bool take_session(struct run_file *file, const char *text)
{
    struct run_file_session session;
    char rest;
    if (sscanf(text, "%32[0-9a-f] %32[0-9a-f]%c", session.session, session.boot_id, &rest) != 2)
        return false;
    file->sessions = mem_grow(file->sessions, file->session_count + 1, sizeof *file->sessions);
    file->sessions[file->session_count++] = session;
    return true;
}

static bool take_line(struct run_file *file, const char *name, char *text)
{
    if (!unescape(text))
        return false;
    if (!strcmp(name, "run"))
        return mem_copy_text(file->id, sizeof file->id, text);
    if (!strcmp(name, "version"))
        return mem_copy_text(file->version, sizeof file->version, text);
    if (!strcmp(name, "log") && !file->log)
        return (file->log = mem_strdup(text)) != NULL;
    if (!strcmp(name, "directory") && !file->directory)
        return (file->directory = mem_strdup(text)) != NULL;
    if (!strcmp(name, "token") && !file->token)
        return (file->token = mem_strdup(text)) != NULL;
    if (!strcmp(name, "read"))
        return number_parse_int(text, &file->read_at, NULL);
    if (!strcmp(name, "seed"))
        return number_parse_int(text, &file->seed, NULL) && file->seed > 0;
    if (!strcmp(name, "bound"))
        return number_parse_int(text, &file->bound, NULL);
    if (!strcmp(name, "started"))
        return number_parse_int(text, &file->wall_start, NULL) && file->wall_start > 0;
    if (!strcmp(name, "collected"))
        return (file->collected = true);
    if (!strcmp(name, "session"))
        return take_session(file, text);
    return !strcmp(name, "arg") && take_argument(file, text);
}

/* Reads the lines; a last one that was cut off is left out. */
static bool read_text(struct run_file *file, char *text)
{
    bool end = false;
    if (strncmp(text, MAGIC, strlen(MAGIC)))
        return false;
    text += strlen(MAGIC);
    for (char *stop; (stop = strchr(text, '\n')); text = stop + 1) {
        *stop = '\0';
        char *space = strchr(text, ' ');
        end |= !strcmp(text, "end");
        if (!space && !strcmp(text, "end"))
            continue;
        if (!space)
            return false;
        *space = '\0';
        if (!take_line(file, text, space + 1))
            return false;
    }
    return end && file->id[0] && file->argc && file->session_count && file->directory && file->seed;
}

/* Opens, reads and, unless its controller lives, locks it. Only a file that the user wrote is
 * taken: it says which file is the log, and what is done. */
static bool open_path(char *path, struct run_file *file, bool *busy, struct fail *fail)
{
    *file = (struct run_file){.path = path};
    file->fd = file_open(NULL, path, O_RDWR | O_APPEND, FILE_NO_LINK | FILE_PRIVATE, fail);
    if (file->fd < 0)
        return false;
    *busy = flock(file->fd, LOCK_EX | LOCK_NB) != 0;
    char *text = file_read_text(path, file->fd, FILE_MAX, fail);
    if (!text)
        return false;
    bool good = read_text(file, text);
    free(text);
    return good || fail_set(fail, 0, "%s is not the state of a flowctl run", path);
}

/* Whether the name of a file is that of a run that begins with `id`. */
static bool is_run(const char *name, const char *id)
{
    size_t length = strlen(PREFIX);
    return !strncmp(name, PREFIX, length) && !strncmp(name + length, id, strlen(id)) &&
           strspn(name + length, "0123456789abcdef") == PROTOCOL_ID_MAX - 1 &&
           !name[length + PROTOCOL_ID_MAX - 1];
}

size_t run_file_each(void (*take)(void *context, const struct run_file *file, bool busy),
                     void *context)
{
    size_t count = 0;
    char *where = folder();
    DIR *directory = where ? opendir(where) : NULL;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        struct run_file file;
        struct fail fail;
        bool busy;
        if (!is_run(entry->d_name, ""))
            continue;
        count++;
        if (open_path(mem_printf("%s/%s", where, entry->d_name), &file, &busy, &fail))
            take(context, &file, busy);
        else
            log_warning("left out: %s", fail.text);
        run_file_close(&file);
    }
    if (directory)
        closedir(directory);
    free(where);
    return count;
}

/* The path of the only run that begins with `id`. */
static char *find(const char *id, struct fail *fail)
{
    char *where = folder(), *path = NULL;
    size_t found = 0;
    DIR *directory = where ? opendir(where) : NULL;
    for (struct dirent *entry; directory && *id && (entry = readdir(directory));) {
        if (!is_run(entry->d_name, id))
            continue;
        found++;
        free(path);
        path = mem_printf("%s/%s", where, entry->d_name);
    }
    if (directory)
        closedir(directory);
    free(where);
    if (found == 1)
        return path;
    fail_set(fail, 0,
             found ? "more than one run begins with '%s': give more characters"
                   : "there is no run '%s' to attach to; 'flowctl attach' lists the runs",
             id);
    free(path);
    return NULL;
}

bool run_file_open(const char *id, struct run_file *file, struct fail *fail)
{
    bool busy = false;
    *file = (struct run_file){.fd = -1};
    char *path = find(id, fail);
    if (!path || !open_path(path, file, &busy, fail))
        return false;
    return !busy || fail_set(fail, 0, "run %.8s still has a running controller", file->id);
}

void run_file_remove(struct run_file *file)
{
    if (file->fd >= 0)
        unlink(file->path);
}

void run_file_close(struct run_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    for (int i = 0; i < file->argc; i++)
        free(file->argv[i]);
    free(file->argv);
    free(file->sessions);
    free(file->path);
    free(file->log);
    free(file->directory);
    free(file->token);
    *file = (struct run_file){.fd = -1};
}
