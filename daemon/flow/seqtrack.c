/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/seqtrack.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

static void end_run(struct seqtrack_runs *runs)
{
    if (!runs->open)
        return;
    runs->count++;
    if (runs->open > runs->longest)
        runs->longest = runs->open;
    runs->open = 0;
}

/* Goes through the first `count` bits of a word: most are all set. */
static void settle_word(struct seqtrack_runs *runs, uint64_t word, int count)
{
    if (word == UINT64_MAX) {
        end_run(runs);
        return;
    }
    for (int i = 0; i < count; i++) {
        if (word >> i & 1)
            end_run(runs);
        else
            runs->open++;
    }
}

static uint64_t *word_of(const struct seqtrack *track, uint64_t word)
{
    return &track->seen[word % SEQTRACK_WORDS];
}

static uint64_t first_word(const struct seqtrack *track)
{
    return track->head >= SEQTRACK_WORDS ? track->head - SEQTRACK_WORDS + 1 : 0;
}

/* Makes `head` the highest word: what leaves the window is settled. */
static void advance(struct seqtrack *track, uint64_t head)
{
    if (head - track->head >= SEQTRACK_WORDS) {
        for (uint64_t word = first_word(track); word <= track->head; word++)
            settle_word(&track->settled, *word_of(track, word), 64);
        /* Whole words that never were in the window have nothing in them. */
        track->settled.open += (int64_t)(64 * (head - SEQTRACK_WORDS - track->head));
        memset(track->seen, 0, SEQTRACK_WORDS * sizeof *track->seen);
        track->head = head;
        return;
    }
    while (track->head < head) {
        uint64_t *word = word_of(track, ++track->head);
        if (track->head >= SEQTRACK_WORDS)
            settle_word(&track->settled, *word, 64);
        *word = 0;
    }
}

static void forget_gaps(struct seqtrack *track)
{
    while (track->gaps.count) {
        const struct seqtrack_gap *gap = fifo_at(&track->gaps, 0, sizeof *gap);
        if (gap->to / 64 >= first_word(track))
            return;
        fifo_drop(&track->gaps);
    }
}

/* The gap that the number was missing in. */
static const struct seqtrack_gap *find_gap(const struct seqtrack *track, uint64_t number)
{
    size_t low = 0, high = track->gaps.count;
    while (low + 1 < high) {
        size_t middle = (low + high) / 2;
        const struct seqtrack_gap *gap = fifo_at(&track->gaps, middle, sizeof *gap);
        *(gap->from <= number ? &low : &high) = middle;
    }
    return fifo_at(&track->gaps, low, sizeof(struct seqtrack_gap));
}

static void take_reordered(struct seqtrack *track, uint64_t number, int64_t now)
{
    const struct seqtrack_gap *gap = find_gap(track, number);
    int64_t extent = gap ? track->distinct - (int64_t)gap->arrival : 0;
    int64_t late = gap ? now - gap->at : 0;
    bool n_reordered = track->distinct >= SEQTRACK_N;
    for (int i = 0; i < SEQTRACK_N; i++)
        n_reordered &= track->recent[i] > number;
    track->missing--;
    track->reordered++;
    track->reordered_n += n_reordered;
    if (extent > track->extent_max)
        track->extent_max = extent;
    if (late > track->late_max)
        track->late_max = late;
}

/* Remembers the gap below the number. Where the account refuses the room for it the flow fails. */
static void open_gap(struct seqtrack *track, uint64_t number, int64_t now)
{
    size_t growth = fifo_growth(&track->gaps, sizeof(struct seqtrack_gap));
    track->missing += (int64_t)(number - track->next);
    if (growth && !account_take(track->account, (int64_t)growth))
        return;
    *(struct seqtrack_gap *)fifo_add(&track->gaps, sizeof(struct seqtrack_gap)) =
        (struct seqtrack_gap){track->next, number, (uint64_t)track->distinct, now};
}

static void take_highest(struct seqtrack *track, uint64_t number, int64_t now)
{
    if (number > track->next)
        open_gap(track, number, now);
    if (number / 64 != track->head) {
        advance(track, number / 64);
        forget_gaps(track);
    }
    track->next = number + 1;
}

enum seqtrack_verdict seqtrack_take(struct seqtrack *track, uint64_t number, int64_t now)
{
    if (!track->seen)
        track->seen = mem_new(SEQTRACK_WORDS, sizeof *track->seen);
    track->received++;
    bool highest = number >= track->next;
    if (!highest && number / 64 < first_word(track)) {
        track->old++;
        return SEQTRACK_OLD;
    }
    if (highest)
        take_highest(track, number, now);
    uint64_t *word = word_of(track, number / 64), bit = UINT64_C(1) << number % 64;
    if (*word & bit) {
        track->duplicates++;
        return SEQTRACK_DUPLICATE;
    }
    if (!highest)
        take_reordered(track, number, now);
    *word |= bit;
    track->distinct++;
    memmove(track->recent + 1, track->recent, sizeof track->recent - sizeof track->recent[0]);
    track->recent[0] = number;
    return highest ? SEQTRACK_IN_ORDER : SEQTRACK_REORDERED;
}

struct seqtrack_runs seqtrack_runs(const struct seqtrack *track, uint64_t end)
{
    struct seqtrack_runs runs = track->settled;
    for (uint64_t word = first_word(track); track->next && word <= track->head; word++) {
        uint64_t left = track->next - 64 * word;
        settle_word(&runs, *word_of(track, word), left < 64 ? (int)left : 64);
    }
    if (end > track->next)
        runs.open += (int64_t)(end - track->next);
    end_run(&runs);
    return runs;
}

void seqtrack_free(struct seqtrack *track)
{
    free(track->seen);
    fifo_free(&track->gaps);
    *track = (struct seqtrack){0};
}
