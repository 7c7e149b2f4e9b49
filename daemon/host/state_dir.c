/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/state_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "path.h"
#include "host/privileges.h"

static char *choose(void)
{
    const char *given = path_from_environment("STATE_DIRECTORY");
    if (given)
        return mem_printf("%.*s", (int)strcspn(given, ":"), given);
    return geteuid() == 0 ? mem_strdup("/var/lib/flowd")
                          : path_of_user("XDG_STATE_HOME", ".local/state", "flowd");
}

char *state_dir_default(const char *user, struct fail *fail)
{
    struct stat status;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char *path = choose();
    if (!path) {
        fail_set(fail, 0, "there is no directory for the daemon's key: give one with --state-dir");
        return NULL;
    }
    bool made = false, good = !user || privileges_find(user, &uid, &gid, fail);
    if (good)
        path_make(path, &made);
    if (good && made && user && geteuid() == 0)
        good = chown(path, uid, gid) == 0 ||
               fail_set(fail, 0, "can't change the owner of %s to '%s': %s", path, user,
                        fail_errno(errno));
    if (good && (stat(path, &status) || !S_ISDIR(status.st_mode)))
        good = fail_set(fail, 0,
                        "can't create the state directory %s: %s; give another with --state-dir",
                        path, fail_errno(errno));
    if (good)
        return path;
    free(path);
    return NULL;
}

bool state_dir_check(const char *option, const char *path, struct fail *fail)
{
    struct stat status;
    if (!path)
        return true;
    if (stat(path, &status))
        return fail_set(fail, 0, "option %s: %s: %s", option, path, fail_errno(errno));
    if (!S_ISDIR(status.st_mode))
        return fail_set(fail, 0, "option %s: %s is not a directory", option, path);
    if (access(path, W_OK | X_OK))
        return fail_set(fail, 0, "option %s: %s can't be written to: %s", option, path,
                        fail_errno(errno));
    return true;
}

void state_dir_warn(const char *path)
{
    struct stat status;
    if (path && !stat(path, &status) && (status.st_mode & (S_IWGRP | S_IWOTH)))
        log_warning("the state directory %s is writable by others (mode %04o)", path,
                    (unsigned)status.st_mode & 07777);
}
