/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "histogram.h"

#include <stdlib.h>
#include <string.h>

#include "varint.h"

/* The buckets of one power of two and one sign. Counts have 32 bits until one of them overflows. */
struct group {
    uint64_t used; /* a bit for each bucket that holds anything */
    uint32_t low[HISTOGRAM_GROUP];
    uint32_t *high; /* the upper 32 bits, NULL: all are 0 */
};

struct histogram {
    uint64_t count;
    struct group *groups;
    uint8_t group_count;
    uint8_t place[HISTOGRAM_GROUPS]; /* in the order of values: 1 + where its group lies, 0: none */
};

struct histogram *histogram_new(void)
{
    return mem_new(1, sizeof(struct histogram));
}

void histogram_free(struct histogram *histogram)
{
    if (!histogram)
        return;
    for (int i = 0; i < histogram->group_count; i++)
        free(histogram->groups[i].high);
    free(histogram->groups);
    free(histogram);
}

/* ---- buckets */

static int magnitude_bucket(uint64_t magnitude)
{
    if (magnitude < HISTOGRAM_GROUP)
        return (int)magnitude;
    int shift = 63 - HISTOGRAM_BITS - __builtin_clzll(magnitude);
    return (shift << HISTOGRAM_BITS) + (int)(magnitude >> shift);
}

int histogram_bucket(int64_t value)
{
    int64_t sign = value >> 63; /* ~value mirrors: -1 becomes 0 */
    return magnitude_bucket((uint64_t)(value ^ sign)) ^ (int)sign;
}

/* First value of a bucket from 0 on, and the number of its values. */
static uint64_t magnitude_edge(int bucket, uint64_t *width)
{
    int shift = bucket < HISTOGRAM_GROUP ? 0 : (bucket >> HISTOGRAM_BITS) - 1;
    *width = UINT64_C(1) << shift;
    return (uint64_t)(bucket - (shift << HISTOGRAM_BITS)) << shift;
}

void histogram_edges(int bucket, int64_t *lower, int64_t *upper)
{
    uint64_t width;
    uint64_t edge = magnitude_edge(bucket < 0 ? ~bucket : bucket, &width);
    uint64_t end = edge + width > INT64_MAX ? INT64_MAX : edge + width;
    *lower = bucket < 0 ? -(int64_t)end - (end == INT64_MAX) : (int64_t)edge;
    *upper = bucket < 0 ? -(int64_t)edge : (int64_t)end;
}

int64_t histogram_middle(int bucket)
{
    uint64_t width;
    uint64_t edge = magnitude_edge(bucket < 0 ? ~bucket : bucket, &width);
    int64_t middle = (int64_t)(edge + (width - 1) / 2);
    return bucket < 0 ? ~middle : middle;
}

/* ---- counting */

static struct group *add_group(struct histogram *histogram, unsigned slot)
{
    histogram->groups =
        mem_grow(histogram->groups, (size_t)histogram->group_count + 1, sizeof *histogram->groups);
    struct group *group = &histogram->groups[histogram->group_count++];
    memset(group, 0, sizeof *group);
    histogram->place[slot] = histogram->group_count;
    return group;
}

static inline struct group *group_at(struct histogram *histogram, unsigned slot)
{
    unsigned place = histogram->place[slot];
    return place ? &histogram->groups[place - 1] : add_group(histogram, slot);
}

__attribute__((cold, noinline)) static void carry(struct group *group, unsigned bit, uint32_t more)
{
    if (!group->high)
        group->high = mem_new(HISTOGRAM_GROUP, sizeof *group->high);
    group->high[bit] += more;
}

bool histogram_add_charged(struct histogram *histogram, struct account *account, int64_t value)
{
    unsigned at = (unsigned)(histogram_bucket(value) + HISTOGRAM_END);
    unsigned bit = at % HISTOGRAM_GROUP;
    if (!histogram->place[at / HISTOGRAM_GROUP] &&
        !account_take(account, 2 * (int64_t)sizeof(struct group)))
        return false;
    struct group *group = group_at(histogram, at / HISTOGRAM_GROUP);
    group->used |= UINT64_C(1) << bit;
    if (__builtin_expect(++group->low[bit] == 0, 0))
        carry(group, bit, 1);
    histogram->count++;
    return true;
}

void histogram_add(struct histogram *histogram, int64_t value)
{
    histogram_add_charged(histogram, NULL, value);
}

static uint64_t count_of(const struct group *group, unsigned bit)
{
    return group->low[bit] | (group->high ? (uint64_t)group->high[bit] << 32 : 0);
}

static void add_count(struct histogram *histogram, unsigned at, uint64_t count)
{
    unsigned bit = at % HISTOGRAM_GROUP;
    struct group *group = group_at(histogram, at / HISTOGRAM_GROUP);
    uint64_t sum = count_of(group, bit) + count;
    group->used |= UINT64_C(1) << bit;
    group->low[bit] = (uint32_t)sum;
    if (sum >> 32)
        carry(group, bit, (uint32_t)(sum >> 32) - (group->high ? group->high[bit] : 0));
    histogram->count += count;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    uint64_t count;
    if (!from)
        return;
    for (int i = -HISTOGRAM_END - 1; (i = histogram_next(from, i, &count)) < HISTOGRAM_END;)
        add_count(into, (unsigned)(i + HISTOGRAM_END), count);
}

void histogram_clear(struct histogram *histogram)
{
    for (int i = 0; i < histogram->group_count; i++) {
        struct group *group = &histogram->groups[i];
        for (uint64_t used = group->used; used; used &= used - 1)
            group->low[__builtin_ctzll(used)] = 0;
        group->used = 0;
        free(group->high);
        group->high = NULL;
    }
    histogram->count = 0;
}

/* ---- reading */

uint64_t histogram_count(const struct histogram *histogram)
{
    return histogram ? histogram->count : 0;
}

int histogram_next(const struct histogram *histogram, int bucket, uint64_t *count)
{
    unsigned at = (unsigned)(bucket + 1 + HISTOGRAM_END);
    uint64_t wanted = UINT64_MAX << at % HISTOGRAM_GROUP;
    for (unsigned slot = at / HISTOGRAM_GROUP; slot < HISTOGRAM_GROUPS; slot++) {
        unsigned place = histogram->place[slot];
        const struct group *group = place ? &histogram->groups[place - 1] : NULL;
        if (group && group->used & wanted) {
            unsigned bit = (unsigned)__builtin_ctzll(group->used & wanted);
            *count = count_of(group, bit);
            return (int)(slot * HISTOGRAM_GROUP + bit) - HISTOGRAM_END;
        }
        wanted = UINT64_MAX;
    }
    *count = 0;
    return HISTOGRAM_END;
}

void histogram_percentiles(const struct histogram *histogram, const int *thousandths, size_t count,
                           int64_t *values)
{
    uint64_t seen = 0, here;
    int bucket = -HISTOGRAM_END - 1;
    for (size_t i = 0; i < count; i++) {
        uint64_t rank =
            (uint64_t)(((unsigned __int128)histogram->count * (unsigned)thousandths[i] + 999) /
                       1000);
        while (seen < rank) {
            bucket = histogram_next(histogram, bucket, &here);
            seen += here;
        }
        values[i] = histogram_middle(bucket);
    }
}

size_t histogram_memory(const struct histogram *histogram)
{
    size_t bytes = histogram ? sizeof *histogram : 0;
    for (int i = 0; histogram && i < histogram->group_count; i++)
        bytes += sizeof(struct group) +
                 (histogram->groups[i].high ? HISTOGRAM_GROUP * sizeof(uint32_t) : 0);
    return bytes;
}

/* ---- on the wire */

static void put_number(struct buffer *out, uint64_t number)
{
    uint8_t bytes[VARINT_MAX];
    buffer_add(out, bytes, (size_t)(varint_put(bytes, number) - bytes));
}

void histogram_encode(const struct histogram *histogram, struct buffer *out)
{
    uint64_t count;
    int before = -HISTOGRAM_END - 1, bucket = before;
    buffer_add(out, &(uint8_t){HISTOGRAM_BITS}, 1);
    while ((bucket = histogram_next(histogram, bucket, &count)) < HISTOGRAM_END) {
        put_number(out, (uint64_t)(bucket - before));
        put_number(out, count);
        before = bucket;
    }
}

/* No number is over HISTOGRAM_COUNT_MAX, nor longer than it must be. */
static bool get_number(const uint8_t **at, const uint8_t *end, uint64_t *number)
{
    *at = varint_get(*at, end, number);
    return *at && (*at)[-1] && *number <= HISTOGRAM_COUNT_MAX;
}

static bool get_buckets(struct histogram *histogram, const uint8_t *at, const uint8_t *end)
{
    uint64_t step, count, next = 0; /* the first bucket that may follow, from the lowest on */
    while (at < end) {
        if (!get_number(&at, end, &step) || !get_number(&at, end, &count))
            return false;
        if (step > 2 * HISTOGRAM_END - next || count > HISTOGRAM_COUNT_MAX - histogram->count)
            return false;
        next += step;
        add_count(histogram, (unsigned)next - 1, count);
    }
    return true;
}

struct histogram *histogram_decode(const void *bytes, size_t length, struct fail *fail)
{
    const uint8_t *at = bytes;
    if (!length || *at != HISTOGRAM_BITS) {
        fail_set(fail, 0, "unknown kind of histogram in a report");
        return NULL;
    }
    struct histogram *histogram = histogram_new();
    if (get_buckets(histogram, at + 1, at + length))
        return histogram;
    histogram_free(histogram);
    fail_set(fail, 0, "malformed histogram in a report");
    return NULL;
}
