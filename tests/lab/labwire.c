// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * labwire.c - emulates the links between TAP devices that live in network namespaces: rate, delay,
 * jitter, loss, duplication, reordering, ECN marks, MTU and blackouts, each direction on its own.
 * One thread, root only.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <linux/time_types.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control.h"
#include "core.h"
#include "err.h"
#include "labconf.h"
#include "watch.h"

#define MAX_EVENTS 64

struct settings {
    const char *config;  /* NULL: standard input */
    const char *control; /* path of the socket to listen at, or NULL */
    const char *ask;     /* path of the socket to send words to, or NULL */
    uint64_t spin_us;    /* busy waiting before a frame is due */
    uint64_t priority;   /* SCHED_FIFO, 0: as we are */
    uint64_t frame_room; /* bytes of the largest frame */
    uint64_t seed;
};

static const char usage[] =
    "usage: labwire [-c SOCKET] [-s USEC] [-r PRIORITY] [-b BYTES] [-S SEED] [CONFIG]\n"
    "       labwire -C SOCKET COMMAND...\n"
    "  -c SOCKET    listen for commands at this Unix socket\n"
    "  -s USEC      spin for this long before a frame is due: better timing, more processor time\n"
    "  -r PRIORITY  run at this real-time priority (SCHED_FIFO, 1 to 99) with memory locked\n"
    "  -b BYTES     largest frame, Ethernet header included (1600)\n"
    "  -S SEED      seed of all random decisions (printed at the start; chosen if not given)\n"
    "  -C SOCKET    send a command (up, down, path, port, stats) to a running labwire\n"
    "  -h           print this and exit\n"
    "CONFIG, or standard input, has one command a line:\n"
    "  port NAME NETNS DEVICE GROUP\n"
    "  up|down NAME [OPTION=VALUE...]\n"
    "  path FROM TO [OPTION=VALUE...]\n"
    "options: rate delay jitter jexp loss burst dup reorder rgap ce limit ecn mtu order down\n";

static volatile sig_atomic_t stop_asked, stats_asked;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        stats_asked = 1;
    else
        stop_asked = 1;
}

/* Ends the process when the word is not a whole number within the limits. */
static uint64_t number_or_exit(char option, const char *word, uint64_t min, uint64_t max)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(word, &end, 10);
    if (*word >= '0' && *word <= '9' && *end == '\0' && errno == 0 && value >= min && value <= max)
        return value;
    fprintf(stderr, "labwire: -%c %s: not a whole number from %llu to %llu\n", option, word,
            (unsigned long long)min, (unsigned long long)max);
    exit(2);
}

static void parse_options(struct settings *settings, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "+c:s:r:b:S:C:h")) != -1) {
        switch (option) {
        case 'c':
            settings->control = optarg;
            break;
        case 's':
            settings->spin_us = number_or_exit('s', optarg, 0, 1000000);
            break;
        case 'r':
            settings->priority = number_or_exit('r', optarg, 1, 99);
            break;
        case 'b':
            settings->frame_room = number_or_exit('b', optarg, 256, 65549);
            break;
        case 'S':
            settings->seed = number_or_exit('S', optarg, 0, UINT64_MAX);
            break;
        case 'C':
            settings->ask = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            exit(2); /* getopt has said why */
        }
    }
}

/* What is left on the command line must be what this mode takes. */
static void check_operands(struct settings *settings, int count, char **words)
{
    if (settings->ask ? count > 0 : count <= 1) {
        settings->config = settings->ask ? NULL : words[0];
        return;
    }
    if (settings->ask)
        fputs("labwire: -C takes a command, such as: up h1 delay=5ms\n", stderr);
    else
        fprintf(stderr, "labwire: '%s' is one word too many\n", words[1]);
    exit(2);
}

static uint64_t random_seed(void)
{
    uint32_t seed;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint32_t)clock_ns();
    return seed;
}

/* More ports than the usual 1024 descriptors; timers that do not wait for company; and what -r asks
 * for. */
static void prepare_process(const struct settings *settings)
{
    struct rlimit files;
    struct sched_param schedule = {.sched_priority = (int)settings->priority};
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (settings->priority == 0)
        return;
    if (sched_setscheduler(0, SCHED_FIFO, &schedule) < 0)
        perror("labwire: SCHED_FIFO");
    if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
        perror("labwire: mlockall");
}

/* Waits until a descriptor is readable or a frame is nearly due: a negative time is for ever. The
 * system call, since not every C library wraps it. Returns the number of events. */
static int wait_for_events(int epoll_fd, struct epoll_event *events, int64_t wait_ns)
{
    struct __kernel_timespec timeout = {.tv_sec = wait_ns / 1000000000,
                                        .tv_nsec = wait_ns % 1000000000};
    long count = syscall(SYS_epoll_pwait2, epoll_fd, events, MAX_EVENTS,
                         wait_ns < 0 ? NULL : &timeout, NULL, (size_t)0);

    if (count < 0 && errno != EINTR) {
        perror("labwire: epoll_pwait2");
        exit(1);
    }
    return (int)count;
}

static void run(struct core *core, int64_t spin_ns)
{
    struct epoll_event events[MAX_EVENTS];

    while (!stop_asked) {
        int64_t wait_ns;
        int count;

        core_run(core);
        wait_ns = core_wait_ns(core);
        if (wait_ns > 0)
            wait_ns = wait_ns > spin_ns ? wait_ns - spin_ns : 0;
        count = wait_for_events(core->epoll_fd, events, wait_ns);
        for (int i = 0; i < count; i++) {
            struct watch *watch = events[i].data.ptr;

            watch->readable(watch);
        }
        if (stats_asked) {
            stats_asked = 0;
            core_print_stats(core, stderr);
        }
    }
}

/* Returns an exit code. */
static int emulate(const struct settings *settings)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct core *core = core_new(epoll_fd, settings->frame_room, settings->seed);
    struct control *control = NULL;
    struct err err;
    int status = 0;

    prepare_process(settings);
    fprintf(stderr, "labwire: seed %llu\n", (unsigned long long)settings->seed);
    if (labconf_file(core, settings->config, &err) < 0)
        status = 2;
    else if (settings->control && !(control = control_open(core, settings->control, &err)))
        status = 1;
    if (status == 0) {
        fprintf(stderr, "labwire: %u ports ready\n", core->ports);
        run(core, (int64_t)settings->spin_us * 1000);
        core_print_stats(core, stderr);
    } else {
        fprintf(stderr, "labwire: %s\n", err.text);
    }
    control_close(control);
    core_free(core);
    close(epoll_fd);
    return status;
}

int main(int argc, char **argv)
{
    struct settings settings = {.frame_room = 1600, .seed = random_seed()};

    parse_options(&settings, argc, argv);
    check_operands(&settings, argc - optind, argv + optind);
    if (settings.ask)
        return control_ask(settings.ask, argv + optind, argc - optind);
    return emulate(&settings);
}
