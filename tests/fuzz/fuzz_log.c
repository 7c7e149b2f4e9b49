/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A flow log, as plot and attach read it. */
#include "fuzz.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "controller/output/flowlog_replay.h"
#include "controller/output/plot_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    struct log_replay replay;
    const struct plot_choice choice = {.metrics = "kernel,rx_through", .to = INFINITY};
    struct fail fail;
    if (fd < 0) {
        fd = memfd_create("log", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_CHECK(!ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
    plot_log_free(plot_log_read(path, &choice, &fail));
    struct results *results = results_new(2);
    if (log_replay(path, "abc", results, &replay, &fail))
        FUZZ_CHECK(replay.length >= 0 && (size_t)replay.length <= size);
    free(replay.host_next);
    results_free(results);
    return 0;
}
