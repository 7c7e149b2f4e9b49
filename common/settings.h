/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a flow and its endpoints shall do. The structs come from settings.def. */
#ifndef FLOWRIG_SETTINGS_H
#define FLOWRIG_SETTINGS_H

#include <stdio.h>

#include "block.h"
#include "clock.h"
#include "dist.h"
#include "fail.h"
#include "option.h"
#include "schema.h"

enum { SETTINGS_NAME_MAX = 32 };

#define SETTINGS_SOURCE_DURATION (10 * NS_PER_SEC)
#define SETTINGS_VOLUME_DURATION (86400 * NS_PER_SEC) /* of an endpoint with a volume and no -T */
#define SETTINGS_UDP_RATE        (INT64_C(1) << 20)   /* where none is given, bit/s */
#define SETTINGS_SIZE_LIMIT      (INT64_C(1) << 30)   /* of a request or response, in bytes */

enum framing_choice { FRAMING_AUTO, FRAMING_STREAM, FRAMING_MESSAGE, FRAMINGS };
enum gso_choice { GSO_AUTO, GSO_ON, GSO_OFF, GSOS };
enum transport_choice { TRANSPORT_TCP, TRANSPORT_MPTCP, TRANSPORT_UDP, TRANSPORTS };

/* What not every transport can do. */
enum transport_capability {
    TRANSPORT_KERNEL_PACING = 1, /* the kernel keeps a rate (SO_MAX_PACING_RATE) */
    TRANSPORT_STREAM = 2,        /* bytes in order, with an end that is read; else datagrams */
    TRANSPORT_SIGNALS_END = 4,   /* the socket has an event when the end is acknowledged */
};

/* The name of each transport, and the bits of its capabilities: those of the daemon's ops table. */
extern const struct transport_traits {
    const char *name;
    unsigned capabilities;
} transport_traits[TRANSPORTS];

/* The two ends of a flow: the source connects, the destination listens; either can send. */
enum endpoint { SOURCE, DESTINATION, ENDPOINTS };

/* By their letters. */
extern const struct choices endpoint_choices;

/* 's' or 'd', as options have them; 'S' or 'D', as screen and log have them; and the words. */
char endpoint_letter(enum endpoint endpoint);
char endpoint_capital(enum endpoint endpoint);
const char *endpoint_name(enum endpoint endpoint);
/* The other end. */
static inline enum endpoint endpoint_other(enum endpoint endpoint)
{
    return endpoint == SOURCE ? DESTINATION : SOURCE;
}

#define SETTING_C_SECONDS(field)             int64_t field;
#define SETTING_C_BYTES(field)               int64_t field;
#define SETTING_C_RATE(field)                int64_t field;
#define SETTING_C_FLAG(field)                int64_t field;
#define SETTING_C_INT(field)                 int64_t field;
#define SETTING_C_DSCP(field)                int64_t field;
#define SETTING_C_CHOICE_FRAMING(field)      int64_t field;
#define SETTING_C_CHOICE_TRANSPORT(field)    int64_t field;
#define SETTING_C_CHOICE_TRACE_FILTER(field) int64_t field;
#define SETTING_C_CHOICE_GSO(field)          int64_t field;
#define SETTING_C_SIZE(field)                struct dist field;
#define SETTING_C_GAP(field)                 struct dist field;
#define SETTING_C_NAME(field)                char field[SETTINGS_NAME_MAX];

#define SETTING_C(type, field) SETTING_C_##type(field)

#define SETTING_IN_RUN(type, field) SETTING_IN_FLOW(type, field)

struct endpoint_settings {
#define SETTING_IN_FLOW(type, field)
#define SETTING_IN_ENDPOINT(type, field)       SETTING_C(type, field)
#define SETTING(scope, kind, field, type, ...) SETTING_IN_##scope(type, field)
#include "settings.def"
};

#undef SETTING_IN_FLOW
#undef SETTING_IN_ENDPOINT

struct flow_settings {
#define SETTING_IN_FLOW(type, field) SETTING_C(type, field)
#define SETTING_IN_ENDPOINT(type, field)
#define SETTING(scope, kind, field, type, ...) SETTING_IN_##scope(type, field)
#include "settings.def"
};

#undef SETTING_IN_FLOW
#undef SETTING_IN_ENDPOINT

extern const struct schema endpoint_settings_schema;
extern const struct schema flow_settings_schema;

/* The scope RUN of settings.def is SCOPE_FLOW with `run_wide`. */
enum setting_scope { SCOPE_ENDPOINT, SCOPE_FLOW };
/* The kind of transport that a setting is for. */
enum setting_kind { SETTING_OF_ANY, SETTING_OF_STREAM, SETTING_OF_DATAGRAM };
enum setting_type {
    SETTING_SECONDS,
    SETTING_BYTES,
    SETTING_RATE,
    SETTING_FLAG,
    SETTING_SIZE,
    SETTING_GAP,
    SETTING_NAME,
    SETTING_CHOICE_FRAMING,
    SETTING_INT,
    SETTING_DSCP,
    SETTING_CHOICE_TRANSPORT,
    SETTING_CHOICE_TRACE_FILTER,
    SETTING_CHOICE_GSO,
};
enum setting_form {
    SETTING_FORM_VALUE,
    SETTING_FORM_PRESET,
    SETTING_FORM_BOTH,
    SETTING_FORM_SOCKOPT,
    SETTING_FORM_TRAFFIC,
};

/* One line of settings.def. */
struct setting {
    enum setting_scope scope;
    bool run_wide; /* SCOPE_FLOW, and the same for all flows of a run */
    enum setting_kind kind;
    const char *field;
    enum setting_type type;
    size_t offset; /* in the struct of its scope */
    int64_t fallback, minimum, maximum;
    enum setting_form form;
    int64_t preset;
    char letter;
    const char *name; /* the long option, or the socket option's name */
    const char *argument;
    const char *help;
};

extern const struct setting settings_list[];
extern const size_t settings_count;

/* Reads `text` as the setting's value into the struct of its scope at `object`; checks the range.
 * `text` is NULL for an option without a value. */
bool setting_parse(const struct setting *setting, const char *text, void *object,
                   struct fail *fail);

enum { SETTING_TEXT_MAX = 96 };
/* Writes the value as people read it, with its unit: "10 s", "10000000 bit/s", "cubic". */
void setting_format(const struct setting *setting, const void *object, char text[SETTING_TEXT_MAX]);
/* Whether both objects have the same value. */
bool setting_equal(const struct setting *setting, const void *one, const void *other);
/* Whether the value is the one that a flow has without options. */
bool setting_is_default(const struct setting *setting, const void *object);

/* The settings that are options of their own as rows for option_parse(), appended at `specs`;
 * `id` of a row is its index in settings_list plus `base`. Returns how many. */
size_t settings_options(struct option_spec *specs, int base, const char *group);

/* The setting that is kept in this field, or NULL. */
const struct setting *settings_find(const char *field);

/* The socket option NAME (of IPv4 or IPv6), or NULL. */
const struct setting *settings_find_sockopt(const char *name, size_t length);
/* Why the socket option NAME, which flowgrind has, is never set; NULL for all others. */
const char *settings_refused_sockopt(const char *name, size_t length);
/* Lists the socket options for --help=socket. */
void settings_sockopt_help(FILE *out);

/* What "q", "p" or "g" of option -G stands for, or NULL. */
const struct setting *settings_find_traffic(char letter);

/* The size of the endpoint's blocks, and of the responses that it would ask for, in bytes, where it
 * is constant; else 1 and 0. So the first may be divided by, whatever the settings are. */
int64_t settings_block_size(const struct endpoint_settings *end);
int64_t settings_response_size(const struct endpoint_settings *end);
/* The largest request or response of an endpoint that sends, in bytes. */
int64_t settings_block_cap(const struct endpoint_settings *end);
/* Whether anything of the endpoint is drawn at random. */
bool settings_are_random(const struct endpoint_settings *end);
/* Whether the endpoint waits between its blocks. */
bool settings_are_paced(const struct endpoint_settings *end);

/* Whether the endpoint ends when it has sent a fixed number of bytes or blocks. */
bool settings_have_volume(const struct endpoint_settings *end);
/* Whether so much is that volume, or more. */
bool settings_volume_reached(const struct endpoint_settings *end, int64_t bytes, int64_t blocks);

/* Whether the endpoint asks its peer for responses. */
bool settings_ask_responses(const struct endpoint_settings *end);

/* Whether blocks carry headers in this flow: asked for, or needed by what either end does. */
bool settings_need_messages(const struct endpoint_settings ends[ENDPOINTS],
                            const struct flow_settings *flow);

/* Checks what one value cannot show: sizes against the cap and the framing, durations, delays
 * with late connect, what the transport can do. Returns false and a sentence. */
bool settings_check(const struct endpoint_settings ends[ENDPOINTS],
                    const struct flow_settings *flow, struct fail *fail);
/* The same where blocks, if they have a header, have one of that size. */
bool settings_check_header(const struct endpoint_settings ends[ENDPOINTS],
                           const struct flow_settings *flow, int64_t header, struct fail *fail);

/* Instants of a flow, in ns after its start. start and stop bound what an endpoint sends of its
 * own accord, and are 0 where it has no duration. from and to bound all that it is expected to
 * send: where its peer asks for responses, the peer's time belongs to it. */
struct flow_schedule {
    int64_t start[ENDPOINTS], stop[ENDPOINTS];
    int64_t from[ENDPOINTS], to[ENDPOINTS];
    int64_t end; /* the last stop: the last interval ends here */
};

/* When each end of a flow starts and stops to send, ns after the start of the run. */
struct flow_schedule settings_schedule(const struct endpoint_settings ends[ENDPOINTS]);

#endif
