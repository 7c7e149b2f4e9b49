/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"
#include "printable.h"

static const struct {
    const char *name;
    int priority; /* of syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},   [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
    [LOG_LEVEL_TRACE] = {"trace", LOG_DEBUG},
};

int log_level_now = LOG_LEVEL_WARNING;

static const char *program = "flowrig";
static bool use_syslog;

/* A file or a socket that got the number of a closed standard stream would be written to. */
static void open_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

void log_open(const char *name, bool to_syslog)
{
    open_standard_streams();
    program = name;
    use_syslog = to_syslog;
    if (to_syslog)
        openlog(name, LOG_PID, LOG_DAEMON);
}

void log_set_level(enum log_level level)
{
    __atomic_store_n(&log_level_now, level < LOG_LEVEL_TRACE ? level : LOG_LEVEL_TRACE,
                     __ATOMIC_RELAXED);
}

enum log_level log_get_level(void)
{
    return (enum log_level)__atomic_load_n(&log_level_now, __ATOMIC_RELAXED);
}

bool log_parse_level(const char *name, enum log_level *level, struct fail *fail)
{
    for (size_t i = 0; i < COUNT(levels); i++) {
        if (!strcmp(name, levels[i].name)) {
            *level = i;
            return true;
        }
    }
    return fail_set(fail, 0, "'%s' is not a log level: error, warning, info, debug or trace", name);
}

const char *log_level_name(enum log_level level)
{
    return levels[level].name;
}

static void (*before_message)(void);

void log_set_before(void (*function)(void))
{
    before_message = function;
}

static void write_text(enum log_level level, const char *text)
{
    if (before_message)
        before_message();
    if (use_syslog) {
        syslog(levels[level].priority, "%s", text);
        return;
    }
    if (level <= LOG_LEVEL_WARNING) {
        fprintf(stderr, "%s: %s\n", program, text);
        return;
    }
    struct timespec now;
    struct tm date;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &date);
    fprintf(stderr, "%s: %02d:%02d:%02d.%06ld %s: %s\n", program, date.tm_hour, date.tm_min,
            date.tm_sec, now.tv_nsec / 1000, levels[level].name, text);
}

void log_write(enum log_level level, const char *format, ...)
{
    char text[1024];
    va_list args;
    int error = errno; /* a message may stand between a call and the look at its error */
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printable(text); /* names, faults and paths are of others' choice */
    write_text(level, text);
    errno = error;
}
