/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

const char *path_from_environment(const char *variable)
{
    const char *value = getenv(variable);
    return value && value[0] == '/' ? value : NULL;
}

char *path_of_user(const char *variable, const char *fallback, const char *name)
{
    const char *given = path_from_environment(variable), *home = path_from_environment("HOME");
    if (given)
        return mem_printf("%s/%s", given, name);
    return home ? mem_printf("%s/%s/%s", home, fallback, name) : NULL;
}

char *path_absolute(const char *path)
{
    char directory[PATH_MAX];
    if (path[0] == '/' || !getcwd(directory, sizeof directory))
        return mem_strdup(path);
    return mem_printf("%s/%s", directory, path);
}

bool path_make(const char *directory, bool *made)
{
    char *path = mem_strdup(directory);
    for (char *at = *path ? strchr(path + 1, '/') : NULL; at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
    free(path);
    bool is_new = !mkdir(directory, 0700);
    if (made)
        *made = is_new;
    return is_new || errno == EEXIST;
}

bool path_make_parent(const char *file)
{
    const char *slash = strrchr(file, '/');
    if (!slash || slash == file)
        return true;
    char *directory = mem_printf("%.*s", (int)(slash - file), file);
    bool good = path_make(directory, NULL);
    free(directory);
    return good;
}
