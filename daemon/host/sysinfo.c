/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/sysinfo.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "clock.h"
#include "info.h"
#include "net/kernel.h"
#include "net/socket.h"

enum {
    WALL_READINGS = 4,
    PHASE_LIMIT_US = 16000000, /* the kernel's largest error (NTP_PHASE_LIMIT of timex.h) */
};

static int64_t count_open_files(void)
{
    int64_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        return 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 3; /* ".", "..", and the directory itself */
}

int sysinfo_cpus(int *cpus, int most)
{
    cpu_set_t set;
    int count = 0;
    if (sched_getaffinity(0, sizeof set, &set))
        CPU_ZERO(&set);
    for (int cpu = 0; cpu < CPU_SETSIZE && count < most; cpu++)
        if (CPU_ISSET(cpu, &set))
            cpus[count++] = cpu;
    return count;
}

bool sysinfo_has_mptcp(void)
{
    int fd = socket_create(IPPROTO_MPTCP, AF_INET, NULL, NULL);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void describe_facts(struct describe_reply *reply)
{
    static const struct {
        enum fact_id id;
        const char *path;
    } sources[] = {
        {FACT_tcp_congestion_control, "/proc/sys/net/ipv4/tcp_congestion_control"},
        {FACT_default_qdisc, "/proc/sys/net/core/default_qdisc"},
        {FACT_tcp_rmem, "/proc/sys/net/ipv4/tcp_rmem"},
        {FACT_tcp_wmem, "/proc/sys/net/ipv4/tcp_wmem"},
        {FACT_rmem_max, "/proc/sys/net/core/rmem_max"},
        {FACT_wmem_max, "/proc/sys/net/core/wmem_max"},
    };
    reply->facts[0] = '\0';
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        char line[128];
        kernel_read_line(sources[i].path, line, sizeof line);
        info_add_fact(reply->facts, sizeof reply->facts, sources[i].id, line);
    }
}

void sysinfo_describe(struct describe_reply *reply)
{
    struct utsname system;
    struct rlimit files = {0};
    int cpus[CPU_SETSIZE];
    int64_t low, high;
    if (!uname(&system)) {
        snprintf(reply->host, sizeof reply->host, "%s", system.nodename);
        snprintf(reply->os, sizeof reply->os, "%s", system.sysname);
        snprintf(reply->os_release, sizeof reply->os_release, "%s", system.release);
        snprintf(reply->machine, sizeof reply->machine, "%s", system.machine);
    }
    describe_facts(reply);
    reply->cpus = sysinfo_cpus(cpus, CPU_SETSIZE);
    kernel_congestion_controls(reply->congestion_controls);
    getrlimit(RLIMIT_NOFILE, &files);
    reply->limits.open_files = (int64_t)files.rlim_cur;
    reply->limits.open_files_used = count_open_files();
    reply->limits.somaxconn = kernel_sysctl("/proc/sys/net/core/somaxconn", 4096);
    kernel_local_ports(&low, &high);
    reply->limits.ports = high - low + 1;
}

/* Reads the wall clock between two readings of the monotonic one; the closest of a few is taken. */
static void read_wall(struct clock_reply *reply)
{
    int64_t shortest = CLOCK_NEVER, difference = 0;
    for (int i = 0; i < WALL_READINGS; i++) {
        int64_t before = clock_now();
        int64_t wall = clock_wall();
        int64_t between = clock_now() - before;
        if (between >= shortest)
            continue;
        shortest = between;
        difference = wall - before - between / 2;
    }
    reply->wall_error = shortest / 2 + 1;
    reply->sent = clock_now();
    reply->wall = reply->sent + difference;
}

void sysinfo_clock(struct clock_reply *reply)
{
    struct timex kernel = {0};
    int state = adjtimex(&kernel);
    /* Where it can't be asked, it is taken for what an unsynchronised one is. */
    reply->synchronised = state >= 0 && state != TIME_ERROR && !(kernel.status & STA_UNSYNC);
    reply->status = state >= 0 ? kernel.status : STA_UNSYNC;
    reply->max_error_us = state >= 0 && kernel.maxerror >= 0 ? kernel.maxerror : PHASE_LIMIT_US;
    reply->est_error_us = state >= 0 && kernel.esterror >= 0 ? kernel.esterror : PHASE_LIMIT_US;
    read_wall(reply);
}
