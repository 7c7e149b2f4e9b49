// SPDX-License-Identifier: GPL-3.0-or-later
/* tap.c - enter the namespace, attach to the device, come back. */
#define _GNU_SOURCE 1
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "err.h"
#include "frame.h"

/* The device must be there, since TUNSETIFF would make a new one from a mistyped name. */
static int check_device(const struct ifreq *device, size_t room, struct err *err)
{
    struct ifreq query = *device;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int failed = fd < 0 || ioctl(fd, SIOCGIFMTU, &query) < 0;

    if (failed)
        err_set(err, "no device '%s' in the namespace: %s", device->ifr_name, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (failed)
        return -1;
    if ((size_t)query.ifr_mtu + ETHERNET_HEADER > room)
        return err_set(err, "the MTU of '%s' is %d: it needs -b %d", device->ifr_name,
                       query.ifr_mtu, query.ifr_mtu + ETHERNET_HEADER);
    return 0;
}

/* Called in the namespace of the device. Without IFF_NAPI, which costs a fifth of the top speed,
 * write() has taken a frame through the receiver's stack when it returns, and merges none. */
static int attach(const char *name, size_t room, struct err *err)
{
    struct ifreq device = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd;

    if (strlen(name) >= sizeof device.ifr_name)
        return err_set(err, "'%s' is too long for a device name", name);
    memcpy(device.ifr_name, name, strlen(name));
    if (check_device(&device, room, err) < 0)
        return -1;
    fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, "/dev/net/tun: %s", strerror(errno));
    if (ioctl(fd, TUNSETIFF, &device) < 0) {
        err_set(err, "cannot attach to '%s': %s", name, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

static int enter(const char *netns, struct err *err)
{
    char path[256];
    int fd, failed;

    snprintf(path, sizeof path, "/run/netns/%s", netns);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    failed = fd < 0 || setns(fd, CLONE_NEWNET) < 0;
    if (failed)
        err_set(err, "cannot enter the namespace '%s': %s", netns, strerror(errno));
    if (fd >= 0)
        close(fd);
    return failed ? -1 : 0;
}

int tap_open(const char *netns, const char *name, size_t room, struct err *err)
{
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int fd = -1;

    if (home < 0)
        return err_set(err, "/proc/self/ns/net: %s", strerror(errno));
    if (enter(netns, err) == 0) {
        fd = attach(name, room, err);
        if (setns(home, CLONE_NEWNET) < 0) {
            perror("labwire: cannot return from a namespace");
            exit(1);
        }
    }
    close(home);
    return fd;
}
