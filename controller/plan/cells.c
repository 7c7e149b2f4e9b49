/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cells of a plan: their words, and the order in which they run. */
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "plan/planfile.h"

size_t planfile_value(const struct planfile *plan, size_t cell, size_t axis)
{
    /* The last axis changes fastest; those of a zip change together. */
    bool zip = false;
    for (size_t i = plan->axis_count; i-- > 0;) {
        const struct plan_axis *other = &plan->axes[i];
        size_t count = other->words.count;
        if (i == axis || (other->zipped && plan->axes[axis].zipped))
            return cell % count;
        if (!other->zipped || !zip)
            cell /= count;
        zip |= other->zipped;
    }
    return 0;
}

char *planfile_label(const struct planfile *plan, size_t cell)
{
    struct buffer label = {0};
    for (size_t i = 0; i < plan->axis_count; i++)
        buffer_printf(&label, "%s%s=%s", i ? " " : "", plan->axes[i].option,
                      plan->axes[i].labels[planfile_value(plan, cell, i)]);
    if (!plan->axis_count)
        buffer_text(&label, "all flows");
    buffer_add(&label, "", 1);
    return label.data;
}

static void append(struct plan_words *words, const struct plan_word *list, size_t count)
{
    words->list = mem_grow(words->list, words->count + count + 1, sizeof *words->list);
    if (count)
        memcpy(words->list + words->count, list, count * sizeof *list);
    words->count += count;
}

struct plan_words planfile_words(const struct planfile *plan, size_t cell)
{
    struct plan_words words = {0};
    append(&words, plan->options.list, plan->options.count);
    for (size_t i = 0; i < plan->axis_count; i++) {
        const struct plan_word *word = &plan->axes[i].words.list[planfile_value(plan, cell, i)];
        append(&words, word, *word->text ? 1 : 0);
    }
    append(&words, plan->flows.list, plan->flows.count);
    return words;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

size_t *planfile_order(const struct planfile *plan)
{
    size_t *order = mem_new(plan->cells * plan->repeat, sizeof *order);
    uint64_t state = (uint64_t)plan->seed;
    for (size_t block = 0; block < plan->repeat; block++)
        for (size_t i = 0; i < plan->cells; i++) {
            size_t at =
                plan->order == PLAN_LISTED ? i * plan->repeat + block : block * plan->cells + i;
            order[at] = i;
            if (plan->order != PLAN_RANDOM)
                continue;
            /* Each repetition is a permutation of its own (Fisher and Yates, inside out). */
            size_t other = at - i + (size_t)(draw(&state) % (i + 1));
            order[at] = order[other];
            order[other] = i;
        }
    return order;
}
