/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/cpu_time.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "metrics.h"
#include "net/kernel.h"

/* What was read last, and the share since what was read before. */
static struct {
    pthread_mutex_t lock;
    struct cpu_ticks ticks;
    int64_t at;    /* 0 before the first reading */
    int64_t share; /* ppm, or METRIC_ABSENT */
    int64_t since; /* when its time began */
} host = {.lock = PTHREAD_MUTEX_INITIALIZER, .share = METRIC_ABSENT};

int64_t cpu_time_thread(void)
{
    struct timespec time;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time))
        return METRIC_ABSENT;
    return time.tv_sec * NS_PER_SEC + time.tv_nsec;
}

bool cpu_time_parse(const char *line, struct cpu_ticks *ticks)
{
    /* user nice system idle iowait irq softirq steal; guests are in user and nice already. */
    enum { FIELDS = 8, IDLE = 3, IOWAIT = 4 };
    if (strncmp(line, "cpu ", 4))
        return false;
    const char *at = line + 4;
    *ticks = (struct cpu_ticks){0};
    for (int i = 0; i < FIELDS; i++) {
        char *end;
        int64_t count = strtoll(at, &end, 10);
        if (end == at)
            return i > IDLE;
        ticks->total += count;
        ticks->busy += i == IDLE || i == IOWAIT ? 0 : count;
        at = end;
    }
    return true;
}

int64_t cpu_time_share(const struct cpu_ticks *from, const struct cpu_ticks *to)
{
    int64_t total = to->total - from->total, busy = to->busy - from->busy;
    /* The kernel's idle time may go back a little. */
    if (!from->total || total <= 0 || busy < 0 || busy > total)
        return METRIC_ABSENT;
    return busy * 1000000 / total;
}

/* With the lock held. */
static void read_host(int64_t now)
{
    char line[256];
    struct cpu_ticks ticks;
    if (host.at && now - host.at < CPU_TIME_PERIOD)
        return;
    kernel_read_line("/proc/stat", line, sizeof line);
    if (!cpu_time_parse(line, &ticks))
        return;
    host.share = cpu_time_share(&host.ticks, &ticks);
    host.since = host.at;
    host.at = now;
    host.ticks = ticks;
}

struct cpu_ticks cpu_time_ticks(int64_t now)
{
    pthread_mutex_lock(&host.lock);
    read_host(now);
    struct cpu_ticks ticks = host.ticks;
    pthread_mutex_unlock(&host.lock);
    return ticks;
}

int64_t cpu_time_host(int64_t now, int64_t since)
{
    pthread_mutex_lock(&host.lock);
    read_host(now);
    int64_t share = host.since > since - CPU_TIME_PERIOD ? host.share : METRIC_ABSENT;
    pthread_mutex_unlock(&host.lock);
    return share;
}
