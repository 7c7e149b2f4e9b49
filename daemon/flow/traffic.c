/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/traffic.h"

#include <math.h>
#include <stdlib.h>

#include "block.h"
#include "mem.h"
#include "number.h"
#include "protocol.h"

#if HAVE_GSL
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#endif

/* A value out of bounds is drawn again so often, and then the bound is taken (flowgrind(1), -U). */
enum { REDRAWS = 10 };

#define GAP_MAX  INT64_C(86400)            /* seconds */
#define RATE_MAX INT64_C(1000000000000000) /* bit/s */

enum parameter { REQUEST, RESPONSE, GAP, RATE, PARAMETERS };

/* One parameter's random numbers: the draws of one do not depend on those of the others. */
struct draw {
    struct dist dist;
    const struct cdf *table;
#if HAVE_GSL
    gsl_rng *random; /* NULL for a constant */
#endif
};

struct draws {
    struct draw of[PARAMETERS];
};

#if HAVE_GSL

/* The parameters are those of the manual page; gsl_ran_lognormal() has them of the logarithm. */
static double draw_lognormal(const gsl_rng *random, double mean, double deviation)
{
    double variance = log1p(deviation * deviation / (mean * mean));
    return gsl_ran_lognormal(random, log(mean) - variance / 2, sqrt(variance));
}

static double draw_value(const struct draw *draw)
{
    const struct dist *dist = &draw->dist;
    switch (dist->kind) {
    case DIST_CONSTANT:
        break;
    case DIST_UNIFORM:
        return gsl_ran_flat(draw->random, dist->a, dist->b);
    case DIST_EXPONENTIAL:
        return gsl_ran_exponential(draw->random, dist->a);
    case DIST_NORMAL:
        return dist->a + gsl_ran_gaussian(draw->random, dist->b);
    case DIST_LOGNORMAL:
        return draw_lognormal(draw->random, dist->a, dist->b);
    case DIST_PARETO:
        return gsl_ran_pareto(draw->random, dist->a, dist->b);
    case DIST_WEIBULL:
        return gsl_ran_weibull(draw->random, dist->a, dist->b);
    case DIST_EMPIRICAL:
        return cdf_quantile(draw->table, gsl_rng_uniform_pos(draw->random));
    }
    return dist->a;
}

/* splitmix64 (Steele, Lea, Flood 2014): neighbouring flows shall have nothing in common. */
static uint64_t mix(uint64_t seed, uint64_t with)
{
    uint64_t bits = seed + (with + 1) * UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

static void seed_draw(struct draw *draw, uint64_t seed)
{
    draw->random = gsl_rng_alloc(gsl_rng_taus2);
    if (!draw->random)
        abort();
    gsl_rng_set(draw->random, (unsigned long)(seed & UINT32_MAX));
}

static void free_draw(struct draw *draw)
{
    if (draw->random)
        gsl_rng_free(draw->random);
}

#else

static double draw_value(const struct draw *draw)
{
    return draw->dist.a;
}

static uint64_t mix(uint64_t seed, uint64_t with)
{
    return seed + with;
}

static void seed_draw(struct draw *draw, uint64_t seed)
{
    (void)draw, (void)seed;
}

static void free_draw(struct draw *draw)
{
    (void)draw;
}

#endif

static struct dist dist_of(const struct endpoint_settings *settings, enum parameter parameter)
{
    switch (parameter) {
    case REQUEST:
        return settings->request_size;
    case RESPONSE:
        return settings->response_size;
    case GAP:
        return settings->gap;
    case RATE:
    case PARAMETERS:
        break;
    }
    if (!settings->rate_spread)
        return dist_constant((double)settings->rate);
    return (struct dist){DIST_LOGNORMAL, (double)settings->rate, (double)settings->rate_spread};
}

static bool check_table(const struct dist *dist, size_t count, struct fail *fail)
{
    return dist->kind != DIST_EMPIRICAL || dist->a < (double)count ||
           fail_set(fail, FAULT_BAD_CALL, "F:%.0f refers to a table, but only %zu were given",
                    dist->a, count);
}

bool traffic_check(const struct endpoint_settings *settings, size_t table_count, struct fail *fail)
{
    if (settings_are_random(settings) && !HAVE_GSL)
        return fail_set(fail, FAULT_SYSTEM,
                        "random sizes, gaps and rates need the GNU Scientific Library (Debian: "
                        "libgsl-dev), without which this flowd was built");
    return check_table(&settings->request_size, table_count, fail) &&
           check_table(&settings->response_size, table_count, fail) &&
           check_table(&settings->gap, table_count, fail);
}

void traffic_init(struct traffic *traffic, const struct endpoint_settings *settings,
                  const struct cdf *tables, int64_t seed, int64_t flow, enum endpoint endpoint)
{
    *traffic = (struct traffic){.settings = settings};
    if (!settings_are_random(settings))
        return;
    traffic->draws = mem_new(1, sizeof *traffic->draws);
    uint64_t own = mix(mix((uint64_t)seed, (uint64_t)flow), endpoint);
    for (int i = 0; i < PARAMETERS; i++) {
        struct draw *draw = &traffic->draws->of[i];
        draw->dist = dist_of(settings, i);
        if (draw->dist.kind == DIST_EMPIRICAL)
            draw->table = &tables[number_from_real(draw->dist.a, 0, INT32_MAX)];
        if (draw->dist.kind != DIST_CONSTANT)
            seed_draw(draw, mix(own, (uint64_t)i));
    }
}

void traffic_free(struct traffic *traffic)
{
    for (int i = 0; traffic->draws && i < PARAMETERS; i++)
        free_draw(&traffic->draws->of[i]);
    free(traffic->draws);
    fifo_free(&traffic->drawn);
    *traffic = (struct traffic){0};
}

/* Draws until the value lies between the bounds; in the end takes the bound. */
static double draw_within(const struct draw *draw, double low, double high)
{
    double value = draw_value(draw);
    for (int i = 0; i < REDRAWS && !(value >= low && value <= high); i++)
        value = draw_value(draw);
    return value >= high ? high : value >= low ? value : low;
}

static uint32_t draw_size(const struct traffic *traffic, enum parameter parameter)
{
    const struct draw *draw = &traffic->draws->of[parameter];
    if (draw->dist.kind == DIST_CONSTANT)
        return (uint32_t)dist_whole(&draw->dist, 0, SETTINGS_SIZE_LIMIT);
    int64_t cap = settings_block_cap(traffic->settings);
    /* Half a byte beyond the bounds still rounds to them. */
    double size = draw_within(draw, BLOCK_HEADER_SIZE - 0.5, (double)cap + 0.5);
    return (uint32_t)number_from_real(size, BLOCK_HEADER_SIZE, cap);
}

static int64_t to_ns(double seconds)
{
    return number_from_real(seconds * NS_PER_SEC, 0, GAP_MAX * NS_PER_SEC);
}

static struct traffic_block constant_block(const struct endpoint_settings *settings)
{
    return (struct traffic_block){
        .request_size = (uint32_t)settings_block_size(settings),
        .response_size = (uint32_t)settings_response_size(settings),
        .gap = to_ns(settings->gap.a),
    };
}

static struct traffic_block draw_block(const struct traffic *traffic)
{
    return (struct traffic_block){
        .request_size = draw_size(traffic, REQUEST),
        .response_size = draw_size(traffic, RESPONSE),
        .gap = to_ns(draw_within(&traffic->draws->of[GAP], 0, GAP_MAX)),
    };
}

/* As if there was no volume. */
static struct traffic_block peek_whole(struct traffic *traffic, size_t index)
{
    if (!traffic->draws)
        return constant_block(traffic->settings);
    while (traffic->drawn.count <= index) {
        struct traffic_block block = draw_block(traffic);
        *(struct traffic_block *)fifo_add(&traffic->drawn, sizeof block) = block;
    }
    return *(struct traffic_block *)fifo_at(&traffic->drawn, index, sizeof(struct traffic_block));
}

/* Bytes of requests up to that block. */
static int64_t bytes_before(struct traffic *traffic, size_t index)
{
    int64_t bytes = traffic->bytes;
    if (!traffic->draws)
        return bytes + (int64_t)index * settings_block_size(traffic->settings);
    for (size_t i = 0; i < index; i++)
        bytes += peek_whole(traffic, i).request_size;
    return bytes;
}

/* The last block of a volume in bytes is as short as it has to be, but for its header. */
struct traffic_block traffic_peek(struct traffic *traffic, size_t index)
{
    struct traffic_block block = peek_whole(traffic, index);
    if (!traffic->settings->volume)
        return block;
    int64_t left = traffic->settings->volume - bytes_before(traffic, index);
    if (left < block.request_size)
        block.request_size = left > BLOCK_HEADER_SIZE ? (uint32_t)left : BLOCK_HEADER_SIZE;
    return block;
}

bool traffic_over(struct traffic *traffic, size_t index)
{
    return settings_have_volume(traffic->settings) &&
           settings_volume_reached(traffic->settings, bytes_before(traffic, index),
                                   traffic->blocks + (int64_t)index);
}

void traffic_drop(struct traffic *traffic)
{
    if (settings_have_volume(traffic->settings)) {
        traffic->bytes += traffic_peek(traffic, 0).request_size;
        traffic->blocks++;
    }
    if (traffic->draws)
        fifo_drop(&traffic->drawn);
}

bool traffic_new_rate(struct traffic *traffic, int64_t now, int64_t *rate)
{
    if (!traffic->settings->rate_spread || now < traffic->next_rate)
        return false;
    double drawn = draw_within(&traffic->draws->of[RATE], 1, (double)RATE_MAX);
    *rate = number_from_real(drawn, 1, RATE_MAX);
    /* After a standstill one rate is enough. */
    int64_t periods = traffic->next_rate ? (now - traffic->next_rate) / TRAFFIC_RATE_PERIOD + 1 : 0;
    traffic->next_rate =
        periods ? traffic->next_rate + periods * TRAFFIC_RATE_PERIOD : now + TRAFFIC_RATE_PERIOD;
    return true;
}

uint32_t traffic_response_limit(const struct endpoint_settings *settings)
{
    if (!settings_ask_responses(settings))
        return 0;
    return settings->response_size.kind == DIST_CONSTANT
               ? (uint32_t)settings_response_size(settings)
               : (uint32_t)settings_block_cap(settings);
}
