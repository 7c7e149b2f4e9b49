/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How late a thread is that sleeps until every next millisecond, and does nothing else.
 * sleeper COUNT prints the seconds after each deadline. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

int main(int argc, char **argv)
{
    struct timespec at, now;
    if (argc != 2)
        return EXIT_FAILURE;
    size_t count = strtoul(argv[1], NULL, 10);
    int64_t *late = calloc(count, sizeof *late);
    if (!late)
        return EXIT_FAILURE;
    clock_gettime(CLOCK_MONOTONIC, &at);
    for (size_t i = 0; i < count; i++) {
        at.tv_nsec += NS_PER_MS;
        if (at.tv_nsec >= NS_PER_S) {
            at.tv_nsec -= NS_PER_S;
            at.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
        late[i] = (int64_t)(now.tv_sec - at.tv_sec) * NS_PER_S + now.tv_nsec - at.tv_nsec;
    }
    for (size_t i = 0; i < count; i++)
        printf("%.9f\n", (double)late[i] / NS_PER_S);
    free(late);
    return EXIT_SUCCESS;
}
