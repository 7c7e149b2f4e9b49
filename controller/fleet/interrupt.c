/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fleet/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"

/* timeout(1) signals its child, and then the process group that the child is in: two of one kind
 * that come so close were meant as one. */
#define SAME_SIGNAL NS_PER_SEC

static volatile sig_atomic_t first;           /* the signal that asked for an end; 0: none has */
static volatile int64_t first_at;             /* CLOCK_MONOTONIC; written before `first` is */
static _Atomic(const char *) last_words = ""; /* whole, whenever a signal comes */
static void (*volatile cleanup)(void);
static int event_fd = -1;

static void quit(void)
{
    void (*clean)(void) = cleanup;
    if (clean)
        clean();
    const char *words = atomic_load(&last_words);
    (void)!write(STDERR_FILENO, words, strlen(words));
    _exit(EXIT_INTERRUPTED);
}

/* clock_now() and write() may be called here (signal-safety(7)). */
static void on_signal(int number)
{
    static const uint64_t one = 1;
    int error = errno;
    int64_t now = clock_now();
    if (first && (number != first || now - first_at >= SAME_SIGNAL))
        quit();
    if (!first) {
        first_at = now;
        first = number;
        if (write(event_fd, &one, sizeof one) < 0)
            quit();
    }
    errno = error;
}

/* One that was ignored from the start (nohup, a job in the background of a script) stays so. */
static void catch_signal(int number)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    if (!sigaction(number, NULL, &before) && before.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

void interrupt_catch(void)
{
    if (event_fd >= 0)
        return;
    event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    catch_signal(SIGINT);
    catch_signal(SIGTERM);
    catch_signal(SIGHUP);
    signal(SIGPIPE, SIG_IGN);
}

bool interrupt_asked(void)
{
    return first;
}

const char *interrupt_cause(void)
{
    return first == SIGINT    ? "flowctl was interrupted (SIGINT)"
           : first == SIGHUP  ? "flowctl lost its terminal (SIGHUP)"
           : first == SIGTERM ? "flowctl was terminated (SIGTERM)"
                              : NULL;
}

void interrupt_set_last_words(const char *text)
{
    static char words[INTERRUPT_WORDS_MAX];
    snprintf(words, sizeof words, "%s", text);
    atomic_store(&last_words, words);
}

void interrupt_set_cleanup(void (*function)(void))
{
    cleanup = function;
}

int interrupt_fd(void)
{
    return event_fd;
}
