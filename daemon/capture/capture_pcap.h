/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libpcap, or a sentence where flowd was built without it. */
#ifndef FLOWRIG_CAPTURE_PCAP_H
#define FLOWRIG_CAPTURE_PCAP_H

#include "capture/dump_file.h"

struct pcap_source;

/* Captures packets of a port that pass the filter (pcap-filter(7)) on an interface, `snaplen` bytes
 * of each. NULL with a sentence; with FAULT_POLICY no other interface would do either. */
struct pcap_source *pcap_source_open(const char *interface, const char *filter, uint16_t port,
                                     int snaplen, struct fail *fail);
void pcap_source_close(struct pcap_source *source);
/* The link type, one that packet_read() knows. */
int pcap_source_link(const struct pcap_source *source);
/* Readable when there are packets. */
int pcap_source_fd(const struct pcap_source *source);
/* Hands over some packets that are there; returns how many, -1 with a sentence. */
int pcap_source_read(struct pcap_source *source,
                     void (*take)(void *context, const struct captured *captured), void *context,
                     struct fail *fail);
/* Packets that found no room in the kernel's buffer since it was opened (pcap_stats(3PCAP)). */
int64_t pcap_source_dropped(struct pcap_source *source);

#endif
