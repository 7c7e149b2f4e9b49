/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages for whoever runs a program: to standard error, or to syslog once in the background. */
#ifndef FLOWRIG_LOG_H
#define FLOWRIG_LOG_H

#include <stdbool.h>

#include "fail.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_TRACE
};

extern int log_level_now; /* enum log_level; read and written atomically */

/* What is off costs one comparison: messages may stand wherever packets pass. */
static inline bool log_enabled(enum log_level level)
{
    return (int)level <= __atomic_load_n(&log_level_now, __ATOMIC_RELAXED);
}

/* `program` stands before each message; with `to_syslog` they go to syslog(3) instead. */
void log_open(const char *program, bool to_syslog);
void log_set_level(enum log_level level);
/* Called before each message, in its thread: who uses the terminal for something else clears it.
 * NULL: nothing is. Set it while there is one thread only. */
void log_set_before(void (*function)(void));
enum log_level log_get_level(void);
/* "error", "warning", "info", "debug" or "trace". */
bool log_parse_level(const char *name, enum log_level *level, struct fail *fail);
const char *log_level_name(enum log_level level);
/* One line, in which what is not printable is replaced (printable.h). Leaves errno as it is. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_at(level, ...)                 \
    do {                                   \
        if (log_enabled(level))            \
            log_write(level, __VA_ARGS__); \
    } while (0)
#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_trace(...)   log_at(LOG_LEVEL_TRACE, __VA_ARGS__)

#endif
