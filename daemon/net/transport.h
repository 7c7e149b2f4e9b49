/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A transport: how connections are made, carry data and are looked at. Nothing above it makes a
 * call on a data socket. One ops table and one file each; every pointer is set unless it says here
 * that it may be NULL. What a transport can do is data: transport_traits of settings.h.
 *
 * A transport without TRANSPORT_STREAM carries datagrams. It has no connections to accept: its
 * listen() gives each flow a bound socket of its own, which answers whoever sends to it until
 * associate() connects it. */
#ifndef FLOWRIG_TRANSPORT_H
#define FLOWRIG_TRANSPORT_H

#include <sys/types.h>
#include <sys/uio.h>

#include "address.h"
#include "mem.h"
#include "metrics.h"
#include "net/socket.h"
#include "net/sockopt.h"
#include "settings.h"

/* A datagram that has come. */
struct datagram {
    const uint8_t *data; /* in the room that receive_batch() was given */
    size_t size;
    int64_t arrived;  /* CLOCK_MONOTONIC, as the kernel stamped it */
    int16_t tos, ttl; /* of its packet; -1: unknown */
};

struct transport {
    /* Bytes of the connection's own state, which begins as zeros: a baseline of counters, or
     * sequence numbers and losses of datagrams. The flow allocates it and hands it to each call
     * as `state`. */
    size_t state_size;
    /* Its packets in the language of pcap-filter(7), to which a port is added. */
    const char *capture_filter;

    /* A listening, non-blocking socket, or a bound one of datagrams; -1 with errno and a sentence.
     */
    int (*listen)(const struct address *address, const struct endpoint_settings *settings,
                  struct fail *fail);
    /* The next connection of a listening socket, non-blocking; -1 with errno, EAGAIN if none
     * waits. NULL without TRANSPORT_STREAM. */
    int (*accept)(int listener);
    /* Connects a bound socket to the peer that has shown itself, and throws away what others have
     * sent to it meanwhile; false with errno. NULL where TRANSPORT_STREAM, as what follows is. */
    bool (*associate)(void *state, int fd, const struct address *peer);
    /* Reads the next datagram and leaves it there; `from` is who sent it. Returns bytes, -1 with
     * errno. */
    ssize_t (*peek)(int fd, void *to, size_t size, struct address *from);
    /* Sends a datagram from a socket that is not connected yet. */
    ssize_t (*send_to)(int fd, const void *data, size_t size, const struct address *to);
    /* Before the first batch: whether trains of datagrams may be sent and received in one piece,
     * which costs less and blurs the times of arrival. */
    void (*allow_trains)(void *state, int fd, bool allowed);
    /* Sends `count` datagrams of one size, each of `parts` parts. Returns how many the kernel has
     * taken, -1 with errno if it was not one: ENOBUFS if the host's own queue dropped the first,
     * EAGAIN if the socket has no room. */
    ssize_t (*send_batch)(void *state, int fd, const struct iovec *list, size_t parts,
                          size_t count);
    /* Reads datagrams into `room`, of `size` bytes; returns how many, -1 with errno. */
    ssize_t (*receive_batch)(void *state, int fd, uint8_t *room, size_t size, struct datagram *list,
                             size_t max);
    /* Counts the marks of a datagram for describe(): only its owner knows whether it is the flow's.
     */
    void (*count_marks)(void *state, const struct datagram *datagram);
    /* The bytes of headers below a datagram's payload, UDP's and IP's. */
    size_t (*overhead)(int fd);
    /* Datagrams that the socket has dropped for want of room since the baseline of sample(), or
     * METRIC_ABSENT. */
    int64_t (*dropped)(const void *state, int fd);
    /* A non-blocking socket with all options that are set before connect(); -1 with a sentence. */
    int (*create)(int family, const struct endpoint_settings *settings, struct fail *fail);
    /* A non-blocking socket that has begun to connect; bound to `own` if that is an address of
     * this host and of the peer's family. `watcher` (NULL: none) hears of it before its first
     * packet. -1 with a sentence. */
    int (*connect)(const struct addresses *own, const struct address *peer,
                   const struct endpoint_settings *settings, const struct socket_watcher *watcher,
                   struct fail *fail);
    /* The error that waits at the socket, of connect() for example, or 0. It is taken. */
    int (*take_error)(int fd);
    /* Whether the handshake goes on although the socket takes data (TCP Fast Open). */
    bool (*in_handshake)(int fd);

    /* Sets the options that were asked for and belong to the stage; false with a sentence. `fail`
     * may be NULL. */
    bool (*set)(int fd, enum sockopt_phase stage, const struct endpoint_settings *settings,
                struct fail *fail);
    /* Sends what the socket takes of the parts, one after the other; datagrams are sent whole, one
     * from each part. Returns bytes, or -1 with errno, EAGAIN if it has no room. */
    ssize_t (*send)(void *state, int fd, const struct iovec *parts, size_t count);
    /* Sends up to `size` bytes of a pipe without a copy, with the same result. NULL if there is no
     * way to. */
    ssize_t (*send_pipe)(void *state, int fd, int pipe, size_t size);
    /* Reads up to `size` bytes into `to`; without `keep` the kernel counts them and may leave `to`
     * alone. Returns bytes, 0 at the end of a stream, -1 with errno, EAGAIN if nothing is there. */
    ssize_t (*receive)(void *state, int fd, void *to, size_t size, bool keep);

    /* Reads the connection's metrics and the MTU of its path; what does not exist stays absent.
     * With `baseline` counters count from here on. */
    void (*sample)(void *state, int fd, bool baseline, int64_t values[METRICS]);
    /* "name=value" lines about the connection, and what was asked for, as they really are. */
    void (*describe)(const void *state, int fd, const struct endpoint_settings *settings,
                     struct buffer *lines);
    /* Bytes sent that the peer has not acknowledged. */
    int64_t (*unacked)(int fd);
    /* Ends the sending direction. */
    bool (*end_sending)(int fd);
    /* Whether the peer has acknowledged that end. */
    bool (*end_acknowledged)(int fd);
    /* Lets the kernel send no faster than `rate` bit/s; false with a code and a sentence if it
     * refuses. NULL where the transport lacks TRANSPORT_KERNEL_PACING (settings.h). */
    bool (*pace)(int fd, int64_t rate, struct fail *fail);
    /* Sends acknowledgments now that would wait for company. */
    void (*flush_acks)(int fd);
};

extern const struct transport transport_tcp, transport_mptcp, transport_udp;

/* The transports by enum transport_choice. */
extern const struct transport *const transports[TRANSPORTS];

#endif
