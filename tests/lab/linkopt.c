// SPDX-License-Identifier: GPL-3.0-or-later
/* linkopt.c - one table row per option. A new option is a row here and a field in link.h. */
#include "linkopt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "link.h"

struct unit {
    const char *suffix;
    double scale;
};

static const struct unit time_units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {0}};
static const struct unit rate_units[] = {{"", 1}, {"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {0}};
static const struct unit size_units[] = {
    {"", 1}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {0}};
static const struct unit share_units[] = {{"", 1}, {"%", 0.01}, {0}};
static const struct unit no_units[] = {{"", 1}, {0}};

/* A decimal number, then one of the units: no sign, no exponent, nothing before or after. */
static bool parse_number(const char *word, const struct unit *unit, double max, double *value)
{
    size_t digits = strspn(word, "0123456789.");
    char *end;

    *value = strtod(word, &end);
    if (digits == 0 || end != word + digits)
        return false;
    for (; unit->suffix; unit++) {
        if (strcmp(end, unit->suffix) == 0) {
            *value *= unit->scale;
            return *value <= max;
        }
    }
    return false;
}

static bool parse_time(const char *word, void *field)
{
    double ns = 0;

    if (strcmp(word, "0") != 0 && !parse_number(word, time_units, 3600e9, &ns))
        return false;
    *(uint64_t *)field = (uint64_t)(ns + 0.5);
    return true;
}

static bool parse_rate(const char *word, void *field)
{
    double *rate = field;

    return parse_number(word, rate_units, 1e12, rate) && (*rate >= 1000 || *rate <= 0);
}

static bool parse_share(const char *word, void *field)
{
    return parse_number(word, share_units, 1, field);
}

static bool parse_burst(const char *word, void *field)
{
    double *burst = field;

    return parse_number(word, no_units, 1e6, burst) && *burst >= 1;
}

static bool parse_backlog(const char *word, void *field)
{
    struct backlog *backlog = field;

    *backlog = (struct backlog){0};
    if (parse_number(word, size_units, 1 << 30, &backlog->bytes))
        return true;
    backlog->bytes = 0;
    return parse_time(word, &backlog->ns);
}

static bool parse_mtu(const char *word, void *field)
{
    double mtu;

    if (strchr(word, '.') || !parse_number(word, no_units, 65535, &mtu) || (mtu > 0 && mtu < 68))
        return false;
    *(unsigned *)field = (unsigned)mtu;
    return true;
}

static bool parse_flag(const char *word, void *field)
{
    if (strcmp(word, "0") != 0 && strcmp(word, "1") != 0)
        return false;
    *(bool *)field = *word == '1';
    return true;
}

/* A parser leaves the field in any state when it returns false: it works on a copy. */
struct kind {
    bool (*parse)(const char *word, void *field);
    const char *wanted;
};

static const struct kind a_time = {parse_time, "a time up to 3600s, such as 5ms (ns, us, ms, s)"};
static const struct kind a_rate = {parse_rate,
                                   "bit/s from 1k to 1000g, such as 10m (k, m, g), or 0"};
static const struct kind a_share = {parse_share, "a share between 0 and 1, such as 0.01 or 1%"};
static const struct kind a_burst = {parse_burst, "a number of frames, 1 or more"};
static const struct kind a_backlog = {parse_backlog, "bytes such as 64k or a time such as 50ms"};
static const struct kind a_mtu = {parse_mtu, "bytes from 68 to 65535, or 0"};
static const struct kind a_flag = {parse_flag, "0 or 1"};

static const struct option_row {
    const char *name;
    const struct kind *kind;
    size_t offset;
} rows[] = {
    {"rate", &a_rate, offsetof(struct link_options, rate)},
    {"delay", &a_time, offsetof(struct link_options, delay)},
    {"jitter", &a_time, offsetof(struct link_options, jitter)},
    {"jexp", &a_time, offsetof(struct link_options, jexp)},
    {"loss", &a_share, offsetof(struct link_options, loss)},
    {"burst", &a_burst, offsetof(struct link_options, burst)},
    {"dup", &a_share, offsetof(struct link_options, dup)},
    {"reorder", &a_share, offsetof(struct link_options, reorder)},
    {"rgap", &a_time, offsetof(struct link_options, rgap)},
    {"ce", &a_share, offsetof(struct link_options, ce)},
    {"limit", &a_backlog, offsetof(struct link_options, limit)},
    {"ecn", &a_backlog, offsetof(struct link_options, ecn)},
    {"mtu", &a_mtu, offsetof(struct link_options, mtu)},
    {"order", &a_flag, offsetof(struct link_options, order)},
    {"down", &a_flag, offsetof(struct link_options, down)},
    {0},
};

static int apply_word(struct link_options *options, const char *word, struct err *err)
{
    size_t name = strcspn(word, "=");
    const struct option_row *row = rows;

    if (word[name] != '=')
        return err_set(err, "'%s' is not of the form OPTION=VALUE", word);
    while (row->name && (strlen(row->name) != name || strncmp(row->name, word, name) != 0))
        row++;
    if (!row->name)
        return err_set(err, "'%s' begins with no known option", word);
    if (!row->kind->parse(word + name + 1, (char *)options + row->offset))
        return err_set(err, "'%s' is wrong: %s takes %s", word, row->name, row->kind->wanted);
    return 0;
}

/* Gilbert's model has at least one frame between two bursts: no more than b of b+1 can be lost. */
static int check(const struct link_options *options, struct err *err)
{
    double most = options->burst / (options->burst + 1);

    if (options->burst > 1 && options->loss > most)
        return err_set(err, "loss=%g%% is more than bursts of mean length %g can lose (%g%%)",
                       options->loss * 100, options->burst, most * 100);
    return 0;
}

int linkopt_apply(struct link_options *options, char *words, struct err *err)
{
    struct link_options changed = *options;
    char *rest = NULL, *word;

    for (word = strtok_r(words, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        if (apply_word(&changed, word, err) < 0)
            return -1;
    }
    if (check(&changed, err) < 0)
        return -1;
    *options = changed;
    return 0;
}
