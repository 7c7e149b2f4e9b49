/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "known_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "mem.h"

char *known_hosts_path(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && config[0] == '/')
        return mem_printf("%s/flowrig/known_hosts", config);
    return home && home[0] == '/' ? mem_printf("%s/.config/flowrig/known_hosts", home) : NULL;
}

/* Gives whether the line is as it should be; *fingerprint is NULL where it is of another daemon. */
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

static bool search(FILE *file, const char *name, char fingerprint[FINGERPRINT_MAX], int *line)
{
    char *text = NULL;
    size_t size = 0;
    const char *found = NULL;
    bool good = true;
    for (int number = 1; good && !found && getline(&text, &size, file) > 0; number++) {
        good = parse_line(text, name, &found);
        *line = number;
    }
    if (found)
        snprintf(fingerprint, FINGERPRINT_MAX, "%s", found);
    else if (good)
        *line = 0;
    free(text);
    return good;
}

bool known_hosts_find(const char *path, const char *name, char fingerprint[FINGERPRINT_MAX],
                      int *line, struct fail *fail)
{
    FILE *file = fopen(path, "re");
    *line = 0;
    if (!file && errno == ENOENT)
        return true;
    if (!file)
        return fail_set(fail, 0, "%s can't be read: %s", path, fail_errno(errno));
    bool good = search(file, name, fingerprint, line);
    fclose(file);
    return good ||
           fail_set(fail, 0, "%s, line %d is not a host with its port and the fingerprint of a key",
                    path, *line);
}

static void make_directories(const char *path)
{
    char *copy = mem_strdup(path);
    for (char *at = strchr(copy + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(copy, 0700);
        *at = '/';
    }
    free(copy);
}

bool known_hosts_add(const char *path, const char *name, const char *fingerprint, struct fail *fail)
{
    make_directories(path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    char *line = mem_printf("%s %s\n", name, fingerprint);
    size_t length = strlen(line), done = 0;
    /* In one piece: others may add theirs at the same time. */
    bool good = fd >= 0 && file_write(fd, line, length, &done);
    int error = errno;
    /* Half a line would make the file one that nobody can read. */
    off_t end = done && !good ? lseek(fd, 0, SEEK_CUR) : -1;
    if (end >= 0)
        (void)!ftruncate(fd, end - (off_t)done);
    if (fd >= 0)
        close(fd);
    free(line);
    return good || fail_set(fail, 0, "%s can't be written: %s", path, fail_errno(error));
}
