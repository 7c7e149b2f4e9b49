/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of captures share; private to them. */
#ifndef FLOWRIG_CAPTURE_STATE_H
#define FLOWRIG_CAPTURE_STATE_H

#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>

#include "capture/capture.h"
#include "capture/capture_pcap.h"
#include "capture/splitter.h"
#include "list.h"
#include "token.h"

struct capture {
    struct list link; /* of captures->all, then of captures->over */
    struct captures *owner;
    char asked[IF_NAMESIZE];     /* the interface that was asked for */
    char interface[IF_NAMESIZE]; /* that it is on; "any": all */
    const char *filter;
    uint16_t port;
    int snaplen;
    int references;       /* dumps; with the owner's lock */
    struct holder holder; /* who had it started */
    pthread_t thread;
    int wake_fd;
    pthread_mutex_t lock; /* of the mailbox */
    struct list mailbox;
    atomic_bool quit;

    atomic_bool works; /* until the interface goes away, or the like */

    /* The thread's. */
    struct pcap_source *source;
    struct splitter splitter;
    struct list dumps;
    int64_t swept;
};

struct captures {
    struct dump_dir *dir;
    pthread_mutex_t lock;
    struct list all, over;
    int count;
};

struct dump {
    struct list link; /* of the capture's dumps */
    struct capture *capture;
    void (*ended)(void *owner,
                  const struct dump_result *result); /* with the lock of all captures */
    void *owner;
    /* The thread's, once there is one. */
    struct dump_file file;
    struct connection *connection;
    bool claimed, agreed, ending, told;
    char user[TOKEN_NAME_MAX]; /* that it is for */
    int64_t deadline;
    int64_t dropped_before;
};

/* What the thread is asked to do; in the order of posting. */
struct mail {
    struct list link;
    void (*run)(struct dump *dump, const struct mail *mail);
    struct dump *dump;
    struct address local, peer;
    int64_t deadline;
};

/* Lets the thread look at its mail, and whether it is to end. */
void capture_wake(struct capture *capture);
/* The thread. */
void *capture_run(void *capture);
/* With the lock of all captures: a capture that nobody uses does not stay. */
void capture_unref(struct capture *capture);
/* Closes the dump's file; what came of those that have not agreed is nobody's. */
void dump_end_file(struct dump *dump);

#endif
