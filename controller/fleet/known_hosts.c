/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet/known_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "mem.h"
#include "path.h"

enum { FILE_MAX = 4 << 20 };

char *known_hosts_path(void)
{
    return path_of_user("XDG_CONFIG_HOME", ".config", "flowrig/known_hosts");
}

/* Returns whether the line is as it should be; *fingerprint is NULL where it is of another daemon.
 */
static bool parse_line(char *line, const char *name, const char **fingerprint)
{
    char *save = NULL;
    char *host = strtok_r(line, " \t\r\n", &save), *key = strtok_r(NULL, " \t\r\n", &save);
    *fingerprint = NULL;
    if (!host || host[0] == '#')
        return true;
    if (!key || !fingerprint_valid(key) || strtok_r(NULL, " \t\r\n", &save))
        return false;
    if (!strcasecmp(host, name))
        *fingerprint = key;
    return true;
}

static bool search(char *text, const char *name, char fingerprint[FINGERPRINT_MAX], int *line)
{
    const char *found = NULL;
    bool good = true;
    for (int number = 1; good && !found && text; number++) {
        good = parse_line(strsep(&text, "\n"), name, &found);
        *line = number;
    }
    if (found)
        snprintf(fingerprint, FINGERPRINT_MAX, "%s", found);
    else if (good)
        *line = 0;
    return good;
}

bool known_hosts_find(const char *path, const char *name, char fingerprint[FINGERPRINT_MAX],
                      int *line, struct fail *fail)
{
    *line = 0;
    int fd = file_open(NULL, path, O_RDONLY, 0, fail);
    if (fd < 0)
        return errno == ENOENT;
    char *text = file_read_text(path, fd, FILE_MAX, fail);
    close(fd);
    if (!text)
        return false;
    bool good = search(text, name, fingerprint, line);
    free(text);
    return good ||
           fail_set(fail, 0, "%s, line %d is not a host with its port and the fingerprint of a key",
                    path, *line);
}

/* Adds the line after the last whole one, or nothing: half a line would make the file one that
 * nobody can read. Others may add theirs at the same time; all hold the lock meanwhile. */
static bool add_line(int fd, const char *line)
{
    char last = '\n';
    off_t end = flock(fd, LOCK_EX) ? -1 : lseek(fd, 0, SEEK_END);
    if (end < 0 || (end && pread(fd, &last, 1, end - 1) != 1))
        return false;
    if ((last == '\n' || file_write(fd, "\n", 1, NULL)) && file_write(fd, line, strlen(line), NULL))
        return true;
    int error = errno;
    (void)!ftruncate(fd, end);
    errno = error;
    return false;
}

static bool make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == EEXIST;
    close(fd);
    return true;
}

bool known_hosts_add(const char *path, const char *name, const char *fingerprint, struct fail *fail)
{
    path_make_parent(path);
    if (!make_file(path))
        return fail_set(fail, 0, "%s can't be written: %s", path, fail_errno(errno));
    int fd = file_open(NULL, path, O_RDWR, 0, fail);
    if (fd < 0)
        return false;
    char *line = mem_printf("%s %s\n", name, fingerprint);
    bool good =
        add_line(fd, line) || fail_set(fail, 0, "%s can't be written: %s", path, fail_errno(errno));
    close(fd);
    free(line);
    return good;
}
