/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A wall clock that can be set: preloaded (LD_PRELOAD) into a program, CLOCK_REALTIME is off by the
 * nanoseconds that the file CLOCKSTEP holds at that moment, a 64-bit integer of the machine.
 * Whoever writes the file steps the clock of that program alone. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_S = 1000000000 };

static int (*real_gettime)(clockid_t, struct timespec *);
static const _Atomic int64_t *offset;

__attribute__((constructor)) static void map_offset(void)
{
    const char *path = getenv("CLOCKSTEP");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        abort(); /* a test that steps nothing would show nothing */
    void *mapped = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        abort();
    offset = mapped;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    if (!real_gettime)
        *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real_gettime(id, now);
    if (result || !offset || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
        return result;
    int64_t wall = now->tv_sec * (int64_t)NS_PER_S + now->tv_nsec + atomic_load(offset);
    now->tv_sec = wall / NS_PER_S;
    now->tv_nsec = wall % NS_PER_S;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec wall;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &wall);
    now->tv_sec = wall.tv_sec;
    now->tv_usec = wall.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *seconds)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    if (seconds)
        *seconds = wall.tv_sec;
    return wall.tv_sec;
}
