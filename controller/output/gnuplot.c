/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "mem.h"

enum { PIXELS_PER_INCH = 96 };

static const struct picture_format formats[] = {
    {"svg", "svg size %g,%g dynamic background rgb 'white' font 'sans,13'", 1},
    {"pdf", "pdfcairo size %gin,%gin font 'sans,9'", PIXELS_PER_INCH},
    {"png", "pngcairo size %g,%g font 'sans,10'", 1},
    {"eps", "epscairo size %gin,%gin font 'sans,9'", PIXELS_PER_INCH},
};

enum { FORMATS = COUNT(formats) };

/* What is not a file of its own, like /dev/stdout, is written to directly. */
static bool is_special(const char *path)
{
    struct stat status;
    return !stat(path, &status) && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

const struct picture_format *picture_format_of(const char *path, struct fail *fail)
{
    const char *base = strrchr(path, '/'), *dot = strrchr(base ? base : path, '.');
    for (size_t i = 0; dot && i < FORMATS; i++)
        if (!strcasecmp(dot + 1, formats[i].suffix))
            return &formats[i];
    if (is_special(path))
        return &formats[0];
    fail_set(fail, 0, "'%s' does not end in .svg, .pdf, .png or .eps", path);
    return NULL;
}

/* A message of gnuplot's goes to standard error as it is; its output is the picture. */
static int start_gnuplot(int script_fd, int picture_fd, pid_t *child)
{
    char name[] = "gnuplot", dash[] = "-", *const argv[] = {name, dash, NULL};
    extern char **environ;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, script_fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, picture_fd, STDOUT_FILENO);
    int error = posix_spawnp(child, name, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static bool wait_for(pid_t child, bool fed, struct fail *fail)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSIGNALED(status))
        return fail_set(fail, 0, "gnuplot was killed by signal %d", WTERMSIG(status));
    return (fed && WIFEXITED(status) && !WEXITSTATUS(status)) ||
           fail_set(fail, 0, "gnuplot failed (status %d)", WEXITSTATUS(status));
}

static bool run_gnuplot(const struct buffer *script, int picture_fd, struct fail *fail)
{
    int pipe_fds[2];
    pid_t child;
    if (pipe2(pipe_fds, O_CLOEXEC))
        return fail_set(fail, 0, "can't start gnuplot: %s", fail_errno(errno));
    signal(SIGPIPE, SIG_IGN);
    int error = start_gnuplot(pipe_fds[0], picture_fd, &child);
    close(pipe_fds[0]);
    bool fed = !error && file_write(pipe_fds[1], script->data, script->length, NULL);
    close(pipe_fds[1]);
    if (error == ENOENT)
        return fail_set(fail, 0, "gnuplot is not installed here (Debian: gnuplot-nox)");
    if (error)
        return fail_set(fail, 0, "can't start gnuplot: %s", fail_errno(error));
    return wait_for(child, fed, fail);
}

static int open_picture(const char *path, char *temporary)
{
    if (is_special(path))
        return open(path, O_WRONLY | O_CLOEXEC);
    int fd = mkostemp(temporary, O_CLOEXEC);
    mode_t mask = umask(0);
    umask(mask);
    if (fd >= 0)
        fchmod(fd, 0666 & ~mask);
    return fd;
}

bool gnuplot_draw(const struct buffer *script, const char *path, struct fail *fail)
{
    char *temporary = mem_printf("%s.XXXXXX", path);
    bool special = is_special(path), good = false;
    int fd = open_picture(path, temporary);
    if (fd < 0)
        fail_set(fail, 0, "can't write %s: %s", path, fail_errno(errno));
    else
        good = run_gnuplot(script, fd, fail);
    if (good && !special && rename(temporary, path))
        good = fail_set(fail, 0, "can't write %s: %s", path, fail_errno(errno));
    if (fd >= 0 && !special && !good)
        unlink(temporary);
    if (fd >= 0)
        close(fd);
    free(temporary);
    return good;
}
