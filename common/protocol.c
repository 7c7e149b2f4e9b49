/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "protocol.h"

#include "cdf.h"
#include "clock.h"
#include "protocol_fields.h"

static const char *const session_state_names[] = {"preparing", "started", "ended", "failed",
                                                  "closed"};
static const char *const encoding_names[] = {"packed", "table"};

const struct choices session_states = {session_state_names, COUNT(session_state_names)};
static const struct choices encodings = {encoding_names, COUNT(encoding_names)};

_Static_assert(COUNT(session_state_names) == SESSION_STATES, "each state has a name");
_Static_assert(COUNT(encoding_names) == ENCODINGS, "each encoding has a name");

static const struct schema empty_schema = {"empty", sizeof(struct empty_message), NULL, 0};

#define SESSION(owner) TEXT(owner, session, FIELD_ALWAYS, "as returned by session.open")
#define KEY(owner) \
    TEXT(owner, key, FIELD_ALWAYS, "chosen by the client; a repeated call has the same key")

static const struct field limits_message_fields[] = {
    NUMBER(limits_message, flows, "current flow endpoints"),
    NUMBER(limits_message, sessions, "current sessions"),
    INT(limits_message, open_files, FIELD_ALWAYS, 0, INT64_MAX, 0,
        "files that the daemon may have open"),
    NUMBER(limits_message, open_files_used, "files that it has open now"),
    NUMBER(limits_message, somaxconn, "maximum length of the queue of connections to be accepted"),
    NUMBER(limits_message, ports, "local ports for connections to one destination"),
    NUMBER(limits_message, data_ports_low, "first port on which destinations listen; 0: any"),
    NUMBER(limits_message, data_ports_high, "last port on which destinations listen; 0: any"),
    INT(limits_message, lease_s, FIELD_ALWAYS, 0, 366 * 86400, 0,
        "default lease of a session, in seconds"),
};
SCHEMA(limits_message);

/* One that is not there is absent. */
#define QUOTA(owner, member, help) INT(owner, member, 0, 0, INT64_MAX, 0, help)

static const struct field user_message_fields[] = {
    TEXT(user_message, name, 0, "the calling user of a token"),
    QUOTA(user_message, sessions, "maximum number of sessions"),
    QUOTA(user_message, flows, "maximum number of flow endpoints"),
    QUOTA(user_message, rate, "maximum total rate of their endpoints, bit/s"),
    QUOTA(user_message, duration, "maximum time from the start to the end of a flow, ns"),
    QUOTA(user_message, reports, "maximum size of their reports, in memory and file"),
    QUOTA(user_message, lease, "longest lease of a session, ns; else 300 s, or limits.lease_s"),
};
SCHEMA(user_message);

static const struct field quotas_message_fields[] = {
    QUOTA(quotas_message, max_flows, "maximum number of flow endpoints"),
    QUOTA(quotas_message, max_sessions, "maximum number of sessions"),
    QUOTA(quotas_message, max_flow_rate, "maximum rate of one endpoint, bit/s"),
    QUOTA(quotas_message, max_total_rate, "maximum total rate of all endpoints, bit/s"),
    QUOTA(quotas_message, max_duration, "maximum time from the start to the end of a flow, ns"),
    QUOTA(quotas_message, report_memory, "maximum size of reports in memory"),
    QUOTA(quotas_message, spill_size, "maximum size of further reports in a file"),
    QUOTA(quotas_message, retain_size, "maximum size of the reports of ended sessions"),
    QUOTA(quotas_message, retain_s, "how long these are kept, in seconds"),
    QUOTA(quotas_message, dump_file_size, "maximum size of one packet dump"),
    QUOTA(quotas_message, dump_space, "maximum size of all packet dumps"),
    WORDS(quotas_message, allow_test, 0, "the only networks allowed in tests"),
    WORDS(quotas_message, deny_test, 0, "networks excluded from tests"),
    STRUCT(quotas_message, user, &user_message_schema, "limits of the calling user"),
};
SCHEMA(quotas_message);

static const struct field describe_reply_fields[] = {
    TEXT(describe_reply, product, FIELD_ALWAYS, "flowrig"),
    TEXT(describe_reply, version, FIELD_ALWAYS, "version of the program"),
    NUMBER(describe_reply, api, "version of this protocol"),
    TEXT(describe_reply, daemon_id, FIELD_ALWAYS,
         "identity of this daemon; persistent if it has a state directory"),
    TEXT(describe_reply, boot_id, FIELD_ALWAYS, "of this start of the daemon"),
    TEXT(describe_reply, host, FIELD_ALWAYS, "host name"),
    TEXT(describe_reply, os, FIELD_ALWAYS, "operating system"),
    TEXT(describe_reply, os_release, FIELD_ALWAYS, "its release"),
    TEXT(describe_reply, machine, FIELD_ALWAYS, "architecture"),
    WORDS(describe_reply, facts, 0, "name=value of network settings of the host, where known"),
    NUMBER(describe_reply, cpus, "CPUs that the daemon may use"),
    NUMBER(describe_reply, workers, "threads that run flows"),
    WORDS(describe_reply, features, FIELD_ALWAYS, "what this daemon was built with"),
    WORDS(describe_reply, congestion_controls, FIELD_ALWAYS,
          "available algorithms, the system's default first"),
    STRUCT(describe_reply, limits, &limits_message_schema, "limits of runs on this host"),
    STRUCT(describe_reply, quotas, &quotas_message_schema, "limits set by its owner"),
};
SCHEMA(describe_reply);

/* More than a year is no error of a clock, but nonsense. */
#define CLOCK_ERROR_MAX (366 * 86400 * NS_PER_SEC)
#define PEER_CLOCK_MAX  9999999

static const struct field clock_reply_fields[] = {
    NUMBER(clock_reply, received, "daemon's CLOCK_MONOTONIC when the call arrived, ns"),
    NUMBER(clock_reply, sent, "daemon's CLOCK_MONOTONIC when the reply was sent, ns"),
    NUMBER(clock_reply, wall, "daemon's CLOCK_REALTIME at `sent`, ns since 1970"),
    INT(clock_reply, wall_error, FIELD_ALWAYS, 0, CLOCK_ERROR_MAX, 0, "error bound of `wall`, ns"),
    FLAG(clock_reply, synchronised, "whether the kernel considers CLOCK_REALTIME synchronised"),
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
        "change of the offset per second, ns"),
    INT(peer_clock, bound, FIELD_ALWAYS, 0, INT64_MAX / 4, 0, "error bound of the offset, ns"),
    INT(peer_clock, bound_ppb, FIELD_ALWAYS, 0, CLOCK_SKEW_MAX_PPB, 0,
        "change of the bound per second, ns"),
};
SCHEMA(peer_clock);

static const struct field status_session_fields[] = {
    TEXT(status_session, run, FIELD_ALWAYS, "name of the run, as given by its controller"),
    TEXT(status_session, controller, FIELD_ALWAYS, "name of the controller, as given by itself"),
    TEXT(status_session, user, 0, "the user of a token that opened it"),
    CHOICE(status_session, state, FIELD_ALWAYS, session_states,
           "preparing, started, ended or failed"),
    NUMBER(status_session, flows, "endpoints on this daemon"),
    NUMBER(status_session, running, "of these, not finished"),
    NUMBER(status_session, failed, "of these, failed"),
    NUMBER(status_session, age_ns, "time since it was opened"),
    NUMBER(status_session, lease_left_ns, "remaining time of its lease"),
    NUMBER(status_session, rows, "reports kept"),
    NUMBER(status_session, bytes, "their memory"),
    NUMBER(status_session, spilled, "bytes of them that are in a file"),
};
SCHEMA(status_session);

static const struct field status_reply_fields[] = {
    LIST(status_reply, sessions, FIELD_ALWAYS, &status_session_schema, 100000, "all sessions"),
    NUMBER(status_reply, flows, "endpoints in all sessions"),
    NUMBER(status_reply, uptime_ns, "time since the daemon started"),
    INT(status_reply, stamp_answered, 0, STATUS_ABSENT, NUMBER_MAX, STATUS_ABSENT,
        "STAMP requests answered; -1: the daemon answers none"),
    INT(status_reply, stamp_ignored, 0, STATUS_ABSENT, NUMBER_MAX, STATUS_ABSENT,
        "STAMP requests not answered; -1: the daemon answers none"),
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
        "lifetime of the session without a call, in seconds; 0: the daemon's default"),
};
SCHEMA(open_call);

static const struct field open_reply_fields[] = {
    TEXT(open_reply, session, FIELD_ALWAYS, "the session: whoever knows it can use it"),
    NUMBER(open_reply, lease_s, "its lease in seconds"),
    TEXT(open_reply, boot_id, FIELD_ALWAYS, "of this start of the daemon"),
};
SCHEMA(open_reply);

static const struct field prepare_endpoint_fields[] = {
    INT(prepare_endpoint, flow, FIELD_ALWAYS, 0, PROTOCOL_FLOW_MAX, 0,
        "number of the flow in the run"),
    CHOICE(prepare_endpoint, endpoint, FIELD_ALWAYS, endpoint_choices,
           "\"s\" source or \"d\" destination"),
    TEXT(prepare_endpoint, host, 0, "test address of this end; bound if this host has it"),
    TEXT(prepare_endpoint, peer_host, 0,
         "test address of the other end; a source connects to it, and dumps are captured on the "
         "interface to it"),
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
          "lines with a value and the share of values up to it, both non-decreasing, the last "
          "share 1"),
     .maximum = CDF_TEXT_MAX},
};
SCHEMA(prepare_table);

static const struct field prepare_call_fields[] = {
    SESSION(prepare_call),
    KEY(prepare_call),
    LIST(prepare_call, tables, 0, &prepare_table_schema, PROTOCOL_TABLES_MAX,
         "empirical distributions, referred to as F:0, F:1 and so on; the first call of a session "
         "that has any decides"),
    {BASE(prepare_call, common, FIELD_STRUCT, FIELD_COMMON,
          "members common to all endpoints, which an endpoint may override"),
     .sub = &prepare_endpoint_schema},
    LIST(prepare_call, endpoints, FIELD_ALWAYS, &prepare_endpoint_schema, PROTOCOL_CHUNK_MAX,
         "endpoints of this daemon; settings with their default value may be omitted"),
};
SCHEMA(prepare_call);

static const struct field prepare_destination_fields[] = {
    NUMBER(prepare_destination, flow, "number of the flow"),
    NUMBER(prepare_destination, port, "port on which this destination listens"),
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
        "wait up to this time until all are ready or one has failed"),
};
SCHEMA(prepared_call);

static const struct field prepared_failure_fields[] = {
    NUMBER(prepared_failure, flow, "number of the flow"),
    CHOICE(prepared_failure, endpoint, FIELD_ALWAYS, endpoint_choices, "\"s\" or \"d\""),
    NUMBER(prepared_failure, code, "number of the fault"),
    TEXT(prepared_failure, reason, FIELD_ALWAYS, "error message"),
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
    INT(start_call, in_ms, 0, -1, 86400000, -1, "or: the time from now, ms"),
    LIST(start_call, clocks, 0, &peer_clock_schema, PROTOCOL_CLOCKS_MAX, "clocks of the peers"),
    INT(start_call, host_stats, 0, 0, INT64_C(3600000000000), 0,
        "interval of rows about the host, at least 100000000 ns; 0: no such rows"),
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
        "acknowledge rows up to this number, and return those after it"),
    INT(reports_call, wait_ms, 0, 0, PROTOCOL_WAIT_MAX_MS, 0, "wait up to this time for a row"),
    INT(reports_call, max_bytes, 0, 1, 16 << 20, 4 << 20,
        "maximum packed size of the rows, at most 131072 for a table; one row is always returned"),
    CHOICE(reports_call, encoding, 0, encodings, "\"packed\" (default) or \"table\""),
    INT(reports_call, acknowledge, 0, -1, INT64_MAX, -1,
        "acknowledge rows only up to this number, at most `after`; -1: all up to `after`"),
    {BASE(reports_call, release, FIELD_BOOL, 0,
          "give up the flows and their sockets with the answer that has the last row")},
    LIST(reports_call, clocks, 0, &peer_clock_schema, PROTOCOL_CLOCKS_MAX,
         "clocks of the peers, as known by now"),
};
SCHEMA(reports_call);

static const struct field reports_reply_fields[] = {
    NUMBER(reports_reply, first, "number of the first row returned"),
    NUMBER(reports_reply, count, "number of rows returned"),
    {BASE(reports_reply, rows, FIELD_BYTES, 0, "packed rows, one after the other"),
     .maximum = PROTOCOL_REPLY_MAX},
    {BASE(reports_reply, table, FIELD_VALUE, 0,
          "or: an array of rows, each an array of columns "
          "and a struct of sections")},
    FLAG(reports_reply, more, "whether more rows are available now"),
    FLAG(reports_reply, finished, "whether this was the last row"),
    NUMBER(reports_reply, lost, "rows lost because memory was full"),
    CHOICE(reports_reply, state, FIELD_ALWAYS, session_states,
           "preparing, started, ended or failed"),
    TEXT(reports_reply, failure, 0, "why the session failed"),
    TEXT(reports_reply, stopped, 0, "who or what stopped the flows early"),
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
    TEXT(session_call, key, 0, "chosen by the client"),
};
SCHEMA(session_call);

static const struct field renew_reply_fields[] = {
    NUMBER(renew_reply, lease_s, "the lease, counted from now, in seconds"),
};
SCHEMA(renew_reply);

static const struct field close_reply_fields[] = {
    NUMBER(close_reply, rows, "reports dropped without having been fetched"),
};
SCHEMA(close_reply);

static const struct field schema_call_fields[] = {
    {BASE(schema_call, names_only, FIELD_BOOL, 0, "omit units, kinds and help")},
};
SCHEMA(schema_call);

static const struct field schema_column_fields[] = {
    TEXT(schema_column, name, FIELD_ALWAYS, "name of the column"),
    TEXT(schema_column, unit, 0, "its unit"),
    TEXT(schema_column, kind, 0,
         "key, counter, gauge, final, count, min, max, sum or "
         "percentile"),
    TEXT(schema_column, help, 0, "its meaning"),
};
SCHEMA(schema_column);

static const struct field schema_reply_fields[] = {
    TEXT(schema_reply, packed, FIELD_ALWAYS, "layout of a packed row"),
    TEXT(schema_reply, sections, FIELD_ALWAYS, "types of sections"),
    LIST(schema_reply, columns, FIELD_ALWAYS, &schema_column_schema, 512, "columns in order"),
};
SCHEMA(schema_reply);

static const struct field dumps_list_call_fields[] = {
    TEXT(dumps_list_call, run, 0, "only those of this run"),
    TEXT(dumps_list_call, after, 0, "only names that sort after this one"),
};
SCHEMA(dumps_list_call);

static const struct field dump_entry_fields[] = {
    TEXT(dump_entry, name, FIELD_ALWAYS, "name of the file"),
    NUMBER(dump_entry, size, "its size in bytes so far"),
    NUMBER(dump_entry, modified, "when it was last written, ns since 1970"),
};
SCHEMA(dump_entry);

static const struct field dumps_list_reply_fields[] = {
    LIST(dumps_list_reply, dumps, FIELD_ALWAYS, &dump_entry_schema, PROTOCOL_DUMPS_MAX,
         "dumps, by name"),
    FLAG(dumps_list_reply, more, "whether there are more after the last one"),
};
SCHEMA(dumps_list_reply);

static const struct field dumps_read_call_fields[] = {
    TEXT(dumps_read_call, name, FIELD_ALWAYS, "a name returned by dumps.list"),
    INT(dumps_read_call, offset, 0, 0, INT64_MAX, 0, "first byte, from 0"),
    INT(dumps_read_call, max_bytes, 0, 1, PROTOCOL_DUMP_READ_MAX, 1 << 20,
        "maximum number of "
        "bytes"),
};
SCHEMA(dumps_read_call);

static const struct field dumps_read_reply_fields[] = {
    {BASE(dumps_read_reply, data, FIELD_BYTES, FIELD_ALWAYS,
          "the bytes; none at or after the end of the file"),
     .maximum = PROTOCOL_DUMP_READ_MAX},
    NUMBER(dumps_read_reply, size, "current size of the whole file"),
};
SCHEMA(dumps_read_reply);

const struct method methods[METHODS] = {
    [METHOD_DESCRIBE] = {"flowd.describe", &empty_schema, &describe_reply_schema,
                         "Describes this daemon, its features and its limits."},
    [METHOD_CLOCK] = {"flowd.clock", &empty_schema, &clock_reply_schema,
                      "Reads the daemon's clock, for estimates of its offset."},
    [METHOD_STATUS] = {"flowd.status", &empty_schema, &status_reply_schema,
                       "Reports what is "
                       "running."},
    [METHOD_STOP_ALL] = {"flowd.stop_all", &empty_schema, &stop_all_reply_schema,
                         "Stops all flows of all sessions. Reports are kept."},
    [METHOD_OPEN] = {"session.open", &open_call_schema, &open_reply_schema,
                     "Opens a session: flows, their reports and a lease that each call renews."},
    [METHOD_RENEW] = {"session.renew", &session_call_schema, &renew_reply_schema,
                      "Renews the lease, as every other call on the session does."},
    [METHOD_CLOSE] = {"session.close", &session_call_schema, &close_reply_schema,
                      "Closes the session and drops its reports."},
    [METHOD_PREPARE] = {"session.prepare", &prepare_call_schema, &prepare_reply_schema,
                        "Adds endpoints. Destinations listen immediately; sources start to "
                        "connect, and session.prepared reports the result."},
    [METHOD_PREPARED] = {"session.prepared", &prepared_call_schema, &prepared_reply_schema,
                         "Reports which endpoints are ready and which have failed."},
    [METHOD_START] = {"session.start", &start_call_schema, &start_reply_schema,
                      "Starts all endpoints at one instant; refused if one is not ready, or the "
                      "instant has passed."},
    [METHOD_REPORTS] = {"session.reports", &reports_call_schema, &reports_reply_schema,
                        "Returns reports after a row number and acknowledges those before."},
    [METHOD_STOP] = {"session.stop", &stop_call_schema, &stop_reply_schema,
                     "Stops flows early. Their final reports follow."},
    [METHOD_SCHEMA] = {"reports.schema", &schema_call_schema, &schema_reply_schema,
                       "Describes the columns of reports, in both encodings."},
    [METHOD_DUMPS_LIST] = {"dumps.list", &dumps_list_call_schema, &dumps_list_reply_schema,
                           "Lists the packet dumps of this daemon."},
    [METHOD_DUMPS_READ] = {"dumps.read", &dumps_read_call_schema, &dumps_read_reply_schema,
                           "Reads a part of a packet dump."},
};
