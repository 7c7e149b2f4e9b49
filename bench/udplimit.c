/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What UDP over loopback can carry: a process for each end, and nothing but the calls.
 * udplimit trains|batches SIZE SECONDS prints bits of payload received per second and the share of
 * datagrams that were lost. `trains` has the kernel cut and join them (UDP_SEGMENT, UDP_GRO),
 * `batches` sends and receives 32 datagrams in a call. */
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bare.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { BATCH = 32, ROOM = 65536, TRAIN_BYTES = 65000, TRAIN_MAX = 64, BUFFER = 8 << 20 };

static uint8_t room[BATCH][ROOM];

static void open_pair(bool trains, int fd[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct timeval patience = {.tv_usec = 300000};
    int size = BUFFER, on = 1;
    fd[0] = socket(AF_INET, SOCK_DGRAM, 0);
    fd[1] = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd[0] < 0 || fd[1] < 0)
        die("socket");
    if (setsockopt(fd[1], SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(fd[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (trains && setsockopt(fd[1], SOL_UDP, UDP_GRO, &on, sizeof on))
        die("UDP_GRO");
    if (bind(fd[1], (struct sockaddr *)&address, length) ||
        getsockname(fd[1], (struct sockaddr *)&address, &length) ||
        connect(fd[0], (struct sockaddr *)&address, length))
        die("a pair of sockets");
}

/* Reads until nothing has come for a while; gives the bytes. */
static int64_t receive_all(int fd, bool trains)
{
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    int64_t bytes = 0;
    unsigned count = trains ? 8 : BATCH;
    for (;;) {
        for (unsigned i = 0; i < count; i++) {
            parts[i] = (struct iovec){room[i], ROOM};
            messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
        }
        int got = recvmmsg(fd, messages, count, MSG_WAITFORONE, NULL);
        if (got < 0)
            return bytes;
        for (int i = 0; i < got; i++)
            bytes += messages[i].msg_len;
    }
}

/* Sends for so long; gives the bytes. */
static int64_t send_all(int fd, bool trains, int size, double seconds)
{
    struct mmsghdr messages[BATCH];
    int segments = TRAIN_BYTES / size < TRAIN_MAX ? TRAIN_BYTES / size : TRAIN_MAX;
    size_t length = (size_t)(trains ? size * segments : size);
    struct iovec part = {room[0], length};
    int64_t bytes = 0;
    if (trains && setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size))
        die("UDP_SEGMENT");
    for (int i = 0; i < BATCH; i++)
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    for (double end = now() + seconds; now() < end;) {
        int sent = sendmmsg(fd, messages, trains ? 1 : BATCH, 0);
        bytes += sent > 0 ? sent * (int64_t)length : 0;
    }
    return bytes;
}

int main(int argc, char **argv)
{
    int fd[2], report[2], status;
    int64_t received = 0;
    bool trains = argc == 4 && !strcmp(argv[1], "trains");
    int size = argc == 4 ? atoi(argv[2]) : 0;
    if (size < 1 || size > TRAIN_BYTES) {
        fputs("usage: udplimit trains|batches SIZE SECONDS\n", stderr);
        return EXIT_FAILURE;
    }
    open_pair(trains, fd);
    if (pipe(report))
        die("pipe");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (!child) {
        pin(1);
        received = receive_all(fd[1], trains);
        return write(report[1], &received, sizeof received) == sizeof received ? 0 : 1;
    }
    pin(0);
    double began = now();
    int64_t sent = send_all(fd[0], trains, size, atof(argv[3]));
    double took = now() - began;
    if (read(report[0], &received, sizeof received) != sizeof received ||
        waitpid(child, &status, 0) < 0)
        die("the receiver");
    printf("%.0f %.6f\n", 8 * (double)received / took, 1 - (double)received / (double)sent);
    return 0;
}
