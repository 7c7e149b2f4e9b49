/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet/embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "mem.h"
#include "log.h"
#include "address.h"

enum { SOCKET_FD = 3, TOKEN_FD, FREE_FD = 10 };

/* Where flowd may lie, as seen from flowctl: in the build tree, or beside it. */
static const char *const places[] = {"../daemon/flowd", "flowd"};

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
    for (size_t i = 0; i < COUNT(places); i++) {
        char *path = mem_printf("%s/%s", self, places[i]);
        if (!access(path, X_OK))
            return path;
        free(path);
    }
    return mem_strdup(BINDIR "/flowd");
}

/* A token file without a name, which nobody else can open. */
static int make_token(const char *secret, struct fail *fail)
{
    int fd = memfd_create("flowrig-token", MFD_CLOEXEC);
    char *text = mem_printf(EMBEDDED_USER ":%s\n", secret);
    bool good = fd >= 0 && file_write(fd, text, strlen(text), NULL);
    if (!good)
        fail_set(fail, 0, "can't pass a token to a private flowd: %s", fail_errno(errno));
    if (!good && fd >= 0)
        close(fd);
    explicit_bzero(text, strlen(text));
    free(text);
    return good ? fd : -1;
}

/* In the child: hands the socket over as systemd does, and the token beside it; becomes flowd. */
static void become_flowd(const char *path, char *const *arguments, int fd, int token, pid_t parent)
{
    char pid[32], token_text[16];
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127);
    setpgid(0, 0); /* Ctrl-C is for flowctl; it ends flowd in its own time */
    /* Out of the way first: either may have the number of the other's place. */
    fd = fcntl(fd, F_DUPFD_CLOEXEC, FREE_FD);
    token = fcntl(token, F_DUPFD_CLOEXEC, FREE_FD);
    if (dup2(fd, SOCKET_FD) < 0 || dup2(token, TOKEN_FD) < 0)
        _exit(127);
    snprintf(token_text, sizeof token_text, "%d", TOKEN_FD);
    setenv("FLOWRIG_TOKEN_FD", token_text, 1);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    execv(path, arguments);
    fprintf(stderr, "flowctl: %s can't be run: %s\n", path, strerror(errno));
    _exit(127);
}

/* The socket on which the daemon will listen, at a free port. */
static int listen_for_it(struct embedded *embedded, struct fail *fail)
{
    struct address address;
    address_parse("127.0.0.1", 0, &address);
    int fd = address_listen(&address, fail);
    if (fd >= 0 && address_local(fd, &address))
        embedded->port = address_port(&address);
    return fd;
}

bool embedded_start(struct embedded *embedded, const char *secret, bool dumps, bool traces,
                    struct fail *fail)
{
    const char *level = log_level_name(log_get_level());
    const char *arguments[8] = {"flowd", "-d", "--log-level", level};
    size_t count = 4;
    if (dumps || traces) {
        arguments[count++] = "-w";
        arguments[count++] = ".";
    }
    if (traces)
        arguments[count++] = "--trace";
    char *path = find_flowd();
    pid_t parent = getpid();
    bool found = !access(path, X_OK) ||
                 fail_set(fail, 0, "no flowd at %s: install it, or set FLOWRIG_FLOWD", path);
    int fd = found ? listen_for_it(embedded, fail) : -1;
    int token = fd >= 0 ? make_token(secret, fail) : -1;
    bool ready = token >= 0;
    if (ready) {
        embedded->pid = fork();
        if (embedded->pid == 0)
            become_flowd(path, (char *const *)arguments, fd, token, parent);
        if (embedded->pid < 0)
            fail_set(fail, 0, "can't start a private flowd: %s", fail_errno(errno));
        close(token);
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return ready && embedded->pid > 0;
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
