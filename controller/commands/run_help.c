/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "commands/run_help.h"

#include <stdio.h>
#include <string.h>

#include "block.h"
#include "commands/command.h"
#include "option.h"
#include "output/formats.h"

static void list_commands(void)
{
    enum { INDENT = 18 };
    printf("\nCommands (default: run; COMMAND --help lists its options):\n");
    for (size_t i = 0; i < commands_count; i++) {
        const struct command *command = commands[i];
        int column =
            printf("  %s%s%s", command->name, *command->arguments ? " " : "", command->arguments);
        if (column > INDENT - 2)
            column = 0 * printf("\n");
        option_wrap(stdout, command->sentence, INDENT, column);
    }
}

static void help_general(void)
{
    struct option_spec specs[OPTIONS_SPECS_MAX];
    printf("Usage: flowctl [run] [OPTION]...\n"
           "       flowctl COMMAND [OPTION]... [ARGUMENT]...\n"
           "Measures flows between any two hosts that run flowd.\n");
    list_commands();
    option_help(stdout, specs, options_specs(specs));
    printf("\nExit status: 0 success, 1 usage error, 2 a flow failed or the result is\n"
           "incomplete, 3 no daemon was reached, 4 a condition of compare --fail-if holds,\n"
           "130 interrupted.\n");
}

static void help_socket(void)
{
    printf("Socket options are set for the source, the destination or both, and may be\n"
           "repeated:\n"
           "  -O s=TCP_CONGESTION=reno,d=TCP_NODELAY\n\n");
    settings_sockopt_help(stdout);
}

static void help_traffic(void)
{
    printf("Each endpoint with a duration (-T) sends blocks of one size (-S), starting\n"
           "after its delay (-Y), as fast as possible or at a rate (-R). With -A it requests\n"
           "a response to each block, and the round-trip time of blocks is measured.\n\n"
           "With a rate, gaps, varying sizes or responses, all blocks of the flow have a\n"
           "header of %d bytes (message mode); otherwise only bytes are sent and counted\n"
           "(stream mode). --framing=message selects message mode in any case.\n\n"
           "-G x=q:DIST draws the sizes of requests, -G x=p:DIST those of responses (both\n"
           "in bytes), -G x=g:DIST the gaps between requests (in seconds). DIST is one of\n"
           "  C:value           constant\n"
           "  U:min:max         uniform\n"
           "  E:mean            exponential\n"
           "  N:mean:deviation  normal, with its standard deviation (not the variance)\n"
           "  L:mean:deviation  lognormal; both are of the variable, not its logarithm\n"
           "  P:shape:scale     Pareto; the scale is the smallest value\n"
           "  W:scale:shape     Weibull\n"
           "  F:FILE            lines with a value and the share of values up to it\n"
           "Sizes below that of the header or above -U are drawn again, up to ten times,\n"
           "after which the bound is used. -J repeats the random values of a run.\n\n"
           "  flowctl -S s=64 -A s -R s=1Mbit\n"
           "              small requests at 1 Mbit/s, each with a response\n"
           "  flowctl -G s=q:C:800 -G s=g:N:0.008:0.001\n"
           "              a video of about 800 kbit/s\n"
           "  flowctl -T s=10,d=10\n"
           "              one connection in both directions\n",
           BLOCK_HEADER_SIZE);
}

void run_help(enum help_topic topic)
{
    if (topic == HELP_OUTPUT)
        output_formats_help(stdout);
    else if (topic == HELP_SOCKET)
        help_socket();
    else if (topic == HELP_TRAFFIC)
        help_traffic();
    else
        help_general();
}
