/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/background.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"
#include "log.h"

int background_enter(void)
{
    int pipe_fds[2];
    char ready;
    int status = EXIT_FAILURE;
    if (pipe2(pipe_fds, O_CLOEXEC))
        return -1;
    pid_t child = fork();
    if (child < 0)
        return -1;
    if (child == 0) {
        close(pipe_fds[0]);
        setsid();
        return pipe_fds[1];
    }
    close(pipe_fds[1]);
    if (read(pipe_fds[0], &ready, 1) == 1)
        _exit(EXIT_SUCCESS);
    if (waitpid(child, &status, 0) == child && WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    _exit(EXIT_FAILURE);
}

void background_leave_terminal(int ready_fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (chdir("/"))
        log_warning("can't change to /: %s", fail_errno(errno));
    log_open("flowd", true);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (write(ready_fd, "", 1) != 1)
        log_warning("the parent is gone");
    close(ready_fd);
}

void signals_block(void)
{
    sigset_t ends;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
}

void signals_wait(void)
{
    sigset_t ends;
    int number;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    sigwait(&ends, &number);
    log_info("ending on signal %d", number);
    /* Whoever asks twice means at once. */
    pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
}
