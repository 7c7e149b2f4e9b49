/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "failure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool failure_mark(struct fail *fail, int64_t flow, enum endpoint endpoint)
{
    return fail_prefix(fail, "flow %" PRId64 ", %s", flow, endpoint_name(endpoint));
}

bool failure_read(const struct fail *fault, struct failure *failure)
{
    for (int end = 0; end < ENDPOINTS; end++) {
        char form[64];
        int length = 0;
        int64_t flow;
        snprintf(form, sizeof form, "flow %%9" SCNd64 ", %s: %%n",
                 endpoint_name((enum endpoint)end));
        if (sscanf(fault->text, form, &flow, &length) != 1 || flow < 0 || !length ||
            !fault->text[length])
            continue;
        *failure = (struct failure){.flow = flow,
                                    .endpoint = (enum endpoint)end,
                                    .code = fault->code,
                                    .sentence = fault->text + length};
        return true;
    }
    return false;
}
