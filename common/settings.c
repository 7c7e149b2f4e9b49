/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dscp.h"
#include "mem.h"
#include "number.h"
#include "traceevent.h"

static const char *const framing_names[] = {"auto", "stream", "message"};
static const char *const transport_names[] = {"tcp", "mptcp", "udp"};
static const char *const trace_filter_names[] = {"all", "change"};
static const char *const gso_names[] = {"auto", "on", "off"};
static const char *const endpoint_letters[] = {"s", "d"};

static const struct choices framing_choices = {framing_names, COUNT(framing_names)};
static const struct choices transport_choices = {transport_names, COUNT(transport_names)};
static const struct choices trace_filter_choices = {trace_filter_names, COUNT(trace_filter_names)};
static const struct choices gso_choices = {gso_names, COUNT(gso_names)};
const struct choices endpoint_choices = {endpoint_letters, COUNT(endpoint_letters)};

_Static_assert(COUNT(framing_names) == FRAMINGS, "each framing has a name");
_Static_assert(COUNT(transport_names) == TRANSPORTS, "each transport has a name");
_Static_assert(COUNT(trace_filter_names) == TRACE_FILTERS, "each filter has a name");
_Static_assert(COUNT(gso_names) == GSOS, "each has a name");
_Static_assert(COUNT(endpoint_letters) == ENDPOINTS, "each end has a letter");

const struct transport_traits transport_traits[TRANSPORTS] = {
    [TRANSPORT_TCP] = {"TCP", TRANSPORT_KERNEL_PACING | TRANSPORT_STREAM | TRANSPORT_SIGNALS_END},
    [TRANSPORT_MPTCP] = {"Multipath TCP", TRANSPORT_STREAM},
    [TRANSPORT_UDP] = {"UDP", 0},
};

#define FIELD_TYPE_SECONDS             FIELD_INT
#define FIELD_TYPE_BYTES               FIELD_INT
#define FIELD_TYPE_RATE                FIELD_INT
#define FIELD_TYPE_FLAG                FIELD_BOOL
#define FIELD_TYPE_CHOICE_FRAMING      FIELD_CHOICE
#define FIELD_TYPE_CHOICE_TRANSPORT    FIELD_CHOICE
#define FIELD_TYPE_CHOICE_TRACE_FILTER FIELD_CHOICE
#define FIELD_TYPE_CHOICE_GSO          FIELD_CHOICE
#define FIELD_TYPE_INT                 FIELD_INT
#define FIELD_TYPE_DSCP                FIELD_INT
#define FIELD_TYPE_SIZE                FIELD_DIST
#define FIELD_TYPE_GAP                 FIELD_DIST
#define FIELD_TYPE_NAME                FIELD_TEXT

/* On the wire a value has no unit of its own, and flowctl's sentences do not fit. */
#define WIRE_UNIT_SECONDS             "in ns"
#define WIRE_UNIT_BYTES               "in bytes"
#define WIRE_UNIT_RATE                "in bit/s"
#define WIRE_UNIT_FLAG                "or not"
#define WIRE_UNIT_CHOICE_FRAMING      "auto, stream or message"
#define WIRE_UNIT_CHOICE_TRANSPORT    "tcp, mptcp or udp"
#define WIRE_UNIT_CHOICE_TRACE_FILTER "all or change"
#define WIRE_UNIT_CHOICE_GSO          "auto, on or off"
#define WIRE_UNIT_INT                 "as a number"
#define WIRE_UNIT_DSCP                "as a number"
#define WIRE_UNIT_SIZE                "in bytes, as C:8192"
#define WIRE_UNIT_GAP                 "in seconds, as C:0.01"
#define WIRE_UNIT_NAME                "by name"

/* Of a type: its choices by name, or NULL. */
#define FIELD_CHOICES_SECONDS             NULL
#define FIELD_CHOICES_BYTES               NULL
#define FIELD_CHOICES_RATE                NULL
#define FIELD_CHOICES_FLAG                NULL
#define FIELD_CHOICES_CHOICE_FRAMING      &framing_choices
#define FIELD_CHOICES_CHOICE_TRANSPORT    &transport_choices
#define FIELD_CHOICES_CHOICE_TRACE_FILTER &trace_filter_choices
#define FIELD_CHOICES_CHOICE_GSO          &gso_choices
#define FIELD_CHOICES_INT                 NULL
#define FIELD_CHOICES_DSCP                NULL
#define FIELD_CHOICES_SIZE                NULL
#define FIELD_CHOICES_GAP                 NULL
#define FIELD_CHOICES_NAME                NULL

#define WIRE_OPTION_VALUE          "--"
#define WIRE_OPTION_PRESET(stands) "--"
#define WIRE_OPTION_BOTH(stands)   "--"
#define WIRE_OPTION_SOCKOPT        "-O "
#define WIRE_OPTION_TRAFFIC        "-G "

#define WIRE_FIELD(owner, member, type_, fallback_, minimum_, maximum_, form, option) \
    {.name = #member,                                                                 \
     .type = FIELD_TYPE_##type_,                                                      \
     .offset = offsetof(struct owner, member),                                        \
     .size = sizeof(((struct owner *)0)->member),                                     \
     .minimum = minimum_,                                                             \
     .maximum = maximum_,                                                             \
     .fallback = fallback_,                                                           \
     .choices = FIELD_CHOICES_##type_,                                                \
     .help = "flowctl's " WIRE_OPTION_##form option ", " WIRE_UNIT_##type_},

#define WIRE_IN_RUN(...) WIRE_IN_FLOW(__VA_ARGS__)

static const struct field endpoint_fields[] = {
#define WIRE_IN_FLOW(...)
#define WIRE_IN_ENDPOINT(...) WIRE_FIELD(endpoint_settings, __VA_ARGS__)
#define SETTING(scope, kind, field, type, fallback, minimum, maximum, form, letter, name, \
                argument, help)                                                           \
    WIRE_IN_##scope(field, type, fallback, minimum, maximum, form, name)
#include "settings.def"
};

#undef WIRE_IN_FLOW
#undef WIRE_IN_ENDPOINT

static const struct field flow_fields[] = {
#define WIRE_IN_FLOW(...) WIRE_FIELD(flow_settings, __VA_ARGS__)
#define WIRE_IN_ENDPOINT(...)
#define SETTING(scope, kind, field, type, fallback, minimum, maximum, form, letter, name, \
                argument, help)                                                           \
    WIRE_IN_##scope(field, type, fallback, minimum, maximum, form, name)
#include "settings.def"
};

_Static_assert(COUNT(endpoint_fields) <= SCHEMA_FIELDS_MAX, "too many settings of an endpoint");
_Static_assert(COUNT(flow_fields) <= SCHEMA_FIELDS_MAX, "too many settings of a flow");

const struct schema endpoint_settings_schema = {"settings", sizeof(struct endpoint_settings),
                                                endpoint_fields, COUNT(endpoint_fields)};
const struct schema flow_settings_schema = {"flow_settings", sizeof(struct flow_settings),
                                            flow_fields, COUNT(flow_fields)};

#define FORM_VALUE            .form = SETTING_FORM_VALUE
#define FORM_PRESET(stands)   .form = SETTING_FORM_PRESET, .preset = stands
#define FORM_BOTH(stands)     .form = SETTING_FORM_BOTH, .preset = stands
#define FORM_SOCKOPT          .form = SETTING_FORM_SOCKOPT
#define FORM_TRAFFIC          .form = SETTING_FORM_TRAFFIC
#define OFFSET_ENDPOINT(name) offsetof(struct endpoint_settings, name)
#define OFFSET_FLOW(name)     offsetof(struct flow_settings, name)
#define OFFSET_RUN(name)      OFFSET_FLOW(name)
#define IS_ENDPOINT           SCOPE_ENDPOINT, .run_wide = false
#define IS_FLOW               SCOPE_FLOW, .run_wide = false
#define IS_RUN                SCOPE_FLOW, .run_wide = true

const struct setting settings_list[] = {
#define SETTING(scope_, kind_, field_, type_, fallback_, minimum_, maximum_, form_, letter_, \
                name_, argument_, help_)                                                     \
    {.scope = IS_##scope_,                                                                   \
     .kind = SETTING_OF_##kind_,                                                             \
     .field = #field_,                                                                       \
     .type = SETTING_##type_,                                                                \
     .offset = OFFSET_##scope_(field_),                                                      \
     .fallback = fallback_,                                                                  \
     .minimum = minimum_,                                                                    \
     .maximum = maximum_,                                                                    \
     FORM_##form_,                                                                           \
     .letter = letter_,                                                                      \
     .name = name_,                                                                          \
     .argument = argument_,                                                                  \
     .help = help_},
#include "settings.def"
};
const size_t settings_count = COUNT(settings_list);

char endpoint_letter(enum endpoint endpoint)
{
    return endpoint_letters[endpoint][0];
}

char endpoint_capital(enum endpoint endpoint)
{
    return endpoint == SOURCE ? 'S' : 'D';
}

const char *endpoint_name(enum endpoint endpoint)
{
    return endpoint == SOURCE ? "source" : "destination";
}

static void format_number(enum setting_type type, int64_t number, char text[SETTING_TEXT_MAX])
{
    size_t length;
    if (number == -1) { /* none was given; no setting can be negative */
        snprintf(text, SETTING_TEXT_MAX, "-");
        return;
    }
    switch (type) {
    case SETTING_SECONDS:
        length = number_format_seconds(text, number);
        snprintf(text + length, SETTING_TEXT_MAX - length, "s");
        break;
    case SETTING_RATE:
        snprintf(text, SETTING_TEXT_MAX, "%" PRId64 "bit/s", number);
        break;
    case SETTING_BYTES:
    case SETTING_SIZE:
        snprintf(text, SETTING_TEXT_MAX, "%" PRId64 "B", number);
        break;
    case SETTING_CHOICE_FRAMING:
        snprintf(text, SETTING_TEXT_MAX, "%s", framing_names[number]);
        break;
    case SETTING_CHOICE_TRANSPORT:
        snprintf(text, SETTING_TEXT_MAX, "%s", transport_names[number]);
        break;
    case SETTING_CHOICE_TRACE_FILTER:
        snprintf(text, SETTING_TEXT_MAX, "%s", trace_filter_names[number]);
        break;
    case SETTING_CHOICE_GSO:
        snprintf(text, SETTING_TEXT_MAX, "%s", gso_names[number]);
        break;
    case SETTING_DSCP:
        dscp_format(number, text, SETTING_TEXT_MAX);
        break;
    case SETTING_INT:
    case SETTING_FLAG:
    case SETTING_GAP:
    case SETTING_NAME:
        snprintf(text, SETTING_TEXT_MAX, "%" PRId64, number);
        break;
    }
}

static bool is_dist(const struct setting *setting)
{
    return setting->type == SETTING_SIZE || setting->type == SETTING_GAP;
}

static bool in_range(const struct setting *setting, int64_t number, const char *text,
                     struct fail *fail)
{
    char low[SETTING_TEXT_MAX], high[SETTING_TEXT_MAX];
    if (number >= setting->minimum && number <= setting->maximum)
        return true;
    enum setting_type type = setting->type == SETTING_DSCP ? SETTING_INT : setting->type;
    format_number(type, setting->minimum, low);
    format_number(type, setting->maximum, high);
    return fail_set(fail, 0, "'%s' is not within %s to %s", text, low, high);
}

static bool parse_number(const struct setting *setting, const char *text, int64_t *number,
                         struct fail *fail)
{
    switch (setting->type) {
    case SETTING_SECONDS:
        return number_parse_seconds(text, number, fail);
    case SETTING_BYTES:
    case SETTING_SIZE:
        return number_parse_bytes(text, number, fail);
    case SETTING_RATE:
        /* 0 is as fast as it goes; what becomes 0 is a mistake. */
        return number_parse_rate(text, number, fail) &&
               (*number > 0 || !strcmp(text, "0") ||
                fail_set(fail, 0, "'%s' is not a rate: it must be above 0", text));
    case SETTING_CHOICE_FRAMING:
        return choices_parse(&framing_choices, text, number, fail);
    case SETTING_CHOICE_TRANSPORT:
        return choices_parse(&transport_choices, text, number, fail);
    case SETTING_CHOICE_TRACE_FILTER:
        return choices_parse(&trace_filter_choices, text, number, fail);
    case SETTING_CHOICE_GSO:
        return choices_parse(&gso_choices, text, number, fail);
    case SETTING_INT:
        return number_parse_code(text, number, fail);
    case SETTING_DSCP:
        return dscp_parse(text, number, fail);
    case SETTING_FLAG:
    case SETTING_GAP:
    case SETTING_NAME:
        break;
    }
    return number_parse_int(text, number, fail);
}

static bool parse_name(const struct setting *setting, const char *text, void *at, struct fail *fail)
{
    if (!*text || strpbrk(text, " \t\n=,"))
        return fail_set(fail, 0, "'%s' is not a name", text);
    if (!mem_copy_text(at, SETTINGS_NAME_MAX, text))
        return fail_set(fail, 0, "'%s' is longer than %d characters", text, SETTINGS_NAME_MAX - 1);
    (void)setting;
    return true;
}

/* What is drawn has bounds of its own: settings_check(). */
static bool parse_dist(const struct setting *setting, const char *text, struct dist *dist,
                       struct fail *fail)
{
    if (!dist_parse(text, dist, fail))
        return false;
    return dist->kind != DIST_CONSTANT ||
           (dist->a >= (double)setting->minimum && dist->a <= (double)setting->maximum) ||
           fail_set(fail, 0, "'%s' is not within %" PRId64 " to %" PRId64 "%s", text,
                    setting->minimum, setting->maximum, setting->type == SETTING_GAP ? "s" : "B");
}

bool setting_parse(const struct setting *setting, const char *text, void *object, struct fail *fail)
{
    void *at = (char *)object + setting->offset;
    int64_t number = setting->preset ? setting->preset : 1;
    if (setting->type == SETTING_NAME)
        return parse_name(setting, text, at, fail);
    if (text && is_dist(setting) && strchr(text, ':'))
        return parse_dist(setting, text, at, fail);
    if (text &&
        (!parse_number(setting, text, &number, fail) || !in_range(setting, number, text, fail)))
        return false;
    if (is_dist(setting))
        *(struct dist *)at = dist_constant((double)number);
    else
        *(int64_t *)at = number;
    return true;
}

void setting_format(const struct setting *setting, const void *object, char text[SETTING_TEXT_MAX])
{
    const void *at = (const char *)object + setting->offset;
    const struct dist *dist = at;
    if (setting->type == SETTING_NAME)
        snprintf(text, SETTING_TEXT_MAX, "%s", (const char *)at);
    else if (setting->type == SETTING_GAP && dist->kind == DIST_CONSTANT)
        snprintf(text, SETTING_TEXT_MAX, "%.9gs", dist->a);
    else if (is_dist(setting) && dist->kind != DIST_CONSTANT)
        dist_format(dist, text);
    else if (setting->type == SETTING_SIZE)
        format_number(setting->type, dist_whole(dist, 0, INT64_MAX), text);
    else
        format_number(setting->type, *(const int64_t *)at, text);
}

bool setting_equal(const struct setting *setting, const void *one, const void *other)
{
    const void *a = (const char *)one + setting->offset, *b = (const char *)other + setting->offset;
    if (setting->type == SETTING_NAME)
        return !strcmp(a, b);
    return is_dist(setting) ? dist_equal(a, b) : *(const int64_t *)a == *(const int64_t *)b;
}

bool setting_is_default(const struct setting *setting, const void *object)
{
    const void *at = (const char *)object + setting->offset;
    struct dist constant = dist_constant((double)setting->fallback);
    if (setting->type == SETTING_NAME)
        return *(const char *)at == '\0';
    if (is_dist(setting))
        return dist_equal(at, &constant);
    return *(const int64_t *)at == setting->fallback;
}

size_t settings_options(struct option_spec *specs, int base, const char *group)
{
    size_t count = 0;
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_list[i];
        if (setting->form == SETTING_FORM_SOCKOPT || setting->form == SETTING_FORM_TRAFFIC)
            continue;
        specs[count++] = (struct option_spec){
            .letter = setting->letter,
            .name = setting->name,
            .argument = setting->form == SETTING_FORM_BOTH ? OPTION_LOOSE
                        : setting->argument                ? OPTION_REQUIRED
                                                           : OPTION_NONE,
            .value = setting->argument,
            .group = group,
            .help = setting->help,
            .id = base + (int)i,
        };
    }
    return count;
}

const struct setting *settings_find_traffic(char letter)
{
    const char *field = letter == 'q'   ? "request_size"
                        : letter == 'p' ? "response_size"
                        : letter == 'g' ? "gap"
                                        : NULL;
    return field ? settings_find(field) : NULL;
}

const struct setting *settings_find(const char *field)
{
    for (size_t i = 0; i < settings_count; i++)
        if (!strcmp(settings_list[i].field, field))
            return &settings_list[i];
    return NULL;
}
