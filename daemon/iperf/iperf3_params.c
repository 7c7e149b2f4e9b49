/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "iperf/iperf3_params.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "iperf/iperf3_json.h"
#include "mem.h"
#include "printable.h"

enum {
    TIME_MAX = 86400,
    OMIT_MAX = 600,
    BLOCK_MAX = 1 << 20,
    BLOCK_DEFAULT = 131072,
    DATAGRAM_MAX = 65507,
    DATAGRAM_MIN = 16,
    DATAGRAM_DEFAULT = 1460,
    MSS_MAX = 32767,
    MSS_MIN = 88, /* of the kernel */
    WINDOW_MAX = 512 << 20,
    BURST_MAX = 1000,
    TIME_DEFAULT = 10,
};
#define RATE_MAX   INT64_C(1000000000000000)
#define VOLUME_MAX (INT64_C(1) << 56)

/* A number of the object: where it goes, what it may be, and what a wrong one is answered with. */
struct number {
    const char *name;
    size_t offset;
    int64_t minimum, maximum;
    enum iperf3_error error;
};

#define PLACE(name_, member, low, high, code)                          \
    {                                                                  \
        name_, offsetof(struct iperf3_params, member), low, high, code \
    }

static const struct number numbers[] = {
    PLACE("omit", omit, 0, OMIT_MAX, IPERF3_DURATION),
    PLACE("time", time, 0, TIME_MAX, IPERF3_DURATION),
    PLACE("num", bytes, 0, VOLUME_MAX, IPERF3_PARAMS),
    PLACE("blockcount", blocks, 0, UINT32_MAX, IPERF3_PARAMS),
    PLACE("parallel", parallel, 1, IPERF3_STREAMS_MAX, IPERF3_STREAMS),
    PLACE("len", block_size, 1, BLOCK_MAX, IPERF3_BLOCK_SIZE),
    PLACE("bandwidth", rate, 0, RATE_MAX, IPERF3_TOTAL_RATE),
    PLACE("burst", burst, 0, BURST_MAX, IPERF3_PARAMS),
    PLACE("fqrate", pacing_rate, 0, RATE_MAX, IPERF3_TOTAL_RATE),
    PLACE("window", window, 0, WINDOW_MAX, IPERF3_BUFFER_SIZE),
    PLACE("MSS", mss, 0, MSS_MAX, IPERF3_MSS),
    PLACE("TOS", tos, -1, 255, IPERF3_BAD_TOS),
};

static enum iperf3_error read_numbers(const json_t *object, struct iperf3_params *params,
                                      struct fail *fail)
{
    for (size_t i = 0; i < COUNT(numbers); i++) {
        const struct number *number = &numbers[i];
        int64_t *value = (int64_t *)((char *)params + number->offset);
        if (!iperf3_json_number(object, number->name, value, fail))
            return IPERF3_PARAMS;
        if (*value >= number->minimum && *value <= number->maximum)
            continue;
        fail_set(fail, 0, "%s %" PRId64 " is not within %" PRId64 " to %" PRId64, number->name,
                 *value, number->minimum, number->maximum);
        return number->error;
    }
    return IPERF3_OK;
}

static bool read_flags(const json_t *object, struct iperf3_params *params, bool *sctp,
                       bool *affinity, struct fail *fail)
{
    bool tcp, zerocopy, skip, mptcp; /* nothing follows from these */
    return iperf3_json_flag(object, "tcp", &tcp, fail) &&
           iperf3_json_flag(object, "udp", &params->udp, fail) &&
           iperf3_json_flag(object, "sctp", sctp, fail) &&
           iperf3_json_flag(object, "reverse", &params->reverse, fail) &&
           iperf3_json_flag(object, "bidirectional", &params->bidirectional, fail) &&
           iperf3_json_flag(object, "nodelay", &params->nodelay, fail) &&
           iperf3_json_flag(object, "udp_counters_64bit", &params->counters_64bit, fail) &&
           iperf3_json_flag(object, "get_server_output", &params->server_output, fail) &&
           iperf3_json_flag(object, "repeating_payload", &params->repeating_payload, fail) &&
           iperf3_json_flag(object, "dont_fragment", &params->dont_fragment, fail) &&
           iperf3_json_flag(object, "zerocopy", &zerocopy, fail) &&
           iperf3_json_flag(object, "skip_rx_copy", &skip, fail) &&
           iperf3_json_flag(object, "mptcp", &mptcp, fail) &&
           (!json_object_get(object, "server_affinity") || (*affinity = true));
}

/* Texts that are only printed, by the client itself. */
static bool read_texts(const json_t *object, struct iperf3_params *params, struct fail *fail)
{
    const char *title = "", *extra = "", *token = "", *congestion = "", *version = "";
    unsigned major, minor;
    if (!iperf3_json_text(object, "title", &title, fail) ||
        !iperf3_json_text(object, "extra_data", &extra, fail) ||
        !iperf3_json_text(object, "authtoken", &token, fail) ||
        !iperf3_json_text(object, "congestion", &congestion, fail) ||
        !iperf3_json_text(object, "client_version", &version, fail))
        return false;
    if (!mem_copy_text(params->congestion, sizeof params->congestion, congestion))
        return fail_set(fail, 0, "the name of the congestion control is too long");
    snprintf(params->version, sizeof params->version, "%s", version);
    printable(params->version);
    if (sscanf(params->version, "%3u.%3u", &major, &minor) == 2)
        params->version_number = major * 1000 + minor;
    return true;
}

static enum iperf3_error refuse(enum iperf3_error error, struct fail *fail, const char *why)
{
    fail_set(fail, 0, "%s", why);
    return error;
}

/* What numbers can't show by themselves. */
static enum iperf3_error check_together(const struct iperf3_params *params, bool sctp,
                                        bool affinity, struct fail *fail)
{
    if (sctp)
        return refuse(IPERF3_PROTOCOL, fail, "SCTP is not supported");
    if (params->reverse && params->bidirectional)
        return refuse(IPERF3_PARAMS, fail, "both reverse and bidirectional");
    if (params->mss && params->mss < MSS_MIN)
        return refuse(IPERF3_MSS, fail, "the MSS is below what the kernel takes");
    if (affinity)
        return refuse(IPERF3_PARAMS, fail, "the client asks for a CPU of the server (-A #,#)");
    if (params->repeating_payload && (params->reverse || params->bidirectional))
        return refuse(IPERF3_PARAMS, fail,
                      "the client asks the server to send a repeating payload");
    if (params->udp && (params->block_size < DATAGRAM_MIN || params->block_size > DATAGRAM_MAX))
        return refuse(IPERF3_UDP_BLOCK, fail, "the size of datagrams is out of range");
    return IPERF3_OK;
}

static enum iperf3_error read_object(const json_t *object, struct iperf3_params *params,
                                     struct fail *fail)
{
    bool sctp = false, affinity = false;
    *params = (struct iperf3_params){.time = -1, .parallel = 1, .tos = -1};
    if (!read_flags(object, params, &sctp, &affinity, fail) || !read_texts(object, params, fail))
        return IPERF3_PARAMS;
    params->block_size = params->udp ? DATAGRAM_DEFAULT : BLOCK_DEFAULT;
    if (!json_object_get(object, "time"))
        params->time = TIME_DEFAULT;
    enum iperf3_error error = read_numbers(object, params, fail);
    if (error)
        return error;
    if (!json_object_get(object, "time") && (params->bytes || params->blocks))
        params->time = 0;
    return check_together(params, sctp, affinity, fail);
}

enum iperf3_error iperf3_params_read(const char *text, size_t length, struct iperf3_params *params,
                                     struct fail *fail)
{
    json_t *object = iperf3_json_object(text, length, fail);
    if (!object)
        return IPERF3_PARAMS;
    enum iperf3_error error = read_object(object, params, fail);
    json_decref(object);
    return error;
}

int64_t iperf3_params_streams(const struct iperf3_params *params)
{
    return params->bidirectional ? 2 * params->parallel : params->parallel;
}

bool iperf3_params_is_reverse(const struct iperf3_params *params, size_t index)
{
    return params->reverse || (params->bidirectional && (int64_t)index >= params->parallel);
}

bool iperf3_params_need_wall_clock(const struct iperf3_params *params)
{
    return params->version_number <= 3006;
}

/* ---- what the server does ---- */

/* How long the server waits for the client's end of the test: a receiver for what is late, a sender
 * for no more than the delay of a message. */
#define LATE_RECEIVER (30 * NS_PER_SEC)
#define LATE_SENDER   (2 * NS_PER_SEC)

/* The share of one stream of a volume that all have together, in blocks of the sender. */
static int64_t volume_share(const struct iperf3_params *params, int64_t block)
{
    int64_t bytes = params->bytes ? params->bytes : params->blocks * params->block_size;
    int64_t blocks = bytes / block + (bytes % block != 0);
    int64_t share = blocks / params->parallel + (blocks % params->parallel != 0);
    return share < UINT32_MAX ? share : UINT32_MAX;
}

/* A rate is kept by blocks with a header, which smaller ones have no room for: those are sent
 * together, as a burst is. */
static int64_t paced_block(const struct iperf3_params *params)
{
    int64_t block = params->block_size * (params->burst > 1 ? params->burst : 1);
    int64_t least = (BLOCK_HEADER_SIZE + params->block_size - 1) / params->block_size;
    return block < BLOCK_HEADER_SIZE ? least * params->block_size : block;
}

/* Datagrams have a time each, and no kernel paces them. */
static void set_datagrams(const struct iperf3_params *params, struct endpoint_settings *end)
{
    bool pacing = params->pacing_rate && (!params->rate || params->pacing_rate < params->rate);
    end->rate = pacing ? params->pacing_rate : params->rate;
    end->request_size = (struct dist){.kind = DIST_CONSTANT, .a = (double)params->block_size};
    end->block_cap = params->block_size;
}

static void set_stream(const struct iperf3_params *params, struct endpoint_settings *end)
{
    bool kernel = params->pacing_rate && (!params->rate || params->pacing_rate <= params->rate);
    int64_t block = params->rate && !kernel ? paced_block(params) : params->block_size;
    end->rate = kernel ? params->pacing_rate : params->rate;
    end->kernel_pacing = kernel;
    end->request_size = (struct dist){.kind = DIST_CONSTANT, .a = (double)block};
    end->block_cap = block;
}

static void set_sender(const struct iperf3_params *params, struct endpoint_settings *end)
{
    if (params->udp)
        set_datagrams(params, end);
    else
        set_stream(params, end);
    if ((params->bytes || params->blocks) && !params->omit)
        end->volume_blocks = volume_share(params, end->block_cap);
}

/* What the client does is of interest to quotas alone: its blocks have no header of ours, as those
 * of a rate that is kept block by block would. */
static void set_peer(const struct iperf3_params *params, struct endpoint_settings *end)
{
    end->rate = params->rate;
    end->kernel_pacing = params->rate > 0 && !params->udp;
    end->request_size = (struct dist){.kind = DIST_CONSTANT, .a = (double)params->block_size};
    end->block_cap = params->block_size;
}

void iperf3_params_endpoint(const struct iperf3_params *params, size_t index, int64_t longest,
                            struct prepare_endpoint *endpoint)
{
    bool reverse = iperf3_params_is_reverse(params, index);
    struct endpoint_settings *own = &endpoint->destination;
    struct endpoint_settings *sender = reverse ? own : &endpoint->source;
    schema_defaults(&endpoint_settings_schema, &endpoint->source);
    schema_defaults(&endpoint_settings_schema, own);
    schema_defaults(&flow_settings_schema, &endpoint->settings);
    endpoint->flow = (int64_t)index;
    endpoint->endpoint = DESTINATION;
    endpoint->peer_clock = -1;
    endpoint->source.duration = own->duration = 0;
    int64_t late = reverse ? LATE_SENDER : LATE_RECEIVER;
    int64_t time = params->time ? (params->time + params->omit) * NS_PER_SEC + late : longest;
    sender->duration = clock_earlier(time, longest);
    if (!params->udp) /* of datagrams the rows tell */
        sender->omit = params->omit * NS_PER_SEC;
    if (reverse)
        set_sender(params, own);
    else
        set_peer(params, sender);
    endpoint->settings.interval = NS_PER_SEC;
    endpoint->settings.drain = reverse ? NS_PER_SEC : 5 * NS_PER_SEC;
    own->send_buffer = own->receive_buffer = params->window;
    /* TCP keeps its ECN bits to itself. */
    own->tos = params->tos > 0 ? params->tos & ~INT64_C(3) : -1;
    if (params->udp) {
        endpoint->settings.transport = TRANSPORT_UDP;
        endpoint->settings.late = 3600 * NS_PER_SEC; /* what comes late is not lost for iperf3 */
        if (!reverse)
            endpoint->settings.gso = GSO_OFF;
        return;
    }
    own->maxseg = params->mss;
    own->nodelay = params->nodelay;
    mem_copy_text(own->congestion_control, sizeof own->congestion_control, params->congestion);
}
