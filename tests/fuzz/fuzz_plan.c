/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plan files: what is read has words for each cell, and an order that has each as often. */
#include "fuzz.h"

#include <stdlib.h>

#include "controller/plan/planfile.h"
#include "controller/run/options.h"

enum { RUNS_MAX = 1000 };

static void check(const struct planfile *plan)
{
    size_t seen[RUNS_MAX] = {0}, runs = plan->cells * plan->repeat;
    size_t *order = planfile_order(plan);
    for (size_t i = 0; i < runs; i++) {
        FUZZ_CHECK(order[i] < plan->cells);
        seen[order[i]]++;
    }
    for (size_t i = 0; i < plan->cells; i++) {
        struct plan_words words = planfile_words(plan, i);
        for (size_t k = 0; k < words.count; k++)
            FUZZ_CHECK(words.list[k].text[0] == '-' && words.list[k].spot.line);
        FUZZ_CHECK(seen[i] == plan->repeat);
        free(words.list);
        free(planfile_label(plan, i));
    }
    free(order);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct option_spec specs[OPTIONS_SPECS_MAX];
    struct plan_vocabulary vocabulary = {specs, options_specs(specs), options_flow_group};
    struct planfile plan;
    struct fail fail = {0};
    bool good = planfile_read("x", (const char *)data, size, &vocabulary, &plan, &fail);
    FUZZ_CHECK(good || fail.text[0]);
    if (good && plan.cells * plan.repeat <= RUNS_MAX)
        check(&plan);
    planfile_free(&plan);
    return 0;
}
