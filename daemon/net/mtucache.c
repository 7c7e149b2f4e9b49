/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/mtucache.h"

#include "metrics.h"
#include "net/kernel.h"

int64_t mtucache_of(struct mtucache *cache, int fd, int64_t now)
{
    struct address local;
    if (!address_local(fd, &local))
        return METRIC_ABSENT;
    address_set_port(&local, 0);
    for (size_t i = 0; i < MTUCACHE_ENTRIES; i++)
        if (now < cache->entries[i].until && address_equal(&cache->entries[i].local, &local))
            return cache->entries[i].mtu;
    size_t index = cache->next++ % MTUCACHE_ENTRIES;
    cache->entries[index].local = local;
    cache->entries[index].mtu = kernel_interface_mtu(fd);
    cache->entries[index].until = now + MTUCACHE_AGE;
    return cache->entries[index].mtu;
}
