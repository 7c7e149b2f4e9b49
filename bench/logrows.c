/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many packed reports one core takes to the flow log, with every column, as flowctl does it:
 * logrows ROWS FILE [OUTPUT]... prints rows per second of CPU time, all threads together. Each
 * OUTPUT is what --output takes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "mem.h"
#include "output/sinks.h"

enum { FLOWS = 500, BATCH = 2000 };

/* Values as a busy flow has them: each column has several digits, and none is absent. */
static void fill(struct report *report, int64_t row)
{
    int64_t flow = row / 2 % FLOWS, number = row / (2 * FLOWS);
    report->key[REPORT_FLOW] = flow;
    report->key[REPORT_ENDPOINT] = row % 2;
    report->key[REPORT_NUMBER] = number;
    report->key[REPORT_BEGIN] = number * 50 * NS_PER_MS + flow * 137;
    report->key[REPORT_END] = (number + 1) * 50 * NS_PER_MS + flow * 991;
    for (int i = 0; i < METRICS; i++) {
        bool counter = metrics[i].kind == METRIC_KIND_COUNTER;
        report->value[i] =
            (counter ? (number + 1) * 104729 : 10007) * (i + 1) + flow * 17 + row % 13;
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

int main(int argc, char **argv)
{
    struct output_options options = {.quiet = true, .overwrite = true, .log = true};
    struct fail fail;
    struct sinks sinks;
    struct report_layout layout;
    if (argc < 3)
        return EXIT_FAILURE;
    int64_t count = strtoll(argv[1], NULL, 10);
    options.log_file = argv[2];
    bool good = true;
    for (int i = 3; i < argc && good; i++)
        good = output_take_option(&options, OUTPUT_OPTION_OUTPUT, argv[i], &fail);
    if (!good || !sinks_open(&sinks, &options, &fail)) {
        log_error("%s", fail.text);
        return EXIT_FAILURE;
    }
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
        rows.length = 0;
        for (int64_t i = 0; i < BATCH; i++) {
            struct report report;
            report_init(&report);
            fill(&report, done + i);
            size_t size = report_packed_size(&report, NULL, 0);
            report_pack(&report, NULL, 0, buffer_reserve(&rows, size));
            rows.length += size;
        }
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
