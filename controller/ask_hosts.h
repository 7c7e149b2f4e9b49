/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One call to each of the hosts that a command line names. */
#ifndef FLOWRIG_ASK_HOSTS_H
#define FLOWRIG_ASK_HOSTS_H

#include "protocol.h"

/* A command that asks hosts. */
struct ask_command {
    const char *name, *help;
    const char *usage; /* how it is called: "flowctl status" */
    enum method_id method;
    /* Prints the answer of one host. */
    void (*print)(const char *host, const void *reply);
};

/* Reads the options and hosts, asks all at once, prints in their order. Gives the exit status of
 * flowctl: EXIT_NOT_REACHED where none answered, EXIT_PARTIAL where some did not. */
int ask_hosts(int argc, char **argv, const struct ask_command *command);

#endif
