/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/cpus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "number.h"
#include "option.h"

static bool add_range(void *context, char *item, struct fail *fail)
{
    int64_t cpu, last;
    if (!number_parse_range(item, 0, CPU_SETSIZE - 1, &cpu, &last, fail))
        return false;
    for (; cpu <= last; cpu++)
        CPU_SET((int)cpu, (cpu_set_t *)context);
    return true;
}

static bool add_node(const char *number, cpu_set_t *set, struct fail *fail)
{
    char path[64], list[4096];
    int64_t node;
    if (!number_parse_int(number, &node, fail))
        return false;
    snprintf(path, sizeof path, "/sys/devices/system/node/node%" PRId64 "/cpulist", node);
    FILE *file = fopen(path, "re");
    if (!file)
        return fail_set(fail, 0, "this machine has no NUMA node %s", number);
    bool read = fgets(list, sizeof list, file);
    fclose(file);
    list[read ? strcspn(list, "\n") : 0] = '\0';
    char none[64];
    snprintf(none, sizeof none, "NUMA node %" PRId64 " has no CPU", node);
    return option_each_item(list, none, add_range, set, fail);
}

static bool add_item(void *context, char *item, struct fail *fail)
{
    static const char node[] = "node:";
    if (!strncmp(item, node, sizeof node - 1))
        return add_node(item + sizeof node - 1, context, fail);
    return add_range(context, item, fail);
}

bool cpus_parse(const char *list, cpu_set_t *set, struct fail *fail)
{
    return option_each_item(list, "no CPU is given", add_item, set, fail);
}

bool cpus_bind(const cpu_set_t *set, struct fail *fail)
{
    cpu_set_t usable;
    CPU_ZERO(&usable);
    /* The kernel leaves out what it doesn't give. */
    if (sched_setaffinity(0, sizeof *set, set) && errno != EINVAL)
        return fail_set(fail, 0, "can't set the CPU affinity: %s", fail_errno(errno));
    sched_getaffinity(0, sizeof usable, &usable);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, set) && !CPU_ISSET(cpu, &usable))
            return fail_set(fail, 0, "CPU %d does not exist, or is not available to this process",
                            cpu);
    return true;
}
