/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel says of itself and of a socket: congestion controls, MTUs, buffers, sysctls. */
#ifndef FLOWRIG_KERNEL_H
#define FLOWRIG_KERNEL_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>

#include "metrics.h"
#include "settings.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum { KERNEL_NAMES_MAX = 512 };

/* IP_MTU of a connected socket in bytes, or METRIC_ABSENT. */
int64_t kernel_path_mtu(int fd);
/* Writes the name of the interface that has the socket's local address; false where none has. */
bool kernel_interface(int fd, char name[IFNAMSIZ]);
/* MTU in bytes of the interface that has the socket's local address, or METRIC_ABSENT. */
int64_t kernel_interface_mtu(int fd);
/* SO_SNDBUF or SO_RCVBUF as the kernel has it, in bytes, or METRIC_ABSENT. */
int64_t kernel_buffer(int fd, int option);
/* What the kernel keeps for a socket (SO_MEMINFO): sets the sizes of its buffers and the memory of
 * what was not read yet, unless `values` is NULL, and *drops, the datagrams that found no room,
 * unless that is. Returns false, and sets nothing, where the kernel does not say. */
bool kernel_memory(int fd, int64_t values[METRICS], uint32_t *drops);
/* Name of the congestion control that is in force; empty if the socket has none. */
void kernel_congestion_control(int fd, char name[SETTINGS_NAME_MAX]);
/* The algorithms that this process may use, with single spaces between, the default first. */
void kernel_congestion_controls(char names[KERNEL_NAMES_MAX]);

/* Reads the first line of a file; empty where there is none. */
void kernel_read_line(const char *path, char *line, int size);
/* A number in a file of /proc/sys, or `fallback`. */
int64_t kernel_sysctl(const char *path, int64_t fallback);
/* net.ipv4.ip_local_port_range. */
void kernel_local_ports(int64_t *low, int64_t *high);

#endif
