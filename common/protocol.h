/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control protocol of flowd: XML-RPC over HTTP at /RPC2.
 *
 * Every method takes one struct and gives one struct. Members that are absent have their default;
 * unknown ones are refused by name. A 64-bit input may also be a decimal string. A call that
 * changes something carries a key of the client's choice, and repeating it is harmless.
 *
 * History
 *   1  first version
 */
#ifndef FLOWRIG_PROTOCOL_H
#define FLOWRIG_PROTOCOL_H

#include "dumpname.h"
#include "schema.h"
#include "settings.h"

enum {
    PROTOCOL_API = 1,
    PROTOCOL_PORT = 5999,
    PROTOCOL_ID_MAX = 33, /* 128 bits in hexadecimal, and the NUL */
    PROTOCOL_KEY_MAX = 65,
    PROTOCOL_HOST_MAX = 256,
    PROTOCOL_LABEL_MAX = 128,
    PROTOCOL_REASON_MAX = 512,
    PROTOCOL_FLOW_MAX = 9999999, /* the highest number of a flow */
    PROTOCOL_CHUNK_MAX = 2000,   /* endpoints in one call */
    PROTOCOL_TABLES_MAX = 16,    /* empirical distributions of a session */
    PROTOCOL_CLOCKS_MAX = 10000, /* peers' clocks in one call */
    PROTOCOL_FAILURES_MAX = 100, /* listed in one reply; the number is always whole */
    PROTOCOL_CALL_MAX = 8 << 20, /* bytes of XML in a call */
    PROTOCOL_PARTS_MAX = 16,     /* calls in a system.multicall */
    PROTOCOL_REPLY_MAX = 64 << 20,
    PROTOCOL_TABLE_MAX = 128 << 10,      /* packed bytes of the rows in one table */
    PROTOCOL_PARTS_REPLY_MAX = 64 << 20, /* memory for all answers of a system.multicall */
    PROTOCOL_WAIT_MAX_MS = 30000,
    PROTOCOL_DUMPS_MAX = 1000,        /* files in one list */
    PROTOCOL_DUMP_READ_MAX = 4 << 20, /* bytes of a file in one reply */
    PROTOCOL_NETWORKS_MAX = 128,      /* networks in one list */
    PROTOCOL_NETWORKS_TEXT = PROTOCOL_NETWORKS_MAX * 51 + 1,
};

#define PROTOCOL_PATH "/RPC2"
/* flowctl sends this header, whatever its value: no script of a web page can set one that begins
 * with "Sec-" (Fetch standard, forbidden request-header). */
#define PROTOCOL_HEADER "Sec-Flowrig"

/* Numbers of faults. The hundreds tell whose turn it is: the caller's (1000), the owner's of the
 * daemon (2000), the machine's (3000), or nobody's any more (4000). */
enum fault {
    FAULT_BAD_CALL = 1000,   /* the call is not as the method wants it */
    FAULT_BAD_STATE = 1001,  /* the call does not fit what the session has done so far */
    FAULT_BAD_XML = 1002,    /* the body is not XML that is taken */
    FAULT_POLICY = 2000,     /* this daemon does not allow it */
    FAULT_TOO_MANY = 2001,   /* a limit of this daemon is reached */
    FAULT_NO_MEMORY = 2002,  /* a memory limit of this daemon is reached */
    FAULT_SYSTEM = 3000,     /* the system refused something */
    FAULT_CONGESTION = 3001, /* no such congestion control here, or not allowed */
    FAULT_PORTS = 3002,      /* no data port is free */
    FAULT_FILES = 3003,      /* too many open files */
    FAULT_CONNECT = 3004,    /* the data connection could not be made */
    FAULT_PEER = 3005,       /* the peer closed the connection: it may know the cause */
    FAULT_GONE = 4000,       /* no such session (any more) */
};

/* What a session has come to. */
enum session_state {
    SESSION_PREPARING,
    SESSION_STARTED,
    SESSION_ENDED,  /* all flows are over */
    SESSION_FAILED, /* its reports found no room */
    SESSION_CLOSED,
    SESSION_STATES
};

/* How session.reports gives rows. */
enum report_encoding { ENCODING_PACKED, ENCODING_TABLE, ENCODINGS };

extern const struct choices session_states;

struct empty_message {
    char unused;
};

/* Of what bounds a run, what is no quota. */
struct limits_message {
    int64_t flows, sessions; /* flow endpoints, and sessions, that are here */
    int64_t open_files, open_files_used;
    int64_t somaxconn;
    int64_t ports;                           /* ports for outgoing connections */
    int64_t data_ports_low, data_ports_high; /* 0: the system chooses */
    int64_t lease_s;
};

/* What the user who asks may have at once. 0: no limit besides the daemon's. */
struct user_message {
    char name[PROTOCOL_LABEL_MAX]; /* "": nobody has to say who it is */
    int64_t sessions, flows, rate, duration, reports, lease;
};

/* What the daemon's owner allows, by the names of the options; 0 or empty: no such
 * quota. */
struct quotas_message {
    int64_t max_flows, max_sessions;
    int64_t max_flow_rate, max_total_rate; /* bit/s */
    int64_t max_duration;                  /* ns */
    int64_t report_memory, spill_size;     /* bytes */
    int64_t retain_size, retain_s;         /* of ended sessions */
    int64_t dump_file_size, dump_space;    /* bytes */
    char allow_test[PROTOCOL_NETWORKS_TEXT], deny_test[PROTOCOL_NETWORKS_TEXT];
    struct user_message user;
};

struct describe_reply {
    char product[PROTOCOL_LABEL_MAX], version[PROTOCOL_LABEL_MAX];
    int64_t api;
    char daemon_id[PROTOCOL_ID_MAX], boot_id[PROTOCOL_ID_MAX];
    char host[PROTOCOL_HOST_MAX], os[PROTOCOL_LABEL_MAX], os_release[PROTOCOL_LABEL_MAX];
    char machine[PROTOCOL_LABEL_MAX];
    char facts[512]; /* words "name=value", see info.h */
    int64_t cpus, workers;
    char features[512];
    char congestion_controls[512]; /* that this daemon may use; the default first */
    struct limits_message limits;
    struct quotas_message quotas;
};

struct clock_reply {
    int64_t received, sent; /* CLOCK_MONOTONIC of the daemon, ns */
    int64_t wall;           /* CLOCK_REALTIME of the daemon at `sent`, ns since 1970 */
    int64_t wall_error;     /* how far that may be off, as the two can't be read at once, ns */
    int64_t synchronised;   /* what the kernel says of CLOCK_REALTIME: adjtimex(2) */
    int64_t status, max_error_us, est_error_us;
};

/* How the clock of the daemon that is called sees that of a peer: a struct clock_map. */
struct peer_clock {
    int64_t peer; /* as prepare_endpoint has it */
    int64_t reference, offset, rate_ppb, bound, bound_ppb;
};

struct status_session {
    char run[PROTOCOL_LABEL_MAX], controller[PROTOCOL_LABEL_MAX];
    int64_t state;                  /* enum session_state */
    char user[PROTOCOL_LABEL_MAX];  /* "": nobody has to say who it is */
    int64_t flows, running, failed; /* endpoints here */
    int64_t age_ns, lease_left_ns;
    int64_t rows, bytes; /* reports that are kept */
    int64_t spilled;     /* bytes of them in a file */
};

struct status_reply {
    struct schema_list sessions; /* struct status_session */
    int64_t flows, uptime_ns;
    int64_t stamp_answered, stamp_ignored; /* STATUS_ABSENT: it answers no STAMP */
};

#define STATUS_ABSENT INT64_C(-1)

struct stop_all_reply {
    int64_t sessions, flows; /* how many were stopped */
};

struct open_call {
    char key[PROTOCOL_KEY_MAX];
    char run[PROTOCOL_LABEL_MAX], controller[PROTOCOL_LABEL_MAX];
    int64_t lease_s; /* 0: the daemon's default */
};

struct open_reply {
    char session[PROTOCOL_ID_MAX];
    int64_t lease_s;
    char boot_id[PROTOCOL_ID_MAX];
};

/* One endpoint to be prepared. */
struct prepare_endpoint {
    int64_t flow;
    int64_t endpoint;                  /* enum endpoint */
    char host[PROTOCOL_HOST_MAX];      /* the test address of this end */
    char peer_host[PROTOCOL_HOST_MAX]; /* of the other end; where a source connects to, and
                                          to where a dump looks for packets */
    int64_t port;                      /* source: of the destination */
    char secret[PROTOCOL_ID_MAX], proof[PROTOCOL_ID_MAX]; /* source: what the destination issued */
    int64_t peer_clock; /* number of the other end's clock, -1: it has none */
    struct endpoint_settings source, destination;
    struct flow_settings settings;
};

struct prepare_table {
    struct schema_bytes text; /* cdf_parse() reads it */
};

struct prepare_call {
    char session[PROTOCOL_ID_MAX], key[PROTOCOL_KEY_MAX];
    struct schema_list tables;      /* struct prepare_table */
    struct prepare_endpoint common; /* what the endpoints need not say each */
    struct schema_list endpoints;   /* struct prepare_endpoint */
};

struct prepare_destination {
    int64_t flow, port;
    char secret[PROTOCOL_ID_MAX], proof[PROTOCOL_ID_MAX];
};

struct prepare_reply {
    struct schema_list destinations; /* struct prepare_destination */
};

struct prepared_call {
    char session[PROTOCOL_ID_MAX];
    int64_t wait_ms;
};

struct prepared_failure {
    int64_t flow;
    int64_t endpoint; /* enum endpoint */
    int64_t code;
    char reason[PROTOCOL_REASON_MAX];
};

struct prepared_reply {
    int64_t total, ready, failed;
    struct schema_list failures; /* struct prepared_failure, the first ones */
};

struct start_call {
    char session[PROTOCOL_ID_MAX], key[PROTOCOL_KEY_MAX];
    int64_t at;                /* CLOCK_MONOTONIC of the daemon, ns; 0: not given */
    int64_t in_ms;             /* -1: not given */
    struct schema_list clocks; /* struct peer_clock */
    int64_t host_stats;        /* interval of rows about the host, ns; 0: none */
};

struct start_reply {
    int64_t at, now; /* CLOCK_MONOTONIC of the daemon, ns */
};

struct reports_call {
    char session[PROTOCOL_ID_MAX];
    int64_t after;   /* row number: rows after it are asked for, those up to it acknowledged */
    int64_t wait_ms; /* for a row, if none is there */
    int64_t max_bytes;
    int64_t encoding;          /* enum report_encoding */
    int64_t acknowledge;       /* -1, or only rows up to this number are acknowledged */
    int64_t release;           /* the flows' sockets go with the answer that says `finished` */
    struct schema_list clocks; /* struct peer_clock: newer ones */
};

struct reports_reply {
    int64_t first, count;     /* numbers of the rows: first .. first+count-1, counting from 1 */
    struct schema_bytes rows; /* packed */
    void *table;              /* or an array of arrays, each with its sections as a last struct */
    int64_t more;             /* further rows are there already */
    int64_t finished;         /* these are the last rows that the session will ever have */
    int64_t lost;             /* rows that found no room; 0 unless the session failed */
    int64_t state;            /* enum session_state */
    char failure[PROTOCOL_REASON_MAX];
    char stopped[PROTOCOL_REASON_MAX]; /* who or what stopped the flows; "": their controller */
};

struct stop_call {
    char session[PROTOCOL_ID_MAX], key[PROTOCOL_KEY_MAX];
    struct schema_list flows; /* int64_t; none: all */
};

struct stop_reply {
    int64_t stopped; /* endpoints that were running or prepared */
};

struct session_call {
    char session[PROTOCOL_ID_MAX], key[PROTOCOL_KEY_MAX];
};

struct renew_reply {
    int64_t lease_s;
};

struct close_reply {
    int64_t rows; /* reports that were thrown away unread */
};

struct schema_call {
    int64_t names_only;
};

struct schema_column {
    char name[PROTOCOL_LABEL_MAX], unit[PROTOCOL_LABEL_MAX], kind[PROTOCOL_LABEL_MAX];
    char help[PROTOCOL_REASON_MAX];
};

struct schema_reply {
    char packed[PROTOCOL_REASON_MAX]; /* how a packed row lies, in words */
    struct schema_list columns;       /* struct schema_column */
    char sections[PROTOCOL_REASON_MAX];
};

struct dumps_list_call {
    char run[PROTOCOL_LABEL_MAX]; /* empty: of all runs */
    char after[DUMP_NAME_MAX];    /* names after this one only */
};

struct dump_entry {
    char name[DUMP_NAME_MAX];
    int64_t size;     /* bytes */
    int64_t modified; /* ns since 1970 */
};

struct dumps_list_reply {
    struct schema_list dumps; /* struct dump_entry, by name */
    int64_t more;             /* there are further ones */
};

struct dumps_read_call {
    char name[DUMP_NAME_MAX];
    int64_t offset, max_bytes;
};

struct dumps_read_reply {
    struct schema_bytes data;
    int64_t size; /* of the file, now */
};

enum method_id {
    METHOD_DESCRIBE,
    METHOD_CLOCK,
    METHOD_STATUS,
    METHOD_STOP_ALL,
    METHOD_OPEN,
    METHOD_RENEW,
    METHOD_CLOSE,
    METHOD_PREPARE,
    METHOD_PREPARED,
    METHOD_START,
    METHOD_REPORTS,
    METHOD_STOP,
    METHOD_SCHEMA,
    METHOD_DUMPS_LIST,
    METHOD_DUMPS_READ,
    METHODS
};

struct method {
    const char *name;
    const struct schema *call, *reply;
    const char *help;
};

extern const struct method methods[METHODS];

/* What system.methodHelp says: the sentence, then each member of call and reply. To be freed. */
char *method_help(const struct method *method);

#endif
