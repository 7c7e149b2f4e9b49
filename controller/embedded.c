/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"
#include "log.h"
#include "sock.h"

enum { PASSED_FD = 3 };

/* Where flowd may lie, as seen from flowctl: in the build tree, installed, beside it. */
static const char *const places[] = {"../daemon/flowd", "../sbin/flowd", "flowd"};

static char *find_flowd(void)
{
    char self[PATH_MAX];
    const char *named = getenv("FLOWRIG_FLOWD");
    if (named)
        return mem_strdup(named);
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *path = mem_printf("%s/%s", self, places[i]);
        if (!access(path, X_OK))
            return path;
        free(path);
    }
    return mem_strdup(SBINDIR "/flowd");
}

/* In the child: hands the socket over as systemd does, and becomes flowd. */
static void become_flowd(const char *path, const char *dump_dir, int fd, pid_t parent)
{
    char pid[32];
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127);
    setpgid(0, 0); /* Ctrl-C is for flowctl; it ends flowd in its own time */
    if (fd != PASSED_FD)
        dup2(fd, PASSED_FD);
    else
        fcntl(fd, F_SETFD, 0);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    execl(path, "flowd", "-d", "--log-level", log_level_name(log_get_level()),
          dump_dir ? "-w" : (char *)NULL, dump_dir, (char *)NULL);
    fprintf(stderr, "flowctl: %s can't be run: %s\n", path, strerror(errno));
    _exit(127);
}

bool embedded_start(struct embedded *embedded, const char *dump_dir, struct fail *fail)
{
    struct address address;
    address_parse("127.0.0.1", 0, &address);
    int fd = sock_listen(&address, NULL, fail);
    if (fd < 0)
        return false;
    sock_local(fd, &address);
    char *path = find_flowd();
    pid_t parent = getpid();
    if (access(path, X_OK)) {
        fail_set(fail, 0, "there is no flowd at %s: install it, or name it in FLOWRIG_FLOWD", path);
        free(path);
        close(fd);
        return false;
    }
    embedded->pid = fork();
    if (embedded->pid == 0)
        become_flowd(path, dump_dir, fd, parent);
    free(path);
    close(fd);
    embedded->port = address_port(&address);
    return embedded->pid > 0 ||
           fail_set(fail, 0, "a private flowd can't be started: %s", fail_errno(errno));
}

void embedded_stop(struct embedded *embedded)
{
    if (embedded->pid <= 0)
        return;
    kill(embedded->pid, SIGTERM);
    while (waitpid(embedded->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    embedded->pid = 0;
}
