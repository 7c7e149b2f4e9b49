/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people type: numbers with units, sizes, hosts. */
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dist.h"
#include "mem.h"
#include "number.h"
#include "protocol.h"
#include "settings.h"
#include "address.h"

static void parse_numbers(const char *text)
{
    struct fail fail;
    struct dist dist, again;
    int64_t value;
    double real;
    char back[NUMBER_TEXT_MAX], size[DIST_TEXT_MAX];
    number_parse_int(text, &value, &fail);
    if (number_parse_bytes(text, &value, &fail))
        FUZZ_CHECK(value >= 0);
    if (number_parse_rate(text, &value, &fail))
        FUZZ_CHECK(value >= 0);
    if (number_parse_seconds(text, &value, &fail)) {
        FUZZ_CHECK(value >= 0);
        FUZZ_CHECK(number_format_seconds(back, value) < sizeof back);
    }
    if (number_parse_real(text, &real, &fail))
        FUZZ_CHECK(isfinite(real));
    if (dist_parse(text, &dist, &fail)) {
        dist_format(&dist, size);
        FUZZ_CHECK(dist_parse(size, &again, &fail) && dist_equal(&dist, &again));
    }
}

/* Whatever a setting takes is within its range: what it writes then is taken, too. */
static void parse_settings(const char *text)
{
    struct fail fail;
    char back[SETTING_TEXT_MAX];
    for (size_t i = 0; i < settings_count; i++) {
        struct endpoint_settings ends[ENDPOINTS];
        struct flow_settings flow;
        const struct setting *setting = &settings_list[i];
        schema_defaults(&endpoint_settings_schema, &ends[SOURCE]);
        schema_defaults(&endpoint_settings_schema, &ends[DESTINATION]);
        schema_defaults(&flow_settings_schema, &flow);
        void *object = setting->scope == SCOPE_FLOW ? (void *)&flow : (void *)&ends[SOURCE];
        if (!setting_parse(setting, text, object, &fail))
            continue;
        setting_format(setting, object, back);
        settings_check(ends, &flow, &fail);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char host[PROTOCOL_HOST_MAX];
    uint16_t port = 1;
    struct address address;
    struct fail fail;
    char *text = mem_new(size + 1, 1);
    memcpy(text, data, size);
    parse_numbers(text);
    parse_settings(text);
    if (address_split_host_port(text, host, sizeof host, &port, &fail))
        FUZZ_CHECK(strlen(host) < sizeof host);
    address_parse(text, 1, &address);
    free(text);
    return 0;
}
