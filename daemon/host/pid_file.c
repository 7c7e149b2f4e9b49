/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "mem.h"
#include "number.h"

enum { TEXT_MAX = 64 };

/* The number in the file; 0: there is no file, or an empty one. Returns false with a sentence if
 * it is anything else. */
static bool read_number(const char *path, int64_t *number, struct fail *fail)
{
    *number = 0;
    int fd = file_open(NULL, path, O_RDONLY, FILE_NO_LINK, fail);
    if (fd < 0)
        return errno == ENOENT;
    char *text = file_read_text(path, fd, TEXT_MAX, fail);
    close(fd);
    bool good = text != NULL;
    if (text)
        text[strcspn(text, "\n")] = '\0';
    if (text && *text && (!number_parse_int(text, number, NULL) || *number <= 0))
        good = fail_set(fail, 0, "it contains something other than a process ID");
    free(text);
    return good || fail_prefix(fail, "%s is not replaced", path);
}

/* Whether another flowd has this number now; a number lives on in the file after a crash, and may
 * be given to any process. */
static bool is_flowd(int64_t number)
{
    char name[32] = "", state = 'Z';
    char *path = mem_printf("/proc/%lld/stat", (long long)number);
    FILE *file = number == getpid() ? NULL : fopen(path, "re");
    bool found = file && fscanf(file, "%*d (%31[^)]) %c", name, &state) == 2;
    if (file)
        fclose(file);
    free(path);
    return found && state != 'Z' && state != 'X' && !strcmp(name, "flowd");
}

bool pid_file_write(const char *path, struct fail *fail)
{
    int64_t before;
    char text[24];
    if (!read_number(path, &before, fail))
        return false;
    if (is_flowd(before))
        return fail_set(fail, 0, "%s belongs to a running flowd (process %lld): use another file",
                        path, (long long)before);
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    return file_put(path, 0644, text, (size_t)length, false, fail);
}

void pid_file_remove(const char *path)
{
    int64_t number;
    if (path && read_number(path, &number, NULL) && number == getpid() && unlink(path))
        log_info("%s can't be removed: %s", path, fail_errno(errno));
}
