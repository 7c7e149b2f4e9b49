/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An event of a trace (flowtrace(5)) as the kernel's part of the tracer writes it, and as it lies
 * in a file. Included by a BPF program too, so it needs nothing but <linux/types.h>. */
#ifndef FLOWRIG_TRACEEVENT_H
#define FLOWRIG_TRACEEVENT_H

#include <linux/types.h>
#include <stdbool.h>

#define TRACE_SSTHRESH_NONE 0x7fffffffU /* there is no threshold yet */
#define TRACE_PACING_NONE   0xffffffffU /* the rate is not limited */

enum trace_kind {
    TRACE_SEGMENT = 1,    /* a segment has come (tcp:tcp_probe) */
    TRACE_RETRANSMIT,     /* a segment was retransmitted (tcp:tcp_retransmit_skb) */
    TRACE_CA_STATE,       /* a new state of congestion avoidance (tcp:tcp_cong_state_set) */
    TRACE_TCP_STATE,      /* a new state of the connection (sock:inet_sock_set_state) */
    TRACE_RESET_SENT,     /* tcp:tcp_send_reset */
    TRACE_RESET_RECEIVED, /* tcp:tcp_receive_reset */
    TRACE_RECEIVE_BUFFER, /* the receive buffer may grow (tcp:tcp_rcvbuf_grow) */
    TRACE_KINDS,
};

/* In the byte order of the host that wrote it. The figures are those of the kernel before it acts
 * on what the event is about; the states are the new ones. */
struct trace_event {
    __u64 time; /* CLOCK_MONOTONIC, ns */
    __u8 kind;  /* enum trace_kind */
    __u8 ca_state, tcp_state, subflow;
    __u32 length; /* payload of the segment, bytes */
    __u32 seq;    /* and its sequence number */
    __u32 snd_una, snd_nxt, snd_wnd;
    __u32 cwnd, ssthresh, in_flight; /* segments */
    __u32 srtt;                      /* µs, times 8 */
    __u32 rcv_wnd, total_retrans;
    __u16 mss, segments; /* segments: that were retransmitted at once */
    __u32 pacing;        /* 1000 bit/s */
};

/* What an event is in the ring between the kernel and the daemon. */
struct trace_ring_event {
    __u64 cookie; /* of its socket */
    struct trace_event event;
};

enum trace_filter_choice { TRACE_FILTER_ALL, TRACE_FILTER_CHANGE, TRACE_FILTERS };

/* A socket that is traced: what the kernel's part keeps of it, by its cookie. */
struct trace_socket {
    __u64 left;    /* events that it may still have */
    __u64 lost;    /* that found no room in the ring, */
    __u64 refused; /* that were too many */
    __u32 cwnd, ssthresh;
    __u8 ca_state, filter;
    __u16 known; /* whether the three above were seen once */
    __u32 padding;
};

/* A port whose connections are traced from their first moment on. */
struct trace_port {
    __u32 network; /* inode of the network namespace */
    __u32 port;    /* in host byte order */
};

/* Whether the filter lets an event of this kind pass, with these figures. */
static inline __attribute__((always_inline)) bool
trace_passes(struct trace_socket *traced, __u8 kind, __u32 cwnd, __u32 ssthresh, __u8 ca_state)
{
    bool same = traced->known && traced->cwnd == cwnd && traced->ssthresh == ssthresh &&
                traced->ca_state == ca_state;
    traced->cwnd = cwnd;
    traced->ssthresh = ssthresh;
    traced->ca_state = ca_state;
    traced->known = 1;
    return !same || kind != TRACE_SEGMENT || traced->filter == TRACE_FILTER_ALL;
}

#endif
