/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/payload.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static struct {
    pthread_once_t once;
    const uint8_t *bytes;
} numbers = {.once = PTHREAD_ONCE_INIT};

static void make_numbers(void)
{
    size_t size = PAYLOAD_SIZE + PAYLOAD_NUMBERS_PERIOD;
    uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        return;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)i;
    numbers.bytes = bytes;
}

const uint8_t *payload_numbers(void)
{
    pthread_once(&numbers.once, make_numbers);
    return numbers.bytes;
}

void payload_init(struct payload *payload)
{
    *payload = (struct payload){.reservoir = {-1, -1}};
}

/* As many pages of zeros as the pipe holds. They stay there: tee() takes further references to them
 * without a look into the file, which was a fifth of what sending cost. */
static bool fill_reservoir(struct payload *payload, int file)
{
    off_t offset = 0;
    if (pipe2(payload->reservoir, O_NONBLOCK | O_CLOEXEC))
        return false;
    /* An unprivileged user may be refused the full size; then more calls carry the same. */
    fcntl(payload->reservoir[1], F_SETPIPE_SZ, PAYLOAD_SIZE);
    while (offset < PAYLOAD_SIZE && splice(file, &offset, payload->reservoir[1], NULL,
                                           PAYLOAD_SIZE - (size_t)offset, SPLICE_F_NONBLOCK) > 0)
        ;
    return offset > 0;
}

/* MAP_POPULATE first: a page that was never touched is spliced as the kernel's one page of zeros,
 * which all workers would share again. */
static bool make_pages(struct payload *payload, int file)
{
    if (ftruncate(file, PAYLOAD_SIZE))
        return false;
    void *memory = mmap(NULL, PAYLOAD_SIZE, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
    if (memory == MAP_FAILED)
        return false;
    payload->zeros = memory;
    return fill_reservoir(payload, file);
}

bool payload_open(struct payload *payload)
{
    int file = memfd_create("flowrig-zeros", MFD_CLOEXEC);
    bool made = file >= 0 && make_pages(payload, file);
    if (file >= 0)
        close(file); /* the mapping and the pipe keep the pages */
    return made;
}

void payload_close(struct payload *payload)
{
    for (int i = 0; i < 2; i++)
        if (payload->reservoir[i] >= 0)
            close(payload->reservoir[i]);
    if (payload->zeros)
        munmap((void *)payload->zeros, PAYLOAD_SIZE);
    payload_init(payload);
}
