/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "traceformat.h"

#include "mem.h"

const struct trace_field trace_fields[] = {
#define TRACE_FIELD(field, unit_, scale_, none_, kinds_, sentence_) \
    {.name = #field,                                                \
     .unit = unit_,                                                 \
     .sentence = sentence_,                                         \
     .at = offsetof(struct trace_event, field),                     \
     .width = sizeof(((struct trace_event *)0)->field),             \
     .scale = scale_,                                               \
     .none = none_,                                                 \
     .kinds = kinds_},
#include "trace_fields.def"
};

const size_t trace_fields_count = COUNT(trace_fields);

const char *const trace_kind_names[TRACE_KINDS] = {
    [TRACE_SEGMENT] = "segment",
    [TRACE_RETRANSMIT] = "retransmit",
    [TRACE_CA_STATE] = "ca_state",
    [TRACE_TCP_STATE] = "tcp_state",
    [TRACE_RESET_SENT] = "reset_sent",
    [TRACE_RESET_RECEIVED] = "reset_received",
    [TRACE_RECEIVE_BUFFER] = "receive_buffer",
};

/* enum tcp_ca_state of the kernel. */
const char *const trace_ca_state_names[TRACE_CA_STATES] = {"Open", "Disorder", "CWR", "Recovery",
                                                           "Loss"};

const char *const trace_tcp_state_names[TRACE_TCP_STATES] = {
    NULL,    "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",    "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV",
};
