/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters of the host as the kernel has them now, read from /proc and netlink. */
#ifndef FLOWRIG_HOSTSTAT_SAMPLE_H
#define FLOWRIG_HOSTSTAT_SAMPLE_H

#include "hoststats.h"

/* A host with thousands of interfaces does not fill the reports with them. */
enum { HOSTSTAT_OBJECTS_MAX = 128 };

struct hoststat_object {
    struct hoststat_row row; /* SHARE: ticks; COUNTER: since whenever */
    int64_t id;              /* differs from that of an object of the same name before it */
};

struct hoststat_sample {
    struct hoststat_object list[HOSTSTAT_OBJECTS_MAX];
    size_t count;
};

/* Each adds what it finds; what is damaged is left out. The first line of /proc/stat; the text of
 * /proc/net/snmp or netstat. */
void hoststat_parse_cpu(const char *line, struct hoststat_row *row);
void hoststat_parse_mib(const char *text, struct hoststat_row *row);
/* Messages of a dump of links (RTM_NEWLINK) or, after it, of queueing disciplines (RTM_NEWQDISC);
 * interfaces that are down are left out. Returns whether more messages will come. */
bool hoststat_parse_messages(const void *bytes, size_t length, struct hoststat_sample *sample);

/* Reads everything; `netlink` is a socket of hoststat_open_netlink(), or -1: without interfaces. */
void hoststat_read(struct hoststat_sample *sample, int netlink);
int hoststat_open_netlink(void);

#endif
