/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What whoever connects to a data port sends first. */
#include "fuzz.h"

#include <string.h>

#include "preamble.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[PREAMBLE_SIZE], again[PREAMBLE_SIZE], secret[SECRET_SIZE];
    struct preamble preamble;
    struct fail fail;
    char text[65] = "";
    memcpy(text, data, size < 64 ? size : 64);
    secret_parse(text, secret);
    if (size < sizeof bytes)
        return 0;
    memcpy(bytes, data, sizeof bytes);
    if (!preamble_decode(bytes, &preamble, &fail))
        return 0;
    preamble_encode(&preamble, again);
    FUZZ_CHECK(!memcmp(bytes, again, sizeof bytes));
    return 0;
}
