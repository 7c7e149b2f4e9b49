/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an iperf3 client sends: parameters, or behind a first byte "r" results. */
#include "fuzz.h"

#include "block.h"
#include "iperf/iperf3_params.h"
#include "iperf/iperf3_results.h"

enum { STREAMS = 4 };

/* Whatever is accepted makes a flow that our own checks accept. */
static void check_endpoint(const struct iperf3_params *params, size_t index)
{
    struct prepare_endpoint endpoint;
    struct fail fail;
    int64_t header = params->udp ? params->counters_64bit ? 16 : 12 : BLOCK_HEADER_SIZE;
    iperf3_params_endpoint(params, index, 86400 * NS_PER_SEC, &endpoint);
    const struct endpoint_settings ends[ENDPOINTS] = {endpoint.source, endpoint.destination};
    FUZZ_CHECK(settings_check_header(ends, &endpoint.settings, header, &fail));
}

static void fuzz_params(const char *text, size_t length)
{
    struct iperf3_params params;
    struct fail fail = {0};
    enum iperf3_error error = iperf3_params_read(text, length, &params, &fail);
    FUZZ_CHECK(!error == !fail.text[0]);
    if (error)
        return;
    FUZZ_CHECK(params.parallel >= 1 && params.parallel <= IPERF3_STREAMS_MAX);
    FUZZ_CHECK(params.time >= 0 && params.omit >= 0 && params.block_size >= 1);
    check_endpoint(&params, 0);
    check_endpoint(&params, (size_t)iperf3_params_streams(&params) - 1);
}

static void fuzz_results(const char *text, size_t length)
{
    int64_t bytes[STREAMS];
    struct fail fail = {0};
    bool good = iperf3_results_read(text, length, bytes, STREAMS, &fail);
    FUZZ_CHECK(good == !fail.text[0]);
    for (int i = 0; i < STREAMS; i++)
        FUZZ_CHECK(bytes[i] == METRIC_ABSENT || bytes[i] >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == 'r')
        fuzz_results((const char *)data + 1, size - 1);
    else
        fuzz_params((const char *)data, size);
    return 0;
}
