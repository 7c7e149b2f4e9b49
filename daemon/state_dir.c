/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "state_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"
#include "privileges.h"

static const char *absolute_or_null(const char *variable)
{
    const char *value = getenv(variable);
    return value && value[0] == '/' ? value : NULL;
}

static char *choose(void)
{
    const char *given = absolute_or_null("STATE_DIRECTORY");
    const char *state = absolute_or_null("XDG_STATE_HOME"), *home = absolute_or_null("HOME");
    if (given)
        return mem_printf("%.*s", (int)strcspn(given, ":"), given);
    if (geteuid() == 0)
        return mem_strdup("/var/lib/flowd");
    if (state)
        return mem_printf("%s/flowd", state);
    return home ? mem_printf("%s/.local/state/flowd", home) : NULL;
}

/* Makes what is missing of the path. Gives whether its last part is new. */
static bool make_path(char *path)
{
    bool made = false;
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
    made = mkdir(path, 0700) == 0;
    return made;
}

char *state_dir_default(const char *user, struct fail *fail)
{
    struct stat status;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char *path = choose();
    if (!path) {
        fail_set(fail, 0, "there is no place for the daemon's key: name one with --state-dir");
        return NULL;
    }
    bool good = !user || privileges_find(user, &uid, &gid, fail);
    if (good && make_path(path) && user && geteuid() == 0)
        good = chown(path, uid, gid) == 0 ||
               fail_set(fail, 0, "%s can't be given to '%s': %s", path, user, fail_errno(errno));
    if (good && (stat(path, &status) || !S_ISDIR(status.st_mode)))
        good = fail_set(fail, 0,
                        "the state directory %s can't be made: %s; name another with "
                        "--state-dir",
                        path, fail_errno(errno));
    if (good)
        return path;
    free(path);
    return NULL;
}
