/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's part of the tracer: a BPF program for each tracepoint that may tell something of a
 * traced socket. It looks the socket's cookie up and writes its state into the ring. Fields of the
 * kernel's structs are found by name when the program is loaded (CO-RE), so only those that are
 * read are declared here. */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>

#include "traceevent.h"

#define KERNEL __attribute__((preserve_access_index))

enum {
    SOCKETS_MAX = 16384,
    PORTS_MAX = 4096,
    RING_SIZE = 16 << 20, /* some 200,000 events */
    STATE_ESTABLISHED = 1,
    STATE_SYN_RECEIVED = 3,
};

struct ns_common {
    unsigned int inum;
} KERNEL;

struct net {
    struct ns_common ns;
} KERNEL;

typedef struct {
    struct net *net;
} possible_net_t;

typedef struct {
    long long counter;
} atomic64_t;

struct sock_common {
    possible_net_t skc_net;
    unsigned short skc_num;
    volatile unsigned char skc_state;
    atomic64_t skc_cookie;
} KERNEL;

struct sock {
    struct sock_common __sk_common;
    unsigned long sk_pacing_rate;
} KERNEL;

struct inet_connection_sock {
    __u8 icsk_ca_state : 5;
} KERNEL;

struct tcp_sock {
    struct inet_connection_sock inet_conn;
    __u32 snd_una, snd_nxt, snd_wnd, rcv_wnd;
    __u32 snd_cwnd, snd_ssthresh, srtt_us, mss_cache;
    __u32 packets_out, sacked_out, lost_out, retrans_out, total_retrans;
} KERNEL;

struct sk_buff {
    unsigned int len;
    unsigned char cb[48];
} KERNEL;

struct tcp_skb_cb {
    __u32 seq, end_seq;
    __u16 tcp_gso_segs;
} KERNEL;

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, SOCKETS_MAX);
    __type(key, __u64);
    __type(value, struct trace_socket);
} sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, PORTS_MAX);
    __type(key, struct trace_port);
    __type(value, __u32);
} ports SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, RING_SIZE);
} ring SEC(".maps");

static __always_inline struct trace_socket *find(const struct sock *sk, __u64 *cookie)
{
    *cookie = (__u64)sk->__sk_common.skc_cookie.counter;
    return *cookie ? bpf_map_lookup_elem(&sockets, cookie) : NULL;
}

/* TCP_INFINITE_SSTHRESH, and what is above it. */
static __always_inline __u32 ssthresh_of(const struct tcp_sock *tp)
{
    __u32 ssthresh = tp->snd_ssthresh;
    return ssthresh < TRACE_SSTHRESH_NONE ? ssthresh : TRACE_SSTHRESH_NONE;
}

static __always_inline void fill(struct trace_event *event, const struct sock *sk,
                                 const struct tcp_sock *tp)
{
    event->snd_una = tp->snd_una;
    event->snd_nxt = tp->snd_nxt;
    event->snd_wnd = tp->snd_wnd;
    event->cwnd = tp->snd_cwnd;
    event->ssthresh = ssthresh_of(tp);
    event->in_flight = tp->packets_out - (tp->sacked_out + tp->lost_out) + tp->retrans_out;
    event->srtt = tp->srtt_us;
    event->rcv_wnd = tp->rcv_wnd;
    event->total_retrans = tp->total_retrans;
    event->mss = (__u16)tp->mss_cache;
    event->segments = 0;
    __u64 pacing = sk->sk_pacing_rate / 125; /* byte/s to 1000 bit/s */
    event->pacing = pacing < TRACE_PACING_NONE ? (__u32)pacing : TRACE_PACING_NONE;
    event->subflow = 0;
}

/* A new event of the socket, with its state; NULL where none is wanted, or there is no room. */
static __always_inline struct trace_ring_event *begin(const struct sock *sk, __u8 kind,
                                                      int ca_state)
{
    __u64 cookie;
    struct trace_socket *traced = find(sk, &cookie);
    if (!traced)
        return NULL;
    struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
    if (!tp)
        return NULL;
    struct inet_connection_sock *csk = &tp->inet_conn;
    __u8 state = ca_state >= 0 ? (__u8)ca_state : (__u8)BPF_CORE_READ_BITFIELD(csk, icsk_ca_state);
    if (!trace_passes(traced, kind, tp->snd_cwnd, ssthresh_of(tp), state))
        return NULL;
    if (!traced->left) {
        __sync_fetch_and_add(&traced->refused, 1);
        return NULL;
    }
    struct trace_ring_event *made = bpf_ringbuf_reserve(&ring, sizeof *made, 0);
    if (!made) {
        __sync_fetch_and_add(&traced->lost, 1);
        return NULL;
    }
    traced->left--;
    made->cookie = cookie;
    made->event.time = bpf_ktime_get_ns();
    made->event.kind = kind;
    made->event.ca_state = state;
    made->event.tcp_state = sk->__sk_common.skc_state;
    made->event.length = made->event.seq = 0;
    fill(&made->event, sk, tp);
    return made;
}

/* Nobody is woken: who reads the ring looks at it every few milliseconds. */
static __always_inline void end(struct trace_ring_event *made)
{
    bpf_ringbuf_submit(made, BPF_RB_NO_WAKEUP);
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(on_segment, struct sock *sk, struct sk_buff *skb)
{
    struct trace_ring_event *made = begin(sk, TRACE_SEGMENT, -1);
    if (!made)
        return 0;
    struct tcp_skb_cb *cb = (void *)skb->cb;
    __u32 seq = BPF_CORE_READ(cb, seq);
    made->event.seq = seq;
    made->event.length = BPF_CORE_READ(cb, end_seq) - seq;
    end(made);
    return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, struct sock *sk, struct sk_buff *skb)
{
    struct trace_ring_event *made = begin(sk, TRACE_RETRANSMIT, -1);
    if (!made)
        return 0;
    struct tcp_skb_cb *cb = (void *)skb->cb;
    made->event.seq = BPF_CORE_READ(cb, seq);
    made->event.length = skb->len;
    made->event.segments = BPF_CORE_READ(cb, tcp_gso_segs);
    end(made);
    return 0;
}

SEC("tp_btf/tcp_cong_state_set")
int BPF_PROG(on_ca_state, struct sock *sk, __u8 state)
{
    struct trace_ring_event *made = begin(sk, TRACE_CA_STATE, state);
    if (made)
        end(made);
    return 0;
}

/* A connection that one of the ports has accepted: its handshake is just over. */
static __always_inline void adopt(struct sock *sk)
{
    struct trace_port at = {.network = sk->__sk_common.skc_net.net->ns.inum,
                            .port = sk->__sk_common.skc_num};
    struct trace_socket traced = {.left = ~0ULL};
    if (!bpf_map_lookup_elem(&ports, &at))
        return;
    __u64 cookie = bpf_get_socket_cookie(sk);
    bpf_map_update_elem(&sockets, &cookie, &traced, BPF_NOEXIST);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_tcp_state, struct sock *sk, int before, int after)
{
    if (before == STATE_SYN_RECEIVED && after == STATE_ESTABLISHED)
        adopt(sk);
    struct trace_ring_event *made = begin(sk, TRACE_TCP_STATE, -1);
    if (!made)
        return 0;
    made->event.tcp_state = (__u8)after;
    end(made);
    return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_reset_sent, struct sock *sk)
{
    struct trace_ring_event *made = sk ? begin(sk, TRACE_RESET_SENT, -1) : NULL;
    if (made)
        end(made);
    return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_received, struct sock *sk)
{
    struct trace_ring_event *made = begin(sk, TRACE_RESET_RECEIVED, -1);
    if (made)
        end(made);
    return 0;
}

SEC("tp_btf/tcp_rcvbuf_grow")
int BPF_PROG(on_receive_buffer, struct sock *sk)
{
    struct trace_ring_event *made = begin(sk, TRACE_RECEIVE_BUFFER, -1);
    if (made)
        end(made);
    return 0;
}

char _license[] SEC("license") = "GPL";
