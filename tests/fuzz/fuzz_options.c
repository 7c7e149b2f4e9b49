/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole command lines: a byte that says whose, then the words, one a line. */
#include "fuzz.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon/daemon_options.h"
#include "mem.h"
#include "controller/run/options.h"

enum { WORDS_MAX = 64, DIGITS_MAX = 3 };

#define NOW (INT64_C(1795300000) * NS_PER_SEC) /* that --start-at is relative to */

/* A million flows take their time, and find nothing that a hundred don't. */
static int is_large(const uint8_t *data, size_t size)
{
    size_t digits = 0;
    for (size_t i = 0; i < size; i++) {
        digits = isdigit(data[i]) ? digits + 1 : 0;
        if (digits > DIGITS_MAX)
            return 1;
    }
    return 0;
}

static void read_flowctl(int argc, char **argv)
{
    struct run_options options;
    struct fail fail;
    if (options_read(argc, argv, NOW, &options, &fail) && options.plan) {
        FUZZ_CHECK(options.plan->count && options.plan->daemon_count);
        free(plan_describe_flow(options.plan, 0, true));
    }
    options_free(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char program[] = "x", *argv[WORDS_MAX + 2] = {program}, *save = NULL;
    struct daemon_options options;
    struct fail fail;
    int argc = 1;
    if (!size || is_large(data, size))
        return 0;
    char *text = mem_new(size, 1);
    memcpy(text, data + 1, size - 1);
    for (char *word = strtok_r(text, "\n", &save); word && argc <= WORDS_MAX;
         word = strtok_r(NULL, "\n", &save))
        argv[argc++] = word;
    optind = 0;
    if (data[0] % 2)
        read_flowctl(argc, argv);
    else
        daemon_options_read(argc, argv, &options, &fail);
    free(text);
    return 0;
}
