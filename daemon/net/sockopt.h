/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of socket options: which setting is which option, when it is set, and what the kernel
 * has made of it. */
#ifndef FLOWRIG_SOCKOPT_H
#define FLOWRIG_SOCKOPT_H

#include "fail.h"
#include "mem.h"
#include "settings.h"

/* When options are set, in this order. */
enum sockopt_phase {
    SOCKOPT_CREATED = 1,    /* a new socket: what shapes the handshake, and whatever can be early */
    SOCKOPT_LISTENING = 2,  /* before listen() */
    SOCKOPT_CONNECTING = 4, /* before connect() */
    SOCKOPT_ACCEPTED = 8,   /* what an accepted socket does not inherit from the one that listens */
    SOCKOPT_AGREED = 16,    /* the exchange of preambles is over */
    SOCKOPT_READ = 32,      /* what the kernel changes by itself, after each read */
};

/* Sets what was asked for and belongs to the phase; `family` is the socket's. Returns false and a
 * sentence that names the option, its value, and the capability that may be missing. */
bool sockopt_set(int fd, int family, enum sockopt_phase phase,
                 const struct endpoint_settings *settings, struct fail *fail);

/* Whether anything was asked for that is to be set again after each read. */
bool sockopt_renews(const struct endpoint_settings *settings);

/* Adds a line "field=value" for each setting that was asked for, with the value that the connected
 * socket really has, in the setting's unit; what can't be read has no line. */
void sockopt_describe(int fd, const struct endpoint_settings *settings, struct buffer *lines);

/* Whether sockets made for the one would do for the other. */
bool sockopt_same(const struct endpoint_settings *one, const struct endpoint_settings *other);

#endif
