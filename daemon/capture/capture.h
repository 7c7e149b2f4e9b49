/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packet dumps of flows. A capture sees the packets of one data port on one interface, in a thread
 * of its own, and splits them into one file per flow. It is open before the flow connects: the
 * destination's port is known then at both ends, and destinations that a dump is made of listen at
 * a port of their own. */
#ifndef FLOWRIG_CAPTURE_H
#define FLOWRIG_CAPTURE_H

#include "capture/dump_file.h"
#include "address.h"

struct captures;
struct dump;
struct dump_result;

enum {
    CAPTURES_MAX = 32, /* at once: each has a thread and a buffer in the kernel */
};

/* The directory is borrowed. */
struct captures *captures_new(struct dump_dir *dir);
/* Ends what is still being captured. No flow may use its dump any more. */
void captures_free(struct captures *captures);

/* What is to be dumped. Strings are copied. */
struct dump_request {
    const char *prefix, *run, *host;
    struct holder holder;
    const char *user; /* that the file is for; "": nobody has to say who they are */
    int64_t flow;
    char endpoint;
    int snaplen;                   /* bytes to keep of a packet */
    bool microseconds;             /* in the file's stamps; else nanoseconds */
    const char *filter;            /* the transport's packets (pcap-filter(7)); a static string */
    uint16_t port;                 /* data port of the destination */
    const struct addresses *peers; /* what the other end may have; none: any interface */
};

/* Opens a file, and a capture unless one is there that sees the same; no session and no user may
 * hold more captures than they leave for others. It may take some tens of milliseconds. NULL with a
 * sentence. The dump goes back with dump_close(). */
struct dump *dump_open(struct captures *captures, const struct dump_request *request,
                       struct fail *fail);
/* Who dump_end() answers to: `ended` is called on the capture's thread, which holds a lock, unless
 * the owner was taken back with NULL before. */
void dump_set_owner(struct dump *dump, void (*ended)(void *owner, const struct dump_result *result),
                    void *owner);
/* The flow's connection, which has not been agreed to yet. From its worker; it does not wait. */
void dump_claim(struct dump *dump, const struct address *local, const struct address *peer);
/* Both ends have agreed to the flow: only now calls find the dump. From its worker; it does not
 * wait. */
void dump_agree(struct dump *dump); /* NULL is allowed */
/* The flow's connection is being closed: the dump ends with its last packet, or after `patience`
 * ns, and the owner is told. From its worker; it does not wait. */
void dump_end(struct dump *dump, int64_t patience);
/* Ends the dump and gives it back; its file is removed where the ends never agreed to the flow.
 * NULL is allowed. */
void dump_close(struct dump *dump);

/* The name of its file, without the directory; it lives as long as the dump. */
const char *dump_name(const struct dump *dump);

/* How a dump ended. */
struct dump_result {
    int64_t packets; /* in the file */
    int64_t dropped; /* by its capture since the flow had its connection, for want of room */
    char note[DUMP_NOTE_MAX];
};

#endif
