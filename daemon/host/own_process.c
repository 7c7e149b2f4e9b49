/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/own_process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "metrics.h"

/* The entries of /proc/self/fd, without that of the directory itself. */
static int64_t count_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int64_t count = -1;
    if (!directory)
        return METRIC_ABSENT;
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* Fields of proc(5)'s /proc/self/stat after the name, which may contain anything. */
static void read_stat(struct own_process *process)
{
    enum { FIELDS_BEFORE = 17 }; /* state to nice: 3 to 19 */
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[length] = '\0';
    const char *at = strrchr(text, ')');
    long long threads, size, pages;
    for (int i = 0; at && i < FIELDS_BEFORE + 1; i++)
        at = strchr(at + 1, ' ');
    if (!at || sscanf(at, " %lld %*d %*u %lld %lld", &threads, &size, &pages) != 3)
        return;
    process->threads = threads;
    process->virtual_size = size;
    process->resident = pages * sysconf(_SC_PAGESIZE);
}

void own_process_read(struct own_process *process)
{
    struct timespec used;
    struct rlimit limit;
    *process = (struct own_process){METRIC_ABSENT, METRIC_ABSENT, METRIC_ABSENT,
                                    METRIC_ABSENT, METRIC_ABSENT, METRIC_ABSENT};
    if (!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used))
        process->cpu = used.tv_sec * NS_PER_SEC + used.tv_nsec;
    if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur <= INT64_MAX)
        process->files_max = (int64_t)limit.rlim_cur;
    process->files = count_files();
    read_stat(process);
}
