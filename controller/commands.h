/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What flowctl does besides running flows: one file per command. Each takes the words behind its
 * name, argv[0] being the name, and gives the exit status. */
#ifndef FLOWRIG_COMMANDS_H
#define FLOWRIG_COMMANDS_H

int command_status(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_attach(int argc, char **argv);
int command_plot(int argc, char **argv);
int command_fetch_dumps(int argc, char **argv);

#endif
