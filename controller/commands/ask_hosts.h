/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One call to each of the hosts that a command line names. */
#ifndef FLOWRIG_ASK_HOSTS_H
#define FLOWRIG_ASK_HOSTS_H

#include "commands/command.h"
#include "protocol.h"

/* What the row of a command that asks hosts has in common with those of the others. */
#define ASK_HOSTS_ARGUMENTS                                                                   \
    .arguments = "HOST[:PORT]...", .least = 1, .most = COMMAND_ANY, .specs = ask_hosts_specs, \
    .spec_count = ASK_HOSTS_SPECS, .take = ask_hosts_take

enum { ASK_HOSTS_SPECS = 5 };
extern const struct option_spec ask_hosts_specs[ASK_HOSTS_SPECS];
option_handler ask_hosts_take;

/* Prints the answer of one host, a reply of the method. */
typedef void ask_printer(const char *host, const void *reply);

/* Reads the options and hosts, asks all at once, prints in their order. Returns the exit status of
 * flowctl: EXIT_NOT_REACHED where none answered, EXIT_PARTIAL where some did not. */
int ask_hosts(struct command_line *line, enum method_id method, ask_printer *print);

#endif
