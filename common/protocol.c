/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "protocol.h"

#include <inttypes.h>
#include <string.h>

#include "cdf.h"
#include "clock.h"
#include "mem.h"

/* Rows of the field tables; `owner` is the struct. */
#define BASE(owner, member, kind, flags_, help_)                                              \
    .name = #member, .type = kind, .flags = flags_, .offset = offsetof(struct owner, member), \
    .size = sizeof(((struct owner *)0)->member), .help = help_
#define INT(owner, member, flags, low, high, standard, help)                          \
    {                                                                                 \
        BASE(owner, member, FIELD_INT, flags, help), .minimum = low, .maximum = high, \
                                                     .fallback = standard             \
    }
#define NUMBER(owner, member, help) INT(owner, member, FIELD_ALWAYS, INT64_MIN, INT64_MAX, 0, help)
#define FLAG(owner, member, help)                           \
    {                                                       \
        BASE(owner, member, FIELD_BOOL, FIELD_ALWAYS, help) \
    }
#define TEXT(owner, member, flags, help)             \
    {                                                \
        BASE(owner, member, FIELD_TEXT, flags, help) \
    }
#define WORDS(owner, member, flags, help)             \
    {                                                 \
        BASE(owner, member, FIELD_WORDS, flags, help) \
    }
#define STRUCT(owner, member, schema, help)                       \
    {                                                             \
        BASE(owner, member, FIELD_STRUCT, 0, help), .sub = schema \
    }
#define LIST(owner, member, flags, schema, most, help)                               \
    {                                                                                \
        BASE(owner, member, FIELD_LIST, flags, help), .sub = schema, .maximum = most \
    }

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SCHEMA(owner)                                                                          \
    static const struct schema owner##_schema = {#owner, sizeof(struct owner), owner##_fields, \
                                                 COUNT(owner##_fields)}

static const struct schema empty_schema = {"empty", sizeof(struct empty_message), NULL, 0};

#define SESSION(owner) TEXT(owner, session, FIELD_ALWAYS, "what session.open gave")
#define KEY(owner) \
    TEXT(owner, key, FIELD_ALWAYS, "of the client's choice: the same call again has the same key")

static const struct field limits_message_fields[] = {
    NUMBER(limits_message, flows, "flow endpoints that are here"),
    NUMBER(limits_message, sessions, "sessions that are here"),
    NUMBER(limits_message, open_files, "files that the daemon may have open"),
    NUMBER(limits_message, open_files_used, "files that it has open"),
    NUMBER(limits_message, somaxconn, "longest queue of connections that wait for accept"),
    NUMBER(limits_message, ports, "local ports for connections to one destination"),
    NUMBER(limits_message, data_ports_low, "first port that destinations listen at; 0: any"),
    NUMBER(limits_message, data_ports_high, "last port that destinations listen at; 0: any"),
    NUMBER(limits_message, lease_s, "lease of a session where none is asked for, in seconds"),
};
SCHEMA(limits_message);

/* One that is not there is absent. */
#define QUOTA(owner, member, help) INT(owner, member, 0, 0, INT64_MAX, 0, help)

static const struct field user_message_fields[] = {
    TEXT(user_message, name, 0, "the user of a token who asks"),
    QUOTA(user_message, sessions, "sessions that they may have at once"),
    QUOTA(user_message, flows, "flow endpoints that they may have at once"),
    QUOTA(user_message, rate, "what all of their endpoints may ask to send together, bit/s"),
    QUOTA(user_message, duration, "when a flow of theirs has to end, after the start, ns"),
};
SCHEMA(user_message);

static const struct field quotas_message_fields[] = {
    QUOTA(quotas_message, max_flows, "flow endpoints that may be here at once"),
    QUOTA(quotas_message, max_sessions, "sessions that may be here at once"),
    QUOTA(quotas_message, max_flow_rate, "what one endpoint may ask to send, bit/s"),
    QUOTA(quotas_message, max_total_rate, "what all endpoints may ask to send together, bit/s"),
    QUOTA(quotas_message, max_duration, "when a flow has to end, after the start, ns"),
    QUOTA(quotas_message, report_memory, "bytes of reports that are kept in memory"),
    QUOTA(quotas_message, spill_size, "bytes of reports that are kept in a file besides"),
    QUOTA(quotas_message, retain_size, "bytes of reports of ended sessions that are kept"),
    QUOTA(quotas_message, retain_s, "how long these are kept, in seconds"),
    QUOTA(quotas_message, dump_file_size, "bytes of one packet dump"),
    QUOTA(quotas_message, dump_space, "bytes of all packet dumps"),
    WORDS(quotas_message, allow_test, 0, "networks that tests may be made with"),
    WORDS(quotas_message, deny_test, 0, "networks that they may not"),
    STRUCT(quotas_message, user, &user_message_schema, "what the user who asks may have"),
};
SCHEMA(quotas_message);

static const struct field describe_reply_fields[] = {
    TEXT(describe_reply, product, FIELD_ALWAYS, "flowrig"),
    TEXT(describe_reply, version, FIELD_ALWAYS, "version of the program"),
    NUMBER(describe_reply, api, "version of this protocol"),
    TEXT(describe_reply, daemon_id, FIELD_ALWAYS,
         "of this daemon; lasts where it has a state directory"),
    TEXT(describe_reply, boot_id, FIELD_ALWAYS, "of this start of the daemon"),
    TEXT(describe_reply, host, FIELD_ALWAYS, "host name"),
    TEXT(describe_reply, os, FIELD_ALWAYS, "operating system"),
    TEXT(describe_reply, os_release, FIELD_ALWAYS, "its release"),
    TEXT(describe_reply, machine, FIELD_ALWAYS, "architecture"),
    NUMBER(describe_reply, cpus, "CPUs that the daemon may use"),
    NUMBER(describe_reply, workers, "threads that carry flows"),
    WORDS(describe_reply, features, FIELD_ALWAYS, "what this daemon was built with"),
    WORDS(describe_reply, congestion_controls, FIELD_ALWAYS,
          "what it may use, the system's default first"),
    STRUCT(describe_reply, limits, &limits_message_schema, "what bounds a run here"),
    STRUCT(describe_reply, quotas, &quotas_message_schema, "what its owner allows"),
};
SCHEMA(describe_reply);

/* More than a year is no error of a clock, but nonsense. */
#define CLOCK_ERROR_MAX (366 * 86400 * NS_PER_SEC)
#define PEER_CLOCK_MAX  9999999

static const struct field clock_reply_fields[] = {
    NUMBER(clock_reply, received, "daemon's CLOCK_MONOTONIC when the call came, ns"),
    NUMBER(clock_reply, sent, "daemon's CLOCK_MONOTONIC when the reply went, ns"),
    NUMBER(clock_reply, wall, "daemon's CLOCK_REALTIME at `sent`, ns since 1970"),
    INT(clock_reply, wall_error, FIELD_ALWAYS, 0, CLOCK_ERROR_MAX, 0,
        "how far `wall` may be off, ns"),
    FLAG(clock_reply, synchronised, "whether the kernel takes CLOCK_REALTIME to be synchronised"),
    NUMBER(clock_reply, status, "status of adjtimex(2)"),
    INT(clock_reply, max_error_us, FIELD_ALWAYS, 0, CLOCK_ERROR_MAX / 1000, 0,
        "its maximum error of CLOCK_REALTIME, us"),
    INT(clock_reply, est_error_us, FIELD_ALWAYS, 0, CLOCK_ERROR_MAX / 1000, 0,
        "its estimated error, us"),
};
SCHEMA(clock_reply);

static const struct field peer_clock_fields[] = {
    INT(peer_clock, peer, FIELD_ALWAYS, 0, PEER_CLOCK_MAX, 0, "number of the clock"),
    NUMBER(peer_clock, reference, "an instant of the peer's clock, ns"),
    NUMBER(peer_clock, offset, "this daemon's clock minus the peer's at that instant, ns"),
    INT(peer_clock, rate_ppb, FIELD_ALWAYS, -CLOCK_SKEW_MAX_PPB, CLOCK_SKEW_MAX_PPB, 0,
        "what the offset gains in a second, ns"),
    INT(peer_clock, bound, FIELD_ALWAYS, 0, INT64_MAX / 4, 0, "how far the offset may be off, ns"),
    INT(peer_clock, bound_ppb, FIELD_ALWAYS, 0, CLOCK_SKEW_MAX_PPB, 0,
        "what that gains in a second, ns"),
};
SCHEMA(peer_clock);

static const struct field status_session_fields[] = {
    TEXT(status_session, run, FIELD_ALWAYS, "the run, as its controller calls it"),
    TEXT(status_session, controller, FIELD_ALWAYS, "the controller, as it calls itself"),
    TEXT(status_session, user, 0, "the user of a token who opened it"),
    TEXT(status_session, state, FIELD_ALWAYS, "preparing, started, ended or failed"),
    NUMBER(status_session, flows, "endpoints here"),
    NUMBER(status_session, running, "of these, not finished"),
    NUMBER(status_session, failed, "of these, failed"),
    NUMBER(status_session, age_ns, "time since it was opened"),
    NUMBER(status_session, lease_left_ns, "time until its lease ends"),
    NUMBER(status_session, rows, "reports kept"),
    NUMBER(status_session, bytes, "their memory"),
    NUMBER(status_session, spilled, "bytes of them that lie in a file"),
};
SCHEMA(status_session);

static const struct field status_reply_fields[] = {
    LIST(status_reply, sessions, FIELD_ALWAYS, &status_session_schema, 100000, "all sessions"),
    NUMBER(status_reply, flows, "endpoints in all sessions"),
    NUMBER(status_reply, uptime_ns, "time since the daemon started"),
};
SCHEMA(status_reply);

static const struct field stop_all_reply_fields[] = {
    NUMBER(stop_all_reply, sessions, "sessions stopped"),
    NUMBER(stop_all_reply, flows, "endpoints stopped"),
};
SCHEMA(stop_all_reply);

static const struct field open_call_fields[] = {
    KEY(open_call),
    TEXT(open_call, run, 0, "name of the run, for people"),
    TEXT(open_call, controller, 0, "name of the controller, for people"),
    INT(open_call, lease_s, 0, 0, 86400, 0,
        "how long the session lives without a call, in "
        "seconds; 0: the daemon's default"),
};
SCHEMA(open_call);

static const struct field open_reply_fields[] = {
    TEXT(open_reply, session, FIELD_ALWAYS, "the session: who knows it may use it"),
    NUMBER(open_reply, lease_s, "its lease in seconds"),
    TEXT(open_reply, boot_id, FIELD_ALWAYS, "of this start of the daemon"),
};
SCHEMA(open_reply);

static const struct field prepare_endpoint_fields[] = {
    INT(prepare_endpoint, flow, FIELD_ALWAYS, 0, 9999999, 0, "number of the flow in the run"),
    TEXT(prepare_endpoint, endpoint, FIELD_ALWAYS, "\"s\" source or \"d\" destination"),
    TEXT(prepare_endpoint, host, 0, "test address of this end; bound if it is one of this host"),
    TEXT(prepare_endpoint, peer_host, 0,
         "test address of the other end; a source connects to it, and a "
         "dump is made on the interface that leads there"),
    INT(prepare_endpoint, port, 0, 0, 65535, 0, "source: port of the destination"),
    TEXT(prepare_endpoint, secret, 0, "source: the secret that the destination issued"),
    TEXT(prepare_endpoint, proof, 0, "source: the proof that the destination issued"),
    INT(prepare_endpoint, peer_clock, 0, -1, PEER_CLOCK_MAX, -1,
        "number of the other end's clock, for one-way delays; -1: none"),
    STRUCT(prepare_endpoint, source, &endpoint_settings_schema, "settings of the source"),
    STRUCT(prepare_endpoint, destination, &endpoint_settings_schema, "settings of the destination"),
    STRUCT(prepare_endpoint, settings, &flow_settings_schema, "settings of the flow"),
};
SCHEMA(prepare_endpoint);

static const struct field prepare_table_fields[] = {
    {BASE(prepare_table, text, FIELD_BYTES, FIELD_ALWAYS,
          "lines of a value and the share of values up to it, both growing, the last share 1"),
     .maximum = CDF_TEXT_MAX},
};
SCHEMA(prepare_table);

static const struct field prepare_call_fields[] = {
    SESSION(prepare_call),
    KEY(prepare_call),
    LIST(prepare_call, tables, 0, &prepare_table_schema, PROTOCOL_TABLES_MAX,
         "empirical distributions that F:0, F:1 and so on stand for; the session's first call that "
         "has any decides"),
    {BASE(prepare_call, common, FIELD_STRUCT, FIELD_COMMON,
          "members of endpoints that hold for all of them, as far as one does not say otherwise"),
     .sub = &prepare_endpoint_schema},
    LIST(prepare_call, endpoints, FIELD_ALWAYS, &prepare_endpoint_schema, PROTOCOL_CHUNK_MAX,
         "endpoints of this daemon; settings that have their default may be left out"),
};
SCHEMA(prepare_call);

static const struct field prepare_destination_fields[] = {
    NUMBER(prepare_destination, flow, "number of the flow"),
    NUMBER(prepare_destination, port, "port that this destination listens at"),
    TEXT(prepare_destination, secret, FIELD_ALWAYS, "what the source shows"),
    TEXT(prepare_destination, proof, FIELD_ALWAYS, "what the destination answers"),
};
SCHEMA(prepare_destination);

static const struct field prepare_reply_fields[] = {
    LIST(prepare_reply, destinations, FIELD_ALWAYS, &prepare_destination_schema, PROTOCOL_CHUNK_MAX,
         "the destinations among the endpoints"),
};
SCHEMA(prepare_reply);

static const struct field prepared_call_fields[] = {
    SESSION(prepared_call),
    INT(prepared_call, wait_ms, 0, 0, PROTOCOL_WAIT_MAX_MS, 0,
        "how long to wait until all are "
        "ready or one has failed"),
};
SCHEMA(prepared_call);

static const struct field prepared_failure_fields[] = {
    NUMBER(prepared_failure, flow, "number of the flow"),
    TEXT(prepared_failure, endpoint, FIELD_ALWAYS, "\"s\" or \"d\""),
    NUMBER(prepared_failure, code, "number of the fault"),
    TEXT(prepared_failure, reason, FIELD_ALWAYS, "a sentence"),
};
SCHEMA(prepared_failure);

static const struct field prepared_reply_fields[] = {
    NUMBER(prepared_reply, total, "endpoints of the session"),
    NUMBER(prepared_reply, ready, "of these, ready to start"),
    NUMBER(prepared_reply, failed, "of these, failed"),
    LIST(prepared_reply, failures, FIELD_ALWAYS, &prepared_failure_schema, PROTOCOL_FAILURES_MAX,
         "the first failures"),
};
SCHEMA(prepared_reply);

static const struct field start_call_fields[] = {
    SESSION(start_call),
    KEY(start_call),
    INT(start_call, at, 0, 0, INT64_MAX, 0, "instant of the daemon's CLOCK_MONOTONIC, ns"),
    INT(start_call, in_ms, 0, -1, 86400000, -1, "or: in so many ms"),
    LIST(start_call, clocks, 0, &peer_clock_schema, PROTOCOL_CLOCKS_MAX, "clocks of the peers"),
};
SCHEMA(start_call);

static const struct field start_reply_fields[] = {
    NUMBER(start_reply, at, "when it starts, daemon's CLOCK_MONOTONIC, ns"),
    NUMBER(start_reply, now, "daemon's CLOCK_MONOTONIC, ns"),
};
SCHEMA(start_reply);

static const struct field reports_call_fields[] = {
    SESSION(reports_call),
    INT(reports_call, after, 0, 0, INT64_MAX, 0,
        "rows up to this number are acknowledged; those "
        "after it are asked for"),
    INT(reports_call, wait_ms, 0, 0, PROTOCOL_WAIT_MAX_MS, 0, "how long to wait for a row"),
    INT(reports_call, max_bytes, 0, 1, 16 << 20, 4 << 20,
        "packed size of the rows at most; one "
        "row is always given"),
    TEXT(reports_call, encoding, 0, "\"packed\" (default) or \"table\""),
    INT(reports_call, acknowledge, 0, -1, INT64_MAX, -1,
        "rows up to this number, at most up to `after`, are acknowledged; -1: all up to `after`"),
    LIST(reports_call, clocks, 0, &peer_clock_schema, PROTOCOL_CLOCKS_MAX,
         "clocks of the peers, as they are known by now"),
};
SCHEMA(reports_call);

static const struct field reports_reply_fields[] = {
    NUMBER(reports_reply, first, "number of the first row given"),
    NUMBER(reports_reply, count, "rows given"),
    {BASE(reports_reply, rows, FIELD_BYTES, 0, "packed rows, one after the other"),
     .maximum = PROTOCOL_REPLY_MAX},
    {BASE(reports_reply, table, FIELD_VALUE, 0,
          "or: an array of rows, each an array of columns "
          "and a struct of sections")},
    FLAG(reports_reply, more, "further rows are there already"),
    FLAG(reports_reply, finished, "no further row will come"),
    NUMBER(reports_reply, lost, "rows that found no room"),
    TEXT(reports_reply, state, FIELD_ALWAYS, "preparing, started, ended or failed"),
    TEXT(reports_reply, failure, 0, "why the session failed"),
};
SCHEMA(reports_reply);

static const struct field stop_call_fields[] = {
    SESSION(stop_call),
    KEY(stop_call),
    {BASE(stop_call, flows, FIELD_INTS, 0, "numbers of flows; none: all"), .maximum = 10000000},
};
SCHEMA(stop_call);

static const struct field stop_reply_fields[] = {
    NUMBER(stop_reply, stopped, "endpoints that this call stopped"),
};
SCHEMA(stop_reply);

static const struct field session_call_fields[] = {
    SESSION(session_call),
    TEXT(session_call, key, 0, "of the client's choice"),
};
SCHEMA(session_call);

static const struct field renew_reply_fields[] = {
    NUMBER(renew_reply, lease_s, "the lease, counted from now, in seconds"),
};
SCHEMA(renew_reply);

static const struct field close_reply_fields[] = {
    NUMBER(close_reply, rows, "reports that were thrown away unread"),
};
SCHEMA(close_reply);

static const struct field schema_call_fields[] = {
    {BASE(schema_call, names_only, FIELD_BOOL, 0, "leave out units, kinds and help")},
};
SCHEMA(schema_call);

static const struct field schema_column_fields[] = {
    TEXT(schema_column, name, FIELD_ALWAYS, "name of the column"),
    TEXT(schema_column, unit, 0, "its unit"),
    TEXT(schema_column, kind, 0,
         "key, counter, gauge, final, count, min, max, sum or "
         "percentile"),
    TEXT(schema_column, help, 0, "what it says"),
};
SCHEMA(schema_column);

static const struct field schema_reply_fields[] = {
    TEXT(schema_reply, packed, FIELD_ALWAYS, "how a packed row lies"),
    TEXT(schema_reply, sections, FIELD_ALWAYS, "types of sections"),
    LIST(schema_reply, columns, FIELD_ALWAYS, &schema_column_schema, 512, "columns in order"),
};
SCHEMA(schema_reply);

static const struct field dumps_list_call_fields[] = {
    TEXT(dumps_list_call, run, 0, "of this run only"),
    TEXT(dumps_list_call, after, 0, "names that sort behind this one only"),
};
SCHEMA(dumps_list_call);

static const struct field dump_entry_fields[] = {
    TEXT(dump_entry, name, FIELD_ALWAYS, "name of the file"),
    NUMBER(dump_entry, size, "its bytes so far"),
    NUMBER(dump_entry, modified, "when it was last written, ns since 1970"),
};
SCHEMA(dump_entry);

static const struct field dumps_list_reply_fields[] = {
    LIST(dumps_list_reply, dumps, FIELD_ALWAYS, &dump_entry_schema, PROTOCOL_DUMPS_MAX,
         "dumps, by name"),
    FLAG(dumps_list_reply, more, "there are more, after the last one"),
};
SCHEMA(dumps_list_reply);

static const struct field dumps_read_call_fields[] = {
    TEXT(dumps_read_call, name, FIELD_ALWAYS, "a name that dumps.list gave"),
    INT(dumps_read_call, offset, 0, 0, INT64_MAX, 0, "first byte, from 0"),
    INT(dumps_read_call, max_bytes, 0, 1, PROTOCOL_DUMP_READ_MAX, 1 << 20, "bytes at most"),
};
SCHEMA(dumps_read_call);

static const struct field dumps_read_reply_fields[] = {
    {BASE(dumps_read_reply, data, FIELD_BYTES, FIELD_ALWAYS,
          "the bytes; none from the end of the file on"),
     .maximum = PROTOCOL_DUMP_READ_MAX},
    NUMBER(dumps_read_reply, size, "of the whole file now"),
};
SCHEMA(dumps_read_reply);

const struct method methods[METHODS] = {
    [METHOD_DESCRIBE] = {"flowd.describe", &empty_schema, &describe_reply_schema,
                         "Says what this daemon is, what it can do, and what bounds it."},
    [METHOD_CLOCK] = {"flowd.clock", &empty_schema, &clock_reply_schema,
                      "Reads the daemon's clock, for estimates of its offset."},
    [METHOD_STATUS] = {"flowd.status", &empty_schema, &status_reply_schema, "Says what runs here."},
    [METHOD_STOP_ALL] = {"flowd.stop_all", &empty_schema, &stop_all_reply_schema,
                         "Stops every flow of every session. Reports are kept."},
    [METHOD_OPEN] = {"session.open", &open_call_schema, &open_reply_schema,
                     "Opens a session: flows, their reports and a lease that each call renews."},
    [METHOD_RENEW] = {"session.renew", &session_call_schema, &renew_reply_schema,
                      "Renews the lease, as every other call on the session does."},
    [METHOD_CLOSE] = {"session.close", &session_call_schema, &close_reply_schema,
                      "Ends the session at once and forgets its reports."},
    [METHOD_PREPARE] = {"session.prepare", &prepare_call_schema, &prepare_reply_schema,
                        "Adds endpoints. Destinations listen at once; sources begin to connect, "
                        "and session.prepared says how it went."},
    [METHOD_PREPARED] = {"session.prepared", &prepared_call_schema, &prepared_reply_schema,
                         "Says which endpoints are ready and which have failed."},
    [METHOD_START] = {"session.start", &start_call_schema, &start_reply_schema,
                      "Starts all endpoints at one instant; refused while one is not ready, and "
                      "for an instant that is past."},
    [METHOD_REPORTS] = {"session.reports", &reports_call_schema, &reports_reply_schema,
                        "Gives reports after a row number and acknowledges those before."},
    [METHOD_STOP] = {"session.stop", &stop_call_schema, &stop_reply_schema,
                     "Ends flows before their time. Their final reports follow."},
    [METHOD_SCHEMA] = {"reports.schema", &schema_call_schema, &schema_reply_schema,
                       "Describes the columns of reports, in both encodings."},
    [METHOD_DUMPS_LIST] = {"dumps.list", &dumps_list_call_schema, &dumps_list_reply_schema,
                           "Lists the packet dumps that this daemon has."},
    [METHOD_DUMPS_READ] = {"dumps.read", &dumps_read_call_schema, &dumps_read_reply_schema,
                           "Reads a part of a packet dump."},
};

static void describe_members(struct buffer *text, const struct schema *schema, int indent)
{
    static const char *const types[] = {
        [FIELD_INT] = "integer",   [FIELD_BOOL] = "boolean", [FIELD_TEXT] = "string",
        [FIELD_WORDS] = "strings", [FIELD_DIST] = "string",  [FIELD_BYTES] = "base64",
        [FIELD_STRUCT] = "struct", [FIELD_LIST] = "structs", [FIELD_INTS] = "integers",
        [FIELD_VALUE] = "array",
    };
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        buffer_printf(text, "%*s%s (%s%s): %s", indent, "", field->name, types[field->type],
                      field->flags & FIELD_ALWAYS ? ", always" : "", field->help);
        if (field->fallback > 0)
            buffer_printf(text, "; default %s%" PRId64, field->type == FIELD_DIST ? "C:" : "",
                          field->fallback);
        buffer_text(text, "\n");
        if (field->sub && !(field->flags & FIELD_COMMON))
            describe_members(text, field->sub, indent + 2);
    }
}

char *method_help(const struct method *method)
{
    struct buffer text = {0};
    buffer_printf(&text, "%s\nTakes one struct:\n", method->help);
    describe_members(&text, method->call, 2);
    buffer_text(&text, "Gives one struct:\n");
    describe_members(&text, method->reply, 2);
    buffer_add(&text, "", 1);
    return text.data;
}
