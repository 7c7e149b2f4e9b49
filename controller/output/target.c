/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/target.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool target_is_stdout(const char *target)
{
    struct stat status, standard;
    if (!strcmp(target, "-"))
        return true;
    /* Devices like /dev/null take from anybody, and mix nothing. */
    return !stat(target, &status) && !fstat(STDOUT_FILENO, &standard) &&
           status.st_dev == standard.st_dev && status.st_ino == standard.st_ino &&
           (!S_ISCHR(standard.st_mode) || isatty(STDOUT_FILENO));
}

bool target_is_replaceable(const char *target)
{
    struct stat status;
    return !target_is_stdout(target) && (stat(target, &status) || S_ISREG(status.st_mode));
}
