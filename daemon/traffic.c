/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "traffic.h"

static uint32_t draw_size(const struct dist *dist)
{
    return (uint32_t)dist->a;
}

uint32_t traffic_request_size(const struct endpoint_settings *settings)
{
    return draw_size(&settings->request_size);
}

uint32_t traffic_response_size(const struct endpoint_settings *settings)
{
    return draw_size(&settings->response_size);
}

uint32_t traffic_response_limit(const struct endpoint_settings *settings)
{
    return settings_ask_responses(settings) ? (uint32_t)settings->response_size.a : 0;
}
