/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packed rows of a daemon: how its columns lie (two bytes each, after their number), then rows, as
 * far as the results and the cells of screen and log. */
#include "fuzz.h"

#include <string.h>

#include "controller/output/cell.h"
#include "controller/results/results.h"
#include "hoststats.h"
#include "log.h"

static size_t take_layout(const uint8_t *data, size_t size, struct report_layout *layout)
{
    static struct report_layout own;
    size_t count = size ? data[0] : 0, at = 1;
    if (!own.columns)
        report_layout_own(&own);
    *layout = own;
    if (!count)
        return size != 0;
    layout->columns = 0;
    for (; count && at + 2 <= size; count--, at += 2) {
        size_t column = (size_t)(data[at] | data[at + 1] << 8);
        report_layout_add(layout, column < REPORT_COLUMNS ? report_column_name(column) : "?");
    }
    return at;
}

static void show(const struct report *report, const int64_t delta[METRICS])
{
    static const struct cell_style styles[] = {
        {0}, {.is_screen = true, .symbolic = true, .megabytes = true, .bytes = true}};
    char text[CELL_MAX];
    int64_t elapsed;
    if (__builtin_sub_overflow(report->key[REPORT_END], report->key[REPORT_BEGIN], &elapsed))
        return;
    for (size_t i = 0; i < columns_count; i++)
        for (int style = 0; style < 2; style++)
            FUZZ_CHECK(cell_format(&columns[i], delta, elapsed, &styles[style], text) < CELL_MAX);
}

/* What is read as a row about a host is written alike. */
static void read_host(const struct report_row *row)
{
    const struct report_section *section = report_section(row, REPORT_SECTION_HOST);
    struct hoststat_row host, again;
    struct buffer text = {0};
    if (!section || !hoststat_row_read(section->data, section->length, &host))
        return;
    hoststat_row_put(&host, &text);
    FUZZ_CHECK(hoststat_row_read(text.data, text.length, &again));
    FUZZ_CHECK(!memcmp(&host, &again, sizeof host));
    buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct report_layout layout;
    struct report_row row;
    struct fail fail;
    const struct endpoint_result *failed;
    size_t used, at = take_layout(data, size, &layout);
    struct results *results = results_new(1);
    log_set_level(LOG_LEVEL_ERROR); /* it would say of each histogram what is wrong with it */
    bool shown = false;             /* one is enough: it takes much longer than the rest */
    while (at < size && report_unpack(data + at, size - at, &layout, &row, &used, &fail)) {
        int64_t delta[METRICS];
        FUZZ_CHECK(used && used <= size - at);
        read_host(&row);
        if (!results_know(results, &row, &failed) && results_take(results, &row, delta, &fail) &&
            row.report.key[REPORT_KIND] == REPORT_INTERVAL && !shown) {
            show(&row.report, delta);
            shown = true;
        }
        at += used;
    }
    results_free(results);
    return 0;
}
