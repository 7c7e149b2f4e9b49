/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the daemon may do, and gives up once it does not need it any more. */
#ifndef FLOWRIG_PRIVILEGES_H
#define FLOWRIG_PRIVILEGES_H

#include <sys/types.h>

#include "fail.h"

struct privileges {
    const char *user;        /* whom to become; NULL: stay who we are */
    bool capture, net_admin; /* keep CAP_NET_RAW, CAP_NET_ADMIN where they are there, */
    bool trace;              /* CAP_BPF and CAP_PERFMON */
};

/* The numbers of a user, by name or number; returns false and a sentence where there is none. */
bool privileges_find(const char *user, uid_t *uid, gid_t *gid, struct fail *fail);
/* Becomes the user and keeps no other capabilities; no program that is run ever gets more than this
 * one has. Before any thread is started. */
bool privileges_drop(const struct privileges *privileges, struct fail *fail);

#endif
