/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What flowctl attach reads of a run. */
#include "controller/run/run_file.c"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run_file file = {.fd = -1};
    struct buffer text = {0};
    buffer_add(&text, data, size);
    buffer_add(&text, "", 1);
    if (read_text(&file, text.data)) {
        struct buffer out = {0};
        FUZZ_CHECK(file.argc && file.argv[file.argc] == NULL && file.session_count);
        put_all(&out, &file);
        buffer_free(&out);
    }
    buffer_free(&text);
    run_file_close(&file);
    return 0;
}
