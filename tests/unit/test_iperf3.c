/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests what of daemon/iperf/ knows neither sockets nor sessions: parameters, what follows from
 * them, results, and the table of --get-server-output. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "iperf/iperf3_json.h"
#include "iperf/iperf3_output.h"

#define LONGEST (86400 * NS_PER_SEC)

static struct iperf3_params read_params(const char *text)
{
    struct iperf3_params params;
    struct fail fail = {0};
    assert_int_equal(iperf3_params_read(text, strlen(text), &params, &fail), IPERF3_OK);
    assert_string_equal(fail.text, "");
    return params;
}

static struct prepare_endpoint endpoint_of(const char *text, size_t index)
{
    struct iperf3_params params = read_params(text);
    struct prepare_endpoint endpoint;
    struct fail fail = {0};
    iperf3_params_endpoint(&params, index, LONGEST, &endpoint);
    const struct endpoint_settings ends[ENDPOINTS] = {endpoint.source, endpoint.destination};
    int64_t header = params.udp ? params.counters_64bit ? 16 : 12 : BLOCK_HEADER_SIZE;
    if (!settings_check_header(ends, &endpoint.settings, header, &fail))
        fail_msg("%s: %s", text, fail.text);
    return endpoint;
}

static void what_is_absent(void **state)
{
    struct iperf3_params params = read_params("{}");
    (void)state;
    assert_int_equal(params.time, 10);
    assert_int_equal(params.parallel, 1);
    assert_int_equal(params.block_size, 131072);
    assert_int_equal(params.tos, -1);
    assert_false(params.udp || params.reverse || params.bidirectional || params.nodelay);
    assert_int_equal(read_params("{\"num\":5}").time, 0); /* old clients leave it out then */
    assert_int_equal(read_params("{\"blockcount\":5}").time, 0);
    assert_int_equal(read_params("{\"num\":0}").time, 10);
    assert_int_equal(read_params("{\"num\":5,\"time\":7}").time, 7);
    assert_int_equal(read_params("{\"udp\":true}").block_size, 1460);
}

static void datagrams(void **state)
{
    (void)state;
    struct prepare_endpoint forward =
        endpoint_of("{\"udp\":true,\"len\":16,\"bandwidth\":1000000,\"omit\":2,\"MSS\":1400}", 0);
    assert_int_equal(forward.settings.transport, TRANSPORT_UDP);
    assert_int_equal(forward.settings.gso, GSO_OFF); /* each has a time of arrival */
    assert_int_equal(forward.source.rate, 1000000);
    assert_int_equal(forward.source.omit, 0); /* it is taken from the rows */
    assert_int_equal(forward.destination.maxseg, 0);
    struct prepare_endpoint back = endpoint_of("{\"udp\":true,\"len\":1200,\"bandwidth\":9000000,"
                                               "\"fqrate\":4000000,\"reverse\":1,\"num\":2500,"
                                               "\"udp_counters_64bit\":1}",
                                               0);
    assert_int_equal(back.destination.rate, 4000000);
    assert_int_equal(back.destination.volume_blocks, 3);
    assert_false(back.destination.kernel_pacing);
    assert_true(iperf3_params_need_wall_clock(&(struct iperf3_params){.version_number = 3006}));
    assert_true(iperf3_params_need_wall_clock(&(struct iperf3_params){0}));
    assert_false(iperf3_params_need_wall_clock(&(struct iperf3_params){.version_number = 3007}));
}

static void omitted_datagrams(void **state)
{
    struct iperf3_stream stream = {.datagrams = true};
    struct report row;
    (void)state;
    report_init(&row);
    report_init(&stream.report);
    row.value[METRIC_rx_bytes] = 900;
    row.value[METRIC_datagrams_distinct] = 9;
    row.value[METRIC_datagrams_lost] = 1;
    row.key[REPORT_END] = NS_PER_SEC - 1;
    iperf3_stream_omit(&stream, &row, NS_PER_SEC);
    assert_int_equal(stream.omitted.end, 0);
    row.key[REPORT_END] = NS_PER_SEC + 5;
    iperf3_stream_omit(&stream, &row, NS_PER_SEC);
    row.value[METRIC_rx_bytes] = 5000; /* of a later row: it is of no interest */
    iperf3_stream_omit(&stream, &row, NS_PER_SEC);
    stream.report.value[METRIC_rx_bytes] = 2000;
    stream.report.value[METRIC_rx_time] = 3 * NS_PER_SEC;
    stream.report.value[METRIC_datagrams_distinct] = 20;
    stream.report.value[METRIC_datagrams_lost] = 4;
    assert_int_equal(iperf3_stream_bytes(&stream), 1100);
    assert_int_equal(iperf3_stream_time(&stream), 2 * NS_PER_SEC - 5);
    assert_int_equal(iperf3_stream_packets(&stream), 24);
    assert_int_equal(iperf3_stream_lost(&stream), 4);
    assert_int_equal(stream.omitted.packets, 10);
    assert_int_equal(stream.omitted.lost, 1);
}

static void flags_count_by_presence(void **state)
{
    (void)state;
    assert_true(read_params("{\"reverse\":false}").reverse); /* as every iperf3 server has it */
    assert_true(read_params("{\"reverse\":1}").reverse);
    assert_false(read_params("{\"get_server_output\":0}").server_output);
    assert_true(read_params("{\"get_server_output\":1}").server_output);
}

static void versions(void **state)
{
    (void)state;
    assert_int_equal(read_params("{\"client_version\":\"3.12\"}").version_number, 3012);
    assert_int_equal(read_params("{\"client_version\":\"3.21+\"}").version_number, 3021);
    assert_int_equal(read_params("{\"client_version\":\"mine\"}").version_number, 0);
    assert_string_equal(read_params("{\"client_version\":\"a\\u001bb\"}").version, "a?b");
}

static void directions(void **state)
{
    (void)state;
    struct prepare_endpoint forward = endpoint_of("{\"time\":3,\"omit\":1,\"bandwidth\":8000}", 0);
    assert_int_equal(forward.source.duration, 34 * NS_PER_SEC); /* the client ends it before */
    assert_int_equal(forward.source.omit, NS_PER_SEC);
    assert_int_equal(forward.source.rate, 8000);
    assert_int_equal(forward.destination.duration, 0);
    struct prepare_endpoint reverse = endpoint_of("{\"time\":3,\"reverse\":true}", 0);
    assert_int_equal(reverse.source.duration, 0);
    assert_int_equal(reverse.destination.duration, 5 * NS_PER_SEC);
    assert_int_equal(endpoint_of("{\"bidirectional\":true,\"parallel\":2}", 1).destination.duration,
                     0);
    assert_int_equal(endpoint_of("{\"bidirectional\":true,\"parallel\":2}", 2).source.duration, 0);
    assert_int_equal(endpoint_of("{\"time\":0}", 0).source.duration, LONGEST);
}

/* Blocks of the server have a header where they have a rate; smaller ones are sent together. */
static void blocks_and_volumes(void **state)
{
    (void)state;
    struct prepare_endpoint end =
        endpoint_of("{\"reverse\":true,\"len\":16,\"bandwidth\":1000000}", 0);
    assert_int_equal(settings_block_size(&end.destination), 48);
    end = endpoint_of("{\"reverse\":true,\"len\":1000,\"bandwidth\":1000000,\"burst\":10}", 0);
    assert_int_equal(settings_block_size(&end.destination), 10000);
    end = endpoint_of("{\"reverse\":true,\"num\":5242880,\"parallel\":4}", 0);
    assert_int_equal(end.destination.volume_blocks, 10);
    end = endpoint_of("{\"reverse\":true,\"num\":5242881,\"parallel\":4}", 0);
    assert_int_equal(end.destination.volume_blocks, 11);
    end = endpoint_of("{\"reverse\":true,\"blockcount\":100}", 0);
    assert_int_equal(end.destination.volume_blocks, 100);
    end = endpoint_of("{\"reverse\":true,\"bandwidth\":9000,\"fqrate\":5000}", 0);
    assert_int_equal(end.destination.rate, 5000);
    assert_true(end.destination.kernel_pacing);
}

static void clients_results(void **state)
{
    static const char text[] =
        "{\"sender_has_retransmits\":18446744073709551615,\"streams\":[{\"id\":1,\"bytes\":7},"
        "{\"id\":2,\"bytes\":8},{\"id\":4,\"bytes\":18446744073709551615},{\"id\":99,\"bytes\":9}]"
        "}";
    int64_t bytes[3];
    struct fail fail = {0};
    (void)state;
    assert_true(iperf3_results_read(text, strlen(text), bytes, COUNT(bytes), &fail));
    assert_int_equal(bytes[0], 7);
    assert_int_equal(bytes[1], METRIC_ABSENT); /* number 3 is not there */
    assert_int_equal(bytes[2], METRIC_ABSENT);
    assert_int_equal(iperf3_stream_id(0), 1);
    assert_int_equal(iperf3_stream_id(1), 3);
    assert_int_equal(iperf3_stream_id(2), 4);
}

static struct iperf3_stream make_stream(bool reverse, int64_t bytes, int64_t time)
{
    struct iperf3_stream stream = {.finished = true, .reverse = reverse};
    report_init(&stream.report);
    stream.report.value[reverse ? METRIC_tx_bytes : METRIC_rx_bytes] = bytes;
    stream.report.value[reverse ? METRIC_tx_time : METRIC_rx_time] = time;
    stream.report.value[METRIC_total_retrans] = 5;
    return stream;
}

/* Clients take the time of one stream for that of all. */
static void own_results(void **state)
{
    const struct iperf3_stream streams[] = {
        make_stream(false, 1000, NS_PER_SEC),
        make_stream(false, 2000, 2 * NS_PER_SEC),
        make_stream(true, 3000, 3 * NS_PER_SEC),
    };
    const struct iperf3_cpu cpu = {3, 1, 2};
    struct fail fail;
    (void)state;
    char *text = iperf3_results_write(streams, COUNT(streams), &cpu, "a \"table\"\n");
    json_t *results = iperf3_json_object(text, strlen(text), &fail);
    assert_non_null(results);
    const json_t *list = json_object_get(results, "streams");
    assert_int_equal(json_array_size(list), 3);
    const double times[] = {2, 2, 3}, retransmits[] = {-1, -1, 5};
    for (size_t i = 0; i < 3; i++) {
        const json_t *stream = json_array_get(list, i);
        assert_true(json_number_value(json_object_get(stream, "end_time")) == times[i]);
        assert_true(json_number_value(json_object_get(stream, "retransmits")) == retransmits[i]);
    }
    assert_true(json_number_value(json_object_get(results, "sender_has_retransmits")) == 1);
    assert_string_equal(json_string_value(json_object_get(results, "server_output_text")),
                        "a \"table\"\n");
    json_decref(results);
    free(text);
}

static void table_is_bounded(void **state)
{
    struct iperf3_output output = {.wanted = true};
    struct iperf3_stream stream = make_stream(false, 1 << 20, NS_PER_SEC);
    struct report report;
    (void)state;
    report_init(&report);
    for (int i = 0; i < 10000; i++) {
        report.value[METRIC_rx_bytes] = 1000 * (i + 1);
        iperf3_output_interval(&output, 0, &stream, &report);
    }
    const char *text = iperf3_output_finish(&output, &stream, 1);
    assert_in_range(strlen(text), IPERF3_OUTPUT_MAX, IPERF3_OUTPUT_MAX + 1024);
    assert_non_null(strstr(text, "(the lines of further intervals are left out)\n"));
    assert_non_null(strstr(text, "        1048576"));
    assert_int_equal(stream.shown_bytes, 10000000);
    iperf3_output_free(&output);
    struct iperf3_output nobody = {0};
    assert_null(iperf3_output_finish(&nobody, &stream, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_absent),     cmocka_unit_test(datagrams),
        cmocka_unit_test(omitted_datagrams),  cmocka_unit_test(flags_count_by_presence),
        cmocka_unit_test(versions),           cmocka_unit_test(directions),
        cmocka_unit_test(blocks_and_volumes), cmocka_unit_test(clients_results),
        cmocka_unit_test(own_results),        cmocka_unit_test(table_is_bounded),
    };
    return cmocka_run_group_tests_name("iperf3", tests, NULL, NULL);
}
