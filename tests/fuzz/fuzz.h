/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A fuzz target is one function, as libFuzzer wants it. driver.c runs it where there is none. */
#ifndef FLOWRIG_FUZZ_H
#define FLOWRIG_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Takes any bytes, and returns 0; what is wrong with the code under it ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise of the code under test that did not hold. */
#define FUZZ_CHECK(condition) \
    do {                      \
        if (!(condition))     \
            __builtin_trap(); \
    } while (0)

#endif
