/* SPDX-License-Identifier: GPL-3.0-or-later */
/* knock FROM HOST PORT: connects from the IPv4 address FROM to HOST, port PORT, again and again,
 * and closes each connection at once, by a reset: no port waits. SIGTERM ends it; then it prints
 * how many connections were made, and in how many seconds. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void end(int number)
{
    (void)number;
    ended = 1;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int knock(const struct sockaddr_in *from, const struct sockaddr_in *to)
{
    const struct linger reset = {1, 0};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* The port is chosen by connect(2): as many as the kernel has for each peer. */
    int made = fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) &&
               !setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) &&
               !bind(fd, (const struct sockaddr *)from, sizeof *from) &&
               !connect(fd, (const struct sockaddr *)to, sizeof *to);
    if (fd >= 0)
        close(fd);
    return made;
}

int main(int argc, char **argv)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    if (argc != 4 || inet_pton(AF_INET, argv[1], &from.sin_addr) != 1 ||
        inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
        return EXIT_FAILURE;
    to.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = end}, NULL);
    double began = now();
    long count = 0;
    while (!ended)
        count += knock(&from, &to);
    printf("%ld %.3f\n", count, now() - began);
    return EXIT_SUCCESS;
}
