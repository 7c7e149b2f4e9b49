/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan/selection.h"

#include <inttypes.h>
#include <stdlib.h>

#include "mem.h"
#include "number.h"
#include "option.h"
#include "plan/plan.h"

enum { ALL_FLOWS = -1 }; /* as it is typed */

struct selection_range {
    int64_t first, last;
};

static bool parse_range(const char *item, struct selection_range *range, struct fail *fail)
{
    if (item[0] == '-') {
        if (!number_parse_int(item, &range->first, fail))
            return false;
        range->last = range->first;
    } else if (!number_parse_range(item, 0, INT64_MAX, &range->first, &range->last, fail)) {
        return false;
    }
    if (range->first < ALL_FLOWS || range->last >= PLAN_FLOWS_MAX)
        return fail_set(fail, 0, "there is no flow %" PRId64, range->last);
    return true;
}

/* The first flow that both have; false where there is none. */
static bool meet(struct selection_range one, struct selection_range other, int64_t *flow)
{
    *flow = one.first > other.first ? one.first : other.first;
    return *flow <= one.last && *flow <= other.last;
}

static bool take_range(void *context, char *item, struct fail *fail)
{
    struct selection *selection = context;
    struct selection_range range;
    int64_t flow;
    if (!parse_range(item, &range, fail))
        return false;
    for (size_t i = 0; i < selection->count; i++)
        if (meet(selection->ranges[i], range, &flow))
            return fail_set(fail, 0, "flow %" PRId64 " is named twice", flow);
    selection->ranges = mem_grow(selection->ranges, selection->count + 1, sizeof range);
    selection->ranges[selection->count++] = range;
    return true;
}

bool selection_parse(const char *list, struct selection *selection, struct fail *fail)
{
    *selection = (struct selection){0};
    bool good = option_each_item(list, "no flow is given", take_range, selection, fail);
    if (selection_has(selection, (size_t)ALL_FLOWS))
        selection_free(selection);
    return good;
}

void selection_free(struct selection *selection)
{
    free(selection->ranges);
    *selection = (struct selection){0};
}

bool selection_has(const struct selection *selection, size_t flow)
{
    for (size_t i = 0; i < selection->count; i++)
        if (selection->ranges[i].first <= (int64_t)flow &&
            (int64_t)flow <= selection->ranges[i].last)
            return true;
    return !selection->ranges;
}

bool selection_next(const struct selection *selection, size_t count, size_t *flow)
{
    size_t next = selection->ranges ? count : *flow;
    for (size_t i = 0; i < selection->count; i++) {
        const struct selection_range *range = &selection->ranges[i];
        size_t first = range->first > (int64_t)*flow ? (size_t)range->first : *flow;
        if (range->last >= (int64_t)*flow && first < next)
            next = first;
    }
    *flow = next;
    return next < count;
}

int64_t selection_last(const struct selection *selection)
{
    int64_t last = -1;
    for (size_t i = 0; i < selection->count; i++)
        if (selection->ranges[i].last > last)
            last = selection->ranges[i].last;
    return last;
}

bool selection_overlap(const struct selection *one, const struct selection *other, int64_t *flow)
{
    *flow = 0;
    if (!one->ranges || !other->ranges)
        return !one->ranges && !other->ranges;
    for (size_t i = 0; i < one->count; i++)
        for (size_t k = 0; k < other->count; k++)
            if (meet(one->ranges[i], other->ranges[k], flow))
                return true;
    return false;
}
