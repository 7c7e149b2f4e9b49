/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/capture_pcap.h"

#if HAVE_PCAP

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "capture/packet.h"

enum {
    KERNEL_BUFFER = 16 << 20, /* some 60,000 packets of which the headers are kept */
    BLOCK_MS = 10,            /* packets wait so long for company */
    BATCH = 32,               /* below SPLITTER_EARLY_MAX: see take_packets() */
};

struct pcap_source {
    pcap_t *pcap;
    int link;
    void (*take)(void *context, const struct captured *captured);
    void *context;
};

static bool explain(pcap_t *pcap, int code, const char *interface, struct fail *fail)
{
    if (code == PCAP_ERROR_PERM_DENIED || code == PCAP_ERROR_PROMISC_PERM_DENIED)
        return fail_set(fail, FAULT_POLICY,
                        "packets can't be dumped there: flowd lacks the capability CAP_NET_RAW; "
                        "start it as root, or give it the capability");
    const char *detail = pcap_geterr(pcap);
    return fail_set(fail, FAULT_SYSTEM, "packets can't be captured on %s there: %s%s%s", interface,
                    code ? pcap_statustostr(code) : "", code && *detail ? ": " : "", detail);
}

static bool set_filter(pcap_t *pcap, const char *filter, uint16_t port)
{
    char text[64];
    struct bpf_program program;
    snprintf(text, sizeof text, "%s port %u", filter, port);
    if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN))
        return false;
    bool good = !pcap_setfilter(pcap, &program);
    pcap_freecode(&program);
    return good;
}

static bool activate(pcap_t *pcap, const char *interface, const char *filter, uint16_t port,
                     int snaplen, struct fail *fail)
{
    char errors[PCAP_ERRBUF_SIZE];
    pcap_set_snaplen(pcap, snaplen);
    pcap_set_timeout(pcap, BLOCK_MS);
    pcap_set_buffer_size(pcap, KERNEL_BUFFER);
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
    int code = pcap_activate(pcap);
    if (code < 0)
        return explain(pcap, code, interface, fail);
    if (pcap_get_tstamp_precision(pcap) != PCAP_TSTAMP_PRECISION_NANO)
        return fail_set(fail, FAULT_SYSTEM, "%s has no nanosecond timestamps", interface);
    if (!packet_link_known(pcap_datalink(pcap)))
        return fail_set(fail, FAULT_SYSTEM, "packets of %s have an unknown link header", interface);
    if (!set_filter(pcap, filter, port) || pcap_setnonblock(pcap, 1, errors))
        return explain(pcap, 0, interface, fail);
    return true;
}

struct pcap_source *pcap_source_open(const char *interface, const char *filter, uint16_t port,
                                     int snaplen, struct fail *fail)
{
    char errors[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_create(interface, errors);
    if (!pcap) {
        fail_set(fail, FAULT_SYSTEM, "packets can't be captured on %s there: %s", interface,
                 errors);
        return NULL;
    }
    if (!activate(pcap, interface, filter, port, snaplen, fail)) {
        pcap_close(pcap);
        return NULL;
    }
    struct pcap_source *source = mem_new(1, sizeof *source);
    source->pcap = pcap;
    source->link = pcap_datalink(pcap);
    return source;
}

void pcap_source_close(struct pcap_source *source)
{
    if (!source)
        return;
    pcap_close(source->pcap);
    free(source);
}

int pcap_source_link(const struct pcap_source *source)
{
    return source->link;
}

int pcap_source_fd(const struct pcap_source *source)
{
    return pcap_get_selectable_fd(source->pcap);
}

/* With nanoseconds asked for, tv_usec holds these. */
static void take_one(u_char *context, const struct pcap_pkthdr *header, const u_char *data)
{
    struct pcap_source *source = (struct pcap_source *)context;
    struct captured captured = {
        .time = header->ts.tv_sec * NS_PER_SEC + header->ts.tv_usec,
        .length = header->len,
        .stored = header->caplen,
        .data = data,
    };
    source->take(source->context, &captured);
}

int pcap_source_read(struct pcap_source *source,
                     void (*take)(void *context, const struct captured *captured), void *context,
                     struct fail *fail)
{
    source->take = take;
    source->context = context;
    int got = pcap_dispatch(source->pcap, BATCH, take_one, (u_char *)source);
    if (got < 0)
        fail_set(fail, FAULT_SYSTEM, "%s", pcap_geterr(source->pcap));
    return got;
}

int64_t pcap_source_dropped(struct pcap_source *source)
{
    struct pcap_stat stat;
    return pcap_stats(source->pcap, &stat) ? 0 : stat.ps_drop;
}

#else

struct pcap_source *pcap_source_open(const char *interface, const char *filter, uint16_t port,
                                     int snaplen, struct fail *fail)
{
    (void)interface, (void)filter, (void)port, (void)snaplen;
    fail_set(fail, FAULT_POLICY,
             "packets can't be dumped there: flowd was built without libpcap (Debian: "
             "libpcap-dev)");
    return NULL;
}

void pcap_source_close(struct pcap_source *source)
{
    (void)source;
}

int pcap_source_link(const struct pcap_source *source)
{
    (void)source;
    return 0;
}

int pcap_source_fd(const struct pcap_source *source)
{
    (void)source;
    return -1;
}

int pcap_source_read(struct pcap_source *source,
                     void (*take)(void *context, const struct captured *captured), void *context,
                     struct fail *fail)
{
    (void)source, (void)take, (void)context, (void)fail;
    return 0;
}

int64_t pcap_source_dropped(struct pcap_source *source)
{
    (void)source;
    return 0;
}

#endif
