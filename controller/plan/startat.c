/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan/startat.h"

#include <string.h>
#include <time.h>

#include "clock.h"
#include "number.h"

#define SECONDS_MAX (INT64_MAX / NS_PER_SEC - 2 * 86400)

/* Reads exactly `count` digits and moves on. */
static bool digits(const char **at, int count, int *number)
{
    *number = 0;
    for (int i = 0; i < count; i++, ++*at) {
        if (**at < '0' || **at > '9')
            return false;
        *number = *number * 10 + (**at - '0');
    }
    return true;
}

static bool skip(const char **at, char what)
{
    if (**at != what)
        return false;
    ++*at;
    return true;
}

/* A fraction after a point, to the ns; further digits are cut off. */
static bool fraction(const char **at, int64_t *ns)
{
    int64_t unit = NS_PER_SEC / 10;
    *ns = 0;
    if (**at < '0' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; ++*at, unit /= 10)
        *ns += (**at - '0') * unit;
    return true;
}

/* HH:MM[:SS[.frac]] */
static bool read_time(const char **at, struct tm *time, int64_t *ns)
{
    *ns = 0;
    time->tm_sec = 0;
    if (!digits(at, 2, &time->tm_hour) || !skip(at, ':') || !digits(at, 2, &time->tm_min))
        return false;
    if (skip(at, ':') && (!digits(at, 2, &time->tm_sec) || (skip(at, '.') && !fraction(at, ns))))
        return false;
    return time->tm_hour < 24 && time->tm_min < 60 && time->tm_sec < 60;
}

/* YYYY-MM-DD */
static bool read_date(const char **at, struct tm *time)
{
    int year, month;
    if (!digits(at, 4, &year) || !skip(at, '-') || !digits(at, 2, &month) || !skip(at, '-') ||
        !digits(at, 2, &time->tm_mday))
        return false;
    time->tm_year = year - 1900;
    time->tm_mon = month - 1;
    return month >= 1 && month <= 12 && time->tm_mday >= 1;
}

/* "Z", "+01:00" or "-0330"; seconds east of Greenwich. */
static bool read_zone(const char **at, int64_t *east)
{
    int hours, minutes, sign = **at == '-' ? -1 : 1;
    *east = 0;
    if (skip(at, 'Z'))
        return true;
    if ((!skip(at, '+') && !skip(at, '-')) || !digits(at, 2, &hours))
        return false;
    skip(at, ':');
    if (!digits(at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *east = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool same_fields(const struct tm *one, const struct tm *other)
{
    return one->tm_year == other->tm_year && one->tm_mon == other->tm_mon &&
           one->tm_mday == other->tm_mday && one->tm_hour == other->tm_hour &&
           one->tm_min == other->tm_min && one->tm_sec == other->tm_sec;
}

/* mktime() and timegm() make a date out of any fields, such as the 31st of a month that has 30
 * days, or a local time that is left out when the clocks are put forward: what comes out differs
 * then. */
static bool to_instant(const struct tm *given, bool local, int64_t *at, struct fail *fail)
{
    struct tm fields = *given;
    fields.tm_isdst = -1;
    *at = local ? mktime(&fields) : timegm(&fields);
    /* Years that do not fit into ns are long ago, or far away, all the same. */
    *at = *at > SECONDS_MAX ? SECONDS_MAX : *at < -SECONDS_MAX ? -SECONDS_MAX : *at;
    if (same_fields(given, &fields))
        return true;
    return fail_set(fail, 0, local ? "this local time does not exist" : "this date does not exist");
}

static bool not_a_time(struct fail *fail)
{
    return fail_set(fail, 0,
                    "not a valid time; expected 2026-11-30T14:30:00 (with Z or +01:00 unless it is "
                    "local time), 14:30 or 14:30:05, +10s, or @ and seconds since 1970");
}

/* A date and a time. */
static bool read_instant(const char *text, int64_t *at, struct fail *fail)
{
    struct tm time = {0};
    int64_t ns, east = 0;
    if (!read_date(&text, &time) || (!skip(&text, 'T') && !skip(&text, ' ')) ||
        !read_time(&text, &time, &ns))
        return not_a_time(fail);
    bool local = !*text;
    if (!local && (!read_zone(&text, &east) || *text))
        return not_a_time(fail);
    if (!to_instant(&time, local, at, fail))
        return false;
    *at = (*at - east) * NS_PER_SEC + ns;
    return true;
}

/* The next time that the clock shows this. */
static bool read_today(const char *text, int64_t now, int64_t *at, struct fail *fail)
{
    time_t seconds = now / NS_PER_SEC;
    struct tm today;
    int64_t ns;
    localtime_r(&seconds, &today);
    if (!read_time(&text, &today, &ns) || *text)
        return not_a_time(fail);
    for (int day = 0; day < 2; day++) {
        struct tm noon = today;
        /* Tomorrow's date by way of noon, which no clock leaves out. */
        noon.tm_hour = 12;
        noon.tm_mday += day;
        noon.tm_isdst = -1;
        mktime(&noon);
        struct tm wanted = noon;
        wanted.tm_hour = today.tm_hour;
        if (!to_instant(&wanted, true, at, fail))
            return false;
        *at = *at * NS_PER_SEC + ns;
        if (*at > now)
            break;
    }
    return true;
}

static bool read_any(const char *text, int64_t now, int64_t *at, struct fail *fail)
{
    if (text[0] == '+') {
        if (!number_parse_seconds(text + 1, at, fail))
            return false;
        if (__builtin_add_overflow(*at, now, at))
            *at = INT64_MAX;
        return true;
    }
    if (text[0] == '@')
        return number_parse_seconds(text + 1, at, fail);
    return strchr(text, '-') ? read_instant(text, at, fail) : read_today(text, now, at, fail);
}

bool startat_parse(const char *text, int64_t now, int64_t *at, struct fail *fail)
{
    if (!read_any(text, now, at, fail))
        return fail_prefix(fail, "'%s'", text);
    if (*at <= now)
        return fail_set(fail, 0, "'%s' was %.3f s ago", text,
                        ((double)now - (double)*at) / NS_PER_SEC);
    if (*at - now > STARTAT_MAX_S * NS_PER_SEC)
        return fail_set(fail, 0, "'%s' is more than a day away", text);
    return true;
}
