/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/dump_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "capture/packet.h"

enum { WRITE_SIZE = 64 * 1024 };

/* The header of a file and of a packet (draft-ietf-opsawg-pcap), in this machine's byte order. */
struct file_header {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy, snaplen, link;
};

struct record_header {
    uint32_t seconds, fraction, stored, length;
};

#define MAGIC_NANOSECONDS  UINT32_C(0xa1b23c4d)
#define MAGIC_MICROSECONDS UINT32_C(0xa1b2c3d4)

static bool cannot_create(const char *name, int error, struct fail *fail)
{
    if (error == EEXIST)
        return fail_set(fail, FAULT_SYSTEM,
                        "a dump named %s already exists: choose another prefix (-e), or remove it",
                        name);
    return fail_set(fail, FAULT_SYSTEM, "can't create the dump %s there: %s", name,
                    fail_errno(error));
}

bool dump_file_begin(struct dump_file *file, struct dump_dir *dir, const char *name,
                     const void *header, size_t size, struct fail *fail)
{
    *file = (struct dump_file){.dir = dir, .fd = -1};
    if (!dump_name_check(name) || !mem_copy_text(file->name, sizeof file->name, name))
        return fail_set(fail, FAULT_BAD_CALL, "'%s' is not a valid dump name", name);
    if (!dump_dir_take_file(dir, fail))
        return false;
    file->fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (file->fd < 0) {
        budget_give(&dir->files, 1);
        return cannot_create(name, errno, fail);
    }
    dump_dir_forget(dir, name);
    if (!file_write(file->fd, header, size, NULL)) {
        cannot_create(name, errno, fail);
        dump_file_discard(file);
        return false;
    }
    budget_take(&dir->space, (int64_t)size);
    file->size = (int64_t)size;
    return true;
}

bool dump_file_create(struct dump_file *file, struct dump_dir *dir, const char *name,
                      const struct dump_format *format, struct fail *fail)
{
    struct file_header header = {
        .magic = format->microseconds ? MAGIC_MICROSECONDS : MAGIC_NANOSECONDS,
        .major = 2,
        .minor = 4,
        .snaplen = (uint32_t)format->snaplen,
        .link = (uint32_t)packet_link_in_file(format->link),
    };
    bool good = dump_file_begin(file, dir, name, &header, sizeof header, fail);
    file->unit = format->microseconds ? NS_PER_US : 1;
    return good;
}

void dump_file_note(struct dump_file *file, const char *format, ...)
{
    va_list args;
    if (file->note[0])
        return; /* the first trouble explains the others */
    va_start(args, format);
    vsnprintf(file->note, sizeof file->note, format, args);
    va_end(args);
}

static void close_file(struct dump_file *file)
{
    if (file->keeps) {
        file->ended = true;
        file->waiting.length = 0;
        file->waiting_packets = 0;
        return;
    }
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    buffer_free(&file->waiting);
    file->waiting_packets = 0;
}

/* What could not be written is cut off after the last whole packet. */
static void give_up(struct dump_file *file, int error)
{
    int64_t lost = (int64_t)file->waiting.length;
    dump_file_note(file, "the dump ends early: %s", fail_errno(error));
    file->size -= lost;
    file->packets -= file->waiting_packets;
    file->missed += file->waiting_packets;
    budget_give(&file->dir->space, lost);
    if (ftruncate(file->fd, file->size))
        dump_file_note(file, "the dump may end within a packet");
    close_file(file);
}

void dump_file_flush(struct dump_file *file)
{
    if (file->fd < 0 || file->ended)
        return;
    if (!file_write(file->fd, file->waiting.data, file->waiting.length, NULL)) {
        give_up(file, errno);
        return;
    }
    file->waiting.length = 0;
    file->waiting_packets = 0;
}

/* The end of what is added to it. */
static void end_file(struct dump_file *file)
{
    dump_file_flush(file);
    close_file(file);
}

void dump_file_close(struct dump_file *file)
{
    if (file->fd < 0)
        return;
    dump_file_flush(file);
    file->keeps = false;
    close_file(file);
}

void dump_file_rewrite(struct dump_file *file, const void *header, size_t size)
{
    if (file->fd >= 0 && pwrite(file->fd, header, size, 0) != (ssize_t)size)
        dump_file_note(file, "its header is not final: %s", fail_errno(errno));
}

void dump_file_discard(struct dump_file *file)
{
    file->keeps = false;
    close_file(file);
    dump_dir_forget(file->dir, file->name);
    if (unlinkat(file->dir->fd, file->name, 0))
        return;
    budget_give(&file->dir->space, file->size);
    budget_give(&file->dir->files, 1);
}

/* Charges the packet to the file and the directory; where it does not fit the dump ends. */
static bool take_room(struct dump_file *file, int64_t size)
{
    if (file->size + size > file->dir->file_maximum)
        dump_file_note(file,
                       "the dump ends early: it has reached the %" PRId64
                       " bytes that are allowed for a file there (--dump-file-size)",
                       file->dir->file_maximum);
    else if (!budget_take(&file->dir->space, size))
        dump_file_note(file,
                       "the dump ends early: all dumps there have reached %" PRId64
                       " bytes (--dump-space)",
                       file->dir->space.limit);
    else
        return true;
    end_file(file);
    return false;
}

void dump_file_append(struct dump_file *file, const void *one, size_t one_size, const void *other,
                      size_t other_size)
{
    int64_t size = (int64_t)(one_size + other_size);
    if (file->fd < 0 || file->ended || !take_room(file, size)) {
        file->missed++;
        return;
    }
    buffer_add(&file->waiting, one, one_size);
    buffer_add(&file->waiting, other, other_size);
    file->size += size;
    file->packets++;
    file->waiting_packets++;
    if (file->waiting.length >= WRITE_SIZE)
        dump_file_flush(file);
}

void dump_file_add(struct dump_file *file, const struct captured *packet)
{
    struct record_header header = {
        .seconds = (uint32_t)(packet->time / NS_PER_SEC),
        .fraction = (uint32_t)(packet->time % NS_PER_SEC / file->unit),
        .stored = packet->stored,
        .length = packet->length,
    };
    dump_file_append(file, &header, sizeof header, packet->data, packet->stored);
}
