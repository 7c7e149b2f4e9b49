/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "results/clockfit.h"

#include <math.h>
#include <string.h>

#include "clock.h"

enum {
    POINTS_MAX = CLOCKFIT_RECENT + CLOCKFIT_KEPT,
    /* Each step leaves a half, or two thirds, of the slopes: these reach 1e-13. */
    HALVINGS = 33,
    THIRDINGS = 56,
};

#define SPACING_FIRST (100 * NS_PER_MS)

static int64_t round_trip(const struct clockfit_point *point)
{
    return point->high - point->low;
}

/* ---- keeping exchanges ---- */

/* Of two neighbours the one with the shorter round trip stays; half of the places become free. */
static void thin_out(struct clockfit *fit)
{
    size_t count = 0;
    for (size_t i = 0; i < fit->kept_count; i += 2) {
        const struct clockfit_point *best = &fit->kept[i];
        if (i + 1 < fit->kept_count && round_trip(best + 1) < round_trip(best))
            best++;
        fit->kept[count++] = *best;
    }
    fit->kept_count = count;
    fit->spacing *= 2;
}

static void keep(struct clockfit *fit, const struct clockfit_point *point)
{
    struct clockfit_point *last = fit->kept_count ? &fit->kept[fit->kept_count - 1] : NULL;
    if (!fit->spacing)
        fit->spacing = SPACING_FIRST;
    if (last && point->sent - last->sent < fit->spacing) {
        if (round_trip(point) < round_trip(last))
            *last = *point;
        return;
    }
    if (fit->kept_count == CLOCKFIT_KEPT)
        thin_out(fit);
    fit->kept[fit->kept_count++] = *point;
}

bool clockfit_add(struct clockfit *fit, const struct clock_exchange *exchange)
{
    struct clockfit_point point = {.sent = exchange->sent, .received = exchange->received};
    int64_t held, between;
    /* The remote's times come from the network: differences may not even fit. */
    if (__builtin_sub_overflow(exchange->remote_received, exchange->sent, &point.high) ||
        __builtin_sub_overflow(exchange->remote_sent, exchange->received, &point.low) ||
        __builtin_sub_overflow(exchange->remote_sent, exchange->remote_received, &held) ||
        __builtin_sub_overflow(point.high, point.low, &between) || held < 0 || between < 0)
        return false;
    if (fit->recent_count == CLOCKFIT_RECENT) {
        keep(fit, &fit->recent[0]);
        memmove(&fit->recent[0], &fit->recent[1],
                (CLOCKFIT_RECENT - 1) * sizeof(struct clockfit_point));
        fit->recent_count--;
    }
    fit->recent[fit->recent_count++] = point;
    return true;
}

int64_t clockfit_round_trip(const struct clockfit *fit)
{
    int64_t shortest = CLOCK_NEVER;
    for (size_t i = 0; i < fit->recent_count; i++)
        if (round_trip(&fit->recent[i]) < shortest)
            shortest = round_trip(&fit->recent[i]);
    for (size_t i = 0; i < fit->kept_count; i++)
        if (round_trip(&fit->kept[i]) < shortest)
            shortest = round_trip(&fit->kept[i]);
    return shortest == CLOCK_NEVER ? 0 : shortest;
}

/* ---- the lines that fit ---- */

/* The bounds seen from one instant: times relative to it, offsets to one of the offsets, so that
 * doubles hold them exactly. */
struct bounds {
    struct {
        double sent, high, received, low;
    } list[POINTS_MAX];
    size_t count;
};

/* What a line of this slope may have for its offset at the instant: at most ... */
static double upper(const struct bounds *bounds, double slope)
{
    double least = INFINITY;
    for (size_t i = 0; i < bounds->count; i++) {
        double sent = bounds->list[i].sent;
        double value = bounds->list[i].high - slope * sent + CLOCKFIT_WANDER * fabs(sent);
        least = value < least ? value : least;
    }
    return least;
}

/* ... and at least. */
static double lower(const struct bounds *bounds, double slope)
{
    double most = -INFINITY;
    for (size_t i = 0; i < bounds->count; i++) {
        double received = bounds->list[i].received;
        double value = bounds->list[i].low - slope * received - CLOCKFIT_WANDER * fabs(received);
        most = value > most ? value : most;
    }
    return most;
}

static double room(const struct bounds *bounds, double slope)
{
    return upper(bounds, slope) - lower(bounds, slope);
}

static double negative_lower(const struct bounds *bounds, double slope)
{
    return -lower(bounds, slope);
}

/* Where a concave function is largest. All that is asked here are: each bound is a straight line in
 * the slope (wander only shifts it), the least of lines is concave, so upper() is, and the most of
 * lines is convex, so -lower() and the room between the two are concave as well. Without a second
 * summit a search by thirds can't be led astray. */
static double summit(double (*function)(const struct bounds *, double), const struct bounds *bounds,
                     double low, double high)
{
    for (int i = 0; i < THIRDINGS; i++) {
        double one = low + (high - low) / 3, other = high - (high - low) / 3;
        if (function(bounds, one) < function(bounds, other))
            low = one;
        else
            high = other;
    }
    return (low + high) / 2;
}

/* The last slope with room on the way from `good`, which has, to `far`. */
static double edge(const struct bounds *bounds, double good, double far)
{
    if (room(bounds, far) >= 0)
        return far;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (good + far) / 2;
        if (room(bounds, middle) >= 0)
            good = middle;
        else
            far = middle;
    }
    return far; /* rather too wide than too narrow */
}

/* Sees points[from..] from local time `at`. */
static void see(struct bounds *bounds, const struct clockfit_point *points, size_t from,
                size_t count, int64_t at, int64_t base)
{
    bounds->count = 0;
    for (size_t i = from; i < count; i++, bounds->count++) {
        bounds->list[bounds->count].sent = (double)(points[i].sent - at);
        bounds->list[bounds->count].received = (double)(points[i].received - at);
        /* 1 ns for what reading and rounding may have taken away. */
        bounds->list[bounds->count].high = (double)((__int128)points[i].high - base + 1);
        bounds->list[bounds->count].low = (double)((__int128)points[i].low - base - 1);
    }
}

/* Finds how many of the oldest points have to be left out for a line to fit, and that line's
 * slope. The last point alone always has one. */
static double find_slope(struct bounds *bounds, const struct clockfit_point *points, size_t count,
                         int64_t at, size_t *left_out)
{
    int64_t base = points[count - 1].high;
    size_t none = 0, enough = count - 1;
    double slope = 0;
    while (none <= enough) {
        see(bounds, points, none, count, at, base);
        slope = summit(room, bounds, -CLOCKFIT_DRIFT_MAX, CLOCKFIT_DRIFT_MAX);
        if (none == enough || room(bounds, slope) >= 0)
            break;
        /* Fewer points never fit worse: the first number that will do is between the two. */
        for (size_t low = none; enough - low > 1;) {
            size_t middle = low + (enough - low) / 2;
            see(bounds, points, middle, count, at, base);
            if (room(bounds, summit(room, bounds, -CLOCKFIT_DRIFT_MAX, CLOCKFIT_DRIFT_MAX)) >= 0)
                enough = middle;
            else
                low = middle;
        }
        none = enough;
    }
    *left_out = none;
    return slope;
}

bool clockfit_estimate(const struct clockfit *fit, int64_t at, struct clock_estimate *estimate)
{
    struct clockfit_point points[POINTS_MAX];
    struct bounds bounds;
    size_t count = fit->kept_count + fit->recent_count;
    if (!count)
        return false;
    memcpy(points, fit->kept, fit->kept_count * sizeof points[0]);
    memcpy(points + fit->kept_count, fit->recent, fit->recent_count * sizeof points[0]);
    double slope = find_slope(&bounds, points, count, at, &estimate->left_out);
    double least = edge(&bounds, slope, -CLOCKFIT_DRIFT_MAX);
    double most = edge(&bounds, slope, CLOCKFIT_DRIFT_MAX);
    double high = upper(&bounds, summit(upper, &bounds, least, most));
    double low = lower(&bounds, summit(negative_lower, &bounds, least, most));
    estimate->at = at;
    estimate->offset = points[count - 1].high + llround((high + low) / 2);
    estimate->bound = (int64_t)ceil(fabs(high - low) / 2) + 1;
    estimate->drift_ppb = llround((least + most) / 2 * 1e9);
    estimate->drift_bound_ppb = (int64_t)ceil(((most - least) / 2 + CLOCKFIT_WANDER) * 1e9) + 1;
    return true;
}
