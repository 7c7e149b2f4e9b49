/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of captured packets, in pcap's format, and the directory in which they
 * lie. Nothing outside of it is ever touched, and no link in it is followed. */
#ifndef FLOWRIG_DUMP_FILE_H
#define FLOWRIG_DUMP_FILE_H

#include <pthread.h>

#include "dumpname.h"
#include "mem.h"
#include "protocol.h"

/* A dump that this process has made. */
struct dump_made;

/* A directory for dumps and what they may take of it. */
struct dump_dir {
    int fd;                 /* -1: there is none */
    struct budget space;    /* bytes of all dumps, those included that were there before */
    struct budget files;    /* their number, likewise */
    int64_t file_maximum;   /* bytes of one file */
    int64_t counted_at;     /* when both were last counted anew */
    pthread_mutex_t lock;   /* of what follows */
    struct dump_made *made; /* in the order of their names */
    size_t made_count;
};

struct dump_limits {
    int64_t space, file_size; /* bytes: of all files, of one */
    int64_t files;            /* their number */
};

/* Opens the directory, or none for NULL; returns false and a sentence where it can't be used: no
 * file can be made in it, too. */
bool dump_dir_open(struct dump_dir *dir, const char *path, const struct dump_limits *limits,
                   struct fail *fail);
void dump_dir_close(struct dump_dir *dir);
/* Fills in the quotas of dumps, where there are any. */
void dump_dir_describe(const struct dump_dir *dir, struct quotas_message *quotas);

/* Takes the place of one more file in the directory, where files that were removed meanwhile take
 * none any more. */
bool dump_dir_take_file(struct dump_dir *dir, struct fail *fail);
/* The file of this name was made for a session of `user`: from now on that user's calls, and no
 * others, find it. */
void dump_dir_add(struct dump_dir *dir, const char *name, const char *user);
/* Whoever had a file of this name, it is gone, and calls do not find what has the name now. */
void dump_dir_forget(struct dump_dir *dir, const char *name);

/* Fills a list of the user's files in the order of their names. What this process has not made is
 * not listed, and not read: nobody knows whose it is. */
bool dump_dir_list(struct dump_dir *dir, const struct dumps_list_call *call, const char *user,
                   struct dumps_list_reply *reply, struct fail *fail);
/* Reads a part of a file of the user's. */
bool dump_dir_read(struct dump_dir *dir, const struct dumps_read_call *call, const char *user,
                   struct dumps_read_reply *reply, struct fail *fail);

/* A packet as it was captured. */
struct captured {
    int64_t time;            /* ns since 1970 */
    uint32_t length, stored; /* on the wire, and of that in `data` */
    const uint8_t *data;
};

/* What a file's header says of its packets. */
struct dump_format {
    int link;          /* pcap's DLT_ */
    int snaplen;       /* bytes kept of a packet */
    bool microseconds; /* the unit of its stamps; else nanoseconds */
};

enum { DUMP_NOTE_MAX = 160 };

struct dump_file {
    struct dump_dir *dir;
    int fd; /* -1 once it is closed */
    char name[DUMP_NAME_MAX];
    int64_t unit;                     /* of its stamps, in ns */
    struct buffer waiting;            /* whole packets that are not written */
    int64_t packets, waiting_packets; /* in the file with those; those */
    int64_t size;                     /* bytes, likewise */
    int64_t missed;                   /* packets that came after its end, or too early */
    bool keeps;               /* it stays open when it has ended: its header is not final, */
    bool ended;               /* and nothing is added any more */
    char note[DUMP_NOTE_MAX]; /* why it ended before its flow, or is not whole; or empty */
};

/* Creates the file, which must not be there, and writes its header. No call finds it until it is
 * dump_dir_add()ed. */
bool dump_file_create(struct dump_file *file, struct dump_dir *dir, const char *name,
                      const struct dump_format *format, struct fail *fail);
/* A file that is full, or a full disk, ends the dump with a note. */
void dump_file_add(struct dump_file *file, const struct captured *packet);
void dump_file_note(struct dump_file *file, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with records of any kind, which count as packets: begins a file with a header of its
 * own, adds a record of two parts, writes the header anew. */
bool dump_file_begin(struct dump_file *file, struct dump_dir *dir, const char *name,
                     const void *header, size_t size, struct fail *fail);
void dump_file_append(struct dump_file *file, const void *one, size_t one_size, const void *other,
                      size_t other_size);
void dump_file_rewrite(struct dump_file *file, const void *header, size_t size);
/* Writes what waits. */
void dump_file_flush(struct dump_file *file);
/* Writes what waits, and closes it. */
void dump_file_close(struct dump_file *file);
/* The same, and removes it. */
void dump_file_discard(struct dump_file *file);

#endif
