/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A trace, as trace and plot read it. */
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "controller/output/trace_reader.h"

static void read_events(struct trace_reader *reader, size_t most)
{
    struct fail fail;
    double value;
    size_t count, events = 0;
    trace_reader_columns(reader, &count);
    FUZZ_CHECK(count > 0 && count <= TRACE_FIELDS_MAX);
    while (trace_reader_next(reader, &fail) > 0) {
        events++;
        for (size_t i = 0; i < count; i++) {
            trace_reader_value(reader, (int)i, &value);
            trace_reader_name(reader, (int)i);
        }
    }
    FUZZ_CHECK(events <= most);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    struct fail fail;
    if (fd < 0) {
        fd = memfd_create("trace", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_CHECK(!ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
    struct trace_reader *reader = trace_reader_open(path, &fail);
    if (reader)
        read_events(reader, size);
    trace_reader_close(reader);
    return 0;
}
