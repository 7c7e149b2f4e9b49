/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t asked;
static int event_fd = -1;

static void on_signal(int number)
{
    static const uint64_t one = 1;
    int error = errno;
    (void)number;
    if (asked)
        _exit(EXIT_INTERRUPTED);
    asked = 1;
    if (write(event_fd, &one, sizeof one) < 0)
        _exit(EXIT_INTERRUPTED);
    errno = error;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool interrupt_asked(void)
{
    return asked;
}

int interrupt_fd(void)
{
    return event_fd;
}
