/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How often values came, in buckets whose width grows with the value, so that any percentile can
 * be told within 1 %, and histograms of different flows add up exactly.
 *
 * Each power of two is cut into 64 buckets of one width; values below 128 have a bucket each. A
 * bucket is at most 1/64 of its values wide, and is told by its middle: at most 1/128 off, 0.8 %
 * (the log-linear buckets of G. Tene's HdrHistogram). Buckets are numbered in the order of their
 * values: i >= 0 holds
 *     [i, i + 1)                          for i < 64, else
 *     [s << g, (s + 1) << g)              with s = 64 + i % 64, g = i / 64 - 1,
 * and bucket -1 - i mirrors bucket i: where that holds [lower, upper), it holds [-upper, -lower).
 *
 * Memory grows by 272 bytes (64 buckets) for each power of two in which there is a value. */
#ifndef FLOWRIG_HISTOGRAM_H
#define FLOWRIG_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "fail.h"
#include "mem.h"

enum {
    HISTOGRAM_BITS = 6,
    HISTOGRAM_GROUP = 1 << HISTOGRAM_BITS,        /* buckets that are allocated together */
    HISTOGRAM_GROUPS = 2 * (64 - HISTOGRAM_BITS), /* of both signs, for every int64_t */
    HISTOGRAM_END = HISTOGRAM_GROUPS / 2 * HISTOGRAM_GROUP, /* buckets are -END to END - 1 */
};

struct histogram;

/* An empty one; histogram_free() it. */
struct histogram *histogram_new(void);
void histogram_free(struct histogram *histogram);

/* Counts a value. */
void histogram_add(struct histogram *histogram, int64_t value);
/* The same, but charges twice what it allocates: there may be another histogram of the same buckets
 * that this one is added to. Returns false, and leaves the value out, where that is refused. */
bool histogram_add_charged(struct histogram *histogram, struct account *account, int64_t value);
/* Adds what `from` (NULL: nothing) has counted. */
void histogram_merge(struct histogram *into, const struct histogram *from);
/* Forgets all values, at a cost that depends on the buckets in use; the memory stays. */
void histogram_clear(struct histogram *histogram);

/* How many values there are; NULL has none. */
uint64_t histogram_count(const struct histogram *histogram);
/* The first bucket after `bucket` that holds anything, with its count, or HISTOGRAM_END. Begin
 * with -HISTOGRAM_END - 1. */
int histogram_next(const struct histogram *histogram, int bucket, uint64_t *count);

/* The bucket of a value. */
int histogram_bucket(int64_t value);
/* The values of a bucket: lower <= value < upper. The last one's end is cut to INT64_MAX. */
void histogram_edges(int bucket, int64_t *lower, int64_t *upper);
/* The value that a bucket is told by: the only one, or the one in the middle. */
int64_t histogram_middle(int bucket);

/* Percentiles by nearest rank: of n values in order, that at place ceil(share * n), as the middle
 * of its bucket. `thousandths` has the shares in ascending order; `values` gets as many. The
 * histogram is not empty. */
void histogram_percentiles(const struct histogram *histogram, const int *thousandths, size_t count,
                           int64_t *values);

/* Appends the form that travels in a report: a byte with HISTOGRAM_BITS; then for each bucket in
 * use, in order, two unsigned LEB128 numbers: its distance from the one before (the first: from
 * -HISTOGRAM_END - 1), and its count. */
void histogram_encode(const struct histogram *histogram, struct buffer *out);
/* Reads that form; returns NULL with a sentence where it is anything else. At most
 * HISTOGRAM_COUNT_MAX values. */
struct histogram *histogram_decode(const void *bytes, size_t length, struct fail *fail);
/* 2 million values a second for a year. */
#define HISTOGRAM_COUNT_MAX (UINT64_C(1) << 46)

/* Bytes that it has allocated. */
size_t histogram_memory(const struct histogram *histogram);

#endif
