/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many packed reports one core takes to files, as flowctl does it:
 * logrows ROWS bulk|every OUTPUT... prints rows per second of CPU time, all threads together. Each
 * OUTPUT is log:FILE or what --output takes. Rows have what those of a bulk flow have, or every
 * column. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "mem.h"
#include "output/sinks.h"

enum { FLOWS = 500, BATCH = 2000 };

/* What the row of a bulk flow over TCP has, at one end or at the other. */
static const char of_bulk[] =
    " tx_bytes rx_bytes tx_requests rx_requests tx_responses rx_responses rtt_count"
    " rtt_due_count hold_count iat_count iat_min iat_max iat_sum delay_count jitter_count"
    " pdv_count ipdv_count lateness_count tx_blocked tx_idle worker_cpu host_cpu status"
    " send_buffer receive_buffer receive_queue path_mtu tcp_state ca_state tret probes backoff"
    " options snd_wscale rcv_wscale app_limited fastopen_fail rto ato snd_mss rcv_mss unacked"
    " sacked lost retrans last_data_sent last_data_recv last_ack_recv pmtu_cookie rcv_ssthresh"
    " srtt rttvar ssthresh cwnd advmss reordering rcv_space total_retrans pacing_rate"
    " bytes_acked bytes_received segs_out segs_in notsent min_rtt data_segs_in data_segs_out"
    " delivery_rate busy_time rwnd_limited sndbuf_limited delivered delivered_ce bytes_sent"
    " bytes_retrans dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd rehash total_rto"
    " total_rto_recoveries total_rto_time received_ce delivered_e1_bytes delivered_e0_bytes"
    " delivered_ce_bytes received_e1_bytes received_e0_bytes received_ce_bytes accecn_fail"
    " accecn_opt"
    " ";

/* Which metrics rows have. */
static bool has[METRICS];

static void choose(bool every)
{
    for (int i = 0; i < METRICS; i++) {
        char *word = mem_printf(" %s ", metrics[i].field);
        has[i] = every || strstr(of_bulk, word);
        free(word);
    }
}

static int64_t value_of(int i, int64_t flow, int64_t number, int64_t row)
{
    bool counter = metrics[i].kind == METRIC_KIND_COUNTER;
    return (counter ? (number + 1) * 104729 : 10007) * (i + 1) + flow * 17 + row % 13;
}

/* Values have several digits; only a bulk flow's count of what it does not have is 0. */
static void fill(bool every, struct report *report, int64_t row)
{
    int64_t flow = row / 2 % FLOWS, number = row / (2 * FLOWS);
    report->key[REPORT_FLOW] = flow;
    report->key[REPORT_ENDPOINT] = row % 2;
    report->key[REPORT_NUMBER] = number;
    report->key[REPORT_BEGIN] = number * 50 * NS_PER_MS + flow * 137;
    report->key[REPORT_END] = (number + 1) * 50 * NS_PER_MS + flow * 991;
    for (int i = 0; i < METRICS; i++) {
        bool none = !every && metrics[i].kind == METRIC_KIND_COUNT && i != METRIC_iat_count;
        if (has[i])
            report->value[i] = none ? 0 : value_of(i, flow, number, row);
    }
    report->value[METRIC_status] = 'n' << 8 | 'n';
    report->value[METRIC_ca_state] = row % 5;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_SEC;
}

/* What flowctl does with the rows of one answer. */
static void take_batch(struct results *results, struct sinks *sinks, const uint8_t *rows,
                       size_t length, const struct report_layout *layout)
{
    int64_t delta[METRICS];
    struct report_row row;
    struct fail fail;
    for (size_t at = 0, used; at < length; at += used) {
        if (!report_unpack(rows + at, length - at, layout, &row, &used, &fail) ||
            !results_take(results, &row, delta, &fail)) {
            log_error("%s", fail.text);
            exit(EXIT_FAILURE);
        }
        sinks_interval(sinks, &row.report, delta);
    }
    sinks_flush(sinks);
}

static bool take_output(struct output_options *options, const char *text, struct fail *fail)
{
    if (strncmp(text, "log:", 4))
        return output_take_option(options, OUTPUT_OPTION_OUTPUT, text, fail);
    options->log = true;
    options->log_file = (char *)text + 4;
    return true;
}

/* Rows of one answer, packed. */
static void pack(bool every, int64_t first, struct buffer *rows)
{
    rows->length = 0;
    for (int64_t i = 0; i < BATCH; i++) {
        struct report report;
        report_init(&report);
        fill(every, &report, first + i);
        size_t size = report_packed_size(&report, NULL, 0);
        report_pack(&report, NULL, 0, buffer_reserve(rows, size));
        rows->length += size;
    }
}

int main(int argc, char **argv)
{
    struct output_options options = {.quiet = true, .overwrite = true};
    struct fail fail;
    struct sinks sinks;
    struct report_layout layout;
    if (argc < 4)
        return EXIT_FAILURE;
    int64_t count = strtoll(argv[1], NULL, 10);
    bool every = !strcmp(argv[2], "every"), good = true;
    for (int i = 3; i < argc && good; i++)
        good = take_output(&options, argv[i], &fail);
    if (!good || !sinks_open(&sinks, &options, &fail)) {
        log_error("%s", fail.text);
        return EXIT_FAILURE;
    }
    choose(every);
    struct plan *plan = plan_new(FLOWS);
    struct describe_reply daemon = {0};
    struct sink_run run = {
        .options = &options, .plan = plan, .daemons = &daemon, .run_id = "", .controller = ""};
    plan_group(plan);
    sinks_start(&sinks, &run);
    report_layout_own(&layout);
    struct results *results = results_new(FLOWS);
    struct buffer rows = {0};
    double used = 0;
    for (int64_t done = 0; done < count; done += BATCH) {
        pack(every, done, &rows);
        double before = cpu_seconds();
        take_batch(results, &sinks, (uint8_t *)rows.data, rows.length, &layout);
        used += cpu_seconds() - before;
    }
    double before = cpu_seconds();
    sinks_close(&sinks, true);
    used += cpu_seconds() - before;
    printf("%.0f\n", (double)count / used);
    results_free(results);
    plan_free(plan);
    buffer_free(&rows);
    return EXIT_SUCCESS;
}
