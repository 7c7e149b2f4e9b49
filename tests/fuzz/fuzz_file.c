/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that people write, and histograms that come with reports: a byte that says which, then it.
 */
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cdf.h"
#include "common/conf.h"
#include "histogram.h"
#include "mem.h"
#include "token.h"

enum { SHARES = 10, TEXT_MAX = 4096 };

static void read_table(const uint8_t *data, size_t size)
{
    struct cdf cdf;
    struct fail fail;
    if (!cdf_parse((const char *)data, size, "table", &cdf, &fail))
        return;
    FUZZ_CHECK(cdf.count && cdf.count <= CDF_POINTS_MAX);
    double before = cdf_quantile(&cdf, 0);
    for (int i = 1; i <= SHARES; i++) {
        double value = cdf_quantile(&cdf, (double)i / SHARES);
        FUZZ_CHECK(isfinite(value) && value >= before);
        before = value;
    }
    cdf_free(&cdf);
}

static void read_token(const char *text)
{
    struct token_file file;
    struct fail fail;
    if (!token_file_parse(text, &file, &fail))
        return;
    for (size_t i = 0; i < file.user_count; i++)
        FUZZ_CHECK(token_name_valid(file.users[i].name) &&
                   strlen(file.users[i].secret) >= TOKEN_SECRET_LEAST);
    token_key_of(&file, "localhost", 5999);
    token_file_free(&file);
}

static bool take_setting(void *context, const char *name, const char *value, struct fail *fail)
{
    size_t *count = context;
    FUZZ_CHECK(*name && !strpbrk(name, " \t=\n") && (!value || *value));
    return ++*count < 100 || fail_set(fail, 0, "too many");
}

/* What is taken says the same when it is written again. */
static void read_histogram(const uint8_t *data, size_t size)
{
    struct fail fail;
    struct buffer once = {0}, twice = {0};
    struct histogram *histogram = histogram_decode(data, size, &fail);
    if (!histogram)
        return;
    FUZZ_CHECK(histogram_count(histogram) <= HISTOGRAM_COUNT_MAX);
    histogram_encode(histogram, &once);
    struct histogram *again = histogram_decode(once.data, once.length, &fail);
    FUZZ_CHECK(again && histogram_count(again) == histogram_count(histogram));
    histogram_encode(again, &twice);
    FUZZ_CHECK(once.length == twice.length && !memcmp(once.data, twice.data, once.length));
    buffer_free(&once);
    buffer_free(&twice);
    histogram_free(histogram);
    histogram_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fail fail;
    size_t count = 0;
    if (!size || size > TEXT_MAX)
        return 0;
    char *text = mem_new(size, 1);
    memcpy(text, data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        read_table(data + 1, size - 1);
        break;
    case 1:
        read_token(text);
        break;
    case 2:
        conf_parse(text, take_setting, &count, &fail);
        break;
    case 3:
        read_histogram(data + 1, size - 1);
        break;
    }
    free(text);
    return 0;
}
