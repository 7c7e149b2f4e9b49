/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What TCP over loopback can carry: a thread for each end of each flow, splice from a memfd on one
 * side and recv(MSG_TRUNC) on the other, and nothing else.
 * limit CONGESTION FLOWS SECONDS apart|together prints bits per second: `apart` puts all senders on
 * the first CPU and all receivers on the second, `together` both ends of a flow on one CPU. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bare.h"

enum { BLOCK = 1 << 20 };

struct end {
    pthread_t thread;
    int fd, cpu;
    int64_t bytes;
};

static double duration;

static void *send_all(void *argument)
{
    struct end *end = argument;
    int file = memfd_create("zeros", 0), pipes[2];
    pin(end->cpu);
    if (file < 0 || ftruncate(file, BLOCK) || pipe(pipes))
        die("memfd and pipe");
    fcntl(pipes[1], F_SETPIPE_SZ, BLOCK);
    for (double until = now() + duration; now() < until;) {
        loff_t offset = 0;
        ssize_t left = splice(file, &offset, pipes[1], NULL, BLOCK, 0);
        while (left > 0) {
            ssize_t moved = splice(pipes[0], NULL, end->fd, NULL, (size_t)left, 0);
            if (moved <= 0)
                die("splice");
            left -= moved;
        }
    }
    shutdown(end->fd, SHUT_WR);
    return NULL;
}

static void *receive_all(void *argument)
{
    struct end *end = argument;
    pin(end->cpu);
    for (ssize_t got; (got = recv(end->fd, NULL, BLOCK, MSG_TRUNC)) > 0;)
        end->bytes += got;
    return NULL;
}

static void connect_ends(int listener, const char *congestion, struct end *source,
                         struct end *destination)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &length);
    source->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (setsockopt(source->fd, IPPROTO_TCP, TCP_CONGESTION, congestion,
                   (socklen_t)strlen(congestion)))
        die(congestion);
    if (connect(source->fd, (struct sockaddr *)&address, length))
        die("connect");
    destination->fd = accept(listener, NULL, NULL);
    if (destination->fd < 0)
        die("accept");
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return EXIT_FAILURE;
    int flows = atoi(argv[2]), cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    bool apart = !strcmp(argv[4], "apart");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct end *ends = calloc(2 * (size_t)flows, sizeof *ends);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    duration = atof(argv[3]);
    if (!ends || bind(listener, (struct sockaddr *)&address, sizeof address) ||
        listen(listener, flows))
        die("listen");
    for (int i = 0; i < flows; i++) {
        ends[2 * i].cpu = apart ? 0 : i % cpus;
        ends[2 * i + 1].cpu = apart ? 1 % cpus : i % cpus;
        connect_ends(listener, argv[1], &ends[2 * i], &ends[2 * i + 1]);
    }
    double began = now();
    for (int i = 0; i < 2 * flows; i++)
        if (pthread_create(&ends[i].thread, NULL, i % 2 ? receive_all : send_all, &ends[i]))
            die("a thread can't be started");
    int64_t bytes = 0;
    for (int i = 0; i < 2 * flows; i++) {
        pthread_join(ends[i].thread, NULL);
        bytes += ends[i].bytes;
    }
    printf("%.0f\n", (double)bytes * 8 / (now() - began));
    free(ends);
    return EXIT_SUCCESS;
}
