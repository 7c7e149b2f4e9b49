/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "udp_marks.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "info.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

struct udp_marks udp_marks_read(struct msghdr *message, size_t length)
{
    struct udp_marks marks = {.segment = length, .tos = -1, .ttl = -1};
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
        const void *data = CMSG_DATA(at);
        int number = 0;
        struct timespec stamp;
        if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&stamp, data, sizeof stamp);
            marks.stamp = stamp.tv_sec * NS_PER_SEC + stamp.tv_nsec;
            continue;
        }
        if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TOS) {
            marks.tos = *(const uint8_t *)data;
            continue;
        }
        if (at->cmsg_len < CMSG_LEN(sizeof number))
            continue;
        memcpy(&number, data, sizeof number);
        if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SO_RXQ_OVFL)
            marks.drops = (uint32_t)number;
        else if (at->cmsg_level == SOL_UDP && at->cmsg_type == UDP_GRO && number > 0)
            marks.segment = (size_t)number;
        else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_TCLASS)
            marks.tos = (int16_t)(number & 0xff);
        else if ((at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_HOPLIMIT) ||
                 (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TTL))
            marks.ttl = (int16_t)(number & 0xff);
    }
    return marks;
}

void udp_marks_count(struct udp_seen *seen, int tos, int ttl)
{
    if (tos >= 0)
        seen->tos[tos]++;
    if (ttl >= 0)
        seen->ttl[ttl]++;
}

static void add_count(struct buffer *text, const char *name, int64_t count)
{
    if (count)
        buffer_printf(text, "%s%s:%" PRId64, text->length ? "," : "", name, count);
}

static void add_list(struct buffer *lines, enum info_id id, struct buffer *text)
{
    buffer_add(text, "", 1);
    if (text->length > 1)
        info_add_text(lines, id, text->data);
    buffer_free(text);
}

/* The numbers of the marks seen, without their lowest bits. */
static void describe_counts(enum info_id id, const int64_t counts[256], unsigned shift,
                            struct buffer *lines)
{
    struct buffer text = {0};
    for (unsigned first = 0; first < 256; first += 1u << shift) {
        char name[8];
        int64_t sum = 0;
        for (unsigned i = 0; i < 1u << shift; i++)
            sum += counts[first + i];
        snprintf(name, sizeof name, "%u", first >> shift);
        add_count(&text, name, sum);
    }
    add_list(lines, id, &text);
}

static void describe_ecn(const int64_t tos[256], struct buffer *lines)
{
    static const char *const names[] = {"not-ect", "ect1", "ect0", "ce"};
    struct buffer text = {0};
    int64_t sums[4] = {0};
    for (int i = 0; i < 256; i++)
        sums[i & 3] += tos[i];
    for (int i = 0; i < 4; i++)
        add_count(&text, names[i], sums[i]);
    add_list(lines, INFO_ecn_seen, &text);
}

void udp_marks_describe(const struct udp_seen *seen, struct buffer *lines)
{
    describe_counts(INFO_dscp_seen, seen->tos, 2, lines);
    describe_ecn(seen->tos, lines);
    describe_counts(INFO_ttl_seen, seen->ttl, 0, lines);
}
